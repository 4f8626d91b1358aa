"""Is what the model is judged on known from training?   (D2)

Three ways to know it: an example shares its piece, passage or recording with one in training; it
is equal to one; or it is nearly one in another key.

Shape suffixes: N examples.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.checks import Check, Known
from partimento.doctor.data_parts import (
    TEST,
    VALID,
    are_tokens,
    change,
    facts_of,
    held_out,
    keys,
    name_of,
    part,
    training,
    without_padding,
)
from partimento.doctor.data_shingles import COPY, IDIOM_SHARE, LEAST, near_copies, shingles
from partimento.doctor.data_surprise import MARGIN_BITS, numbered, symbols, telling
from partimento.doctor.finding import SEVERITIES, Finding, Severity

CONTENT = ("piece", "passage", "recording", "song", "tune", "notes")
"""Kinds of groups whose members hold the same music: shared, they are a leak."""
PROMISES: Mapping[str, tuple[str, ...]] = {
    "passage": ("passage", "notes"),
    "performer": ("performer", "recording"),
    "groups": ("passage", "notes"),
    "work": ("work", "passage", "notes"),
}
"""Protocol (data.protocol) -> kinds of groups that it keeps apart; others are shared by design."""
KIND_SPLITS = {("passage", "notes")}
"""Protocol and kind that are shared as published: a warning, never severe."""
LIMITS: Mapping[str, tuple[float, float]] = {
    "group": (0.0, 0.05),
    "equal": (0.05, 0.05),
    "near": (0.05, 0.10),
}
"""Way -> share of held-out examples above which it is a warning, and severe."""
LEAST_DISTINCT = 4
"""Rows of numbers with fewer different ones are equal by chance (silence)."""
_SHOWN = 8
_SOURCE = (
    "definition: held-out examples must be new (Kaufman et al. 2012, Leakage in data mining);"
    f" near copies: {COPY:.0%} of the shingles in one training example. Unrelated pieces of ASAP"
    " share at most 6.3 % of their 6-grams, performances of one piece 14 % or more"
)


@dataclass(frozen=True, slots=True)
class Leak:
    """Held-out examples known from training in one way."""

    way: str
    """group, equal or near."""
    kind: str
    """Which kind of group; else what was compared."""
    share: float
    examples: int
    of: int
    pairs: Sequence[Mapping[str, Any]] = field(default_factory=tuple)
    published: bool = False
    """The split is known to be so kind."""

    @property
    def severity(self) -> Severity:
        """By the share of held-out examples."""
        warning, severe = LIMITS[self.way]
        if self.share > severe and not self.published:
            return "severe"
        return "warning" if self.share > warning else "info"

    @property
    def says(self) -> str:
        """What is shared, in words."""
        return {
            "group": f"share their {self.kind} with training examples",
            "equal": "are equal to training examples"
            + (" in another key" if "key" in self.kind else ""),
            "near": "are near copies of training examples, in whatever key",
        }[self.way]


def group_leak(facts: DataFacts, kind: str) -> Leak:
    """Held-out examples whose group is in training (test: or in validation)."""
    names = np.array(facts.groups[kind], dtype=str)
    return _shared(facts, names, names != "", "group", kind)


def equal_leaks(facts: DataFacts) -> list[Leak]:
    """Held-out examples that stand in training too: as they are, and in another key."""
    if not are_tokens(facts):
        plain = [len(np.unique(np.asarray(one))) >= LEAST_DISTINCT for one in facts.inputs]
        return [_shared(facts, keys(facts), np.array(plain, dtype=bool), "equal", "inputs")]
    rows = [without_padding(np.asarray(row), facts.pad_token) for row in facts.inputs]
    found = []
    for kind, pitches in (("inputs", None), ("inputs in another key", facts.pitch_tokens)):
        if kind == "inputs" or pitches is not None:
            lines = [symbols(row, pitches) for row in rows]
            numbers, anything = numbered(lines), np.ones(len(lines), dtype=bool)
            leak = _shared(facts, numbers, anything, "equal", kind)
            if leak.examples:  # the chain costs most, and is only asked about equals
                leak = _shared(facts, numbers, telling(lines, training(facts)), "equal", kind)
            found.append(leak)
    return found


def _shared(facts: DataFacts, names: np.ndarray, known: np.ndarray, way: str, kind: str) -> Leak:
    train, held, test, valid = (
        *(training(facts), held_out(facts)),
        *(part(facts, TEST), part(facts, VALID)),
    )
    in_training = np.isin(names, names[train & known])
    chosen_by = test & np.isin(names, names[valid & known])
    leaked = held & known & (in_training | chosen_by)
    pairs = []
    for place in np.flatnonzero(leaked)[:_SHOWN].tolist():
        others = np.flatnonzero(known & (names == names[place]) & (train | (valid & test[place])))
        pairs.append({
            "held_out": name_of(facts, place),
            "part": facts.split[place],
            "training": name_of(facts, int(others[0])),
            "shared": str(names[place]) if way == "group" else "equal",
        })  # fmt: skip
    count, of = int(leaked.sum()), int(held.sum())
    return Leak(way, kind, count / of if of else 0.0, count, of, tuple(pairs))


def near_leak(facts: DataFacts) -> Leak | None:
    """Held-out token rows nearly in training, transposed or not; None where this cannot be told."""
    if facts.pitch_tokens is None or not are_tokens(facts):
        return None
    sets = [shingles(without_padding(row, facts.pad_token), facts.pitch_tokens)
            for row in facts.inputs]  # fmt: skip
    held, train = np.flatnonzero(held_out(facts)), np.flatnonzero(training(facts))
    found, _ = near_copies(sets, held, train)
    pairs = tuple(
        {
            "held_out": name_of(facts, one.held_out),
            "part": facts.split[one.held_out],
            "training": name_of(facts, one.training),
            "shared": f"{one.containment:.0%} of its shingles",
        }
        for one in found[:_SHOWN]
    )
    return Leak("near", "shingles", len(found) / max(1, len(held)), len(found), len(held), pairs)


def protocol_of(case: Case) -> str:
    """The protocol that the parts follow; empty where none is named."""
    settings = case.config.get("data")
    return str(settings.get("protocol", "")) if isinstance(settings, Mapping) else ""


def _check(case: Case) -> Iterator[Finding]:
    facts, protocol = facts_of(case), protocol_of(case)
    if not held_out(facts).any() or not training(facts).any():
        return
    apart = [kind for kind in facts.groups if kind in PROMISES.get(protocol, CONTENT)]
    ways = [
        replace(group_leak(facts, kind), published=(protocol, kind) in KIND_SPLITS)
        for kind in apart
    ]
    if "performer" not in apart:
        # The same score at two performers is what a split by performer is about.
        near = near_leak(facts)
        ways += equal_leaks(facts) + ([] if near is None else [near])
    ways = [one for one in ways if one.examples]
    if ways:
        yield _finding(case, facts, ways)
    others = [group_leak(facts, kind) for kind in facts.groups if kind not in apart]
    shared = [one for one in others if one.examples]
    if shared:
        yield _by_design(shared)


def _finding(case: Case, facts: DataFacts, ways: Sequence[Leak]) -> Finding:
    """One finding of all ways, named by the worst."""
    worst = max(ways, key=lambda one: (SEVERITIES.index(one.severity), one.share))
    warning, _ = LIMITS[worst.way]
    table = [{"way": one.way, "compared": one.kind, "examples": one.examples, "share": one.share}
             for one in ways]  # fmt: skip
    return Finding(
        code="D2.leakage",
        severity=worst.severity,
        claim=f"{worst.examples} of {worst.of} held-out examples {worst.says}: figures on them"
        " tell of memory",
        measured=worst.share,
        unit="share of held-out examples",
        threshold=warning,
        source=_SOURCE,
        confidence={"group": 0.97, "equal": 0.95, "near": 0.9}[worst.way],
        control=_control(facts, worst),
        remedy="split by the group that is shared: `partimento data split DIR -o split.csv`"
        " (piano), data.protocol=groups (critique), dup_group (tunes); or leave these examples out",
        evidence={
            "ways": table,
            "pairs": list(worst.pairs),
            **change(case, {"data.protocol": "groups"}),
        },
    )


def _control(facts: DataFacts, worst: Leak) -> str:
    """What an innocent split would show."""
    if worst.way == "equal" and are_tokens(facts):
        return (
            "examples that an independent draw could have hit are left out: each of these carries"
            f" {MARGIN_BITS:g} bits more, under a chain of the training set without its copy, than"
            " it takes to point at one training example"
        )
    if worst.way == "equal":
        return f"examples with fewer than {LEAST_DISTINCT} different numbers are left out"
    if worst.way == "near":
        return (
            f"{LEAST} shared shingles at least, not counting those that stand in more than"
            f" {IDIOM_SHARE:.0%} of the examples"
        )
    names = np.array(facts.groups[worst.kind], dtype=str)
    alone = int((np.unique(names[names != ""], return_counts=True)[1] == 1).sum())
    return (
        f"{worst.kind} names that are empty do not count; {alone} of {len(set(names.tolist()))}"
        " stand once, so the split could have kept them apart"
    )


def _by_design(shared: Sequence[Leak]) -> Finding:
    most = max(shared, key=lambda one: one.share)
    kinds = " and ".join(_KINDS.get(one.kind, one.kind) for one in shared)
    return Finding(
        code="D2.leakage",
        severity="info",
        claim=f"{most.share:.0%} of the held-out examples have a {_KINDS.get(most.kind, most.kind)}"
        f" that training has too: the figures say nothing about an unknown {kinds}",
        measured=most.share,
        unit="share of held-out examples",
        threshold=None,
        source="definition of the split",
        confidence=0.97,
        control="this kind of group is not what the split keeps apart",
        remedy="say so beside the figures, or hold whole ones out (data.protocol)",
        evidence={"shares": {one.kind: one.share for one in shared}, "pairs": list(most.pairs)},
    )


_KINDS = {"notes": "group of shared notes"}


CHECKS: tuple[Check, ...] = (
    Check(
        name="leakage between the parts",
        known=(
            Known(
                code="D2.leakage",
                title="Held-out examples known from training",
                meaning="The same piece, passage or recording, an equal example or a near copy in"
                " another key is in training and held out, so that memory counts as skill.",
                threshold="any shared group is a warning, more than 5 % of the held-out examples"
                " severe; more than 5 % equal examples severe; near copies 5 % and 10 %; fewer are"
                " info",
                source=_SOURCE,
                evidence="every way with its share, pairs by name",
                remedy="split by the group that is shared, or leave the examples out",
                explains=("R13.memorised", "D4.dead-tokens", "D4.range"),
            ),
        ),
        needs=("data.inputs", "data.split"),
        run=_check,
    ),
)
