"""Label smoothing against its definition, and what padding may not do."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.nn.losses import masked_mean, smoothed_nll, token_nll

PAD = 5
REAL = torch.tensor([True, True, True, True, True, False, False])


@settings(max_examples=30, deadline=None)
@given(smoothing=st.floats(0.0, 0.9), seed=st.integers(0, 99))
def test_smoothing_is_the_cross_entropy_of_the_smoothed_target(smoothing: float, seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(2, 4, 7, generator=draw)
    target = torch.randint(0, 5, (2, 4), generator=draw)
    found = smoothed_nll(logits, target, smoothing, REAL)
    for b in range(2):
        for t in range(4):
            wanted = [smoothing / 5 if real else 0.0 for real in REAL.tolist()]
            wanted[int(target[b, t])] += 1 - smoothing
            assert sum(wanted) == pytest.approx(1.0)
            log_probs = logits[b, t].double().log_softmax(-1)
            entropy = -sum(w * float(p) for w, p in zip(wanted, log_probs, strict=True))
            assert float(found[b, t]) == pytest.approx(entropy, abs=1e-5)


def test_the_best_model_gives_nothing_to_padding_and_start() -> None:
    """The gradient vanishes where the prediction is the smoothed target itself."""
    best = torch.tensor([0.02, 0.02, 0.92, 0.02, 0.02, 1e-12, 1e-12])
    logits = best.log()[None].requires_grad_()
    smoothed_nll(logits, torch.tensor([2]), 0.1, REAL).sum().backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() < 1e-6
    even = torch.zeros(1, 7, requires_grad=True)
    smoothed_nll(even, torch.tensor([2]), 0.1, REAL).sum().backward()
    assert even.grad is not None
    assert (even.grad[0, 5:] > 0.1).all()  # pushed down


def test_without_smoothing_it_is_the_plain_loss() -> None:
    logits, target = torch.randn(3, 7), torch.tensor([0, 3, 6])
    assert torch.equal(smoothed_nll(logits, target, 0.0, REAL), token_nll(logits, target))


def test_padding_does_not_count() -> None:
    logits = torch.randn(2, 4, 7, requires_grad=True)
    target = torch.tensor([[0, 1, PAD, PAD], [4, PAD, PAD, PAD]])
    keep = target != PAD
    loss = masked_mean(smoothed_nll(logits, target, 0.1, REAL), keep)
    loss.backward()
    alone = smoothed_nll(logits[keep], target[keep], 0.1, REAL).mean()
    assert loss.item() == pytest.approx(alone.item(), abs=1e-6)
    assert logits.grad is not None
    assert (logits.grad[~keep] == 0).all()
    assert (logits.grad[keep].abs().sum(-1) > 0).all()


def test_impossible_smoothing_is_refused() -> None:
    logits, target = torch.zeros(1, 7), torch.zeros(1, dtype=torch.int64)
    with pytest.raises(ValueError, match="smoothing goes from 0"):
        smoothed_nll(logits, target, 1.0, REAL)
    with pytest.raises(ValueError, match="no class is real"):
        smoothed_nll(logits, target, 0.1, torch.zeros(7, dtype=torch.bool))
