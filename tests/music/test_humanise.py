"""Notes of a score played by rules: every note stays, time goes forward, takes differ."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music.humanise import draw_manner, humanise
from partimento.music.performance import Performance


def typed(seed: int, chords: int) -> Performance:
    rng = np.random.default_rng(seed)
    onset = np.repeat(np.arange(chords) * 0.5, 3)
    pitch = np.sort(rng.integers(40, 85, (chords, 3)), axis=1) + np.array([0, 1, 2])
    return Performance(onset, onset + 0.5, pitch.ravel(), np.full(3 * chords, 80), np.zeros((0, 2)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 60))
def test_every_note_stays(seed: int, chords: int) -> None:
    notes = typed(seed, chords)
    take = humanise(notes, np.random.default_rng(seed))
    assert sorted(take.pitch.tolist()) == sorted(notes.pitch.tolist())
    assert (take.offset_sec > take.onset_sec).all()
    assert (np.diff(take.onset_sec) >= 0).all() and take.onset_sec.min() >= 0
    assert take.velocity.min() >= 1 and take.velocity.max() <= 127


def test_the_input_is_left_alone_and_takes_differ() -> None:
    notes = typed(0, 40)
    onset, loud = notes.onset_sec.copy(), notes.velocity.copy()
    takes = [humanise(notes, np.random.default_rng(s)) for s in range(4)]
    assert np.array_equal(notes.onset_sec, onset) and np.array_equal(notes.velocity, loud)
    assert len({round(take.seconds, 4) for take in takes}) == 4
    assert all(take.velocity.std() > 2 for take in takes)
    again = humanise(notes, np.random.default_rng(2))
    assert np.array_equal(again.onset_sec, takes[2].onset_sec)


def test_chords_stay_together_and_in_order() -> None:
    notes = typed(3, 60)
    take = humanise(notes, np.random.default_rng(5))
    gaps = np.diff(take.onset_sec)
    assert (gaps > 0.2).sum() == 59, "half a second apart as written"
    assert np.sort(gaps)[:-59].max() < 0.12, "spread within a chord"


def test_melody_is_louder() -> None:
    notes = typed(4, 80)
    manner = draw_manner(np.random.default_rng(1))
    take = humanise(notes, np.random.default_rng(1), manner)
    top = take.velocity[take.pitch >= np.quantile(take.pitch, 0.8)].mean()
    assert top > take.velocity.mean() + manner.melody / 4


@pytest.mark.parametrize("seed", range(3))
def test_of_nothing_comes_nothing(seed: int) -> None:
    empty = Performance(*(np.zeros(0) for _ in range(4)), np.zeros((0, 2)))
    assert len(humanise(empty, np.random.default_rng(seed))) == 0
