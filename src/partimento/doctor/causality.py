"""Can an output see what it must not: the future (M1), padding, its companions in a batch (M2)?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from torch import Tensor

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.probing import (
    RESIZED,
    ROUNDING,
    answer,
    difference,
    real_places,
    spread,
)
from partimento.nn import tap

POSITIONS = (0.1, 0.35, 0.6, 0.85)
"""Where the future is changed, as shares of the length; the last step too."""
PADDED_BY = (1, 7)
FOLLOWED = 4
"""Examples of a batch that are asked alone as well."""

NOT_CAUSAL = Known(
    code="M1.not-causal",
    title="The model sees the future",
    meaning="Outputs change when inputs of later steps do. In training the model reads off what it"
    " should foretell; in generation, where the future is missing, it knows nothing.",
    threshold=f"a relative change of {ROUNDING:g} of any output before the changed step",
    source="definition; the tolerance is float32 rounding (one part in 1.7e7 an operation)",
    evidence="per changed step: the largest change before it, how many steps before it the first"
    " changed output lies, and the change after it",
    remedy="mask attention over time causally and shift the targets by one step",
    explains=(
        "R6.overfit", "R6.plateau", "R12.calibration", "R12.overconfident", "R12.loops",
        "R13.memorised", "U2.accuracy-against-loss", "R1.peaked", "R11.idle-level",
        "M3.blind-channel", "R9.dead-conditioning",
    ),
)  # fmt: skip
PADDING = Known(
    code="M2.padding",
    title="Padding changes the outputs",
    meaning="The same example has other outputs when empty steps are added behind it: figures"
    " depend on the longest example of the batch.",
    threshold=f"a relative change of {RESIZED:g}",
    source="ten times the float32 rounding of sums in another order",
    evidence="largest change by number of added steps",
    remedy="mask padding in attention, in pooling and in normalisation",
    explains=("R5.noisy-validation",),
)
BATCH = Known(
    code="M2.batch",
    title="Outputs depend on the companions",
    meaning="In evaluation mode an example has other outputs alone than beside other examples.",
    threshold=f"a relative change of {RESIZED:g}",
    source="ten times the float32 rounding of sums in another order",
    evidence="largest change of each example that was asked alone",
    remedy="keep the batch axis out of every mean, softmax and normalisation; use layer norm",
    explains=("R5.noisy-validation", "M6.batch-dependence", "M2.padding"),
)


def _noise(probe: Probe, batch: Any, outputs: Tensor, scale: float) -> float:
    """Relative difference of two equal questions: 0 unless the model draws random numbers."""
    return float(difference(outputs, answer(probe, batch)).max()) / scale


def leaks(probe: Probe, batch: Any, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Per changed step: relative change of the outputs before and after it, and how far back.

    Raises ValueError for a probe that cannot change the future.
    """
    if probe.change_from is None:
        raise ValueError("this probe cannot change inputs from a step on")
    outputs = answer(probe, batch)
    where = real_places(probe, batch, outputs)
    scale, steps, rows = spread(outputs, where), outputs.shape[1], []
    for step in sorted({max(1, int(share * steps)) for share in POSITIONS} | {steps - 1}):
        if not 1 <= step < steps:
            continue
        changed = difference(outputs, answer(probe, probe.change_from(batch, step, rng))) / scale
        # What is answered on padding means nothing and may change.
        changed = changed * where.reshape(*where.shape, *(1,) * (changed.ndim - where.ndim))
        by_step = changed.nan_to_num(0.0).transpose(0, 1).flatten(1).amax(1)
        before = by_step[:step]
        touched = (before > ROUNDING).nonzero()
        rows.append(
            {
                "changed_from_step": step,
                "before": float(before.max()),
                "after": float(by_step[step:].max()),
                "steps_back": step - int(touched[0]) if len(touched) else 0,
            }
        )
    return rows


def causality(case: Case) -> Iterable[Finding]:
    """M1: change the future, look at the past."""
    probe = case.probe
    if probe is None or not probe.causal:
        return
    batch, rng = probe.batches[0], case.rng(1, 1)
    outputs = answer(probe, batch)
    noise = _noise(probe, batch, outputs, spread(outputs))
    rows = leaks(probe, batch, rng)
    path = "plain"
    if probe.attention_taps and not _leaky(rows, noise):
        # Watched attention takes another path through the code; its mask may differ.
        with tap.listen():
            rows, path = leaks(probe, batch, rng), "watched"
    if not _leaky(rows, noise):
        return
    worst = max(rows, key=lambda row: row["before"])
    yield Finding(
        code=NOT_CAUSAL.code,
        severity="severe",
        claim=f"changing the inputs from step {worst['changed_from_step']:.0f} on changes outputs"
        f" up to {worst['steps_back']:.0f} steps before it, by {worst['before']:.2g} of their"
        " spread: the model sees the future",
        measured=worst["before"],
        unit="largest change of an earlier output / standard deviation of outputs",
        threshold=max(ROUNDING, 10.0 * noise),
        source=NOT_CAUSAL.source,
        confidence=0.99,
        control=f"the same question asked twice differs by {noise:.1g}; outputs from the changed"
        f" step on change by {worst['after']:.2g}; {len(rows)} steps were tried",
        remedy=NOT_CAUSAL.remedy,
        evidence={"steps": rows, "noise": noise, "path": path},
    )


