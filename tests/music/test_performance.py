"""Performances read and written: clock, pedal, damaged files."""

import numpy as np
import pytest
import symusic
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import random_piece, tick_notes
from partimento.core.errors import InputFileError
from partimento.music.events import quantise_performance, to_performance
from partimento.music.performance import (
    Performance,
    fold_sustain,
    pedal_spans,
    read_performance,
    read_performance_bytes,
)
from partimento.music.performance_write import performance_midi, write_performance


def performance(rows):
    """A performance of rows (onset_sec, offset_sec, pitch, velocity)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return Performance(
        table[:, 0],
        table[:, 1],
        table[:, 2].astype(np.int64),
        table[:, 3].astype(np.int64),
        np.zeros((0, 2)),
    )


def midi(notes=(), pedal=(), tempos=((0, 500_000),), ticks=480, drums=(), tracks=1):
    """A file with notes (tick, ticks, pitch, velocity), pedal (tick, value), tempi (tick, us)."""
    score = symusic.Score(ticks)
    for tick, mspq in tempos:
        score.tempos.append(symusic.Tempo(tick, mspq=mspq))
    for index in range(tracks):
        track = symusic.Track(name="piano", program=0)
        for note in notes if index == 0 else ():
            track.notes.append(symusic.Note(*note))
        for tick, value in pedal if index == 0 else ():
            track.controls.append(symusic.ControlChange(tick, 64, value))
        score.tracks.append(track)
    if drums:
        kit = symusic.Track(name="drums", is_drum=True)
        for note in drums:
            kit.notes.append(symusic.Note(*note))
        score.tracks.append(kit)
    return score.dumps_midi()


def equal(one, other):
    return all(
        np.array_equal(getattr(one, n), getattr(other, n))
        for n in ("onset", "offset", "pitch", "bin")
    )


def test_a_clock_with_changes_of_tempo():
    found = read_performance_bytes(
        midi([(480, 480, 60, 64), (960, 960, 62, 70)], tempos=((0, 500_000), (960, 1_000_000)))
    )
    assert found.onset_sec.tolist() == [0.5, 1.0]
    assert found.offset_sec.tolist() == [1.0, 3.0]
    assert (found.pitch.tolist(), found.velocity.tolist()) == ([60, 62], [64, 70])
    assert found.seconds == 3.0


def test_times_are_exact_after_hours():
    # A third of a million quarters at 100 ticks: 32-bit seconds would be off by milliseconds.
    tick = 36_000_007
    (onset,) = read_performance_bytes(midi([(tick, 1, 60, 64)], ticks=1000)).onset_sec
    assert onset == pytest.approx(tick / 2000, abs=1e-9)


def test_a_tempo_without_speed_is_passed_over():
    file = midi([(480, 480, 60, 64)])
    stopped = file.replace(b"\xff\x51\x03\x07\xa1\x20", b"\xff\x51\x03\x00\x00\x00")
    assert stopped != file
    found = read_performance_bytes(stopped)
    assert found.onset_sec.tolist() == [0.5]
    assert "tempo without speed" in found.warnings[0]


def test_drums_are_left_out_and_said_so():
    found = read_performance_bytes(midi([(0, 10, 60, 64)], drums=[(0, 10, 36, 99), (5, 5, 38, 99)]))
    assert found.pitch.tolist() == [60]
    assert found.warnings == ("2 notes of percussion were left out",)
    assert len(read_performance_bytes(midi(drums=[(0, 10, 36, 99)]))) == 0


def test_the_pedal_holds_what_is_released_while_it_is_down():
    found = read_performance_bytes(
        midi(
            [(0, 480, 60, 64), (960, 240, 64, 64), (1920, 240, 67, 64)],
            pedal=[(240, 127), (720, 0), (1100, 64), (1500, 63)],
        )
    )
    # Released at 0.5 s under the pedal of 0.25-0.75 s; at 1.25 s under that of 1.146-1.5625 s.
    assert found.offset_sec.tolist() == [0.75, 1.5625, 2.25]
    assert found.pedal_sec.tolist() == [[0.25, 0.75], [1100 / 960, 1.5625]]


def slow_fold(offset, spans):
    """Every end moved to the end of the span it lies in."""
    result = []
    for end in offset:
        held = [stop for start, stop in spans if start <= end < stop]
        result.append(held[0] if held else end)
    return result


@given(
    st.lists(st.integers(0, 60), max_size=12),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 127)), max_size=12),
)
def test_folding_equals_its_slow_twin(ends, moves):
    times = np.array([t for t, _ in moves], dtype=np.float64)
    values = np.array([v for _, v in moves], dtype=np.int64)
    spans = pedal_spans(times, values, 60.0)
    assert (np.diff(spans.ravel()) >= 0).all()
    offset = np.array(ends, dtype=np.float64)
    assert fold_sustain(offset, spans).tolist() == slow_fold(ends, spans.tolist())


@given(st.lists(st.tuples(st.integers(0, 40), st.sampled_from([0, 63, 64, 127])), max_size=10))
def test_pedal_spans_say_where_it_is_down(moves):
    times = np.array([t for t, _ in moves], dtype=np.float64)
    spans = pedal_spans(times, np.array([v for _, v in moves], dtype=np.int64), 40.0)
    order = sorted(range(len(moves)), key=lambda i: moves[i][0])
    for moment in np.arange(0.5, 40, 1.0):
        before = [moves[i][1] for i in order if moves[i][0] <= moment]
        down = bool(before) and before[-1] >= 64
        assert down == any(start <= moment < stop for start, stop in spans.tolist())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no MIDI file"),
        (b"RIFF1234", "no MIDI file"),
        (midi([(0, 10, 60, 64)])[:-3], "in the middle|cut"),
        (b"MThd\0\0\0\6\0\1\0\0\1\xe0", "no tracks"),
    ],
)
def test_damaged_files_are_said_to_be_so(data, words):
    with pytest.raises(InputFileError, match=words):
        read_performance_bytes(data)


def test_the_guarded_way_gives_the_same(tmp_path):
    file = tmp_path / "a.mid"
    file.write_bytes(midi([(3, 480, 60, 64), (7, 90, 61, 1)], pedal=[(0, 127), (1000, 0)]))
    one, two = read_performance(file), read_performance(file, guarded=True)
    for name in ("onset_sec", "offset_sec", "pitch", "velocity", "pedal_sec"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    with pytest.raises(InputFileError, match=r"nothing\.mid"):
        read_performance(tmp_path / "nothing.mid")


def test_written_and_read_again_it_encodes_to_the_same_notes(tmp_path):
    for seed in range(5):
        notes = random_piece(seed, notes=300)
        write_performance(to_performance(notes), tmp_path / "a.mid")
        assert equal(quantise_performance(read_performance(tmp_path / "a.mid")), notes)


rows = st.tuples(
    st.integers(0, 20_000), st.integers(1, 5_000), st.integers(0, 127), st.integers(1, 127)
)


@settings(max_examples=50, deadline=None)
@given(st.lists(rows, max_size=20))
def test_files_are_exact_to_the_millisecond(notes):
    made = performance([(a / 1000, (a + b) / 1000, p, v) for a, b, p, v in notes])
    found = read_performance_bytes(performance_midi(made))
    keys = {(a, p) for a, _, p, _ in notes}
    assert {
        (round(t * 1000), p)
        for t, p in zip(found.onset_sec.tolist(), found.pitch.tolist(), strict=True)
    } == keys
    times = np.concatenate([found.onset_sec, found.offset_sec]) * 1000
    assert np.allclose(times, np.round(times), atol=1e-6)


def test_the_longest_gaps_are_written_right():
    gaps_ms = [0, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]
    onset = np.cumsum(gaps_ms) / 1000
    made = performance([(t, t + 0.01, 30 + i, 64) for i, t in enumerate(onset)])
    found = read_performance_bytes(performance_midi(made))
    assert np.allclose(found.onset_sec, onset, atol=1e-9)


def test_a_struck_key_ends_the_note_before_and_nothing_is_silent():
    made = performance([(0.0, 2.0, 60, 0), (1.0, 3.0, 60, 90)])
    found = read_performance_bytes(performance_midi(made))
    assert found.offset_sec.tolist() == [1.0, 3.0]
    assert found.velocity.tolist() == [1, 90], "velocity 0 would be a note off"


def test_times_that_no_file_can_hold_are_refused():
    with pytest.raises(ValueError, match="three days"):
        performance_midi(performance([(-0.1, 1.0, 60, 64)]))
    with pytest.raises(ValueError, match="three days"):
        performance_midi(performance([(0.0, 400_000.0, 60, 64)]))
    assert len(read_performance_bytes(performance_midi(performance([])))) == 0
    assert len(tick_notes([])) == 0
