"""Checks of targets and of what answers owe to inputs; the figures are those of the plain checks.

The codes T1 to T8 are facts about targets, batches and the amount of training that hold for
any model that predicts numbers or vectors; some also for tokens and classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from partimento.doctor.batch_checks import BATCH_CHECKS
from partimento.doctor.case import Case
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding, Measured
from partimento.doctor.gathered import Answers, answers, means_by_example
from partimento.doctor.matrices import row_losses
from partimento.doctor.narrow import NarrowCheck
from partimento.doctor.outputs import DIVERSITY_FLOOR, output_diversity
from partimento.doctor.recipe import parameters_per_clip
from partimento.doctor.target_inputs import INPUT_CHECKS
from partimento.doctor.targets import heterogeneity

RESAMPLES = 1000
CONSTANT_R2 = 0.0
FEWEST_EXAMPLES = 8
"""Held-out examples below which no statistic over examples is trusted."""
DIMENSION_RATIO = 10.0


def _numbers(case: Case) -> Answers | None:
    """The answers of a model that predicts numbers, where there are enough to judge."""
    if case.probe is None:
        return None
    found = answers(case.probe)
    if found.targets.shape != found.outputs_ND.shape:
        return None
    if not np.isfinite(found.outputs_ND).all() or not np.isfinite(found.targets).all():
        return None  # R6.not-finite says so
    return found if len(np.unique(found.example_N)) >= FEWEST_EXAMPLES else None


def against_constant_check(case: Case) -> Iterator[Finding]:
    """T1.worse-than-constant: R2 against the mean of the other examples' targets."""
    found = _numbers(case)
    if found is None:
        return
    model_E, constant_E, where = _beside_constant(case, found)
    if constant_E.mean() <= 0.0:
        return
    r2 = 1.0 - float(model_E.mean() / constant_E.mean())
    picks = case.rng(41).integers(0, len(model_E), (RESAMPLES, len(model_E)))
    drawn = 1.0 - model_E[picks].mean(1) / np.maximum(constant_E[picks].mean(1), 1e-30)
    low, high = (float(v) for v in np.quantile(drawn, (0.025, 0.975)))
    if high >= CONSTANT_R2:
        return
    yield Finding(
        code="T1.worse-than-constant",
        severity="warning",
        claim=f"the model's squared error is {model_E.mean():.4g}, that of answering the mean"
        f" target every time {constant_E.mean():.4g}: R2 is {r2:.3f}",
        measured=r2,
        unit="R2 against a constant",
        threshold=CONSTANT_R2,
        source="definition of R2: 0 is a constant answer; the upper end of the 95 % interval is"
        " compared",
        confidence=0.9,
        control=f"the constant is the mean {where}, and the interval over {len(model_E)} held-out"
        f" examples ({low:.3f} to {high:.3f}) ends below 0",
        remedy="keep the weights of the best validation (checkpoints/best.safetensors) and lower"
        " training.optimizer.lr; compare with `partimento evaluate`",
        evidence={
            "losses": [
                {"answer": "model", "squared error": float(model_E.mean())},
                {"answer": "constant", "squared error": float(constant_E.mean())},
            ],
            "interval": [low, high],
        },
    )


def _beside_constant(case: Case, found: Answers) -> tuple[np.ndarray, np.ndarray, str]:
    """Squared errors (E,) of the model and of a constant, and what the constant is."""
    targets_ND = found.targets
    model_E = means_by_example(row_losses(found.outputs_ND, targets_ND), found.example_N)
    trained = _training_mean(case, targets_ND)
    if trained is not None:
        floor_N = row_losses(np.broadcast_to(trained, targets_ND.shape), targets_ND)
        return model_E, means_by_example(floor_N, found.example_N), "of the training targets"
    floor_N = row_losses(np.broadcast_to(targets_ND.mean(0), targets_ND.shape), targets_ND)
    # Leaving a sample out of the mean that judges it multiplies its error by n / (n - 1), squared.
    count = len(model_E)
    fair = (count / (count - 1)) ** 2
    return model_E, means_by_example(floor_N, found.example_N) * fair, "of the other examples"


def _training_mean(case: Case, targets_ND: np.ndarray) -> np.ndarray | None:
    data = case.data
    if data is None or data.labels is None or not len(data.split):
        return None
    labels = np.asarray(data.labels, dtype=np.float64)
    train_N = np.asarray(data.split) == "train"
    if labels.ndim != 2 or labels.shape[1] != targets_ND.shape[1] or not train_N.any():
        return None
    held = labels[~train_N]
    # Labels on another scale than the targets (standardised, say) have no mean to compare with.
    scale = np.maximum(targets_ND.std(0), 1e-9)
    if not len(held) or (np.abs(held.mean(0) - targets_ND.mean(0)) > 2.0 * scale).any():
        return None
    return np.asarray(labels[train_N].mean(0))


def diversity_check(case: Case) -> Iterator[Finding]:
    """T1.no-diversity: predicted vectors all point one way."""
    found = _numbers(case)
    if found is None or len(np.unique(found.targets, axis=0)) < 2:
        return
    try:
        measured = output_diversity(found.outputs_ND, found.targets)
    except ValueError:  # all targets point one way
        return
    if not measured.bad:
        return
    yield measured.finding(
        code="T1.no-diversity",
        severity="warning",
        confidence=0.85,
        control="outputs and targets are of the same examples, so that repeated classes weigh"
        " equally on both sides",
        remedy="predict targets in standard deviations from their mean: --set data.zscore=true;"
        " then more optimiser steps: --set training.max_epochs",
    )


