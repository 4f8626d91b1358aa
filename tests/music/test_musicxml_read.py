from __future__ import annotations

from fractions import Fraction as F

import pytest

from partimento.core.errors import InputFileError
from partimento.music.musicxml_read import read_musicxml
from partimento.music.score import KeySignature, Score, Tempo, TimeSignature

PITCH = "<pitch><step>C</step><octave>5</octave></pitch>"


def note(inner: str = "", pitch: str = "C5", duration: str = "1") -> str:
    length = f"<duration>{duration}</duration>" if duration else ""
    body = f"<pitch><step>{pitch[0]}</step><octave>{pitch[1:]}</octave></pitch>"
    before, _, after = inner.partition("|")
    return f"<note>{before}{body}{length}{after}</note>"


def document(*bars: str, head: str = "", parts: str = "", part_list: str = "") -> bytes:
    body = "".join(b if b.startswith("<measure") else f"<measure>{b}</measure>" for b in bars)
    return (
        f"<score-partwise>{head}<part-list><score-part id='P1'><part-name>Song</part-name>"
        f"</score-part>{part_list}</part-list><part id='P1'>{body}</part>{parts}</score-partwise>"
    ).encode()


def read(*bars: str, **fields: str) -> Score:
    return read_musicxml(document(*bars, **fields))


ATTRIBUTES = (
    "<attributes><divisions>2</divisions><key><fifths>-1</fifths><mode>dorian</mode></key>"
    "<time><beats>3</beats><beat-type>4</beat-type></time>"
    "<clef><sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change></clef>"
    "</attributes>"
)


def test_pickup_signatures_and_clef():
    score = read(ATTRIBUTES + note(duration="2"), note(duration="6"), note(duration="4"))
    assert [m.duration_quarter for m in score.measures] == [1, 3, 2]
    assert [m.implicit for m in score.measures] == [True, False, False]
    assert score.key_signatures == (KeySignature(F(0), -1, "dorian"),)
    assert score.time_signatures == (TimeSignature(F(0), 3, 4),)
    assert score.parts[0].clefs == ("G2_8",)
    assert score.parts[0].name == "Song"


def test_voices_staves_chords_backup_and_forward():
    bar = (
        "<attributes><divisions>2</divisions><staves>2</staves></attributes>"
        + note(duration="4")
        + note("<chord/>|<voice>1</voice>", "E5", "4")
        + "<backup><duration>4</duration></backup>"
        + "<forward><duration>1</duration></forward>"
        + note("|<voice>5</voice><staff>2</staff>", "C3", "3")
    )
    notes = read(bar).notes
    assert [(n.onset_quarter, n.duration_quarter, n.midi, n.voice, n.staff) for n in notes] == [
        (0, 2, 72, "1", 1),
        (0, 2, 76, "1", 1),
        (F(1, 2), F(3, 2), 48, "5", 2),
    ]


def test_ties_fermatas_articulations_and_lyrics():
    inner = (
        "|<tie type='start'/><notations><tied type='start'/><fermata/><articulations><staccato/>"
        "</articulations><slur type='start'/></notations>"
        "<lyric number='1'><syllabic>begin</syllabic><text>A</text></lyric>"
        "<lyric number='2'><text>O</text><elision> </elision><text>my</text><extend/></lyric>"
    )
    score = read(note(inner), note("|<tie type='stop'/>"))
    first, second = score.notes
    assert (first.tie_start, first.fermata, first.articulations) == (True, True, ("staccato",))
    assert [(v.text, v.syllabic, v.verse, v.extend) for v in first.lyrics] == [
        ("A", "begin", "1", False),
        ("O my", "single", "2", True),
    ]
    assert second.tie_stop
    assert [n.duration_quarter for n in score.sounding()] == [2]
    assert score.warnings == ("Not kept from the file: slurs (1).",)


def test_fermatas_of_rests_and_bar_lines_find_a_note():
    rest = "<note><rest/><duration>1</duration><notations><fermata/></notations></note>"
    line = "<barline location='right'><fermata/></barline>"
    score = read(note(pitch="C5") + rest, rest + note(pitch="D5"), note(pitch="E5") + line)
    assert [(n.midi, n.fermata) for n in score.notes] == [(72, True), (74, False), (76, True)]
    assert [n.fermata for n in read(rest + note()).notes] == [True]


