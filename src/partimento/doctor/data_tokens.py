"""What token rows are made of: tokens that never occur, rests, unknown ones; files lost.   (D4)

Shape suffixes: N examples, V vocabulary.
"""

from __future__ import annotations

import math
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
    without_padding,
)
from partimento.doctor.finding import Finding, Severity

DEAD_TOLD = 0.25
UNSEEN_WARNING, UNSEEN_SEVERE = 0.02, 0.10
REST_WARNING, REST_SEVERE = 0.5, 0.8
DROPPED_WARNING, DROPPED_SEVERE = 0.05, 0.25
UNKNOWN_WARNING, UNKNOWN_SEVERE = 0.001, 0.05
_REST_SOURCE = "arithmetic: above it most of a loss per token is about silence; Bach has 0-3 %"
_DROPPED_SOURCE = "one file in twenty: what fails to be read is seldom a fair sample"
_UNKNOWN_SOURCE = "a closed vocabulary leaves none; one in a thousand touches every piece"


def token_counts(facts: DataFacts, mask: np.ndarray) -> np.ndarray:
    """How often each token (V,) occurs in the examples of a mask, padding left out.

    Tokens outside the vocabulary do not count.
    """
    size = int(facts.vocabulary or 0)
    total = np.zeros(size, dtype=np.int64)
    for place in np.flatnonzero(mask).tolist():
        row = without_padding(np.asarray(facts.inputs[place]), facts.pad_token).ravel()
        row = row[(row >= 0) & (row < size)]
        total += np.bincount(row, minlength=size)
    if facts.pad_token is not None and 0 <= facts.pad_token < size:
        total[facts.pad_token] = 0
    return total


