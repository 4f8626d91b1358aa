import numpy as np
import pytest

from partimento.music.barpiece import METERS, TICKS, bar_piece, meter_ticks
from partimento.music.expression_features import NAMES, beat_ticks, note_features


def piece(seed=0, notes=60, meter="4/4", tempo=100.0):
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.integers(0, 8 * meter_ticks(meter), notes))
    length = rng.integers(1, 60, notes)
    pitch = rng.integers(40, 85, notes)
    return bar_piece(onset, length, pitch, np.full(notes, 64), np.zeros(notes, dtype=np.int64),
                     meter=meter, tempo_bpm=tempo)  # fmt: skip


def column(table, name):
    return table[:, NAMES.index(name)]


def tune(pitches, length=TICKS):
    count = len(pitches)
    return bar_piece(length * np.arange(count), np.full(count, length), np.array(pitches),
                     np.full(count, 64), np.zeros(count, dtype=np.int64), meter="4/4")  # fmt: skip


@pytest.mark.parametrize("meter", METERS)
def test_every_meter_gives_finite_numbers(meter):
    table = note_features(piece(meter=meter))
    assert table.shape[1] == len(NAMES) and np.isfinite(table).all()
    assert np.abs(table).max() < 30


def test_names_are_unique():
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("notes", [1, 2, 3])
def test_the_shortest_pieces_have_features(notes):
    assert np.isfinite(note_features(tune([60, 62, 64][:notes]))).all()


def test_a_piece_without_notes_has_none():
    with pytest.raises(ValueError, match="without notes"):
        note_features(tune([60]).select(np.array([], dtype=np.int64)))


def test_higher_by_an_octave_changes_the_height_alone():
    low, high = note_features(piece()), note_features(piece().transpose(12))
    changed = [n for k, n in enumerate(NAMES) if not np.allclose(low[:, k], high[:, k], atol=1e-5)]
    assert changed == ["pitch"]
    assert np.allclose(column(high, "pitch") - column(low, "pitch"), 1.0, atol=1e-6)


def test_another_tempo_changes_what_is_in_seconds_alone():
    slow, fast = note_features(piece(tempo=80.0)), note_features(piece(tempo=160.0))
    changed = {n for k, n in enumerate(NAMES) if not np.allclose(slow[:, k], fast[:, k], atol=1e-5)}
    assert changed == {"duration_sec", "gap_sec", "bar_sec", "density", "tempo"}
    assert np.allclose(column(slow, "gap_sec") - column(fast, "gap_sec"), 1.0, atol=1e-5)


def test_outer_notes_and_the_meter_are_seen():
    chords = bar_piece(
        np.repeat([0, 24, 48, 72], 3), np.full(12, 24), np.tile([48, 60, 72], 4), np.full(12, 64),
        np.zeros(12, dtype=np.int64), meter="2/4",
    )  # fmt: skip
    table = note_features(chords)
    assert column(table, "highest").tolist() == [0, 0, 1] * 4
    assert column(table, "lowest").tolist() == [1, 0, 0] * 4
    assert column(table, "on_bar").tolist() == [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3
    assert np.allclose(column(table, "struck"), np.log2(3))


def test_a_held_note_above_is_heard():
    both = bar_piece(np.array([0, 24]), np.array([96, 24]), np.array([80, 60]), np.full(2, 64),
                     np.zeros(2, dtype=np.int64), meter="4/4")  # fmt: skip
    table = note_features(both)
    assert column(table, "highest").tolist() == [1, 1]
    assert column(table, "highest_sounding").tolist() == [1, 0]
    assert np.allclose(column(table, "sounding"), [0, 1])


def test_leaps_of_a_tune():
    table = note_features(tune([60, 64, 64, 52]))
    assert np.allclose(column(table, "leap_in"), [0, 4 / 12, 0, -1])
    assert np.allclose(column(table, "leap_out"), [4 / 12, 0, -1, 0])


def test_a_rest_marks_what_begins_after_it():
    rested = bar_piece(np.array([0, 24, 96]), np.array([24, 24, 24]), np.array([60, 62, 64]),
                       np.full(3, 64), np.zeros(3, dtype=np.int64), meter="4/4")  # fmt: skip
    table = note_features(rested)
    assert column(table, "rest_before").tolist() == [0, 0, 2]
    assert column(table, "rest_after").tolist() == [0, 2, 0]


def test_the_end_is_near_at_the_end():
    table = note_features(tune(list(range(50, 66))))
    assert (np.diff(column(table, "to_end")) > 0).all()
    assert (np.diff(column(table, "from_start")) < 0).all()


def test_beats_that_one_conducts():
    assert [beat_ticks(m) for m in ("4/4", "2/2", "6/8", "9/8", "12/16", "3/8", "6/4", "5/8")] == [
        24, 48, 36, 36, 18, 12, 24, 12,
    ]  # fmt: skip
    assert all(meter_ticks(m) % beat_ticks(m) == 0 for m in METERS)
