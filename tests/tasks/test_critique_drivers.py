"""What drives a score: the effects of a critic whose scores are known."""

import numpy as np
import pytest

from fake_critic import DIRECTIONS, SPREAD, STATISTICS, TYPICAL, FakeCritic
from partimento.music.dimensions import NAMES
from partimento.tasks.critique.drivers import effects, marked_bars, seconds_of, swapped

LOUDNESS, TEMPO = NAMES.index("timbre_loudness"), NAMES.index("tempo")


def z(**statistics):
    """Statistics so many spreads from the typical ones."""
    values = TYPICAL.copy()
    for name, distance in statistics.items():
        place = STATISTICS.index(name)
        values[place] += distance * SPREAD[place]
    return values


def found(values, variants=(), left_out=()):
    table = np.array(variants).reshape(-1, len(STATISTICS))
    return effects(FakeCritic(), STATISTICS, values, table, left_out)


def test_a_linear_critic_is_taken_apart_exactly():
    values = z(mean_velocity=2.0, seconds_per_note=-1.0, pedal_share=0.5)
    what = found(values)
    expected = ((values - TYPICAL) / SPREAD)[:, None] * DIRECTIONS.T
    assert what.feature_effect == pytest.approx(expected)
    loud = what.report(LOUDNESS)
    assert [g["name"] for g in loud["groups"]] == ["loudness"]
    assert loud["groups"][0]["effect"] == pytest.approx(0.2)
    assert loud["features"] == [
        {"name": "mean_velocity", "value": 96.0, "typical": 64.0, "effect": 0.2}
    ]
    assert what.report(TEMPO)["groups"][0] == {"name": "tempo", "effect": -0.1}


def test_a_typical_clip_is_driven_by_nothing():
    report = found(z()).report(LOUDNESS)
    assert report == {"groups": [], "features": [], "bars": []}


def test_what_is_unknown_drives_nothing():
    values = z(mean_velocity=2.0)
    values[-1] = np.nan
    what = found(values)
    assert np.isfinite(what.feature_effect).all()
    assert (what.feature_effect[-1] == 0).all()


def test_bars():
    # Without its loud bar the clip would be typical.
    what = found(
        z(mean_velocity=1.0),
        [z(), z(mean_velocity=1.0), z(mean_velocity=1.5)],
        ["bar 1 (0.0-2.0 s)", "bar 2 (2.0-4.0 s)", "bar 3"],
    )
    assert [(b["where"], b["effect"]) for b in what.report(LOUDNESS)["bars"]] == [
        ("bar 1 (0.0-2.0 s)", 0.1),
        ("bar 3", -0.05),
    ]
    (only,) = marked_bars(what, np.full(len(NAMES), 0.1))
    assert only["where"] == "bar 1 (0.0-2.0 s)" and only["seconds"] == [0.0, 2.0]
    assert only["dimensions"]["timbre_loudness"] == pytest.approx(0.1)


def test_too_few_bars_to_mark():
    assert marked_bars(found(z(), [z()], ["bar 1"]), np.ones(len(NAMES))) == []
    assert marked_bars(found(z()), np.ones(len(NAMES))) == []


@pytest.mark.parametrize(
    ("where", "span"),
    [
        ("bar 3 (4.2-6.1 s)", (4.2, 6.1)),
        ("2-4 s", (2.0, 4.0)),
        ("10.0 to 12.5 s", (10.0, 12.5)),
        ("seconds 2 to 4", (2.0, 4.0)),
        ("bars 3-4", None),
        ("bar 12", None),
    ],
)
def test_seconds_in_the_name_of_a_bar(where, span):
    assert seconds_of(where) == span


def test_exchange_explains_the_difference_of_a_linear_critic():
    critic = FakeCritic()
    ours, theirs = z(mean_velocity=1.0, pedal_share=-1.0), z(seconds_per_note=1.0)
    parts = swapped(critic, ours, theirs)
    difference = np.subtract(*critic.predict(np.stack([ours, theirs])))
    assert sum(parts.values()) == pytest.approx(difference)
    assert parts["loudness"][LOUDNESS] == pytest.approx(0.1)
    assert parts["pitch"] == pytest.approx(np.zeros(len(NAMES)))
