"""How well a way of playing foretells what pianists did: correlation and share explained.

Three quantities are measured within a section, less its mean: the slowness of each beat, the
velocity and the articulation of each note.  Shape suffixes: N notes, B beats.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from partimento.music.barpiece import TICKS
from partimento.music.expression import Played
from partimento.music.expression_pairs import Pair
from partimento.music.expression_targets import articulation, slowness

QUANTITIES: tuple[str, ...] = ("tempo", "velocity", "articulation")
_ALONE_SEC = 0.5 / TICKS
"""Seconds of a tick where a single onset tells no tempo: 120 quarters a minute."""


@dataclass(frozen=True, slots=True)
class Quantities:
    """``tempo`` (B - 1,) log slowness of beats; ``velocity`` and ``articulation`` (N,).

    Velocity is in standard deviations of the section.  Unknown notes are NaN.
    """

    tempo: np.ndarray
    velocity: np.ndarray
    articulation: np.ndarray


def quantities_of(pair: Pair) -> Quantities:
    """What the pianist did."""
    found = pair.found
    velocity = np.where(found, pair.velocity, np.nan)
    held = np.where(found, pair.key_up_sec - pair.onset_sec, 1.0)
    bound = articulation(pair.piece.onset, pair.piece.duration, held, pair.beat_tick, pair.beat_sec)
    return Quantities(
        slowness(pair.beat_tick, pair.beat_sec),
        (velocity - np.nanmean(velocity)) / max(float(np.nanstd(velocity)), 1.0),
        np.where(found, bound - bound[found].mean(), np.nan),
    )


def quantities_played(played: Played, beat_tick: np.ndarray, spread: float) -> Quantities:
    """The same of a played piece, at the same beats; play it without the pedal.

    A beat is when its notes begin, or between its neighbours where none does.  ``spread``: MIDI
    velocities in one standard deviation, to say how large the deviations are meant.
    """
    piece = played.piece
    tick, of = np.unique(piece.onset, return_inverse=True)
    when = np.bincount(of, weights=played.onset_sec) / np.bincount(of)
    beat_sec = np.maximum.accumulate(_through(beat_tick, tick, when))
    beat_sec = beat_sec + 1e-6 * np.arange(len(beat_sec))
    bound = articulation(
        piece.onset, piece.duration, played.offset_sec - played.onset_sec, beat_tick, beat_sec
    )
    velocity = (played.velocity - played.velocity.mean()) / spread
    return Quantities(slowness(beat_tick, beat_sec), velocity, bound - bound.mean())


def _through(x: np.ndarray, known: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Linear interpolation; beyond both ends at the mean slope."""
    if len(known) < 2:
        return np.asarray(value[0] + (x - known[0]) * _ALONE_SEC)
    slope = (value[-1] - value[0]) / (known[-1] - known[0])
    inside = np.interp(x, known, value)
    beyond = np.minimum(x - known[0], 0) + np.maximum(x - known[-1], 0)
    return np.asarray(inside + slope * beyond)


def mean_quantities(several: Sequence[Quantities]) -> Quantities:
    """The mean of several players of the same section; what nobody played is NaN."""

    def mean(name: str) -> np.ndarray:
        table = np.stack([getattr(one, name) for one in several])
        known = ~np.isnan(table)
        total = np.where(known, table, 0.0).sum(axis=0)
        return np.where(known.any(axis=0), total / np.maximum(known.sum(axis=0), 1), np.nan)

    return Quantities(*(mean(name) for name in QUANTITIES))


def agreement(real: np.ndarray, told: np.ndarray) -> tuple[float, float]:
    """Correlation, and share of the squared deviations that is explained, both about the mean.

    What does not vary has the correlation 0: it tells nothing.  NaN where too little is known.
    """
    known = ~(np.isnan(real) | np.isnan(told))
    if known.sum() < 8:
        return float("nan"), float("nan")
    x, y = real[known] - real[known].mean(), told[known] - told[known].mean()
    total, own = float(x @ x), float(y @ y)
    if total == 0.0:
        return float("nan"), float("nan")
    correlation = float(x @ y) / np.sqrt(total * own) if own > 1e-12 else 0.0
    return float(correlation), 1.0 - float((x - y) @ (x - y)) / total


def agreements(real: Quantities, told: Quantities) -> dict[str, float]:
    """Both measures of every quantity: ``tempo_r``, ``tempo_explained`` and so on."""
    row: dict[str, float] = {}
    for name in QUANTITIES:
        r, explained = agreement(getattr(real, name), getattr(told, name))
        row |= {f"{name}_r": r, f"{name}_explained": explained}
    return row


def by_work(
    rows: Sequence[tuple[str, Mapping[str, float]]], seed: int = 0, draws: int = 2000
) -> dict[str, dict[str, float]]:
    """Mean over works of each measure with a 95 % interval from a bootstrap over works.

    ``rows``: work and measures of each of its performed sections; a work counts once.
    """
    works = sorted({work for work, _ in rows})
    names = sorted({name for _, row in rows for name in row})
    table = np.full((len(works), len(names)), np.nan)
    for w, work in enumerate(works):
        values = [[row[name] for name in names] for own, row in rows if own == work]
        known = np.array(values, dtype=np.float64)
        for n in np.flatnonzero((~np.isnan(known)).any(axis=0)).tolist():
            table[w, n] = np.nanmean(known[:, n])
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(works), size=(draws, len(works)))
    result = {}
    for n, name in enumerate(names):
        column = table[:, n]
        if np.isnan(column).all():
            continue
        picked = column[drawn]
        means = np.nansum(picked, axis=1) / np.maximum((~np.isnan(picked)).sum(axis=1), 1)
        low, high = np.quantile(means, [0.025, 0.975])
        result[name] = {
            "mean": round(float(np.nanmean(column)), 4), "low": round(float(low), 4),
            "high": round(float(high), 4), "works": int((~np.isnan(column)).sum()),
        }  # fmt: skip
    return result
