"""Attention in blocks against the fused kernel and against the formula."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partimento.nn.blocked import blocked_attention
from partimento.nn.skew import naive_relative_logits


def heads(steps: int, seed: int = 0) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randn(2, 3, steps, 8, generator=draw).requires_grad_() for _ in range(3)]


def by_formula(
    q: Tensor, k: Tensor, v: Tensor, scale: float, table: Tensor | None, padded: Tensor | None
) -> Tensor:
    """All weights at once, position by position."""
    scores = q @ k.transpose(-1, -2)
    if table is not None:
        scores = scores + naive_relative_logits(q, table)
    steps = q.shape[2]
    seen = torch.ones(steps, steps, dtype=torch.bool).tril()
    allowed = seen.expand(len(q), 1, steps, steps)
    if padded is not None:
        allowed = allowed & (~padded[:, None, None] | torch.eye(steps, dtype=torch.bool))
    return (scores * scale).masked_fill(~allowed, -torch.inf).softmax(-1) @ v


@settings(max_examples=25, deadline=None)
@given(steps=st.integers(1, 40), block=st.integers(1, 45), seed=st.integers(0, 99))
def test_blocks_equal_the_fused_kernel_in_value_and_gradient(
    steps: int, block: int, seed: int
) -> None:
    ours, theirs = heads(steps, seed), heads(steps, seed)
    mixed = blocked_attention(*ours, block)
    wanted = F.scaled_dot_product_attention(*theirs, is_causal=True)
    torch.testing.assert_close(mixed, wanted, atol=1e-5, rtol=1e-5)
    weight = torch.randn(mixed.shape, generator=torch.Generator().manual_seed(seed))
    (mixed * weight).sum().backward()
    (wanted * weight).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, atol=1e-5, rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(
    steps=st.integers(1, 30),
    block=st.integers(1, 32),
    seed=st.integers(0, 99),
    relative=st.booleans(),
    padding=st.booleans(),
)
def test_relative_positions_padding_and_scale_follow_the_formula(
    steps: int, block: int, seed: int, relative: bool, padding: bool
) -> None:
    q, k, v = heads(steps, seed)
    draw = torch.Generator().manual_seed(seed)
    table = torch.randn(steps + 3, 8, generator=draw) if relative else None
    padded = torch.rand(2, steps, generator=draw) < 0.3 if padding else None
    mixed = blocked_attention(q, k, v, block, scale=0.7, distance_RE=table, padded_BT=padded)
    wanted = by_formula(q, k, v, 0.7, table, padded)
    torch.testing.assert_close(mixed, wanted, atol=1e-5, rtol=1e-5)


def test_a_sequence_of_padding_alone_gives_numbers() -> None:
    q, k, v = heads(6)
    mixed = blocked_attention(q, k, v, 4, padded_BT=torch.ones(2, 6, dtype=torch.bool))
    assert mixed.isfinite().all()


def test_dropout_acts_on_the_weights() -> None:
    q, k, v = heads(6)
    mixed = blocked_attention(q, k, v, 4, dropout=lambda weights: weights * 0.5)
    torch.testing.assert_close(mixed, 0.5 * blocked_attention(q, k, v, 4))


@pytest.mark.parametrize("relative", [False, True])
def test_the_future_changes_nothing(relative: bool) -> None:
    q, k, v = (x.detach() for x in heads(20))
    table = torch.randn(20, 8) if relative else None
    before = blocked_attention(q, k, v, 8, distance_RE=table)
    k2, v2 = k.clone(), v.clone()
    k2[:, :, 13:], v2[:, :, 13:] = torch.randn(2, 2, 3, 7, 8)
    after = blocked_attention(q, k2, v2, 8, distance_RE=table)
    assert torch.equal(before[:, :, :13], after[:, :, :13])
    assert not torch.equal(before[:, :, 13:], after[:, :, 13:])
