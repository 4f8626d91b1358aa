"""Humdrum **kern reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import InputFileError
from partimento.music.humdrum import read_humdrum

CHORALE = """\
!!!COM: Bach, Johann Sebastian
!!!OTL@@DE: Ein Satz
**kern	**text	**kern	**dynam	**text
*Ibass	*	*Isoprn	*	*
*I"Bass	*	*I"Soprano	*	*
*clefF4	*	*clefG2	*	*
*k[f#]	*	*k[f#]	*	*
*G:	*	*G:	*	*
*M4/4	*	*M4/4	*	*
*MM96	*	*MM96	*	*
4G	Praise	4g	f	Praise
=1	=1	=1	=1	=1
4.B	.	[2g	.	God
8A	.	.	.	.
! a comment	!	!	!	!
4G	.	4g]	.	.
4D;	.	4f#;	.	from-
=2:|!	=2:|!	=2:|!	=2:|!	=2:|!
2GG	.	8qa	.	.
.	.	2g	.	-whom
2r	.	4g 4b	.	.
.	.	4ccc	.	.
==	==	==	==	==
*-	*-	*-	*-	*-
"""


def table(score, part):
    return [
        (str(n.onset_quarter), str(n.duration_quarter), n.spelling.name)
        for n in score.part_notes(part)
    ]


def test_chorale():
    score = read_humdrum(CHORALE)
    assert [p.name for p in score.parts] == ["Soprano", "Bass"]
    assert [p.clefs for p in score.parts] == [("G2",), ("F4",)]
    assert (score.title, score.composer) == ("Ein Satz", "Bach, Johann Sebastian")
    assert (score.key_signatures[0].fifths, score.key_signatures[0].mode) == (1, "major")
    assert score.time_signatures[0].beats == 4
    assert score.tempi[0].quarter_per_minute == 96
    assert table(score, "P2") == [
        ("0", "1", "G3"), ("1", "3/2", "B3"), ("5/2", "1/2", "A3"), ("3", "1", "G3"),
        ("4", "1", "D3"), ("5", "2", "G2"),
    ]  # fmt: skip
    soprano = score.part_notes("P1")
    assert [n.spelling.name for n in soprano if not n.grace] == [
        "G4", "G4", "G4", "F#4", "G4", "G4", "B4", "C6",
    ]  # fmt: skip
    assert [n.midi for n in score.sounding() if n.part == "P1"].count(67) == 4
    assert sum(n.grace for n in soprano) == 1
    assert [n.fermata for n in score.notes].count(True) == 2


def test_bars():
    bars = read_humdrum(CHORALE).measures
    assert [(b.number, b.implicit) for b in bars] == [("0", True), ("1", False), ("2", False)]
    assert bars[0].duration_quarter == 1
    assert bars[1].repeat_end
    assert bars[2].bar_style == "light-heavy"


def test_lyrics_follow_their_spine():
    score = read_humdrum(CHORALE)
    words = [(x.text, x.syllabic) for n in score.part_notes("P1") for x in n.lyrics]
    assert words == [("Praise", "single"), ("God", "single"), ("from", "begin"), ("whom", "end")]
    assert [x.text for n in score.part_notes("P2") for x in n.lyrics] == ["Praise"]


def test_splits_and_joins():
    text = "**kern\n*M4/4\n4c\n*^\n4e\t2g\n4f\t.\n*v\t*v\n4cc\n*-\n"
    score = read_humdrum(text)
    assert [(str(n.onset_quarter), n.spelling.name, n.voice) for n in score.notes] == [
        ("0", "C4", "1"), ("1", "E4", "1"), ("1", "G4", "2"), ("2", "F4", "1"), ("3", "C5", "1"),
    ]  # fmt: skip


def test_exchange_and_added_spines():
    text = "**kern\t**kern\n4C\t4c\n*x\t*x\n4cc\t4CC\n*\t*+\n*\t*\t**kern\n4c\t4C\t4e\n*-\t*-\t*-\n"
    score = read_humdrum(text)
    assert len(score.parts) == 3
    low = next(p.id for p in score.parts if any(n.midi == 36 for n in score.part_notes(p.id)))
    assert [n.spelling.name for n in score.part_notes(low)] == ["C3", "C2", "C3"]


def test_two_staves_of_one_part():
    text = (
        "**kern\t**kern\t**kern\t**kern\n*part1\t*part1\t*part1\t*part1\n"
        "*staff2\t*staff2\t*staff1\t*staff1\n1C\t1G\t1e\t1cc\n*-\t*-\t*-\t*-\n"
    )
    (part,) = read_humdrum(text).parts
    assert (part.staves, part.clefs) == (2, ("G2", "F4"))


@pytest.mark.parametrize(
    ("token", "quarters"),
    [("4c", "1"), ("8.c", "3/4"), ("0c", "8"), ("00c", "16"), ("12c", "1/3"), ("3%2c", "8/3"),
     ("2..c", "7/2"), ("32c", "1/8")],
)  # fmt: skip
def test_durations(token, quarters):
    assert str(read_humdrum(f"**kern\n{token}\n*-\n").notes[0].duration_quarter) == quarters


@pytest.mark.parametrize(
    ("token", "name"),
    [("4c", "C4"), ("4C", "C3"), ("4CC", "C2"), ("4bb-", "Bb5"), ("4F##", "F##3"), ("4en", "E4"),
     ("8ddL", "D5"), ("(4a/", "A4")],
)  # fmt: skip
def test_pitches(token, name):
    assert read_humdrum(f"**kern\n{token}\n*-\n").notes[0].spelling.name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no \\*\\*kern spine"),
        ("hello world", "line 1: a Humdrum file begins with exclusive"),
        ("**dynam\nf\n*-\n", "no \\*\\*kern spine"),
        ("**kern\n4r\n*-\n", "no notes"),
        ("**kern\t**kern\n4c\n", "line 2: 1 columns where 2 spines"),
        ("**kern\n4c\n4h\n", "line 3: '4h' is neither a note nor a rest"),
        ("**kern\nc\n", "line 2: 'c' has no duration"),
        ("**kern\t**kern\n4c\t\x1f\n*-\t*-\n", "line 2: .* is no note"),
        ("**kern\n99999c\n", "line 2: .*out of bounds"),
        ("**kern\n4ccccccccccc\n", "line 2: .*no pitch|range"),
        ("**kern\n*M4/0\n4c\n", "line 2: .*power of two"),
        ("**kern\t**kern\n*v\t*v\n4c\n", "line 2: \\*v joins spines"),
        ("**kern\n" + "*^\n", "no notes"),
    ],
)
def test_refusals_name_the_line(text, message):
    with pytest.raises(InputFileError, match=message):
        read_humdrum(text)


def test_splitting_without_end_is_refused():
    lines = ["**kern", "4c"]
    for i in range(10):
        lines.append("\t".join(["*^"] * 2**i))
    with pytest.raises(InputFileError, match="more than 64 spines"):
        read_humdrum("\n".join(lines))


def test_disagreeing_rhythm_is_reported():
    score = read_humdrum("**kern\t**kern\n4c\t2e\n4d\t4f\n*-\t*-\n")
    assert "rhythms of the spines do not agree" in score.warnings[0]


@settings(max_examples=80, deadline=2000)
@given(st.data())
def test_mutated_files_never_crash(data):
    text = list(CHORALE)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(st.sampled_from("cG4.[]_;=*^vx-+:|\t\n rq#%0123!M/"))
    try:
        score = read_humdrum("".join(text))
    except InputFileError:
        return
    for before, after in zip(score.measures, score.measures[1:], strict=False):
        assert before.end_quarter == after.onset_quarter
