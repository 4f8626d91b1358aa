from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tiny_scores import line, score_of

from partimento.music.frames import (
    bars,
    beat_quarter,
    beat_strength,
    frame_metadata,
    frame_span,
    grid_origin,
    signature_at,
)
from partimento.music.score import KeySignature, Measure, Score, TimeSignature


def meter(text: str) -> TimeSignature:
    beats, beat_type = map(int, text.split("/"))
    return TimeSignature(Fraction(0), beats, beat_type)


@pytest.mark.parametrize(
    ("text", "strengths"),
    [
        ("4/4", "3 0 1 0 2 0 1 0"),
        ("3/4", "3 0 1 0 1 0"),
        ("2/4", "3 0 1 0"),
        ("2/2", "3 0 0 0 1 0 0 0"),
        ("3/2", "3 0 0 0 1 0 0 0 1 0 0 0"),
        ("6/8", "3 0 0 2 0 0"),
        ("9/8", "3 0 0 1 0 0 1 0 0"),
        ("12/8", "3 0 0 1 0 0 2 0 0 1 0 0"),
        ("3/8", "3 1 1"),
        ("6/4", "3 0 1 0 1 0 2 0 1 0 1 0"),
        ("5/4", "3 0 1 0 1 0 2 0 1 0"),
    ],
)
def test_beat_strength_of_eighths(text, strengths):
    signature = meter(text)
    n = int(signature.bar_quarter * 2)
    found = [beat_strength(Fraction(i, 2), signature) for i in range(n)]
    assert found == [int(x) for x in strengths.split()]


def test_compound_beats_are_dotted():
    assert beat_quarter(meter("6/8")) == Fraction(3, 2)
    assert beat_quarter(meter("6/4")) == 1
    assert beat_quarter(meter("2/2")) == 2


def test_pickup_counts_from_the_end_of_a_full_bar():
    score = score_of({"": line("67 67 67 67 67")}, pickup=1)
    frames = frame_metadata(score, 20)
    assert frames["bar_phase16"].tolist() == [12, 13, 14, 15, *range(16)]
    assert frames["beat_strength"][:5].tolist() == [1, 0, 0, 0, 3]
    assert frames["bar_index"].tolist() == [0] * 4 + [1] * 16
    assert bars(score)[0].beat(Fraction(0)) == 4


def test_bar_cut_by_a_repeat_goes_on_counting():
    lengths = [1, 4, 3, 1, 4]
    measures, start = [], Fraction(0)
    for i, length in enumerate(lengths):
        measures.append(Measure(start, Fraction(length), str(i), implicit=i in (0, 3)))
        start += length
    score = Score((), (), tuple(measures), (meter("4/4"),))
    offsets = [bar.offset_quarter for bar in bars(score)]
    assert offsets == [3, 0, 0, 3, 0]


def test_last_short_bar_starts_at_its_downbeat():
    measures = (Measure(Fraction(0), Fraction(4), "1"), Measure(Fraction(4), Fraction(3), "2"))
    score = Score((), (), measures, (meter("4/4"),))
    assert [bar.offset_quarter for bar in bars(score)] == [0, 0]


def test_keys_change_with_the_frames_and_default_where_none_is():
    score = score_of({"": line("67 67 67 67")}, fifths=None)
    assert set(frame_metadata(score, 16, fifths=-3)["key_fifths"]) == {-3}
    changed = Score(
        score.parts,
        score.notes,
        score.measures,
        score.time_signatures,
        (KeySignature(Fraction(0), 1), KeySignature(Fraction(2), -2)),
    )
    assert frame_metadata(changed, 16)["key_fifths"].tolist() == [1] * 8 + [-2] * 8


def test_signature_before_the_first_is_none():
    assert signature_at([KeySignature(Fraction(2), 1)], Fraction(1)) is None


def test_odd_pickup_moves_the_origin_so_that_bars_lie_on_frames():
    score = score_of({"": line("62/1/8 67 67 67 67")}, pickup=Fraction(1, 8))
    origin = grid_origin(bars(score))
    assert origin == Fraction(-1, 8)
    assert frame_span(Fraction(1, 8), Fraction(9, 8), origin) == (1, 5)
    assert frame_span(Fraction(0), Fraction(1, 8), origin) == (0, 1)
    assert frame_metadata(score, 17, origin=origin)["bar_phase16"].tolist()[1:] == list(range(16))


def test_frame_span_agrees_with_sampling_at_frame_starts():
    rng = np.random.default_rng(0)
    for _ in range(300):
        start = Fraction(int(rng.integers(0, 60)), int(rng.choice([1, 2, 3, 4, 5, 8, 12])))
        end = start + Fraction(int(rng.integers(1, 30)), int(rng.choice([3, 4, 8, 12])))
        first, last = frame_span(start, end, Fraction(0))
        assert list(range(first, last)) == [t for t in range(400) if start <= Fraction(t, 4) < end]
