"""Are the parts of a data set parts as they should be?   (D6)

Shape suffixes: N examples, F features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checks import Check, Known
from partimento.doctor.data_parts import (
    TEST,
    TRAIN,
    VALID,
    are_tokens,
    facts_of,
    part,
)
from partimento.doctor.finding import Finding, Severity

CENTRED = 1e-4
"""A mean of standardised numbers nearer to 0 than this is no chance."""
FARTHER = 100.0
_SIZES_SOURCE = (
    "definition: models are fitted on the larger part; folds keep 10-30 % for validation"
)
_STATISTICS_SOURCE = (
    "definition: held-out examples must not decide how inputs are scaled (Hastie, Tibshirani &"
    " Friedman, section 7.10.2)"
)


def _check_sizes(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    train, valid, test = (int(part(facts, names).sum()) for names in (TRAIN, VALID, TEST))
    held = max(valid, test)
    if train and held <= train:
        if held:
            return
        severity: Severity = "warning"
        claim = f"all {train} examples are learnt from: nothing is left to judge the model by"
    else:
        severity = "severe"
        which = "validation" if valid >= test else "test"
        claim = f"the {which} part has {held} examples and training {train}: the parts are swapped"
        claim = claim if train else f"no example is in training, {held} are in {which}"
    yield Finding(
        code="D6.split",
        severity=severity,
        claim=claim,
        measured=held / train if train else float(held),
        unit="examples in the larger held-out part / examples in training",
        threshold=1.0,
        source=_SIZES_SOURCE,
        confidence=0.99,
        control="counted from the split's own names, all spellings of validation and test together",
        remedy="exchange the parts, or split anew: `partimento data split DIR -o split.csv`"
        " (piano), data.protocol=passage (critique)",
        evidence={"train": train, "valid": valid, "test": test},
    )


def _check_statistics(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    named = sorted({name for name in facts.statistics_from if name not in TRAIN})
    seen = _centred_on_all(facts)
    if not named and seen is None:
        return
    parts = ", ".join(named) if named else "parts beside training"
    yield Finding(
        code="D6.statistics",
        severity="warning",
        claim=f"the statistics that scale the inputs were fitted on {parts} as well: the held-out"
        " figures are too good",
        measured=float(len(named)) if seen is None else seen["mean_of_all"],
        unit="parts beside training in the statistics" if seen is None
        else "median distance of a column's mean from 0 over all parts, in standard deviations",
        threshold=0.0 if seen is None else CENTRED,
        source=_STATISTICS_SOURCE,
        confidence=0.95 if named else 0.9,
        control="what the data set says of itself" if seen is None
        else f"over training alone the columns' means are {seen['mean_of_training']:.2g} from 0,"
        f" {seen['ratio']:.0f} times as far as over all parts",
        remedy="fit the statistics on the training part only (Standard.fit of its clips)",
        evidence={"fitted_on": list(facts.statistics_from), **(seen or {})},
    )  # fmt: skip


def _centred_on_all(facts: DataFacts) -> dict[str, float] | None:
    """Figures of columns whose mean is 0 over all parts and not over training; None if not so.

    Each example counts alike, or each frame: both ways of averaging are tried.
    """
    train = part(facts, TRAIN)
    if are_tokens(facts) or not train.any() or train.all():
        return None
    rows = [np.asarray(one, dtype=np.float64) for one in facts.inputs]
    rows = [row.reshape(1, -1) if row.ndim == 1 else row for row in rows]
    if len({row.shape[1:] for row in rows}) != 1 or any(row.ndim != 2 for row in rows):
        return None
    means_NF = np.stack([row.mean(axis=0) for row in rows])
    lengths_N = np.array([len(row) for row in rows], dtype=np.float64)
    if not np.isfinite(means_NF).all():
        return None
    for weight_N in (np.ones(len(rows)), lengths_N):
        whole = np.abs(np.average(means_NF, axis=0, weights=weight_N))
        own = np.abs(np.average(means_NF[train], axis=0, weights=weight_N[train]))
        live = means_NF.std(axis=0) > 1e-6
        if live.sum() < 2:
            return None
        all_parts, training = float(np.median(whole[live])), float(np.median(own[live]))
        if all_parts < CENTRED and training > FARTHER * max(all_parts, CENTRED / FARTHER):
            ratio = training / max(all_parts, 1e-12)
            return {"mean_of_all": all_parts, "mean_of_training": training, "ratio": ratio}
    return None


CHECKS: tuple[Check, ...] = (
    Check(
        name="sizes of the parts",
        known=(
            Known(
                code="D6.split",
                title="Parts out of proportion",
                meaning="Validation is larger than training (a k-fold split read the wrong way"
                " round), or there is nothing held out.",
                threshold="more held-out examples than training examples",
                source=_SIZES_SOURCE,
                evidence="examples of each part",
                remedy="exchange the parts, or split anew",
                explains=("R6.overfit", "R6.underfit", "T7.too-few-steps", "R5.noisy-validation"),
            ),
        ),
        needs=("data.split",),
        run=_check_sizes,
    ),
    Check(
        name="statistics of the parts",
        known=(
            Known(
                code="D6.statistics",
                title="Scaled by held-out data",
                meaning="Mean and spread that scale the inputs were fitted on held-out examples"
                " too, so these are not held out.",
                threshold="any part beside training, said by the data set or seen in its columns:"
                f" means within {CENTRED} of 0 over all parts and {FARTHER:g} times farther over"
                " training alone",
                source=_STATISTICS_SOURCE,
                evidence="the parts named, the columns' means over all and over training",
                remedy="fit the statistics on the training part only",
                explains=("D4.range",),
            ),
        ),
        needs=("data.inputs", "data.split"),
        run=_check_statistics,
    ),
)
