from __future__ import annotations

from fractions import Fraction as F

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music.quantise import quantise

BEATS = {
    "32nds": [F(i, 8) for i in range(9)],
    "triplets": [F(0), F(1, 3), F(2, 3), F(1)],
    "16th triplets": [F(i, 6) for i in range(7)],
    "32nd triplets": [F(i, 12) for i in range(13)],
    "quintuplets": [F(i, 5) for i in range(6)],
    "dotted": [F(0), F(3, 4), F(1)],
    "64ths": [F(i, 16) for i in range(17)],
}


@pytest.mark.parametrize("ticks", [96, 120, 240, 384, 480, 960, 1024, 10080])
@pytest.mark.parametrize("name", BEATS)
def test_typed_in_rhythms_are_exact(name, ticks):
    if name == "64ths" and ticks < 240:
        pytest.skip("a 64th is about as long as the rounding of so slow a clock")
    places = BEATS[name]
    clock = [round(p * ticks) for p in places]
    result = quantise(clock[:-1], clock[1:], ticks)
    assert result.onsets == places[:-1]
    assert result.ends == places[1:]
    assert result.misfits == 0


@pytest.mark.parametrize("gate", [0.90, 0.95, 0.98, 1.0])
def test_shortened_notes_last_until_the_next(gate):
    starts = [0, 240, 480, 640, 800, 960]
    ends = [round(a + gate * (b - a)) for a, b in zip(starts, [*starts[1:], 1440], strict=True)]
    result = quantise(starts, ends, 480)
    assert result.onsets == [F(0), F(1, 2), F(1), F(4, 3), F(5, 3), F(2)]
    assert result.ends == [F(1, 2), F(1), F(4, 3), F(5, 3), F(2), F(3)]


def test_staccato_stays_short():
    result = quantise([0, 480, 960], [240, 720, 1200], 480)
    assert result.ends == [F(1, 2), F(3, 2), F(5, 2)]


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 5000)), max_size=40),
    st.sampled_from([24, 96, 480, 1000]),
)
def test_any_ticks_give_positive_lengths_near_the_truth(rows, ticks):
    onsets = [o for o, _ in rows]
    ends = [o + d for o, d in rows]
    result = quantise(onsets, ends, ticks)
    assert 0 <= result.misfits <= len(rows)
    for tick, onset, end in zip(onsets, result.onsets, result.ends, strict=True):
        assert end > onset >= 0
        assert abs(onset - F(tick, ticks)) <= F(1, 2)
        assert onset.denominator <= 24
