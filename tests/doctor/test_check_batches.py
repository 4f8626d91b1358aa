"""Class-pure batches, running against true loss, and what a sample owes its companions."""

import numpy as np
import pytest
import torch
from torch import nn

from partimento.doctor.batches import (
    batch_dependence,
    batch_entropy,
    evaluation_loss,
    running_against_true,
)


def rng():
    return np.random.default_rng(0)


def test_pure_batches_are_found_and_shuffled_ones_are_not():
    pure = [[k] * 8 for k in range(10) for _ in range(4)]
    check = batch_entropy(pure, rng())
    assert check.bad
    assert (check.nats, check.pure) == (0.0, 1.0)
    assert check.shuffled_nats > 1.5
    mixed = rng().permutation(np.repeat(np.arange(10), 32)).reshape(40, 8).tolist()
    healthy = batch_entropy(mixed, rng())
    assert healthy.measured == pytest.approx(1.0, abs=0.05)
    assert not healthy.bad


def test_batches_of_one_are_not_called_pure():
    check = batch_entropy([[0], [1], [2]], rng())
    assert not check.bad
    assert check.pure == 0.0


def test_the_running_loss_that_flatters():
    check = running_against_true(0.115, 0.183, constant=0.141)
    assert check.bad
    assert check.measured == pytest.approx(1 - 0.115 / 0.183)
    assert "0.141" in check.says
    assert not running_against_true(0.15, 0.14).bad
    with pytest.raises(ValueError):
        running_against_true(0.0, 0.1)


def test_evaluation_loss_is_the_mean_over_samples_without_dropout():
    model = nn.Sequential(nn.Dropout(0.9), nn.Linear(3, 2)).train()
    x = torch.randn(10, 3, generator=torch.Generator().manual_seed(0))
    y = torch.zeros(10, 2)
    with torch.no_grad():
        want = float((model[1](x) ** 2).mean())
    assert evaluation_loss(model, x, y, batch=4) == pytest.approx(want, rel=1e-5)
    assert model.training


@pytest.mark.parametrize("norm", ["layer", "group", "batch"])
def test_only_batch_normalisation_depends_on_the_batch(norm):
    torch.manual_seed(0)
    layer = {"layer": nn.LayerNorm(16), "group": nn.GroupNorm(4, 16), "batch": nn.BatchNorm1d(16)}
    x = torch.randn(64, 16, generator=torch.Generator().manual_seed(1))
    check = batch_dependence(layer[norm], x, training=True)
    if norm == "batch":
        assert check.bad
        assert check.alone_fails
        assert max(check.by_size.values()) > 0.5
        assert not batch_dependence(layer[norm], x, training=False).bad
    else:
        assert set(check.by_size.values()) == {0.0}
        assert not check.alone_fails


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5)).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batch_dependence(model, torch.randn(32, 4), training=True)
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_dropout_is_no_batch_dependence():
    model = nn.Sequential(nn.Dropout(0.5), nn.LayerNorm(4))
    check = batch_dependence(model, torch.randn(32, 4), training=True)
    assert not check.bad


def test_other_errors_are_not_hidden():
    class Squeezes(nn.Module):
        def forward(self, x):
            if len(x) == 2:
                raise ValueError("lost an axis")
            return x

    with pytest.raises(ValueError, match="axis"):
        batch_dependence(Squeezes(), torch.randn(32, 4))
    with pytest.raises(ValueError, match="inputs"):
        batch_dependence(nn.Identity(), torch.randn(8, 4))
