import numpy as np
import pytest

from made_expression import random_model, write_asap
from partimento.music.expression_learnt import Style, play_learnt
from partimento.music.expression_measures import (
    Quantities,
    agreement,
    agreements,
    by_work,
    mean_quantities,
    quantities_of,
    quantities_played,
)
from partimento.music.expression_pairs import read_pairs

X = np.random.default_rng(0).normal(size=200)


def test_what_is_foretold_exactly_is_explained_wholly():
    assert np.allclose(agreement(X, X), (1.0, 1.0))
    assert np.allclose(agreement(X, X + 7.0), (1.0, 1.0))


def test_half_of_the_size_explains_three_quarters():
    assert np.allclose(agreement(X, 0.5 * X), (1.0, 0.75))
    r, explained = agreement(X, -X)
    assert np.isclose(r, -1.0) and np.isclose(explained, -3.0)


def test_what_does_not_vary_tells_nothing():
    assert agreement(X, np.zeros(200)) == (0.0, 0.0)


def test_unknown_notes_are_left_out():
    told = X.copy()
    holes = X.copy()
    holes[:50] = np.nan
    told[:50] = 100.0
    assert np.allclose(agreement(holes, told), (1.0, 1.0))
    assert np.isnan(agreement(np.full(200, np.nan), X)).all()


def test_a_work_counts_once_however_often_it_was_played():
    rows = [("a", {"r": 1.0})] * 9 + [("b", {"r": 0.0})]
    found = by_work(rows)["r"]
    assert found["mean"] == 0.5 and found["works"] == 2
    assert found["low"] == 0.0 and found["high"] == 1.0
    assert by_work(rows, seed=3)["r"] == by_work(rows, seed=3)["r"]


def test_unknown_figures_of_a_work_do_not_spoil_the_others():
    found = by_work([("a", {"r": float("nan")}), ("b", {"r": 0.4}), ("b", {"r": 0.6})])["r"]
    assert found["mean"] == pytest.approx(0.5) and found["works"] == 1


def test_the_mean_of_players_leaves_out_what_one_did_not_play():
    one = Quantities(np.array([0.0, 2.0]), np.array([1.0, np.nan]), np.array([np.nan, np.nan]))
    two = Quantities(np.array([2.0, 2.0]), np.array([3.0, 5.0]), np.array([np.nan, 1.0]))
    mean = mean_quantities([one, two])
    assert mean.tempo.tolist() == [1.0, 2.0] and mean.velocity.tolist() == [2.0, 5.0]
    assert np.isnan(mean.articulation[0]) and mean.articulation[1] == 1.0


def test_two_takes_of_one_player_agree_and_a_machine_tells_nothing(tmp_path):
    write_asap(tmp_path, works=2)
    one, two = read_pairs(tmp_path, "train")
    row = agreements(quantities_of(one), quantities_of(two))
    assert row["tempo_r"] > 0.99 and row["velocity_r"] > 0.9 and row["articulation_r"] > 0.9
    plain = Style(amount=0.0, pedal=False, touch=-0.1)
    played = play_learnt(one.piece, plain, np.random.default_rng(0), random_model())
    told = quantities_played(played, one.beat_tick, 15.0)
    assert np.allclose(told.tempo, 0.0, atol=1e-4)
    assert np.allclose(told.velocity, 0.0)
    assert abs(agreements(quantities_of(one), told)["tempo_explained"]) < 0.01
