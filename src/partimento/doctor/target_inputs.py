"""What do the answers owe to the inputs: less than a closed form makes of them, or nothing?

Shape suffixes: E examples, N samples, D features, P target dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from partimento.doctor.batch_checks import last_losses
from partimento.doctor.case import Case, DataFacts, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.gathered import Answers, answers, means_by_example
from partimento.doctor.inputs import RIDGE_GAP, SHUFFLE_FLOOR, Ridge, fit_ridge
from partimento.doctor.matrices import row_losses
from partimento.doctor.narrow import NarrowCheck
from partimento.doctor.probing import undisturbed

BY_HEART = 0.6
"""Share of the held-out loss below which a training loss was got by heart."""
SWAPS = 4
"""Times that the inputs of each batch are exchanged."""
RESAMPLES = 1000
FEWEST_EXAMPLES = 8
RIDGE_FLOOR = 0.2
"""R2 from which a closed form counts as knowing something."""
FEWEST_FITTED = 24
"""Training examples from which a closed form is fitted."""


def input_shuffle_check(case: Case) -> Iterator[Finding]:
    """T2.input-ignored: the loss is the same with the inputs of other examples."""
    probe = case.probe
    if probe is None or probe.swap_inputs is None:
        return
    right_E, swapped_E = _losses_under_swaps(case, probe)
    if len(right_E) < FEWEST_EXAMPLES or not np.isfinite([*right_E, *swapped_E]).all():
        return
    trained = last_losses(case)
    if len(trained) and trained[-1] < BY_HEART * right_E.mean():
        return  # learnt by heart: inputs matter, only not for others (R6.overfit)
    share = _share(right_E.mean(), swapped_E.mean())
    picks = case.rng(42, 1).integers(0, len(right_E), (RESAMPLES, len(right_E)))
    drawn = [_share(right_E[p].mean(), swapped_E[p].mean()) for p in picks]
    low, high = (float(v) for v in np.quantile(drawn, (0.025, 0.975)))
    if high >= SHUFFLE_FLOOR:
        return
    yield Finding(
        code="T2.input-ignored",
        severity="warning",
        claim=f"the held-out loss is {right_E.mean():.4g} with the right inputs and"
        f" {swapped_E.mean():.4g} with those of other examples: {share:.1%} of it is owed to them",
        measured=share,
        unit="(loss under swapped inputs - loss) / loss under swapped inputs",
        threshold=SHUFFLE_FLOOR,
        source="below it the inputs decide next to nothing; the upper end of the 95 % interval is"
        " compared",
        confidence=0.92,
        control=f"{SWAPS} exchanges of the same {len(right_E)} examples, so that inputs and targets"
        f" keep their distributions; 95 % interval {low:.1%} to {high:.1%}; the training loss,"
        " where known, is not far below, so nothing was learnt by heart instead",
        remedy="look at `partimento doctor model` for a path from input to output that is cut, and"
        " at the pairing of inputs with labels",
        evidence={
            "losses": [
                {"inputs": "right", "loss": float(right_E.mean())},
                {"inputs": "swapped", "loss": float(swapped_E.mean())},
            ],
            "interval": [low, high],
        },
    )


def _losses_under_swaps(case: Case, probe: Probe) -> tuple[np.ndarray, np.ndarray]:
    """(E,) losses with right inputs, and their mean over the swaps.

    Without losses of examples those of batches take their place.
    """
    rng = case.rng(42)
    right: list[np.ndarray] = []
    swapped: list[np.ndarray] = []
    with undisturbed(probe.model):
        for batch in probe.batches:
            right.append(_losses(probe, batch))
            drawn = []
            for _ in range(SWAPS):
                assert probe.swap_inputs is not None
                drawn.append(_losses(probe, probe.swap_inputs(batch, rng)))
            swapped.append(np.mean(drawn, axis=0))
    return np.concatenate(right), np.concatenate(swapped)


def _losses(probe: Probe, batch: object) -> np.ndarray:
    if probe.example_losses is not None:
        found = probe.example_losses(probe.model, batch).detach().cpu().double().reshape(-1)
        return np.asarray(found.numpy())
    return np.array([float(probe.loss(probe.model, batch))])


def _share(right: float | np.floating, swapped: float | np.floating) -> float:
    return float((swapped - right) / swapped) if swapped > 0.0 else 0.0


def ridge_check(case: Case) -> Iterator[Finding]:
    """T3.ridge-gap: a closed-form map from pooled inputs beats the trained model by far."""
    probe, data = case.probe, case.data
    if probe is None or data is None:
        return
    found = answers(probe)
    if found.targets.shape != found.outputs_ND.shape or not np.isfinite(found.outputs_ND).all():
        return
    made = _ridge_answers(probe, data, found)
    if made is None:
        return
    ridge, ridge_E, ridge_floor_E = made
    model_E = means_by_example(row_losses(found.outputs_ND, found.targets), found.example_N)
    floor_ND = np.broadcast_to(ridge.mean_P, found.targets.shape)
    floor_E = means_by_example(row_losses(floor_ND, found.targets), found.example_N)
    if min(len(model_E), len(ridge_E)) < FEWEST_EXAMPLES or floor_E.mean() <= 0.0:
        return
    rng = case.rng(43)
    gaps = _drawn_r2(ridge_E, ridge_floor_E, rng) - _drawn_r2(model_E, floor_E, rng)
    ridge_r2 = 1.0 - float(ridge_E.mean() / ridge_floor_E.mean())
    model_r2 = 1.0 - float(model_E.mean() / floor_E.mean())
    low, high = (float(v) for v in np.quantile(gaps, (0.025, 0.975)))
    if low > RIDGE_GAP and ridge_r2 >= RIDGE_FLOOR:
        yield _gap_finding(ridge_r2, model_r2, (low, high), ridge.penalty)


def _gap_finding(
    ridge_r2: float, model_r2: float, interval: tuple[float, float], penalty: float
) -> Finding:
    low, high = interval
    return Finding(
        code="T3.ridge-gap",
        severity="warning",
        claim=f"a closed-form ridge on the pooled inputs reaches R2 {ridge_r2:.3f} on held-out"
        f" examples, the trained model {model_r2:.3f}",
        measured=ridge_r2 - model_r2,
        unit="R2 of a closed-form ridge - R2 of the model, held out",
        threshold=RIDGE_GAP,
        source="a tenth of the variance, more than folds of a small data set differ by; the lower"
        " end of the 95 % interval is compared",
        confidence=0.9,
        control="the ridge saw the training part only and is scored on the held-out part against"
        f" the same constant; 95 % interval of the gap {low:.3f} to {high:.3f}",
        remedy="the inputs hold what is needed: look for what the training loses (rate, batches,"
        " head) with `partimento doctor run`",
        evidence={
            "r2": [
                {"answers of": "closed-form ridge", "R2": ridge_r2},
                {"answers of": "trained model", "R2": model_r2},
            ],
            "interval": [low, high],
            "penalty": penalty,
        },
    )


def _drawn_r2(loss_E: np.ndarray, floor_E: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picks = rng.integers(0, len(loss_E), (RESAMPLES, len(loss_E)))
    drawn: np.ndarray = 1.0 - loss_E[picks].mean(1) / np.maximum(floor_E[picks].mean(1), 1e-30)
    return drawn


def _ridge_answers(
    probe: Probe, data: DataFacts, found: Answers
) -> tuple[Ridge, np.ndarray, np.ndarray] | None:
    """A ridge fitted on the training part, its squared errors and the constant's, held out (N,)."""
    split = np.asarray(data.split)
    if len(split) != len(data.inputs) or data.labels is None:
        return None
    train_N = split == "train"
    if train_N.sum() < FEWEST_FITTED or not (~train_N).any():
        return None
    targets_NP = _targets_of(data, probe, found)
    inputs_ND = _features(data.inputs)
    if targets_NP is None or inputs_ND is None or not np.isfinite(targets_NP).all():
        return None
    ridge = fit_ridge(inputs_ND[train_N], targets_NP[train_N])
    held = targets_NP[~train_N]
    errors = row_losses(ridge(inputs_ND[~train_N]), held)
    return ridge, errors, row_losses(np.broadcast_to(ridge.mean_P, held.shape), held)


