"""Every finding on a run, with the healthy twin that must raise nothing."""

import math

import numpy as np
import pytest
import torch
from small_trainings import deep, train
from torch import nn

from partimento.doctor.case import Case, Probe, Watched
from partimento.doctor.examine import examine
from partimento.doctor.training_checks import CHECKS


def codes(case):
    return [f.code for f in examine(case, CHECKS).findings if f.severity != "info"]


def curve(train_losses, valid=(), config=None, **more):
    rows = [
        {
            "kind": "train",
            "step": 10 * i + 1,
            "loss": float(v),
            **{k: c[i] for k, c in more.items()},
        }
        for i, v in enumerate(train_losses)
    ]
    ratio = max(1, len(train_losses) // max(1, len(valid)))
    rows += [
        {"kind": "validation", "step": 10 * ratio * i, "valid_loss": float(v)}
        for i, v in enumerate(valid)
    ]
    return Case(rows=rows, config=config or {})


def noisy(values, scale, seed=0):
    return np.asarray(values) + scale * np.random.default_rng(seed).standard_normal(len(values))


FALLING = 1.0 + 2.0 * np.exp(-np.arange(60) / 8.0)


@pytest.mark.parametrize("kind", ["tokens", "classification", "regression"])
@pytest.mark.parametrize("seed", [100, 101])
def test_healthy_trainings_raise_nothing(kind, seed):
    assert codes(train(kind, seed)) == []


@pytest.mark.parametrize("kind", ["tokens", "regression"])
def test_a_rate_a_thousand_times_too_high_is_named_first(kind):
    found = examine(train(kind, lr=3.0, steps=100), CHECKS).findings
    assert found[0].code == "R3.update-ratio" and found[0].severity == "severe"
    assert found[0].evidence["change"]["training.optimizer.lr"] < 1.0


def test_a_rate_a_thousand_times_too_low_is_named_first():
    found = examine(train("tokens", lr=3e-6, steps=100), CHECKS).findings
    assert found[0].code == "R3.update-ratio" and found[0].measured < 1e-3
    assert found[0].evidence["change"]["training.optimizer.lr"] > 3e-5


def test_sigmoids_in_a_deep_stack_let_gradients_vanish():
    found = examine(train("regression", model=lambda: deep(nn.Sigmoid)), CHECKS).findings
    assert found[0].code == "R3.vanishing"
    assert "R3.vanishing" not in codes(train("regression", model=lambda: deep(nn.GELU, 3)))


def watched(gradients_SP, **more):
    steps, blocks = gradients_SP.shape
    nothing = np.full((steps, blocks), np.nan)
    values = {
        "steps_S": 10 * np.arange(steps),
        "losses_S": FALLING[:steps],
        "blocks": [str(i) for i in range(blocks)],
        "gradient_norms_SP": gradients_SP,
        "weight_norms_SP": np.ones((steps, blocks)),
        "update_ratios_SP": np.full((steps, blocks), 1e-3),
        "rates_S": np.full(steps, 1e-3),
        "dead_SP": nothing,
        "saturated_SP": nothing,
        "output_spread_S": np.full(steps, np.nan),
        "target_spread_S": np.full(steps, np.nan),
    }
    return Watched(**{**values, **more})


@pytest.mark.parametrize(
    ("per_block", "code"), [(0.2, "R3.exploding"), (5.0, "R3.vanishing"), (1.3, None), (0.8, None)]
)
def test_gradients_by_depth(per_block, code):
    gradients_SP = np.tile(per_block ** np.arange(12.0), (10, 1))
    assert codes(Case(watched=watched(gradients_SP))) == ([] if code is None else [code])


def test_one_odd_block_is_no_vanishing_gradient():
    gradients_SP = np.ones((10, 12))
    gradients_SP[:, 0] = 1e-9  # such as a table of positions nobody uses
    assert codes(Case(watched=watched(gradients_SP))) == []


def test_gradients_that_grow_while_the_loss_does_not_fall():
    rising = np.geomspace(1.0, 1e6, 60)
    assert "R3.exploding" in codes(curve(np.full(60, 2.0), gradient_norm=rising))
    assert codes(curve(FALLING, gradient_norm=np.full(60, 1.0))) == []


def test_spikes_need_a_jump_of_the_loss():
    norms, losses = noisy(np.ones(60), 0.05), noisy(FALLING, 0.01)
    norms[[30, 40, 50]] = 50.0
    assert codes(curve(losses, gradient_norm=norms)) == []
    losses[[30, 40, 50]] += 1.0
    assert codes(curve(losses, gradient_norm=norms)) == ["R3.spikes"]


def test_dead_units():
    found = examine(
        train("regression", model=lambda: deep(nn.ReLU, 3, bias=-3.0), steps=60), CHECKS
    ).findings
    assert found[0].code == "R3.dead-units" and found[0].severity == "severe"


def test_saturated_units():
    assert "R3.saturated" in codes(
        train("regression", model=lambda: deep(nn.Tanh, 3, scale=20.0), steps=60)
    )
    assert "R3.saturated" not in codes(
        train("regression", model=lambda: deep(nn.Tanh, 3), steps=60)
    )


def test_updates_at_rest_are_not_too_small():
    ratios_SP = np.full((10, 4), 1e-3)
    rates_S = np.full(10, 1e-3)
    ratios_SP[5:], rates_S[5:] = 1e-7, 1e-7  # the end of a schedule
    healthy = watched(np.ones((10, 4)), update_ratios_SP=ratios_SP, rates_S=rates_S)
    assert codes(Case(watched=healthy)) == []
    sick = watched(np.ones((10, 4)), update_ratios_SP=np.full((10, 4), 1e-6))
    assert codes(Case(watched=sick)) == ["R3.update-ratio"]


def test_numbers_that_break_are_named_with_their_block():
    losses = FALLING[:10].copy()
    losses[-1] = math.nan
    seen = watched(np.ones((10, 4)), losses_S=losses, not_finite_S=[""] * 9 + ["2"])
    rows = curve([*FALLING[:9], math.nan]).rows
    found = examine(Case(rows=rows, watched=seen), CHECKS).findings
    assert found[0].code == "R6.not-finite" and found[0].evidence["block"] == "2"


def test_over_fitting_needs_both_curves():
    rising = np.concatenate([np.linspace(3.0, 1.5, 10), np.linspace(1.5, 2.5, 10)])
    falling = np.linspace(3.0, 0.2, 60)
    assert codes(curve(falling, rising)) == ["R6.overfit"]
    flat = np.concatenate([np.linspace(3.0, 1.5, 10), np.full(10, 1.52)])
    assert codes(curve(falling * 0 + FALLING, flat)) == []
    assert "R6.overfit" not in codes(curve(np.linspace(1.0, 3.0, 60), rising))


def test_over_fitting_in_a_real_training():
    case = train("tokens", examples=16, steps=300, every=50)
    assert "R6.overfit" in codes(case)


def test_stopped_by_patience_over_fitting_is_only_worth_knowing():
    rising = np.concatenate([np.linspace(3.0, 1.5, 10), np.linspace(1.5, 2.5, 10)])
    case = curve(np.linspace(3.0, 0.2, 60), rising)
    stop = {"kind": "stop", "step": 600, "reason": "patience"}
    stopped = Case(rows=[*case.rows, stop])
    assert [f.severity for f in examine(stopped, CHECKS).findings] == ["info"]


def test_nothing_learnt_and_cut_off():
    assert codes(curve(noisy(np.full(40, 3.0), 0.01))) == ["R6.underfit"]
    assert codes(curve(noisy(np.linspace(3.0, 2.0, 40), 0.01))) == ["R6.underfit"]
    assert codes(curve(noisy(FALLING, 0.02))) == []


def test_a_rest_before_learning_is_a_plateau_and_one_after_it_is_none():
    late = np.concatenate([np.full(35, 3.0), np.linspace(3.0, 1.0, 8), np.full(17, 1.0)])
    assert "R6.plateau" in codes(curve(noisy(late, 0.005)))
    early = np.concatenate([np.linspace(3.0, 1.0, 8), np.full(52, 1.0)])
    assert codes(curve(noisy(early, 0.005))) == []


def test_losses_above_the_start():
    swinging = np.where(np.arange(60) % 4 == 0, 6.0, 1.5)
    assert "R6.oscillation" in codes(curve([2.0, 2.0, *swinging]))
    found = examine(curve(np.linspace(2.0, 9.0, 60)), CHECKS).findings
    assert ("R6.oscillation", "severe") in [(f.code, f.severity) for f in found]
    assert codes(curve(noisy(FALLING, 0.1))) == []


def test_validation_that_jumps_has_an_interval():
    valid = FALLING[::3]
    jumping = noisy(valid, 0.8)
    found = examine(curve(FALLING, jumping), CHECKS).findings
    assert [f.code for f in found] == ["R5.noisy-validation"]
    low, high = found[0].evidence["interval_of_the_difference"]
    assert low < high
    assert codes(curve(FALLING, noisy(valid, 0.01))) == []


# -- outputs and classes -------------------------------------------------------------------------


def probe_of(model, inputs, targets, classes=None, loss=nn.functional.mse_loss):
    batches = [(inputs[i : i + 16], targets[i : i + 16]) for i in range(0, len(inputs), 16)]
    labels = {} if classes is None else {"classes": classes}
    return Probe(
        model=model,
        batches=batches,
        outputs=lambda m, b: m(b[0]),
        targets=lambda b: b[1],
        loss=lambda m, b: loss(m(b[0]), b[1]),
        part=lambda b, chosen: (b[0][list(chosen)], b[1][list(chosen)]),
        **labels,
    )


class Constant(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = nn.Parameter(value)

    def forward(self, x):
        return self.value.expand(len(x), -1) + 0.0 * x[:, :1]


def data(columns=4):
    torch.manual_seed(0)
    x = torch.randn(64, columns)
    return x, x + 0.3 * torch.randn(64, columns)


def test_a_constant_answer_is_a_collapse():
    x, y = data()
    case = Case(kind="regression", probe=probe_of(Constant(y.mean(0)), x, y))
    assert codes(case) == ["R2.collapse"]
    assert codes(Case(kind="regression", probe=probe_of(nn.Identity(), x, y))) == []


def test_a_constant_distribution_is_a_collapse():
    x, _ = data()
    labels = x.argmax(1)
    entropy = nn.functional.cross_entropy
    still = probe_of(Constant(torch.tensor([2.0, 0.0, 1.0, 0.0])), x, labels, loss=entropy)
    assert codes(Case(kind="classification", probe=still)) == ["R2.collapse"]
    unsure = probe_of(nn.Hardtanh(-0.5, 0.5), x, labels, loss=entropy)
    assert codes(Case(kind="classification", probe=unsure)) == []


def test_outputs_in_one_direction_are_told_from_many():
    x, y = data()

    class One(nn.Module):
        def forward(self, x):
            return x.mean(1, keepdim=True).expand(-1, 4) * 2.0

    assert codes(Case(kind="regression", probe=probe_of(One(), x, y))) == ["R2.rank"]


class Scaled(nn.Module):
    """Learns one number by which to multiply, on top of a fixed one."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(4))

    def forward(self, x):
        return x * self.scale


def classes_of(contrary, of=10):
    """A probe whose first classes want the opposite of the others."""
    x, _ = data()
    x = torch.cat([x, x.flip(0), x.roll(1, 1)])
    label = torch.arange(len(x)) % of
    wanted = torch.where((label < contrary)[:, None], -x, 3.0 * x)
    inputs = torch.cat([x, label[:, None].float()], 1)

    class Net(Scaled):
        def forward(self, batch):
            return super().forward(batch[:, :4])

    return probe_of(Net(), inputs, wanted, lambda batch: batch[0][:, 4].long().numpy())


def test_classes_with_contradicting_targets_conflict():
    assert "R4.conflict" in codes(Case(kind="regression", probe=classes_of(3)))
    assert "R4.conflict" not in codes(Case(kind="regression", probe=classes_of(0)))


def test_classes_whose_gradients_cancel_are_not_accused():
    # Two classes that want opposite things: -1 is forced there, as at any stationary point.
    assert "R4.conflict" not in codes(Case(kind="regression", probe=classes_of(1, of=2)))


def test_the_probe_leaves_the_model_as_it_was():
    x, y = data()
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 4))
    model.train()
    model[0].weight.grad = torch.ones_like(model[0].weight)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    classes = lambda batch: (batch[0][:, 0] > 0).long().numpy()  # noqa: E731
    codes(Case(kind="regression", probe=probe_of(model, x, y, classes)))
    assert torch.equal(state, torch.get_rng_state())
    assert all(m.training for m in model.modules())
    assert torch.equal(model[0].weight.grad, torch.ones_like(model[0].weight))
    assert model[3].weight.grad is None
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


# -- batch sizes ---------------------------------------------------------------------------------


def of_batch(size, steps, start=3.0):
    at = np.linspace(0, steps, 12)
    rows = [
        {"kind": "validation", "step": int(s), "valid_loss": 1.0 + (start - 1.0) * np.exp(-s / 200)}
        for s in at
    ]
    return Case(
        name=f"batch {size}",
        config={"training": {"batch_size": size, "max_steps": steps, "optimizer": {"lr": 1e-3}}},
        rows=rows,
    )


def test_fewer_steps_are_told_from_a_larger_batch():
    large, small = of_batch(64, 150), of_batch(16, 600)
    case = Case(name=large.name, config=large.config, rows=large.rows, others=[small])
    found = [f for f in examine(case, CHECKS).findings if f.code.startswith("R10")]
    assert [f.code for f in found] == ["R10.steps-not-batch"]
    assert found[0].evidence["change"] == {"training.max_steps": 600}


def test_a_larger_batch_that_is_really_worse_is_not_excused():
    large = of_batch(64, 150, start=6.0)
    case = Case(name=large.name, config=large.config, rows=large.rows, others=[of_batch(16, 600)])
    worse = [dict(row, valid_loss=row["valid_loss"] + 3.0) for row in large.rows]
    case = Case(name=large.name, config=large.config, rows=worse, others=[of_batch(16, 600)])
    assert "R10.steps-not-batch" not in codes(case)
