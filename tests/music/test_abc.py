"""ABC reader: notes, rhythm, accidentals, bars, lyrics, voices, refusals, tune books."""

import contextlib
import json
import random
import re
import tarfile
import time
from fractions import Fraction

import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import InputFileError, PartimentoError
from partimento.music.abc import read_abc

HEAD = "X:1\nT:Test\nM:4/4\nL:1/4\nK:C\n"


def names(score):
    return " ".join(n.spelling.name for n in score.notes)


def lengths(score):
    return [str(n.duration_quarter) for n in score.notes]


@pytest.mark.parametrize(
    ("music", "pitches"),
    [
        ("C, C c c' c''", "C3 C4 C5 C6 C7"),
        ("^F _B =F ^^C __D", "F#4 Bb4 F4 C##4 Dbb4"),
        ("^F F f | F", "F#4 F#4 F#5 F4"),
        ("[K:D] F C [K:F] B", "F#4 C#4 Bb4"),
        ("^F-|F F", "F#4 F#4 F4"),
    ],
)
def test_pitches(music, pitches):
    assert names(read_abc(HEAD + music)) == pitches


@pytest.mark.parametrize(
    ("key", "fifths", "mode", "sounding"),
    [
        ("G", 1, "major", "F#4 B4"),
        ("Gm", -2, "minor", "F4 Bb4"),
        ("Ador", 1, "dorian", "F#4 B4"),
        ("D Mixolydian", 1, "mixolydian", "F#4 B4"),
        ("Bb", -2, "major", "F4 Bb4"),
        ("F# minor", 3, "minor", "F#4 B4"),
        ("EM", 4, "major", "F#4 B4"),
        ("Ephr", 0, "phrygian", "F4 B4"),
        ("Hp", 2, None, "F#4 B4"),
        ("none", 0, None, "F4 B4"),
        ("D ^f _b", 2, "major", "F#4 Bb4"),
        ("D exp _b", -1, "major", "F4 Bb4"),
        ("Dmix=c", 1, "mixolydian", "F#4 B4"),
        ("C clef=bass", 0, "major", "F4 B4"),
    ],
)
def test_keys(key, fifths, mode, sounding):
    score = read_abc(f"X:1\nL:1/4\nK:{key}\nF B")
    (signature,) = score.key_signatures
    assert (signature.fifths, signature.mode) == (fifths, mode)
    assert names(score) == sounding


@pytest.mark.parametrize(
    ("music", "expected"),
    [
        ("C C2 C/ C// C3/2 C/4", ["1", "2", "1/2", "1/4", "3/2", "1/4"]),
        ("C>D C<D C>>D", ["3/2", "1/2", "1/2", "3/2", "7/4", "1/4"]),
        ("(3CDE (3:2:2C2D", ["2/3", "2/3", "2/3", "4/3", "2/3"]),
        ("(2CD (4CDEF", ["3/2"] * 2 + ["3/4"] * 4),
        ("[CEG]2 [C2E2]", ["2"] * 5),
        ("C z D2 x E", ["1", "2", "1"]),
    ],
)
def test_rhythm(music, expected):
    assert lengths(read_abc(HEAD + music)) == expected


def test_default_length_follows_the_meter():
    assert lengths(read_abc("X:1\nM:2/4\nK:C\nC")) == ["1/4"]
    assert lengths(read_abc("X:1\nM:6/8\nK:C\nC")) == ["1/2"]


def test_ties_and_slurs():
    first, second, third = read_abc(HEAD + "C-|C-D").notes
    assert first.tie_start and second.tie_stop
    # A hyphen between different pitches is a slur in many tune books.
    assert not second.tie_start and not third.tie_stop
    assert [n.duration_quarter for n in read_abc(HEAD + "[CE]-[CE]2").sounding()] == [3, 3]


def test_grace_notes_take_no_time():
    grace, main = read_abc(HEAD + "{d}c2").notes[::-1]
    if not grace.grace:
        grace, main = main, grace
    assert (grace.duration_quarter, main.duration_quarter) == (0, 2)
    assert grace.spelling.name == "D5"


