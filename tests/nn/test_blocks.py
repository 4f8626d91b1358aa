"""Sublayers, positions and losses."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from partimento.nn.blocks import FeedForward, Sublayer, sinusoids
from partimento.nn.losses import masked_mean, token_nll


class Double(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


@pytest.mark.parametrize(
    ("norm", "residual", "expected"),
    [
        ("pre", True, lambda x, n: x + 2 * n(x)),
        ("pre", False, lambda x, n: 2 * n(x)),
        ("post", True, lambda x, n: n(3 * x)),
        ("post", False, lambda x, n: n(2 * x)),
        ("both", True, lambda x, n: n(x + 2 * n(x))),
        ("both", False, lambda x, n: n(2 * n(x))),
    ],
)
def test_norm_and_residual_stand_where_they_are_said_to(norm, residual, expected) -> None:
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    layer = Sublayer(Double(), 8, norm=norm, residual=residual)
    torch.testing.assert_close(layer(x), expected(x, nn.LayerNorm(8)))


def test_feed_forward_has_the_width_asked_for() -> None:
    layer = FeedForward(8, 2.5)
    assert layer[0].out_features == 20
    assert layer(torch.zeros(1, 3, 8)).shape == (1, 3, 8)


def test_sinusoids_are_those_of_the_formula() -> None:
    table = sinusoids(6, 4)
    for t in range(6):
        for i in range(2):
            angle = t / 10000 ** (2 * i / 4)
            assert table[t, i].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[t, 2 + i].item() == pytest.approx(math.cos(angle), abs=1e-6)
    with pytest.raises(ValueError, match="even"):
        sinusoids(3, 5)


def test_a_uniform_guess_costs_the_log_of_the_vocabulary() -> None:
    nll = token_nll(torch.zeros(2, 3, 129), torch.randint(0, 129, (2, 3)))
    torch.testing.assert_close(nll, torch.full((2, 3), math.log(129)))


def test_masked_mean_ignores_what_is_not_kept() -> None:
    values = torch.tensor([[1.0, 100.0], [3.0, 100.0]], requires_grad=True)
    keep = torch.tensor([[True, False], [True, False]])
    assert masked_mean(values, keep).item() == 2.0
    nothing = masked_mean(values, torch.zeros_like(keep))
    nothing.backward()
    assert nothing.item() == 0.0
    assert values.grad is not None and (values.grad == 0).all()
