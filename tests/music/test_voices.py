from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_scores import line, score_of

from partimento.core.errors import MusicError
from partimento.music.lines import find_lines
from partimento.music.score import Lyric
from partimento.music.voices import assign_voices, named_voices, parse_voices

S, A, T, B = "72 74 76", "65 67 67", "57 59 60", "48 43 48"


def found(parts: dict[str, str], wanted: tuple[int, ...] = ()) -> dict[int, str]:
    score = score_of({name: line(text) for name, text in parts.items()})
    lines = assign_voices(find_lines(score), wanted).lines
    return {v: " ".join(str(n.midi) for n in x.notes) for v, x in lines.items()}


@pytest.mark.parametrize(
    ("name", "voices"),
    [
        ("Soprano", (0,)),
        ("Sopran 1", (0,)),
        ("ALT", (1,)),
        ("Tenore", (2,)),
        ("Bassus", (3,)),
        ("S. A.", (0, 1)),
        ("SA", (0, 1)),
        ("Tenor/Bass", (2, 3)),
        ("Men", (2, 3)),
        ("Alto Sax", ()),
        ("Bass Clarinet", ()),
        ("Tenor Recorder", ()),
        ("Part A", ()),
        ("Piano", ()),
        ("", ()),
    ],
)
def test_names(name, voices):
    assert named_voices(name) == voices


@pytest.mark.parametrize(
    ("text", "voices"),
    [
        ("S", (0,)),
        ("sb", (0, 3)),
        ("B,S", (0, 3)),
        ("soprano bass", (0, 3)),
        ("SATB", (0, 1, 2, 3)),
    ],
)
def test_options(text, voices):
    assert parse_voices(text) == voices


def test_wrong_option_is_a_sentence():
    with pytest.raises(MusicError, match="'Q' names no voice"):
        parse_voices("Q")


def test_named_parts_in_any_order():
    parts = {"Bass": B, "Soprano": S, "Tenor": T, "Alto": A}
    assert found(parts) == {0: S, 1: A, 2: T, 3: B}


def test_names_win_over_height():
    assert found({"Soprano": A, "Alto": S}) == {0: A, 1: S}


def test_unnamed_parts_go_by_height():
    assert found({"x": T, "y": S, "z": B, "w": A}) == {0: S, 1: A, 2: T, 3: B}


def test_two_unnamed_parts_are_outer_voices_when_far_apart():
    assert found({"x": S, "y": B}) == {0: S, 3: B}
    assert found({"x": S, "y": A}) == {0: S, 1: A}


def test_a_single_line_is_the_melody_wherever_it_lies():
    assert found({"x": B}) == {0: B}
    assert found({"x": B}, (3,)) == {3: B}
    assert found({"Soprano": B}, (3,)) == {3: B}


def test_recorder_quartet_is_four_voices():
    parts = {"Soprano Recorder": S, "Alto Recorder": A, "Tenor Recorder": T, "Bass Recorder": B}
    assert found(parts) == {0: S, 1: A, 2: T, 3: B}


def test_instrument_beside_named_voices_is_dropped():
    assert found({"Violin": "84 86 88", "Soprano": S, "Bass": B}) == {0: S, 3: B}


def test_divided_voices_keep_the_first_of_a_name():
    assert found({"Soprano 1": S, "Soprano 2": A, "Bass": B}) == {0: S, 3: B}


def test_of_many_lines_those_with_words_are_sung():
    parts = {"u": "88 89 90", "w": S, "x": A, "y": T, "z": B, "v": "36 36 36"}
    score = score_of({name: line(text) for name, text in parts.items()})
    notes = [
        replace(n, lyrics=(Lyric("la"),)) if n.part in ("P1", "P2", "P3", "P4") else n
        for n in score.notes
    ]
    lines = assign_voices(find_lines(score.replace_notes(notes))).lines
    assert [x.part.name for _, x in sorted(lines.items())] == ["w", "x", "y", "z"]


def test_of_many_lines_without_words_four_remain_in_order():
    parts = {str(i): f"{p} {p} {p}" for i, p in enumerate((84, 76, 70, 64, 60, 52, 45, 40))}
    voices = found(parts)
    assert list(voices) == [0, 1, 2, 3]
    heights = [int(x.split()[0]) for x in voices.values()]
    assert heights == sorted(heights, reverse=True)


def test_too_few_lines_for_the_voices_named():
    with pytest.raises(MusicError, match="the score has one line"):
        found({"x": S}, (0, 3))


def test_no_lines():
    with pytest.raises(MusicError, match="no notes"):
        assign_voices([])
