"""Inputs out of range: tokens, pitches and numbers that cannot be, or lie elsewhere.   (D4)

Shape suffixes: N examples, F features.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checks import Check, Known
from partimento.doctor.data_parts import (
    are_tokens,
    facts_of,
    held_out,
    name_of,
    ratio,
    training,
)
from partimento.doctor.finding import Finding, Severity

LOWEST, HIGHEST = 21, 108
"""The keys of a piano, MIDI."""
KEYS_WARNING, KEYS_SEVERE = 0.01, 0.10
SHIFT_WARNING, SHIFT_SEVERE = 2.0, 4.0
_LEAST_EXAMPLES = 8
_SHIFT_SOURCE = "definition: parts of one set differ by far less than its own spread"


def _check_range(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    if are_tokens(facts):
        yield from _tokens_outside(facts)
        yield from _keys_outside(facts)
        return
    yield from _not_finite(facts)
    yield from _shifted(facts)


def _tokens_outside(facts: DataFacts) -> Iterator[Finding]:
    if not facts.vocabulary:
        return
    outside = [
        int(((r < 0) | (r >= facts.vocabulary)).sum()) for r in map(np.asarray, facts.inputs)
    ]
    if not any(outside):
        return
    share = sum(outside) / sum(np.asarray(row).size for row in facts.inputs)
    yield _range_finding(
        f"{sum(outside)} tokens in {np.count_nonzero(outside)} examples are outside the vocabulary"
        f" of {facts.vocabulary}",
        share,
        "share of tokens",
        0.0,
        "definition of the vocabulary",
        {"examples": [name_of(facts, i) for i, n in enumerate(outside) if n][:8]},
        "rows as they are, padding included: padding has a token of its own",
    )


def _keys_outside(facts: DataFacts) -> Iterator[Finding]:
    """Pitches that no piano has."""
    if facts.pitch_tokens is None or facts.pitch_tokens[1] - facts.pitch_tokens[0] != 127:
        return
    first, last = facts.pitch_tokens
    rows = [np.asarray(row) for row in facts.inputs]
    outside = [((row >= first) & (row < first + LOWEST)) | ((row > first + HIGHEST) & (row <= last))
               for row in rows]  # fmt: skip
    pitches = sum(int(((row >= first) & (row <= last)).sum()) for row in rows)
    share = ratio(sum(int(one.sum()) for one in outside), pitches)
    if share <= KEYS_WARNING:
        return
    yield _range_finding(
        f"{share:.0%} of the pitches are outside the {HIGHEST - LOWEST + 1} keys of a piano:"
        " octaves are wrong, or numbers are no MIDI pitches",
        share,
        "share of pitches",
        KEYS_WARNING,
        "MIDI 21 to 108; of 5.0 million pitches in the chorales, ASAP, the tunes and Mutopia, 6",
        {"examples": [name_of(facts, i) for i, one in enumerate(outside) if one.any()][:8]},
        f"counted over {pitches} pitches; rests and other tokens do not count",
        "severe" if share > KEYS_SEVERE else "warning",
    )


def _not_finite(facts: DataFacts) -> Iterator[Finding]:
    bad = [i for i, row in enumerate(facts.inputs) if not np.isfinite(np.asarray(row)).all()]
    labels = np.asarray(facts.labels)
    wrong = 0
    if facts.labels is not None and np.issubdtype(labels.dtype, np.floating):
        wrong = int((~np.isfinite(labels.reshape(len(labels), -1))).any(axis=1).sum())
    if not bad and not wrong:
        return
    total = len(facts.inputs)
    yield _range_finding(
        f"{len(bad)} of {total} examples and {wrong} labels hold values that are not finite",
        (len(bad) + wrong) / total,
        "examples and labels with such values / examples",
        0.0,
        "definition: a mean with one of them is none",
        {"examples": [name_of(facts, i) for i in bad[:8]]},
        "every value was looked at, before any scaling of ours",
    )


def _shifted(facts: DataFacts) -> Iterator[Finding]:
    """Held-out columns that lie elsewhere than those of training."""
    rows = [np.asarray(one, dtype=np.float64) for one in facts.inputs]
    rows = [row.reshape(1, -1) if row.ndim == 1 else row for row in rows]
    train, held = training(facts), held_out(facts)
    if len({row.shape[1:] for row in rows}) != 1 or any(row.ndim != 2 for row in rows):
        return
    if min(train.sum(), held.sum()) < _LEAST_EXAMPLES:
        return
    means = np.stack([row.mean(axis=0) for row in rows])
    spread = means[train].std(axis=0)
    live = np.isfinite(means).all(axis=0) & (spread > 1e-9)
    if not live.any():
        return
    distance = np.abs(means[held].mean(axis=0) - means[train].mean(axis=0))[live] / spread[live]
    shift = float(np.median(distance))
    if shift <= SHIFT_WARNING:
        return
    yield _range_finding(
        f"half of the {int(live.sum())} columns lie {shift:.1f} standard deviations or more"
        " elsewhere in the held-out part than in training",
        shift,
        "median distance of the columns' means, in standard deviations over training examples",
        SHIFT_WARNING,
        _SHIFT_SOURCE,
        {"largest_shift": float(distance.max())},
        f"{int(held.sum())} held-out and {int(train.sum())} training examples: by chance the"
        f" distance is about {np.sqrt(1 / train.sum() + 1 / held.sum()):.2f}",
        "severe" if shift > SHIFT_SEVERE else "warning",
    )


def _range_finding(
    claim: str,
    measured: float,
    unit: str,
    threshold: float,
    source: str,
    evidence: dict[str, object],
    control: str,
    severity: Severity = "severe",
) -> Finding:
    return Finding(
        code="D4.range",
        severity=severity,
        claim=claim,
        measured=measured,
        unit=unit,
        threshold=threshold,
        source=source,
        confidence=0.97,
        control=control,
        remedy="take the named examples out or read them anew, and scale every part by the"
        " statistics of training",
        evidence=evidence,
    )


CHECKS: tuple[Check, ...] = (
    Check(
        name="range of the inputs",
        known=(
            Known(
                code="D4.range",
                title="Values out of range",
                meaning="Tokens outside the vocabulary, pitches that no piano has, values that are"
                " not finite, or held-out inputs that lie elsewhere than those of training (other"
                " units, other scaling).",
                threshold=f"any token or value; {KEYS_WARNING:.0%} of the pitches, severe at"
                f" {KEYS_SEVERE:.0%}; half of the columns"
                f" {SHIFT_WARNING:g} standard deviations apart, severe at {SHIFT_SEVERE:g}",
                source=_SHIFT_SOURCE,
                evidence="examples by name, the largest shift",
                remedy="read the files anew, scale every part by the statistics of training",
                explains=("R6.not-finite", "R3.exploding", "R6.overfit", "R5.noisy-validation"),
            ),
        ),
        needs=("data.inputs",),
        run=_check_range,
    ),
)
