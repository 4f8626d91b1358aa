"""Equal inputs with different labels, and the ceiling that they set for any model.   (D1)

A function gives one answer to one input.  The best answer to equal inputs is the mean of their
labels (the commonest class), so what the labels differ by among equal inputs is out of reach for
every model whatever, however long it is trained.

Shape suffixes: N examples, D label dimensions, G groups of equal inputs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checks import Check, Known
from partimento.doctor.data_parts import (
    change,
    facts_of,
    has_class_labels,
    keys,
    label_values,
    name_of,
)
from partimento.doctor.finding import Finding, Severity

LOST_SEVERE = 0.25
LOST_WARNING = 0.05
SHARE = 0.02
_SHUFFLES = 20
_KEY = 101
_SOURCE = (
    "arithmetic: no function of the input can explain what differs among equal inputs"
    " (law of total variance); a quarter lost is severe"
)


@dataclass(frozen=True, kw_only=True)
class Ceiling:
    """The most that any function of the inputs can reach."""

    ceiling: float
    """R2 (mean over dimensions), or accuracy."""
    unit: str
    best_constant: float
    """What the best constant answer reaches: R2 0, or the share of the commonest class."""
    conflicting: int
    """Examples whose input stands elsewhere with another label."""
    groups: int
    """Groups of equal inputs with different labels."""
    per_dimension: tuple[float, ...] = ()

    @property
    def lost(self) -> float:
        """Share of what could be learnt that is out of reach: 0 none, 1 all."""
        room = 1.0 - self.best_constant
        return (1.0 - self.ceiling) / room if room > 0 else 0.0


def duplicate_ceiling(group_N: np.ndarray, labels: np.ndarray) -> Ceiling:
    """Ceiling that groups of equal inputs set: accuracy for classes (N,), R2 for values (N, D).

    R2 by the law of total variance: 1 - mean within-group variance / variance, in sample, so that
    inputs that stand once cost nothing.  Dimensions whose labels do not differ are left out.
    Raises ValueError for lengths that differ.
    """
    if len(group_N) != len(labels):
        raise ValueError(f"{len(group_N)} groups and {len(labels)} labels")
    _, place = np.unique(group_N, return_inverse=True)
    if labels.ndim == 1:
        return _accuracy(place, labels)
    counts = np.bincount(place).astype(np.float64)
    sums = np.stack([np.bincount(place, weights=labels[:, d]) for d in range(labels.shape[1])], 1)
    residual = labels - (sums / counts[:, None])[place]
    total = labels.var(axis=0)
    live = total > 1e-12
    parts = 1.0 - (residual**2).mean(axis=0)[live] / total[live]
    differs = (np.abs(residual) > 1e-9).any(axis=1)
    return Ceiling(
        ceiling=float(parts.mean()) if live.any() else 1.0,
        unit="R2, mean over the label's dimensions",
        best_constant=0.0,
        conflicting=int(differs.sum()),
        groups=len(np.unique(place[differs])),
        per_dimension=tuple(float(v) for v in parts),
    )


def _accuracy(place: np.ndarray, labels: np.ndarray) -> Ceiling:
    names, numbers = np.unique(labels, return_inverse=True)
    table = np.zeros((int(place.max()) + 1, len(names)))
    np.add.at(table, (place, numbers.reshape(-1)), 1)
    mixed = (table > 0).sum(axis=1) > 1
    return Ceiling(
        ceiling=float(table.max(axis=1).sum() / len(labels)),
        unit="accuracy",
        best_constant=float(table.sum(axis=0).max() / len(labels)),
        conflicting=int(table[mixed].sum()),
        groups=int(mixed.sum()),
    )


def _check(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    labels = np.asarray(facts.labels) if has_class_labels(facts) else label_values(facts)
    group_N = keys(facts)
    found = duplicate_ceiling(group_N, labels)
    share = found.conflicting / len(labels)
    if not found.groups:
        return
    rng = case.rng(_KEY)
    shuffled = float(
        np.mean([
            duplicate_ceiling(group_N, labels[rng.permutation(len(labels))]).ceiling
            for _ in range(_SHUFFLES)
        ])
    )  # fmt: skip
    yield Finding(
        code="D1.duplicate-inputs",
        severity=_severity(found.lost, share),
        claim=f"{found.conflicting} of {len(labels)} examples share their input with others that"
        f" have another label: no model can exceed {found.unit.split(',')[0]} {found.ceiling:.3f}",
        measured=found.ceiling,
        unit=f"{found.unit}, the most that any function of the inputs reaches",
        threshold=1.0 - LOST_SEVERE * (1.0 - found.best_constant),
        source=_SOURCE,
        confidence=0.99,
        control=f"with the labels shuffled over the examples the ceiling would be {shuffled:.3f},"
        f" so equal inputs tell {max(0.0, found.ceiling - shuffled):.3f} more than chance;"
        f"{_noise(facts, found)} equality is of the inputs as the model sees them, to five"
        " decimals",
        remedy="give the model what differs between these examples (critique:"
        " data.feature_set=full101 or performance instead of score79), or one mean label for each"
        " input",
        evidence=_evidence(case, facts, group_N, labels, found, shuffled),
    )


def _severity(lost: float, share: float) -> Severity:
    if lost > LOST_SEVERE:
        return "severe"
    return "warning" if lost > LOST_WARNING and share > SHARE else "info"


def _noise(facts: DataFacts, found: Ceiling) -> str:
    """What the raters' noise alone would leave, where several judged an example."""
    from partimento.doctor.data_labels import reliability

    if not len(facts.rater_labels) or found.unit == "accuracy":
        return ""
    ceiling = reliability(facts.rater_labels)
    return f" noise of the raters alone would leave R2 {ceiling.mean:.3f};"


