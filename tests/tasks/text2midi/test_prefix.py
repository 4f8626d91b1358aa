"""Conditions as tokens."""

from __future__ import annotations

import numpy as np
import pytest
from tests.made_pieces import made_piece

from partimento.music.attributes import Attributes, measure
from partimento.tasks.text2midi.interface import Conditions
from partimento.tasks.text2midi.strong_data import Variation, described, forget, vary
from partimento.tasks.text2midi.vocabulary import (
    SLOTS,
    TOKENS,
    class_tempo,
    prefix,
    prefixes,
    tempo_class,
    token,
    tonic_of,
)

BLANK = Conditions(opens=None, closes=None)


def test_nothing_asked_is_no_token() -> None:
    assert prefix(BLANK, None) == []
    assert prefixes([[], [3]])[0].sum() == 0


def test_every_token_is_one_of_the_table() -> None:
    piece = made_piece(16, chords=True)
    everything = Conditions(measure(piece), (63, 31))
    tokens = prefix(everything, 16)
    assert len(set(tokens)) == len(tokens) <= SLOTS
    assert min(tokens) > 0 and max(tokens) < TOKENS


def test_numbers_are_finer_than_words() -> None:
    word = prefix(Conditions(Attributes(density="dense"), (), None, None), None)
    number = prefix(Conditions(Attributes(numbers={"density": 9.0}), (), None, None), None)
    assert word == [token("density", 2)]
    assert set(word) < set(number) and len(number) == 2


def test_keys_are_compared_by_sound() -> None:
    sharp, flat = Attributes(key="G# minor"), Attributes(key="Ab minor")
    assert prefix(Conditions(sharp), None) == prefix(Conditions(flat), None)
    assert tonic_of(sharp) == tonic_of(flat) == 8
    assert tonic_of(Attributes()) == 12


@pytest.mark.parametrize("bpm", [31.0, 60.0, 92.0, 120.0, 200.0, 280.0])
def test_tempo_classes_are_near(bpm: float) -> None:
    assert class_tempo(tempo_class(bpm)) == pytest.approx(bpm, rel=0.035)


def test_prefixes_too_long_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        prefixes([list(range(1, SLOTS + 2))])
    with pytest.raises(ValueError, match="no style token"):
        token("style", 48)


def test_variations_keep_their_bounds() -> None:
    rng = np.random.default_rng(0)
    piece = made_piece(8, transpose=-20)
    seen = set()
    for _ in range(60):
        taken = vary(piece, rng, Variation())
        assert taken.pitch.min() >= 21 and taken.bars == 8 and len(taken) == len(piece)
        assert abs(np.log(taken.tempo_bpm / piece.tempo_bpm)) <= np.log(1.2) + 1e-9
        shift = taken.pitch - piece.pitch
        assert len(set(shift.tolist())) == 1 and abs(int(shift[0])) <= 6
        seen.add(int(taken.instrument[0]))
    assert len(seen) > 3


def test_some_is_forgotten_and_none_is_invented() -> None:
    rng = np.random.default_rng(0)
    whole = measure(made_piece(8))
    kept: dict[str, int] = {}
    for _ in range(200):
        left = forget(whole, rng)
        for name in ("key", "meter", "density", "instruments", "tempo_bpm"):
            value = getattr(left, name)
            assert value in (getattr(whole, name), None, ())
            kept[name] = kept.get(name, 0) + bool(value)
    assert all(40 < count < 160 for count in kept.values()), kept


def test_the_style_is_what_people_said() -> None:
    from partimento.tasks.text2midi.corpus import Excerpt
    from partimento.tasks.text2midi.interface import CorpusPiece

    music = made_piece(8)
    piece = CorpusPiece("a", "abc_tunes", "g", "", "train", (music,), {"style": "jig"})
    assert described(Excerpt(piece, music, True, True), music).style == "jig"
