"""Duration tokens: a slow twin, the way back, and the same notes as the 388 events."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from made_performances import random_piece, tick_notes
from partimento.music.duration_events import (
    DURATION,
    EOS,
    PAD,
    SECONDS,
    SHIFT,
    SOS,
    VELOCITY,
    VOCABULARY,
    decode_durations,
    encode_durations,
)
from partimento.music.events import decode_events, encode_events

NAMES = ("onset", "offset", "pitch", "bin")
rows = st.tuples(
    st.integers(0, 900), st.integers(1, 400) | st.integers(5_000, 20_000), st.integers(0, 127),
    st.integers(0, 31),
)  # fmt: skip


def equal(one, other):
    return all(np.array_equal(getattr(one, n), getattr(other, n)) for n in NAMES)


def slow_encode(notes):
    tokens, now, loud = [], None, -1
    for onset, offset, pitch, bin_ in zip(
        *(getattr(notes, n).tolist() for n in NAMES), strict=True
    ):
        gap = 0 if now is None else onset - now
        now = onset
        while gap > 0:
            tokens.append(SHIFT + min(gap, 100) - 1)
            gap -= min(gap, 100)
        if bin_ != loud:
            tokens.append(VELOCITY + bin_)
            loud = bin_
        tokens.append(pitch)
        seconds, ticks = divmod(offset - onset - 1, 100)
        while seconds > 0:
            tokens.append(SECONDS + min(seconds, 60) - 1)
            seconds -= min(seconds, 60)
        tokens.append(DURATION + ticks)
    return tokens


@given(st.lists(rows, max_size=30))
def test_encoding_equals_its_slow_twin_and_comes_back(table):
    notes = tick_notes([(a, a + b, p, v) for a, b, p, v in table])
    tokens = encode_durations(notes)
    assert tokens.tolist() == slow_encode(notes)
    start = int(notes.onset[0]) if len(notes) else 0
    assert equal(decode_durations(tokens).shifted(start), notes)


@given(st.lists(st.integers(0, VOCABULARY - 1), max_size=60))
def test_any_tokens_decode_to_notes(tokens):
    notes = decode_durations(np.array(tokens, dtype=np.int16))
    assert (notes.offset > notes.onset).all()
    assert len(notes) <= sum(token < 128 for token in tokens)


def test_both_vocabularies_say_the_same():
    notes = random_piece(3)
    assert equal(decode_durations(encode_durations(notes)), decode_events(encode_events(notes)))
    assert (PAD, SOS, EOS, VOCABULARY) == (420, 421, 422, 423)


def test_the_table_of_the_tokens():
    notes = tick_notes([(0, 25, 60, 16), (150, 150 + 6125, 61, 16)])
    assert encode_durations(notes).tolist() == [
        VELOCITY + 16, 60, DURATION + 24,
        SHIFT + 99, SHIFT + 49, 61, SECONDS + 59, SECONDS, DURATION + 24,
    ]  # fmt: skip
