"""Relative logits by skewing against their naive twin and against single numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from partimento.nn.skew import naive_relative_logits, relative_logits, skew


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    heads=st.integers(1, 3),
    queries=st.integers(1, 20),
    earlier=st.integers(0, 20),
    spare=st.integers(0, 10),
    head_width=st.integers(1, 9),
    seed=st.integers(0, 1000),
)
def test_skew_equals_the_naive_form(
    batch: int, heads: int, queries: int, earlier: int, spare: int, head_width: int, seed: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    keys = queries + earlier
    q = torch.randn(batch, heads, queries, head_width, generator=draw)
    table = torch.randn(keys + spare, head_width, generator=draw)
    fast, slow = relative_logits(q, table, keys), naive_relative_logits(q, table, keys)
    assert fast.shape == (batch, heads, queries, keys)
    past = torch.ones(queries, keys, dtype=torch.bool).tril(earlier)
    assert (fast - slow)[..., past].abs().max() <= 1e-5


@settings(max_examples=15, deadline=None)
@given(steps=st.integers(1, 16), seed=st.integers(0, 1000))
def test_gradients_equal_those_of_the_naive_form(steps: int, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    weight = torch.randn(steps, steps, generator=draw).tril()
    grads = []
    for form in (relative_logits, naive_relative_logits):
        draw.manual_seed(seed + 1)
        q = torch.randn(1, 2, steps, 4, generator=draw).requires_grad_()
        table = torch.randn(steps + 2, 4, generator=draw).requires_grad_()
        (form(q, table) * weight).sum().backward()
        grads.append((q.grad, table.grad))
    for fast, slow in zip(*grads, strict=True):
        torch.testing.assert_close(fast, slow, atol=1e-5, rtol=1e-5)


def test_every_number_is_query_times_embedding_of_the_distance() -> None:
    q, table = torch.randn(1, 1, 5, 3), torch.randn(7, 3)
    logits = relative_logits(q, table)
    for i in range(5):
        for j in range(i + 1):
            torch.testing.assert_close(logits[0, 0, i, j], q[0, 0, i] @ table[i - j])


def test_a_cached_step_is_the_last_row() -> None:
    q, table = torch.randn(2, 3, 9, 4), torch.randn(12, 4)
    whole = relative_logits(q, table)
    for t in range(9):
        step = relative_logits(q[:, :, t : t + 1], table, keys=t + 1)
        torch.testing.assert_close(step[:, :, 0], whole[:, :, t, : t + 1])


def largest_kept(form: Callable[[Tensor, Tensor], Tensor], steps: int) -> int:
    """Numbers in the largest tensor that is kept for the backward pass."""
    sizes = [0]

    def note(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel())
        return tensor

    q = torch.randn(1, 1, steps, 16, requires_grad=True)
    with saved_tensors_hooks(note, lambda tensor: tensor):
        form(q, torch.randn(steps, 16, requires_grad=True))
    return max(sizes)


def test_memory_beside_the_scores_grows_with_length_not_its_square() -> None:
    for steps in (32, 64, 128):
        assert largest_kept(relative_logits, steps) == steps * 16
        assert largest_kept(naive_relative_logits, steps) >= steps * steps * 16


def test_skew_moves_rows_to_the_left() -> None:
    rows = torch.tensor([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    moved = skew(rows)
    assert moved.tril().tolist() == [[3, 0, 0], [5, 6, 0], [7, 8, 9]]


@pytest.mark.parametrize(("queries", "keys"), [(4, 3), (4, 9)])
def test_more_keys_than_distances_or_fewer_than_queries_are_refused(
    queries: int, keys: int
) -> None:
    with pytest.raises(ValueError, match="distances"):
        relative_logits(torch.zeros(1, 1, queries, 2), torch.zeros(8, 2), keys)
