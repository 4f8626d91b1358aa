"""What drives a score: kinds of statistics, single statistics, and bars, one by one taken away.

Occlusion (Zeiler and Fergus 2014): a part of the input is set to what is typical, and the change
of the score is what the part contributed.  A positive effect means that the part pushes the score
up, towards the high pole.  Effects do not add up to the score: parts that tell the same thing can
stand in for one another.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.music.dimensions import NAMES
from partimento.tasks.critique.interface import Critic

SHOWN = 3
"""So many of each kind are told for each dimension."""
LEAST_EFFECT = 0.005
"""Smaller changes are not told: a listener's rating has steps of about 0.17 (seven points)."""
_SPAN = r"(\d+(?:\.\d+)?)\s*(?:-|to)\s*(\d+(?:\.\d+)?)"
_SECONDS = re.compile(rf"{_SPAN}\s*s\b|\bseconds\s+{_SPAN}")


@dataclass(frozen=True, slots=True)
class Effects:
    """What taking each part away does to the scores: before minus after.

    ``group_effect`` (G, 19), ``feature_effect`` (F, 19), ``bar_effect`` (M, 19); ``value`` and
    ``typical`` (F,) of the statistics, NaN where not known.
    """

    groups: tuple[str, ...]
    group_effect: np.ndarray
    features: tuple[str, ...]
    feature_effect: np.ndarray
    bars: tuple[str, ...]
    bar_effect: np.ndarray
    value: np.ndarray
    typical: np.ndarray

    def report(self, dimension: int) -> dict[str, list[dict[str, Any]]]:
        """The strongest parts of each kind for one dimension."""
        groups = [
            {"name": self.groups[i], "effect": effect}
            for i, effect in _strongest(self.group_effect[:, dimension])
        ]
        features = [
            {
                "name": self.features[i],
                "value": _short(self.value[i]),
                "typical": _short(self.typical[i]),
                "effect": effect,
            }
            for i, effect in _strongest(self.feature_effect[:, dimension])
        ]
        bars = [
            {"where": self.bars[i], "effect": effect}
            for i, effect in _strongest(self.bar_effect[:, dimension])
        ]
        return {"groups": groups, "features": features, "bars": bars}


def effects(
    critic: Critic,
    names: Sequence[str],
    values: np.ndarray,
    variants_MF: np.ndarray,
    left_out: Sequence[str],
) -> Effects:
    """Effects of all groups, all statistics and all bars of one clip; ``values`` (F,)."""
    typical, _ = critic.typical()
    groups = critic.groups()
    rows = [values]
    rows += [_replaced(values, typical, list(places)) for places in groups.values()]
    rows += [_replaced(values, typical, [place]) for place in range(len(names))]
    scores = critic.predict(np.concatenate([np.stack(rows), variants_MF.reshape(-1, len(names))]))
    change = scores[:1] - scores[1:]
    first, second = len(groups), len(groups) + len(names)
    return Effects(
        groups=tuple(groups),
        group_effect=change[:first],
        features=tuple(names),
        feature_effect=change[first:second],
        bars=tuple(left_out),
        bar_effect=change[second:],
        value=values,
        typical=typical,
    )


def swapped(critic: Critic, ours: np.ndarray, theirs: np.ndarray) -> dict[str, np.ndarray]:
    """What each group contributes to the difference of two clips: {group: (19,)}.

    The mean of two ways: the group of the second given to the first, and the other way round.
    """
    rows = [ours, theirs]
    groups = critic.groups()
    for places in groups.values():
        rows.append(_replaced(ours, theirs, list(places), known=False))
        rows.append(_replaced(theirs, ours, list(places), known=False))
    scores = critic.predict(np.stack(rows))
    found = {}
    for number, name in enumerate(groups):
        into_ours, into_theirs = scores[2 + 2 * number], scores[3 + 2 * number]
        found[name] = ((scores[0] - into_ours) + (into_theirs - scores[1])) / 2
    return found


def marked_bars(found: Effects, width: np.ndarray, most: int = SHOWN) -> list[dict[str, Any]]:
    """The bars that matter most for all scores together, in the order of the music.

    Effects count in units of the scores' interval widths (19,).  ``seconds`` is there where the
    bar's name tells it; ``dimensions`` are those that the bar moves most.
    """
    if len(found.bars) < 2:
        return []
    share = np.abs(found.bar_effect) / np.maximum(width, 1e-6)
    # In a short passage not every bar can matter most.
    most = min(most, max(1, len(found.bars) // 3))
    chosen = np.argsort(-share.mean(axis=1), kind="stable")[:most]
    rows = []
    for bar in sorted(chosen.tolist()):
        moved = np.argsort(-share[bar], kind="stable")[:2]
        span = seconds_of(found.bars[bar])
        rows.append(
            {
                "where": found.bars[bar],
                "seconds": None if span is None else list(span),
                "dimensions": {
                    NAMES[d]: round(float(found.bar_effect[bar, d]), 4) for d in moved.tolist()
                },
            }
        )
    return rows


def seconds_of(where: str) -> tuple[float, float] | None:
    """The seconds from the first note on that the name of a bar tells.

    >>> seconds_of("bar 3 (4.2-6.1 s)"), seconds_of("seconds 2 to 4"), seconds_of("bar 3")
    ((4.2, 6.1), (2.0, 4.0), None)
    """
    found = _SECONDS.search(where)
    if found is None:
        return None
    start, end = found[1] or found[3], found[2] or found[4]
    return float(start), float(end)


def _replaced(
    values: np.ndarray, others: np.ndarray, places: list[int], *, known: bool = True
) -> np.ndarray:
    """The statistics with others' in some places; with ``known`` what is unknown stays so."""
    copy = values.copy()
    wanted = [p for p in places if not known or np.isfinite(values[p])]
    copy[wanted] = others[wanted]
    return copy


def _strongest(effect: np.ndarray) -> list[tuple[int, float]]:
    order = np.argsort(-np.abs(effect), kind="stable")[:SHOWN]
    return [
        (i, round(float(effect[i]), 4)) for i in order.tolist() if abs(effect[i]) >= LEAST_EFFECT
    ]


def _short(value: float | np.floating) -> float | None:
    """Four significant digits; None where not known."""
    return float(f"{value:.4g}") if np.isfinite(value) else None
