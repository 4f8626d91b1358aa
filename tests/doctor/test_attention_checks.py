"""Attention, conditioning and levels: sick networks and their healthy twins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partimento.doctor.attention_checks import CHECKS
from partimento.doctor.attention_entropy import dense_entropies, head_entropies
from partimento.doctor.case import Case, Probe
from partimento.doctor.conditioning import condition_trial
from partimento.doctor.examine import examine
from partimento.doctor.finding import Finding
from partimento.doctor.probe_parts import cycle, evenly, in_batches, rows_of
from partimento.nn.group_attention import ContextAttention


def _found(case: Case) -> dict[str, Finding]:
    return {finding.code: finding for finding in examine(case, CHECKS).findings}


class Summed(nn.Module):
    """Rows (B, T, 8) summed up pair by pair, and the pairs over time."""

    def __init__(self, temperature: float = 1.0, sharpness: float = 6.0) -> None:
        super().__init__()
        self.pairs = ContextAttention(8, 2, temperature=temperature, tap_name="pairs")
        with torch.no_grad():
            self.pairs.context.mul_(sharpness)
        self.head = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        B, T, D = x.shape
        group = torch.arange(B * T) // 2
        pooled = self.pairs(x.reshape(B * T, D), group, B * T // 2).groups
        return self.head(pooled.view(B, T // 2, D).mean(1))


def _summed(**options: Any) -> Probe:
    torch.manual_seed(0)
    return Probe(
        model=Summed(**options),
        batches=[torch.randn(6, 20, 8)],
        outputs=lambda model, batch: model(batch),
        targets=lambda batch: batch[:, 0, :2],
        loss=lambda model, batch: model(batch).square().mean(),
        part=rows_of,
        attention_taps=("pairs",),
    )


def test_healthy_attention_raises_no_alarm() -> None:
    found = _found(Case(probe=_summed()))
    assert all(finding.severity == "info" for finding in found.values())
    assert "R1.uniform" not in found


def test_a_temperature_that_flattens() -> None:
    config = {"model": {"attention_temperature": 100.0}}
    found = _found(Case(probe=_summed(temperature=100.0), config=config))["R1.uniform"]
    assert found.severity == "warning"
    assert found.evidence["change"] == {"model.attention_temperature": 1.0}
    assert "temperature 1" in found.control


def test_even_attention_without_a_control_is_a_remark_only() -> None:
    assert _found(Case(probe=_summed(sharpness=1e-3)))["R1.uniform"].severity == "info"
    trained = Case(probe=_summed(sharpness=1e-3), initial=_summed())
    assert _found(trained)["R1.uniform"].severity == "warning"


def test_attention_on_single_keys() -> None:
    found = _found(Case(probe=_summed(temperature=1e-3)))
    assert found["R1.peaked"].measured < 0.05


def test_a_report_with_the_naive_figure() -> None:
    probe = _summed()
    heads = head_entropies(probe)
    naive, right = heads[0].naive, float(np.mean([h.entropy for h in heads]))
    assert naive - right > 0.1
    assert _found(Case(probe=probe))["R1.naive"].severity == "info"
    told = _found(Case(probe=probe, report={"attention_entropy": naive}))["R1.naive"]
    assert told.severity == "warning"
    fair = _found(Case(probe=probe, report={"attention_entropy": right}))["R1.naive"]
    assert fair.severity == "info"


def test_a_tap_that_is_not_there_is_an_error() -> None:
    with pytest.raises(LookupError, match="nowhere"):
        _found(Case(probe=replace(_summed(), attention_taps=("nowhere",))))


def test_entropy_counts_visible_keys() -> None:
    even = torch.ones(4, 4).tril() / torch.arange(1, 5)[:, None]
    sharp = torch.eye(4)
    heads = dense_entropies("self", 0, torch.stack([even, sharp])[None])
    assert heads[0].entropy == pytest.approx(1.0)
    assert heads[1].entropy == pytest.approx(0.0)
    assert heads[0].keys == pytest.approx(3.0)  # the first query has no choice
    assert heads[0].naive < 1.0 and math.isnan(heads[0].without_temperature)


# -- conditioning ---------------------------------------------------------------------------------


class Told(nn.Module):
    """Targets from inputs (B, 3) and a condition (B,), which may be dropped or meaningless."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.table = nn.Embedding(4, 3)

    def forward(self, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        inputs, condition, _ = batch
        told = self.table(condition)
        if self.kind == "dropped":
            told = 0.0 * told
        if self.kind == "weak":
            told = 1e-4 * told
        return inputs + told


def _told(kind: str, examples: int = 40) -> Probe:
    torch.manual_seed(2)
    model = Told(kind)
    condition = torch.arange(examples) % 4
    inputs = torch.randn(examples, 3)
    with torch.no_grad():
        target = inputs + model.table(condition) + 0.5 * torch.randn(examples, 3)

    def losses(model: nn.Module, batch: Any) -> Tensor:
        return (model(batch) - batch[2]).square().mean(1)

    def swap(batch: Any, rng: np.random.Generator) -> Any:
        return batch[0], batch[1][cycle(len(batch[1]), rng)], batch[2]

    return Probe(
        model=model,
        batches=[(inputs, condition, target)],
        outputs=lambda model, batch: model(batch),
        targets=lambda batch: batch[2],
        loss=lambda model, batch: losses(model, batch).mean(),
        example_losses=losses,
        swap_condition=swap,
    )


@pytest.mark.parametrize(("kind", "dead"), [("heard", False), ("dropped", True), ("weak", True)])
def test_conditioning_that_does_nothing(kind: str, dead: bool) -> None:
    found = _found(Case(probe=_told(kind)))
    assert ("R9.dead-conditioning" in found) is dead
    if kind == "dropped":
        assert found["R9.dead-conditioning"].confidence > 0.95


def test_swaps_that_change_nothing_prove_nothing() -> None:
    probe = _told("dropped")
    same = replace(probe, swap_condition=lambda batch, rng: tuple(t.clone() for t in batch))
    assert condition_trial(same, np.random.default_rng(0)) is None
    assert not _found(Case(probe=same))


def test_few_examples_prove_a_dead_wire_only() -> None:
    assert "R9.dead-conditioning" in _found(Case(probe=_told("dropped", 8)))
    assert "R9.dead-conditioning" not in _found(Case(probe=_told("weak", 8)))


# -- levels ---------------------------------------------------------------------------------------


class Levels(nn.Module):
    """Two levels whose states are added; the second may weigh nothing."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.low, self.high = nn.Linear(3, 2), nn.Linear(3, 2)
        self.weight, self.without = weight, ""

    def forward(self, x: Tensor) -> Tensor:
        parts = {"low": self.low(x), "high": self.weight * self.high(x.square())}
        return torch.stack([v for k, v in parts.items() if k != self.without]).sum(0)


@pytest.mark.parametrize(("weight", "severity"), [(1.0, set()), (0.0, {"warning"})])
def test_a_level_that_does_nothing(weight: float, severity: set[str]) -> None:
    torch.manual_seed(3)
    model, inputs = Levels(weight), torch.randn(30, 3)
    with torch.no_grad():
        target = model(inputs) + 0.1 * torch.randn(30, 2)

    def silence(name: str) -> Any:
        @contextmanager
        def silenced(model: nn.Module) -> Iterator[None]:
            assert isinstance(model, Levels)
            model.without = name
            try:
                yield
            finally:
                model.without = ""

        return silenced

    probe = Probe(
        model=model,
        batches=[inputs],
        outputs=lambda model, batch: model(batch),
        targets=lambda batch: target,
        loss=lambda model, batch: (model(batch) - target).square().mean(),
        example_losses=lambda model, batch: (model(batch) - target).square().mean(1),
        levels={"low": silence("low"), "high": silence("high")},
    )
    findings = examine(Case(probe=probe), CHECKS).findings
    assert {f.severity for f in findings if f.severity != "info"} == severity
    if severity:
        assert "level high" in findings[0].claim
        assert [row["level"] for row in findings[0].evidence["levels"]] == ["low", "high"]


def test_examples_are_spread_and_no_batch_holds_one() -> None:
    assert evenly(100, 4) == [0, 33, 66, 99]
    assert [len(b) for b in in_batches(list(range(9)), 4, list)] == [4, 5]
