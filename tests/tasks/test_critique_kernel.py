"""The kernel regression, its weights, and the small networks beside it."""

import numpy as np
import pytest
import torch

from partimento.tasks.critique.kernel import KernelRidge, Scaler, distance
from partimento.tasks.critique.kernel_weights import learn_weights
from partimento.tasks.critique.stacked_fit import TrainedNetworks, train_stacked


def made(count=60, statistics=6, seed=0):
    """Targets that depend on the first two statistics only."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, statistics))
    y = np.stack([np.tanh(x[:, 0]), np.abs(x[:, 1]), x[:, 0] * x[:, 1]], axis=1)
    return x, y + 0.05 * rng.normal(size=y.shape), np.repeat(np.arange(count // 5), 5)


def test_left_out_equals_learning_again_without_the_group():
    x, y, groups = made()
    y = y - y.mean(axis=0)
    weights = np.full(6, 0.3)
    mean, sd = KernelRidge.fit(x, y, weights, 0.2).left_out(groups)
    for group in range(3):
        own = groups == group
        # The twin keeps the mean of all targets, which left_out takes out as well: zero here.
        twin = KernelRidge.fit(x[~own], y[~own] - y[~own].mean(axis=0), weights, 0.2)
        kernel = np.exp(-distance(x[own] * weights, x[~own] * weights))
        expected = kernel @ (twin.inverse @ y[~own])
        assert np.allclose(mean[own], expected, atol=1e-9)
        assert np.allclose(sd[own], twin.predict(x[own])[1], atol=1e-9)


def test_deviation_is_small_where_clips_were_learnt_and_the_priors_far_away():
    x, y, _ = made()
    kernel = KernelRidge.fit(x, y, np.full(6, 0.5), 0.1)
    near = kernel.predict(x)[1]
    far = kernel.predict(x + 100)
    assert near.max() < 0.6
    assert far[1] == pytest.approx(np.sqrt(1.1), abs=1e-6)
    assert np.allclose(far[0], y.mean(axis=0), atol=1e-9)


def test_the_gradient_of_the_weighted_distance_is_right():
    from partimento.tasks.critique.kernel_weights import _WeightedDistance

    generator = torch.Generator().manual_seed(0)
    x = torch.randn(7, 3, generator=generator, dtype=torch.float64)
    pull = torch.randn(7, 7, generator=generator, dtype=torch.float64)
    weights = torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    (_WeightedDistance.apply(x, weights) * pull).sum().backward()
    twin = ((x[:, None] - x[None]).abs() * pull[..., None]).sum(dim=(0, 1))
    assert torch.allclose(weights.grad, twin)


def test_weights_find_the_statistics_that_matter():
    x, y, groups = made(count=150)
    weights, noise = learn_weights(x, y, groups)
    assert weights[:2].min() > 2 * weights[2:].max()
    assert 0 < noise < 1
    again, _ = learn_weights(x, y, groups)
    assert np.array_equal(weights, again)
    scale = np.full(6, weights.sum() / 6)
    errors = [
        np.mean((KernelRidge.fit(x, y, w, noise).left_out(groups)[0] - y) ** 2)
        for w in (weights, scale)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_the_scaler_knows_only_what_it_learnt_from():
    values = np.array([[1.0, np.nan, 5.0], [3.0, 2.0, np.nan], [5.0, 4.0, np.nan]])
    scaler = Scaler.fit(values)
    assert np.allclose(scaler(values).mean(axis=0), 0, atol=1e-9)
    assert scaler(np.array([[np.nan, np.nan, np.nan]]))[0, 0] == 0
    assert np.abs(scaler(np.array([[1e9, -1e9, 0.0]]))).max() <= 4
    nothing = Scaler.fit(np.full((3, 2), np.nan))
    assert np.isfinite(nothing(np.ones((2, 2)))).all()


def test_stacked_networks_are_independent_of_each_other():
    model = TrainedNetworks(5, 3, networks=4, seed=1)
    with torch.no_grad():
        model.weights[-1].normal_(generator=torch.Generator().manual_seed(0))
    x = torch.randn(4, 9, 5, generator=torch.Generator().manual_seed(2))
    whole = model(x)
    for one in range(4):
        other = x.clone()
        other[[k for k in range(4) if k != one]] = 7.0
        assert torch.allclose(model(other)[one], whole[one])
        assert not torch.allclose(model(other)[one - 1], whole[one - 1])


def test_the_frozen_networks_say_the_same_without_torch():
    model = TrainedNetworks(5, 3, networks=4, seed=1)
    with torch.no_grad():
        model.weights[-1].normal_(generator=torch.Generator().manual_seed(0))
    x = torch.randn(9, 5, generator=torch.Generator().manual_seed(2))
    frozen = model.frozen()
    expected = model(x.expand(4, 9, 5)).detach().numpy()
    assert np.allclose(frozen.each(x.numpy()), expected, atol=1e-5)
    again = type(frozen).restored(frozen.arrays("a"), "a")
    assert np.allclose(again.predict(x.numpy()), expected.mean(axis=0), atol=1e-5)


def test_stacked_networks_learn_and_the_seed_decides():
    x, y, _ = made(count=200)
    model = train_stacked(x, y, epochs=40, networks=3)
    error = np.mean((model.predict(x) - y) ** 2)
    assert error < 0.5 * y.var()
    first, second, other = (
        train_stacked(x, y, epochs=2, networks=2, seed=seed).predict(x) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
