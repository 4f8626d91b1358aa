"""Variations: copies, intervals kept, nothing clamped, nothing lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_performances import random_piece, tick_notes
from partimento.music.events import TickNotes, encode_events, to_performance
from partimento.music.performance_augment import (
    Augmentation,
    augment,
    louder_notes,
    stretch_notes,
    stretch_performance,
    transpose_notes,
    transpose_performance,
    transpositions,
    velocity_shifts,
)

NAMES = ("onset", "offset", "pitch", "bin")
EVERYTHING = Augmentation(
    transpose=6, transpose_probability=0.7, stretch=0.1, velocity=3, velocity_probability=0.5
)


def frozen(notes):
    """The same notes in arrays that cannot be written to."""
    parts = [getattr(notes, n).copy() for n in NAMES]
    for part in parts:
        part.flags.writeable = False
    return TickNotes(*parts)


def equal(one, other):
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in NAMES)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_input_is_never_changed_nor_shared(seed, draw):
    notes = frozen(random_piece(seed, notes=60))
    before = frozen(notes)
    varied = augment(notes, EVERYTHING, np.random.default_rng(draw))
    assert equal(notes, before)
    for name in NAMES:
        assert not np.shares_memory(getattr(varied, name), getattr(notes, name))
        getattr(varied, name)[:] = 0


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_variation_keeps_notes_intervals_and_ranges(seed, draw):
    notes = random_piece(seed, notes=60)
    varied = augment(notes, EVERYTHING, np.random.default_rng(draw))
    assert len(varied) == len(notes)
    # Rounding may bring two onsets to one tick, where they are ordered by pitch.
    shift = varied.pitch.min() - notes.pitch.min()
    assert np.array_equal(np.sort(varied.pitch), np.sort(notes.pitch + shift))
    assert abs(shift) <= 6
    louder = np.sort(varied.bin) - np.sort(notes.bin)
    assert len(set(louder.tolist())) == 1 and abs(louder[0]) <= 3
    assert varied.pitch.min() >= 21 and varied.pitch.max() <= 108
    assert varied.bin.min() >= 0 and varied.bin.max() <= 31
    length = (varied.onset[-1] - varied.onset[0] + 1) / (notes.onset[-1] - notes.onset[0] + 1)
    assert 1 / 1.11 < length < 1.11


@given(st.lists(st.integers(0, 127), min_size=1, max_size=20), st.integers(0, 12))
def test_transpositions_are_those_that_fit(pitches, widest):
    pitch = np.array(pitches)
    inside = (pitch >= 21).all() and (pitch <= 108).all()
    low, high = (21, 108) if inside else (0, 127)
    expected = [
        k
        for k in range(-widest, widest + 1)
        if (pitch + k >= low).all() and (pitch + k <= high).all()
    ]
    assert transpositions(pitch, widest).tolist() == expected
    notes = tick_notes([(i, i + 1, p, 3) for i, p in enumerate(pitches)])
    for k in range(-widest, widest + 1):
        if k in expected:
            assert np.array_equal(transpose_notes(notes, k).pitch, notes.pitch + k)
        else:
            with pytest.raises(ValueError, match="leave its range"):
                transpose_notes(notes, k)


def test_at_the_edge_of_the_keyboard_nothing_is_clamped():
    edge = tick_notes([(0, 10, 21, 31), (5, 20, 108, 0)])
    assert transpositions(edge.pitch, 6).tolist() == [0]
    assert velocity_shifts(edge.bin, 3).tolist() == [0]
    for seed in range(20):
        varied = augment(
            edge, Augmentation(transpose=6, transpose_probability=1.0, velocity=3), rng(seed)
        )
        assert equal(varied, edge)
    with pytest.raises(ValueError, match="leave its range"):
        louder_notes(edge, 1)


def rng(seed):
    return np.random.default_rng(seed)


def test_a_transposition_has_the_probability_that_was_asked_for():
    notes = random_piece(1, notes=20)
    plan = Augmentation(transpose=2, transpose_probability=0.3)
    generator = rng(0)
    shifts = [
        int(augment(notes, plan, generator).pitch.min() - notes.pitch.min()) for _ in range(4000)
    ]
    assert set(shifts) == {-2, -1, 0, 1, 2}
    # 4000 draws: five standard deviations are 0.036.
    assert abs(np.mean([s != 0 for s in shifts]) - 0.3) < 0.036
    assert abs(np.mean([s == 2 for s in shifts]) - 0.075) < 0.021


def test_the_same_generator_gives_the_same():
    notes = random_piece(2)
    assert equal(augment(notes, EVERYTHING, rng(5)), augment(notes, EVERYTHING, rng(5)))
    assert not equal(augment(notes, EVERYTHING, rng(5)), augment(notes, EVERYTHING, rng(6)))


@given(st.integers(0, 200), st.floats(0.5, 2.0))
def test_a_stretch_rounds_absolute_times(seed, factor):
    notes = random_piece(seed, notes=80)
    try:
        slower = stretch_notes(notes, factor)
    except ValueError:
        return
    assert np.abs(np.sort(slower.onset) - notes.onset * factor).max() <= 0.5 + 1e-9
    assert (slower.offset > slower.onset).all()


def test_a_stretch_that_would_merge_two_notes_is_refused():
    close = tick_notes([(100, 101, 60, 5), (101, 102, 60, 5), (300, 310, 64, 5)])
    with pytest.raises(ValueError, match="one note of two"):
        stretch_notes(close, 0.4)
    for factor in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="positive"):
            stretch_notes(close, factor)
    assert len(augment(close, Augmentation(stretch=0.5), rng(3))) == 3


def test_performances_in_seconds():
    played = to_performance(random_piece(4))
    higher, slower = transpose_performance(played, 2), stretch_performance(played, 1.5)
    assert np.array_equal(higher.pitch, played.pitch + 2)
    assert np.array_equal(slower.onset_sec, played.onset_sec * 1.5)
    assert np.array_equal(slower.pitch, played.pitch)
    higher.velocity[:] = 0
    assert played.velocity.min() > 0
    with pytest.raises(ValueError, match="leave its range"):
        transpose_performance(played, 100)


def test_transposition_and_loudness_act_on_tokens_as_they_should():
    notes = random_piece(7)
    tokens = encode_events(notes)
    higher = encode_events(transpose_notes(notes, 1))
    assert np.array_equal(higher - tokens, (tokens < 256).astype(np.int16))
    louder = encode_events(louder_notes(notes, 1))
    assert np.array_equal(louder - tokens, (tokens >= 356).astype(np.int16))
