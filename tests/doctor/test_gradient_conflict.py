"""Cosines of class gradients: what arithmetic forces, and what is a conflict."""

import numpy as np
import pytest
import torch
from torch import nn

from partimento.doctor.gradient_conflict import class_gradients, gradient_conflict


class Mean(nn.Module):
    """Answers one vector, whatever it hears."""

    def __init__(self, vector):
        super().__init__()
        self.vector = nn.Parameter(vector.clone())

    def forward(self, x):
        return self.vector.expand(len(x), -1)


def classes(k=10, each=6, d=40, seed=0):
    g = torch.Generator().manual_seed(seed)
    bank = torch.randn(k, d, generator=g)
    bank = bank / bank.norm(dim=1, keepdim=True)
    labels = np.repeat(np.arange(k), each)
    return torch.randn(k * each, 5, generator=g), bank[labels], labels


def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("k", [2, 5, 10])
def test_predicting_the_mean_forces_the_null(k):
    x, y, labels = classes(k)
    y = y + 0.02 * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    check = gradient_conflict(Mean(y.mean(0)), x, y, labels, rng())
    assert check.null == pytest.approx(-1 / (k - 1))
    assert check.mean_cosine == pytest.approx(check.null, abs=0.02)
    assert check.forced
    assert check.cancellation < 1e-6
    # Groups drawn at random cancel there just the same.
    assert check.shuffled_cosine == pytest.approx(check.null, abs=0.1)


def test_no_mean_cosine_is_below_the_null():
    for seed in range(5):
        x, y, labels = classes(4, seed=seed)
        torch.manual_seed(seed)
        check = gradient_conflict(nn.Linear(5, 40), x, y, labels, rng(), shuffles=1)
        assert check.mean_cosine >= check.null - 1e-9


def test_far_from_the_mean_all_pull_together():
    x, y, labels = classes()
    check = gradient_conflict(Mean(y.mean(0) + 5.0), x, y, labels, rng())
    assert check.mean_cosine > 0.5
    assert not check.forced
    assert not check.bad
    assert check.harmed == 0.0


def test_one_loud_class_harms_the_others():
    x, y, labels = classes(8)
    y = y + 1.0
    y[labels == 0] *= -40.0
    check = gradient_conflict(Mean(torch.zeros(40)), x, y, labels, rng())
    assert check.bad
    assert check.harmed == pytest.approx(7 / 8)
    assert check.shuffled_harmed < 0.5


def test_gradients_are_those_of_each_class_alone():
    x, y, labels = classes(3)
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(5, 40)).train()
    rows = class_gradients(model, x, y, labels, nn.functional.mse_loss)
    assert model.training
    model.eval()
    nn.functional.mse_loss(model(x[labels == 1]), y[labels == 1]).backward()
    want = torch.cat([p.grad.reshape(-1) for p in model.parameters()])
    np.testing.assert_allclose(rows[1], want.double().numpy(), atol=1e-7)


def test_one_class_has_no_conflict():
    x, y, _ = classes(2)
    with pytest.raises(ValueError, match="two classes"):
        gradient_conflict(Mean(y.mean(0)), x, y, np.zeros(len(x), dtype=np.int64), rng())
