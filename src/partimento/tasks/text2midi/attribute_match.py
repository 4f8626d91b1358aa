"""How often generated music has the attributes asked for: raw, by chance, at best, normalised.

Chance is a shuffled prompt: the same music judged by all the other prompts that state the
attribute.  The ceiling is real music judged by its own caption.  Normalised: (match - chance) /
(ceiling - chance).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.music.attributes import Attributes, level, measured_key, measured_numbers
from partimento.music.barpiece import BarPiece
from partimento.tasks.text2midi.intervals import mean_interval, share_interval
from partimento.tasks.text2midi.match import Classify, Heard, judge, tempo_bin_matches

HEADLINE: tuple[str, ...] = ("mode", "density", "register", "polyphony", "meter", "style")
"""Attributes that the mean is taken over; none of them forced."""
KEY_CEILING = 0.91
"""The extractor finds the key that people wrote in 90.7 % of 1,500 tunes."""
STYLE_CEILING = 0.74
"""The classifier of styles finds what people wrote on 283 held-out excerpts of both corpora."""
ALIKE = 0.9
"""Where more than this share of the prompts ask for the same, matching it proves nothing."""
FORCEABLE: tuple[str, ...] = ("tempo", "meter", "instruments")


@dataclass(frozen=True, slots=True)
class Made:
    """A generated (or real) piece, what was asked of it, and the group its prompt comes from."""

    asked: Attributes
    piece: BarPiece
    group: str


def match_table(
    made: Sequence[Made],
    real: Sequence[Made] = (),
    *,
    classify: Classify | None = None,
    style_ceiling: float = STYLE_CEILING,
    seed: int = 0,
) -> dict[str, Any]:
    """One row for each attribute asked for: raw with its interval, chance, ceiling, normalised.

    ``real`` are held-out excerpts with their own captions and give the ceilings; without them
    the ceiling is 1, which captions by rule reach by construction, and for the style
    ``style_ceiling``.  The key's ceiling is :data:`KEY_CEILING` at most.  Where nearly all prompts
    ask for the same (``asked_alike``), following cannot be told from habit: nothing is normalised.
    """
    heard = [Heard(one.piece, classify) for one in made]
    own = _own(made, heard)
    chance, alike = _chance(made, heard), _asked_alike(made, heard)
    best = {
        name: np.mean([ok for ok, _ in v]) for name, v in _own(real, _hear(real, classify)).items()
    }
    rows: dict[str, Any] = {}
    for place, (name, hits) in enumerate(own.items()):
        rng = np.random.default_rng([seed, 80, place])
        raw = mean_interval([float(ok) for ok, _ in hits], [g for _, g in hits], rng)
        top, source = _ceiling(name, best, style_ceiling)
        rows[name] = {
            "raw": raw.value,
            "low": raw.low,
            "high": raw.high,
            "n": raw.n,
            "chance": chance.get(name),
            "ceiling": top,
            "ceiling_from": source,
            "asked_alike": alike[name],
            **_normalised(
                *(raw.value, raw.low, raw.high),
                None if alike[name] > ALIKE else chance.get(name),
                top,
            ),
        }
    known = [rows[n]["normalised"] for n in HEADLINE if n in rows]
    values = [v for v in known if v is not None]
    return {
        "attributes": rows,
        "normalised_mean": float(np.mean(values)) if values else None,
        "normalised_mean_over": [
            n for n in HEADLINE if rows.get(n, {}).get("normalised") is not None
        ],
        "tempo_bins": _tempo_bins(made),
    }


def _hear(made: Sequence[Made], classify: Classify | None) -> list[Heard]:
    return [Heard(one.piece, classify) for one in made]


def _own(made: Sequence[Made], heard: Sequence[Heard]) -> dict[str, list[tuple[bool, str]]]:
    """By attribute, whether each piece that was asked for it has it, and the prompt's group."""
    found: dict[str, list[tuple[bool, str]]] = {}
    for one, piece in zip(made, heard, strict=True):
        for row in judge(one.asked, piece):
            if row.ok is not None:
                found.setdefault(row.attribute, []).append((row.ok, one.group))
    return found


