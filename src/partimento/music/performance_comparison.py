"""Performances beside real ones, and a continuation beside its primer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from partimento.music.distances import (
    histogram_overlap,
    jensen_shannon,
    set_distance,
    wasserstein,
)
from partimento.music.events import TICKS_PER_SECOND, TickNotes
from partimento.music.keys import Key
from partimento.music.performance_measures import (
    SCALARS,
    durations_sec,
    excerpt,
    inter_onsets_sec,
    measure_performance,
    pitch_classes,
    velocities,
)

_POOLED: dict[str, tuple[str, np.ndarray, Callable[[TickNotes], np.ndarray]]] = {
    "pitch": ("semitones", np.arange(21, 109, 3, dtype=np.float64), lambda n: n.pitch * 1.0),
    "velocity": ("MIDI velocity", np.arange(0, 129, 4, dtype=np.float64), velocities),
    "inter_onset": (
        "octaves",
        np.arange(-6.5, 3.01, 0.25),
        lambda n: np.log2(np.maximum(inter_onsets_sec(n), 0.01)),
    ),
    "duration": ("octaves", np.arange(-6.75, 5.01, 0.25), lambda n: np.log2(durations_sec(n))),
}
"""Distributions of single notes: unit, bin edges, values.  Times are log2 of seconds."""


def compare_to_reference(
    generated: Sequence[TickNotes], reference: Sequence[TickNotes]
) -> dict[str, Any]:
    """Two sets of pieces, measure by measure and distribution by distribution.

    ``measures``: of every scalar mean and standard deviation in both sets, the ``wasserstein``
    distance in its own unit, and ``overlap`` and ``kl`` of Yang and Lerch 2020
    (:func:`partimento.music.distances.set_distance`; None below three reference pieces).
    ``distributions``: all notes of a set pooled; ``overlap`` and ``jensen_shannon_bits`` of their
    histograms and the ``wasserstein`` distance (times in octaves, that is log2 of seconds).
    ``pitch_class`` compares keys only loosely: both sets are in many keys, so its Yang-Lerch
    figures count the shape of each piece's histogram, turned to its most frequent class.

    Compare pieces of about one length: repetition and similarity grow with it.
    Raises ValueError when a set has no piece with notes.
    """
    sets = [[piece for piece in pieces if len(piece)] for pieces in (generated, reference)]
    if not all(sets):
        raise ValueError("a comparison needs a piece with notes on both sides")
    measured = [[measure_performance(piece) for piece in pieces] for pieces in sets]
    return {
        "generated": len(sets[0]),
        "reference": len(sets[1]),
        "measures": {name: _scalar(name, *measured) for name in SCALARS},
        "distributions": {
            **{name: _pooled(name, *sets) for name in _POOLED},
            "pitch_class": _classes(*sets),
        },
    }


def _scalar(
    name: str, generated: Sequence[dict[str, Any]], reference: Sequence[dict[str, Any]]
) -> dict[str, float | None]:
    ours, theirs = (_known(name, measured) for measured in (generated, reference))
    row: dict[str, float | None] = {
        "generated_mean": float(ours.mean()) if len(ours) else None,
        "generated_sd": float(ours.std()) if len(ours) else None,
        "reference_mean": float(theirs.mean()) if len(theirs) else None,
        "reference_sd": float(theirs.std()) if len(theirs) else None,
        "wasserstein": wasserstein(ours, theirs) if len(ours) and len(theirs) else None,
    }
    relative = set_distance(ours, theirs)
    row["overlap"] = relative["overlap"] if relative else None
    row["kl"] = relative["kl"] if relative else None
    return row


def _known(name: str, measured: Sequence[dict[str, Any]]) -> np.ndarray:
    return np.array([one[name] for one in measured if one[name] is not None], dtype=np.float64)


def _pooled(
    name: str, generated: Sequence[TickNotes], reference: Sequence[TickNotes]
) -> dict[str, Any]:
    unit, edges, values = _POOLED[name]
    ours, theirs = (
        np.concatenate([values(piece) for piece in pieces]) for pieces in (generated, reference)
    )
    if not len(ours) or not len(theirs):
        return {"unit": unit, "overlap": None, "jensen_shannon_bits": None, "wasserstein": None}
    counts = [_histogram(sample, edges) for sample in (ours, theirs)]
    return {
        "unit": unit,
        "overlap": histogram_overlap(*counts),
        "jensen_shannon_bits": jensen_shannon(*counts),
        "wasserstein": wasserstein(ours, theirs),
        "edges": edges.tolist(),
        "generated_share": (counts[0] / counts[0].sum()).tolist(),
        "reference_share": (counts[1] / counts[1].sum()).tolist(),
    }


def _histogram(sample: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts between the edges; what lies outside counts in the outermost bins."""
    inside = np.clip(sample, edges[0], np.nextafter(edges[-1], edges[0]))
    return np.histogram(inside, bins=edges)[0].astype(np.float64)


