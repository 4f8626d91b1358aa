import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.music.barpiece import TICKS, bar_piece
from partimento.music.grid import VOICE_RANGES
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.skyline import broadened, closing, in_range, melody, without_lead


def piece(notes, instrument="piano", meter="4/4", bars=None):
    """Notes (onset and length in quarters, pitch) of one instrument."""
    onset, length, pitch = (np.array(column) for column in zip(*notes, strict=True))
    ids = np.full(len(notes), INSTRUMENT_ID[instrument])
    loud = np.full(len(notes), 70)
    return bar_piece(onset * TICKS, length * TICKS, pitch, loud, ids, meter=meter, bars=bars)


def test_the_highest_notes_are_the_melody_and_the_accompaniment_is_not():
    chords = [(0, 2, 48), (0, 1, 72), (1, 1, 74), (2, 2, 76), (2, 1, 55), (3, 1, 52)]
    found = melody(piece(chords))
    assert found.pitch.tolist() == [72, 74, 76]
    assert (found.onset // TICKS).tolist() == [0, 1, 2]
    assert set(found.instrument.tolist()) == {INSTRUMENT_ID["choir"]}


def test_what_is_heard_while_the_melody_rests_is_left_out():
    found = melody(piece([(0, 1, 76), (1, 1, 40), (2, 2, 77)]))
    assert found.pitch.tolist() == [76, 77]


def test_the_higher_of_two_instruments_sings():
    both = [piece([(0, 4, 67)], "violin"), piece([(0, 4, 50)], "cello")]
    joined = bar_piece(
        *(np.concatenate([getattr(one, name) for one in both])
          for name in ("onset", "duration", "pitch", "velocity", "instrument")),
        meter="4/4",
    )  # fmt: skip
    assert melody(joined).pitch.tolist() == [67]


def test_a_cello_tune_is_sung_by_a_soprano():
    found = melody(piece([(0, 1, 43), (1, 1, 45), (2, 2, 47)], "cello"))
    low, high = VOICE_RANGES[0]
    assert found.pitch.min() >= low and found.pitch.max() <= high
    assert np.diff(found.pitch).tolist() == [2, 2]


@given(st.lists(st.integers(0, 127), min_size=1, max_size=40), st.integers(20, 90))
def test_in_range_moves_by_octaves_and_leaves_nothing_outside(pitches, low):
    found = in_range(np.array(pitches), low, low + 21)
    assert found.min() >= low and found.max() <= low + 21
    assert not ((found - np.array(pitches)) % 12).any()


def test_a_range_that_lacks_pitch_classes_is_a_mistake():
    with pytest.raises(ValueError, match="pitch class"):
        in_range(np.array([60]), 60, 66)


def test_eighths_are_broadened_and_quarters_are_not():
    quarters = piece([(i, 1, 60 + i) for i in range(8)])
    assert broadened(quarters) is quarters
    eighths = piece([(i / 2, 0.5, 60 + i) for i in range(12)], meter="6/8")
    found = broadened(eighths)
    assert (found.meter, found.bars) == ("3/4", 2 * eighths.bars)
    assert found.seconds == pytest.approx(eighths.seconds)
    assert found.onset.tolist() == (2 * eighths.onset).tolist()


def test_every_doubled_meter_holds_the_doubled_bar():
    from partimento.music.barpiece import meter_ticks
    from partimento.music.skyline import DOUBLED

    for meter, (other, count) in DOUBLED.items():
        assert 2 * meter_ticks(meter) == count * meter_ticks(other), meter


def test_a_long_line_ends_with_a_long_tonic():
    notes = [(i, 1, 67) for i in range(28)] + [(28, 2, 72), (30, 1, 74)]
    notes += [(i, 1, 65) for i in range(32, 60)]
    line = piece(notes)
    assert closing(line, 0, 99, 16) is line
    found = closing(line, 0, 10, 9)
    assert found.bars == 8 and found.pitch[-1] == 72
    assert found.onset[-1] + found.duration[-1] == 8 * found.bar_ticks
    assert closing(line, 1, 10, 9).bars == 9


def test_empty_bars_before_the_first_note_go():
    line = piece([(9, 1, 67)], bars=4)
    found = without_lead(line)
    assert found.bars == 2 and found.onset.tolist() == [TICKS]


def test_silence_has_no_melody():
    empty = piece([(0, 1, 60)]).select(np.zeros(1, dtype=bool))
    with pytest.raises(ValueError, match="no melody"):
        melody(empty)
