"""Distances between samples and histograms, against scipy and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.music.distances import (
    density,
    density_overlap,
    histogram_overlap,
    jensen_shannon,
    set_distance,
    wasserstein,
)

stats = pytest.importorskip("scipy.stats", reason="scipy is the independent twin")

SAMPLES = st.lists(st.floats(-100, 100), min_size=1, max_size=20)


@given(SAMPLES, SAMPLES)
def test_wasserstein_equals_scipy(a, b):
    found = wasserstein(np.array(a), np.array(b))
    assert found == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)


def test_wasserstein_is_the_shift():
    sample = np.random.default_rng(0).normal(size=500)
    assert wasserstein(sample, sample + 3) == pytest.approx(3.0)


def test_histograms():
    p, q = np.array([2.0, 2.0, 0.0]), np.array([0.0, 5.0, 5.0])
    assert histogram_overlap(p, q) == pytest.approx(0.5)
    assert histogram_overlap(p, 7 * p) == pytest.approx(1.0)
    assert jensen_shannon(p, p) == pytest.approx(0.0)
    assert jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1.0)
    assert jensen_shannon(p, q) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="histogram"):
        histogram_overlap(p, np.zeros(3))


def test_density_equals_a_kernel_density_of_scipy():
    sample = np.random.default_rng(1).normal(size=200)
    grid = np.linspace(-6, 6, 512)
    expected = stats.gaussian_kde(sample)(grid)
    assert density(sample, grid) == pytest.approx(expected / expected.sum(), abs=2e-4)


def test_overlap_of_densities():
    generator = np.random.default_rng(2)
    a, b, c = generator.normal(0, 1, 400), generator.normal(0, 1, 400), generator.normal(9, 1, 400)
    same, apart = density_overlap(a, b), density_overlap(a, c)
    assert same[0] > 0.85 and same[1] < 0.1
    assert apart[0] < 0.05 and apart[1] > 5
    assert density_overlap(a, a) == pytest.approx((1.0, 0.0), abs=1e-6)


def test_a_set_like_the_reference_is_nearer_than_another():
    generator = np.random.default_rng(3)
    reference = generator.normal(0, 1, (60, 2))
    like, unlike = generator.normal(0, 1, (40, 2)), generator.normal(4, 1, (40, 2))
    near, far = set_distance(like, reference), set_distance(unlike, reference)
    assert near["overlap"] > 0.85 > 0.3 > far["overlap"]
    assert near["kl"] < far["kl"]
    assert set_distance(like, reference[:2]) is None


def test_constant_samples_do_not_break():
    overlap, kl = density_overlap(np.zeros(5), np.zeros(3))
    assert overlap == pytest.approx(1.0)
    assert kl == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("measure", [wasserstein, density_overlap])
def test_empty_samples_are_refused(measure):
    with pytest.raises(ValueError, match="empty"):
        measure(np.zeros(0), np.ones(2))
