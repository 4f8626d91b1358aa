"""Measures of scores, the raters' ceiling, and the predictors that know nothing of the playing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music.percepiano import Ratings
from partimento.tasks.critique import ceiling as c
from partimento.tasks.critique import metrics as m
from partimento.tasks.critique.simple import mean_by_name, mean_predictor, others_of_passage

D = 19


def table(seed=0, clips=40):
    return np.random.default_rng(seed).random((clips, D))


def test_r2_is_one_for_the_labels_and_zero_for_their_mean():
    labels = table()
    np.testing.assert_allclose(m.r2_per_dimension(labels, labels), 1.0)
    np.testing.assert_allclose(m.r2_per_dimension(labels, mean_predictor(labels, 40)), 0, atol=1e-9)


def test_r2_agrees_with_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    labels, predicted = table(1), table(2)
    expected = sklearn.r2_score(labels, predicted, multioutput="raw_values")
    np.testing.assert_allclose(m.r2_per_dimension(labels, predicted), expected)
    assert m.r2_mean(labels, predicted) == pytest.approx(expected.mean())


def test_r2_is_no_mean_over_batches_and_no_pool_of_dimensions():
    # Dimensions at different heights: pooled, predicting each one's mean would look good.
    labels = table() * 0.1 + np.linspace(0, 0.9, D)
    predicted = mean_predictor(labels, 40)
    pooled = 1 - ((labels - predicted) ** 2).sum() / ((labels - labels.mean()) ** 2).sum()
    assert pooled > 0.8
    assert m.r2_mean(labels, predicted) == pytest.approx(0.0, abs=1e-9)


def test_r2_of_too_little_is_nan():
    assert np.isnan(m.r2_mean(table(clips=1), table(1, clips=1)))
    assert np.isnan(m.r2_mean(np.zeros((0, D)), np.zeros((0, D))))
    constant = table()
    constant[:, 3] = 0.5
    found = m.r2_per_dimension(constant, table(1))
    assert np.isnan(found[3]) and np.isfinite(np.delete(found, 3)).all()
    with pytest.raises(ValueError, match="tables"):
        m.r2_per_dimension(table(), table(clips=3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_r2_does_not_depend_on_scale_or_order(seed, scale):
    labels, predicted = table(seed, 12), table(seed + 1, 12)
    order = np.random.default_rng(seed).permutation(12)
    moved = m.r2_mean(0.05 + scale * labels[order], 0.05 + scale * predicted[order])
    assert moved == pytest.approx(m.r2_mean(labels, predicted))


def test_range_accuracy_counts_by_the_raters_deviation():
    labels, deviations = np.full((4, D), 0.5), np.full((4, D), 0.1)
    predicted = labels + np.array([[0.0], [0.04], [0.09], [0.3]])
    assert m.ranges_table(labels, predicted, deviations) == {"0.1": 0.25, "0.5": 0.5, "1": 0.75}
    assert m.range_accuracy(labels, predicted, 0 * deviations, 1.0)[0] == 0.25


def test_pairs_are_of_one_passage_and_in_order():
    labels = np.tile(np.array([[0.1], [0.2], [0.9], [0.3]]), (1, D))
    passages = ["a", "a", "b", "b"]
    np.testing.assert_allclose(m.pair_accuracy(labels, labels, passages), 1.0)
    np.testing.assert_allclose(m.pair_accuracy(labels, 1 - labels, passages), 0.0)
    np.testing.assert_allclose(m.pair_accuracy(labels, 0 * labels, passages), 0.5)
    # Right within b only; what is between the passages does not count.
    predicted = np.tile(np.array([[0.2], [0.1], [0.05], [0.01]]), (1, D))
    np.testing.assert_allclose(m.pair_accuracy(labels, predicted, passages), 0.5)
    errors = np.full((4, D), 0.1)
    np.testing.assert_allclose(m.pair_accuracy(labels, predicted, passages, errors), 1.0)
    assert np.isnan(m.pair_accuracy(labels, labels, list("abcd"))).all()
    assert np.isnan(m.pair_accuracy(0 * labels, labels, passages)).all()


def test_knowing_the_music_only_orders_no_pair():
    labels = table(3, 30)
    passages = [f"p{k % 5}" for k in range(30)]
    predicted, _ = mean_by_name(labels, passages, passages)
    np.testing.assert_allclose(m.pair_accuracy(labels, predicted, passages), 0.5)


def test_intervals_hold_the_figure_and_need_groups():
    labels = table(4, 60)
    predicted = labels + 0.15 * np.random.default_rng(5).standard_normal((60, D))
    groups = np.repeat(np.arange(12), 5)
    tests = [(labels, predicted, np.arange(60))]
    low, high = m.r2_interval(tests, groups, np.random.default_rng(0))
    assert low < m.r2_mean(labels, predicted) < high
    assert (low, high) == tuple(m.r2_interval(tests, groups, np.random.default_rng(0)))
    assert m.r2_interval(tests, np.zeros(60, dtype=np.int64), np.random.default_rng(0)) is None
    passages = [f"p{g}" for g in groups]
    low, high = m.pair_interval(labels, predicted, passages, groups, np.random.default_rng(0))
    assert low < float(m.pair_accuracy(labels, predicted, passages).mean()) < high


def test_words_for_dimensions():
    assert [m.grade(v) for v in (0.5, 0.49, 0.3, 0.1, 0.09, -2.0)] == [
        "Strong",
        "OK",
        "OK",
        "Weak",
        "Failed",
        "Failed",
    ]
    assert m.grade(float("nan")) == "-"
    rows = m.dimension_table({"r2": np.linspace(0, 0.9, D)})
    assert rows["timing"] == {"r2": 0.0, "grade": "Failed", "poles": "stable - unstable"}


def test_figures_by_kind_are_against_their_own_mean():
    labels = np.concatenate([table(1, 10) * 0.1, 0.8 + table(2, 10) * 0.1])
    predicted = np.repeat([[0.05], [0.85]], 10, axis=0) * np.ones((1, D))
    kinds = ["low"] * 10 + ["high"] * 10
    found = m.by_kind(labels, predicted, kinds)
    assert found["low"]["n"] == 10
    assert found["low"]["r2_mean"] < 0.05 < 0.9 < m.r2_mean(labels, predicted)
    assert m.length_band(79) != m.length_band(80) == m.length_band(129)
    assert m.length_band(1000) == "200 notes and more"


def made_ratings(raters=8, clips=60, noise=0.2, repeats=1, seed=0):
    """True scores of spread 0.2, and raters who err by ``noise`` and answer ``repeats`` times."""
    generator = np.random.default_rng(seed)
    true = 0.5 + 0.2 * generator.standard_normal((clips, D))
    own = true[:, None] + noise * generator.standard_normal((clips, raters, D))
    values = np.repeat(own, repeats, axis=1)
    names = tuple(f"c{k}" for k in range(clips) for _ in range(raters * repeats))
    who = tuple(f"r{k}" for _ in range(clips) for k in np.repeat(np.arange(raters), repeats))
    ratings = Ratings(names, who, values.reshape(-1, D))
    return ratings, [f"c{k}" for k in range(clips)], values.mean(axis=1)


@pytest.mark.parametrize("repeats", [1, 3])
def test_the_ceiling_is_the_reliability_however_often_raters_answer(repeats):
    ratings, keys, labels = made_ratings(clips=300, repeats=repeats)
    expected = 0.2**2 / (0.2**2 + 0.2**2 / 8)
    errors = c.standard_errors(ratings, keys, None)
    assert c.ceiling(labels, errors).mean() == pytest.approx(expected, abs=0.02)
    halves = c.split_half(ratings, keys, np.random.default_rng(0), splits=3)
    assert halves.mean() == pytest.approx(expected, abs=0.03)


def test_standard_errors_without_rows_come_from_deviations():
    deviations = np.full((2, D), 0.2)
    assert c.standard_errors(None, ["a", "b"], None) is None
    alone = c.standard_errors(None, ["a", "b"], deviations)
    np.testing.assert_allclose(alone, 0.2 / np.sqrt(c.RATERS - 1))
    one = Ratings(("a", "b", "b"), ("u", "u", "v"), np.array([[0.5] * D, [0.2] * D, [0.4] * D]))
    mixed = c.standard_errors(one, ["a", "b"], deviations)
    np.testing.assert_allclose(mixed[0], alone[0])
    np.testing.assert_allclose(mixed[1], 0.1)
    assert np.isnan(c.standard_errors(one, ["a"], None)).all()


def test_simple_predictors_learn_from_training_only():
    labels = table(6, 6)
    predicted, known = mean_by_name(labels, list("aabbcc"), ["b", "z", ""])
    np.testing.assert_allclose(predicted[0], labels[2:4].mean(axis=0))
    np.testing.assert_allclose(predicted[1:], np.tile(labels.mean(axis=0), (2, 1)))
    assert known.tolist() == [True, False, False]


def test_others_of_the_passage_leave_the_own_label_out():
    labels = table(7, 4)
    predicted, known = others_of_passage(labels, ["a", "a", "a", "b"])
    np.testing.assert_allclose(predicted[0], labels[1:3].mean(axis=0))
    np.testing.assert_allclose(predicted[3], labels[:3].mean(axis=0))
    assert known.tolist() == [True, True, True, False]


def test_the_published_ceiling(data_dir):
    from partimento.music.percepiano import read_labels, read_ratings

    folder = data_dir / "percepiano"
    if not folder.is_dir():
        pytest.skip("no PercePiano in the data folder")
    labels, ratings = read_labels(folder / "labels_mean.json"), read_ratings(folder / "ratings.csv")
    errors = c.standard_errors(ratings, list(labels), None)
    found = c.ceiling(np.stack(list(labels.values())), errors).mean()
    assert 0.70 < found < 0.80
    halves = c.split_half(ratings, list(labels), np.random.default_rng(0), splits=3).mean()
    assert abs(halves - found) < 0.02