def test_decorations():
    score = read_abc(HEAD + 'HC !fermata!D "Am".E "^text"(F G) !trill!A')
    assert [n.fermata for n in score.notes] == [True, True, False, False, False, False]
    assert score.notes[2].articulations == ("staccato",)
    assert score.notes[5].articulations == ("trill-mark",)


def test_user_symbol():
    score = read_abc("X:1\nL:1/4\nU:W = !fermata!\nK:C\nWC D")
    assert [n.fermata for n in score.notes] == [True, False]


def test_pickup_repeats_and_endings():
    score = read_abc(HEAD + "G|:CDEF|1 GGGG:|2 c4|]")
    bars = score.measures
    assert [b.number for b in bars] == ["0", "1", "2", "3"]
    assert bars[0].implicit and bars[0].duration_quarter == 1
    assert bars[1].repeat_start and bars[2].repeat_end
    assert [b.endings for b in bars] == [(), (), ("1",), ("2",)]
    assert bars[3].bar_style == "light-heavy"


def test_repeat_inside_a_bar_is_implicit():
    bars = read_abc(HEAD + "G|CDEF|GGG::c|cccc|ccc:|").measures
    assert [(b.number, b.implicit) for b in bars] == [
        ("0", True), ("1", False), ("2", False), ("X1", True), ("3", False), ("4", False),
    ]  # fmt: skip


def test_meter_change_tempo_and_fields():
    score = read_abc(
        'X:1\nT:First\nT:Second\nC:Anon.\nM:C|\nL:1/4\nQ:"Slow" 1/2=60\nK:C\nCDEF|[M:3/4]CDE|'
    )
    assert [(m.beats, m.beat_type) for m in score.time_signatures] == [(2, 2), (3, 4)]
    assert score.time_signatures[1].onset_quarter == 4
    assert score.tempi[0].quarter_per_minute == 120
    assert (score.title, score.composer) == ("First", "Anon.")


def test_free_meter():
    score = read_abc("X:1\nM:none\nL:1/4\nK:C\nCDE|FGABc|")
    assert score.time_signatures == ()
    assert [b.duration_quarter for b in score.measures] == [3, 5]


def test_whole_bar_rests():
    score = read_abc(HEAD + "C4|Z2|D4|]")
    assert [n.onset_quarter for n in score.notes] == [0, 12]
    assert len(score.measures) == 4


def test_lyrics():
    score = read_abc(HEAD + "C|CDEF|GG c2|\nw:O | Lord our heav-en-ly\nw:sec-ond")
    words = [[(x.verse, x.text, x.syllabic) for x in n.lyrics] for n in score.notes]
    assert words[0] == [("1", "O", "single"), ("2", "sec", "begin")]
    assert words[3] == [("1", "heav", "begin")]
    assert words[4] == [("1", "en", "middle")]
    assert words[5] == [("1", "ly", "end")]
    assert words[6] == words[7] == []


def test_lyric_details():
    score = read_abc(HEAD + "CDEF|GABc|\nw:A-men_ *|co\\-op")
    texts = [n.lyrics[0].text if n.lyrics else None for n in score.notes]
    assert texts == ["A", "men", None, None, "co-op", None, None, None]
    assert score.notes[1].lyrics[0].extend
    line = read_abc(HEAD + "CDEF|GABc|\nw:a~b | co\\-op").notes
    assert [n.lyrics[0].text if n.lyrics else None for n in line[:5]] == [
        "a b", None, None, None, "co-op",
    ]  # fmt: skip


def test_continued_line_shares_its_words():
    score = read_abc(HEAD + "CD\\\nEF\nw:a b c d\nG\nw:e")
    assert [n.lyrics[0].text for n in score.notes] == list("abcde")


def test_voices_and_staves():
    text = (
        'X:1\nM:4/4\nL:1/4\n%%score {(S A) (T B)}\nV:S name="Soprano"\nV:A\nV:T clef=bass\n'
        "V:B clef=bass\nK:F\nV:S\nc4|\nV:A\nA4|\n[V:T]F4|\n[V:B]F,4|\n"
    )
    score = read_abc(text)
    (part,) = score.parts
    assert (part.staves, part.clefs) == (2, ("G2", "F4"))
    placed = {n.spelling.name: (n.staff, n.voice) for n in score.notes}
    assert placed == {"C5": (1, "1"), "A4": (1, "2"), "F4": (2, "3"), "F3": (2, "4")}


