"""Measures of performances on pieces whose answers are known."""

from itertools import pairwise

import numpy as np
import pytest

from made_performances import another_take, empty_notes, joined, random_piece, tick_notes
from partimento.music.keys import Key
from partimento.music.performance_measures import (
    SCALARS,
    bar_patterns,
    chroma_windows,
    entropy_bits,
    excerpt,
    groove_similarity,
    inter_onsets_sec,
    key_consistency,
    measure_performance,
    pitch_classes,
    pulse_clarity,
    repeated_share,
    scale_share,
    self_similarity,
    window_patterns,
)

SCALE = [60, 62, 64, 65, 67, 69, 71, 72]


def pulse(pitches, step=50, length=40, velocity_bin=16):
    """One note every ``step`` ticks."""
    return tick_notes(
        [(i * step, i * step + length, p, velocity_bin) for i, p in enumerate(pitches)]
    )


def test_plain_figures_of_a_scale_in_half_seconds():
    found = measure_performance(pulse(SCALE * 10))
    assert found["notes"] == 80
    assert found["seconds"] == pytest.approx(39.9)
    assert found["notes_per_second"] == pytest.approx(80 / 39.9)
    assert found["velocity_mean"] == 66.0
    assert found["velocity_sd"] == 0.0
    assert found["ioi_median_sec"] == 0.5
    assert found["ioi_spread_octaves"] == 0.0
    assert found["duration_median_sec"] == 0.4
    assert found["polyphony_mean"] == 1.0
    assert found["silence_share"] == pytest.approx(79 * 10 / 3990)
    assert found["pitch_mean"] == np.mean(SCALE)
    assert found["key"] == "C major"
    assert found["scale_share"] == 1.0
    assert found["key_consistency"] == 1.0
    assert found["self_similarity"] == pytest.approx(1.0)
    assert found["repeated_share_4"] == pytest.approx(1 - 8 / 77)
    assert set(SCALARS) < set(found)


def test_polyphony_and_silence():
    found = measure_performance(tick_notes([(0, 100, 60, 9), (0, 100, 64, 9), (300, 400, 67, 9)]))
    assert found["polyphony_mean"] == 1.5
    assert found["silence_share"] == 0.5


def test_chords_are_one_onset():
    notes = tick_notes([(0, 9, 60, 9), (3, 9, 64, 9), (50, 60, 67, 9), (100, 110, 60, 9)])
    assert inter_onsets_sec(notes).tolist() == [0.5, 0.5]


def test_pitch_classes_and_scale():
    classes = pitch_classes(pulse([60, 72, 61, 66]))
    assert classes.tolist() == [2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]
    assert entropy_bits(classes) == pytest.approx(1.5)
    # D flat major has C, D flat and G flat.
    assert scale_share(classes) == 1.0
    assert scale_share(np.ones(12)) == pytest.approx(7 / 12)


def test_key_consistency_falls_with_a_modulation():
    up = [p + 6 for p in SCALE]
    staying, leaving = pulse(SCALE * 16), pulse(SCALE * 8 + up * 8)
    key = Key.parse("C major")
    assert key_consistency(staying, key) == 1.0
    assert key_consistency(leaving, key) < 0.7
    # A minor has the same notes.
    assert key_consistency(staying, Key.parse("A minor")) == 1.0
    assert key_consistency(pulse(SCALE[:4]), key) is None


def test_groove():
    even = window_patterns(pulse([60] * 64, step=25))
    generator = np.random.default_rng(0)
    wild = generator.random((20, 32)) < 0.25
    assert groove_similarity(even) == 1.0
    assert groove_similarity(wild) < 0.9
    shifted = np.stack([np.roll(wild[0], 3 * i) for i in range(5)])
    assert groove_similarity(shifted) == 1.0
    assert groove_similarity(even[:1]) is None


def test_bars_of_any_tempo_have_one_pattern():
    bars = np.array([0.0, 2.0, 5.0, 6.0])
    onsets = np.concatenate([a + (b - a) * np.array([0, 0.25, 0.5]) for a, b in pairwise(bars)])
    patterns = bar_patterns(np.append(onsets, [6.0, 99.0, -1.0]), bars, positions=8)
    assert patterns.shape == (3, 8)
    assert (patterns == [1, 0, 1, 0, 1, 0, 0, 0]).all()


def test_a_pulse_is_clearer_than_chance():
    regular = pulse([60, 64] * 40, step=30)
    random_steps = np.random.default_rng(1).integers(5, 60, 80).cumsum()
    free = tick_notes([(int(t), int(t) + 5, 60, 9) for t in random_steps])
    assert pulse_clarity(regular) > 0.9
    assert pulse_clarity(free) < 0.6
    assert pulse_clarity(pulse([60] * 4)) is None


def test_a_piece_that_returns_is_more_like_itself():
    first, second = random_piece(0, tonic=0), random_piece(1, tonic=6)
    through = measure_performance(joined(first, second))
    returning = measure_performance(joined(first, second, first))
    assert returning["self_similarity"] > through["self_similarity"]
    assert returning["repeated_share_7"] > through["repeated_share_7"] + 0.2


def test_repetition_counts_runs_that_came_before():
    assert repeated_share(pulse([60, 62, 64, 65] * 2), 4) == pytest.approx(1 / 5)
    assert repeated_share(pulse([60, 62]), 4) is None


def test_windows_of_chroma_have_length_one_or_none():
    chroma = chroma_windows(tick_notes([(0, 9, 60, 9), (900, 910, 64, 9), (950, 960, 65, 9)]))
    assert np.linalg.norm(chroma, axis=1).tolist() == pytest.approx([1, 0, 1])


def test_short_pieces_have_no_long_measures():
    found = measure_performance(tick_notes([(7, 9, 60, 9)]))
    missing = {name for name in SCALARS if found[name] is None}
    assert missing == {
        "ioi_median_sec",
        "ioi_spread_octaves",
        "key_consistency",
        "groove_similarity",
        "pulse_clarity",
        "self_similarity",
        "repeated_share_4",
        "repeated_share_7",
    }
    with pytest.raises(ValueError, match="without notes"):
        measure_performance(empty_notes())


def test_measures_do_not_depend_on_where_the_piece_begins():
    piece = random_piece(3)
    assert measure_performance(piece.shifted(1234)) == measure_performance(piece)
    assert self_similarity(another_take(piece, 0)) > 0.5


def test_an_excerpt_begins_at_zero():
    piece = random_piece(4)
    part = excerpt(piece, 1000, 500)
    assert part.onset.min() >= 0 and part.onset.max() < 500
    inside = (piece.onset >= 1000) & (piece.onset < 1500)
    assert part.pitch.tolist() == piece.pitch[inside].tolist()
