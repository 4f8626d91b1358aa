from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from partimento.music import chords
from partimento.music.chords import ChordClass


@pytest.mark.parametrize(
    ("pitches", "kind", "root"),
    [
        ([72, 67, 64, 48], ChordClass.TRIAD, 0),
        ([72, 64, 60, 48], ChordClass.OPEN_TRIAD, 0),
        ([71, 65, 62, 43], ChordClass.SEVENTH, 7),
        ([71, 65, 67, 43], ChordClass.OPEN_SEVENTH, 7),
        ([71, 65, 62, 47], ChordClass.TRIAD, 11),
        ([72, 67, 67, 48], ChordClass.BARE, 0),
        ([72, 60, 60, 48], ChordClass.BARE, 0),
        ([72, 65, 67, 48], ChordClass.OTHER, -1),
        ([69, 64, 67, 48], ChordClass.SEVENTH, 9),
        ([-1, -1, -1, -1], ChordClass.SILENT, -1),
        ([-1, 67, 64, 48], ChordClass.TRIAD, 0),
    ],
)
def test_known_chords(pitches: list[int], kind: ChordClass, root: int) -> None:
    found = chords.chord_of(pitches)
    assert (found.kind, found.root) == (kind, root)


def test_classes_do_not_depend_on_transposition() -> None:
    """Every set of pitch classes has the class of the same set a semitone higher."""
    for size in range(1, 5):
        for members in combinations(range(12), size):
            here = chords.chord_of([60 + m for m in members])
            there = chords.chord_of([61 + m for m in members])
            assert here.kind == there.kind
            fixed = here.shape not in ((0, 4, 8), (0, 3, 6, 9))
            if here.root >= 0 and fixed:
                assert there.root == (here.root + 1) % 12


def test_counts_of_each_class() -> None:
    counts = np.bincount(chords.CHORD_KIND, minlength=7)
    assert counts[ChordClass.TRIAD] == 12 * 3 + 4
    assert counts[ChordClass.SEVENTH] == 12 * 4 + 3
    assert counts[ChordClass.OPEN_TRIAD] == 24
    assert counts[ChordClass.BARE] == 24
    assert counts[ChordClass.SILENT] == 1


@pytest.mark.parametrize(
    ("slice_", "root_position"),
    [
        ([72, 67, 64, 48], True),
        ([72, 67, 60, 52], False),
        ([72, 64, 55, 60], True),  # the tenor below the bass does not make a six-four chord
        ([67, 60, 60, 48], True),
        ([68, 64, 60, 52], True),  # augmented: any note may be the root
        ([72, 65, 67, 48], False),
        ([72, 67, 64, -1], False),
        ([-1, -1, -1, -1], False),
    ],
)
def test_root_position(slice_: list[int], root_position: bool) -> None:
    assert bool(chords.in_root_position(slice_)) is root_position


def test_masks_of_a_grid() -> None:
    grid = np.array([[[60, 64, -1, 72], [-2, -1, 0, 127]]])
    assert chords.pitch_class_mask(grid).tolist() == [[0b10001, 0b10000001]]
