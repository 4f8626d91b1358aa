from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from tiny_scores import line, score_of

from partimento.music.assemble import assemble
from partimento.music.grid import UNKNOWN
from partimento.music.keys import Key
from partimento.music.preserve import missing_things, output_voices, preserved
from partimento.music.satb import extract_satb
from partimento.music.score import Lyric, Part, Score, Tempo, TimeSignature


@pytest.fixture
def pair():
    score = replace(
        score_of({"": line("67 69 71 72")}), tempi=(Tempo(Fraction(0), 80.0),), title="Four notes"
    )
    notes = list(score.notes)
    notes[1] = replace(notes[1], lyrics=(Lyric("la"),), articulations=("staccato",))
    notes[3] = replace(notes[3], fermata=True)
    score = score.replace_notes(notes)
    satb = extract_satb(score)
    grid = np.where(satb.grid == UNKNOWN, np.array((0, 60, 55, 48)), satb.grid)
    return score, satb, assemble(score, satb, grid, key=Key("G", "major"))


def change(out: Score, index: int, **values: object) -> Score:
    soprano = output_voices(out)[0][index]
    return out.replace_notes(replace(n, **values) if n is soprano else n for n in out.notes)  # type: ignore[arg-type]


def test_everything_is_kept(pair):
    shares = preserved(*pair)
    assert set(shares.values()) == {1.0}
    assert missing_things(*pair) == []


@pytest.mark.parametrize(
    ("aspect", "index", "values"),
    [
        ("pitches", 0, {"midi": 68}),
        ("rhythm", 0, {"duration_quarter": Fraction(1, 2)}),
        ("ties", 0, {"tie_start": True}),
        ("lyrics", 1, {"lyrics": ()}),
        ("articulations", 1, {"articulations": ()}),
        ("fermatas", 3, {"fermata": False}),
    ],
)
def test_each_change_is_seen_where_it_is(pair, aspect, index, values):
    score, satb, out = pair
    changed = change(out, index, **values)
    shares = preserved(score, satb, changed)
    assert shares[aspect] == 0.75
    assert shares["share"] == pytest.approx(1 - 1 / 9)  # 4 notes, bar, meter, key, tempo, title
    assert len(missing_things(score, satb, changed)) == 1


@pytest.mark.parametrize(
    ("aspect", "values"),
    [
        ("time_signatures", {"time_signatures": (TimeSignature(Fraction(0), 3, 4),)}),
        ("key_signatures", {"key_signatures": ()}),
        ("tempi", {"tempi": ()}),
        ("title", {"title": ""}),
        ("measures", {"measures": ()}),
    ],
)
def test_lost_metadata_is_seen(pair, aspect, values):
    score, satb, out = pair
    shares = preserved(score, satb, replace(out, **values))
    assert shares[aspect] == 0.0 and shares["share"] < 1


def test_a_doubled_note_counts_once(pair):
    score, satb, out = pair
    notes = [n for n in out.notes if n.part != "P1" or n.onset_quarter > 0]
    assert preserved(score, satb, out.replace_notes(notes))["pitches"] == 0.75


def test_unknown_layouts_are_refused(pair):
    score, satb, out = pair
    with pytest.raises(ValueError, match="no output score"):
        preserved(score, satb, replace(out, parts=(Part("P1"),)))
