"""Is attention even, frozen on one key, or only measured wrongly (R1)?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from partimento.doctor.attention_entropy import HeadEntropy, head_entropies
from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.settings import flat

EVEN_NATS = 0.02
EVEN_SHARE = 0.98
PEAKED_SHARE = 0.05
NAIVE_GAP = 0.1
FLAT_FROM = 2.0
"""Temperature from which on attention is spread on purpose."""

UNIFORM = Known(
    code="R1.uniform",
    title="Attention is even",
    meaning="Every head spreads its weight evenly over the keys it may see: attention is a mean"
    " and nothing is looked up.",
    threshold=f"all heads at {EVEN_SHARE:g} of the largest entropy or above and within"
    f" {EVEN_NATS:g} nats of it, where a control is not",
    source="definition: 1 is an even spread over the visible keys; an untrained softmax with"
    " logits of standard deviation 0.2 is 0.02 nats from it",
    evidence="every head: entropy by visible keys, the naive figure, the same at temperature 1",
    remedy="set the attention temperature to 1 (--set model.attention_temperature=1); check that"
    " queries and keys are trained",
    explains=("R6.underfit", "R6.plateau", "T3.ridge-gap", "R11.idle-level", "R2.rank"),
)
PEAKED = Known(
    code="R1.peaked",
    title="Attention is frozen on single keys",
    meaning="Every head gives all its weight to one key: hardly any gradient passes through the"
    " softmax, and training becomes unstable.",
    threshold=f"mean over all heads of an attention below {PEAKED_SHARE:g} of the largest entropy",
    source="entropy collapse, Zhai et al. 2023; trained heads of the shipped models have a mean of"
    " 0.3 to 0.9",
    evidence="every head: entropy by visible keys, the same at temperature 1",
    remedy="set the attention temperature to 1 (--set model.attention_temperature=1); lower the"
    " learning rate or scale the queries by 1/sqrt(width of a head)",
    explains=("R3.vanishing", "R3.spikes", "R6.plateau", "R6.oscillation", "R6.underfit"),
)
NAIVE = Known(
    code="R1.naive",
    title="The reported attention entropy is an artefact",
    meaning="Entropy over the whole sequence, heads averaged first and groups ignored, is near 1"
    " for almost any network; the figure of the softmax that the model applies is another.",
    threshold=f"the naive figure lies {NAIVE_GAP:g} or more above the right one",
    source="arithmetic: averaging distributions raises their entropy, and log(length) is not the"
    " logarithm of what a query sees",
    evidence="both figures by attention and head",
    remedy="read the entropy by visible keys that this finding lists; partimento inspect critique",
    explains=("R1.uniform",),
)


def _by_tap(heads: Sequence[HeadEntropy]) -> dict[str, list[HeadEntropy]]:
    found: dict[str, list[HeadEntropy]] = {}
    for head in heads:
        if not math.isnan(head.entropy):
            found.setdefault(head.tap, []).append(head)
    return found


def _even(heads: Sequence[HeadEntropy]) -> bool:
    return all(h.entropy >= EVEN_SHARE and h.gap_nats <= EVEN_NATS for h in heads)


def temperatures(probe: Probe) -> dict[str, float]:
    """Attention temperatures that modules of the model hold, by name of the module."""
    found = {}
    for name, module in probe.model.named_modules():
        value = getattr(module, "temperature", None)
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[name] = float(value)
    return found


def attention(case: Case) -> Iterable[Finding]:
    """R1: every head of every tap.  Raises LookupError for a tap that is never recorded."""
    probe = case.probe
    if probe is None or not probe.attention_taps:
        return
    heads = head_entropies(probe)
    rows = [asdict(head) for head in heads]
    before = _by_tap(_entropies_of(case.initial)) if case.initial is not None else {}
    for name, mine in _by_tap(heads).items():
        yield from _extremes(case, probe, name, mine, before.get(name, []), rows)
    yield from _misread(case, heads, rows)


def _entropies_of(probe: Probe) -> list[HeadEntropy]:
    return head_entropies(probe) if probe.attention_taps else []


def _extremes(
    case: Case,
    probe: Probe,
    name: str,
    heads: Sequence[HeadEntropy],
    before: Sequence[HeadEntropy],
    rows: Sequence[Mapping[str, Any]],
) -> Iterable[Finding]:
    mean = float(np.mean([h.entropy for h in heads]))
    held = temperatures(probe)
    change = _temperature_change(case)
    evidence = {"heads": list(rows), "temperatures": held, **change}
    if _even(heads):
        cause, severity, sure = _why_even(heads, before, held)
        yield Finding(
            code=UNIFORM.code,
            severity="warning" if severity else "info",
            claim=f"all {len(heads)} heads of {name} spread evenly: {mean:.3f} of the largest"
            f" entropy over {np.mean([h.keys for h in heads]):.0f} visible keys; {cause}",
            measured=mean,
            unit="entropy / logarithm of the visible keys, mean over heads",
            threshold=EVEN_SHARE,
            source=UNIFORM.source,
            confidence=sure,
            control=f"the weights that the model applies, head by head, queries with one visible"
            f" key left out; {cause}",
            remedy=UNIFORM.remedy,
            evidence=evidence,
        )
    elif mean < PEAKED_SHARE:
        start = float(np.mean([h.entropy for h in before])) if before else math.nan
        began = "" if math.isnan(start) else f"; untrained {start:.3f}"
        yield Finding(
            code=PEAKED.code,
            severity="warning",
            claim=f"the heads of {name} look at single keys: {mean:.3f} of the largest entropy",
            measured=mean,
            unit="entropy / logarithm of the visible keys, mean over heads",
            threshold=PEAKED_SHARE,
            source=PEAKED.source,
            confidence=0.9,
            control=f"mean over all {len(heads)} heads, so that one sharp head is no finding; a"
            f" key is visible where any head gives it weight{began}",
            remedy=PEAKED.remedy,
            evidence=evidence,
        )


def _why_even(
    heads: Sequence[HeadEntropy], before: Sequence[HeadEntropy], held: Mapping[str, float]
) -> tuple[str, bool, float]:
    """What the control says, whether it makes a finding, and how sure it is."""
    plain = [h.without_temperature for h in heads if not math.isnan(h.without_temperature)]
    hottest = max(held.values(), default=1.0)
    if plain and float(np.mean(plain)) < EVEN_SHARE - 0.03:
        return (
            f"the same logits at temperature 1 have {np.mean(plain):.3f}: the temperature of"
            f" {hottest:g} flattens them",
            True,
            0.95,
        )
    if hottest >= FLAT_FROM:
        return f"the model divides its logits by {hottest:g}", True, 0.9
    if before and not _even(before):
        start = float(np.mean([h.entropy for h in before]))
        return f"the untrained model has {start:.3f}: training flattened it", True, 0.9
    return "the untrained model may be as even, so this may be a beginning only", False, 0.5


def _temperature_change(case: Case) -> dict[str, Any]:
    keys = [k for k in flat(case.config) if k.rpartition(".")[2] == "attention_temperature"]
    return {"change": dict.fromkeys(keys, 1.0)} if keys else {}


def _reported(case: Case) -> list[tuple[str, float]]:
    """Figures of a report whose name speaks of attention's entropy."""
    values = flat(case.report or {})
    return [
        (key, float(value))
        for key, value in values.items()
        if "entropy" in key.lower()
        and isinstance(value, int | float)
        and not isinstance(value, bool)
    ]


