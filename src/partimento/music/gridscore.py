"""Scores as grids and grids as scores (see :mod:`partimento.music.grid`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from partimento.core.errors import InputFileError
from partimento.music.grid import (
    MAX_FRAMES,
    SILENCE,
    STEPS_PER_QUARTER,
    UNKNOWN,
    VOICE_LONG_NAMES,
    VOICE_NAMES,
    VOICES,
    check_grid,
    to_channels,
    voice_runs,
)
from partimento.music.score import Measure, Note, Part, Score, TimeSignature, sort_notes


@dataclass(frozen=True)
class GridReport:
    """A grid ``(T, 4)`` read from a score, and sentences on what it could not keep."""

    grid: np.ndarray
    dropped_notes: int
    sentences: tuple[str, ...]


def _frame(quarter: Fraction) -> int:
    """Nearest frame of a time, halves upwards."""
    return int(quarter * STEPS_PER_QUARTER + Fraction(1, 2))


def _note_frames(note: Note) -> range:
    start = _frame(note.onset_quarter)
    return range(start, max(start + 1, _frame(note.end_quarter)))


def _part_columns(score: Score, notes: Sequence[Note]) -> dict[str, int] | None:
    """Column of each part when the parts are voices by name or are four lines, else None."""
    columns = {}
    for part in score.parts:
        initial = part.name.strip().capitalize()
        names = [i for i in range(VOICES) if initial in (VOICE_NAMES[i], VOICE_LONG_NAMES[i])]
        columns[part.id] = names[0] if names else -1
    if -1 in columns.values() or len(set(columns.values())) < len(columns):
        if len(score.parts) != VOICES:
            return None
        columns = {part.id: i for i, part in enumerate(score.parts)}
    taken: set[tuple[int, int]] = set()
    for note in notes:
        cells = {(columns.get(note.part, 0), t) for t in _note_frames(note)}
        if cells & taken:
            return None
        taken |= cells
    return columns


def score_to_grid(score: Score) -> GridReport:
    """Grid of any score: four one-voice parts keep their columns, all else goes by height.

    Times are rounded to 16ths.  The report says how many notes found no channel.

    Raises InputFileError when the score is longer than ``MAX_FRAMES``.
    """
    notes = score.sounding()
    frames = max((_note_frames(n).stop for n in notes), default=0)
    if frames > MAX_FRAMES:
        raise InputFileError(f"the score is longer than {MAX_FRAMES} sixteenths")
    grid = np.full((frames, VOICES), SILENCE, dtype=np.int64)
    columns = _part_columns(score, notes)
    dropped: set[Note] = set()
    if columns is not None:
        for note in notes:
            span = _note_frames(note)
            grid[span.start : span.stop, columns[note.part]] = note.midi
    else:
        dropped = _fill_by_height(grid, notes)
    sentences = []
    if dropped:
        sentences.append(
            f"{len(dropped)} of {len(notes)} notes were dropped where more than {VOICES} sounded; "
            "the top voice and the bass were kept"
        )
    rounded = sum((n.onset_quarter * STEPS_PER_QUARTER).denominator != 1 for n in notes)
    if rounded:
        sentences.append(f"{rounded} of {len(notes)} onsets were rounded to the nearest 16th")
    return GridReport(grid, len(dropped), tuple(sentences))


def _fill_by_height(grid: np.ndarray, notes: Sequence[Note]) -> set[Note]:
    """Write sounding notes into the grid by height; gives the notes that lost a frame."""
    sounding: list[list[Note]] = [[] for _ in range(len(grid))]
    for note in notes:
        for t in _note_frames(note):
            sounding[t].append(note)
    dropped: set[Note] = set()
    for t, here in enumerate(sounding):
        channels = to_channels(n.midi for n in here)
        grid[t] = channels.cells
        dropped |= {n for n in here if n.midi in channels.dropped}
    return dropped


def grid_to_score(grid: np.ndarray, *, beats: int = 4, beat_type: int = 4) -> Score:
    """A plain score of four parts with merged durations, no ties and no spelling.

    Every run of equal cells becomes one note.  ValueError when cells are UNKNOWN.
    """
    array = check_grid(grid)
    if (array == UNKNOWN).any():
        raise ValueError("a grid with unknown cells is no score yet")
    step = Fraction(1, STEPS_PER_QUARTER)
    parts = tuple(
        Part(f"P{v + 1}", VOICE_LONG_NAMES[v], clefs=("G2" if v < 2 else "F4",))
        for v in range(VOICES)
    )
    notes = [
        Note(start * step, length * step, cell, part.id)
        for v, part in enumerate(parts)
        for start, length, cell in voice_runs(array[:, v])
        if cell != SILENCE
    ]
    signature = TimeSignature(Fraction(0), beats, beat_type)
    bar = signature.bar_quarter
    count = -(-(len(array) * step) // bar)
    measures = tuple(Measure(i * bar, bar, str(i + 1)) for i in range(int(count)))
    return Score(parts, sort_notes(notes), measures, (signature,))
