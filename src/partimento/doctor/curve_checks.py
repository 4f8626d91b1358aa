"""What the curves of a run say: over- and under-fitting, rests, swings, NaN.   (R5, R6)

Shape suffix: S points of a curve.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from partimento.doctor.case import Case
from partimento.doctor.checks import Check, Known
from partimento.doctor.curves import (
    Curve,
    ending,
    noise,
    running_median,
    same_length,
    training_curve,
    validation_curve,
)
from partimento.doctor.finding import Finding
from partimento.doctor.remedies import lower_rate, setting_change, whole_change
from partimento.doctor.settings import find

OVERFIT_RISE = 0.15
OVERFIT_SHARE = 0.1
LEARNT_LITTLE = 0.03
STILL_FALLING = 0.3
PLATEAU_SHARE = 0.4
PLATEAU_AFTER = 0.3
ABOVE_START = 0.1
NOISY_SHARE = 0.1
NOISY_LEVEL = 0.05
SUITE = "fixed on small trainings of four architectures, seeds 100-104, and on finished runs"


# -- numbers -------------------------------------------------------------------------------------


def _not_finite(case: Case) -> Iterator[Finding]:
    """A loss, a figure or a gradient that is no number."""
    where = _first_break(case)
    if where is None:
        return
    what, step, block = where
    inside = f"; the first block with such a value is {block}" if block else ""
    yield Finding(
        code="R6.not-finite",
        severity="severe",
        claim=f"the {what} is not a finite number at step {step:g}{inside}",
        measured=1.0,
        unit="values that are no finite number, at least",
        threshold=0.0,
        source="definition",
        confidence=1.0,
        control="none is needed: no sound run has such a value",
        remedy=f"{lower_rate(case)}, clip gradients (training.clip: 1.0), and look for a"
        " logarithm or quotient of zero in the block named",
        evidence={
            "what": what,
            "step": step,
            "block": block,
            **setting_change(case, "lr", lambda lr: lr * 0.1),
        },
    )


def _first_break(case: Case) -> tuple[str, float, str] | None:
    """What broke first, at which step, in which block (empty where nobody watched)."""
    found: list[tuple[float, str, str]] = []
    for row in case.rows:
        kind = str(row.get("kind", ""))
        names = [n for n, v in row.items() if isinstance(v, float) and not np.isfinite(v)]
        names = [n for n in names if n in ("loss", "gradient_norm") or n.startswith(_FIGURES)]
        if kind in ("train", "epoch", "validation", "stop") and names:
            found.append((float(row.get("step", 0)), names[0], ""))
    watched = case.watched
    if watched is not None:
        for index, step in enumerate(watched.steps_S):
            block = watched.not_finite_S[index] if len(watched.not_finite_S) else ""
            if block or not np.isfinite(watched.losses_S[index]):
                found.append((float(step), "gradient or value" if block else "loss", block))
                break
    if not found:
        return None
    step, what, _ = min(found, key=lambda item: item[0])
    block = next((b for _, _, b in sorted(found, key=lambda item: item[0]) if b), "")
    return what, step, block


_FIGURES = ("valid_", "train_loss", "train_nats")


# -- fit -----------------------------------------------------------------------------------------


def _overfit(case: Case) -> Iterator[Finding]:
    """Validation rises from its best while the training loss goes on falling."""
    valid, train = validation_curve(case).finite, training_curve(case).finite
    if len(valid) < 6 or len(train) < 6:
        return
    best = int(valid.values.argmin())
    if best >= len(valid) - 3:
        return
    low, end = float(valid.values[best]), ending(valid.values)
    rise, gained = end - low, float(valid.values[0] - low)
    scale = max(abs(low), 1e-12)
    wobble = noise(valid.values)
    smooth = Curve(train.name, train.steps, running_median(train.values, 5))
    at_best, at_end = (smooth.at(float(valid.steps[i])) for i in (best, -1))
    clear = rise > OVERFIT_RISE * scale and rise > OVERFIT_SHARE * gained and rise > 4.0 * wobble
    if not clear or at_end > at_best - 0.03 * abs(at_best):
        return
    kept = any(row.get("reason") == "patience" for row in case.rows)
    yield Finding(
        code="R6.overfit",
        severity="info" if kept else "severe" if rise > 0.5 * max(gained, scale) else "warning",
        claim=f"validation rose from {low:.4g} at step {valid.steps[best]:g} to {end:.4g} while the"
        f" training loss went on falling from {at_best:.4g} to {at_end:.4g}",
        measured=rise / scale,
        unit="rise of the validated figure over its best / its best",
        threshold=OVERFIT_RISE,
        source=f"{SUITE}; also a tenth of all that was gained, and four times the noise",
        confidence=0.95 if rise > 8.0 * wobble else 0.85,
        control=f"the noise between validations is {wobble:.2g}, and the training loss falls over"
        " the same steps: the model is not simply broken",
        remedy="use best.safetensors; fewer steps, more data or augmentation, more dropout or"
        " weight decay, or a smaller network",
        evidence={
            "validation": valid.rows(),
            "training": train.rows(),
            "best_step": float(valid.steps[best]),
            **_stop_at(case, float(valid.steps[best])),
        },
    )


def _stop_at(case: Case, step: float) -> dict[str, Any]:
    """The change that ends a run where it was best."""
    return whole_change(case, "max_steps", lambda n: max(1, min(n - 1, int(step))))


def _underfit(case: Case) -> Iterator[Finding]:
    """Nothing learnt, or learning cut off."""
    train, valid = training_curve(case).finite, validation_curve(case).finite
    if len(train) < 5 or not same_length(case):
        return
    first, last = float(np.median(train.values[:2])), ending(train.values, 5)
    wobble = noise(train.values)
    fall = first - last
    if fall < LEARNT_LITTLE * max(abs(first), 1e-12) or fall < wobble:
        validated = len(valid) < 3 or (
            valid.values[0] - valid.values.min() < LEARNT_LITTLE * abs(valid.values[0])
        )
        if validated and len(train) >= 8:
            yield _nothing_learnt(case, train, first, last, wobble)
        return
    curve = valid if len(valid) >= 6 else train
    yield from _cut_off(case, curve)


def _nothing_learnt(case: Case, train: Curve, first: float, last: float, wobble: float) -> Finding:
    return Finding(
        code="R6.underfit",
        severity="severe",
        claim=f"the training loss went from {first:.4g} to {last:.4g}: nothing was learnt",
        measured=(first - last) / max(abs(first), 1e-12),
        unit="fall of the training loss / its first value",
        threshold=LEARNT_LITTLE,
        source=f"{SUITE}; loss_not_decreasing of SageMaker Debugger asks for 0.1 % in ten steps",
        confidence=0.9,
        control=f"medians of several points (the noise between them is {wobble:.2g}), and the"
        " validated figure did not fall either",
        remedy="see that every parameter is in an optimiser, that the loss depends on the inputs,"
        " and that the rate is neither a thousandth nor a thousand times the usual; findings"
        " beside this one say which",
        evidence={"training": train.rows()},
    )


def _cut_off(case: Case, curve: Curve) -> Iterator[Finding]:
    """The last third of the steps brings as much as a straight fall would: not a run's end."""
    smooth = running_median(curve.values, 3)
    span = curve.steps[-1] - curve.steps[0]
    cut = float(np.interp(curve.steps[-1] - span / 3.0, curve.steps, smooth))
    total, late = float(smooth[0] - smooth[-1]), cut - float(smooth[-1])
    if total <= 0.0 or late / total < STILL_FALLING or late < 4.0 * noise(curve.values):
        return
    yield Finding(
        code="R6.underfit",
        severity="warning",
        claim=f"the last third of the steps still brought {late / total:.0%} of all that was"
        " gained: the run ended before it had learnt",
        measured=late / total,
        unit="fall in the last third of the steps / whole fall",
        threshold=STILL_FALLING,
        source="a third is a straight line: no slowing down at all",
        confidence=0.85,
        control=f"smoothed over three points; the noise between points is"
        f" {noise(curve.values):.2g}",
        remedy="train for more steps (training.max_steps, training.max_epochs)",
        evidence={"curve": curve.rows(), **whole_change(case, "max_steps", lambda n: 3 * n)},
    )


