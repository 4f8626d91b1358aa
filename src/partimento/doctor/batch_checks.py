"""Checks of batches and of the amount of training: pure batches, a flattered loss, few steps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from partimento.doctor.batches import batch_entropy, running_against_true
from partimento.doctor.case import Case
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.narrow import NarrowCheck
from partimento.doctor.recipe import ENOUGH_STEPS
from partimento.doctor.settings import find, flat

STILL_FALLING = 0.1
LIVE_UPDATE = 2e-4
VERY_FEW = 80
"""Steps below which a falling rate does not excuse a loss that had not settled."""
FIXED_ON = "chosen on seeds 100 to 104 of the self-test"


def class_batches_check(case: Case) -> Iterator[Finding]:
    """T4.class-pure-batches: the recorded batches hold one class each."""
    watched = case.watched
    if watched is None:
        return
    recorded = [list(map(int, batch)) for batch in watched.batch_classes_S if len(batch)]
    several = sum(len(batch) > 1 for batch in recorded)
    if several < 5 or len({name for batch in recorded for name in batch}) < 2:
        return
    measured = batch_entropy(recorded, case.rng(44))
    if not measured.bad or measured.shuffled_nats <= 0.1:
        return
    settings = flat(case.config).items()
    named = [key for key, value in settings if "batching" in key and isinstance(value, str)]
    key = named[0] if named else "batching.mode"
    finding = measured.finding(
        code="T4.class-pure-batches",
        severity="severe" if measured.pure > 0.5 else "warning",
        confidence=0.97,
        control=f"the same batches with their labels shuffled hold"
        f" {measured.shuffled_nats:.2f} nats, and {measured.shuffled_pure:.0%} of them one"
        " class: the order, not the data, makes them pure",
        remedy=f"train again with --set {key}=shuffled",
    )
    more = {"change": {key: "shuffled"}, "batches": [_counted(b) for b in recorded[:12]]}
    claim = (
        f"{measured.pure:.0%} of the recorded batches hold examples of one class only; with"
        f" shuffled labels {measured.shuffled_pure:.0%} would"
    )
    yield replace(finding, claim=claim, evidence={**finding.evidence, **more})


def _counted(batch: list[int]) -> dict[str, Any]:
    names, counts = np.unique(batch, return_counts=True)
    shown = ", ".join(f"{int(n)} ({int(c)})" for n, c in zip(names, counts, strict=True))
    return {"size": len(batch), "classes": len(names), "class (count)": shown}


def running_loss_check(case: Case) -> Iterator[Finding]:
    """T5.running-loss: the printed training loss against that of the final weights.

    The second is a row of the kind ``training_set``: ``loss`` of the final weights over the whole
    training set in evaluation mode, and ``constant`` where a constant's loss is known.
    """
    true, constant = case.column("training_set", "loss"), case.column("training_set", "constant")
    running = case.column("epoch", "train_loss")
    if not len(running):
        running = last_losses(case)
    if not len(true) or not len(running) or not (true[-1] > 0.0 and running[-1] > 0.0):
        return
    beside = float(constant[-1]) if len(constant) and math.isfinite(constant[-1]) else None
    measured = running_against_true(float(running[-1]), float(true[-1]), constant=beside)
    if not measured.bad:
        return
    yield measured.finding(
        code="T5.running-loss",
        severity="warning",
        confidence=0.9,
        control="both are means over the same examples with the same loss; the true one is of the"
        " final weights in evaluation mode, where dropout can only lower it",
        remedy="train again with --set batching.mode=shuffled, and judge by the validation loss",
    )


def _no_true_loss(case: Case) -> str:
    found = len(case.column("training_set", "loss"))
    return "" if found else "the loss of the final weights over the whole training set"


def last_losses(case: Case) -> np.ndarray:
    """(1,) mean of the last tenth of the logged step losses; empty where there are none."""
    losses = case.column("train", "loss")
    losses = losses[np.isfinite(losses)]
    return losses[-max(1, len(losses) // 10) :].mean(keepdims=True) if len(losses) else losses


def steps_check(case: Case) -> Iterator[Finding]:
    """T7.too-few-steps: a short run whose loss still fell when it ended by its own plan."""
    steps = case.column("train", "step")
    losses = case.column("train", "loss")
    if len(losses) != len(steps) or len(losses) < 8 or not np.isfinite(losses).all():
        return
    total = float(max(steps.max(), *case.column("stop", "step"), 0.0))
    reasons = {row.get("reason") for row in case.rows if row.get("kind") == "stop"}
    if total >= ENOUGH_STEPS or reasons & {"patience", "interrupted", "time_limit"}:
        return
    share = falling_share(steps, losses)
    rates = case.column("train", "lr")
    if total < VERY_FEW and len(rates) == len(losses) and (rates > 0.0).all():
        # A rate that falls to zero flattens any curve; over the sum of rates it is straight still.
        share = max(share, falling_share(np.cumsum(rates), losses))
    if share <= STILL_FALLING or not _steps_move(case):
        return
    change, remedy = _longer(case, total)
    yield Finding(
        code="T7.too-few-steps",
        severity="warning",
        claim=f"the run ends after {total:.0f} optimiser steps while its loss still falls:"
        f" {share:.0%} of the whole fall lies in the last fifth",
        measured=share,
        unit="share of the loss's fall in the last fifth of the training",
        threshold=STILL_FALLING,
        source=f"a steady straight fall has 0.2, a settled run less than 0.05; {FIXED_ON}",
        confidence=0.8,
        control=f"the steps themselves are large enough to learn (update ratio above"
        f" {LIVE_UPDATE:g} where it was recorded), and the run was not stopped early",
        remedy=remedy,
        evidence={
            "loss": {"x": steps.tolist(), "y": losses.tolist()},
            "steps": total,
            "steps that sufficed elsewhere": ENOUGH_STEPS,
            **change,
        },
    )


def falling_share(steps: np.ndarray, losses: np.ndarray) -> float:
    """Share of the loss's fall that happens in the last fifth of the steps; 0 without a fall.

    From two straight lines fitted to the last two fifths, less twice the standard error, so that
    noise alone gives nothing.
    """
    first, last = float(steps.min()), float(steps.max())
    late = steps >= last - 0.4 * (last - first)
    x, y = steps[late], losses[late]
    fall = float(losses[: max(1, len(losses) // 20)].mean() - losses[-max(1, len(x) // 4) :].mean())
    if len(x) < 4 or fall <= 0.0 or np.ptp(x) <= 0.0:
        return 0.0
    slope, level = np.polyfit(x, y, 1)
    residual = y - (slope * x + level)
    error = math.sqrt(
        float((residual**2).sum()) / (len(x) - 2) / float(((x - x.mean()) ** 2).sum())
    )
    return max(0.0, -(float(slope) + 2.0 * error) * 0.2 * (last - first) / fall)


def _steps_move(case: Case) -> bool:
    """Whether the recorded steps change the weights enough; True where nothing was recorded."""
    if case.watched is None:
        return True
    ratios = case.watched.update_ratios_SP
    live = ratios[np.isfinite(ratios) & (ratios > 0.0)]
    return not live.size or float(np.median(live)) > LIVE_UPDATE


def _longer(case: Case, total: float) -> tuple[dict[str, Any], str]:
    """A change of settings to four times the steps, at least what sufficed elsewhere."""
    times = max(4.0, ENOUGH_STEPS / max(total, 1.0))
    found = find(case.config, "max_steps", "max_epochs", "epochs", "steps")
    if found is None or isinstance(found[1], bool) or not isinstance(found[1], int | float):
        return {}, "train longer: --set training.max_epochs, or a smaller training.batch_size"
    longer = math.ceil(found[1] * times)
    return {"change": {found[0]: longer}}, f"train again with --set {found[0]}={longer}"


BATCH_CHECKS: tuple[Check, ...] = (
    Check(
        name="class-pure batches",
        known=(
            Known(
                code="T4.class-pure-batches",
                title="Batches of one class",
                meaning="Each batch holds examples of one class, so every step pulls the weights to"
                " that class and the next one pulls them away; the printed loss looks fine.",
                threshold="entropy of classes in a batch below 0.5 of that in shuffled batches",
                source="half of what shuffling gives",
                evidence="classes of the recorded batches",
                remedy="batching.mode=shuffled",
                explains=(
                    *("T5.running-loss", "T1.worse-than-constant", "T1.no-diversity"),
                    *("T2.input-ignored", "T3.ridge-gap", "R2.collapse", "R2.rank", "R4.conflict"),
                    *("R5.noisy-validation", "R6.oscillation", "R6.overfit", "R6.underfit"),
                    *("R6.plateau", "R3.spikes", "R12.overconfident", "R12.calibration"),
                    *("U1.worse-than-floor", "M3.blind-input"),
                ),
            ),
        ),
        needs=("watched.batch_classes_S",),
        run=class_batches_check,
    ),
    NarrowCheck(
        name="running loss",
        known=(
            Known(
                code="T5.running-loss",
                title="The printed training loss flatters",
                meaning="The loss printed while training is much lower than that of the final"
                " weights on the same examples: they follow each batch and forget the others.",
                threshold="(true - printed) / true above 0.2",
                source="shuffled batches stay within it once the loss is flat",
                evidence="both losses, a constant's where known",
                remedy="batching.mode=shuffled",
            ),
        ),
        needs=("rows",),
        lacks=_no_true_loss,
        run=running_loss_check,
    ),
    Check(
        name="too few steps",
        known=(
            Known(
                code="T7.too-few-steps",
                title="Too few optimiser steps",
                meaning="The run ended by its own plan while its loss still fell in a straight"
                " line. A large batch makes few steps of many epochs.",
                threshold=f"fewer than {ENOUGH_STEPS} steps, and more than {STILL_FALLING:g} of the"
                f" loss's fall in the last fifth of them (below {VERY_FEW} steps: of the sum of"
                " rates)",
                source=f"claim bench (600 steps sufficed); {FIXED_ON}",
                evidence="loss over steps",
                remedy="training.max_epochs or training.max_steps up",
                explains=(
                    *("R6.underfit", "T1.no-diversity", "T1.worse-than-constant", "R2.collapse"),
                    *("T2.input-ignored", "T3.ridge-gap", "U1.worse-than-floor"),
                ),
            ),
        ),
        needs=("rows",),
        run=steps_check,
    ),
)