def _leaky(rows: list[dict[str, Any]], noise: float) -> bool:
    return any(row["before"] > max(ROUNDING, 10.0 * noise) for row in rows)


def padding(case: Case) -> Iterable[Finding]:
    """M2: the same examples with more empty steps behind them."""
    probe = case.probe
    if probe is None or probe.padded is None:
        return
    batch = probe.batches[0]
    outputs = answer(probe, batch)
    where, scale = real_places(probe, batch, outputs), spread(outputs)
    noise, changes = _noise(probe, batch, outputs, scale), {}
    for more in PADDED_BY:
        changes[str(more)] = _padding_change(probe, batch, more, outputs, where) / scale
    measured, limit = max(changes.values()), max(RESIZED, 10.0 * noise)
    if measured <= limit:
        return
    yield Finding(
        code=PADDING.code,
        severity="severe" if measured > 0.01 else "warning",
        claim=f"empty steps behind an example change its outputs by up to {measured:.2g} of their"
        " spread",
        measured=measured,
        unit="largest change / standard deviation of outputs",
        threshold=limit,
        source=PADDING.source,
        confidence=0.98,
        control=f"only outputs of real steps are compared; the same question asked twice differs"
        f" by {noise:.1g}",
        remedy=PADDING.remedy,
        evidence={"by_added_steps": changes, "noise": noise},
    )


def _padding_change(probe: Probe, batch: Any, more: int, outputs: Tensor, where: Tensor) -> float:
    """Largest change at places that are real with and without the added steps."""
    assert probe.padded is not None
    other = probe.padded(batch, more)
    longer = answer(probe, other)
    still = real_places(probe, other, longer)
    if probe.steps is not None and outputs.ndim > 1:
        # A model of a fixed length makes room by losing its last steps.
        shared = min(outputs.shape[1], longer.shape[1])
        outputs, longer = outputs[:, :shared], longer[:, :shared]
        where, still = (w[:, :shared] if w.ndim > 1 else w for w in (where, still))
    apart = difference(outputs, longer)[where & still]
    return float(apart.max()) if apart.numel() else 0.0


def companions(case: Case) -> Iterable[Finding]:
    """M2: examples alone and in their batch."""
    probe = case.probe
    if probe is None or probe.part is None:
        return
    batch = probe.batches[0]
    outputs = answer(probe, batch)
    where, scale = real_places(probe, batch, outputs), spread(outputs)
    noise, changes = _noise(probe, batch, outputs, scale), []
    for example in range(min(FOLLOWED, len(outputs))):
        changes.append(_alone(probe, batch, example, outputs, where) / scale)
    measured, limit = max(changes, default=0.0), max(RESIZED, 10.0 * noise)
    if len(outputs) < 2 or measured <= limit:
        return
    yield Finding(
        code=BATCH.code,
        severity="severe" if measured > 0.01 else "warning",
        claim=f"in evaluation mode an example's outputs differ by up to {measured:.2g} of their"
        " spread between alone and in a batch",
        measured=measured,
        unit="largest change / standard deviation of outputs",
        threshold=limit,
        source=BATCH.source,
        confidence=0.98,
        control=f"the batch with all its examples, asked twice, differs by {noise:.1g}; only"
        " outputs of real steps are compared",
        remedy=BATCH.remedy,
        evidence={"by_example": changes, "noise": noise},
    )


def _alone(probe: Probe, batch: Any, example: int, outputs: Tensor, where: Tensor) -> float:
    assert probe.part is not None
    alone, together = answer(probe, probe.part(batch, [example]))[0], outputs[example]
    real = where[example]
    if alone.ndim > 1 and alone.shape[0] != together.shape[0]:
        shared = min(alone.shape[0], together.shape[0])
        alone, together = alone[:shared], together[:shared]
        real = real[:shared] if real.ndim else real
    apart = difference(together, alone)
    apart = apart[real] if real.ndim else apart
    return float(apart.max()) if apart.numel() else 0.0


CHECKS = (
    Check(
        name="causality",
        known=(NOT_CAUSAL,),
        needs=("probe", "probe.batches", "probe.steps", "probe.change_from"),
        run=causality,
    ),
    Check(name="padding", known=(PADDING,), needs=("probe.batches", "probe.padded"), run=padding),
    Check(name="companions", known=(BATCH,), needs=("probe.batches", "probe.part"), run=companions),
)