def test_separate_voices_keep_their_own_time():
    score = read_abc("X:1\nL:1/4\nK:C\nV:1 name=High\nCDEF|\nV:2 name=Low clef=treble-8\nG4|\n")
    assert [p.name for p in score.parts] == ["High", "Low"]
    assert score.parts[1].clefs == ("G2_8",)
    low = score.part_notes("P2")[0]
    assert (low.onset_quarter, low.spelling.name) == (0, "G3")


def test_overlay():
    score = read_abc(HEAD + "CDEF & G4|c4|")
    assert [(str(n.onset_quarter), n.spelling.name) for n in score.notes] == [
        ("0", "C4"), ("0", "G4"), ("1", "D4"), ("2", "E4"), ("3", "F4"), ("4", "C5"),
    ]  # fmt: skip


def test_comments_and_directives():
    score = read_abc("%abc-2.1\n%%pagewidth 20cm\nX:1\nL:1/4 % unit\nK:C % key\nC D % no E\n% F\nG")
    assert names(score) == "C4 D4 G4"


BOOK = "M:3/4\nL:1/4\n\nX:3\nT:Three\nK:C\nCDE|\n\nX:7\nT:Seven\nM:2/4\nK:G\nFG|\n\nX:9\nT:No\n"


def test_books():
    assert read_abc(BOOK).title == "Three"
    assert read_abc(BOOK).time_signatures[0].beats == 3
    seven = read_abc(BOOK, tune=7)
    assert (seven.title, names(seven)) == ("Seven", "F#4 G4")
    with pytest.raises(InputFileError, match=r"no tune X:8.*has 3, 7, 9"):
        read_abc(BOOK, tune=8)
    with pytest.raises(InputFileError, match="line 16: the tune has no K: line"):
        read_abc(BOOK, tune=9)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no ABC tune"),
        ("hello world", "line 1: there is no ABC tune"),
        ("\x00\x01RIFF", "binary"),
        ("X:1\nT:only a title\n", "no K: line"),
        ("X:1\nhello\nC", "line 3: the tune has no K: line"),
        ("X:1\nK:C\n", "no notes"),
        (HEAD + "CDEF\nCD§E", "line 7: column 3: '§' is no sign of ABC"),
        (HEAD + "[CE", "line 6: a chord"),
        (HEAD + "[CE | G", "line 6: column 5: a chord"),
        (HEAD + "C99999", "line 6: .*too many digits"),
        (HEAD + "C/0", "line 6: .*out of bounds"),
        (HEAD + "c'''''''''''", "line 6: .*MIDI range"),
        (HEAD + "Z9999", "line 6: a rest of 9999 bars"),
        ("X:1\nM:4/0\nK:C\nC", "line 2: .*power of two"),
        ("X:1\nM:4/5\nK:C\nC", "line 2: .*power of two"),
        ("X:1\nL:0\nK:C\nC", "line 2: .*no note length"),
        ("X:1\nQ:fast=x\nK:C\nC", "no tempo"),
        ("X:1\nK:Q\nC", "line 2: 'Q' is no key"),
        ("X:1\nK:G#\nC", "more than seven"),
    ],
)
def test_refusals_name_the_line(text, message):
    with pytest.raises(InputFileError, match=message):
        read_abc(text)


def test_endless_tune():
    with pytest.raises(InputFileError, match="longer than 200,000 characters"):
        read_abc(HEAD + "C" * 200_000)


def test_too_large():
    with pytest.raises(InputFileError, match="more than 2 MB"):
        read_abc(HEAD + "C" * 2_000_000)


HANG_SEC = 40
"""A quadratic reader needs minutes here; a busy machine must not fail the test."""


