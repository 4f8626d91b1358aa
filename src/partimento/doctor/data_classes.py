"""Classes that are not alike: how many examples each has, and how far their targets lie.  (D3, D7)

Shape suffixes: N examples, K classes, D label dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checks import Check, Known
from partimento.doctor.data_parts import (
    change,
    class_numbers,
    facts_of,
    has_class_labels,
    label_values,
    training,
)
from partimento.doctor.finding import Finding, Severity
from partimento.doctor.targets import SCALE_RATIO, heterogeneity

LARGEST_TOLD, LARGEST_WARNING, LARGEST_SEVERE = 0.35, 0.6, 0.8
"""Share of the largest of three classes or more."""
RATIO = 10.0
"""Examples of the largest class for one of the smallest, where the classes are what is learnt."""
PER_CLASS = 5
"""With fewer examples a class on average, names are no classes."""
SCALE_SEVERE = 4.0
_BALANCE_SOURCE = (
    "arithmetic: a constant answer is right as often as the largest class occurs; effective"
    " number of classes = exp(entropy) (Hill 1973); 10 to 1 is also the default of Amazon SageMaker"
    " Debugger's rule"
)


def effective_classes(counts: np.ndarray) -> float:
    """How many even classes have the entropy of the counts (K,): K if all are alike, 1 for one.

    Raises ValueError without examples.
    """
    share = np.asarray(counts, dtype=np.float64)
    if share.sum() <= 0:
        raise ValueError("no class has an example")
    share = share[share > 0] / share.sum()
    return float(np.exp(-(share * np.log(share)).sum()))


def _check_balance(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    found = class_numbers(facts)
    if found is None:
        return
    names, numbers = found
    # An empty name is no class but a class that nobody told.
    mask = training(facts) & np.array([names[n] != "" for n in numbers.tolist()], dtype=bool)
    if not mask.any():
        return
    counts = np.bincount(numbers[mask], minlength=len(names))
    known = int((counts > 0).sum())
    if known < 2 or mask.sum() < PER_CLASS * known:
        return
    largest, effective = float(counts.max() / counts.sum()), effective_classes(counts)
    # Two classes of one each are even at a half: the limits move up with it.
    told, warning, severe = (
        max(limit, 1.0 - (1.0 - limit) / 2) if known == 2 else limit
        for limit in (LARGEST_TOLD, LARGEST_WARNING, LARGEST_SEVERE)
    )
    ratio = float(counts.max() / counts[counts > 0].min())
    rare = ratio > RATIO and _are_learnt(facts, numbers)
    if largest <= told and effective > known / 2 and not rare:
        return
    severity: Severity = "severe" if largest > severe else "warning"
    severity = severity if largest > warning or rare else "info"
    order = np.argsort(-counts, kind="stable")
    common = names[int(order[0])]
    yield Finding(
        code="D3.imbalance",
        severity=severity,
        claim=f"{largest:.0%} of the training examples are of one of {known} classes ({common});"
        f" they are worth {effective:.1f} classes of equal size, and the rarest has"
        f" {counts[counts > 0].min()}",
        measured=ratio if rare else largest,
        unit="examples of the largest class / of the rarest"
        if rare
        else "share of the largest class in training",
        threshold=RATIO if rare else told,
        source=_BALANCE_SOURCE,
        confidence=0.97,
        control=f"counted over {int(counts.sum())} training examples, held-out ones apart;"
        f" classes of equal size would have {1 / known:.0%} each",
        remedy="weigh the classes (loss.kind=per-class or weighted), draw balanced batches"
        " (batching.mode=balanced), and report figures by class",
        evidence={
            "counts": {names[int(i)]: int(counts[i]) for i in order[:20]},
            "effective_classes": effective,
            "constant_accuracy": largest,
            **change(case, {"batching.mode": "balanced", "loss.kind": "per-class"}),
        },
    )


def _are_learnt(facts: DataFacts, numbers: np.ndarray) -> bool:
    """Whether the classes decide the labels, and are not only written beside them."""
    if facts.labels is None:
        return False
    if has_class_labels(facts):
        return True
    labels_ND = label_values(facts)
    firsts = np.unique(numbers, return_index=True)[1]
    return bool(np.allclose(labels_ND, labels_ND[firsts][numbers], equal_nan=True))


def _check_targets(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    found = class_numbers(facts)
    if found is None or has_class_labels(facts):
        return
    labels_ND, (names, numbers) = label_values(facts), found
    if labels_ND.shape[1] < 2 or len(names) < 2 or not np.isfinite(labels_ND).all():
        return
    told = heterogeneity(labels_ND, numbers)
    if not told.bad:
        return
    finding = told.finding(
        code="D7.heterogeneous",
        severity="severe" if told.measured > SCALE_SEVERE else "warning",
        confidence=0.95,
        control=f"at equal scale answering the mean costs {told.floor_if_equal_scale:.4g} instead"
        f" of {told.mean_floor:.4g}: so much of the loss is the scale of the targets and no"
        " difficulty",
        remedy="predict standardised targets (data.zscore=true), and compare losses only beside"
        " the floor of the mean target",
    )
    more = change(case, {"data.zscore": True})
    yield replace(finding, evidence={**finding.evidence, **more})


CHECKS: tuple[Check, ...] = (
    Check(
        name="balance of the classes",
        known=(
            Known(
                code="D3.imbalance",
                title="One class outweighs the others",
                meaning="A constant answer is right as often as the largest class occurs, and the"
                " gradients are mostly its own.",
                threshold=f"told above {LARGEST_TOLD:.0%} in one class or fewer than half of the"
                f" classes in effect; a warning above {LARGEST_WARNING:.0%}, severe above"
                f" {LARGEST_SEVERE:.0%} (two classes: 68, 80 and 90 %); a warning too where labels"
                f" go with classes and the largest has over {RATIO:g} times the rarest",
                source=_BALANCE_SOURCE,
                evidence="examples of each class, effective number of classes",
                remedy="weights by class, balanced batches, figures by class",
                explains=(
                    *("R2.collapse", "R2.rank", "T1.no-diversity", "T1.worse-than-constant"),
                    *("T4.class-pure-batches", "R6.plateau"),
                ),
            ),
        ),
        needs=("data.inputs",),
        run=_check_balance,
    ),
    Check(
        name="targets of the classes",
        known=(
            Known(
                code="D7.heterogeneous",
                title="Class targets of different scale",
                meaning="Squared errors go with the square of a target's scale, so classes with"
                " large targets make the loss and the gradients, whatever the model does.",
                threshold=f"largest norm of a class target over {SCALE_RATIO:g} times the"
                f" smallest; severe above {SCALE_SEVERE:g}",
                source="text embeddings of prompts differ by less than 1.5",
                evidence="norms, distances, the floor of the mean target as it is and at equal"
                " scale",
                remedy="`data.zscore=true`",
                explains=("T6.target-scale", "T1.worse-than-constant", "R4.conflict"),
            ),
        ),
        needs=("data.labels", "data.classes"),
        run=_check_targets,
    ),
)