def _check_dead(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    if not are_tokens(facts):
        return
    counts, held = token_counts(facts, training(facts)), token_counts(facts, held_out(facts))
    if not counts.sum():
        return
    live, size = int((counts > 0).sum()), len(counts) - (facts.pad_token is not None)
    dead, unseen = 1.0 - live / size, ratio(held[counts == 0].sum(), held.sum())
    if dead <= DEAD_TOLD and unseen <= UNSEEN_WARNING:
        return
    severity: Severity = "info"
    if unseen > UNSEEN_WARNING:
        severity = "severe" if unseen > UNSEEN_SEVERE else "warning"
    yield Finding(
        code="D4.dead-tokens",
        severity=severity,
        claim=_dead_claim(live, size, unseen),
        measured=dead if severity == "info" else unseen,
        unit="share of the vocabulary" if severity == "info" else "share of held-out tokens",
        threshold=DEAD_TOLD if severity == "info" else UNSEEN_WARNING,
        source="arithmetic: the uniform floor is ln of the live tokens, not of the vocabulary",
        confidence=0.97,
        control=f"padding left out; {int(counts.sum())} training tokens were counted, and the"
        f" commonest token is {counts.max() / counts.sum():.1%} of them",
        remedy="compare losses with the floor over live tokens; where held-out tokens are unknown,"
        " transpose in training (data.transpose) or split anew",
        evidence={
            "live": live,
            "vocabulary": size,
            "uniform_floor_nats": math.log(size),
            "live_floor_nats": math.log(live),
            "unseen_share_of_held_out": unseen,
            "unseen_tokens": np.flatnonzero((counts == 0) & (held > 0)).tolist()[:50],
        },
    )


def _dead_claim(live: int, size: int, unseen: float) -> str:
    if unseen > UNSEEN_WARNING:
        return f"{unseen:.1%} of the held-out tokens never occur in training"
    return (
        f"{live} of {size} tokens occur in training: guessing evenly among these costs"
        f" {math.log(live):.2f} nats and not {math.log(size):.2f}"
    )


def _check_rests(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    rest = facts.rest_token
    if rest is None or not are_tokens(facts):
        return
    rows = [without_padding(np.asarray(row), facts.pad_token) for row in facts.inputs]
    shares = np.array([float((row == rest).mean()) if row.size else 0.0 for row in rows])
    share = ratio(sum(int((row == rest).sum()) for row in rows), sum(row.size for row in rows))
    if share <= REST_WARNING:
        return
    yield Finding(
        code="D4.rests",
        severity="severe" if share > REST_SEVERE else "warning",
        claim=f"{share:.0%} of all tokens are rests: the loss is mostly about silence",
        measured=share,
        unit="share of tokens",
        threshold=REST_WARNING,
        source=_REST_SOURCE,
        confidence=0.95,
        control=f"padding left out; {float((shares > 0.95).mean()):.0%} of the examples are nearly"
        " all rests, and the others count too",
        remedy="leave silent voices and bars out, and report the loss per sounding note",
        evidence={"share_of_the_median_example": float(np.median(shares))},
    )


def _check_dropped(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    total = facts.dropped + len(facts.inputs)
    if not facts.dropped or not total:
        return
    share = facts.dropped / total
    severity: Severity = "severe" if share > DROPPED_SEVERE else "warning"
    yield Finding(
        code="D4.dropped",
        severity=severity if share > DROPPED_WARNING else "info",
        claim=f"{facts.dropped} of {total} files could not be used",
        measured=share,
        unit="share of the files that were found",
        threshold=DROPPED_WARNING,
        source=_DROPPED_SOURCE,
        confidence=0.97,
        control="files left out by choice (other parts, a limit) are not counted",
        remedy="count what was read with `partimento data stats NAME`, and read or replace the"
        " others",
        evidence={"dropped": facts.dropped, "used": len(facts.inputs)},
    )


def _check_unknown(case: Case) -> Iterator[Finding]:
    facts = facts_of(case)
    unknown = facts.unknown_token
    if unknown is None or not are_tokens(facts):
        return
    rows = [without_padding(np.asarray(row), facts.pad_token) for row in facts.inputs]
    hits = np.array([int((row == unknown).sum()) for row in rows])
    share = ratio(hits.sum(), sum(row.size for row in rows))
    if not hits.any():
        return
    severity: Severity = "severe" if share > UNKNOWN_SEVERE else "warning"
    yield Finding(
        code="D4.unknown",
        severity=severity if share > UNKNOWN_WARNING else "info",
        claim=f"{share:.2%} of the tokens are unknown, in {np.count_nonzero(hits)} of"
        f" {len(rows)} examples",
        measured=share,
        unit="share of tokens",
        threshold=UNKNOWN_WARNING,
        source=_UNKNOWN_SOURCE,
        confidence=0.98,
        control="padding left out; the unknown token is the one that the vocabulary names",
        remedy="quantise before tokenising so that every value has a token"
        " (`partimento tokens roundtrip FILE` shows what is lost)",
        evidence={"examples": [name_of(facts, int(i)) for i in np.argsort(-hits)[:8] if hits[i]]},
    )


CHECKS: tuple[Check, ...] = (
    Check(
        name="live tokens",
        known=(
            Known(
                code="D4.dead-tokens",
                title="Tokens that never occur",
                meaning="Tokens without an example cost parameters and make the uniform floor look"
                " high; held-out tokens that training never showed cannot be foretold.",
                threshold=f"told where more than {DEAD_TOLD:.0%} of the vocabulary is dead; a"
                f" warning above {UNSEEN_WARNING:.0%} of the held-out tokens unseen, severe above"
                f" {UNSEEN_SEVERE:.0%}",
                source="arithmetic: ln of the live tokens",
                evidence="live tokens, both floors, the tokens that training lacks",
                remedy="the floor over live tokens; transposition in training",
                explains=("U1.worse-than-floor", "R6.overfit"),
            ),
        ),
        needs=("data.inputs", "data.vocabulary"),
        run=_check_dead,
    ),
    Check(
        name="share of rests",
        known=(
            Known(
                code="D4.rests",
                title="Mostly rests",
                meaning="A loss per token that is mostly about silence is low for models that know"
                " nothing about notes.",
                threshold=f"a warning above {REST_WARNING:.0%} of the tokens, severe above"
                f" {REST_SEVERE:.0%}",
                source=_REST_SOURCE,
                evidence="share in the median example",
                remedy="leave silent voices out, report the loss per sounding note",
                explains=("R2.collapse", "T1.no-diversity", "R12.loops"),
            ),
        ),
        needs=("data.inputs", "data.rest_token"),
        run=_check_rests,
    ),
    Check(
        name="dropped files",
        known=(
            Known(
                code="D4.dropped",
                title="Files that could not be used",
                meaning="What fails to be read is seldom a fair sample of the whole.",
                threshold=f"told for any; a warning above {DROPPED_WARNING:.0%}, severe above"
                f" {DROPPED_SEVERE:.0%}",
                source=_DROPPED_SOURCE,
                evidence="dropped and used files",
                remedy="look at the files, and read the others anew",
            ),
        ),
        needs=("data.inputs", "data.dropped"),
        run=_check_dropped,
    ),
    Check(
        name="unknown tokens",
        known=(
            Known(
                code="D4.unknown",
                title="Unknown tokens",
                meaning="Values that the vocabulary lacks were all written as one token, which the"
                " model then learns to write.",
                threshold=f"told for any; a warning above {UNKNOWN_WARNING:.1%} of the tokens,"
                f" severe above {UNKNOWN_SEVERE:.0%}",
                source=_UNKNOWN_SOURCE,
                evidence="the examples with most of them",
                remedy="quantise before tokenising",
                explains=("R12.loops",),
            ),
        ),
        needs=("data.inputs", "data.unknown_token"),
        run=_check_unknown,
    ),
)
