"""When each place of a score was played: from beats to seconds along the matched notes."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np

from partimento.music.alignment import Alignment

DEFAULT_BEAT_SEC = 0.5
"""Seconds per beat where nothing can be measured (120 beats a minute)."""
SHORTEST_BEAT_SEC = 0.05
"""No beat counts as shorter: 1200 beats a minute."""
_SAME_ONSET = 1e-4


@dataclass(frozen=True, slots=True)
class ScoreClock:
    """Anchors ``beat`` (A,) and ``second`` (A,), both strictly increasing, A >= 1.

    Before the first and after the last anchor time goes on at the tempo of the beat next to it.
    """

    beat: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, found: Alignment, onset_sec: np.ndarray) -> ScoreClock:
        """The clock of an alignment; ``onset_sec`` (M,): onsets of the performance.

        Notes of one written onset give one anchor, the median of their onsets; grace notes give
        none.  Of anchors out of order the longest increasing chain is kept.
        """
        good = (found.played >= 0) & ~found.score.grace
        beats, seconds = found.onset_beat[good], onset_sec[found.played[good]]
        if len(beats) == 0:
            start = float(onset_sec.min(initial=0.0))
            return cls(found.onset_beat[:1], np.array([start]))
        starts = np.flatnonzero(np.diff(beats, prepend=-np.inf) > _SAME_ONSET)
        groups = np.split(seconds, starts[1:])
        middle = np.array([np.median(group) for group in groups])
        kept = _increasing(middle)
        return cls(beats[starts][kept], middle[kept])

    def at(self, beats: np.ndarray) -> np.ndarray:
        """Seconds of places in the score, shapes alike."""
        inside = np.interp(beats, self.beat, self.second)
        before, after = self._edge_tempi()
        inside = np.where(
            beats < self.beat[0], self.second[0] - (self.beat[0] - beats) * before, inside
        )
        return np.where(
            beats > self.beat[-1], self.second[-1] + (beats - self.beat[-1]) * after, inside
        )

    def _edge_tempi(self) -> tuple[float, float]:
        """Seconds per beat in the first and in the last beat between anchors."""
        if len(self.beat) < 2:
            return DEFAULT_BEAT_SEC, DEFAULT_BEAT_SEC
        width = min(1.0, float(self.beat[-1] - self.beat[0]))
        first = np.interp(self.beat[0] + width, self.beat, self.second) - self.second[0]
        last = self.second[-1] - np.interp(self.beat[-1] - width, self.beat, self.second)
        return float(first) / width, float(last) / width


def _increasing(values: np.ndarray) -> np.ndarray:
    """Indices of the longest strictly increasing subsequence (patience sorting)."""
    tails: list[float] = []
    ends: list[int] = []
    before = np.full(len(values), -1, dtype=np.int64)
    for index, value in enumerate(values.tolist()):
        place = bisect_left(tails, value)
        before[index] = ends[place - 1] if place else -1
        tails[place : place + 1] = [value]
        ends[place : place + 1] = [index]
    chain = [ends[-1]]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return np.array(chain[::-1], dtype=np.int64)
