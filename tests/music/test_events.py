"""The 388 events against a slow twin, their rounding, and real performances."""

import csv
import io
import tarfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import random_piece, tick_notes
from partimento.music.events import (
    EOS,
    EVENTS,
    NOTE_OFF,
    PAD,
    SHIFT,
    SOS,
    VELOCITY,
    VOCABULARY,
    decode_events,
    disjoint,
    encode_events,
    quantise_performance,
    timeline,
    to_performance,
)
from partimento.music.performance import Performance, read_performance_bytes

NAMES = ("onset", "offset", "pitch", "bin")
rows = st.tuples(st.integers(0, 900), st.integers(0, 400), st.integers(0, 127), st.integers(0, 31))
few_pitches = st.tuples(
    st.integers(0, 60), st.integers(0, 90), st.integers(60, 62), st.integers(0, 31)
)
notes_lists = st.lists(rows, max_size=40) | st.lists(few_pitches, max_size=40)


def made(table):
    return tick_notes([(a, a + b, p, v) for a, b, p, v in table])


def equal(one, other):
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in NAMES)


def slow_disjoint(table):
    """One key after the other: merge strokes of one onset, then cut what is struck again."""
    result = []
    for pitch in sorted({p for _, _, p, _ in table}):
        strokes = {}
        for a, b, p, v in table:
            if p == pitch:
                end, loud = strokes.get(a, (0, 0))
                strokes[a] = (max(end, a + b), max(loud, v))
        times = sorted(strokes)
        for k, a in enumerate(times):
            end = max(strokes[a][0], a + 1)
            if k + 1 < len(times):
                end = min(end, times[k + 1])
            result.append((a, end, pitch, strokes[a][1]))
    return sorted(result, key=lambda n: (n[0], n[2]))


def slow_encode(notes):
    """The events of sorted, disjoint notes (onset, end, pitch, bin), one by one."""
    tokens, now, loud = [], None, -1
    moments = sorted(
        [(end, 0, pitch, None) for _, end, pitch, _ in notes]
        + [(onset, 1, pitch, bin_) for onset, _, pitch, bin_ in notes],
        key=lambda m: m[:3],
    )
    for tick, is_on, pitch, bin_ in moments:
        gap = tick - (tick if now is None else now)
        now = tick
        while gap > 0:
            step = min(gap, 100)
            tokens.append(SHIFT + step - 1)
            gap -= step
        if is_on and bin_ != loud:
            tokens.append(VELOCITY + bin_)
            loud = bin_
        tokens.append(pitch if is_on else NOTE_OFF + pitch)
    return tokens


@given(notes_lists)
def test_encoding_equals_its_slow_twin(table):
    notes = made(table)
    listed = slow_disjoint(table)
    assert [
        tuple(map(int, row)) for row in zip(*(getattr(notes, n) for n in NAMES), strict=True)
    ] == (listed)
    assert encode_events(notes).tolist() == slow_encode(listed)


@given(notes_lists)
def test_decoding_gives_the_notes_back(table):
    notes = made(table)
    start = int(notes.onset[0]) if len(notes) else 0
    assert equal(decode_events(encode_events(notes)).shifted(start), notes)


@given(st.lists(st.integers(0, VOCABULARY - 1), max_size=60))
def test_any_tokens_decode_to_disjoint_notes(tokens):
    notes = decode_events(np.array(tokens, dtype=np.int16))
    assert (notes.offset > notes.onset).all()
    assert (np.diff(notes.onset) >= 0).all()
    for pitch in np.unique(notes.pitch):
        one = notes.select(notes.pitch == pitch)
        assert (one.offset[:-1] <= one.onset[1:]).all()
    assert equal(decode_events(encode_events(notes)).shifted(_first(notes)), notes)


def _first(notes):
    return int(notes.onset[0]) if len(notes) else 0


def test_the_table_of_the_388_events():
    assert (NOTE_OFF, SHIFT, VELOCITY, EVENTS) == (128, 256, 356, 388)
    assert (PAD, SOS, EOS, VOCABULARY) == (388, 389, 390, 391)
    # Two notes 1.53 s apart, a quarter of a second each, the second louder.
    notes = tick_notes([(7, 32, 60, 16), (160, 185, 127, 31)])
    expected = [VELOCITY + 16, 60, SHIFT + 24, 188, SHIFT + 99, SHIFT + 27, VELOCITY + 31, 127]
    assert encode_events(notes).tolist() == [*expected, SHIFT + 24, 255]
    assert encode_events(tick_notes([])).tolist() == []
    assert encode_events(tick_notes([(0, 1, 0, 0)])).tolist() == [VELOCITY, 0, SHIFT, NOTE_OFF]


