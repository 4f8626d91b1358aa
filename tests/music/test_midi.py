from __future__ import annotations

from dataclasses import replace
from fractions import Fraction as F

import pytest
import small_scores
import symusic
from small_scores import sounds

from partimento.core.errors import InputFileError
from partimento.music.midi import check_chunks, read_midi
from partimento.music.midi_write import midi_bytes, write_midi
from partimento.music.score import KeySignature, Lyric, Measure, Note, Part, Score, Tempo

END = b"\x00\xff\x2f\x00"


def varlen(value: int) -> bytes:
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def track(*events: tuple[int, bytes]) -> bytes:
    body = b"".join(varlen(delta) + message for delta, message in events) + END
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def midi(*tracks: bytes, kind: int = 1, count: int | None = None, division: int = 480) -> bytes:
    count = len(tracks) if count is None else count
    numbers = b"".join(n.to_bytes(2, "big") for n in (kind, count, division))
    return b"MThd\x00\x00\x00\x06" + numbers + b"".join(tracks)


def on(pitch: int, channel: int = 0, velocity: int = 80) -> bytes:
    return bytes((0x90 | channel, pitch, velocity))


def off(pitch: int, channel: int = 0) -> bytes:
    return bytes((0x80 | channel, pitch, 0))


ONE = track((0, on(60)), (480, off(60)))


@pytest.mark.parametrize("name", small_scores.ALL)
def test_written_midi_comes_back(name):
    score = small_scores.ALL[name]()
    read = read_midi(midi_bytes(score))
    assert sounds(read.sounding()) == sounds(score.sounding())
    assert read.time_signatures == score.time_signatures
    assert [p.name for p in read.parts] == [p.name for p in score.parts if p.id != "E"]
    assert read.warnings == ()


def test_written_midi_keeps_what_midi_can_hold():
    score = small_scores.pickup_hymn()
    read = read_midi(midi_bytes(score))
    assert [(m.number, m.implicit, m.onset_quarter) for m in read.measures[:2]] == [
        ("0", True, 0),
        ("1", False, 1),
    ]
    assert read.tempi == (Tempo(F(0), 84.0),)
    assert read.key_signatures == (KeySignature(F(0), -1, "major"),)
    assert [p.program for p in read.parts] == [52] * 4
    syllables = [v for n in read.part_notes("P1") for v in n.lyrics]
    assert syllables[:2] == [Lyric("Be", "begin"), Lyric("friend", "end")]


def test_symusic_reads_the_same_notes():
    score = small_scores.two_staves()
    parsed = symusic.Score.from_midi(midi_bytes(score))
    found = sorted(
        (n.time / parsed.ticks_per_quarter, n.duration / parsed.ticks_per_quarter, n.pitch)
        for t in parsed.tracks
        for n in t.notes
    )
    assert found == sounds(score.sounding())


def test_velocities_follow_the_bar_and_the_score():
    notes = small_scores.line("S", "C5:1 C5:1/2 D5:1/2 E5:1:!accent F5:1")
    notes[-1] = replace(notes[-1], velocity=33)
    parsed = symusic.Score.from_midi(midi_bytes(small_scores.score(notes)))
    downbeat, beat, after, accent, given = [n.velocity for n in parsed.tracks[0].notes]
    assert downbeat > beat > after
    assert accent > beat
    assert given == 33


def test_irregular_bars_keep_the_bar_lines():
    score = small_scores.score(
        small_scores.line("S", "C5:4 D5:3 E5:1 F5:4"),
        measures=(
            Measure(F(0), F(4), "1"),
            Measure(F(4), F(3), "2"),
            Measure(F(7), F(1), "2a", implicit=True),
            Measure(F(8), F(4), "3"),
        ),
    )
    read = read_midi(midi_bytes(score))
    assert [m.onset_quarter for m in read.measures] == [0, 4, 7, 8]


def test_unisons_and_repeated_notes_do_not_cut_each_other():
    notes = [
        Note(F(0), F(1), 60, "P", voice="1"),
        Note(F(0), F(2), 60, "P", voice="2"),
        Note(F(2), F(1), 60, "P", voice="1"),
    ]
    read = read_midi(midi_bytes(Score((Part("P"),), tuple(notes))))
    assert sounds(read.notes) == [(0, 2, 60), (2, 1, 60)]


