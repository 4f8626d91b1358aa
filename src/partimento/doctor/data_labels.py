"""How much of the labels is noise of those who gave them, where several judged an example.   (D5)

Shape suffixes: N examples, D dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from partimento.doctor.case import Case
from partimento.doctor.checks import Check, Known
from partimento.doctor.data_parts import facts_of
from partimento.doctor.finding import Finding, Severity

WARNING = 0.4
SEVERE = 0.1
LEAST = 10
"""Examples with two raters or more; fewer tell nothing about the noise."""
_SPLITS = 20
_KEY = 105
_SOURCE = (
    "classical test theory: the largest R2 to expect is the labels' reliability, 1 - squared"
    " standard error / variance (Lord & Novick 1968); PercePiano has about 0.75"
)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Share of the labels' variance that is no noise."""

    by_dimension: np.ndarray
    """(D,), NaN where the labels do not differ."""
    examples: int
    """Judged by two or more."""
    raters: float
    """Mean number of judges of these."""

    @property
    def mean(self) -> float:
        """Over the dimensions that differ; NaN for none."""
        known = self.by_dimension[np.isfinite(self.by_dimension)]
        return float(known.mean()) if len(known) else float("nan")


def reliability(rater_labels: Sequence[np.ndarray]) -> Reliability:
    """Ceiling of R2 from matrices (raters, D), one per example; NaN is no answer.

    A label is the mean over the raters of an example; its squared standard error is the variance
    over them / their number.  Examples with fewer than two are left out.
    Raises ValueError where the dimensions differ.
    """
    tables = [np.asarray(one, dtype=np.float64) for one in rater_labels]
    widths = {table.shape[1] for table in tables if table.ndim == 2}
    if len(widths) != 1 or any(table.ndim != 2 for table in tables):
        raise ValueError("rater labels are matrices (raters, D) of one D")
    several = [table for table in tables if len(table) >= 2]
    result = np.full(widths.pop(), np.nan)
    for d in range(len(result)):
        columns = [table[np.isfinite(table[:, d]), d] for table in several]
        columns = [column for column in columns if len(column) >= 2]
        spread = float(np.var([column.mean() for column in columns])) if len(columns) > 1 else 0.0
        if spread > 1e-12:
            error = np.mean([column.var(ddof=1) / len(column) for column in columns])
            result[d] = 1.0 - float(error) / spread
    raters = float(np.mean([len(table) for table in several])) if several else 0.0
    return Reliability(result, len(several), raters)


def split_half(rater_labels: Sequence[np.ndarray], rng: np.random.Generator) -> float:
    """Reliability by random halves of each example's raters, stepped up (Spearman, Brown 1910).

    2 r / (1 + r) of the correlation r of the halves' means, mean over dimensions and halvings.
    """
    tables = [np.asarray(t, dtype=np.float64) for t in rater_labels if len(t) >= 2]
    found = []
    for _ in range(_SPLITS):
        halves = []
        for table in tables:
            order = rng.permutation(len(table))
            cut = len(order) // 2
            halves.append([mean_of_known(table[order[:cut]]), mean_of_known(table[order[cut:]])])
        both = np.array(halves)
        found += [stepped_up(both[:, 0, d], both[:, 1, d]) for d in range(both.shape[2])]
    known = [value for value in found if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def mean_of_known(values: np.ndarray) -> np.ndarray:
    """Mean (D,) of answers (n, D), each over those that are known; NaN where none is."""
    known = np.isfinite(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def stepped_up(one: np.ndarray, two: np.ndarray) -> float:
    """Reliability of the whole from that of two halves (Spearman-Brown); NaN for none."""
    known = np.isfinite(one) & np.isfinite(two)
    if known.sum() < 3 or one[known].std() == 0 or two[known].std() == 0:
        return float("nan")
    r = float(np.corrcoef(one[known], two[known])[0, 1])
    return 2 * r / (1 + r) if r > -1 else float("nan")


def _check(case: Case) -> Iterator[Finding]:
    found = reliability(facts_of(case).rater_labels)
    ceiling = found.mean
    if found.examples < LEAST or not np.isfinite(ceiling):
        return
    halves = split_half(facts_of(case).rater_labels, case.rng(_KEY))
    # Both estimates must agree that there is little to learn before anybody is alarmed.
    surest = max(ceiling, halves) if np.isfinite(halves) else ceiling
    severity: Severity = "info"
    if surest < WARNING:
        severity = "severe" if surest < SEVERE else "warning"
    yield Finding(
        code="D5.noise-ceiling",
        severity=severity,
        claim=f"another set of raters would have given other labels: no model can be expected to"
        f" exceed R2 {ceiling:.3f}",
        measured=ceiling,
        unit="R2, mean over the label's dimensions",
        threshold=WARNING,
        source=_SOURCE,
        confidence=0.9 if abs(ceiling - halves) < 0.1 else 0.7,
        control=f"random halves of the raters, stepped up by Spearman and Brown, give"
        f" {halves:.3f}; {found.examples} examples with {found.raters:.1f} raters on average",
        remedy="judge results against this ceiling and not against 1; ask more raters, or leave"
        " out the dimensions with the lowest ceiling",
        evidence={"ceiling_by_dimension": found.by_dimension.tolist(), "split_half": halves},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        name="label noise",
        known=(
            Known(
                code="D5.noise-ceiling",
                title="Ceiling set by the raters' noise",
                meaning="A label that is the mean of a handful of answers would be another one had"
                " others answered; nobody can foretell that part.",
                threshold=f"told as info; a warning below R2 {WARNING}, severe below {SEVERE}",
                source=_SOURCE,
                evidence="the ceiling of each dimension, and the split-half estimate",
                remedy="judge results against the ceiling; more raters",
                explains=("R6.underfit", "R6.plateau", "R5.noisy-validation", "R2.collapse"),
            ),
        ),
        needs=("data.rater_labels",),
        run=_check,
    ),
)
