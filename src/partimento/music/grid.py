"""The four-channel grid: one row per 16th note, one column per voice, a pitch in each cell.

A grid is an int64 array of shape ``(T, 4)``; columns are soprano, alto, tenor, bass in this order;
a cell holds a MIDI pitch 0-127, ``SILENCE`` (-1) or, in a task, ``UNKNOWN`` (-2) for a cell to
fill.  A grid has no onsets: a repeated note and a held one look alike.

The text form has one line per frame, four tokens each: ``C4 E4 G4 O``.  ``O`` is silence and
``?`` an unknown cell.  Spellings ``C4#``, ``C#4`` and ``Db4`` are one pitch.

The canonical JSON form of data sets (that of ``Jsb16thSeparated.json``) is
``{split: [piece, ...]}`` where a piece is a list of frames ``[S, A, T, B]``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError, InputFileError
from partimento.core.limits import DATA_BYTES, read_limited
from partimento.music.score import Spelling

STEPS_PER_QUARTER = 4
VOICES = 4
SILENCE = -1
UNKNOWN = -2
SILENCE_TOKEN = "O"
UNKNOWN_TOKEN = "?"
VOICE_NAMES: tuple[str, ...] = ("S", "A", "T", "B")
VOICE_LONG_NAMES: tuple[str, ...] = ("Soprano", "Alto", "Tenor", "Bass")
VOICE_RANGES: tuple[tuple[int, int], ...] = ((60, 81), (53, 76), (46, 69), (36, 64))
"""Lowest and highest MIDI pitch per voice, both included: C4-A5, F3-E5, Bb2-A4, C2-E4.

