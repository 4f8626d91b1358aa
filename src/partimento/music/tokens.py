"""What the networks read: scores on the chorale grid, performances as piano tokens; and back."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.limits import TEXT_SCORE_BYTES, read_limited
from partimento.music.event_report import (
    Scheme,
    roundtrip_performance,
    show_performance_tokens,
)
from partimento.music.files import read_score, write_score
from partimento.music.grid import VOICE_NAMES, grid_to_text, text_to_grid
from partimento.music.gridscore import grid_to_score, score_to_grid


def show_tokens(source: str | Path, scheme: Scheme | None = None) -> dict[str, Any]:
    """The grid text of a score: one line per 16th note, soprano alto tenor bass, ``O`` is silence.

    ``dropped_notes`` counts notes that found no channel; ``remarks`` says so in sentences.  With a
    ``scheme`` the piano tokens of a MIDI performance instead
    (:func:`partimento.music.event_report.show_performance_tokens`).

    Raises InputFileError when the file cannot be read.
    """
    if scheme is not None:
        return show_performance_tokens(source, scheme)
    report = score_to_grid(read_score(source))
    return {
        "channels": list(VOICE_NAMES),
        "frames": len(report.grid),
        "dropped_notes": report.dropped_notes,
        "remarks": list(report.sentences),
        "text": grid_to_text(report.grid),
    }


def roundtrip_tokens(source: str | Path, scheme: Scheme | None = None) -> dict[str, Any]:
    """Send a score, or a ``.txt`` file of tokens, through text and MIDI and compare the grids.

    ``text_equal`` and ``midi_equal`` say whether grid -> text -> grid and grid -> MIDI -> grid
    gave the same frames.  Silent frames at the end are no part of a MIDI file and do not count.
    With a ``scheme`` a MIDI performance goes through piano tokens instead
    (:func:`partimento.music.event_report.roundtrip_report`).

    Raises InputFileError when the file cannot be read.
    """
    if scheme is not None:
        return roundtrip_performance(source, scheme)
    grid = _grid_of(Path(source))
    sounding = _without_silent_end(grid)
    return {
        "frames": len(grid),
        "sounding_cells": int((grid >= 0).sum()),
        "text_equal": bool(np.array_equal(grid, text_to_grid(grid_to_text(grid)))),
        "midi_equal": bool(np.array_equal(sounding, _without_silent_end(_through_midi(sounding)))),
    }


def _through_midi(grid: np.ndarray) -> np.ndarray:
    """The grid written as a MIDI file and read again; one without notes makes no file."""
    if not len(grid):
        return grid
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "roundtrip.mid"
        write_score(grid_to_score(grid), file)
        return score_to_grid(read_score(file)).grid


def _grid_of(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".txt":
        text = read_limited(path, TEXT_SCORE_BYTES).decode("utf-8", errors="replace")
        return text_to_grid(text, str(path))
    return score_to_grid(read_score(path)).grid


def _without_silent_end(grid: np.ndarray) -> np.ndarray:
    sounding = np.flatnonzero((grid >= 0).any(axis=1))
    return grid[: sounding[-1] + 1] if len(sounding) else grid[:0]
