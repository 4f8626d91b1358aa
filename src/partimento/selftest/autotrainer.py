"""AutoTrainer's training problems as rules, with their published default thresholds.

Zhang, Zhai, Ma and Shen, "AutoTrainer: An automatic DNN training problem detection and repair
system", ICSE 2021: vanishing gradient, exploding gradient, dying ReLU, oscillating loss and slow
convergence; the published program adds "not converging".  All thresholds here are written down
from memory of that paper and its program, and are marked so in the table.

Its accuracy gate (a problem counts only while the accuracy is at most Theta) is kept.  Where a
model has no accuracy the share of the first loss that is gone stands in for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partimento.selftest.rules import Rule, Seen

BETA_1 = 1e-3
"""Least ratio of the first layer's gradient to the last one's."""
BETA_2 = 1e-4
"""Least mean absolute gradient."""
BETA_3 = 70.0
"""Largest ratio of the first layer's gradient to the last one's."""
GAMMA = 0.7
"""Largest share of dead units in a layer."""
ZETA = 0.03
"""Least swing of the accuracy that counts as one."""
ETA = 0.2
"""Largest share of validations that are swings."""
DELTA = 0.01
"""Least change of the accuracy from one validation to the next."""
THETA = 0.6
"""Accuracy above which nothing is a problem."""


def _held_back(seen: Seen) -> bool:
    """Whether the accuracy stays at or below Theta (NaN counts as staying)."""
    values = seen.accuracy[1]
    return not len(values) or not bool(np.nanmax(np.append(values, -1.0)) > THETA)


def _ends(seen: Seen) -> tuple[np.ndarray, np.ndarray]:
    """Mean absolute gradients (S,) of the first and last blocks that have any."""
    gradients_SP = seen.mean_gradients_SP
    if not gradients_SP.size:
        return np.array([]), np.array([])
    live = np.flatnonzero(np.nan_to_num(gradients_SP).max(axis=0) > 0.0)
    if len(live) < 2:
        zero = np.zeros(len(gradients_SP))
        return zero, zero
    return gradients_SP[:, live[0]], gradients_SP[:, live[-1]]


def _vanishing(seen: Seen) -> int | None:
    first_S, last_S = _ends(seen)
    if not len(first_S) or not _held_back(seen):
        return None
    ratio_S = first_S / np.maximum(last_S, 1e-30)
    return seen.first_step((ratio_S < BETA_1) | (np.maximum(first_S, last_S) < BETA_2))


def _exploding(seen: Seen) -> int | None:
    first_S, last_S = _ends(seen)
    if seen.watched is None or not len(first_S):
        return None
    broken_S = ~np.isfinite(first_S + last_S + np.asarray(seen.watched.losses_S))
    if seen.broken_loss is not None:
        return seen.broken_loss
    if not _held_back(seen):
        return seen.first_step(broken_S)
    return seen.first_step(broken_S | (first_S / np.maximum(last_S, 1e-30) > BETA_3))


def _dying(seen: Seen) -> int | None:
    if seen.watched is None or not _held_back(seen):
        return None
    dead_SP = np.nan_to_num(np.asarray(seen.watched.dead_SP, dtype=np.float64), nan=0.0)
    return seen.first_step((dead_SP > GAMMA).any(axis=1)) if dead_SP.size else None


def _moves(values: np.ndarray) -> np.ndarray:
    """Change from each validation to the next; 0 where a loss is no number any more."""
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.diff(values), posinf=0.0, neginf=0.0)


def _oscillating(seen: Seen) -> int | None:
    steps, values = seen.accuracy
    if len(values) < 4:
        return None
    moves = _moves(values)
    turns = (moves[1:] * moves[:-1] < 0.0) & (np.abs(moves[1:]) >= ZETA)
    if turns.mean() < ETA:
        return None
    return int(steps[np.flatnonzero(turns)[0] + 2])


def _slow(seen: Seen) -> int | None:
    steps, values = seen.accuracy
    if len(values) < 3 or not _held_back(seen):
        return None
    half = max(2, len(values) // 2)
    return int(steps[half]) if np.abs(_moves(values[: half + 1])).mean() < DELTA else None


def _not_converging(seen: Seen) -> int | None:
    steps, values = seen.accuracy
    if len(values) < 3 or not _held_back(seen):
        return None
    return int(steps[-1]) if not values[-1] > values[0] + DELTA else None


def _rule(
    name: str, fires: Callable[[Seen], int | None], note: str = "", **defaults: float
) -> Rule:
    return Rule(name=name, defaults=defaults, remembered=tuple(defaults), fires=fires, note=note)


AUTOTRAINER: tuple[Rule, ...] = (
    _rule("exploding_gradient", _exploding, beta_3=BETA_3, Theta=THETA),
    _rule("vanishing_gradient", _vanishing, beta_1=BETA_1, beta_2=BETA_2, Theta=THETA),
    _rule("dying_relu", _dying, gamma=GAMMA, Theta=THETA),
    _rule("oscillating_loss", _oscillating, zeta=ZETA, eta=ETA),
    _rule("slow_convergence", _slow, "over the first half of the run", delta=DELTA, Theta=THETA),
    _rule("not_converging", _not_converging, "at the end of the run", delta=DELTA, Theta=THETA),
)
