"""Checks of a live model, each on a small sick network and its healthy twin."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, Probe
from partimento.doctor.causality import leaks
from partimento.doctor.examine import examine
from partimento.doctor.finding import Finding
from partimento.doctor.model_checks import CHECKS
from partimento.doctor.probe_parts import cycle, redrawn, rows_of
from partimento.doctor.probing import real_places, undisturbed
from partimento.nn.attention import SelfAttention
from partimento.nn.skew import naive_relative_logits, relative_logits

VOCABULARY, STEPS = 11, 12


class Voices(nn.Module):
    """Four channels of tokens (B, T, 4): attention over time, then across the channels."""

    def __init__(self, *, causal: bool = True, crossing: bool = True, scale: float = 1.0) -> None:
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, 8)
        self.norm = nn.LayerNorm(8)
        self.over_time = SelfAttention(8, 2, causal=causal)
        self.across = SelfAttention(8, 2, tap_name="across") if crossing else None
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, VOCABULARY)
        with torch.no_grad():
            self.head.weight.mul_(scale)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.table(tokens)
        x = x + self.over_time(self.norm(x).transpose(1, 2)).transpose(1, 2)
        if self.across is not None:
            x = x + self.across(x)
        return self.head(self.drop(x))


class Deaf(nn.Module):
    """Answers without looking at the tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.answer = nn.Parameter(torch.randn(STEPS, 4, VOCABULARY))

    def forward(self, tokens: Tensor) -> Tensor:
        return self.answer.expand(len(tokens), -1, -1, -1)


def _tokens(seed: int = 0) -> Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.integers(0, VOCABULARY, (6, STEPS, 4)))


def _change_from(batch: Tensor, step: int, rng: np.random.Generator) -> Tensor:
    new = batch.clone()
    new[:, step:] = redrawn(new[:, step:], np.arange(VOCABULARY), rng)
    return new


def _change_channel(batch: Tensor, channel: int, rng: np.random.Generator) -> Tensor:
    new = batch.clone()
    new[..., channel] = redrawn(new[..., channel], np.arange(VOCABULARY), rng)
    return new


def _probe(model: nn.Module, **changes: Any) -> Probe:
    def loss(model: nn.Module, batch: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(batch).flatten(0, 2), batch.flatten())

    probe = Probe(
        model=model,
        batches=[_tokens(0), _tokens(1)],
        outputs=lambda model, batch: model(batch),
        targets=lambda batch: batch,
        loss=loss,
        steps=STEPS,
        causal=True,
        change_from=_change_from,
        change_channel=_change_channel,
        channels=4,
        channel_of_output=lambda outputs, channel: outputs[:, :, channel],
        swap_inputs=lambda batch, rng: batch[cycle(len(batch), rng)],
        part=rows_of,
    )
    return replace(probe, **changes)


def _found(case: Case) -> dict[str, Finding]:
    return {finding.code: finding for finding in examine(case, CHECKS).findings}


def _model(seed: int = 0, **options: Any) -> Voices:
    torch.manual_seed(seed)
    return Voices(**options).train()


def test_a_healthy_model_has_nothing_but_remarks() -> None:
    model = _model()
    for kind in ("plain", "initial"):
        probe = _probe(model)
        case = Case(probe=probe, initial=probe if kind == "initial" else None)
        assert {f.severity for f in _found(case).values()} == {"info"}


def test_the_future_is_seen_without_a_mask() -> None:
    found = _found(Case(probe=_probe(_model(causal=False))))["M1.not-causal"]
    assert found.severity == "severe"
    assert found.measured > 0.01
    rows = found.evidence["steps"]
    assert all(row["before"] > 0 and row["steps_back"] > 0 for row in rows)
    # A change of the last step alone is seen as well.
    assert rows[-1]["changed_from_step"] == STEPS - 1


def test_what_is_answered_on_padding_may_change() -> None:
    model = _model(causal=False)
    nowhere = _probe(model, mask=lambda batch: torch.zeros(batch.shape, dtype=torch.bool))
    rng = np.random.default_rng(0)
    assert all(row["before"] == 0.0 for row in leaks(nowhere, nowhere.batches[0], rng))


