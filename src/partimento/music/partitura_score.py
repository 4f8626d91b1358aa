"""The one place that talks to partitura's scores: a document in, plain arrays out."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np

from partimento.core.errors import InputFileError
from partimento.music.score_notes import ScoreNotes

_COMPANIONS = ("miditok", "music21", "verovio", "parangonar.match.pretrained_models")
"""Optional imports of partitura and parangonar: seconds, and torch, for nothing that is used."""
_ROUND_BEATS = 1e-4
"""partitura's beats are 32-bit floats: a hair before the beat is the beat."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without the warnings, prints and log lines of the libraries."""
    import logging

    for name in ("partitura", "parangonar"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def light_imports() -> Iterator[None]:
    """Import partitura or parangonar without their optional companions, which take seconds.

    A companion that is loaded already stays as it is.
    """
    hidden = [name for name in _COMPANIONS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        with quiet():
            yield
    finally:
        for name in hidden:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]


def partitura() -> Any:
    """The module."""
    if "partitura" not in sys.modules:
        with light_imports():
            import partitura  # noqa: F401
    return sys.modules["partitura"]


def load_part(document: bytes, *, unfold: bool) -> Any:
    """The document's parts merged into one partitura ``Part``; repeats written out if ``unfold``.

    The document must have passed :func:`partimento.music.xml_tree.parse_xml`.

    Raises InputFileError when partitura finds no part in it or fails.
    """
    library = partitura()
    try:
        with quiet():
            score = library.load_musicxml(io.BytesIO(document), force_note_ids=True)
            parts = list(score.parts)
            if not parts:
                raise InputFileError("this score has no parts, so it holds no music")
            part = library.score.merge_parts(parts) if len(parts) > 1 else parts[0]
            if unfold and next(part.iter_all(library.score.Repeat), None) is not None:
                part = library.score.unfold_part_maximal(part, update_ids=True)
            part.use_musical_beat()
    except InputFileError:
        raise
    except Exception as error:  # partitura raises whatever its parsers meet
        raise InputFileError(
            f"this score cannot be read by the aligner ({type(error).__name__})",
            fix="Save it again from a notation program",
        ) from error
    return part


def part_notes(part: Any) -> ScoreNotes:
    """The sounding notes of a partitura part (see :class:`ScoreNotes`).

    Raises InputFileError when there are none.
    """
    from partimento.music.score_marks import note_marks

    with quiet():
        notes, start, end = _sorted_notes(part)
        if not notes:
            raise InputFileError("this score holds no notes")
        grace = np.array([_is_grace(note) for note in notes], dtype=bool)
        beats, quarters = _map(part.beat_map), _map(part.quarter_map)
        onset = beats(start)
        measures: dict[str, Any] = _measures(part, start, onset)
        return ScoreNotes(
            onset_beat=onset,
            duration_beat=np.where(grace, 0.0, beats(end) - onset),
            onset_quarter=quarters(start),
            duration_quarter=np.where(grace, 0.0, quarters(end) - quarters(start)),
            pitch=np.array([note.midi_pitch for note in notes], dtype=np.int64),
            voice=np.array([note.voice or 0 for note in notes], dtype=np.int64),
            staff=np.array([note.staff or 1 for note in notes], dtype=np.int64),
            beat=_beat_index(onset),
            grace=grace,
            marks=note_marks(part, notes, start),
            **measures,
        )


def _sorted_notes(part: Any) -> tuple[list[Any], np.ndarray, np.ndarray]:
    """Notes by onset, grace notes first, then pitch; their starts and ends in divisions."""
    notes = [note for note in part.notes_tied if note.duration_tied > 0 or _is_grace(note)]
    notes.sort(key=lambda note: (note.start.t, not _is_grace(note), note.midi_pitch))
    start = np.array([note.start.t for note in notes], dtype=np.int64)
    end = start + np.array([note.duration_tied for note in notes], dtype=np.int64)
    return notes, start, end


def _measures(part: Any, start: np.ndarray, onset: np.ndarray) -> dict[str, np.ndarray]:
    """Number, length and place of each note's bar; a part without bars is one bar."""
    bars = [(bar.start.t, bar.end.t) for bar in part.iter_all(partitura().score.Measure)]
    if not bars:
        bars = [(0, int(start.max(initial=0)) + 1)]
    beats = _map(part.beat_map)
    low, high = (np.array(side, dtype=np.int64) for side in zip(*bars, strict=True))
    place = np.clip(np.searchsorted(low, start, side="right") - 1, 0, len(low) - 1)
    opening = beats(low)
    return {
        "measure": place.astype(np.int64),
        "beat_in_measure": np.round(onset - opening[place], 6),
        "measure_beats": (beats(high) - opening)[place],
    }


def _is_grace(note: Any) -> bool:
    return isinstance(note, partitura().score.GraceNote)


def _map(function: Any) -> Any:
    """A partitura time map that takes and gives float64 arrays, empty ones too."""

    def mapped(ticks: np.ndarray) -> np.ndarray:
        if len(ticks) == 0:
            return np.zeros(0)
        return np.round(np.asarray(function(ticks), dtype=np.float64), 6)

    return mapped


def _beat_index(onset_beat: np.ndarray) -> np.ndarray:
    """Beats counted from the first one that holds a note."""
    index = np.floor(onset_beat + _ROUND_BEATS).astype(np.int64)
    return index - (index.min() if len(index) else 0)
