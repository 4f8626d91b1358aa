from dataclasses import replace

import numpy as np
import pytest

from partimento.music.barpiece import bar_piece
from partimento.music.barpiece_write import midi_bytes_of
from partimento.tasks.text2midi.validity import (
    checked,
    file_notes,
    obeys_grammar,
    validity_report,
)


def piece():
    onset = np.repeat(np.arange(16) * 24, 2)
    same = np.full(32, 24)
    pitch = np.stack([np.full(16, 48), 60 + np.arange(16) % 5], 1).ravel()
    return bar_piece(onset, same, pitch, same * 0 + 80, np.tile([0, 7], 16), meter="4/4", bars=4)


def message(delta, status, first, second):
    return bytes((delta, status, first, second))


def file_of(*messages):
    body = b"".join(messages) + b"\x00\xff\x2f\x00"
    head = b"MThd" + (6).to_bytes(4, "big") + bytes((0, 0, 0, 1, 480 >> 8, 480 & 255))
    return head + b"MTrk" + len(body).to_bytes(4, "big") + body


def test_a_sound_piece_passes_everything():
    assert all(checked(piece(), 4).values())
    report = validity_report([piece()] * 3, 4)
    assert report["all"]["share"] == 1.0
    assert report["faults"] == []


def test_the_events_are_the_notes():
    made = piece()
    notes = np.array(file_notes(midi_bytes_of(made)).notes)
    assert notes[:, 0].tolist() == made.onset.tolist()
    assert notes[:, 1].tolist() == made.duration.tolist()
    assert sorted(notes[:, 2].tolist()) == sorted(made.pitch.tolist())
    assert set(notes[:, 4].tolist()) == {0, 7}


def test_hanging_and_overlapping_notes_are_seen():
    on, off = message(0, 0x90, 60, 80), message(20, 0x80, 60, 0)
    assert file_notes(file_of(on, off)).notes == ((0, 1, 60, 80, 0),)
    assert file_notes(file_of(on)).hanging == 1
    assert file_notes(file_of(on, message(20, 0x90, 60, 80), off)).overlapping == 1
    silent_on = message(20, 0x90, 60, 0)
    assert file_notes(file_of(on, silent_on)).hanging == 0
    running_status = file_of(on, bytes((20, 60, 0)))
    assert file_notes(running_status).notes == ((0, 1, 60, 80, 0),)


def test_bars_are_counted():
    assert not checked(piece(), 5)["bars"]
    assert checked(piece(), 5)["bars_sounding"]
    assert not checked(piece(), 6)["bars_sounding"]
    report = validity_report([piece(), replace(piece(), bars=9)], 4)
    assert report["bars"] == 0.5
    assert report["faults"] == [{"piece": 1, "fails": ["bars"]}]


@pytest.mark.parametrize(
    "broken",
    [
        replace(piece(), bars=3),
        replace(piece(), onset=piece().onset[::-1].copy()),
        replace(piece(), duration=piece().duration * 0),
        replace(piece(), pitch=piece().pitch + 100),
        replace(piece(), velocity=piece().velocity * 0),
        replace(piece(), instrument=piece().instrument + 100),
        replace(piece(), meter="13/8"),
        replace(piece(), tempo_bpm=float("nan")),
    ],
)
def test_broken_columns_break_the_grammar(broken):
    assert obeys_grammar(piece())
    assert not obeys_grammar(broken)


def test_silence_is_no_piece():
    silent = piece().select(np.zeros(0, dtype=np.int64))
    row = checked(silent, 4)
    assert not row["parses"]
    assert not row["bars_sounding"]
