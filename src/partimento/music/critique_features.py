"""Note-level features of a performance for a critic, as named columns (docs/critique_features.md).

:func:`note_features` computes one clip, :func:`cached_features` many, :class:`Standard` centres and
scales them with the statistics of training clips only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from partimento.core.errors import InputFileError, MusicError
from partimento.music.alignment import Alignment, read_and_align
from partimento.music.critique_columns import FEATURE_SETS, Column, needs_score
from partimento.music.critique_midi_columns import midi_columns
from partimento.music.critique_played_columns import played_columns
from partimento.music.critique_score_columns import score_columns, unnormalised_columns
from partimento.music.performance_raw import RawPerformance, read_raw_performance

__all__ = [
    "FEATURE_SETS",
    "Column",
    "NoteFeatures",
    "Standard",
    "cached_features",
    "features_of",
    "note_features",
]

PSEUDO_BEAT_SEC, PSEUDO_MEASURE_SEC = 0.5, 2.0
"""Beats and bars of performances without a score."""
MAX_SD = 8.0
"""Standardised values are cut here: farther out lies a fault, not music."""
_NO_SPREAD = 1e-6


@runtime_checkable
class ClipLike(Protocol):
    """Whatever has the files of a clip."""

    @property
    def performance(self) -> Path: ...
    @property
    def score(self) -> Path | None: ...
    @property
    def score_midi(self) -> Path | None: ...


@dataclass(frozen=True, slots=True)
class NoteFeatures:
    """Features of a clip's notes, N in score order, or in played order without a score.

    ``values`` (N, F) float32, finite, its columns named by ``columns``.  ``beat``, ``measure``
    (N,) int64 count from 0 and never decrease; ``voice``, ``pitch`` (N,) int64.  ``onset_sec`` (N,)
    float64: when a note was played, NaN where it was not.  ``score_match``: share of the score's
    notes that were found in the performance, 1 without a score.
    """

    columns: tuple[str, ...]
    values: np.ndarray
    beat: np.ndarray
    measure: np.ndarray
    voice: np.ndarray
    onset_sec: np.ndarray
    pitch: np.ndarray
    score_match: float

    def __len__(self) -> int:
        return len(self.pitch)


def note_features(clip: ClipLike, feature_set: str, *, guarded: bool = False) -> NoteFeatures:
    """The columns of a feature set for one clip; ``guarded`` as in ``alignment.align``.

    Raises InputFileError for unreadable files, MusicError for a performance without notes and for
    a set that needs a score where there is none, ValueError for an unknown set.
    """
    _check_set(feature_set)
    if not needs_score(feature_set):
        return features_of(read_raw_performance(clip.performance, guarded=guarded), None, "midi")
    if clip.score is None and clip.score_midi is None:
        raise MusicError(
            f"the feature set {feature_set} needs the score of the piece",
            where=str(clip.performance),
            fix="Give its MusicXML or score MIDI, or take a critic of the set midi",
        )
    raw, found = read_and_align(clip.performance, clip.score, clip.score_midi, guarded=guarded)
    return features_of(raw, found, feature_set)


def features_of(raw: RawPerformance, found: Alignment | None, feature_set: str) -> NoteFeatures:
    """:func:`note_features` of a performance and its alignment in memory."""
    _check_set(feature_set)
    if len(raw) == 0:
        raise MusicError(
            "this performance holds no notes of a pitched instrument",
            fix="Give a MIDI file of a piano performance",
        )
    if not needs_score(feature_set):
        return _without_score(raw)
    if found is None:
        raise ValueError(f"the set {feature_set} needs an alignment")
    columns = score_columns(found.score)
    columns |= unnormalised_columns(columns) | played_columns(found, raw)
    heard = found.played >= 0
    onset = np.where(heard, raw.performance.onset_sec[np.maximum(found.played, 0)], np.nan)
    return NoteFeatures(
        columns=_names(feature_set),
        values=_stack(columns, feature_set),
        beat=found.beat,
        measure=found.measure,
        voice=found.voice,
        onset_sec=onset,
        pitch=found.pitch,
        score_match=found.score_match,
    )


def _without_score(raw: RawPerformance) -> NoteFeatures:
    notes = raw.performance
    since = notes.onset_sec - notes.onset_sec[0]
    return NoteFeatures(
        columns=_names("midi"),
        values=_stack(midi_columns(raw), "midi"),
        beat=np.floor(since / PSEUDO_BEAT_SEC).astype(np.int64),
        measure=np.floor(since / PSEUDO_MEASURE_SEC).astype(np.int64),
        # Without a score the hands are guessed: middle C divides them.
        voice=np.where(notes.pitch >= 60, 1, 2).astype(np.int64),
        onset_sec=notes.onset_sec,
        pitch=notes.pitch,
        score_match=1.0,
    )


def _check_set(name: str) -> None:
    if name not in FEATURE_SETS:
        raise ValueError(f"no feature set {name!r}; there are {', '.join(FEATURE_SETS)}")


def _names(feature_set: str) -> tuple[str, ...]:
    return tuple(column.name for column in FEATURE_SETS[feature_set])


def _stack(columns: dict[str, np.ndarray], feature_set: str) -> np.ndarray:
    values = np.stack([columns[name] for name in _names(feature_set)], axis=1)
    if not np.isfinite(values).all():
        raise InputFileError("a time or level in these files is beyond all measure")
    return values.astype(np.float32)


@dataclass(frozen=True, slots=True)
class Standard:
    """Mean and spread of columns over the notes of training clips.

    ``mean`` and ``scale`` (F,) float64; columns of the group ``unnormalised`` have 0 and 1, and so
    does a column that never changes keep its scale of 1.
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def fit(cls, clips: Sequence[NoteFeatures]) -> Standard:
        """From training clips; each clip counts alike, however many notes it has.

        Raises ValueError for no clips or clips of different sets.
        """
        if not clips or len({clip.columns for clip in clips}) != 1:
            raise ValueError("statistics need clips of one feature set")
        means = np.array([clip.values.mean(axis=0, dtype=np.float64) for clip in clips])
        squares = np.array([(clip.values.astype(np.float64) ** 2).mean(axis=0) for clip in clips])
        mean = means.mean(axis=0)
        sd = np.sqrt(np.maximum(squares.mean(axis=0) - mean**2, 0.0))
        scale = np.where(sd > _NO_SPREAD * (1 + np.abs(mean)), sd, 1.0)
        free = np.array([name in _UNNORMALISED for name in clips[0].columns])
        return cls(clips[0].columns, np.where(free, 0.0, mean), np.where(free, 1.0, scale))

    def apply(self, clip: NoteFeatures) -> NoteFeatures:
        """The clip with standardised values, cut at :data:`MAX_SD` on either side.

        Raises ValueError for other columns than those of the fit.
        """
        if clip.columns != self.columns:
            raise ValueError("these features have other columns than the statistics")
        values = np.clip((clip.values - self.mean) / self.scale, -MAX_SD, MAX_SD)
        return replace(clip, values=values.astype(np.float32))


_UNNORMALISED = frozenset(
    column.name
    for columns in FEATURE_SETS.values()
    for column in columns
    if column.group == "unnormalised"
)


def cached_features(
    clips: Sequence[ClipLike],
    feature_set: str,
    cache_dir: str | Path,
    progress: Callable[[int, int], None] | None = None,
) -> list[NoteFeatures]:
    """:func:`note_features` of many known clips, kept in ``cache_dir`` between calls.

    The key is the content of the files, so a moved file is found and a changed one computed anew.
    ``progress`` is called with the clips done and their number.  The folder keeps at most
    :data:`partimento.music.critique_cache.MAX_BYTES`; the oldest files go first.
    """
    from partimento.music.critique_cache import FeatureCache

    _check_set(feature_set)
    cache = FeatureCache(Path(cache_dir))
    result = []
    for done, clip in enumerate(clips, start=1):
        key = cache.key(clip, feature_set)
        found = cache.load(key)
        if found is None:
            found = note_features(clip, feature_set)
            cache.store(key, found)
        result.append(found)
        if progress is not None:
            progress(done, len(clips))
    cache.trim()
    return result