def _evidence(
    case: Case,
    facts: DataFacts,
    group_N: np.ndarray,
    labels: np.ndarray,
    found: Ceiling,
    shuffled: float,
) -> dict[str, Any]:
    numbers, counts = np.unique(group_N, return_counts=True)
    largest = numbers[np.argsort(-counts, kind="stable")][:5]
    rows = []
    for number in largest.tolist():
        places = np.flatnonzero(group_N == number)
        if len(places) < 2:
            continue
        values = labels[places]
        rows.append({
            "examples": len(places),
            "names": [name_of(facts, int(i)) for i in places[:4]],
            "labels_range": float(np.ptp(values, axis=0).mean()) if values.ndim > 1
            else len(np.unique(values)),
        })  # fmt: skip
    return {
        "ceiling": found.ceiling,
        "lost": found.lost,
        "ceiling_with_shuffled_labels": shuffled,
        "ceiling_on_new_examples": 1.0 - (1.0 - found.ceiling) / max(1e-9, 1.0 - shuffled)
        if found.per_dimension
        else None,
        "ceiling_by_dimension": list(found.per_dimension),
        "different_inputs": len(numbers),
        "groups": rows,
        **change(case, {"data.feature_set": "full101"}),
    }


CHECKS: tuple[Check, ...] = (
    Check(
        name="duplicate inputs",
        known=(
            Known(
                code="D1.duplicate-inputs",
                title="Equal inputs with different labels",
                meaning="The model is shown the same input with several answers; the best it can"
                " do is their mean, so its predictions collapse however it is trained.",
                threshold=f"severe where more than {LOST_SEVERE:.0%} of what could be learnt is"
                f" out of reach; a warning above {LOST_WARNING:.0%} in more than {SHARE:.0%} of"
                " the examples; else info",
                source=_SOURCE,
                evidence="the ceiling in all and by dimension, the largest groups with their"
                " names, the ceiling under shuffled labels",
                remedy="give the model what differs between the examples; for the critique"
                " `data.feature_set=full101`",
                explains=(
                    *("R2.collapse", "R2.rank", "R6.underfit", "R6.plateau", "R5.noisy-validation"),
                    *("T1.worse-than-constant", "T1.no-diversity", "T2.input-ignored"),
                    *("D2.leakage", "R1.uniform", "M3.blind-input", "R6.overfit"),
                ),
            ),
        ),
        needs=("data.inputs", "data.labels"),
        run=_check,
    ),
)
