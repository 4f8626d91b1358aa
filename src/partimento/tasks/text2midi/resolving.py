"""From findings to attributes: what is said beats what is implied, disagreement says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from partimento.music.attributes import TEMPO_WORDS, Attributes, tempo_word
from partimento.tasks.text2midi.findings import Finding, Value

SCALARS: tuple[str, ...] = (
    *("tempo_word", "key", "mode", "meter", "style", "valence", "arousal", "density"),
    *("register", "polyphony", "dynamics", "articulation"),
)
_FIRST_COUNTS = frozenset({"key", "tempo_bpm", "bars"})
_PERIODS = ("baroque", "classical", "romantic", "renaissance", "modern")
_LOOSE = ("folk", "song", "study", "march", "air")


def resolve(found: Sequence[Finding]) -> Attributes:
    """The attributes that the findings agree on."""
    values: dict[str, Any] = {name: _scalar(name, found) for name in SCALARS}
    values["tempo_bpm"] = _first("tempo_bpm", found)
    values["bars"] = _first("bars", found)
    if values["tempo_bpm"] is not None:
        bpm = values["tempo_bpm"]
        values["tempo_word"] = tempo_word(sum(bpm) / 2 if isinstance(bpm, tuple) else bpm)
    if values["key"] is not None:
        values["mode"] = values["key"].split()[1]
    excluded = _all("instruments", found, "negated")
    wanted = _all("instruments", found, "said")
    values["excluded"] = excluded
    values["instruments"] = tuple(name for name in wanted if name not in excluded)
    return Attributes(**values)


def _all(attribute: str, found: Sequence[Finding], how: str) -> tuple[str, ...]:
    names = [str(f.value) for f in found if f.attribute == attribute and f.how == how]
    return tuple(dict.fromkeys(names))


def _first(attribute: str, found: Sequence[Finding]) -> Value | None:
    return next((f.value for f in found if f.attribute == attribute and f.how == "said"), None)


def _scalar(attribute: str, found: Sequence[Finding]) -> str | None:
    said = _values(attribute, found, "said")
    if said:
        return _agreed(attribute, said)
    denied = set(_values(attribute, found, "negated"))
    implied = [v for v in _values(attribute, found, "implied") if v not in denied]
    return implied[0] if len(set(implied)) == 1 else None


def _values(attribute: str, found: Sequence[Finding], how: str) -> list[str]:
    return [str(f.value) for f in found if f.attribute == attribute and f.how == how]


def _agreed(attribute: str, said: list[str]) -> str | None:
    """The one value of several that were said, if they go together."""
    if len(set(said)) == 1 or attribute in _FIRST_COUNTS:
        return said[0]
    if attribute == "style":
        return _narrowest(said)
    if attribute == "tempo_word":
        places = [TEMPO_WORDS.index(word) for word in said]
        # "A slow largo" goes one way; "slow, then fast" two.
        if max(places) < 2:
            return TEMPO_WORDS[min(places)]
        if min(places) > 2:
            return TEMPO_WORDS[max(places)]
    return None


def _narrowest(said: list[str]) -> str:
    """The style that says most: a dance before a period, a period before folk or song."""

    def width(style: str) -> int:
        return 2 if style in _LOOSE[:3] else 1 if style in _PERIODS else 0

    return min(said, key=width)
