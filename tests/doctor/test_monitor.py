"""The monitor: what it writes down is right, and it changes nothing."""

import json
import math

import numpy as np
import pytest
import torch
from small_trainings import train
from torch import nn

from partimento.core.plain import plain
from partimento.core.runs import read_jsonl
from partimento.doctor.monitor import Monitor
from partimento.doctor.watch_rows import watched_of_rows


def steps(model, count=6, every=2, rate=0.1, width=8, **frozen):
    torch.manual_seed(0)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=rate)
    monitor = Monitor(model, every=every)
    for step in range(count):
        x = torch.randn(16, width)
        monitor.before_step(step)
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        monitor.after_backward(loss, optimizer, targets=x)
        optimizer.step()
        monitor.after_step()
    return monitor


@pytest.mark.parametrize("kind", ["tokens", "classification", "regression"])
def test_a_watched_training_is_the_same_to_the_bit(kind):
    seen = train(kind, steps=12, every=1)
    torch_state = torch.get_rng_state()
    unseen = train(kind, steps=12, watch=False)
    assert torch.equal(torch_state, torch.get_rng_state())
    assert seen.rows == unseen.rows
    one, two = seen.probe.model.state_dict(), unseen.probe.model.state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert len(seen.watched.steps_S) == 12


def test_a_frozen_encoder_layer_of_pytorch_keeps_its_fused_path():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval().requires_grad_(False)
    model, x = nn.Sequential(layer, nn.Linear(8, 2)), torch.randn(3, 5, 8)
    with torch.no_grad():
        bare = layer(x)
        monitor = Monitor(model, every=1)
        monitor.before_step(0)
        assert torch.equal(layer(x), bare)
    monitor.close()


def test_off_leaves_the_modules_alone():
    model = nn.Linear(8, 2)
    monitor = Monitor(model, every=0)
    monitor.before_step(0)
    assert not model._forward_hooks and not model._forward_pre_hooks
    monitor.after_backward(torch.tensor(1.0), torch.optim.SGD(model.parameters(), lr=0.1))
    assert monitor.after_step() is None and monitor.rows() == []


def test_hooks_are_gone_after_every_step_and_after_a_broken_one():
    model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    monitor = steps(model)
    monitor.before_step(6)
    assert model[0]._forward_hooks
    monitor.before_step(7)  # the step before never came to its end
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert [row["step"] for row in monitor.rows()] == [0, 2, 4]


def test_norms_and_ratios_are_those_of_the_weights():
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    weights = torch.cat([p.detach().ravel() for p in model[0].parameters()])
    watched = steps(model, 1, rate=0.5).watched()
    gradient = torch.cat([p.grad.ravel() for p in model[0].parameters()])
    after = torch.cat([p.detach().ravel() for p in model[0].parameters()])
    assert watched.gradient_norms_SP[0, 0] == pytest.approx(float(gradient.norm()), rel=1e-5)
    assert watched.weight_norms_SP[0, 0] == pytest.approx(float(weights.norm()), rel=1e-5)
    expected = float((after - weights).norm() / max(weights.norm(), after.norm()))
    assert watched.update_ratios_SP[0, 0] == pytest.approx(expected, rel=1e-4)
    assert watched.rates_S[0] == 0.5


def test_blocks_follow_the_calls_and_not_the_registration():
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.body = nn.Linear(8, 2), nn.Linear(8, 8)

        def forward(self, x):
            return self.head(self.body(x))

    assert list(steps(Backwards()).watched().blocks) == ["body", "head"]


def test_a_frozen_block_does_not_move_and_has_no_gradient():
    model = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    watched = steps(model).watched()
    assert np.isnan(watched.gradient_norms_SP[:, 0]).all()
    assert (watched.update_ratios_SP[:, 0] == 0.0).all()
    assert (watched.update_ratios_SP[:, 1] > 0.0).all()


def test_shared_weights_count_once():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    model[1].weight = model[0].weight
    watched = steps(model).watched()
    assert watched.weight_norms_SP[0, 1] == pytest.approx(
        float(model[1].bias.detach().norm()), rel=0.2
    )


@pytest.mark.parametrize("functional", [False, True])
def test_dead_units_are_counted_behind_modules_and_functions(functional):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.act = nn.Linear(8, 8), nn.Linear(8, 2), nn.ReLU()

        def forward(self, x):
            return self.b(torch.relu(self.a(x)) if functional else self.act(self.a(x)))

    net = Net()
    with torch.no_grad():
        net.a.bias[:6] = -100.0
    watched = steps(net, rate=1e-6).watched()
    assert watched.dead_SP[0, 0] == 6 / 8
    assert np.isnan(watched.dead_SP[:, 1]).all()


def test_saturated_values_are_counted_but_not_in_the_answer():
    model = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8), nn.Sigmoid())
    with torch.no_grad():
        model[0].weight *= 1e4
        model[2].weight *= 1e4
    watched = steps(model, rate=1e-9).watched()
    assert watched.saturated_SP[0, 0] > 0.99
    assert np.isnan(watched.saturated_SP[:, 1]).all()


def test_the_first_block_that_breaks_is_named():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    with torch.no_grad():
        model[1].weight[0, 0] = math.nan
    watched = steps(model, 1).watched()
    assert list(watched.not_finite_S) == ["1"]
    assert math.isnan(watched.losses_S[0])


def test_a_gradient_that_breaks_is_named_where_it_began():
    class Root(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.c = nn.Linear(8, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            hidden = self.b(self.a(x))
            return self.c((0.0 * hidden).sqrt() + hidden)  # its derivative is infinite at 0

    watched = steps(Root(), 1).watched()
    assert math.isfinite(watched.losses_S[0])
    assert list(watched.not_finite_S) == ["b"]


def test_spreads_are_those_of_outputs_and_targets():
    class Double(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.tensor(2.0))

        def forward(self, x):
            return self.scale * x

    watched = steps(Double(), 1, rate=0.0).watched()
    assert watched.output_spread_S[0] == pytest.approx(2.0 * watched.target_spread_S[0], rel=1e-5)


def test_rows_survive_the_file(tmp_path):
    case = train("tokens", steps=12, every=4)
    model = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 2))
    monitor = steps(model)
    path = tmp_path / "watch.jsonl"
    path.write_text("".join(json.dumps(plain(row)) + "\n" for row in monitor.rows()))
    one, two = monitor.watched(), watched_of_rows(read_jsonl(path))
    for name in ("gradient_norms_SP", "dead_SP", "saturated_SP", "update_ratios_SP", "losses_S"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert list(one.blocks) == list(two.blocks)
    assert len(case.watched.steps_S) == 3


def test_rows_of_a_resumed_run_take_the_place_of_the_old_ones():
    first = steps(nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 2))).rows()
    again = [{**row, "loss": 7.0} for row in first[1:]]
    again[0]["blocks"] = first[0]["blocks"]
    watched = watched_of_rows([*first, *again])
    assert watched.steps_S.tolist() == [0, 2, 4]
    assert watched.losses_S[1:].tolist() == [7.0, 7.0]


def test_rows_without_blocks_are_refused():
    rows = steps(nn.Linear(8, 2)).rows()
    with pytest.raises(ValueError, match="blocks"):
        watched_of_rows(rows[1:])


def test_a_negative_frequency_is_refused():
    with pytest.raises(ValueError, match="every"):
        Monitor(nn.Linear(2, 2), every=-1)
