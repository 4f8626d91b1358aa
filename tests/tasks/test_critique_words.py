"""Scores in words: as sure as their intervals, in the right direction."""

import numpy as np
import pytest

from partimento.music.dimensions import DIMENSIONS, NAMES
from partimento.tasks.critique.words import (
    caveats,
    difference_reading,
    difference_text,
    read_score,
    summary,
)

LEARNT = np.linspace(0.3, 0.7, 101)
TEMPO = DIMENSIONS[NAMES.index("tempo")]


def reading(mean, half, dimension=TEMPO):
    return read_score(dimension, mean, mean - half, mean + half, LEARNT)


@pytest.mark.parametrize(
    ("mean", "half", "text"),
    [
        (0.65, 0.1, "clearly slow"),
        (0.35, 0.1, "clearly fast"),
        (0.62, 0.15, "probably slow"),
        (0.38, 0.15, "probably fast"),
        (0.51, 0.1, "like most"),
        (0.6, 0.3, "cannot be told"),
        (0.95, 0.4, "clearly slow"),
    ],
)
def test_sureness_follows_the_interval(mean, half, text):
    assert reading(mean, half).text == text


def test_a_high_tempo_is_slow_and_the_traps_are_told():
    assert reading(0.69, 0.05).pole == "slow"
    for name, pole in (
        ("timbre_brightness", "dark"),
        ("mood_valence", "dark"),
        ("pedal_clarity", "blurred"),
    ):
        assert reading(0.69, 0.05, DIMENSIONS[NAMES.index(name)]).pole == pole
    told = " ".join(caveats(familiar=True, compared=False, shown=NAMES))
    assert "slow in tempo" in told and "blurred in pedal clarity" in told


def test_the_place_among_the_learnt():
    assert reading(0.3, 0.01).percentile == pytest.approx(0.5, abs=0.1)
    assert reading(0.5, 0.01).percentile == 50.0
    assert reading(0.9, 0.01).percentile == 100.0


def test_one_paragraph():
    readings = {
        "tempo": reading(0.68, 0.05),
        "drama": reading(0.38, 0.15, DIMENSIONS[NAMES.index("drama")]),
        "space": reading(0.5, 0.05),
        "balance": reading(0.55, 0.4),
    }
    drivers = {
        "tempo": {
            "groups": [{"name": "tempo", "effect": 0.1}, {"name": "pedal", "effect": -0.02}],
            "bars": [{"where": "bar 3", "effect": 0.03}],
        }
    }
    text = summary(readings, drivers, learnt=101, abstained={"timing": "no score"}, coverage=0.8)
    assert "clearly slow (tempo); perhaps pure (drama)" in text
    assert "It sounds slow above all because of tempo, most of all in bar 3." in text
    assert "pedal" not in text
    assert "In one dimension it sounds like most." in text
    assert "Nothing can be told of balance." in text
    assert "No score is given for timing." in text
    assert "about 80 in 100" in text
    assert "\n" not in text


def test_nothing_stands_out():
    text = summary({"tempo": reading(0.5, 0.1)}, {}, learnt=9, abstained={}, coverage=0.9)
    assert "sounds like most, as far as can be told." in text


def test_many_are_counted_not_listed():
    readings = {d.name: reading(0.69, 0.05, d) for d in DIMENSIONS}
    text = summary(readings, {}, learnt=9, abstained={}, coverage=0.9)
    assert "15 more in the table" in text


def test_an_unknown_work_is_ranked_not_graded():
    assert not any("graded" in t for t in caveats(familiar=True, compared=False, shown=NAMES))
    alone = " ".join(caveats(familiar=False, compared=False, shown=NAMES))
    several = " ".join(caveats(familiar=False, compared=True, shown=NAMES))
    assert "ranked, not graded" in alone and "give several performances" in alone
    assert "the order among the given performances" in several


def test_brightness_and_valence_are_mostly_the_music():
    assert "more about the music" in " ".join(caveats(familiar=True, compared=False, shown=NAMES))
    assert "more about the music" not in " ".join(
        caveats(familiar=True, compared=False, shown=["tempo"])
    )


def test_differences():
    assert difference_reading(0.2, 0.1, 0.3, TEMPO) == "clearly towards slow"
    assert difference_reading(-0.2, -0.3, -0.1, TEMPO) == "clearly towards fast"
    assert difference_reading(-0.1, -0.25, 0.05, TEMPO) == "perhaps towards fast"
    assert difference_reading(0.01, -0.1, 0.12, TEMPO) == "at about the same place"
    row = {"mean": -0.2, "clear": True, "explained_by": [{"name": "loudness", "effect": -0.1}]}
    text = difference_text({"tempo": row}, "A", "B")
    assert text == "Beside B, A lies clearly towards fast (tempo, from loudness)."
    calm = difference_text({"tempo": {**row, "clear": False}}, "A", "B")
    assert "no difference" in calm
