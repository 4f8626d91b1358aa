"""Input shuffle and the ridge probe."""

import numpy as np
import pytest

from partimento.doctor.inputs import PENALTIES, fit_ridge, input_shuffle, pooled, ridge_gap


def made(n=80, seed=0, noise=0.1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6))
    y = x @ np.random.default_rng(99).normal(size=(6, 4)) + noise * rng.normal(size=(n, 4)) + 3.0
    return x, y


def test_a_model_that_listens_and_one_that_does_not():
    x, y = made()
    listening = fit_ridge(x, y)
    good = input_shuffle(listening, x, y, np.random.default_rng(0))
    assert good.measured > 0.9
    assert good.low <= good.measured <= good.high
    assert not good.bad
    deaf = input_shuffle(
        lambda v: np.broadcast_to(y.mean(0), y.shape), x, y, np.random.default_rng(0)
    )
    assert deaf.measured == pytest.approx(0.0)
    assert deaf.bad


def test_no_sample_keeps_its_own_input():
    x = np.arange(7.0)[:, None]
    seen = []

    def answer(v):
        seen.append(v[:, 0].copy())
        return v

    input_shuffle(answer, x, x, np.random.default_rng(0), shuffles=20)
    assert all((one != x[:, 0]).all() for one in seen[1:])
    assert all(sorted(one) == sorted(x[:, 0]) for one in seen[1:])


def test_leave_one_out_is_the_naive_one():
    """The penalty is the one that refitting without each sample would choose."""
    x, y = made(n=25, noise=4.0)
    unit = (x - x.mean(0)) / x.std(0)
    size = (unit**2).sum(1).mean()

    def naive(penalty):
        total = 0.0
        for i in range(len(x)):
            keep = np.arange(len(x)) != i
            centre, mean = unit[keep].mean(0), y[keep].mean(0)
            a = unit[keep] - centre
            w = np.linalg.solve(a.T @ a + penalty * size * np.eye(6), a.T @ (y[keep] - mean))
            total += (((unit[i] - centre) @ w + mean - y[i]) ** 2).mean()
        return total

    assert fit_ridge(x, y).penalty == min(PENALTIES, key=naive)


def test_the_probe_beats_a_model_that_answers_the_mean():
    x, y = made(n=120)
    train, test = slice(0, 80), slice(80, None)
    probe = fit_ridge(x[train], y[train])
    lost = ridge_gap(
        x[train], y[train], x[test], y[test], np.broadcast_to(y[train].mean(0), y[test].shape)
    )
    assert lost.bad
    assert lost.model_r2 == pytest.approx(0.0)
    assert lost.ridge_r2 > 0.9
    same = ridge_gap(x[train], y[train], x[test], y[test], probe(x[test]))
    assert same.measured == pytest.approx(0.0)
    assert not same.bad


def test_frames_are_pooled():
    x = np.random.default_rng(0).normal(size=(5, 7, 3))
    got = pooled(x)
    np.testing.assert_allclose(got, np.concatenate([x.mean(1), x.std(1)], axis=1))


def test_too_little_is_refused():
    with pytest.raises(ValueError):
        input_shuffle(lambda v: v, np.ones((1, 2)), np.ones((1, 2)), np.random.default_rng(0))
    with pytest.raises(ValueError):
        fit_ridge(np.ones((2, 2)), np.ones((2, 2)))
