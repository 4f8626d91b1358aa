"""Statistics of clips as the shipped critic reads them, without the critic and without torch."""

from __future__ import annotations

import numpy as np

from partimento.music.clip_statistics import (
    ReadClip,
    clip_statistics,
    read_clip,
    statistic_names,
    without_each_part,
)
from partimento.tasks.critique.interface import ClipFiles, Features


class StatisticsReader:
    """The part of a critic that reads files (see :mod:`partimento.tasks.critique.interface`)."""

    def __init__(self) -> None:
        self._last: tuple[ClipFiles, ReadClip] | None = None

    def features(self, clip: ClipFiles, *, guarded: bool = False) -> Features:
        """See the interface."""
        read = self._read(clip, guarded)
        found = clip_statistics(read.raw, read.alignment)
        values = np.array(list(found.values()), dtype=np.float64)
        return Features(tuple(found), values, read.score_match, read.warnings)

    def without_bar(self, clip: ClipFiles, *, guarded: bool = False) -> tuple[Features, list[str]]:
        """See the interface."""
        same = self._last is not None and self._last[0] == clip
        read = self._last[1] if same and self._last is not None else self._read(clip, guarded)
        values, names = without_each_part(read)
        return Features(statistic_names(), values), names

    def _read(self, clip: ClipFiles, guarded: bool) -> ReadClip:
        """The clip, kept: the bars are asked for after the statistics."""
        read = read_clip(clip.performance, clip.score, clip.score_midi, guarded=guarded)
        self._last = (clip, read)
        return read