# -- rests and swings ----------------------------------------------------------------------------


def _plateau(case: Case) -> Iterator[Finding]:
    """A long rest before most of the learning."""
    train = training_curve(case).finite
    if len(train) < 20 or not same_length(case):
        return
    smooth = running_median(train.values, 5)
    total = float(smooth[0] - smooth.min())
    if total < 10.0 * noise(train.values) or total < 0.1 * abs(smooth[0]):
        return
    start, end = _longest_rest(train.steps, smooth, 0.05 * total)
    share = (train.steps[end] - train.steps[start]) / (train.steps[-1] - train.steps[0])
    after = float(smooth[end] - smooth[end:].min()) / total
    if share < PLATEAU_SHARE or after < PLATEAU_AFTER:
        return
    yield Finding(
        code="R6.plateau",
        severity="warning",
        claim=f"the training loss rested from step {train.steps[start]:g} to"
        f" {train.steps[end]:g} ({share:.0%} of the run) and fell only then",
        measured=float(share),
        unit="share of the steps in which the loss moved by less than a twentieth of its fall",
        threshold=PLATEAU_SHARE,
        source=SUITE,
        confidence=0.8,
        control=f"{after:.0%} of all that was gained came after the rest, so this is no run that"
        " had simply finished",
        remedy="a shorter warm-up, a higher rate, or other initial weights",
        evidence={"training": train.rows()},
    )