def _features(inputs: Sequence[np.ndarray]) -> np.ndarray | None:
    """(N, D) float64: vectors as they are, matrices by mean and spread; None for token rows."""
    first = np.asarray(inputs[0])
    if first.ndim not in (1, 2) or not np.issubdtype(first.dtype, np.floating):
        return None
    if first.ndim == 1:
        if any(len(one) != len(first) for one in inputs):
            return None
        rows = np.stack([np.asarray(one, dtype=np.float64) for one in inputs])
    else:
        frames = [np.asarray(one, dtype=np.float64) for one in inputs]
        rows = np.stack([np.concatenate([one.mean(0), one.std(0)]) for one in frames])
    return rows if np.isfinite(rows).all() else None


def _targets_of(data: DataFacts, probe: Probe, found: Answers) -> np.ndarray | None:
    """(N, P) targets in the model's own scale, or None where the labels do not give them."""
    labels = np.asarray(data.labels)
    width = found.targets.shape[1]
    if labels.ndim == 2 and labels.shape[1] == width:
        values = labels.astype(np.float64)
        return values if _same_scale(values, np.asarray(data.split), found.targets) else None
    if labels.ndim != 1 or found.classes_E is None:
        return None
    by_class = _class_targets(found)
    if by_class is None or any(int(label) not in by_class for label in labels):
        return None
    return np.stack([by_class[int(label)] for label in labels])