@pytest.mark.parametrize(
    "unit",
    ["::", "[K:", '["a"', "!", "C", "|", "(3", "{", "[", "+a", "[1-9,", "| ", ">", "Z", "&", "."],
)
def test_hostile_lines_cost_linear_time(unit):
    started = time.process_time()
    with contextlib.suppress(PartimentoError):
        read_abc(HEAD + unit * (40_000 // len(unit)))
    assert time.process_time() - started < HANG_SEC


@pytest.mark.parametrize("unit", ["w:a", "K:C a", "V:1 a", "T:a", "%%score (a"])
def test_hostile_fields_cost_linear_time(unit):
    started = time.process_time()
    with contextlib.suppress(PartimentoError):
        read_abc(HEAD + "C\n" + unit + "a" * 40_000)
    assert time.process_time() - started < HANG_SEC


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_mutated_tunes_never_crash(data):
    source = HEAD + "G|:(3CDE [CEG]2>D{f}E|1 ^F_B=c'Z2:|2 H[K:D]c4-|c2 (AB)|]\nw:a-b c_ * d\n"
    text = list(source)
    for _ in range(data.draw(st.integers(1, 8))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place] = data.draw(
            st.sampled_from("CcGz|:[](){}<>0123456789/-^_='\",!~KMLVXZ&\n \\%é")
        )
    try:
        score = read_abc("".join(text))
    except InputFileError:
        return
    assert all(n.end_quarter <= score.end_quarter for n in score.notes)
    for before, after in zip(score.measures, score.measures[1:], strict=False):
        assert before.end_quarter == after.onset_quarter


def played(score):
    """(onset, pitch) with repeats and endings played out, onset in quarters."""
    order, i, start, turn, done = [], 0, 0, 1, set()
    bars = score.measures
    while i < len(bars) and len(order) < 5000:
        bar = bars[i]
        if bar.repeat_start and start != i:
            start, turn = i, 1
        if bar.endings and str(turn) not in bar.endings:
            i += 1
            continue
        order.append(bar)
        if bar.repeat_end and i not in done:
            done.add(i)
            i, turn = start, turn + 1
            continue
        if bar.repeat_end:
            start, turn = i + 1, 1
        i += 1
    found, offset = [], Fraction(0)
    notes = score.sounding()
    for bar in order:
        inside = [n for n in notes if bar.onset_quarter <= n.onset_quarter < bar.end_quarter]
        found += [(float(offset + n.onset_quarter - bar.onset_quarter), n.midi) for n in inside]
        offset += bar.duration_quarter
    return sorted(found)


def plainly_played(tune):
    """Whether the MIDI file plays what stands there: it plays out ornaments, swings, rolls."""
    lines = tune["abc"].splitlines()
    body = "\n".join(x for x in lines if not re.match(r"[A-Za-z]:|%", x))
    body = re.sub(r'"[^"]*"', "", body)
    ornaments = re.search(r"[T~{PMOH]|!|D\.|\[[A-Ga-g^_=]|[=^]\d|=$", body, re.MULTILINE)
    return not ornaments and "\nP:" not in tune["abc"] and "hornpipe" not in tune["abc"].lower()


def test_tune_books_against_their_midi(data_dir, tmp_path):
    with tarfile.open(data_dir / "abc_tunes" / "abc_tunes.tar.xz") as archive:
        tunes = json.loads(archive.extractfile("tunes.json").read())
        chosen = random.Random(3).sample([t for t in tunes if plainly_played(t)], 120)
        wanted = {t["midi"]: t for t in chosen}
        equal = total = 0
        for member in archive:
            if member.name not in wanted:
                continue
            midi = symusic.Score.from_midi(archive.extractfile(member).read())
            notes = [n for track in midi.tracks for n in track.notes]
            want = sorted(((n.time - 1) / midi.ticks_per_quarter, n.pitch) for n in notes)
            got = played(read_abc(wanted[member.name]["abc"]))
            total += 1
            equal += len(got) == len(want) and all(
                abs(g[0] - w[0]) < 0.01 and g[1] == w[1] for g, w in zip(got, want, strict=True)
            )
    assert total == 120
    assert equal / total > 0.95
