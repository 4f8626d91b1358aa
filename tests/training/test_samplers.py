"""Orders and windows are pure functions and lose no frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.training.samplers import (
    epoch_windows,
    keyed_rng,
)


@given(st.lists(st.integers(1, 90), max_size=8), st.integers(1, 40), st.integers(0, 1000))
def test_windows_meet_every_frame_exactly_once(lengths: list[int], window: int, seed: int) -> None:
    rows = epoch_windows(lengths, window, keyed_rng(seed, "windows", 0))
    seen = [np.zeros(length, dtype=int) for length in lengths]
    for piece, start in rows:
        assert start + window > 0
        assert start < lengths[piece]
        seen[piece][max(0, start) : start + window] += 1
    assert all((count == 1).all() for count in seen)


def test_the_cut_changes_from_epoch_to_epoch_and_repeats_with_the_seed() -> None:
    first, again, other = (
        epoch_windows([300, 200], 32, keyed_rng(5, "windows", epoch)) for epoch in (0, 0, 1)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_streams_of_different_names_are_independent() -> None:
    assert keyed_rng(0, "a", 1).random() != keyed_rng(0, "b", 1).random()


def test_a_window_without_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        epoch_windows([4], 0, keyed_rng(0, 0))
