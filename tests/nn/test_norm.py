"""The fast RMS norm against PyTorch's."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from partimento.nn.norm import FastRMSNorm, _RootMeanSquare


@settings(max_examples=30, deadline=None)
@given(
    rows=st.integers(1, 9),
    width=st.integers(1, 33),
    size=st.sampled_from([1e-4, 1.0, 1e3]),
    seed=st.integers(0, 99),
)
def test_values_and_gradients_equal_those_of_pytorch(
    rows: int, width: int, size: float, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    fast, plain = FastRMSNorm(width, eps=1e-6), nn.RMSNorm(width, eps=1e-6)
    gain = torch.randn(width, generator=draw)
    results = []
    start = size * torch.randn(2, rows, width, generator=draw)
    weight = torch.randn(2, rows, width, generator=draw)
    for norm in (fast, plain):
        norm.weight.data.copy_(gain)
        x = start.clone().requires_grad_()
        y = norm.train()(x)
        (y * weight).sum().backward()
        assert x.grad is not None
        results.append((y, x.grad * size, norm.weight.grad))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_gradient_against_finite_differences() -> None:
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(3, 4, 5, dtype=torch.float64, generator=draw).requires_grad_()
    weight = torch.randn(5, dtype=torch.float64, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: _RootMeanSquare.apply(a, b, 1e-6), (x, weight))


def test_training_and_evaluation_agree_and_share_weights() -> None:
    norm = FastRMSNorm(7, eps=1e-6)
    x = torch.randn(4, 7)
    torch.testing.assert_close(norm.train()(x), norm.eval()(x))
    assert list(norm.state_dict()) == list(nn.RMSNorm(7).state_dict())
