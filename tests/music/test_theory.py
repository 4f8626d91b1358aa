from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.music import theory
from partimento.music.score import Spelling

pitches = st.integers(30, 90)


@pytest.mark.parametrize(
    ("start", "end", "name"),
    [
        ("C4", "C4", "perfect unison"),
        ("C4", "C#4", "augmented unison"),
        ("C#4", "C4", "augmented unison"),
        ("F4", "G#4", "augmented second"),
        ("G#4", "F4", "augmented second"),
        ("E4", "F4", "minor second"),
        ("F4", "B4", "augmented fourth"),
        ("B4", "F4", "augmented fourth"),
        ("B3", "F4", "diminished fifth"),
        ("G#3", "C4", "diminished fourth"),
        ("G#3", "F4", "diminished seventh"),
        ("C4", "Bb4", "minor seventh"),
        ("C4", "C5", "perfect octave"),
        ("C4", "C#5", "augmented octave"),
        ("C4", "D5", "major ninth"),
        ("Cb4", "F##4", "doubly augmented fourth"),
    ],
)
def test_interval_names(start: str, end: str, name: str) -> None:
    start_note = Spelling.parse(start)
    end_note = Spelling("F", 2, 4) if end == "F##4" else Spelling.parse(end)
    found = theory.interval(start_note, end_note)
    if name.startswith("doubly"):
        assert found.alteration > 1
    else:
        assert found.name == name
    assert found.augmented == ("augmented" in name)
    assert found.diminished == ("diminished" in name)


@given(pitches, pitches, pitches, pitches, st.sampled_from([theory.FIFTH, theory.OCTAVE]))
def test_motion_is_one_of_its_kinds(a: int, b: int, c: int, d: int, kind: int) -> None:
    """Parallel, contrary and direct exclude one another, and none needs both voices to move."""
    kinds = [bool(f(a, b, c, d, kind)) for f in (theory.parallel, theory.contrary, theory.direct)]
    assert sum(kinds) <= 1
    if a == c or b == d:
        assert not any(kinds)
    if kinds[0]:
        assert (a - b) % 12 in (kind, -kind % 12) and (c - a) * (d - b) > 0


@given(pitches, pitches, pitches, pitches)
def test_motion_does_not_depend_on_the_octave_between_voices(
    a: int, b: int, c: int, d: int
) -> None:
    for f in (theory.parallel, theory.contrary):
        low = bool(f(a + 24, b, c + 24, d, theory.OCTAVE))
        assert bool(f(a + 36, b, c + 36, d, theory.OCTAVE)) == low


def test_arrays_give_what_single_notes_give() -> None:
    generator = np.random.default_rng(0)
    a, b, c, d = generator.integers(48, 72, size=(4, 2000))
    for f in (theory.parallel, theory.contrary, theory.direct):
        one_by_one = [bool(f(*map(int, x), 7)) for x in zip(a, b, c, d, strict=True)]
        assert f(a, b, c, d, 7).tolist() == one_by_one
        assert any(one_by_one)


def test_crossed_fourth_is_no_fifth() -> None:
    assert not theory.is_perfect(60, 65, theory.FIFTH)
    assert theory.is_perfect(60, 67, theory.FIFTH)
    assert theory.is_perfect(60, 53, theory.FIFTH)
    assert not theory.parallel(60, 65, 62, 67, theory.FIFTH)


def test_overlap_needs_neighbours_in_order() -> None:
    assert theory.overlap(64, 60, 69, 65)
    assert not theory.overlap(64, 60, 69, 64)
    assert not theory.overlap(64, 60, 64, 65)  # a crossing, reported as such
