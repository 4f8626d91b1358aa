from dataclasses import replace

import numpy as np
import pytest

from partimento.music.barpiece import bar_piece
from partimento.tasks.text2midi.quality import (
    FEATURES,
    bar_rhythms_heard_before,
    bars_heard_before,
    bars_like_the_last,
    degenerate_report,
    distributions_report,
    empty_bars,
    is_degenerate,
    repeated_notes,
)


def walk(seed, notes=64, steps=(-2, -1, 1, 2), gap=12):
    rng = np.random.default_rng(seed)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    degree = 14 + np.cumsum(rng.choice(steps, notes))
    degree = np.clip(degree, 0, 28)
    pitch = 48 + scale[degree % 7] + 12 * (degree // 7)
    onset = np.arange(notes) * gap
    same = np.full(notes, 80)
    return bar_piece(onset, same * 0 + gap, pitch, same, same * 0, meter="4/4")


def notes_at(onsets, pitches, bars):
    same = np.full(len(onsets), 80)
    piece = np.array(onsets), same * 0 + 24, np.array(pitches), same, same * 0
    return bar_piece(*piece, meter="4/4", bars=bars)


def test_music_of_the_same_kind_is_as_near_as_real_music():
    real, alike = [walk(i) for i in range(40)], [walk(i) for i in range(100, 120)]
    report = distributions_report(alike, real)
    assert 0.3 < report["mean_ratio"] < 2
    leaping = [walk(i, steps=(-5, 4, 5, -4), gap=24) for i in range(20)]
    other = distributions_report(leaping, real)
    assert other["intervals"]["ratio"] > 5
    assert other["note_values"]["ratio"] is None  # all real notes are eighths
    assert other["note_values"]["jensen_shannon"] == pytest.approx(1.0)
    assert other["intervals"]["overlap"] < report["intervals"]["overlap"]


def test_the_key_does_not_matter_to_the_pitch_classes():
    piece = walk(0)
    assert FEATURES["pitch_classes"](piece).tolist() == (
        FEATURES["pitch_classes"](piece.transpose(5)).tolist()
    )


def test_places_are_shares_of_the_bar():
    in_four = notes_at([0, 48], [60, 62], 1)
    in_two = replace(notes_at([0, 24], [60, 62], 1), meter="2/4")
    assert FEATURES["places_in_bar"](in_four).tolist() == FEATURES["places_in_bar"](in_two).tolist()


def test_too_few_pieces():
    with pytest.raises(ValueError, match="too few"):
        distributions_report([walk(0)], [walk(1)])


def test_measures_of_single_pieces():
    # Bars: C E | C E | empty | C F with the rhythm of the first.
    piece = notes_at([0, 48, 96, 144, 288, 336], [60, 64, 60, 64, 60, 65], 4)
    assert empty_bars(piece) == 0.25
    assert bars_like_the_last(piece) == pytest.approx(1 / 3)
    assert bars_heard_before(piece) == pytest.approx(1 / 3)
    assert bar_rhythms_heard_before(piece) == pytest.approx(2 / 3)
    assert repeated_notes(notes_at([0, 24, 48], [60, 60, 62], 1)) == 0.5
    assert empty_bars(replace(notes_at([0], [60], 4), duration=np.array([200]))) == 0.25


@pytest.mark.parametrize(
    "piece",
    [
        notes_at(np.arange(32) * 24, [60] * 32, 8),
        notes_at(np.arange(32) * 24, [60, 62, 64, 65] * 8, 8),
        notes_at(np.arange(16) * 24, [60, 62, 64, 65, 67, 69, 71, 72] * 2, 8),
        notes_at(np.arange(30) * 24, [60] * 26 + [62, 64, 65, 67], 8),
    ],
    ids=["one note", "one bar", "half empty", "mostly one note"],
)
def test_degenerate_pieces_are_told(piece):
    assert is_degenerate(piece)
    assert degenerate_report([piece, walk(0)])["degenerate"]["generated"]["mean"] == 0.5


def test_real_music_is_not_degenerate():
    report = degenerate_report([walk(i) for i in range(5)], [walk(i) for i in range(5, 10)])
    assert report["degenerate"]["generated"]["mean"] == 0
    assert report["pitches"]["real"]["mean"] > 3
