"""Attributes filled in like a form: "density: high", "valence low", "high arousal"."""

from __future__ import annotations

import re

from partimento.music.attributes import LEVELS
from partimento.tasks.text2midi.findings import Finding, finding
from partimento.tasks.text2midi.matching import is_negated
from partimento.tasks.text2midi.words import Row

_FIELDS = {
    **{"density": "density", "note density": "density", "register": "register"},
    **{
        "pitch": "register",
        "polyphony": "polyphony",
        "dynamics": "dynamics",
        "dynamic": "dynamics",
    },
    **{"volume": "dynamics", "loudness": "dynamics", "arousal": "arousal", "energy": "arousal"},
    **{"valence": "valence", "articulation": "articulation"},
}
_PLACES = {
    **dict.fromkeys(("low", "lower", "negative", "minimal", "small"), 0),
    **dict.fromkeys(("medium", "middle", "moderate", "mid", "average"), 1),
    **dict.fromkeys(("high", "higher", "positive", "large"), 2),
}
_VALUES = {value for words in LEVELS.values() for value in words} | set(_PLACES)
_NAMES = "|".join(sorted(_FIELDS, key=len, reverse=True))
_ANY = "|".join(sorted(_VALUES))
_NAME_FIRST = re.compile(rf"\b({_NAMES}) (?:(?:[:=]|is|should be|of|at) )?(?:very )?({_ANY})\b")
_VALUE_FIRST = re.compile(rf"\b({_ANY}) (valence|arousal|density|note density|polyphony|energy)\b")


def _value(attribute: str, word: str) -> str | None:
    """The value that a word names for an attribute, None if it names none."""
    words = ("low", "", "high") if attribute == "valence" else LEVELS[attribute]
    if word in words:
        return word
    return words[_PLACES[word]] or None if word in _PLACES else None


def find_fields(row: Row) -> list[Finding]:
    """Fields with their values; the words are taken from the row."""
    if row.language != "english":
        return []
    found = []
    for pattern, name, word in ((_NAME_FIRST, 1, 2), (_VALUE_FIRST, 2, 1)):
        for match, first, end in row.find(pattern):
            attribute = _FIELDS[match[name]]
            value = _value(attribute, match[word])
            if value is None or is_negated(row, first):
                continue
            row.take(first, end)
            found.append(finding(row, first, end, attribute, value, "said"))
    return found
