"""Cutting a performance for the model keeps every note to the millisecond."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_performances import write_notes
from partimento.core.errors import MusicError
from partimento.music.event_stream import BEFORE, StreamNote
from partimento.music.events import disjoint, encode_events
from partimento.music.performance import Performance
from partimento.tasks.piano.passage import (
    NO_NOTES,
    Struck,
    cut_before,
    join,
    read_struck,
    strike,
    tick_after,
    tick_of_event,
)


def struck(rows):
    """Notes of rows (onset ms, end ms, pitch, velocity)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    found = disjoint(table[:, 0], table[:, 1], table[:, 2], table[:, 3])
    return Struck(
        found.onset, found.offset, found.pitch, found.bin, np.zeros(len(found), dtype=bool)
    )


rows = st.lists(
    st.tuples(
        st.integers(0, 5000), st.integers(1, 3000), st.integers(40, 52), st.integers(1, 127)
    ).map(lambda r: (r[0], r[0] + r[1], r[2], r[3])),
    min_size=1,
    max_size=40,
)


@given(rows, st.integers(1, 900))
def test_a_cut_parts_the_notes_and_loses_none(given_rows, cut):
    notes = struck(given_rows)
    passage = cut_before(notes, cut)
    before = notes.select(notes.onset_tick < cut)
    assert len(passage.kept) + len(passage.carried) == len(before)
    # What the model hears sounding at the cut is what is carried over it.
    seen = passage.seen
    assert sorted(passage.sounding) == np.unique(seen.pitch[seen.offset >= cut]).tolist()
    ends = [StreamNote(BEFORE, 7, pitch, 64) for pitch in passage.sounding]
    whole = join(passage, [*ends, StreamNote(20, 30, 100, 66)])
    old, new = whole.select(~whole.made), whole.select(whole.made)
    assert np.array_equal(old.onset, before.onset)
    assert np.array_equal(old.pitch, before.pitch)
    assert np.array_equal(old.velocity, before.velocity)
    early = before.offset <= cut * 10 - 6
    assert np.array_equal(old.offset[early], before.offset[early])
    assert (old.offset <= cut * 10 + 70).all()
    assert new.onset.tolist() == [cut * 10 + 200] and new.offset.tolist() == [cut * 10 + 300]


def test_after_the_last_end_nothing_is_carried():
    notes = struck([(0, 1234, 60, 50), (1000, 1400, 64, 51)])
    passage = cut_before(notes, tick_after(notes))
    assert len(passage.carried) == 0 and len(passage.kept) == 2
    assert join(passage, []).offset.tolist() == [1234, 1400]


@given(rows, st.integers(0, 120))
def test_the_tick_of_an_event_leaves_that_many_events(given_rows, count):
    notes = struck(given_rows).ticks()
    tokens = encode_events(notes)
    tick = tick_of_event(notes, count)
    if count >= len(tokens):
        assert tick == notes.ticks + 1
    else:
        onsets_before = int((tokens[: count + 1] < 128).sum())
        assert int((notes.onset < tick).sum()) >= onsets_before


def test_striking_rounds_to_milliseconds_and_cuts_what_overlaps():
    performance = Performance(
        np.array([0.0004, 0.5]),
        np.array([0.9, 0.7006]),
        np.array([60, 60]),
        np.array([0, 90]),
        np.zeros((0, 2)),
    )
    notes = strike(performance)
    assert notes.onset.tolist() == [0, 500] and notes.offset.tolist() == [500, 701]
    assert notes.velocity.tolist() == [1, 90]
    assert notes.performance().onset_sec.tolist() == [0.0, 0.5]
    assert NO_NOTES.end == 0


def test_a_file_without_notes_says_so(tmp_path):
    from made_performances import empty_notes

    path = write_notes(empty_notes(), tmp_path / "empty.mid")
    with pytest.raises(MusicError, match="no note that a piano could play"):
        read_struck(path)
