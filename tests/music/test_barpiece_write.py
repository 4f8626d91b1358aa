"""Pieces on the grid as MIDI files and as scores: nothing is lost, nothing is added."""

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from made_pieces import made_piece
from partimento.core.errors import MusicError
from partimento.music.barpiece import METERS, TICKS, bar_piece, meter_ticks, read_bar_piece
from partimento.music.barpiece_write import midi_bytes_of, score_of
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.music.lanes import chords
from partimento.music.musicxml_read import read_musicxml
from partimento.music.musicxml_write import musicxml_text

NOTE = st.tuples(
    st.integers(0, 5 * 96 - 1),
    st.integers(1, 200),
    st.integers(0, 127),
    st.integers(1, 127),
    st.integers(0, len(INSTRUMENTS) - 1),
)


def piece_of(notes, meter="4/4", tempo=100.0, bars=None):
    table = np.array(notes, dtype=np.int64).reshape(-1, 5).T
    return bar_piece(*table, meter=meter, tempo_bpm=tempo, bars=bars)


@st.composite
def pieces(draw, low=0):
    meter = draw(st.sampled_from(METERS))
    few = draw(st.lists(st.integers(0, len(INSTRUMENTS) - 1), min_size=1, max_size=15))
    notes = draw(st.lists(NOTE, max_size=40))
    kept = [(*n[:2], max(low, n[2]), n[3], few[n[4] % len(few)]) for n in notes]
    return piece_of(kept, meter, draw(st.floats(20, 300)))


def raw_notes(data):
    """(onset, duration, pitch, velocity, program) in file ticks, and the parsed score."""
    score = symusic.Score.from_midi(data)
    rows = [
        (note.time, note.duration, note.pitch, note.velocity, track.program)
        for track in score.tracks
        for note in track.notes
    ]
    return sorted(rows), score


@settings(max_examples=30, deadline=None)
@given(pieces())
def test_the_file_holds_exactly_the_notes(piece):
    data = midi_bytes_of(piece, "a title", "D minor")
    assert data == midi_bytes_of(piece, "a title", "D minor")
    rows, score = raw_notes(data)
    step = 480 // TICKS
    wanted = sorted(
        zip(
            (piece.onset * step).tolist(),
            (piece.duration * step).tolist(),
            piece.pitch.tolist(),
            piece.velocity.tolist(),
            [INSTRUMENTS[i].program for i in piece.instrument],
            strict=True,
        )
    )
    assert rows == wanted
    assert score.ticks_per_quarter == 480
    assert not any(track.is_drum for track in score.tracks)
    (meter,) = score.time_signatures
    assert f"{meter.numerator}/{meter.denominator}" == piece.meter
    (tempo,) = score.tempos
    assert tempo.qpm == pytest.approx(piece.tempo_bpm, rel=1e-4)
    (key,) = score.key_signatures
    assert (key.key, key.tonality) == (-1, 1)


def test_the_reader_gives_the_piece_back(tmp_path):
    piece = made_piece(8, meter="6/8", chords=True, tempo_bpm=93.0)
    path = tmp_path / "a.mid"
    path.write_bytes(midi_bytes_of(piece))
    again = read_bar_piece(path)
    for name in ("onset", "duration", "pitch", "velocity", "instrument"):
        assert np.array_equal(getattr(again, name), getattr(piece, name)), name
    assert (again.meter, again.bars) == ("6/8", 8)
    assert again.tempo_bpm == pytest.approx(93.0, abs=0.01)


def test_a_pickup_keeps_its_place():
    """The first notes stand late in the first bar; ticks from the bar line are written as such."""
    piece = piece_of([(84, 12, 67, 80, 0), (96, 24, 72, 80, 0), (192, 96, 72, 80, 0)], bars=4)
    rows, _ = raw_notes(midi_bytes_of(piece))
    assert [row[0] for row in rows] == [84 * 20, 96 * 20, 192 * 20]


def test_tracks_end_with_the_last_bar():
    piece = piece_of([(0, 12, 60, 80, 0)], "3/4", bars=3)
    data = midi_bytes_of(piece)
    assert data.count(b"MTrk") == 2
    # Delta times of the last events: 3 bars, in the conductor from 0, in the other from the note.
    assert data.endswith(bytes([(4320 - 240) >> 7 | 128, (4320 - 240) & 127, 0xFF, 0x2F, 0]))


def test_channel_ten_is_never_used():
    piece = piece_of([(24 * i, 12, 60, 80, i) for i in range(15)])
    data = midi_bytes_of(piece)
    _, score = raw_notes(data)
    assert len(score.tracks) == 15
    assert {t.program for t in score.tracks} == {INSTRUMENTS[i].program for i in range(15)}
    assert b"\xc9" not in data
    with pytest.raises(MusicError, match="16 instruments"):
        midi_bytes_of(piece_of([(24 * i, 12, 60, 80, i) for i in range(16)]))


# -- scores ---------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(pieces())
def test_a_score_has_all_notes_in_voices_that_do_not_overlap(piece):
    score = score_of(piece)
    written = sorted((n.onset_quarter, n.midi, n.velocity) for n in score.sounding())
    wanted = sorted(
        (Fraction(on, TICKS), pitch, loud)
        for on, pitch, loud in zip(
            piece.onset.tolist(), piece.pitch.tolist(), piece.velocity.tolist(), strict=True
        )
    )
    assert written == wanted
    assert len(score.measures) == piece.bars
    lines = defaultdict(list)
    for note in score.notes:
        assert note.spelling is not None and note.spelling.midi == note.midi
        lines[note.part, note.staff, note.voice].append(note)
    for line in lines.values():
        end = Fraction(0)
        for chord in chords(line):
            assert chord[0].onset_quarter >= end
            end = chord[0].end_quarter
    assert score.end_quarter == Fraction(piece.bars * meter_ticks(piece.meter), TICKS)


