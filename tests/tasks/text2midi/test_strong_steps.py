"""Pieces as steps and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_pieces import made_piece

from partimento.music.barpiece import bar_piece
from partimento.tasks.text2midi.steps import (
    BAR,
    DURATIONS,
    LOOK_BACK,
    NOWHERE,
    Tracker,
    decode,
    duration_class,
    encode,
    sayable,
)

_NOTE = st.tuples(
    st.integers(0, 4 * 96 - 1),
    st.integers(1, 200),
    st.integers(30, 100),
    st.integers(1, 127),
    st.integers(0, 5),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(_NOTE, min_size=1, max_size=60))
def test_steps_say_every_note(notes: list[tuple[int, ...]]) -> None:
    piece = bar_piece(*np.array(notes).T, meter="4/4", bars=4)
    said = decode(sayable(piece), piece)
    for name in ("onset", "pitch", "instrument"):
        assert np.array_equal(getattr(said, name), getattr(piece, name))
    assert np.all(said.duration <= piece.duration)
    assert np.all(said.duration == np.array(DURATIONS)[duration_class(piece.duration)])
    assert np.all(np.abs(said.velocity - piece.velocity) <= 4)


@settings(max_examples=40, deadline=None)
@given(st.lists(_NOTE, min_size=1, max_size=60))
def test_what_is_said_is_allowed(notes: list[tuple[int, ...]]) -> None:
    piece = bar_piece(*np.array(notes).T, meter="4/4", bars=4)
    steps = encode(piece)
    is_note = steps.target[:, 0] != BAR
    assert steps.open[np.flatnonzero(is_note), steps.target[is_note, 2]].all()
    assert (steps.target[:, 0] == BAR).sum() == 4


def test_the_past_alone_decides() -> None:
    """Inputs up to a step do not change when the music after it does."""
    one, other = made_piece(8, seed=1), made_piece(8, seed=1)
    changed = other.select(other.onset < 4 * 96)
    a, b = encode(one), encode(changed)
    count = int(np.flatnonzero(a.target[:, 0] == BAR)[3]) + 1
    for name in ("inputs", "age", "recent", "target", "recalled_pitch", "open"):
        assert np.array_equal(getattr(a, name)[:count], getattr(b, name)[:count]), name


def test_recall_looks_at_the_same_place() -> None:
    bar = made_piece(1, seed=3)
    onset = np.concatenate([bar.onset + 96 * n for n in range(4)])
    piece = bar_piece(
        onset,
        *(np.tile(a, 4) for a in (bar.duration, bar.pitch, bar.velocity, bar.instrument)),
        meter="4/4",
    )
    steps = encode(piece)
    later = int(np.flatnonzero(steps.target[:, 0] == BAR)[0]) + 1
    one_back = LOOK_BACK.index(1)
    assert np.array_equal(steps.recalled_place[later:, one_back], steps.target[later:, 0])
    notes = np.flatnonzero(steps.target[:, 0] != BAR)
    notes = notes[notes >= later]
    assert np.array_equal(steps.recalled_pitch[notes, one_back], steps.target[notes, 2])
    assert (steps.recalled_place[:later, one_back] == NOWHERE).all()


def test_a_tracker_takes_64_bars_at_most() -> None:
    with pytest.raises(ValueError, match="65 bars"):
        Tracker(96, 65, 120.0)
