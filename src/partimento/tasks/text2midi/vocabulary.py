"""The prefix: optional tokens for everything that a text can ask of a piece.

Every attribute has a family of tokens; a prefix is a set of them, at most one a family (but up to
six instruments).  What is not stated has no token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.music.attributes import (
    LEVEL_EDGES,
    LEVELS,
    TEMPO_WORDS,
    Attributes,
    level,
    tempo_word,
)
from partimento.music.barpiece import METERS
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.music.keys import ALL_KEYS, Key
from partimento.music.styles import FAMILY, STYLES
from partimento.tasks.text2midi.interface import Conditions
from partimento.tasks.text2midi.steps import (
    DENSITY_EDGES,
    MOST_BARS,
    POLYPHONY_EDGES,
    REGISTER_EDGES,
)

TEMPO_LOW, TEMPO_RATIO, TEMPOS = 30.0, 1.06, 40
"""Tempo classes: from 30 quarters a minute in steps of 6 %, up to 290."""
DYNAMICS_EDGES = (48.0, 60.0, 72.0, 84.0, 96.0, 108.0)
FINE_EDGES: dict[str, tuple[float, ...]] = {
    "density": DENSITY_EDGES,
    "register": REGISTER_EDGES,
    "polyphony": POLYPHONY_EDGES,
    "dynamics": DYNAMICS_EDGES,
}
"""Attributes that have classes finer than their words."""
MOST_SEMANTIC, MOST_RESIDUAL = 64, 32
MOST_INSTRUMENTS = 6
FAMILIES = ("dance", "folk", "church", "art")

_SIZES: dict[str, int] = {
    "semantic": MOST_SEMANTIC,
    "semantic2": MOST_RESIDUAL,
    "style": 48,
    "family": len(FAMILIES),
    "key": len(ALL_KEYS),
    "mode": 2,
    "tempo": TEMPOS,
    "tempo_word": len(TEMPO_WORDS),
    "meter": 32,
    **{f"{name}_fine": len(edges) + 1 for name, edges in FINE_EDGES.items()},
    **{name: len(words) for name, words in LEVELS.items()},
    "valence": 2,
    "bars": MOST_BARS,
    "opens": 2,
    "closes": 2,
    "instrument": 48,
}
"""Tokens of each family; styles, meters and instruments leave room for later ones."""
FAMILY_NAMES: tuple[str, ...] = tuple(_SIZES)
_STARTS = dict(zip(_SIZES, np.cumsum([1, *_SIZES.values()]).tolist(), strict=False))
TOKENS = 1 + sum(_SIZES.values())
"""Number of tokens; token 0 is "nothing"."""
SLOTS = len(_SIZES) - 1 + MOST_INSTRUMENTS
"""Most tokens that a prefix can hold."""
NO_TONIC = 12


def token(family: str, number: int) -> int:
    """Id of a token.  Raises ValueError for a number that the family does not have."""
    if not 0 <= number < _SIZES[family]:
        raise ValueError(f"there is no {family} token {number}")
    return _STARTS[family] + number


def tempo_class(bpm: float) -> int:
    """Class of a tempo in quarters a minute.

    >>> tempo_class(30.0), tempo_class(120.0)
    (0, 24)
    """
    return int(np.clip(round(np.log(bpm / TEMPO_LOW) / np.log(TEMPO_RATIO)), 0, TEMPOS - 1))


def class_tempo(number: int) -> float:
    """Quarters a minute of a tempo class, rounded to whole ones."""
    return float(round(TEMPO_LOW * TEMPO_RATIO**number))


def tonic_of(attributes: Attributes) -> int:
    """Pitch class of the tonic that is asked for; 12 where none is."""
    return NO_TONIC if attributes.key is None else Key.parse(attributes.key).tonic_pitch_class


def prefix(conditions: Conditions, bars: int | None) -> list[int]:
    """Tokens of the conditions, in ascending order.

    Numbers give the fine token where an attribute has one; a word the coarse one.
    """
    asked = conditions.attributes
    found = [*_named(asked), *_levels(asked)]
    for family, number in zip(("semantic", "semantic2"), conditions.semantic, strict=False):
        found.append(token(family, number))
    if bars is not None:
        found.append(token("bars", bars - 1))
    for family, value in (("opens", conditions.opens), ("closes", conditions.closes)):
        if value is not None:
            found.append(token(family, int(value)))
    names = [n for n in asked.instruments if n in INSTRUMENT_ID][:MOST_INSTRUMENTS]
    found += [token("instrument", INSTRUMENT_ID[name]) for name in names]
    return sorted(found)


def _named(asked: Attributes) -> list[int]:
    found = []
    if asked.style in FAMILY:
        found.append(token("style", STYLES.index(asked.style)))
        found.append(token("family", FAMILIES.index(FAMILY[asked.style])))
    if asked.key is not None:
        key = Key.parse(asked.key)
        place = next(
            i
            for i, k in enumerate(ALL_KEYS)
            if (k.tonic_pitch_class, k.mode) == (key.tonic_pitch_class, key.mode)
        )
        found += [token("key", place), token("mode", int(key.mode == "minor"))]
    elif asked.mode is not None:
        found.append(token("mode", int(asked.mode == "minor")))
    if asked.meter in METERS:
        found.append(token("meter", METERS.index(asked.meter)))
    if asked.valence is not None:
        found.append(token("valence", int(asked.valence == "high")))
    return found + _tempo(asked)


def _tempo(asked: Attributes) -> list[int]:
    bpm = asked.tempo_bpm
    if isinstance(bpm, tuple):
        bpm = (bpm[0] * bpm[1]) ** 0.5
    if bpm is not None:
        words = tempo_word(bpm)
        return [token("tempo", tempo_class(bpm)), token("tempo_word", TEMPO_WORDS.index(words))]
    if asked.tempo_word in TEMPO_WORDS:
        return [token("tempo_word", TEMPO_WORDS.index(asked.tempo_word))]
    return []


def _levels(asked: Attributes) -> list[int]:
    found = []
    for name in LEVEL_EDGES:
        word = getattr(asked, name)
        value = asked.numbers.get(name)
        if value is not None and name in FINE_EDGES:
            fine = int(np.searchsorted(FINE_EDGES[name], value, side="right"))
            found.append(token(f"{name}_fine", fine))
            word = level(name, value)
        if word is not None:
            found.append(token(name, LEVELS[name].index(word)))
    return found


def prefixes(rows: Sequence[Sequence[int]]) -> np.ndarray:
    """(B, SLOTS) int64, padded with 0.  Raises ValueError for a prefix that is too long."""
    table = np.zeros((len(rows), SLOTS), dtype=np.int64)
    for place, row in enumerate(rows):
        if len(row) > SLOTS:
            raise ValueError(f"a prefix of {len(row)} tokens; it has at most {SLOTS}")
        table[place, : len(row)] = row
    return table


assert len(INSTRUMENTS) <= _SIZES["instrument"]
