"""The rules by which figures become verdicts; nothing else in the claim bench decides.

Each takes figures and returns the verdict with a sentence; each has its rule as text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Verdict = Literal["true", "false", "artefact", "no effect"]

GAP = 0.05
"""Difference of top-1 that counts: five points."""
LEAST_R2 = 0.01
"""Difference of R2 that counts, where an interval holds it apart from zero."""
_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365}
"""97.5 % quantiles of Student's t by the number of differences."""


@dataclass(frozen=True, slots=True)
class Compared:
    """Paired differences over seeds."""

    mean: float
    low: float
    high: float
    """95 % interval of the mean (Student's t); infinite for a single seed."""


def compared(ours: Sequence[float], theirs: Sequence[float]) -> Compared:
    """Ours less theirs, seed by seed.  Raises ValueError for no seed or lengths that differ."""
    if len(ours) != len(theirs) or not ours:
        raise ValueError("paired differences need the same seeds on both sides")
    differences = np.subtract(ours, theirs)
    mean, n = float(differences.mean()), len(differences)
    if n == 1:
        return Compared(mean, -math.inf, math.inf)
    half = _T.get(n, 1.96) * float(differences.std(ddof=1)) / math.sqrt(n)
    return Compared(mean, mean - half, mean + half)


LARGE_BATCHES = (
    f"true: at equal epochs batch 32 is {GAP} top-1 or more below batch 1 or 8; because of fewer"
    " steps: at equal steps that gap is less than a third of it; false: batch 32 is better by as"
    " much; otherwise no effect"
)


def large_batches(gap_epochs: float, gap_steps: float) -> tuple[Verdict, str]:
    """Gaps of top-1, the better of batch 1 and 8 less batch 32, at equal epochs and steps."""
    figures = f"{gap_epochs:+.2f} top-1 at equal epochs, {gap_steps:+.2f} at equal steps"
    if gap_epochs <= -GAP:
        return "false", f"large batches are better: {figures}"
    if gap_epochs < GAP:
        return "no effect", figures
    because = gap_steps < gap_epochs / 3.0
    return "true", figures + (": because of fewer steps" if because else ": not only by the steps")


GRADIENTS = (
    "false: where the network can only answer the mean (every clip sounds the same to it) the mean"
    " cosine is within a tenth of -1/(K-1) for classes and for chance groups alike; where it"
    " answers the mean of real clips, targets ten times nearer give the same cosine within a tenth;"
    " at most a quarter of the classes is harmed by a common step beyond shuffled labels; and the"
    " same network learns to 0.6 top-1; otherwise true"
)


def gradients(
    deaf: Sequence[float],
    far_and_near: Sequence[float],
    null: float,
    harmed_beyond: float,
    top1: float,
) -> tuple[Verdict, str]:
    """Mean cosines: ``deaf`` of classes and chance groups, then for far and near targets."""
    forced = all(abs(c - null) <= 0.1 * abs(null) for c in deaf)
    far, near = far_and_near
    alike = abs(far - near) <= 0.1 * max(abs(far), abs(near))
    figures = (
        f"{null:+.3f} is forced: {deaf[0]:+.3f} for classes and {deaf[1]:+.3f} for chance groups"
        f" where all clips sound the same; with real clips {far:+.3f} for targets far apart,"
        f" {near:+.3f} near together; top-1 after training {top1:.2f}"
    )
    if forced and alike and harmed_beyond <= 0.25 and top1 >= 0.6:
        return "false", f"a symptom of predicting the mean: {figures}"
    return "true", figures


LOSS_SCALE = (
    "artefact: the ratio is above 5 with targets scaled 1 to 8 and within 0.8 to 1.25 at equal"
    " scale; true: still above 1.25 at equal scale; otherwise no effect"
)


def loss_scale(scaled: float, equal: float) -> tuple[Verdict, str]:
    """Ratios of the heterogeneous loss to the homogeneous one."""
    figures = f"{scaled:.2f}-fold with targets scaled 1 to 8, {equal:.3f}-fold at equal scale"
    if equal > 1.25:
        return "true", figures
    if scaled > 5.0 and equal >= 0.8:
        return "artefact", figures
    return "no effect", figures


NORMALISATION = (
    "false: in training mode LayerNorm and GroupNorm give a sample exactly the same in every"
    " batch, and BatchNorm does not; otherwise true"
)


def normalisation(layer: float, group: float, batch: float) -> tuple[Verdict, str]:
    """Largest change of a sample's output with its companions, by normalisation."""
    figures = f"LayerNorm {layer:.3g}, GroupNorm {group:.3g}, BatchNorm {batch:.3g}"
    return ("false" if layer == 0.0 and group == 0.0 and batch > 0.1 else "true"), figures


PURE_BATCHES = (
    f"true: {GAP} top-1 or more above shuffled batches of the same size and epochs; false: as"
    " much below, in either order of the batches; otherwise no effect"
)


def pure_batches(shuffled: float, pure: Sequence[float]) -> tuple[Verdict, str]:
    """Mean top-1 with shuffled batches, and with class-pure ones in each order."""
    figures = f"top-1 {' and '.join(f'{p:.2f}' for p in pure)} against {shuffled:.2f} shuffled"
    if min(pure) <= shuffled - GAP:
        return "false", f"and harmful: {figures}"
    if max(pure) >= shuffled + GAP:
        return "true", figures
    return "no effect", figures


GOOD_LOSS = (
    "false: for at least one target of the bank answering the mean already makes less than the"
    " band's upper end, 0.26; otherwise true"
)
BAND = (0.15, 0.26)


def good_loss(constants: dict[str, float]) -> tuple[Verdict, str]:
    """Loss of a constant answer by target."""
    figures = ", ".join(f"{name} {value:.3g}" for name, value in constants.items())
    low = min(constants.values()) <= BAND[1]
    return ("false" if low else "true"), f"a constant answer makes {figures}"


HELP = (
    f"by the 95 % interval of the paired difference of R2 over seeds: true where it is above 0"
    f" and the mean at least {LEAST_R2}; false where it is below 0 and the mean at most"
    f" -{LEAST_R2}; otherwise no effect"
)


def helps(difference: Compared) -> tuple[Verdict, str]:
    """Paired differences of R2, with the option less without."""
    d = difference
    figures = f"R2 {d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f})"
    if d.low > 0.0 and d.mean >= LEAST_R2:
        return "true", figures
    if d.high < 0.0 and d.mean <= -LEAST_R2:
        return "false", figures
    return "no effect", figures


LIGHT_RECIPE = (
    "true: at equal epochs the mean top-1 of the light recipe differs by at most 0.10 between"
    " batch 1, 8, 16 and 32, and by less than half of the source's spread; otherwise false"
)


def light_recipe(source: Sequence[float], light: Sequence[float]) -> tuple[Verdict, str]:
    """Mean top-1 by batch size."""
    of_source, of_light = max(source) - min(source), max(light) - min(light)
    figures = f"top-1 differs by {of_light:.2f}, the source's by {of_source:.2f}"
    return ("true" if of_light <= 0.1 and of_light < of_source / 2 else "false"), figures