def _classes(generated: Sequence[TickNotes], reference: Sequence[TickNotes]) -> dict[str, Any]:
    turned = [np.stack([_turned(piece) for piece in pieces]) for pieces in (generated, reference)]
    means = [shares.mean(axis=0) for shares in turned]
    return {
        "unit": "share of the notes, from the most frequent pitch class upwards",
        "overlap": histogram_overlap(*means),
        "jensen_shannon_bits": jensen_shannon(*means),
        "edges": np.arange(13.0).tolist(),
        "generated_share": means[0].tolist(),
        "reference_share": means[1].tolist(),
        "set_distance": set_distance(*turned),
    }


def _turned(piece: TickNotes) -> np.ndarray:
    counts = pitch_classes(piece)
    return np.roll(counts, -int(counts.argmax())) / counts.sum()


def compare_to_primer(primer: TickNotes, continuation: TickNotes) -> dict[str, Any]:
    """How much a continuation is like what it continues; both with notes.

    ``pitch_class_overlap`` is 1 for equal histograms; ``same_key`` counts a relative key as the
    same; ratios are continuation over primer; distances are Wasserstein.
    Raises ValueError when one has no notes.
    """
    first, then = measure_performance(primer), measure_performance(continuation)
    steps = [np.log2(np.maximum(inter_onsets_sec(p), 0.01)) for p in (primer, continuation)]
    keys = [Key.parse(one["key"]) for one in (first, then)]
    return {
        "pitch_class_overlap": histogram_overlap(
            pitch_classes(primer), pitch_classes(continuation)
        ),
        "same_key": keys[0] == keys[1] or keys[0].relative == keys[1],
        "density_ratio": then["notes_per_second"] / first["notes_per_second"],
        "velocity_shift": then["velocity_mean"] - first["velocity_mean"],
        "velocity_distance": wasserstein(velocities(primer), velocities(continuation)),
        "inter_onset_distance_octaves": wasserstein(*steps) if all(map(len, steps)) else None,
        "duration_distance_octaves": wasserstein(
            np.log2(durations_sec(primer)), np.log2(durations_sec(continuation))
        ),
        "pitch_distance": wasserstein(primer.pitch, continuation.pitch),
    }


def split_at(notes: TickNotes, seconds: float | int) -> tuple[TickNotes, TickNotes]:
    """What begins within ``seconds`` of the first onset, and what begins later."""
    border = int(notes.onset[0]) + round(seconds * TICKS_PER_SECOND)
    return notes.select(notes.onset < border), notes.select(notes.onset >= border)


def excerpts(notes: TickNotes, seconds: float | int, most: int = 8) -> list[TickNotes]:
    """Passages of ``seconds`` that follow each other, at most ``most``, evenly spread.

    A passage needs a note in its first and last quarter, so that it really is that long.
    """
    ticks = max(1, round(seconds * TICKS_PER_SECOND))
    begin = int(notes.onset[0])
    count = (notes.ticks - begin) // ticks
    chosen = np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int))
    found = [excerpt(notes, begin + int(k) * ticks, ticks) for k in chosen] if count else []
    return [
        one
        for one in found
        if len(one) and one.onset[0] < ticks // 4 and one.onset[-1] >= 3 * ticks // 4
    ]
