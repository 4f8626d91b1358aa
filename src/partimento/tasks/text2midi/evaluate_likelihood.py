"""Conditional information: how much a prompt tells a model about the music it belongs to.

A model that ignores its prompt gives an excerpt the same likelihood under every prompt.  So each
excerpt is measured under its own prompt, under prompts of other pieces and without any, and what
the own one saves is the information, in bits.  Number of bars, and whether the excerpt opens or
closes its piece, are told alike under all prompts: they are no part of the gain.

Shapes: E excerpts, S prompts of other pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.evaluation_data import EACH, Prompted, counts, only, states
from partimento.tasks.text2midi.interface import Conditions, TextModel
from partimento.tasks.text2midi.intervals import mean_interval, ratio_interval

VARIANTS: tuple[str, ...] = ("full", "sem_only", "attributes_only", "attributes_measured")
"""What is told: the caption understood plus its semantic tokens; these alone; the caption
understood alone; the attributes as measured, without going through words."""
RANKED: tuple[str, ...] = ("full", "sem_only")
"""Variants that are set against fifty prompts; the others only against a few."""
BLANK = Conditions(opens=None, closes=None)
"""Nothing is told, not even how long the music is; a model that has a prefix leaves it out."""
EXCERPTS = 200
TOP_EXCERPTS = 40
"""Excerpts that are set against 49 other prompts; the others against :data:`FEW` of them."""
FEW = 3
PROMPTS = 50
EACH_EXCERPTS = 30
EACH_OTHERS = 2
"""Excerpts, and prompts of other pieces for each, of the table of single attributes."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Nats of one excerpt under one variant: its own prompt, and (S,) those of other pieces."""

    own: float
    others: np.ndarray
    same_meter: np.ndarray
    """(S,) which of the other prompts state the meter that the own one states."""

    @property
    def gain_bits(self) -> float:
        """What the own prompt saves against the mean of the others."""
        return (float(self.others.mean()) - self.own) / log(2)

    @property
    def first(self) -> float:
        """1 where no other prompt explains the excerpt as well; shared between equal ones."""
        if (self.others < self.own).any():
            return 0.0
        return 1.0 / (1 + int((self.others == self.own).sum()))


