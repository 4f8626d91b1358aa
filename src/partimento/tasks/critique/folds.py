"""The protocols: who is learnt from, who is selected on, and who is foretold.

Every protocol parts *units* of clips that belong together, so that nothing leaks by construction:

===========  ==========================  ====================================================
protocol     unit                        test
===========  ==========================  ====================================================
passage      passage, by name            15 % of the clips, works in proportion; four folds
performer    human performer             15 % of the clips, kinds in proportion; four folds
groups       group that shares no notes  each fifth of the clips in turn
work         work (movement)             each work in turn
===========  ==========================  ====================================================

``passage`` and ``performer`` are as published (Park et al. 2024): the rest of the clips falls into
four parts, each of which is once the validation part of a model; the mean of the four models is
measured on the test part, which is the same for the four and another one for every seed.  Passages
by name share notes with others (8 bars inside 16, returns), so that split is kind; ``groups`` is
the honest one.  Deadpan renditions belong to no performer and stay in training, as published.
``work`` has the same tests for every seed; the seed changes what is selected on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from partimento.core.errors import DataError
from partimento.music.percepiano import Clip, passage_groups

Protocol = Literal["passage", "performer", "groups", "work"]
PROTOCOLS: tuple[str, ...] = get_args(Protocol)
TEST_SHARE = 0.15
FOLDS = 4
PARTS = 5
"""Tests of the protocol ``groups``."""
_ATTEMPTS = 200
_EVEN = 0.10


@dataclass(frozen=True, slots=True)
class Fold:
    """One model to train: indices (n,) int64, sorted, of its parts.

    Folds with equal ``test_name`` have the same test part, on which the mean of their models is
    measured.
    """

    name: str
    test_name: str
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


def splits(
    clips: Sequence[Clip], protocol: Protocol, seed: int, *, groups_N: np.ndarray | None = None
) -> list[Fold]:
    """The folds of a protocol, the same for the same clips and seed.

    ``groups_N`` are :func:`passage_groups` of the clips where they are known already.

    Raises DataError for clips that cannot be parted so.
    """
    generator = np.random.default_rng([seed, PROTOCOLS.index(protocol)])
    if protocol == "passage":
        units, strata = [c.passage for c in clips], [c.work for c in clips]
        return _one_test(units, strata, np.ones(len(clips), dtype=bool), generator)
    if protocol == "performer":
        human = np.array([bool(c.performer) and not c.deadpan for c in clips], dtype=bool)
        return _one_test([c.performer for c in clips], _repertoires(clips), human, generator)
    found = passage_groups(clips) if groups_N is None else groups_N
    if protocol == "groups":
        return _every_part(found, generator)
    return _every_work(clips, found, generator)


def _repertoires(clips: Sequence[Clip]) -> list[str]:
    """For every clip, the works that its performer plays: some have recorded one work only."""
    plays: dict[str, set[str]] = {}
    for clip in clips:
        plays.setdefault(clip.performer, set()).add(clip.work)
    return [" ".join(sorted(plays[clip.performer])) for clip in clips]


def _one_test(
    units: Sequence[str], strata: Sequence[str], parted: np.ndarray, generator: np.random.Generator
) -> list[Fold]:
    """A test part and four folds on the rest.

    Clips that are not ``parted`` (N,) are in every training part.
    """
    index = np.array(units, dtype=str)
    sizes = {name: int((index[parted] == name).sum()) for name in sorted(set(index[parted]))}
    stratum = dict(zip(units, strata, strict=True))
    if len(sizes) < FOLDS + 1:
        raise DataError(
            f"this protocol needs {FOLDS + 1} passages or performers, and there are {len(sizes)}"
        )
    test = _test_units(sizes, stratum, generator)
    rest = {name: size for name, size in sizes.items() if name not in test}
    part = _balanced(rest, stratum, FOLDS, generator)
    in_test = parted & np.isin(index, sorted(test))
    folds = []
    for k in range(FOLDS):
        valid = parted & np.isin(index, [name for name, number in part.items() if number == k])
        train = ~(in_test | valid)
        folds.append(_fold(f"fold-{k}", "test", train, valid, in_test))
    return folds


def _test_units(
    sizes: dict[str, int], stratum: dict[str, str], generator: np.random.Generator
) -> set[str]:
    """Units of about 15 % of the clips, from every stratum about its share.

    Several random draws are made; the first that comes within a hundredth of the clips counts,
    else the nearest.
    """
    target, tolerance = TEST_SHARE * sum(sizes.values()), 0.01 * sum(sizes.values())
    best: set[str] = set()
    nearest = float("inf")
    for _ in range(_ATTEMPTS):
        test = _drawn_test(sizes, stratum, generator)
        distance = abs(sum(sizes[unit] for unit in test) - target)
        if test and distance < nearest and len(sizes) - len(test) >= FOLDS:
            best, nearest = test, distance
        if nearest <= tolerance:
            break
    return best or {min(sizes, key=lambda unit: (sizes[unit], unit))}


def _drawn_test(
    sizes: dict[str, int], stratum: dict[str, str], generator: np.random.Generator
) -> set[str]:
    """One draw: a unit is taken while that brings the stratum's part nearer to its share.

    What a stratum got too much, the next one gets less.
    """
    test: set[str] = set()
    owed = 0.0
    for name in generator.permutation(sorted({stratum[unit] for unit in sizes})).tolist():
        members = [unit for unit in sizes if stratum[unit] == name]
        owed += TEST_SHARE * sum(sizes[unit] for unit in members)
        for place in generator.permutation(len(members)).tolist():
            size = sizes[members[place]]
            if abs(owed - size) < abs(owed):
                test.add(members[place])
                owed -= size
    return test


def _balanced(
    sizes: dict[str, int], stratum: dict[str, str], parts: int, generator: np.random.Generator
) -> dict[str, int]:
    """A part for every unit: parts of nearly the same size, with about the same strata.

    The first of several random draws whose parts differ by no more than a tenth of their mean
    counts, else the evenest.
    """
    best: dict[str, int] = {}
    evenest = float("inf")
    for _ in range(_ATTEMPTS):
        part = _drawn_parts(sizes, stratum, parts, generator)
        totals = np.bincount(list(part.values()), weights=[*sizes.values()], minlength=parts)
        spread = float(np.ptp(totals) / totals.mean())
        if spread < evenest:
            best, evenest = part, spread
        if evenest <= _EVEN:
            break
    return best


def _drawn_parts(
    sizes: dict[str, int], stratum: dict[str, str], parts: int, generator: np.random.Generator
) -> dict[str, int]:
    """One draw: units in random order go to the part with least of their stratum and of all."""
    total = np.zeros(parts)
    chosen: dict[str, int] = {}
    for name in generator.permutation(sorted({stratum[unit] for unit in sizes})).tolist():
        own = np.zeros(parts)
        members = [unit for unit in sizes if stratum[unit] == name]
        for place in generator.permutation(len(members)).tolist():
            unit = members[place]
            ties = generator.permutation(parts).tolist()
            best = min(ties, key=lambda k: (own[k] + total[k], own[k]))
            chosen[unit] = best
            own[best] += sizes[unit]
            total[best] += sizes[unit]
    return {unit: chosen[unit] for unit in sizes}


def _every_part(groups: np.ndarray, generator: np.random.Generator) -> list[Fold]:
    """Each fifth of the clips as the test, the next one for validation."""
    units = [str(group) for group in groups.tolist()]
    sizes = {unit: units.count(unit) for unit in dict.fromkeys(units)}
    if len(sizes) < 3:
        raise DataError(
            f"these clips make {len(sizes)} groups that share notes; the protocol needs three"
        )
    parts = min(PARTS, len(sizes))
    part = _balanced(sizes, dict.fromkeys(sizes, ""), parts, generator)
    number = np.array([part[unit] for unit in units], dtype=np.int64)
    folds = []
    for k in range(parts):
        test, valid = number == k, number == (k + 1) % parts
        folds.append(_fold(f"part-{k}", f"part-{k}", ~(test | valid), valid, test))
    return folds


def _every_work(
    clips: Sequence[Clip], groups: np.ndarray, generator: np.random.Generator
) -> list[Fold]:
    """Each work as the test; of the others, groups of a quarter of their clips for validation."""
    works = np.array([clip.work for clip in clips], dtype=str)
    names = sorted(set(works.tolist()))
    if len(names) < 2:
        raise DataError("these clips are of one work; the protocol needs two")
    folds = []
    for name in names:
        test = works == name
        # A work that shares notes with the held-out one would tell about it.
        shared = ~test & np.isin(groups, groups[test])
        rest = {str(g): int((groups[~test & ~shared] == g).sum()) for g in set(groups.tolist())}
        rest = {unit: size for unit, size in rest.items() if size}
        part = _balanced(rest, dict.fromkeys(rest, ""), FOLDS, generator)
        number = np.array([part.get(str(g), -1) for g in groups.tolist()], dtype=np.int64)
        valid = ~test & ~shared & (number == 0)
        folds.append(_fold(name, name, ~(test | shared | valid), valid, test))
    return folds


def _fold(
    name: str, test_name: str, train: np.ndarray, valid: np.ndarray, test: np.ndarray
) -> Fold:
    parts = [np.flatnonzero(mask).astype(np.int64) for mask in (train, valid, test)]
    if not all(len(part) for part in parts):
        raise DataError(f"the part {name!r} would have nothing to train on, select on or foretell")
    return Fold(name, test_name, *parts)
