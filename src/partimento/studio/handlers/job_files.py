"""What several jobs write and tell alike: JSON, sound, notes, mistakes in the user's words."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.core.files import write_atomic
from partimento.core.plain import plain

SAMPLE_RATE = 44_100


def write_json(folder: Path, name: str, data: Any, *, indent: int | None = None) -> None:
    """JSON beside the files of a job: for a page, or with ``indent`` for people to read."""
    if indent is None:
        text = json.dumps(plain(data), allow_nan=False, separators=(",", ":"))
    else:
        text = json.dumps(plain(data), allow_nan=False, indent=indent) + "\n"
    write_atomic(folder / name, text)


def write_sound(path: Path, notes: np.ndarray) -> str | None:
    """Render notes (N, 4 or more): onset and duration in seconds, pitch, velocity; write a WAV.

    Returns the file's name, None where there is nothing to hear.
    """
    from partimento.render.sound import render_notes, sound_table, write_wav

    if len(notes) == 0:
        return None
    onset_sec, duration_sec, midi, velocity = notes[:, :4].T
    table = sound_table(onset_sec, duration_sec, midi, velocity)
    write_wav(path, render_notes(table, SAMPLE_RATE), SAMPLE_RATE)
    return path.name


def note_rows(notes: np.ndarray) -> list[list[float]]:
    """Notes (N, K) as the pages take them, seconds to the millisecond."""
    return [[round(float(value), 3) for value in row] for row in notes]


def retold(error: PartimentoError, words: Iterable[tuple[str, str]]) -> PartimentoError:
    """The same mistake with words of the user for words of ours: pairs (ours, the user's)."""
    told = [error.what, error.where, error.fix]
    for ours, theirs in words:
        told = [text.replace(ours, theirs) for text in told]
    return type(error)(told[0], where=told[1], fix=told[2])