def test_a_velocity_stands_only_where_it_changes():
    tokens = encode_events(
        tick_notes([(0, 5, 60, 9), (0, 5, 64, 9), (5, 9, 67, 9), (9, 12, 60, 3)])
    )
    assert (tokens >= VELOCITY).sum() == 2


def test_times_are_rounded_as_absolute_times():
    # A note every 14 ms: rounding interval by interval would drift by 4 ms a note.
    onset = np.arange(1000) * 0.014
    played = Performance(
        onset, onset + 0.012, 40 + np.arange(1000) % 50, np.full(1000, 64), np.zeros((0, 2))
    )
    notes = quantise_performance(played)
    assert len(notes) == 1000
    assert np.abs(notes.onset / 100 - onset).max() <= 0.005 + 1e-12
    # The longest way round: through the tokens, where only intervals stand.
    again = to_performance(decode_events(encode_events(notes)))
    assert np.abs(again.onset_sec - onset).max() <= 0.005 + 1e-12


@given(
    st.lists(
        st.tuples(
            st.floats(0, 100),
            st.floats(0, 5),
            st.integers(0, 127),
            st.integers(1, 127),
        ),
        max_size=30,
    )
)
def test_every_note_is_found_again_within_half_a_tick(table):
    table = np.array(sorted(table), dtype=np.float64).reshape(-1, 4)
    pitch, velocity = table[:, 2].astype(np.int64), table[:, 3].astype(np.int64)
    played = Performance(table[:, 0], table[:, 0] + table[:, 1], pitch, velocity, np.zeros((0, 2)))
    found = to_performance(quantise_performance(played))
    for onset, key in zip(table[:, 0], pitch, strict=True):
        near = np.abs(found.onset_sec[found.pitch == key] - onset)
        assert near.min() <= 0.005 + 1e-9
    assert len({(t, p) for t, p in zip(found.onset_sec, found.pitch, strict=True)}) == len(found)


def test_the_order_of_one_moment():
    notes = tick_notes([(0, 10, 70, 5), (0, 10, 50, 5), (10, 20, 60, 5), (10, 20, 40, 5)])
    tick, key, _ = timeline(notes)
    at_ten = key[tick == 10].tolist()
    assert at_ten == [128 + 50, 128 + 70, 40, 60]


def test_merged_strokes_keep_the_longest_and_the_loudest():
    notes = disjoint(np.array([5, 5]), np.array([9, 30]), np.array([60, 60]), np.array([20, 4]))
    assert [getattr(notes, n).tolist() for n in NAMES] == [[5], [30], [60], [20]]


def test_middle_velocities_fall_into_their_own_bin():
    notes = tick_notes([(k, k + 1, 60, k) for k in range(32)])
    assert equal(quantise_performance(to_performance(notes)), notes)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_made_pieces_survive(seed):
    notes = random_piece(seed)
    assert equal(decode_events(encode_events(notes)).shifted(int(notes.onset[0])), notes)


@pytest.fixture(scope="module")
def real_files(data_dir):
    """Some forty performances out of the archive, from its beginning."""
    archive, table = (data_dir / "asap" / n for n in ("performances.tar.xz", "performances.csv"))
    if not archive.is_file():
        pytest.skip("no archive of performances in the data folder")
    names = {r["midi_performance"] for r in csv.DictReader(io.StringIO(table.read_text()))}
    found = []
    with tarfile.open(archive, "r:xz") as opened:
        for member in opened:
            if member.name in names:
                found.append(opened.extractfile(member).read())
            if len(found) == 40:
                break
    return found


def test_no_note_of_real_performances_is_lost(real_files):
    for data in real_files:
        played = read_performance_bytes(data)
        notes = quantise_performance(played)
        assert len(notes) == len(played) > 0
        assert np.abs(np.sort(notes.onset) / 100 - played.onset_sec).max() <= 0.005 + 1e-9
        again = decode_events(encode_events(notes)).shifted(int(notes.onset[0]))
        assert equal(again, notes)
