"""Batch sizes compared at equal epochs and at equal steps.   (R10)"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from partimento.doctor.case import Case
from partimento.doctor.checks import Check, Known
from partimento.doctor.curves import Curve, noise, validation_curve
from partimento.doctor.finding import Finding
from partimento.doctor.remedies import whole_change
from partimento.doctor.settings import flat, number

STEPS_APART = 1.5
"""Runs whose numbers of steps are nearer than this say nothing about steps."""
EXPLAINED = 0.5
INCIDENTAL = (
    "seed", "name", "max_steps", "max_epochs", "total_steps", "validate_steps", "log_every",
    "watch_every", "checkpoint_every", "batch_size", "accumulate",
)  # fmt: skip
"""Settings that a fair comparison of batch sizes may change."""


def _compare(case: Case) -> Iterator[Finding]:
    mine = validation_curve(case).finite
    for other in case.others:
        theirs = validation_curve(other).finite
        size, other_size = _size(case), _size(other)
        if size is None or other_size is None or size == other_size:
            continue
        if len(mine) < 4 or len(theirs) < 4 or not _comparable(case, other):
            continue
        large, small = (mine, theirs) if size > other_size else (theirs, mine)
        sizes = (max(size, other_size), min(size, other_size))
        yield from _pair(case, large, small, sizes, other.name)


def _size(case: Case) -> float | None:
    batch = number(case.config, "batch_size")
    return None if batch is None else batch * (number(case.config, "accumulate") or 1.0)


def _comparable(one: Case, two: Case) -> bool:
    """Nothing but the batch size (and what counts steps) differs."""
    a, b = (
        {k: v for k, v in flat(c.config).items() if k.rpartition(".")[2] not in INCIDENTAL}
        for c in (one, two)
    )
    return a == b


def _pair(
    case: Case, large: Curve, small: Curve, sizes: tuple[float, float], name: str
) -> Iterator[Finding]:
    """The larger batch looks worse at its end; is it, after as many steps?"""
    last = float(large.steps[-1])
    if small.steps[-1] < STEPS_APART * last:
        return
    scatter = float(np.hypot(noise(large.values), noise(small.values)))
    at_epochs = float(large.values[-1] - small.values[-1])
    at_steps = float(large.values[-1] - small.at(last))
    if at_epochs <= max(4.0 * scatter, 0.02 * abs(float(small.values[-1]))):
        return
    if at_steps > EXPLAINED * at_epochs:
        return
    ratio = float(small.steps[-1] / last)
    yield Finding(
        code="R10.steps-not-batch",
        severity="warning",
        claim=f"batch {sizes[0]:g} looks worse than {sizes[1]:g} by {at_epochs:.3g} after the same"
        f" epochs, but it had {ratio:.3g} times fewer steps; after {last:g} steps each the"
        f" difference is {at_steps:.3g}",
        measured=at_steps / at_epochs,
        unit="difference at equal steps / difference at equal epochs",
        threshold=EXPLAINED,
        source="less than half of the difference is left once both have had the same steps",
        confidence=0.85,
        control=f"the noise between validations of the two is {scatter:.2g}, and no other setting"
        " differs",
        remedy="give the larger batch as many steps, and scale its rate, before blaming the batch",
        evidence={
            "other": name,
            "larger_batch": large.rows(),
            "smaller_batch": small.rows(),
            **_more_steps(case, ratio, sizes[0]),
        },
    )


def _more_steps(case: Case, ratio: float, larger: float) -> dict[str, Any]:
    """The change for this run, where it is the one with the larger batch."""
    if _size(case) != larger:
        return {}
    name = "max_steps" if number(case.config, "max_steps") else "max_epochs"
    return whole_change(case, name, lambda count: int(np.ceil(count * ratio)))


CHECKS: tuple[Check, ...] = (
    Check(
        name="batch sizes at equal steps",
        known=(
            Known(
                code="R10.steps-not-batch",
                title="Fewer steps, not the larger batch",
                meaning="Runs with different batch sizes were compared after the same epochs, so"
                " the larger batch had fewer steps; at equal steps the difference goes.",
                threshold="less than half of the difference at equal epochs is left at equal steps",
                source="arithmetic: steps = epochs x examples / batch",
                evidence="both curves over steps",
                remedy="as many steps for the larger batch",
            ),
        ),
        needs=("rows", "others"),
        run=_compare,
    ),
)