def _class_targets(found: Answers) -> dict[int, np.ndarray] | None:
    """Class -> its target, where all examples of a class have the same one."""
    assert found.classes_E is not None
    labels_N = found.classes_E[found.example_N]
    by_class: dict[int, np.ndarray] = {}
    for name in np.unique(labels_N):
        rows = found.targets[labels_N == name]
        if np.abs(rows - rows[0]).max() > 1e-6:
            return None
        by_class[int(name)] = rows[0]
    return by_class


def _same_scale(labels_NP: np.ndarray, split_N: np.ndarray, targets_NP: np.ndarray) -> bool:
    """Whether the held-out labels are what the model is asked for, and not rescaled ones."""
    held = labels_NP[split_N != "train"]
    scale = np.maximum(targets_NP.std(0), 1e-9)
    near = np.abs(held.mean(0) - targets_NP.mean(0)) <= 0.5 * scale
    ratio = held.std(0) / scale
    return bool(near.all() and (ratio > 0.5).all() and (ratio < 2.0).all())


INPUT_CHECKS: tuple[Check, ...] = (
    Check(
        name="input shuffle",
        known=(
            Known(
                code="T2.input-ignored",
                title="Inputs are ignored",
                meaning="The loss on held-out examples is about the same when every example gets"
                " the input of another: the model has learnt the targets' distribution and nothing"
                " about the pairs.",
                threshold=f"less than {SHUFFLE_FLOOR:g} of the loss is owed to the inputs (upper"
                " end of the 95 % interval)",
                source="below it the inputs decide next to nothing",
                evidence="both losses, the interval",
                remedy="mend the path from input to output, or the pairing of inputs and labels",
                explains=(
                    *("T1.no-diversity", "T1.worse-than-constant", "T3.ridge-gap", "R2.collapse"),
                    *("R2.rank", "R6.underfit", "R6.plateau", "U1.worse-than-floor"),
                ),
            ),
        ),
        needs=("probe.swap_inputs",),
        run=input_shuffle_check,
    ),
    NarrowCheck(
        name="ridge gap",
        known=(
            Known(
                code="T3.ridge-gap",
                title="A closed form does better",
                meaning="A linear map fitted in one step on the means and spreads of the inputs"
                " predicts held-out targets better than the trained model: what is needed stands"
                " in the inputs and is lost in training.",
                threshold=f"R2 of the ridge more than {RIDGE_GAP:g} above that of the model (lower"
                " end of the 95 % interval)",
                source="a tenth of the variance, more than folds of a small data set differ by",
                evidence="both R2, the interval, the penalty",
                remedy="look for what the training loses",
            ),
        ),
        needs=("probe.batches", "data.labels", "data.split"),
        kinds=("regression", "embedding"),
        run=ridge_check,
    ),
)
