from __future__ import annotations

from fractions import Fraction

import pytest
from tiny_scores import line, score_of

from partimento.core.errors import MusicError
from partimento.music.frames import bars
from partimento.music.spans import parse_span

FOUR = bars(score_of({"": line("67 " * 17)}, pickup=1))
SIX_EIGHT = bars(score_of({"": line("67/3 67/3")}, meter="6/8"))


@pytest.mark.parametrize(
    ("text", "voices", "start", "end"),
    [
        ("A:1-2", (1,), 1, 9),
        ("A:2", (1,), 5, 9),
        ("TB:0-1", (2, 3), 0, 5),
        ("tenor:2.1-3.3", (2,), 5, 12),
        ("T:2.3", (2,), 7, 8),
        ("bars:3-4", (0, 1, 2, 3), 9, 17),
        ("3-4", (0, 1, 2, 3), 9, 17),
        ("B", (3,), 0, 17),
        ("S:0.4", (0,), 0, 1),
    ],
)
def test_spans(text, voices, start, end):
    span = parse_span(text, FOUR)
    assert (span.voices, span.start_quarter, span.end_quarter) == (voices, start, end)


def test_beats_of_compound_meters_are_dotted():
    span = parse_span("A:1.2", SIX_EIGHT)
    assert (span.start_quarter, span.end_quarter) == (Fraction(3, 2), 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A:9", "there is no bar 9; the score has bars 0 to 4"),
        ("A:2.7", "bar 2 has no beat 7"),
        ("A:0.1", "bar 0 has no beat 1"),
        ("X:1-2", "'X' in 'X:1-2' is no voice"),
        ("A:4-2", "ends before it starts"),
        ("A:1-2-3", "is no stretch of music"),
        ("A:1..2", "is no stretch of music"),
        ("?", "no voice"),
    ],
)
def test_wrong_spans_are_sentences(text, message):
    with pytest.raises(MusicError, match=message.replace(".", r"\.").replace("?", r"\?")):
        parse_span(text, FOUR)