def evaluate_likelihood(
    model: TextModel,
    prompts: Sequence[Prompted],
    *,
    seed: int = 0,
    top_excerpts: int = TOP_EXCERPTS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Nats per note, gain of the own prompt, and how often it is the best of fifty.

    ``prompts`` as :func:`~partimento.tasks.text2midi.evaluation_data.prompted_excerpts` draws
    them.  Intervals are bootstraps over groups of near-duplicates, with generators of their own.

    Raises DataError where there are no two groups: no prompt could then be shuffled.
    """
    others = _others(prompts, top_excerpts, np.random.default_rng([seed, 10]))
    variants = [v for v in VARIANTS if v != "sem_only" or any(p.semantic for p in prompts)]
    untold, rows = [], []
    each = min(EACH_EXCERPTS, len(prompts))
    for number in range(len(prompts)):
        if progress is not None:
            progress(number, len(prompts), "likelihoods")
        free, row = _measure(model, prompts, number, others[number], variants)
        untold.append(free)
        rows.append(row)
    blank_E, free_E = np.array(untold).T
    groups = [p.group for p in prompts]
    drawing = np.random.default_rng([seed, 11])
    report = _report(prompts, free_E, rows, groups, drawing)
    report["nats_per_note_without_prefix"] = float(blank_E.sum() / report["notes"])
    report["per_attribute"] = per_attribute(
        model, prompts[:each], free_E[:each].tolist(), seed=seed, progress=progress
    )
    report["limits"] = {
        "excerpts": len(prompts),
        "excerpts_of_top1": sum(len(o) == len(others[0]) for o in others),
        "other_prompts": {"of_top1": len(others[0]), "of_the_rest": min(FEW, len(others[0]))},
        "excerpts_of_per_attribute": each,
    }
    return report


def _others(
    prompts: Sequence[Prompted], top_excerpts: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """For each excerpt the numbers of prompts of other groups: 49 for the first ones, then few."""
    groups = np.array([p.group for p in prompts])
    free = [np.flatnonzero(groups != g) for g in groups]
    most = min([PROMPTS - 1, *(len(f) for f in free)])
    if most == 0:
        raise DataError(
            "all pieces here are one group of near-duplicates: there is no prompt to shuffle in",
            fix="Give data with several pieces",
        )
    return [
        rng.permutation(f)[: most if i < top_excerpts else min(FEW, most)]
        for i, f in enumerate(free)
    ]


def conditions_of(variant: str, told: Prompted, music: Prompted) -> Conditions:
    """What one prompt tells of another's music; see :data:`VARIANTS`.  ``none`` tells nothing."""
    attributes = Attributes()
    semantic: tuple[int, ...] = ()
    if variant in ("full", "attributes_only"):
        attributes = told.stated
    elif variant == "attributes_measured":
        attributes = told.measured
    if variant in ("full", "sem_only"):
        semantic = told.semantic
    return given_place(attributes, semantic, music)


def given_place(attributes: Attributes, semantic: tuple[int, ...], music: Prompted) -> Conditions:
    """Conditions that know how many bars the music has, and where in its piece it lies."""
    excerpt = music.excerpt
    return Conditions(
        replace(attributes, bars=excerpt.music.bars),
        semantic,
        opens=excerpt.opens,
        closes=excerpt.closes,
    )


def _measure(
    model: TextModel,
    prompts: Sequence[Prompted],
    number: int,
    others: np.ndarray,
    variants: Sequence[str],
) -> tuple[np.ndarray, dict[str, Measured]]:
    """Nats of an excerpt (2,) told nothing and told its place only, and by variant."""
    own = prompts[number]
    asked = [BLANK, conditions_of("none", own, own)]
    row, sizes = {}, []
    for variant in variants:
        few = others if variant in RANKED else others[:FEW]
        told = [own, *(prompts[int(j)] for j in few)]
        asked += [conditions_of(variant, one, own) for one in told]
        sizes.append(len(told))
    nats = distinct_nats(model, own, asked)
    same = np.array([prompts[int(j)].stated.meter == own.stated.meter for j in others])
    parts = np.split(nats[2:], np.cumsum(sizes)[:-1])
    for variant, part in zip(variants, parts, strict=True):
        row[variant] = Measured(float(part[0]), part[1:], same[: len(part) - 1])
    return nats[:2], row


def distinct_nats(model: TextModel, music: Prompted, asked: Sequence[Conditions]) -> np.ndarray:
    """Nats of the music under each of the conditions; equal ones are computed once."""
    names = [repr(one) for one in asked]
    distinct = dict(zip(names, asked, strict=True))
    nats = dict(
        zip(distinct, model.nats(music.excerpt.music, list(distinct.values())), strict=True)
    )
    return np.array([nats[name] for name in names])


def _report(
    prompts: Sequence[Prompted],
    free_E: np.ndarray,
    rows: Sequence[Mapping[str, Measured]],
    groups: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    notes_E = np.array([len(p.excerpt.music) for p in prompts], dtype=np.float64)
    full = _variant([r["full"] for r in rows], free_E, notes_E, groups, rng)
    report: dict[str, Any] = {**counts(prompts), "notes": int(notes_E.sum()), **full}
    for name in VARIANTS[1:]:
        known = all(name in row for row in rows)
        report[name] = None
        if known:
            report[name] = _variant([r[name] for r in rows], free_E, notes_E, groups, rng)
            if name not in RANKED:
                del report[name]["top1_of_50"]
    report["chance"] = {
        "bits_gain_own_vs_shuffled": 0.0,
        "top1_of_50": full["top1_of_50"]["chance"],
    }
    report["attributes_over_sem_only"] = _times(report)
    report["by_source"] = _by_source(prompts, rows, free_E, notes_E, rng)
    return report


def _times(report: Mapping[str, Any]) -> float | None:
    """How many times the bits of the semantic token alone the whole prompt gains."""
    alone = report["sem_only"]
    if alone is None or alone["bits_gain_own_vs_shuffled"]["mean"] <= 0:
        return None
    gain = report["bits_gain_own_vs_shuffled"]["mean"]
    return float(gain / alone["bits_gain_own_vs_shuffled"]["mean"])


def _variant(
    rows: Sequence[Measured],
    free_E: np.ndarray,
    notes_E: np.ndarray,
    groups: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The figures of one variant."""
    own_E = np.array([r.own for r in rows])
    shuffled_E = np.array([r.others.mean() for r in rows])
    gain_E = np.array([r.gain_bits for r in rows])
    per_note = ratio_interval(own_E, notes_E, groups, rng)
    return {
        "nats_per_note": per_note.value,
        "nats_per_note_interval": [per_note.low, per_note.high],
        "nats_per_note_shuffled": float(shuffled_E.sum() / notes_E.sum()),
        "nats_per_note_unconditional": float(free_E.sum() / notes_E.sum()),
        "bits_gain_own_vs_shuffled": _bits(gain_E, groups, rng),
        "bits_gain_own_vs_unconditional": _bits((free_E - own_E) / log(2), groups, rng),
        "bits_gain_same_meter": _same_meter(rows, groups, rng),
        "share_with_gain": mean_interval((gain_E > 0).astype(float), groups, rng).to_dict(),
        "top1_of_50": _top(rows, groups, rng),
    }


def _top(
    rows: Sequence[Measured], groups: Sequence[str], rng: np.random.Generator
) -> dict[str, Any]:
    """How often the own prompt is the best; of the excerpts with the most other prompts."""
    most = max(len(r.others) for r in rows)
    ranked = [i for i, r in enumerate(rows) if len(r.others) == most]
    found = mean_interval([rows[i].first for i in ranked], [groups[i] for i in ranked], rng)
    return {**found.to_dict(), "prompts": most + 1, "chance": 1 / (most + 1)}


def _bits(values: np.ndarray, groups: Sequence[str], rng: np.random.Generator) -> dict[str, Any]:
    found = mean_interval(values, groups, rng).to_dict("mean")
    return {**found, "median": float(np.median(values)), "unit": "bits per excerpt"}


def _same_meter(
    rows: Sequence[Measured], groups: Sequence[str], rng: np.random.Generator
) -> dict[str, Any] | None:
    """The gain against prompts of the same meter: what is left when the meter tells nothing."""
    known = [i for i, r in enumerate(rows) if r.same_meter.any()]
    if not known:
        return None
    gains = [(rows[i].others[rows[i].same_meter].mean() - rows[i].own) / log(2) for i in known]
    return _bits(np.array(gains), [groups[i] for i in known], rng)


def _by_source(
    prompts: Sequence[Prompted],
    rows: Sequence[Mapping[str, Measured]],
    free_E: np.ndarray,
    notes_E: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, Any]:
    tables = [p.table for p in prompts]
    found = {}
    for table in sorted(set(tables)):
        mine = [i for i, name in enumerate(tables) if name == table]
        groups = [prompts[i].group for i in mine]
        full = [rows[i]["full"] for i in mine]
        own = np.array([r.own for r in full])
        found[table] = {
            "n_excerpts": len(mine),
            "nats_per_note": float(own.sum() / notes_E[mine].sum()),
            "nats_per_note_unconditional": float(free_E[mine].sum() / notes_E[mine].sum()),
            "bits_gain_own_vs_shuffled": _bits(np.array([r.gain_bits for r in full]), groups, rng),
        }
    return found


def per_attribute(
    model: TextModel,
    prompts: Sequence[Prompted],
    free: Sequence[float],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """What each attribute gains when it is all that is told.

    ``free`` are the nats of the excerpts without a prompt.  The shuffled value is that of another
    excerpt which states the attribute; it may be the same by chance, as with whole prompts.
    """
    rng = np.random.default_rng([seed, 12])
    gains: dict[str, list[tuple[float, float | None, str]]] = {name: [] for name in EACH}
    for number, own in enumerate(prompts):
        if progress is not None:
            progress(number, len(prompts), "single attributes")
        told = {name: _told(prompts, own, name, rng) for name in EACH if states(own.stated, name)}
        asked = [
            given_place(only(one.stated, name), (), own)
            for name, ones in told.items()
            for one in ones
        ]
        nats = iter(distinct_nats(model, own, asked).tolist() if asked else [])
        for name, ones in told.items():
            mine, *others = [next(nats) for _ in ones]
            shuffled = (float(np.mean(others)) - mine) / log(2) if others else None
            gains[name].append(((free[number] - mine) / log(2), shuffled, own.group))
    draw = np.random.default_rng([seed, 13])
    return {name: _gain_row(rows, draw) for name, rows in gains.items() if rows}


def _told(
    prompts: Sequence[Prompted], own: Prompted, name: str, rng: np.random.Generator
) -> list[Prompted]:
    """The excerpt itself, then some others that state the attribute."""
    others = [p for p in prompts if p.group != own.group and states(p.stated, name)]
    picks = rng.permutation(len(others))[:EACH_OTHERS]
    return [own, *(others[i] for i in picks)]


def _gain_row(
    rows: Sequence[tuple[float, float | None, str]], rng: np.random.Generator
) -> dict[str, Any]:
    shuffled = [(gain, group) for _, gain, group in rows if gain is not None]
    return {
        "bits_gain_own_vs_unconditional": mean_interval(
            [r[0] for r in rows], [r[2] for r in rows], rng
        ).to_dict("mean"),
        "bits_gain_own_vs_shuffled": mean_interval(
            [gain for gain, _ in shuffled], [group for _, group in shuffled], rng
        ).to_dict("mean"),
    }