def test_more_parts_than_channels(tmp_path):
    parts = tuple(Part(f"P{i}", f"Part {i}") for i in range(1, 19))
    notes = tuple(Note(F(0), F(1), 40 + i, p.id) for i, p in enumerate(parts))
    write_midi(Score(parts, notes), tmp_path / "x.mid")
    read = read_midi((tmp_path / "x.mid").read_bytes())
    assert sorted(n.midi for n in read.notes) == list(range(40, 58))
    assert [p.name for p in read.parts] == [p.name for p in parts]


def test_channels_of_one_track_become_parts_and_drums_go():
    data = midi(
        track(
            (0, on(72)), (0, on(48, 1)), (0, on(38, 9)), (480, off(72)), (0, off(48, 1)),
            (0, off(38, 9)),
        ),
        kind=0,
    )  # fmt: skip
    score = read_midi(data)
    assert sorted(n.midi for n in score.notes) == [48, 72]
    assert len(score.parts) == 2
    assert {p.clefs for p in score.parts} == {("G2",), ("F4",)}
    assert "percussion (1 notes)" in score.warnings[0]


def test_defaults_of_a_bare_file():
    score = read_midi(midi(ONE))
    assert score.tempi == (Tempo(F(0), 120.0),)
    assert [(t.beats, t.beat_type) for t in score.time_signatures] == [(4, 4)]
    assert [m.duration_quarter for m in score.measures] == [4]
    assert score.notes[0].spelling is None
    assert score.notes[0].velocity == 80


def test_polyphony_in_one_track_is_parted_into_voices():
    data = midi(track((0, on(60)), (0, on(72)), (480, off(72)), (0, on(74)), (480, off(74)),
                      (0, off(60))))  # fmt: skip
    assert [(n.midi, n.voice) for n in read_midi(data).notes] == [(72, "1"), (60, "2"), (74, "1")]


def test_nonsense_signatures_are_left_out():
    meta = [
        (0, b"\xff\x58\x04\x00\x02\x18\x08"),
        (0, b"\xff\x58\x04\x04\xff\x18\x08"),
        (0, b"\xff\x59\x02\x63\x07"),
        (0, b"\xff\x51\x03\x00\x00\x00"),
    ]
    score = read_midi(midi(track(*meta, (0, on(60)), (480, off(60)))))
    assert (score.key_signatures, score.tempi) == ((), (Tempo(F(0), 120.0),))
    assert any("meter" in w for w in score.warnings)


def test_played_files_are_rounded_with_a_warning():
    jitter = [13, -9, 21, 30, -17, 5, 26, -24, 11, 19, -13, 8]
    times = [480 * i + 60 + j for i, j in enumerate(jitter)]
    events = []
    now = 0
    for start in times:
        events += [(start - now, on(60)), (400, off(60))]
        now = start + 400
    score = read_midi(midi(track(*events)))
    assert "performance" in score.warnings[0]
    assert {n.onset_quarter.denominator for n in score.notes} <= {1, 2, 3, 4, 6}


LONG = track((0x0FFFFFFF, on(60)), (0x0FFFFFFF, off(60)))
BAD = {
    "cut off: its header": b"MThd\x00\x00",
    "cut off: track 1": midi(ONE)[:-3],
    "promises 3 tracks and holds 1": midi(ONE, count=3),
    "no tracks": midi(count=0),
    "format 2": midi(ONE, kind=2),
    "film frames": midi(ONE, division=0xE728),
    "film frames, not": midi(ONE, division=0),
    "damaged": midi(b"MTrk\x00\x00\x00\x05\x00\x90\x3c\x50\x83"),
    "no notes": midi(track()),
    "only percussion": midi(track((0, on(38, 9)), (10, off(38, 9)))),
    "longer than": midi(LONG),
    "is no MIDI": b"RIFFxxxx",
    "larger than": b"MThd" + bytes(2_000_001),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_files_give_one_sentence(what):
    with pytest.raises(InputFileError, match=what):
        read_midi(BAD[what])


def test_overflowing_times_are_refused():
    events = [(0x0FFFFFFF, on(60)), (0x0FFFFFFF, off(60))] * 8
    with pytest.raises(InputFileError, match="longer than"):
        read_midi(midi(track(*events)))


def test_foreign_chunks_are_skipped():
    data = midi(b"XFIH\x00\x00\x00\x02ab" + ONE, count=1)
    check_chunks(data)
    assert len(read_midi(data).notes) == 1