def test_grace_notes_keep_their_order_and_take_no_time():
    score = read(note("<grace/>", "E5", "") + note("<grace/>", "D5", "") + note())
    assert [(n.midi, n.grace, n.duration_quarter) for n in score.notes] == [
        (76, True, 0),
        (74, True, 0),
        (72, False, 1),
    ]


def test_triplets_of_coarse_divisions_are_exact():
    triplet = (
        "|<type>eighth</type><time-modification><actual-notes>3</actual-notes>"
        "<normal-notes>2</normal-notes></time-modification>"
    )
    divisions = "<attributes><divisions>256</divisions></attributes>"
    score = read(divisions + "".join(note(triplet, duration=d) for d in ("85", "85", "86")))
    assert [n.duration_quarter for n in score.notes] == [F(1, 3)] * 3
    assert score.measures[0].duration_quarter == 1


def test_duration_comes_from_the_type_where_it_is_missing():
    score = read(note("|<type>quarter</type><dot/>", duration=""))
    assert score.notes[0].duration_quarter == F(3, 2)


def test_transposing_part_sounds_lower_and_keys_are_sounding():
    head = (
        "<attributes><key><fifths>2</fifths></key><transpose><diatonic>-1</diatonic>"
        "<chromatic>-2</chromatic></transpose></attributes>"
    )
    score = read(head + note(pitch="D5"))
    assert (score.notes[0].midi, score.notes[0].spelling.name) == (72, "D5")
    assert score.key_signatures[0].fifths == 0


def test_changing_transposition_is_written_at_sounding_pitch():
    head = "<attributes><transpose><chromatic>{}</chromatic></transpose></attributes>"
    score = read(head.format(-2) + note(pitch="D5"), head.format(-3) + note(pitch="C5"))
    assert [n.spelling.name for n in score.notes] == ["C5", "A4"]
    assert [n.midi for n in score.notes] == [72, 69]
    assert "transposition" in score.warnings[0]


def test_repeats_endings_and_double_bars():
    score = read(
        "<barline location='left'><repeat direction='forward'/></barline>" + note(),
        "<barline location='left'><ending number='1, 2' type='start'/></barline>" + note(),
        note() + "<barline><bar-style>light-heavy</bar-style><ending number='1, 2' type='stop'/>"
        "<repeat direction='backward' times='3'/></barline>",
        note() + "<barline><bar-style>light-light</bar-style></barline>",
    )
    assert [m.repeat_start for m in score.measures] == [True, False, False, False]
    assert [m.repeat_end for m in score.measures] == [False, False, True, False]
    assert [m.endings for m in score.measures] == [(), ("1", "2"), ("1", "2"), ()]
    assert [m.bar_style for m in score.measures] == [None, None, None, "light-light"]
    assert "repeats of more than two times (1)" in score.warnings[0]


def test_tempi_from_sound_and_from_metronome_marks():
    metronome = (
        "<direction><direction-type><metronome><beat-unit>quarter</beat-unit><beat-unit-dot/>"
        "<per-minute>c. 60</per-minute></metronome></direction-type></direction>"
    )
    offset = (
        "<direction><direction-type><words/></direction-type><offset>1</offset>"
        "<sound tempo='72'/></direction>"
    )
    score = read("<sound tempo='0'/>" + metronome + note(duration="2"), offset + note(duration="2"))
    assert score.tempi == (Tempo(F(0), 90.0), Tempo(F(3), 72.0))


def test_what_a_score_cannot_hold_is_named():
    cue = note("<cue/>")
    drum = "<note><unpitched/><duration>1</duration></note>"
    score = read(note() + cue + drum + "<harmony/>")
    assert len(score.notes) == 1
    assert score.measures[0].duration_quarter == 3
    for word in ("cue notes (1)", "percussion) (1)", "chord symbols (1)"):
        assert word in score.warnings[0]


def test_empty_bars_last_as_long_as_their_meter():
    rest = "<note><rest measure='yes'/><duration>4</duration></note>"
    three = "<attributes><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"
    score = read(three, rest, note(duration="3"))
    assert [m.duration_quarter for m in score.measures] == [3, 3, 3]


def test_additive_and_composite_meters():
    meter = "<attributes><time>{}</time></attributes>"
    additive = meter.format("<beats>3+2</beats><beat-type>8</beat-type>")
    composite = meter.format(
        "<beats>2</beats><beat-type>4</beat-type><beats>3</beats><beat-type>8</beat-type>"
    )
    score = read(additive + note(duration="1"), composite + note(duration="1"))
    assert [(t.beats, t.beat_type) for t in score.time_signatures] == [(5, 8), (7, 8)]


