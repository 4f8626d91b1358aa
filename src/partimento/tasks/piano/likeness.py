"""What was made, in numbers: its measures, its likeness to the primer, copies from the primer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from partimento.music.copied import build_index, longest_copied_run
from partimento.music.events import TickNotes
from partimento.music.performance_comparison import compare_to_primer
from partimento.music.performance_measures import measure_performance
from partimento.tasks.piano.passage import Struck

if TYPE_CHECKING:
    from partimento.tasks.piano.outcome import Piece

SWEPT = ("notes_per_second", "pitch_class_entropy_bits", "repeated_share_4", "scale_share")
"""Measures that a sweep of temperatures shows."""


def piece_details(primer: TickNotes, whole: Struck) -> dict[str, Any]:
    """Report of the model's notes in ``whole``; empty where it played none.

    ``copied_from_primer`` is the longest run of notes that stands in the primer too.
    """
    made = whole.select(whole.made).ticks()
    if len(made) == 0:
        return {}
    found: dict[str, Any] = {"measures": measure_performance(made)}
    if len(primer):
        run = longest_copied_run(made, build_index({"primer": primer}))
        found["copied_from_primer"] = run.length
        found["to_primer"] = compare_to_primer(primer, made)
    return found


def drift(primer: TickNotes, made: Struck) -> float:
    """How far the model's notes have left the primer; 0 is the same character, 4 another piece.

    One unit each: an octave of density (notes a second), 16 MIDI velocities, 12 semitones (both
    Wasserstein distances), pitch classes without any overlap.  Infinite where nothing was made.
    """
    notes = made.ticks()
    if not len(notes) or not len(primer):
        return math.inf
    found = compare_to_primer(primer, notes)
    ratio = found["density_ratio"]
    density = abs(math.log2(ratio)) if ratio else 0.0
    away = 1 - found["pitch_class_overlap"]
    return density + found["velocity_distance"] / 16 + found["pitch_distance"] / 12 + float(away)


def sweep_rows(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """A row for each temperature: means over its pieces."""
    rows = []
    for temperature in dict.fromkeys(piece.sampling.temperature for piece in pieces):
        chosen = [piece for piece in pieces if piece.sampling.temperature == temperature]
        known = [piece.details["measures"] for piece in chosen if piece.details]
        row: dict[str, Any] = {"temperature": temperature, "pieces": len(chosen)}
        row["notes"] = sum(len(piece.made) for piece in chosen) / len(chosen)
        for name in SWEPT:
            values = [m[name] for m in known if m[name] is not None]
            row[name] = sum(values) / len(values) if values else None
        rows.append(row)
    return rows