@settings(max_examples=15, deadline=None)
@given(pieces(low=21))
def test_musicxml_reads_back(piece):
    again = read_musicxml(musicxml_text(score_of(piece, "A major", "title")).encode())
    assert sorted(n.midi for n in again.sounding()) == sorted(piece.pitch.tolist())
    assert len(again.measures) == piece.bars
    assert again.key_signatures[0].fifths == 3


def test_names_staves_clefs_and_programs():
    notes = [(0, 24, 40, 80, 0), (0, 24, 76, 80, 0), (0, 24, 72, 80, INSTRUMENT_ID["flute"])]
    score = score_of(piece_of([*notes, (0, 24, 43, 80, INSTRUMENT_ID["cello"])]))
    assert [p.name for p in score.parts] == ["Flute", "Piano", "Cello"]
    assert [p.staves for p in score.parts] == [1, 2, 1]
    assert [p.clefs for p in score.parts] == [("G2",), ("G2", "F4"), ("F4",)]
    assert [p.program for p in score.parts] == [73, 0, 42]
    assert {n.midi: n.staff for n in score.part_notes("P2")} == {40: 2, 76: 1}


def test_a_flute_stays_on_one_staff_and_a_high_piano_too():
    low_high = [(0, 24, 50, 80, INSTRUMENT_ID["flute"]), (24, 24, 90, 80, INSTRUMENT_ID["flute"])]
    assert score_of(piece_of(low_high)).parts[0].staves == 1
    assert score_of(piece_of([(0, 24, 60, 80, 0), (24, 24, 72, 80, 0)])).parts[0].staves == 1


def test_spelling_follows_the_key():
    piece = piece_of([(0, 24, 68, 80, 0), (24, 24, 70, 80, 0)])
    names = lambda key: [n.spelling.name for n in score_of(piece, key).notes]  # noqa: E731
    assert names("Eb major") == ["Ab4", "Bb4"]
    assert names("E major") == ["G#4", "A#4"]
    assert score_of(piece, "Eb major").key_signatures[0].fifths == -3


@pytest.mark.parametrize(
    ("held", "written"),
    [(23, 24), (20, 24), (15, 24), (12, 12), (11, 12), (6, 6), (2, 6)],
)
def test_lengths_are_written_to_be_read(held, written):
    """A note that nearly reaches the next is written as reaching it; a short one as a short one."""
    piece = piece_of([(24 * i, held, 60 + i, 80, 0) for i in range(8)])
    assert {n.duration_quarter for n in score_of(piece).notes} == {Fraction(written, TICKS)}


def test_triplets_stay_triplets():
    piece = piece_of([(8 * i, 8, 60 + i % 5, 80, 0) for i in range(12)])
    assert {n.duration_quarter for n in score_of(piece).notes} == {Fraction(1, 3)}


def test_a_thick_texture_is_written_as_chords():
    notes = [(0, 24 * k, 60 + k, 80, 0) for k in range(1, 5)] + [(24, 24, 72, 80, 0)]
    score = score_of(piece_of(notes))
    assert len({n.voice for n in score.notes}) == 1


def test_notes_struck_together_are_one_chord_unless_one_is_held_under_others():
    chord = [(0, 24, 60, 80, 0), (0, 48, 64, 80, 0)]
    score = score_of(piece_of([*chord, (48, 24, 72, 80, 0)]))
    assert [n.duration_quarter for n in score.notes if n.onset_quarter == 0] == [2, 2]
    held = score_of(piece_of([*chord, (24, 24, 72, 80, 0)]))
    assert {n.midi: n.duration_quarter for n in held.notes} == {60: 1, 64: 2, 72: 1}
    assert len({n.voice for n in held.notes}) == 2


@pytest.mark.parametrize(
    ("name", "pitch", "clef"),
    [("cello", 48, "F4"), ("cello", 62, "C4"), ("cello", 72, "G2"),
     ("viola", 64, "C3"), ("viola", 79, "G2"), ("double bass", 40, "F4_8"),
     ("double bass", 62, "G2_8"),
     ("guitar", 60, "G2_8"), ("whistle", 74, "G2"), ("whistle", 86, "G2^8")],
)  # fmt: skip
def test_clefs_keep_notes_near_the_staff(name, pitch, clef):
    piece = piece_of([(0, 24, pitch, 80, INSTRUMENT_ID[name])])
    assert score_of(piece).parts[0].clefs == (clef,)


@pytest.mark.parametrize(("name", "voices"), [("flute", 1), ("piano", 2)])
def test_a_stray_overlap_in_a_line_is_not_written(name, voices):
    notes = [(24 * i, 24, 60 + i, 80, INSTRUMENT_ID[name]) for i in range(12)]
    notes[4] = (*notes[4][:1], 48, *notes[4][2:])
    score = score_of(piece_of(notes))
    assert len({n.voice for n in score.notes}) == voices
    duet = [*notes, *((48 * i, 48, 50 + i, 80, INSTRUMENT_ID[name]) for i in range(6))]
    assert len({n.voice for n in score_of(piece_of(duet)).notes}) >= 2
