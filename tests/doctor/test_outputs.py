"""Collapse, R2 against the constant and diversity, on outputs whose figures are known."""

import numpy as np
import pytest
import torch

from partimento.doctor.matrices import effective_rank, mean_cosine, numerical_rank
from partimento.doctor.outputs import against_constant, collapse, output_diversity


def targets(n=60, d=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d)) + 2.0


def test_half_the_spread_is_measured_as_half():
    want = targets()
    check = collapse(want.mean(0) + 0.5 * (want - want.mean(0)), want)
    assert check.measured == pytest.approx(0.5)
    assert not check.bad
    assert check.collapsed == 0
    assert check.output_rank == pytest.approx(check.target_rank)
    np.testing.assert_allclose(check.ratio_D, 0.5)


def test_a_constant_answer_is_collapsed():
    want = targets()
    check = collapse(np.broadcast_to(want.mean(0), want.shape), want)
    assert check.bad
    assert check.collapsed == check.dimensions == 8
    assert check.output_rank == 0.0
    assert against_constant(np.broadcast_to(want.mean(0), want.shape), want).measured == (
        pytest.approx(0.0)
    )


def test_one_dead_dimension_is_counted_and_still_targets_are_left_out():
    want = targets()
    want[:, 3] = 5.0
    got = want.copy()
    got[:, 1] = want[:, 1].mean()
    check = collapse(got, want)
    assert (check.collapsed, check.dimensions) == (1, 7)
    assert np.isnan(check.ratio_D[3])
    assert not check.bad


def test_r2_is_that_of_the_definition_and_takes_the_training_mean():
    want = targets()
    got = want + 0.1
    own = against_constant(got, want)
    assert own.loss == pytest.approx(0.01)
    assert own.measured == pytest.approx(1 - 0.01 / want.var(0).mean())
    far = against_constant(got, want, constant=np.zeros(8))
    assert far.constant_loss == pytest.approx((want**2).mean())
    assert far.measured > own.measured
    with pytest.raises(ValueError, match="3 numbers"):
        against_constant(got, want, constant=np.zeros(3))


def test_torch_tensors_with_tokens_are_flattened():
    want = torch.randn(20, 3, 4, generator=torch.Generator().manual_seed(0))
    assert against_constant(want, want).measured == 1.0
    assert collapse(want, want).dimensions == 12


def test_diversity_against_a_loop_over_pairs():
    rng = np.random.default_rng(1)
    got, want = rng.normal(size=(9, 5)), rng.normal(size=(9, 5)) + 1.0

    def distance(values):
        unit = values / np.linalg.norm(values, axis=1, keepdims=True)
        pairs = [1 - unit[i] @ unit[j] for i in range(9) for j in range(9) if i != j]
        return np.mean(pairs)

    check = output_diversity(got, want)
    assert check.measured == pytest.approx(distance(got) / distance(want))
    assert output_diversity(np.ones((9, 5)), want).bad


def test_ranks():
    rng = np.random.default_rng(2)
    low = rng.normal(size=(40, 3)) @ rng.normal(size=(3, 20)) + 7.0
    assert numerical_rank(low) == 3
    assert effective_rank(low) <= 3.0 + 1e-9
    equal = np.concatenate([np.eye(4), -np.eye(4)])
    assert effective_rank(equal) == pytest.approx(4.0)
    assert effective_rank(np.full((5, 3), 1e3)) == 0.0
    assert numerical_rank(np.full((5, 3), 1e3)) == 0
    assert np.isnan(mean_cosine(np.ones((1, 3))))


def test_what_cannot_be_measured_is_refused():
    want = targets()
    with pytest.raises(ValueError, match="differ"):
        collapse(want[:5], want)
    with pytest.raises(ValueError, match="equal"):
        collapse(want, np.ones_like(want))
    with pytest.raises(ValueError, match="finite"):
        against_constant(want * np.nan, want)
    with pytest.raises(ValueError, match="same way"):
        output_diversity(want, np.ones_like(want))
