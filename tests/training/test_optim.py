"""Parameter groups, gradient norms, averaged weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from partimento.training.config import OptimizerConfig
from partimento.training.optim import (
    AveragedWeights,
    build_adamw,
    build_optimizer,
    component_gradient_norms,
    muon_and_adamw,
    split_by_decay,
)


def network() -> nn.Module:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(5, 4)
            self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
            self.norm = nn.LayerNorm(4)
            self.act = nn.GELU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(self.layers[0](self.table(x)))

    torch.manual_seed(0)
    return Net()


def test_only_matrices_decay_unless_all_shall() -> None:
    net = network()
    decayed, spared = split_by_decay(net)
    assert [tuple(p.shape) for p in decayed] == [(4, 4), (4, 4)]
    assert len(decayed) + len(spared) == len(list(net.parameters()))
    groups = build_adamw(net, OptimizerConfig(decay_all=False, weight_decay=0.5)).param_groups
    assert [group["weight_decay"] for group in groups] == [0.5, 0.0]
    (group,) = build_adamw(net, OptimizerConfig(weight_decay=0.5, beta2=0.95)).param_groups
    assert (group["weight_decay"], group["betas"]) == (0.5, (0.9, 0.95))


def test_gradient_norms_by_component_add_up_to_the_whole() -> None:
    net = network()
    net(torch.tensor([[0, 1, 2]])).square().sum().backward()
    norms = component_gradient_norms(net)
    assert set(norms) == {"table", "layers.0", "layers.1", "norm"}
    assert norms["layers.1"] == 0.0, "an unused layer gets no gradient"
    total = torch.nn.utils.clip_grad_norm_(net.parameters(), 1e9)
    assert sum(v**2 for v in norms.values()) ** 0.5 == pytest.approx(float(total), rel=1e-5)


def test_averages_follow_their_formula_and_leave_the_live_weights() -> None:
    weight = nn.Linear(1, 1, bias=False)
    average = AveragedWeights(weight, 0.5)
    expected = weight.weight.item()
    for n, value in enumerate([1.0, 2.0, 4.0, 8.0]):
        with torch.no_grad():
            weight.weight.fill_(value)
        average.update()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * value
    with average.applied():
        assert weight.weight.item() == pytest.approx(expected)
    assert weight.weight.item() == 8.0
    other = AveragedWeights(weight, 0.5)
    other.load_state_dict(average.state_dict())
    with other.applied():
        assert weight.weight.item() == pytest.approx(expected)
    assert other.updates == 4


def test_the_live_weights_come_back_after_an_error() -> None:
    weight = nn.Linear(1, 1, bias=False)
    average = AveragedWeights(weight, 0.9)
    with torch.no_grad():
        weight.weight.fill_(3.0)
    with pytest.raises(RuntimeError), average.applied():
        raise RuntimeError
    assert weight.weight.item() == 3.0


def test_the_optimiser_is_the_one_that_is_named() -> None:
    net = network()
    config = OptimizerConfig(name="adam", lr=0.5, weight_decay=0.0, beta2=0.98, eps=1e-9)
    adam = build_optimizer(net, config)
    assert type(adam) is torch.optim.Adam
    (group,) = adam.param_groups
    assert (group["lr"], group["betas"], group["eps"]) == (0.5, (0.9, 0.98), 1e-9)
    assert type(build_optimizer(net, OptimizerConfig())) is torch.optim.AdamW
    with pytest.raises(ValueError, match="task builds"):
        build_optimizer(net, OptimizerConfig(name="task"))


def test_muon_has_the_matrices_of_the_backbone_and_each_parameter_stands_once() -> None:
    net = network()
    muon, adamw = muon_and_adamw(net, net.layers, OptimizerConfig(name="task", muon_lr=0.25))
    assert [tuple(p.shape) for g in muon.param_groups for p in g["params"]] == [(4, 4), (4, 4)]
    assert muon.param_groups[0]["lr"] == 0.25
    every = [p for o in (muon, adamw) for g in o.param_groups for p in g["params"]]
    assert len({id(p) for p in every}) == len(every) == len(list(net.parameters()))
    assert [g["weight_decay"] for g in adamw.param_groups] == [0.01, 0.0]
