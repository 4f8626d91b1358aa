"""Attention: the fused path against the explicit one, causality, taps."""

from __future__ import annotations

import pytest
import torch

from partimento.nn import tap
from partimento.nn.attention import SelfAttention, attention_weights, causal_mask


@pytest.fixture(autouse=True)
def seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("causal", [True, False])
def test_watching_does_not_change_the_result(causal: bool) -> None:
    layer = SelfAttention(16, 4, causal=causal).eval()
    x = torch.randn(2, 3, 7, 16)
    plain = layer(x)
    with tap.listen() as taps:
        watched = layer(x)
    torch.testing.assert_close(watched, plain, atol=1e-5, rtol=1e-5)
    (weights,) = tap.require(taps, "self_attention")
    assert weights.shape == (2, 3, 4, 7, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, 4, 7))


def test_causal_attention_gives_exact_zeros_to_the_future() -> None:
    layer = SelfAttention(8, 2, causal=True).eval()
    with tap.listen() as taps:
        layer(torch.randn(1, 5, 8))
    (weights,) = taps["self_attention"]
    assert (weights[..., ~causal_mask(5)] == 0).all()
    assert (weights[..., causal_mask(5)] > 0).all()


def test_weights_against_a_slow_twin() -> None:
    q, k = torch.randn(2, 3, 4, 6), torch.randn(2, 3, 5, 6)
    fast = attention_weights(q, k)
    for n in range(2):
        for h in range(3):
            for t in range(4):
                scores = [(q[n, h, t] @ k[n, h, s] / 6**0.5).exp() for s in range(5)]
                slow = torch.stack(scores) / sum(scores)
                torch.testing.assert_close(fast[n, h, t], slow)


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(ValueError, match="not a multiple"):
        SelfAttention(10, 4)
