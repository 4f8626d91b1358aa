"""Scheme amt: one spelling for every quantised piece, no unknown token, only valid pieces out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music.amt_grammar import LONGEST_SILENCE, AmtGrammar
from partimento.music.amt_tokens import (
    DURATION,
    EOS,
    LENGTHS,
    LONGEST_GAP,
    NOTE,
    SEMANTIC,
    SEMANTICS,
    TIME_ON,
    TYPES,
    UNK,
    VOCABULARY,
    decode_amt,
    encode_amt,
    quantise,
    semantic_token,
    text_of,
    token_types,
    tokens_of,
    word_of,
)
from partimento.music.barpiece import BarPiece, bar_piece

NAMES = ("onset", "duration", "pitch", "velocity", "instrument")
ROWS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(1, 4000), st.integers(0, 127), st.integers(0, 3)),
    max_size=40,
)


def piece_of(rows: list[tuple[int, int, int, int]], meter: str = "3/4") -> BarPiece:
    onset, duration, pitch, instrument = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    velocity = np.arange(len(rows)) % 127 + 1
    return bar_piece(onset, duration, pitch, velocity, instrument, meter=meter)


def assert_same(a: BarPiece, b: BarPiece) -> None:
    for name in NAMES:
        assert getattr(a, name).tolist() == getattr(b, name).tolist(), name
    assert (a.meter, a.bars) == (b.meter, b.bars)


def assert_valid(piece: BarPiece) -> None:
    assert (piece.duration > 0).all()
    assert (piece.onset + piece.duration <= piece.bars * piece.bar_ticks).all()
    for pitch in np.unique(piece.pitch):
        mine = piece.pitch == pitch
        assert (np.diff(piece.onset[mine]) >= piece.duration[mine][:-1]).all()


def test_the_vocabulary_is_the_sources_size() -> None:
    assert VOCABULARY == 512
    assert (np.diff(LENGTHS) > 0).all()
    assert [word_of(t) for t in (0, 1, 2, 3)] == ["PAD", "BOS", "EOS", "UNK"]


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_a_quantised_piece_comes_back_and_nothing_is_unknown(
    rows: list[tuple[int, int, int, int]],
) -> None:
    piece = quantise(piece_of(rows))
    assert_valid(piece)
    assert_same(quantise(piece), piece)
    tokens = encode_amt(piece)
    assert not (tokens == UNK).any()
    assert ((tokens >= TIME_ON) & (tokens < VOCABULARY)).all()
    assert_same(decode_amt(tokens, piece.meter, piece.bars), piece)
    assert tokens_of(text_of(tokens)).tolist() == tokens.tolist()


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_the_grammar_allows_what_encoding_makes(rows: list[tuple[int, int, int, int]]) -> None:
    piece = quantise(piece_of(rows))
    gaps = np.diff(piece.onset, prepend=0)
    if len(piece) == 0 or gaps.max() > LONGEST_SILENCE:
        return
    grammar = AmtGrammar()
    for token in [*encode_amt(piece).tolist(), EOS]:
        grammar.advance(token)
    assert grammar.ended


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 1, 50, 400]))
def test_whatever_the_grammar_allows_is_a_valid_piece_in_its_one_spelling(
    seed: int, end: int | None
) -> None:
    rng = np.random.default_rng(seed)
    grammar, tokens = AmtGrammar(end), []
    for _ in range(300):
        choices = np.flatnonzero(grammar.allowed())
        tokens.append(int(rng.choice(choices)))
        grammar.advance(tokens[-1])
        if grammar.ended:
            break
    while tokens and tokens[-1] != EOS and tokens[-1] < DURATION:
        tokens.pop()
    piece = decode_amt(tokens, "2/4")
    assert_valid(piece)
    assert end is None or (piece.onset < end).all()
    assert encode_amt(piece).tolist() == [t for t in tokens if t != EOS]


def test_the_grammar_never_gets_stuck_when_every_pitch_sounds() -> None:
    grammar = AmtGrammar()
    for pitch in range(128):
        for token in (TIME_ON, NOTE + pitch, DURATION + len(LENGTHS) - 1):
            grammar.advance(token)
    assert np.flatnonzero(grammar.allowed()).tolist() == [EOS]


def test_the_grammar_refuses_what_is_out_of_order() -> None:
    for first in (NOTE + 60, DURATION, EOS, SEMANTIC):
        with pytest.raises(ValueError, match="may not come here"):
            AmtGrammar().advance(first)
    with pytest.raises(ValueError, match="a tick"):
        AmtGrammar(0)


@pytest.mark.parametrize("gap", [0, 1, 95, 96, 97, 191, 192, 193, 960])
def test_long_gaps_take_several_tokens(gap: int) -> None:
    piece = quantise(piece_of([(0, 5, 60, 0), (gap, 5, 61, 0)]))
    times = [t - TIME_ON for t in encode_amt(piece).tolist() if TIME_ON <= t < NOTE][1:]
    assert sum(times) == gap
    assert times[:-1] == [LONGEST_GAP] * (len(times) - 1)
    assert len(times) == 1 or times[-1] > 0


def test_any_tokens_decode_to_a_valid_piece() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert_valid(decode_amt(rng.integers(0, VOCABULARY, 200), "6/8"))
    assert len(decode_amt([TIME_ON, NOTE + 60], "4/4")) == 0
    with pytest.raises(ValueError, match="no meter"):
        decode_amt([], "four")


def test_types_words_and_foreign_values() -> None:
    tokens = tokens_of("BOS SEMANTIC_TOKEN_3 TIME_ON_12 NOTE_60 DURATION_24 EOS")
    assert [TYPES[t] if t >= 0 else "" for t in token_types(tokens)] == [
        *("", "", "TIME_ON", "NOTE", "DURATION", "EOS")
    ]
    assert tokens[1] == semantic_token(3)
    assert text_of(tokens_of("TIME_ON_200 NOTE_0 DURATION_9999")) == (
        "TIME_ON_96 TIME_ON_96 TIME_ON_8 NOTE_0 DURATION_2592"
    )
    assert text_of(tokens_of("DURATION_0 DURATION_203")) == "DURATION_1 DURATION_192"
    for wrong in ("VELOCITY_3", "NOTE_128", "NOTE_-1", f"SEMANTIC_TOKEN_{SEMANTICS}", "TIME_ON_x"):
        with pytest.raises(ValueError):
            tokens_of(wrong)
    with pytest.raises(ValueError, match="no token"):
        word_of(VOCABULARY)


def test_encoding_wants_a_quantised_piece() -> None:
    with pytest.raises(ValueError, match="quantised"):
        encode_amt(piece_of([(0, 203, 60, 0), (400, 4, 60, 0)]))