def target_scale_check(case: Case) -> Iterator[Finding]:
    """T6.target-scale: some targets weigh much more in a squared error than others."""
    found = _numbers(case)
    if found is None:
        return
    measured: Measured | None = None
    if case.kind == "regression":
        measured = dimension_scales(found.targets)
    elif found.classes_E is not None:
        labels_N = found.classes_E[found.example_N]
        if len(np.unique(labels_N)) > 1:
            measured = heterogeneity(found.targets, labels_N)
    if measured is None or not measured.bad:
        return
    finding = measured.finding(
        code="T6.target-scale",
        severity="warning",
        confidence=0.9,
        control="the figure is of the targets alone: no training can have caused it",
        remedy="predict targets in standard deviations from their mean: --set data.zscore=true",
    )
    change = {"change": {"data.zscore": True}} if "data" in case.config else {}
    yield replace(finding, evidence={**finding.evidence, **change})


def dimension_scales(targets_ND: np.ndarray) -> Measured:
    """Ratio of the largest to the smallest standard deviation of target dimensions that vary.

    targets: (N, D).  A mean squared error weighs dimensions with the square of it.
    """
    spread_D = targets_ND.std(0)
    live = spread_D[spread_D > 1e-9 * max(1.0, float(np.abs(targets_ND).max()))]
    ratio = float(live.max() / live.min()) if len(live) else 1.0
    return Measured(
        measured=ratio,
        unit="largest standard deviation of a target dimension / smallest",
        threshold=DIMENSION_RATIO,
        source="a mean squared error weighs dimensions with the square: a hundred to one",
        bad_when="above",
        says=f"standard deviations of the {len(live)} target dimensions differ {ratio:.3g}-fold,"
        f" so that one weighs {ratio**2:,.0f} times as much as another in the loss",
    )


def parameters_check(case: Case) -> Iterator[Finding]:
    """T8.parameters: weights for each example, for models of whole examples."""
    probe, data = case.probe, case.data
    if probe is None or data is None:
        return
    clips = sum(part == "train" for part in data.split) if len(data.split) else len(data.inputs)
    if clips < 1:
        return
    measured = parameters_per_clip(probe.model, clips)
    if measured.bad:
        yield measured.finding(
            code="T8.parameters",
            severity="info",
            confidence=1.0,
            control="counted; each tensor once, frozen ones left out",
            remedy="a narrower model: --set model.hidden, or recipes/audio2visual/light.yaml",
        )


CHECKS: tuple[Check, ...] = (
    NarrowCheck(
        name="against constant",
        known=(
            Known(
                code="T1.worse-than-constant",
                title="Worse than a constant",
                meaning="On held-out examples the squared error is larger than that of answering"
                " the mean target every time: what the model adds to the mean is noise.",
                threshold="R2 below 0, upper end of the 95 % interval",
                source="definition of R2",
                evidence="the two errors, the interval",
                remedy="best.safetensors instead of the last weights; a lower rate",
            ),
        ),
        needs=("probe.batches",),
        kinds=("regression", "embedding"),
        run=against_constant_check,
    ),
    NarrowCheck(
        name="output diversity",
        known=(
            Known(
                code="T1.no-diversity",
                title="All answers point one way",
                meaning="Predicted vectors are much more alike than the targets: whatever comes in,"
                " about the same comes out, although the loss may look fine.",
                threshold=f"mean cosine distance of outputs below {DIVERSITY_FLOOR:g} of that of"
                " targets",
                source="less than half of the 0.48 to 0.56 that published adapters reach",
                evidence="both distances",
                remedy="data.zscore=true; more steps",
            ),
        ),
        needs=("probe.batches",),
        kinds=("embedding",),
        run=diversity_check,
    ),
    *INPUT_CHECKS,
    *BATCH_CHECKS,
    NarrowCheck(
        name="target scale",
        known=(
            Known(
                code="T6.target-scale",
                title="Targets of unequal scale",
                meaning="Some classes or dimensions of the targets are much larger than others and"
                " decide the squared error alone. Losses of differently scaled targets cannot be"
                " compared either.",
                threshold="vectors: norms of class targets differ more than 2-fold; numbers:"
                f" standard deviations of dimensions more than {DIMENSION_RATIO:g}-fold",
                source="a squared error weighs with the square",
                evidence="norms of the classes, the floor at equal scale",
                remedy="data.zscore=true",
                explains=("R6.plateau", "R6.underfit", "T3.ridge-gap", "R2.rank"),
            ),
        ),
        needs=("probe.batches",),
        kinds=("regression", "embedding"),
        run=target_scale_check,
    ),
    NarrowCheck(
        name="parameters",
        known=(
            Known(
                code="T8.parameters",
                title="Many weights for few examples",
                meaning="There are more than ten thousand trained weights for each example. That is"
                " no fault in itself; a smaller model may do the same.",
                threshold="10,000 trained weights per training example",
                source="between the light adapter (about 250) and the source design (about"
                " 1,000,000), on 320 clips",
                evidence="counts",
                remedy="a narrower model",
            ),
        ),
        needs=("probe.model", "data.inputs"),
        kinds=("regression", "embedding", "classification"),
        run=parameters_check,
    ),
)