def _misread(
    case: Case, heads: Sequence[HeadEntropy], rows: Sequence[Mapping[str, Any]]
) -> Iterable[Finding]:
    known = [h for h in heads if not math.isnan(h.entropy) and not math.isnan(h.naive)]
    if not known:
        return
    table: list[dict[str, Any]] = [
        {
            "tap": name,
            "by_visible_keys": float(np.mean([h.entropy for h in part])),
            "naive": float(np.mean([h.naive for h in part])),
        }
        for name, part in _by_tap(known).items()
    ]
    worst = max(table, key=lambda row: row["naive"] - row["by_visible_keys"])
    gap = worst["naive"] - worst["by_visible_keys"]
    if gap < NAIVE_GAP:
        return
    told = [
        (key, value)
        for key, value in _reported(case)
        if any(abs(value - row["naive"]) < abs(value - row["by_visible_keys"]) for row in table)
        and value - worst["by_visible_keys"] >= NAIVE_GAP
    ]
    said = f"; the report's {told[0][0]} {told[0][1]:.2f} is the naive one" if told else ""
    yield Finding(
        code=NAIVE.code,
        severity="warning" if told else "info",
        claim=f"{worst['tap']} has {worst['by_visible_keys']:.2f} of the largest entropy where the"
        f" model applies it; over the whole sequence with averaged heads it looks like"
        f" {worst['naive']:.2f}{said}",
        measured=gap,
        unit="naive figure - entropy by visible keys",
        threshold=NAIVE_GAP,
        source=NAIVE.source,
        confidence=0.95,
        control="both figures from the same records of the same examples",
        remedy=NAIVE.remedy,
        evidence={"attentions": table, "heads": list(rows), "reported": dict(told)},
    )


CHECKS = (
    Check(
        name="attention entropy",
        known=(UNIFORM, PEAKED, NAIVE),
        needs=("probe.batches", "probe.attention_taps"),
        run=attention,
    ),
)