def test_timewise_scores_are_turned_round():
    timewise = (
        "<score-timewise><part-list><score-part id='A'><part-name/></score-part><score-part id='B'>"
        "<part-name/></score-part></part-list>"
        + "".join(
            f"<measure number='{i}'><part id='A'>{note(pitch=f'C{i + 3}')}</part>"
            f"<part id='B'>{note(pitch='G3')}</part></measure>"
            for i in (1, 2)
        )
        + "</score-timewise>"
    )
    score = read_musicxml(timewise.encode())
    assert [(n.part, n.onset_quarter, n.midi) for n in score.notes] == [
        ("A", 0, 60),
        ("B", 0, 55),
        ("A", 1, 72),
        ("B", 1, 55),
    ]


def test_encodings_and_namespaces():
    text = document(note(), head="<work><work-title>Für 𝄞</work-title></work>").decode()
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read_musicxml(text.encode(encoding)).title == "Für 𝄞"
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?>' + text.replace("𝄞", "Elise")
    assert read_musicxml(latin.encode("latin-1")).title == "Für Elise"
    spaced = text.replace("<score-partwise>", '<score-partwise xmlns="urn:x">')
    assert len(read_musicxml(spaced.encode()).notes) == 1


def test_doctype_is_allowed():
    doctype = (
        b'<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        b'"http://www.musicxml.org/dtds/partwise.dtd">'
    )
    assert len(read_musicxml(doctype + document(note())).notes) == 1


def test_parts_of_different_length_and_key_are_reported():
    other = f"<part id='P2'><measure><attributes><key><fifths>3</fifths></key></attributes>{note()}"
    score = read(
        "<attributes><key><fifths>1</fifths></key></attributes>" + note(duration="4"),
        note(duration="4"),
        parts=other + "</measure></part>",
    )
    assert [p.id for p in score.parts] == ["P1", "P2"]
    assert score.key_signatures == (KeySignature(F(0), 1, None),)
    assert len(score.warnings) == 2


BAD = {
    "divisions": "<attributes><divisions>0</divisions></attributes>",
    "beat-type": "<attributes><time><beats>4</beats><beat-type>0</beat-type></time></attributes>",
    "beat-type is 3": (
        "<attributes><time><beats>4</beats><beat-type>3</beat-type></time></attributes>"
    ),
    "beats": "<attributes><time><beats>0</beats><beat-type>4</beat-type></time></attributes>",
    "negative": note(duration="-1"),
    "is negative": note() + "<backup><duration>-4</duration></backup>",
    "no number": note(duration="many"),
    "longer than": note(duration="1000000"),
    "this bar is longer": "<forward><duration>100000</duration></forward>",
    "neither": note(duration=""),
    "step": note(pitch="H5"),
    "octave": note(pitch="C99"),
    "range of MIDI": note(pitch="B9"),
    "key signature": "<attributes><key><fifths>99</fifths></key></attributes>",
    "staff": note("|<staff>999999</staff>"),
    "actual-notes": note(
        "|<time-modification><actual-notes>0</actual-notes><normal-notes>2</normal-notes>"
        "</time-modification>"
    ),
    "transposition": "<attributes><transpose><chromatic>900</chromatic></transpose></attributes>",
}


@pytest.mark.parametrize("what", BAD)
def test_values_out_of_range_are_refused_with_their_bar(what):
    with pytest.raises(InputFileError, match=what) as caught:
        read(note(), f"<measure number='7'>{BAD[what]}</measure>")
    assert caught.value.where == "bar 7"


def test_times_on_no_grid_are_refused():
    bars = []
    for prime in (7919, 7907, 7901):
        bars.append(f"<attributes><divisions>{prime}</divisions></attributes>{note()}")
    with pytest.raises(InputFileError, match="time grid"):
        read("".join(bars))
    with pytest.raises(InputFileError, match="time grid"):
        read(*bars)


def test_documents_that_are_no_scores():
    for data, what in (
        (b"<html><body/></html>", "no MusicXML score"),
        (b"<score-partwise/>", "no parts"),
        (b"<score-partwise><part>", "well-formed"),
        (b"<opus/>", "no MusicXML score"),
        (b'<?xml version="1.0" encoding="martian"?><a/>', "encoding"),
        (b"", "well-formed"),
    ):
        with pytest.raises(InputFileError, match=what):
            read_musicxml(data)
