"""What a caption is to say: some of a piece's attributes, none that misleads."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import numpy as np

from partimento.music.attributes import Attributes, tempo_word
from partimento.tasks.text2midi.caption_words import FORMS, STYLE_NOUNS
from partimento.tasks.text2midi.lexicon import phrases_of

Length = Literal["short", "medium", "long"]
Facts = dict[str, Any]
"""Attribute -> value, in the order in which it came to mind."""

MOST_INSTRUMENTS = 5
_COUNTS: dict[str, tuple[int, int]] = {"short": (2, 3), "medium": (4, 6), "long": (7, 10)}
_LIKELY: dict[str, float] = {
    **{"style": 4.0, "instruments": 4.0, "key": 3.0, "tempo": 3.0, "meter": 2.0},
    **{"bars": 1.0, "density": 2.0, "register": 2.0, "polyphony": 2.0, "arousal": 1.0},
    **{"dynamics": 1.5, "articulation": 1.5, "valence": 1.0},
}
"""How readily people name a thing; key stands for key or mode, tempo for number or word."""


def choose_facts(
    attributes: Attributes,
    about: Mapping[str, str],
    rng: np.random.Generator,
    length: Length = "medium",
    stated: Collection[str] | None = None,
) -> Facts:
    """Facts for one caption: drawn at random, or those named by ``stated`` as far as known.

    A style that would imply a wrong meter or tempo (a march in 2/4) is said only together with
    the right one.  Raises ValueError for an unknown length.
    """
    if length not in _COUNTS:
        raise ValueError(f"{length!r} is none of {', '.join(_COUNTS)}")
    known = speakable(attributes, about)
    if stated is not None:
        facts = {name: known[name] for name in known if name in stated}
    else:
        facts = _drawn(known, rng, length)
    _keep_honest(facts, known)
    return facts


def speakable(attributes: Attributes, about: Mapping[str, str]) -> Facts:
    """All that could be said: attributes whose value has words."""
    facts: Facts = {}
    for name, forms in FORMS.items():
        value = getattr(attributes, name)
        if value in forms:
            facts[name] = value
    style = attributes.style or about.get("style")
    if style in STYLE_NOUNS:
        facts["style"] = style
    if attributes.key:
        facts["key"], facts["mode"] = attributes.key, attributes.key.split()[1]
    if attributes.meter:
        facts["meter"] = attributes.meter
    if 0 < len(attributes.instruments) <= MOST_INSTRUMENTS:
        facts["instruments"] = attributes.instruments
    if attributes.bars:
        facts["bars"] = attributes.bars
    bpm = attributes.tempo_bpm
    if isinstance(bpm, float | int) and 30 <= bpm <= 300:
        facts["tempo_bpm"], facts["tempo_word"] = float(bpm), tempo_word(bpm)
    if facts.get("valence") and not _mood_fits(facts):
        del facts["valence"]
    return facts


def _mood_fits(facts: Facts) -> bool:
    wrong = {("low", "major"), ("high", "minor")}
    return (facts["valence"], facts.get("mode")) not in wrong


def _drawn(known: Facts, rng: np.random.Generator, length: str) -> Facts:
    groups = [g for g in _LIKELY if any(name in known for name in _members(g))]
    low, high = _COUNTS[length]
    count = min(len(groups), int(rng.integers(low, high + 1)))
    weights = np.array([_LIKELY[g] for g in groups])
    if count == 0:
        return {}
    order = rng.choice(len(groups), size=count, replace=False, p=weights / weights.sum())
    facts: Facts = {}
    for place in order:
        names = [name for name in _members(groups[int(place)]) if name in known]
        # The number or the full key is said a little more often than the bare word.
        name = names[0] if len(names) == 1 or rng.random() < 0.6 else names[1]
        facts[name] = known[name]
    return facts


def _members(group: str) -> tuple[str, ...]:
    return {"tempo": ("tempo_bpm", "tempo_word"), "key": ("key", "mode")}.get(group, (group,))


def implied_by_style(style: str) -> dict[str, str]:
    """What the parser takes a style to imply: jig -> 6/8 and fast."""
    effects = phrases_of("english").get(tuple(style.split()), ())
    return {e.attribute: e.value for e in effects if not e.said}


def _keep_honest(facts: Facts, known: Facts) -> None:
    """Say a measured value where the style alone would imply another."""
    if "style" not in facts:
        return
    for name, value in implied_by_style(facts["style"]).items():
        if known.get(name) in (None, value):
            continue
        if name == "tempo_word" and "tempo_bpm" in facts:
            continue
        facts[name] = known[name]
