"""Notes out of single events equal those of whole pieces."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_performances import random_piece
from partimento.music.event_stream import BEFORE, EventReader, bin_velocity, note_table
from partimento.music.events import EOS, NOTE_OFF, PAD, SHIFT, VELOCITY, encode_events


@given(st.integers(0, 2**31), st.integers(1, 60))
def test_a_stream_gives_the_notes_of_the_piece(seed, count):
    notes = random_piece(seed, count)
    reader = EventReader()
    keys = [reader.take(token) for token in encode_events(notes).tolist()]
    moved = [key for key in keys if key is not None]
    assert reader.take(EOS) is None and reader.ended and reader.done
    assert reader.finish() == []
    table = note_table(reader.notes)
    start = int(notes.onset[0])
    assert np.array_equal(table[:, 0] + start, notes.onset)
    assert np.array_equal(table[:, 1] + start, notes.offset)
    assert np.array_equal(table[:, 2], notes.pitch)
    assert table[:, 3].tolist() == [bin_velocity(b) for b in notes.bin.tolist()]
    assert [key.kind for key in moved].count("note_on") == len(notes) == len(moved) / 2


def test_what_sounds_at_the_start_is_ended():
    reader = EventReader({60: 90}, loud=10)
    assert reader.sounding == (60,)
    with pytest.raises(ValueError, match="sounds already"):
        reader.take(60)
    reader.take(SHIFT + 9)
    key = reader.take(NOTE_OFF + 60)
    assert key is not None and (key.kind, key.tick, key.pitch) == ("note_off", 10, 60)
    assert reader.take(60).velocity == bin_velocity(10)
    (first,) = reader.notes
    assert (first.onset, first.offset, first.velocity) == (BEFORE, 10, 90)


def test_the_limit_ends_everything_and_a_note_lasts_a_tick():
    reader = EventReader(limit_ticks=50)
    for token in (VELOCITY + 3, 60, SHIFT + 29, 64, SHIFT + 99):
        reader.take(token)
    assert reader.done and not reader.ended and reader.tick == 50
    assert [key.pitch for key in reader.finish()] == [60, 64]
    assert note_table(reader.notes)[:, 1].tolist() == [50, 50]
    with pytest.raises(ValueError, match="follows the end"):
        reader.take(EOS)
    struck = EventReader()
    struck.take(70)
    (key,) = struck.finish()
    assert (key.tick, struck.notes[0].onset, struck.notes[0].offset) == (1, 0, 1)


@pytest.mark.parametrize("token", [NOTE_OFF + 60, PAD])
def test_what_cannot_be_is_an_error(token):
    with pytest.raises(ValueError, match=r"does not sound|means nothing"):
        EventReader().take(token)


def test_a_snapshot_shows_what_sounds():
    reader = EventReader()
    for token in (VELOCITY, 60, SHIFT + 4):
        reader.take(token)
    (running,) = reader.snapshot()
    assert (running.onset, running.offset, running.velocity) == (0, 6, bin_velocity(0))
    assert reader.notes == []
