"""Comparisons of performances: a set with itself, with another, a piece with its primer."""

import numpy as np
import pytest

from made_performances import another_take, empty_notes, random_piece, tick_notes, transposed
from partimento.music.performance_comparison import (
    compare_to_primer,
    compare_to_reference,
    excerpts,
    split_at,
)
from partimento.music.performance_measures import SCALARS, span_sec


def slower(notes, factor):
    return tick_notes(
        np.stack([notes.onset * factor, notes.offset * factor, notes.pitch, notes.bin], axis=1)
    )


def test_a_set_equals_itself():
    pieces = [random_piece(seed) for seed in range(6)]
    found = compare_to_reference(pieces, pieces)
    assert (found["generated"], found["reference"]) == (6, 6)
    assert set(found["measures"]) == set(SCALARS)
    for row in found["measures"].values():
        assert row["wasserstein"] == pytest.approx(0.0)
        assert row["generated_mean"] == row["reference_mean"]
    for row in found["distributions"].values():
        assert row["overlap"] == pytest.approx(1.0)
        assert row["jensen_shannon_bits"] == pytest.approx(0.0)
        assert sum(row["generated_share"]) == pytest.approx(1.0)


def test_slower_pieces_are_an_octave_away_in_time_only():
    pieces = [random_piece(seed) for seed in range(6)]
    found = compare_to_reference([slower(piece, 2) for piece in pieces], pieces)
    distributions = found["distributions"]
    assert distributions["duration"]["wasserstein"] == pytest.approx(1.0)
    assert distributions["inter_onset"]["wasserstein"] == pytest.approx(1.0, abs=0.1)
    assert distributions["pitch"]["wasserstein"] == 0.0
    assert distributions["velocity"]["overlap"] == pytest.approx(1.0)
    assert found["measures"]["notes_per_second"]["overlap"] < 0.5
    assert found["measures"]["pitch_mean"]["wasserstein"] == 0.0


def test_pitch_classes_are_compared_without_their_key():
    pieces = [random_piece(seed) for seed in range(4)]
    found = compare_to_reference([transposed(piece, 5) for piece in pieces], pieces)
    assert found["distributions"]["pitch_class"]["overlap"] == pytest.approx(1.0)
    assert found["measures"]["pitch_mean"]["wasserstein"] == pytest.approx(5.0)


def test_pieces_without_notes_are_passed_over():
    found = compare_to_reference([random_piece(0), empty_notes()], [random_piece(1)])
    assert found["generated"] == 1
    assert found["measures"]["pitch_mean"]["overlap"] is None
    with pytest.raises(ValueError, match="both sides"):
        compare_to_reference([empty_notes()], [random_piece(1)])


def test_single_notes_compare_without_steps():
    one = tick_notes([(0, 5, 60, 9)])
    found = compare_to_reference([one], [one])
    assert found["distributions"]["inter_onset"]["wasserstein"] is None
    assert found["measures"]["groove_similarity"]["generated_mean"] is None
    assert compare_to_primer(one, one)["inter_onset_distance_octaves"] is None


def test_a_continuation_like_its_primer():
    primer = random_piece(0)
    like = compare_to_primer(primer, another_take(primer, 2))
    unlike = compare_to_primer(primer, slower(transposed(random_piece(1), 18), 3))
    assert like["same_key"] and not unlike["same_key"]
    assert like["pitch_class_overlap"] == pytest.approx(1.0)
    assert unlike["pitch_class_overlap"] < 0.8
    assert unlike["density_ratio"] == pytest.approx(1 / 3, rel=0.2)
    assert like["pitch_distance"] == 0.0 < unlike["pitch_distance"]
    assert unlike["duration_distance_octaves"] > like["duration_distance_octaves"]


def test_splitting_and_passages():
    piece = random_piece(2, notes=600).shifted(77)
    first, rest = split_at(piece, 5.0)
    assert len(first) + len(rest) == len(piece)
    border = int(piece.onset[0]) + 500
    assert first.onset.max() < border <= rest.onset.min()
    assert len(split_at(piece, 0.0)[0]) == 0
    found = excerpts(piece, 20.0, most=3)
    assert len(found) == 3
    assert all(15.0 < span_sec(one) < 30.0 for one in found)
    assert excerpts(piece, 10_000.0) == []