def test_channels_that_do_not_hear_each_other() -> None:
    found = _found(
        Case(probe=_probe(_model(crossing=False)), config={"model": {"cross_channel": False}})
    )
    blind = found["M3.blind-channel"]
    assert len(blind.evidence["pairs"]) == 12
    assert blind.evidence["change"] == {"model.cross_channel": True}
    matrix = np.array(found["M3.flow"].evidence["input_by_output_channel"])
    assert (np.diag(matrix) > 0.1).all()
    assert matrix.sum() == pytest.approx(np.trace(matrix))


def test_a_model_that_looks_at_nothing() -> None:
    found = _found(Case(probe=_probe(Deaf())))
    assert found["M3.blind-input"].severity == "severe"
    assert "M3.blind-channel" not in found


def test_a_group_of_inputs_that_is_not_among_the_features() -> None:
    probe = _probe(
        _model(), channel_of_output=None, channels=2, swap_inputs=None,
        change_channel=lambda batch, channel, rng: batch if channel else _change_channel(
            batch, 0, rng
        ),
    )  # fmt: skip
    found = _found(Case(probe=probe))["M3.blind-input"]
    assert "channel 1" in found.claim


class Pooling(nn.Module):
    """Numbers (B, T, 3) -> (B, 2): a mean over time, with or without the padding."""

    def __init__(self, kind: str = "masked") -> None:
        super().__init__()
        self.kind, self.head = kind, nn.Linear(3, 2)
        self.batch = nn.BatchNorm1d(3) if kind == "batch-norm" else nn.LayerNorm(3)

    def forward(self, values: Tensor, keep: Tensor) -> Tensor:
        weight = torch.ones_like(keep) if self.kind == "padded" else keep
        pooled = (values * weight[..., None]).sum(1) / weight.sum(1, keepdim=True)
        if self.kind == "centred":
            pooled = pooled - pooled.mean(0)
        return self.head(self.batch(pooled))


def _pooling(kind: str) -> Case:
    torch.manual_seed(1)
    batch = (torch.randn(8, 5, 3), torch.ones(8, 5), torch.randn(8, 2))

    def padded(batch: Any, more: int) -> Any:
        values, keep, targets = batch
        empty = torch.ones(len(values), more)
        return (
            torch.cat([values, empty[..., None].expand(-1, -1, 3)], 1),
            torch.cat([keep, 0 * empty], 1),
            targets,
        )

    probe = Probe(
        model=Pooling(kind),
        batches=[batch],
        outputs=lambda model, batch: model(batch[0], batch[1]),
        targets=lambda batch: batch[2],
        loss=lambda model, batch: (model(batch[0], batch[1]) - batch[2]).square().mean(),
        part=rows_of,
        padded=padded,
    )
    return Case(probe=probe, kind="regression", config={"model": {"adapter": {"norm": "batch"}}})


@pytest.mark.parametrize(
    ("kind", "codes"),
    [
        ("masked", set()),
        ("padded", {"M2.padding"}),
        ("centred", {"M2.batch"}),
        ("batch-norm", {"M6.batch-dependence"}),
    ],
)
def test_padding_and_companions(kind: str, codes: set[str]) -> None:
    found = _found(_pooling(kind))
    assert {code for code, f in found.items() if f.severity != "info"} == codes


def test_batch_statistics_name_the_setting_to_change() -> None:
    found = _found(_pooling("batch-norm"))["M6.batch-dependence"]
    assert found.evidence["change"] == {"model.adapter.norm": "group"}
    assert found.measured > 0.1


@pytest.mark.parametrize(("scale", "severity"), [(1.0, None), (4.0, "warning"), (60.0, "severe")])
def test_a_head_that_starts_too_large(scale: float, severity: str | None) -> None:
    found = _found(Case(initial=_probe(_model(scale=scale)), kind="tokens"))
    assert (found["M4.initial-spread"].severity if found else None) == severity


def test_numbers_that_start_far_beyond_the_targets() -> None:
    case = _pooling("masked")
    assert case.probe is not None
    probe = case.probe
    healthy = Case(initial=probe, kind="regression")
    with torch.no_grad():
        for parameter in probe.model.parameters():
            parameter.mul_(1.0)
    assert "M4.initial-spread" not in _found(healthy)
    loud = replace(probe, outputs=lambda model, batch: 100.0 * model(batch[0], batch[1]))
    assert "M4.initial-spread" in _found(replace(healthy, initial=loud))


