from __future__ import annotations

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music.durations import (
    NoteValue,
    note_value,
    split_note,
    split_rest,
    tuplet_of,
)


@pytest.mark.parametrize(
    ("duration", "actual", "value"),
    [
        (F(1), 1, NoteValue("quarter")),
        (F(7, 4), 1, NoteValue("quarter", 2)),
        (F(3), 1, NoteValue("half", 1)),
        (F(1, 3), 3, NoteValue("eighth", 0, 3, 2)),
        (F(1, 5), 5, NoteValue("16th", 0, 5, 4)),
        (F(1, 2), 3, NoteValue("eighth", 1, 3, 2)),
        (F(5, 4), 1, None),
        (F(0), 1, None),
        (F(1, 1024), 1, None),
    ],
)
def test_values_of_known_durations(duration, actual, value):
    assert note_value(duration, actual) == value


# Grids that music is written on.  A note from a 23rd to a 24th would need a 2048th, which has no
# name; it stays whole.
grids = st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 16, 24])
positions = st.builds(F, st.integers(0, 192), grids).filter(lambda p: p <= 8)
durations = st.builds(F, st.integers(1, 216), grids).filter(lambda d: d <= 9)
beats = st.sampled_from([F(1), F(3, 2), F(1, 2), F(2)])


@settings(deadline=None)
@given(positions, durations, beats)
def test_split_heads_add_up_and_can_be_written(position, duration, beat):
    for split in (split_note, split_rest):
        lengths = split(position, duration, beat)
        assert sum(lengths) == duration
        place = position
        for length in lengths:
            value = note_value(length, tuplet_of(place, length))
            assert value is not None
            assert value.quarter == length
            place += length


def test_a_writable_note_is_never_split():
    assert split_note(F(1, 2), F(3, 2)) == (F(3, 2),)
    assert split_note(F(1, 3), F(1)) == (F(1),)


def test_rests_show_the_beats():
    assert split_rest(F(1, 2), F(1)) == (F(1, 2), F(1, 2))
    assert split_rest(F(0), F(3, 2), F(3, 2)) == (F(3, 2),)
    assert split_rest(F(1, 3), F(11, 3)) == (F(2, 3), F(1), F(2))


def test_large_primes_are_split_without_deep_recursion():
    lengths = split_note(F(1, 1009), F(4))
    assert sum(lengths) == 4
    assert len(lengths) < 40