Wider than a textbook's ranges: they hold all but 2 of the 49,300 notes of the 229 training
chorales of Bach.
"""

MAX_FRAMES = 200_000
_SHARP_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def pitch_token(cell: int) -> str:
    """Text of one cell: ``C#4``, ``O`` or ``?``.

    >>> pitch_token(61), pitch_token(SILENCE), pitch_token(0)
    ('C#4', 'O', 'C-1')
    """
    if cell == SILENCE:
        return SILENCE_TOKEN
    if cell == UNKNOWN:
        return UNKNOWN_TOKEN
    if not 0 <= cell <= 127:
        raise ValueError(f"{cell} is neither a MIDI pitch 0-127 nor SILENCE nor UNKNOWN")
    return f"{_SHARP_NAMES[cell % 12]}{cell // 12 - 1}"


def parse_token(token: str) -> int:
    """Cell value of one token; ``-1`` after the letter is octave minus one, as in ``C-1``.

    Raises ValueError when the text is no token.
    """
    if token == SILENCE_TOKEN:
        return SILENCE
    if token == UNKNOWN_TOKEN:
        return UNKNOWN
    if token.endswith("-1") and token[:-2] in _SHARP_NAMES:
        return _SHARP_NAMES.index(token[:-2])
    midi = Spelling.parse(token).midi
    if not 0 <= midi <= 127:
        raise ValueError(f"{token!r} lies outside the MIDI range C-1 to G9")
    return midi


def check_grid(grid: np.ndarray) -> np.ndarray:
    """The grid as int64 ``(T, 4)``; ValueError when it is none."""
    array = np.asarray(grid)
    if array.ndim != 2 or array.shape[1] != VOICES:
        raise ValueError(f"a grid has shape (T, {VOICES}), not {array.shape}")
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"a grid holds integers, not {array.dtype}")
    array = array.astype(np.int64)
    if array.size and (array.min() < UNKNOWN or array.max() > 127):
        raise ValueError("a grid holds MIDI pitches 0-127, SILENCE (-1) or UNKNOWN (-2)")
    return array


def grid_to_text(grid: np.ndarray) -> str:
    """Text form, one line per frame; :func:`text_to_grid` gives the same grid back."""
    return "".join(" ".join(map(pitch_token, row)) + "\n" for row in check_grid(grid).tolist())


def text_to_grid(text: str, name: str = "grid text") -> np.ndarray:
    """Grid ``(T, 4)`` of a text; a line may hold several frames, four tokens each.

    Raises InputFileError naming the line for a wrong token or a number of tokens that is no
    multiple of four.
    """
    rows: list[list[int]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        tokens = line.split()
        where = f"{name}, line {number}"
        if len(tokens) % VOICES:
            raise InputFileError(
                f"{len(tokens)} tokens cannot be frames of {VOICES} voices",
                where=where,
                fix="Write soprano, alto, tenor and bass for every 16th, O for silence",
            )
        try:
            cells = [parse_token(token) for token in tokens]
        except ValueError as error:
            raise InputFileError(str(error), where=where) from None
        rows += [cells[i : i + VOICES] for i in range(0, len(cells), VOICES)]
        if len(rows) > MAX_FRAMES:
            raise InputFileError(f"more than {MAX_FRAMES} frames", where=where)
    return np.array(rows, dtype=np.int64).reshape(-1, VOICES)


@dataclass(frozen=True, slots=True)
class Channels:
    """Four channels made of simultaneous pitches; ``dropped`` lists what found no place."""

    cells: tuple[int, int, int, int]
    dropped: tuple[int, ...] = ()


def to_channels(pitches: Iterable[int]) -> Channels:
    """Simultaneous pitches as four channels, highest first.

    Up to four pitches fill the channels from the top.  Of more, the top voice is always kept, then
    the bass, then the inner notes that bring a new pitch class, the higher one first.

    >>> to_channels([48, 60, 64, 67, 72])
    Channels(cells=(72, 67, 64, 48), dropped=(60,))
    """
    found = sorted(set(pitches), reverse=True)
    if len(found) <= VOICES:
        padded = [*found, *[SILENCE] * (VOICES - len(found))]
        return Channels((padded[0], padded[1], padded[2], padded[3]))
    kept = [found[0], found[-1]]
    inner = found[1:-1]
    while len(kept) < VOICES:
        classes = {p % 12 for p in kept}
        # min() keeps the first of equals, which is the higher pitch.
        best = min(inner, key=lambda p: p % 12 in classes)
        inner.remove(best)
        kept.append(best)
    kept.sort(reverse=True)
    return Channels((kept[0], kept[1], kept[2], kept[3]), tuple(inner))


def voice_runs(column: np.ndarray) -> list[tuple[int, int, int]]:
    """Runs ``(start, length, cell)`` of equal cells in one column, in frames.

    >>> voice_runs(np.array([60, 60, -1, 62]))
    [(0, 2, 60), (2, 1, -1), (3, 1, 62)]
    """
    column = np.asarray(column)
    if not len(column):
        return []
    edges = np.flatnonzero(np.diff(column)) + 1
    starts = [0, *edges.tolist()]
    stops = [*edges.tolist(), len(column)]
    return [(a, b - a, int(column[a])) for a, b in zip(starts, stops, strict=True)]


def transpose_grid(grid: np.ndarray, semitones: int) -> np.ndarray:
    """The grid moved by semitones; silence and unknown cells stay.

    ValueError when a pitch would leave 0-127.
    """
    array = check_grid(grid)
    moved = np.where(array >= 0, array + semitones, array)
    if array.size and ((moved < 0) & (array >= 0)).any():
        raise ValueError(f"moving by {semitones} semitones leaves the MIDI range")
    return check_grid(moved)


def allowed_transpositions(
    grid: np.ndarray,
    ranges: Sequence[tuple[int, int]] = VOICE_RANGES,
    limit: int = 127,
) -> tuple[int, ...]:
    """Semitone shifts within ``limit`` that keep every voice in its range; may be empty."""
    low, high = -limit, limit
    array = check_grid(grid)
    for v, (bottom, top) in enumerate(ranges):
        pitches = array[:, v][array[:, v] >= 0]
        if pitches.size:
            low = max(low, bottom - int(pitches.min()))
            high = min(high, top - int(pitches.max()))
    return tuple(range(low, high + 1))


def live_tokens(grids: Iterable[np.ndarray]) -> tuple[tuple[int, ...], ...]:
    """Per voice the cell values (pitches and SILENCE) that occur at all, sorted.

    A vocabulary token that is not among them is dead: no training step ever touches its row.
    """
    found: list[set[int]] = [set() for _ in range(VOICES)]
    for grid in grids:
        for v in range(VOICES):
            found[v] |= set(np.unique(check_grid(grid)[:, v]).tolist()) - {UNKNOWN}
    return tuple(tuple(sorted(cells)) for cells in found)


def read_json(path: str | Path, limit: int = DATA_BYTES) -> Any:
    """The content of a JSON file of at most ``limit`` bytes.

    Raises DataError when the file is missing, too large or no JSON.
    """
    try:
        data = read_limited(path, limit)
    except InputFileError as error:
        raise DataError(error.what, where=error.where, fix=error.fix) from error
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is no valid JSON ({error})", where=str(path)) from None


def piece_grid(frames: Any, where: str) -> np.ndarray:
    """Checked grid ``(T, 4)`` of one piece given as lists.

    Raises DataError telling what the first wrong frame looks like.
    """
    if not isinstance(frames, list) or not frames:
        raise DataError("a piece must be a non-empty list of frames", where=where)
    # Most files are right, and this way of seeing so is ten times faster.
    shaped = all(type(frame) is list and len(frame) == VOICES for frame in frames)
    if shaped and set(map(type, chain.from_iterable(frames))) == {int}:
        cells = np.array(frames)
        if cells.dtype == np.int64 and SILENCE <= cells.min() <= cells.max() <= 127:
            return cells
    for t, frame in enumerate(frames):
        if not isinstance(frame, list) or len(frame) != VOICES:
            raise DataError(
                f"frame {t} is {str(frame)[:60]}, not four numbers [S, A, T, B]",
                where=where,
                fix="Take the separated form (Jsb16thSeparated.json), not lists of chords",
            )
        if not all(_is_cell(cell) for cell in frame):
            raise DataError(
                f"frame {t} is {str(frame)[:60]}; cells are MIDI pitches 0-127 or -1 for silence",
                where=where,
            )
    return np.array(frames, dtype=np.int64)


def _is_cell(cell: Any) -> bool:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return SILENCE <= cell <= 127 and cell == int(cell)


def canonical_splits(content: Any, where: str) -> dict[str, list[np.ndarray]]:
    """All splits of a parsed canonical file; DataError when the layout is another one."""
    if not isinstance(content, dict) or not content:
        raise DataError(
            "this is not the canonical form {split: [pieces]}",
            where=where,
            fix='The file must look like {"train": [[[74, 70, 65, 58], ...], ...], ...}',
        )
    splits = {}
    for split, pieces in content.items():
        if not isinstance(pieces, list):
            raise DataError(f"split {split!r} is no list of pieces", where=where)
        splits[split] = [piece_grid(p, f"{where}, {split}[{i}]") for i, p in enumerate(pieces)]
    return splits


def load_canonical(path: str | Path, split: str) -> list[np.ndarray]:
    """The pieces of one split as int64 grids ``(T, 4)``.

    Raises DataError for a missing file, a wrong layout or an unknown split.
    """
    content = read_json(path)
    if isinstance(content, dict) and isinstance(content.get(split), list):
        content = {split: content[split]}
    elif isinstance(content, dict) and content and split not in content:
        names = ", ".join(map(str, list(content)[:8]))
        raise DataError(
            f"there is no split {split!r}", where=str(path), fix=f"The file has: {names}"
        )
    return canonical_splits(content, str(path))[split]
