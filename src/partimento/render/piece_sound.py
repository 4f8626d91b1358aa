"""Pieces and scores as mono sound: every instrument with the timbre that stands for it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.expression import Played
from partimento.music.instruments import INSTRUMENTS, OF_PROGRAM
from partimento.music.score import Score, note_table
from partimento.render.sound import render_parts, sound_table
from partimento.render.timbres import TIMBRE_OF

Part = tuple[np.ndarray, str]
"""A note table and the name of the timbre that plays it."""


def piece_parts(piece: BarPiece, max_seconds: float | int = 300.0) -> list[Part]:
    """The notes of each instrument of a piece in seconds, with its timbre.

    Notes after ``max_seconds`` are left out, those that pass it are cut.
    """
    tick_sec = 60.0 / piece.tempo_bpm / TICKS
    return _parts(
        piece.onset * tick_sec,
        piece.duration * tick_sec,
        piece.pitch,
        piece.velocity,
        piece.instrument,
        max_seconds,
    )


def played_parts(played: Played, max_seconds: float | int = 300.0) -> list[Part]:
    """A played piece's notes by instrument, at the times at which they were played."""
    return _parts(
        played.onset_sec,
        played.offset_sec - played.onset_sec,
        played.piece.pitch,
        played.velocity,
        played.piece.instrument,
        max_seconds,
    )


def score_parts(score: Score, max_seconds: float | int = 300.0) -> list[Part]:
    """The notes of each instrument of a score under its tempo map, as :func:`piece_parts`."""
    table = note_table(score)
    programs = np.array([part.program & 127 for part in score.parts] or [0])
    instrument = OF_PROGRAM[programs[table["part_index"]]]
    return _parts(
        table["onset_sec"],
        table["duration_sec"],
        table["midi"],
        table["velocity"],
        instrument,
        max_seconds,
    )


def _parts(
    onset_sec: np.ndarray,
    duration_sec: np.ndarray,
    midi: np.ndarray,
    velocity: np.ndarray,
    instrument: np.ndarray,
    max_seconds: float | int,
) -> list[Part]:
    heard = onset_sec < max_seconds
    parts = []
    for number in np.unique(instrument[heard]):
        mine = heard & (instrument == number)
        held = np.minimum(duration_sec[mine], max_seconds - onset_sec[mine])
        table = sound_table(onset_sec[mine], held, midi[mine], velocity[mine])
        parts.append((table, TIMBRE_OF[INSTRUMENTS[int(number)].name]))
    return parts


def render_mono(parts: Sequence[Part], sample_rate: int, *, room: float | int = 0.12) -> np.ndarray:
    """Note tables with their timbres as mono sound, float32 (N,), peak at -1 dBFS.

    No parts, no samples.  Raises what :func:`partimento.render.sound.render_parts` raises.
    """
    if not parts:
        return np.zeros(0, dtype=np.float32)
    stereo = render_parts(parts, sample_rate, room=room)
    mono = stereo.mean(1)
    peak = float(np.abs(mono).max(initial=0.0))
    gain = float(np.abs(stereo).max(initial=0.0)) / peak if peak > 0 else 1.0
    return (mono * gain).astype(np.float32)
