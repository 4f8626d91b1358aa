import numpy as np
import pytest

from partimento.tasks.text2midi.intervals import mean_interval, ratio_interval, share_interval


def test_the_interval_holds_the_mean_and_narrows_with_data():
    rng = np.random.default_rng(0)
    values = rng.normal(2.0, 1.0, 400)
    wide = mean_interval(values[:40], range(40), np.random.default_rng(1))
    narrow = mean_interval(values, range(400), np.random.default_rng(1))
    assert wide.low < 2.0 < wide.high
    assert narrow.low < 2.0 < narrow.high
    assert 0.15 < narrow.high - narrow.low < 0.25  # 2 * 1.96 / sqrt(400) = 0.196
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_copies_in_one_group_add_no_certainty():
    values = np.random.default_rng(0).normal(0.0, 1.0, 30)
    once = mean_interval(values, range(30), np.random.default_rng(2))
    groups = np.repeat(np.arange(30), 10).tolist()
    copied = mean_interval(np.repeat(values, 10), groups, np.random.default_rng(2))
    assert copied.n == 300
    assert copied.groups == 30
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_the_same_generator_gives_the_same_interval():
    values = [1.0, 2.0, 5.0, 3.0]
    one, two = (mean_interval(values, "abcd", np.random.default_rng(3)) for _ in range(2))
    assert one == two


def test_a_ratio_is_of_sums():
    found = ratio_interval([10.0, 1.0], [10.0, 2.0], ["a", "b"], np.random.default_rng(0))
    assert found.value == pytest.approx(11 / 12)
    assert found.low == pytest.approx(0.5)
    assert found.high == pytest.approx(1.0)
    assert found.to_dict("share") == {
        **{"share": found.value, "low": found.low, "high": found.high, "n": 2, "groups": 2}
    }


def test_nothing_gives_no_number():
    assert np.isnan(mean_interval([], [], np.random.default_rng(0)).value)
    assert np.isnan(share_interval(0, 0).value)


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="2 values"):
        mean_interval([1.0, 2.0], ["a"], np.random.default_rng(0))


def test_wilson():
    # Newcombe (1998): 81 of 263 gives 0.2553 to 0.3662.
    found = share_interval(81, 263)
    assert (found.low, found.high) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    perfect = share_interval(100, 100)
    assert perfect.high == 1.0
    assert perfect.low == pytest.approx(0.963, abs=1e-3)
    assert share_interval(0, 10).low == 0.0