def _twins(skew: bool) -> Any:
    def pair(_model: nn.Module, batch: Tensor) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)
        q = torch.randn(2, 2, STEPS, 4, generator=generator)
        table = torch.randn(STEPS, 4, generator=generator)
        hidden = torch.ones(STEPS, STEPS, dtype=torch.bool).triu(1)
        fast = relative_logits(q, table) if skew else q @ table.flip(0).T
        slow = naive_relative_logits(q, table)
        return fast.masked_fill(hidden, -torch.inf), slow.masked_fill(hidden, -torch.inf)

    return pair


@pytest.mark.parametrize("skew", [True, False])
def test_relative_attention_against_its_plain_form(skew: bool) -> None:
    found = _found(Case(probe=_probe(_model(), naive_relative=_twins(skew))))
    assert ("M5.relative" in found) is not skew


class Normed(nn.Module):
    """A block whose normalisation is used, skipped, or not there."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.inner = nn.ModuleDict({"linear": nn.Linear(4, 4)})
        if kind != "none":
            self.inner["norm"] = nn.LayerNorm(4)

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "used":
            x = self.inner["norm"](x)
        if self.kind == "by function":
            x = nn.functional.layer_norm(x, (4,))
        return self.inner["linear"](x)


def _normed(kind: str, asked: str = "pre") -> dict[str, Finding]:
    probe = Probe(
        model=Normed(kind),
        batches=[torch.randn(5, 4)],
        outputs=lambda model, batch: model(batch),
        targets=lambda batch: batch,
        loss=lambda model, batch: model(batch).square().mean(),
    )
    return _found(Case(probe=probe, config={"model": {"norm": asked}}))


def test_a_normalisation_that_is_asked_for_and_does_not_run() -> None:
    assert "M6.norm" not in _normed("used")
    assert "model.norm" in _normed("none")["M6.norm"].claim
    assert "M6.norm" not in _normed("none", asked="none")


def test_a_normalisation_that_is_held_and_not_called() -> None:
    assert _normed("skipped", asked="none")["M6.norm"].evidence["idle"] == ["inner.norm"]


def test_a_normalisation_without_a_module_counts() -> None:
    probe = Probe(
        model=nn.Linear(4, 4),
        batches=[torch.randn(5, 4)],
        outputs=lambda model, batch: nn.functional.layer_norm(model(batch), (4,)),
        targets=lambda batch: batch,
        loss=lambda model, batch: model(batch).square().mean(),
    )
    assert "M6.norm" not in _found(Case(probe=probe, config={"model": {"norm": "pre"}}))


def test_nothing_is_disturbed() -> None:
    model = _model()
    model.over_time.eval()
    model.head.weight.grad = torch.ones_like(model.head.weight)
    before = {n: t.clone() for n, t in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    torch.manual_seed(7)
    np.random.seed(7)
    state, numbers = torch.get_rng_state(), np.random.get_state()[1].copy()
    examine(Case(probe=_probe(model), initial=_probe(model)), CHECKS)
    assert torch.equal(state, torch.get_rng_state())
    assert np.array_equal(numbers, np.random.get_state()[1])
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(before[n], t) for n, t in model.state_dict().items())
    assert torch.equal(model.head.weight.grad, torch.ones_like(model.head.weight))
    assert model.table.weight.grad is None
    assert not any(m._forward_hooks for m in model.modules())


def test_running_statistics_come_back() -> None:
    model = nn.BatchNorm1d(3).train()
    with undisturbed(model, training=True):
        model(torch.randn(8, 3))
    assert torch.equal(model.running_mean, torch.zeros(3))
    assert int(model.num_batches_tracked) == 0
    assert model.training


def test_a_mask_over_numbers_is_one_over_places() -> None:
    outputs, batch = torch.zeros(2, 3, 4, 5), torch.zeros(2, 3, 4)
    probe = _probe(_model(), mask=lambda batch: batch == 0)
    assert real_places(probe, batch, outputs).shape == (2, 3, 4)
    assert real_places(probe, torch.zeros(2, 3, 5), torch.zeros(2, 3, 4)).shape == (2, 3)
