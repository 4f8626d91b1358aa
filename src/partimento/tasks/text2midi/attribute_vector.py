"""Attributes as a vector: one number for each value that an attribute can have.

Shape suffixes: A values of all attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.attributes import LEVELS, TEMPO_WORDS, Attributes, level, tempo_word
from partimento.music.barpiece import METERS
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.keys import ALL_KEYS, Key
from partimento.music.styles import FAMILY, STYLES

GROUPS: dict[str, tuple[str, ...]] = {
    "tempo_word": TEMPO_WORDS,
    "key": tuple(key.name for key in ALL_KEYS),
    "mode": ("major", "minor"),
    "meter": METERS,
    "style": STYLES,
    "family": tuple(dict.fromkeys(FAMILY.values())),
    "valence": ("low", "high"),
    **LEVELS,
    "instruments": INSTRUMENT_NAMES,
}
"""Attribute -> the values it can have."""
ORDERED = frozenset({"tempo_word", *LEVELS})
"""Attributes whose values go from little to much: next to the right one is half right."""
KIND_GROUPS = tuple(name for name in GROUPS if name not in ("key", "arousal"))
"""What tells kinds of music apart: not the key, which any kind has; not arousal, which is
density by another name."""
NEAR = 0.5


def layout(groups: Sequence[str] = tuple(GROUPS)) -> tuple[str, ...]:
    """Names of the values, such as ``mode=minor``: what files store, so that tables may grow."""
    return tuple(f"{group}={value}" for group in groups for value in GROUPS[group])


def values_of(attributes: Attributes) -> dict[str, tuple[str, ...]]:
    """What is stated, by group; a tempo or level given as a number counts as its word."""
    tempo, word = attributes.tempo_bpm, attributes.tempo_word
    if word is None and tempo is not None:
        word = tempo_word(float(np.mean(tempo)))
    style = attributes.style
    found: dict[str, str | None] = {
        "tempo_word": word,
        "key": _spelled(attributes.key),
        "mode": attributes.mode or (attributes.key.split()[-1] if attributes.key else None),
        "meter": attributes.meter,
        "style": style,
        "family": FAMILY.get(style) if style else None,
        "valence": attributes.valence,
    }
    for name in LEVELS:
        found[name] = getattr(attributes, name)
        if found[name] is None and name in attributes.numbers:
            found[name] = level(name, attributes.numbers[name])
    stated: dict[str, tuple[str, ...]] = {
        group: (value,) for group, value in found.items() if value is not None
    }
    if attributes.instruments:
        stated["instruments"] = tuple(attributes.instruments)
    return stated


def indicator(attributes: Attributes, names: Sequence[str]) -> np.ndarray:
    """(A,) 1 for each value that is stated, 0 elsewhere; values not in ``names`` are left out."""
    place = _places(tuple(names))
    vector_A = np.zeros(len(names))
    for group, values in values_of(attributes).items():
        for value in values:
            if (index := place.get(f"{group}={value}")) is not None:
                vector_A[index] = 1.0
    return vector_A


def wanted(attributes: Attributes, names: Sequence[str]) -> np.ndarray:
    """(A,) weights that sum a piece's :func:`indicator` to its agreement with what is stated.

    Each stated group adds at most 1: its value 1, the next one up or down of an ordered group
    :data:`NEAR`, each of several instruments its share; an excluded instrument takes 1 away.
    """
    place = _places(tuple(names))
    vector_A = np.zeros(len(names))
    for group, values in values_of(attributes).items():
        for value in values:
            for near, weight in _with_neighbours(group, value).items():
                if (index := place.get(f"{group}={near}")) is not None:
                    vector_A[index] += weight / len(values)
    for name in attributes.excluded:
        if (index := place.get(f"instruments={name}")) is not None:
            vector_A[index] -= 1.0
    return vector_A


@lru_cache(maxsize=8)
def _places(names: tuple[str, ...]) -> dict[str, int]:
    return {name: i for i, name in enumerate(names)}


def _with_neighbours(group: str, value: str) -> dict[str, float]:
    found = {value: 1.0}
    values = GROUPS[group]
    if group in ORDERED and value in values:
        at = values.index(value)
        for near in (at - 1, at + 1):
            if 0 <= near < len(values):
                found[values[near]] = NEAR
    return found


def _spelled(key: str | None) -> str | None:
    """The key under the name that :data:`GROUPS` has for it; None where it is no key."""
    if key is None:
        return None
    try:
        asked = Key.parse(key)
    except (ConfigError, ValueError):
        return None
    same = (k for k in ALL_KEYS if (k.mode, k.tonic_pitch_class) == _sounding(asked))
    return next(same).name


def _sounding(key: Key) -> tuple[str, int]:
    return key.mode, key.tonic_pitch_class