def _chance(made: Sequence[Made], heard: Sequence[Heard]) -> dict[str, float]:
    """By attribute, the share of the other prompts' wishes that each piece meets anyway.

    A piece counts for the attributes that its own prompt states, as in the raw match.
    """
    hits: dict[str, list[bool]] = {}
    for one, piece in zip(made, heard, strict=True):
        mine = {row.attribute for row in judge(one.asked, piece)}
        for other in made:
            if other.group == one.group:
                continue
            for row in judge(other.asked, piece):
                if row.ok is not None and row.attribute in mine:
                    hits.setdefault(row.attribute, []).append(row.ok)
    return {name: float(np.mean(row)) for name, row in hits.items()}


def _asked_alike(made: Sequence[Made], heard: Sequence[Heard]) -> dict[str, float]:
    """By attribute, the share of the prompts that ask for the commonest value."""
    asked: dict[str, Counter[str]] = {}
    for one, piece in zip(made, heard, strict=True):
        for row in judge(one.asked, piece):
            if row.ok is not None:
                asked.setdefault(row.attribute, Counter())[repr(row.asked)] += 1
    return {name: max(found.values()) / found.total() for name, found in asked.items()}


def _ceiling(name: str, best: Mapping[str, Any], style_ceiling: float) -> tuple[float, str]:
    if name == "style" and name not in best:
        return style_ceiling, "the classifier's held-out accuracy"
    measured = float(best.get(name, 1.0))
    source = "real pieces and their captions" if name in best else "by construction"
    if name == "key" and measured > KEY_CEILING:
        return KEY_CEILING, "the extractor beside people"
    return measured, source


def _normalised(
    raw: float, low: float, high: float, chance: float | None, ceiling: float
) -> dict[str, float | None]:
    """The interval holds chance and ceiling fixed."""
    names = ("normalised", "normalised_low", "normalised_high")
    if chance is None or ceiling - chance < 1e-9:
        return dict.fromkeys(names)
    span = ceiling - chance
    return {n: (v - chance) / span for n, v in zip(names, (raw, low, high), strict=True)}


def _tempo_bins(made: Sequence[Made]) -> dict[str, Any] | None:
    """Tempo by the bins of MidiCaps, exactly and with a bin's tolerance; each with its chance."""
    told = [
        (float(one.asked.tempo_bpm), one)
        for one in made
        if isinstance(one.asked.tempo_bpm, int | float)
    ]
    if len(told) < 2:
        return None
    report: dict[str, Any] = {"n": len(told)}
    for name, tolerance in (("exact", 0), ("one_bin_off", 1)):
        own = [tempo_bin_matches(bpm, one.piece.tempo_bpm, tolerance) for bpm, one in told]
        other = [
            tempo_bin_matches(bpm, two.piece.tempo_bpm, tolerance)
            for i, (bpm, _) in enumerate(told)
            for j, (_, two) in enumerate(told)
            if i != j
        ]
        report[name] = {**share_interval(sum(own), len(own)).to_dict("raw"), "chance": _mean(other)}
    return report


def _mean(values: Iterable[bool]) -> float:
    return float(np.mean(list(values)))


def forced_table(made: Sequence[Made], forced: Collection[str] = FORCEABLE) -> dict[str, Any]:
    """Share of the pieces that have what was forced; all should."""
    found: dict[str, list[bool]] = {}
    for one in made:
        for row in judge(one.asked, Heard(one.piece, lambda piece: None), forced):
            if row.forced and row.ok is not None:
                name = "tempo" if row.attribute == "tempo_word" else row.attribute
                found.setdefault(name, []).append(row.ok)
    return {n: share_interval(sum(v), len(v)).to_dict("share") for n, v in sorted(found.items())}


def halves_agreement(pieces: Sequence[BarPiece]) -> dict[str, float]:
    """How often both halves of real excerpts get the same word: how steady the extractor is."""
    found: dict[str, list[bool]] = {}
    for piece in pieces:
        half = piece.bars // 2
        one, two = piece.excerpt(0, half), piece.excerpt(half, piece.bars - half)
        if half < 1 or min(len(one), len(two)) < 8:
            continue
        keys = measured_key(one), measured_key(two)
        found.setdefault("key", []).append(keys[0] == keys[1])
        found.setdefault("mode", []).append(keys[0].split()[1] == keys[1].split()[1])
        left, right = measured_numbers(one), measured_numbers(two)
        for name in left:
            same = level(name, left[name]) == level(name, right[name])
            found.setdefault(name, []).append(same)
    return {name: float(np.mean(row)) for name, row in found.items()}
