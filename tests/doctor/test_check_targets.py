"""Rank and scales of targets, steps and parameters of a recipe."""

import numpy as np
import pytest
from torch import nn

from partimento.doctor.recipe import parameters_per_clip, steps_taken
from partimento.doctor.targets import heterogeneity, mean_floor, target_rank


def prompts(k=10, d=96, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=d) * 2 + rng.normal(size=(k, d))


def test_ten_prompts_span_nine_directions():
    labels = np.repeat(np.arange(10), 6)
    check = target_rank(prompts()[labels])
    assert (check.rank, check.distinct, check.dimensions) == (9, 10, 96)
    assert check.bad
    assert 7.0 < check.effective <= 9.0
    assert not target_rank(np.random.default_rng(0).normal(size=(300, 20))).bad


def test_scales_of_one_to_eight_are_found_and_their_floor_is_named():
    rng = np.random.default_rng(1)
    bank = rng.normal(size=(8, 200))
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    labels = np.tile(np.arange(8), 5)
    scaled = (bank * np.arange(1, 9)[:, None])[labels]
    check = heterogeneity(scaled, labels)
    assert check.bad
    assert check.measured == pytest.approx(8.0)
    # Squared norms 1..64 average 25.5 times those of unit targets.
    assert check.mean_floor / mean_floor(bank[labels]) == pytest.approx(25.5, rel=0.2)
    np.testing.assert_allclose(check.norm_K, np.arange(1, 9))
    assert check.floor_if_equal_scale == pytest.approx(25.5 * mean_floor(bank[labels]), rel=1e-6)
    assert not heterogeneity(bank[labels], labels).bad


def test_distances_and_cosine_of_two_classes():
    check = heterogeneity(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array(["b", "a"]))
    assert check.nearest == check.farthest == check.mean_distance == pytest.approx(1.0)
    assert check.mean_cosine == pytest.approx(0.0)
    assert check.mean_floor == pytest.approx(0.25)


def test_targets_without_classes_are_refused():
    with pytest.raises(ValueError):
        heterogeneity(prompts(), np.zeros(10))
    with pytest.raises(ValueError):
        heterogeneity(prompts(), np.arange(3))


def test_steps_count_the_last_partial_group():
    check = steps_taken(100, 8, 3, accumulate=4)
    assert check.per_epoch == 4  # 13 batches, in groups of 4, 4, 4, 1
    assert check.measured == 12.0
    assert check.epochs_needed == 150
    assert not steps_taken(320, 1, 2).bad
    with pytest.raises(ValueError):
        steps_taken(0, 8, 3)


def test_parameters_are_counted_once_and_without_frozen_ones():
    shared = nn.Linear(10, 10, bias=False)
    model = nn.ModuleList([shared, shared, nn.Linear(10, 1)])
    model[2].requires_grad_(False)
    check = parameters_per_clip(model, 4)
    assert (check.parameters, check.frozen, check.measured) == (100, 11, 25.0)
    assert not check.bad
    assert parameters_per_clip(nn.Linear(1000, 100), 4).bad
