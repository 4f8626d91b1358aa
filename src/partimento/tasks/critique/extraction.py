"""What a critique takes from a clip: its notes, its statistics, the statistics without each bar.

Everything here can be sent between processes as JSON; see :mod:`partimento.tasks.critique.worker`.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from partimento.core.errors import MusicError, PartimentoError
from partimento.music.alignment import POOR_MATCH
from partimento.music.performance import Performance, read_performance
from partimento.music.performance_statistics import LEAST_NOTES
from partimento.tasks.critique.interface import ClipFiles, Features

LONGEST_SEC = 600.0
"""A longer file is refused: the critics learnt from passages of 4 to 16 bars."""
LONG_SEC = 90.0
"""From here on the user is told that the passage is longer than any that was learnt from."""
OTHER_PIECE = 0.5
"""Share of score notes found in the performance below which the score is of another piece."""


@runtime_checkable
class ClipReader(Protocol):
    """The part of a critic that reads files."""

    def features(self, clip: ClipFiles, *, guarded: bool = False) -> Features:
        """Statistics of a clip."""
        ...

    def without_bar(self, clip: ClipFiles, *, guarded: bool = False) -> tuple[Features, list[str]]:
        """Statistics without each bar, and what was left out."""
        ...


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was found in one clip.

    ``notes`` (N, 4): onset and end in seconds, pitch, velocity.  ``variants`` (M, F): the
    statistics without one bar each, ``left_out`` which.  ``score`` the file that was used.
    """

    notes: np.ndarray
    features: Features
    variants: np.ndarray
    left_out: tuple[str, ...]
    score: str | None
    score_match: float | None
    warnings: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """From the first onset to the last end."""
        return float(self.notes[:, 1].max() - self.notes[:, 0].min())


def extract(reader: ClipReader, clip: ClipFiles, *, must_match: bool) -> Extracted:
    """Read a clip; ``must_match``: the user named the score for this performance.

    A score that lies near but does not match is passed over with a warning.

    Raises InputFileError for a damaged file, MusicError for one without notes of a pitched
    instrument, with too few, one that lasts too long, and a named score of another piece.
    """
    performance = read_performance(clip.performance)
    _check(performance, clip.performance)
    used, features, notes = _with_score(reader, clip, must_match)
    variants, left_out = reader.without_bar(used)
    table = np.stack(
        [performance.onset_sec, performance.offset_sec, performance.pitch, performance.velocity],
        axis=1,
    ).astype(np.float64)
    score = used.score or used.score_midi
    warnings = (*performance.warnings, *notes, *features.warnings)
    return Extracted(
        notes=table,
        features=features,
        variants=np.atleast_2d(variants.values).reshape(-1, len(features.names)),
        left_out=tuple(left_out),
        score=None if score is None else str(score),
        score_match=features.score_match,
        warnings=tuple(dict.fromkeys((*warnings, *_length_warning(table)))),
    )


def _check(performance: Performance, path: Path) -> None:
    where = str(path)
    if len(performance) == 0 and performance.warnings:
        raise MusicError(
            f"there is nothing to judge: {performance.warnings[0]}, and no other note is there",
            where=where,
            fix="Give the MIDI of a piano performance",
        )
    if len(performance) < LEAST_NOTES:
        count = "no note" if len(performance) == 0 else f"only {len(performance)} notes"
        raise MusicError(
            f"this file holds {count}, too little to judge how it is played",
            where=where,
            fix=f"Give a passage of some bars, {LEAST_NOTES} notes at least",
        )
    if performance.seconds > LONGEST_SEC:
        raise MusicError(
            f"this file lasts {performance.seconds / 60:.0f} minutes; a critique is of one passage "
            f"of some bars, {LONGEST_SEC / 60:.0f} minutes at most",
            where=where,
            fix="Cut out the passage to be judged",
        )


def _length_warning(notes: np.ndarray) -> list[str]:
    seconds = float(notes[:, 1].max())
    if seconds <= LONG_SEC:
        return []
    return [
        f"the file lasts {seconds:.0f} s; the critic learnt from passages of 4 to 16 bars, so the "
        "scores are surer for single passages"
    ]


def _with_score(
    reader: ClipReader, clip: ClipFiles, must_match: bool
) -> tuple[ClipFiles, Features, list[str]]:
    """The statistics with the score, or without it where it does not fit; what to say about it."""
    alone = ClipFiles(clip.performance)
    if clip.score is None and clip.score_midi is None:
        return alone, reader.features(alone), []
    name = (clip.score or clip.score_midi or clip.performance).name
    try:
        features = reader.features(clip)
    except PartimentoError as error:
        if must_match:
            raise
        return alone, reader.features(alone), [f"the score {name} was not used: {error.what}"]
    match = features.score_match
    if match is None or match >= POOR_MATCH:
        return clip, features, []
    if must_match and match < OTHER_PIECE:
        raise MusicError(
            f"the score {name} is of another piece or passage: only {match:.0%} of its notes are "
            "in this performance",
            where=str(clip.performance),
            fix="Give the score of this passage, or none",
        )
    said = f"the score {name} does not match ({match:.0%} of its notes are played); it was not used"
    return alone, reader.features(alone), [said]


def to_json(found: Extracted) -> dict[str, Any]:
    """As JSON data."""
    return {
        "notes": _packed(found.notes),
        "names": list(found.features.names),
        "values": _packed(found.features.values),
        "match": found.features.score_match,
        "told": list(found.features.warnings),
        "variants": _packed(found.variants),
        "left_out": list(found.left_out),
        "score": found.score,
        "warnings": list(found.warnings),
    }


def from_json(data: Mapping[str, Any]) -> Extracted:
    """The inverse of :func:`to_json`."""
    features = Features(
        tuple(data["names"]), _unpacked(data["values"]), data["match"], tuple(data["told"])
    )
    return Extracted(
        notes=_unpacked(data["notes"]),
        features=features,
        variants=_unpacked(data["variants"]),
        left_out=tuple(data["left_out"]),
        score=data["score"],
        score_match=data["match"],
        warnings=tuple(data["warnings"]),
    )


def _packed(array: np.ndarray) -> dict[str, Any]:
    raw = np.ascontiguousarray(array, dtype="<f8").tobytes()
    return {"shape": list(array.shape), "data": base64.b64encode(raw).decode()}


def _unpacked(packed: Mapping[str, Any]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(packed["data"]), "<f8")
    return flat.reshape(packed["shape"]).astype(np.float64)