def _longest_rest(steps: np.ndarray, smooth: np.ndarray, width: float) -> tuple[int, int]:
    """First and last point of the longest stretch within ``width``."""
    best, start = (0, 0), 0
    for end in range(len(smooth)):
        while np.ptp(smooth[start : end + 1]) > width:
            start += 1
        if steps[end] - steps[start] > steps[best[1]] - steps[best[0]]:
            best = (start, end)
    return best


def _oscillation(case: Case) -> Iterator[Finding]:
    """Losses above where they began, again and again or to the end."""
    train = training_curve(case).finite
    if len(train) < 20 or not same_length(case):
        return
    start = float(train.values[:2].max())
    later = train.values[len(train) // 5 :]
    margin = max(0.02 * abs(start), min(3.0 * noise(later), 0.5 * abs(start)))
    above = float((later > start + margin).mean())
    diverged = ending(train.values, 5) > start + margin
    if above < ABOVE_START and not diverged:
        return
    yield Finding(
        code="R6.oscillation",
        severity="severe" if diverged else "warning",
        claim=f"after the first fifth {above:.0%} of the training losses lie above where the run"
        f" began ({start:.4g})" + (", and it ended there" if diverged else ""),
        measured=above,
        unit="share of later losses above the first",
        threshold=ABOVE_START,
        source=SUITE,
        confidence=0.9 if diverged else 0.75,
        control="above means by three times the noise between neighbouring points, and the first"
        " fifth is left out: a hard batch or a start from trained weights does not decide",
        remedy=f"{lower_rate(case)}, or use larger batches",
        evidence={"training": train.rows(), **setting_change(case, "lr", lambda lr: lr * 0.1)},
    )


def _noisy_validation(case: Case) -> Iterator[Finding]:
    """Whether neighbouring validations differ by so much that the best one was luck."""
    valid = validation_curve(case).finite
    if len(valid) < 8:
        return
    gained = float(valid.values[0] - valid.values.min())
    late = valid.values[len(valid) // 3 :]
    wobble, level = noise(late), abs(float(np.median(late)))
    learnt = gained > LEARNT_LITTLE * abs(float(valid.values[0]))
    if not learnt or wobble < NOISY_SHARE * gained or wobble < NOISY_LEVEL * level:
        return
    best = int(valid.values.argmin())
    around = [i for i in range(best - 2, best + 3) if 0 <= i < len(valid) and i != best]
    lead = float(np.mean(valid.values[around]) - valid.values[best])
    half = 1.96 * wobble * float(np.sqrt(1.0 + 1.0 / len(around)))
    yield Finding(
        code="R5.noisy-validation",
        severity="warning",
        claim=f"neighbouring validations differ by {wobble:.2g} (standard deviation), and the best"
        f" is {lead:.2g} ahead of its neighbours, 95 % interval {lead - half:.2g} to"
        f" {lead + half:.2g}",
        measured=wobble / gained,
        unit="standard deviation between validations / all that was gained",
        threshold=NOISY_SHARE,
        source=f"{SUITE}; also a twentieth of the level",
        confidence=0.8,
        control="second differences, which a steady fall or rise does not have, over the last two"
        " thirds of the run",
        remedy="validate on more examples, average the weights (training.ema: 0.99), lower the"
        " rate towards the end (training.schedule.kind: cosine), or compare seeds and not epochs",
        evidence={
            "validation": valid.rows(),
            "interval_of_the_difference": [lead - half, lead + half],
            **_averaging(case),
        },
    )


def _averaging(case: Case) -> dict[str, Any]:
    found = find(case.config, "ema")
    return {"change": {found[0]: 0.99}} if found and found[1] == 0.0 else {}


# -- table ---------------------------------------------------------------------------------------

CHECKS: tuple[Check, ...] = (
    Check(
        name="finite numbers",
        known=(
            Known(
                code="R6.not-finite",
                title="NaN or infinity",
                meaning="A loss, a figure or a gradient is no finite number; the weights are spoilt"
                " from there on.",
                threshold="none at all",
                source="definition",
                evidence="what, at which step, and in which block first",
                remedy="a lower rate, clipping, no logarithm of zero",
                explains=("R6.oscillation", "R6.underfit", "R6.plateau", "R2.collapse"),
            ),
        ),
        needs=("rows",),
        run=_not_finite,
    ),
    Check(
        name="over-fitting",
        known=(
            Known(
                code="R6.overfit",
                title="Over-fitting",
                meaning="From some step on the network learns its training examples by heart and"
                " gets worse on others.",
                threshold="validation 15 % above its best, a tenth of all that was gained, and four"
                " times its noise, with the training loss falling",
                source=SUITE,
                evidence="both curves",
                remedy="best.safetensors; fewer steps, more data, dropout, a smaller network",
                explains=("R12.overconfident", "R13.memorised"),
            ),
        ),
        needs=("rows",),
        run=_overfit,
    ),
    Check(
        name="under-fitting",
        known=(
            Known(
                code="R6.underfit",
                title="Nothing learnt, or cut off",
                meaning="The training loss hardly fell, or fell as fast at the end as before.",
                threshold="fall below 3 % of the first loss; or 30 % of the fall in the last third",
                source=SUITE,
                evidence="the training curve",
                remedy="rate, optimiser groups; more steps",
                explains=("T1.worse-than-constant", "R2.collapse"),
            ),
        ),
        needs=("rows",),
        run=_underfit,
    ),
    Check(
        name="plateau",
        known=(
            Known(
                code="R6.plateau",
                title="A long rest before learning",
                meaning="The loss stood still for a large part of the run and fell only then.",
                threshold="40 % of the steps, with 30 % of the fall after them",
                source=SUITE,
                evidence="the training curve",
                remedy="shorter warm-up, higher rate, other initial weights",
            ),
        ),
        needs=("rows",),
        run=_plateau,
    ),
    Check(
        name="oscillation",
        known=(
            Known(
                code="R6.oscillation",
                title="Swinging or diverging loss",
                meaning="The training loss returns above its first value again and again, or ends"
                " there.",
                threshold="a tenth of the later losses above the first by three times the noise",
                source=SUITE,
                evidence="the training curve",
                remedy="a lower rate, larger batches",
                explains=("R5.noisy-validation", "R6.underfit"),
            ),
        ),
        needs=("rows",),
        run=_oscillation,
    ),
    Check(
        name="validation noise",
        known=(
            Known(
                code="R5.noisy-validation",
                title="Validation jumps between epochs",
                meaning="The validated figure jumps so much from one time to the next that the best"
                " epoch is chosen by luck.",
                threshold="a tenth of all that was gained and a twentieth of the level",
                source=SUITE,
                evidence="the curve, the lead of the best and its interval",
                remedy="more examples, averaged weights, a falling rate",
            ),
        ),
        needs=("rows",),
        run=_noisy_validation,
    ),
)
