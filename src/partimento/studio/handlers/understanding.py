"""What was understood of a sentence, word by word, and how each attribute can be corrected."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from partimento.core.errors import ConfigError
from partimento.studio.bench import Bench
from partimento.studio.questions import UnderstandQuestion

if TYPE_CHECKING:
    from partimento.music.attributes import Attributes

_LABELS = {
    "arousal": "energy",
    "exclude": "without",
    "polyphony": "notes at once",
    "dynamics": "loudness",
}
"""Names for people, where the attribute is called otherwise."""
_SETTING_OF = {
    "tempo_bpm": "tempo",
    "tempo_word": "tempo",
    "excluded": "exclude",
}
"""Attribute of a finding -> setting that corrects it, where they differ."""
_BEYOND = ("valence",)
"""Attributes that words imply and nothing sets: the mode is what is heard of them."""


def understand(question: UnderstandQuestion, bench: Bench) -> dict[str, Any]:
    """How a sentence is understood; ``settings`` that cannot be are told one by one.

    ``findings``: words, attribute, value, how (said, implied, negated), the setting that corrects
    it; ``controls``: every setting with the choices it has, what the text says of it and what holds
    in the end; ``wrong``: setting -> why it cannot be.
    """
    from partimento.chain.song_wishes import wishes_of
    from partimento.tasks.text2midi.measuring import findings_of
    from partimento.tasks.text2midi.parsing import parse
    from partimento.tasks.text2midi.wishes import asked_for, checked_text

    # What is to be done with the finished piece is no attribute of it; the song reads it.
    wishes = wishes_of(checked_text(question.text))
    understood = parse(wishes.about)
    settings, wrong = _possible(understood.attributes, question.settings)
    asked = asked_for(understood.attributes, settings)
    told = findings_of(understood)
    for finding in told["findings"]:
        finding["setting"] = _setting_of(str(finding["attribute"]), str(finding["how"]))
    from_text, in_the_end = _values(understood.attributes), _values(asked.attributes)
    return {
        **told,
        "language": understood.language,
        "wishes": wishes.report(),
        "could_not": list(asked.could_not),
        "wrong": wrong,
        "controls": [
            {**control, "text": from_text[control["name"]], "value": in_the_end[control["name"]]}
            for control in _controls()
        ],
    }


def _setting_of(attribute: str, how: str) -> str | None:
    if attribute in _BEYOND:
        return None
    if attribute == "instruments" and how == "negated":
        return "exclude"
    return _SETTING_OF.get(attribute, attribute)


def _possible(
    understood: Attributes, settings: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The settings that can be, and why the others cannot."""
    from partimento.tasks.text2midi.wishes import asked_for

    good: dict[str, str] = {}
    wrong: dict[str, str] = {}
    for name, value in settings.items():
        try:
            asked_for(understood, {name: value})
        except ConfigError as error:
            told = (part.rstrip(".") for part in (error.what, error.fix) if part)
            wrong[name] = " ".join(f"{part}." for part in told)
        else:
            good[name] = value
    return good, wrong


@lru_cache(maxsize=1)
def _controls() -> tuple[dict[str, Any], ...]:
    """Every setting in the order of the form: name, label, kind, choices."""
    from partimento.music.attributes import LEVELS, TEMPO_WORDS
    from partimento.music.barpiece import METERS
    from partimento.music.instruments import INSTRUMENT_NAMES
    from partimento.music.keys import ALL_KEYS
    from partimento.music.styles import STYLES
    from partimento.tasks.text2midi.wishes import MOST_BARS, SETTABLE, TEMPO_LIMITS

    low, high = TEMPO_LIMITS
    keys = sorted({key.name for key in ALL_KEYS}, key=lambda name: (name.split()[1], name))
    known: dict[str, dict[str, Any]] = {
        "tempo": {"kind": "tempo", "choices": TEMPO_WORDS, "least": low, "most": high},
        "mode": {"kind": "choice", "choices": ("major", "minor")},
        "key": {"kind": "choice", "choices": keys},
        "meter": {"kind": "choice", "choices": METERS},
        "style": {"kind": "choice", "choices": sorted(STYLES)},
        **{name: {"kind": "choice", "choices": words} for name, words in LEVELS.items()},
        "instruments": {"kind": "names", "choices": sorted(INSTRUMENT_NAMES)},
        "exclude": {"kind": "names", "choices": sorted((*INSTRUMENT_NAMES, "drums"))},
        "bars": {"kind": "number", "least": 1, "most": MOST_BARS},
    }
    return tuple({"name": n, "label": _LABELS.get(n, n), **known[n]} for n in SETTABLE)


def _values(attributes: Attributes) -> dict[str, str]:
    """Every setting as it would be written; empty where nothing is asked."""
    from partimento.tasks.text2midi.wishes import SETTABLE

    tempo = attributes.tempo_bpm
    if isinstance(tempo, tuple):
        said = f"{tempo[0]:g}-{tempo[1]:g}"
    else:
        said = f"{tempo:g}" if tempo is not None else attributes.tempo_word or ""
    found = {
        "tempo": said,
        "instruments": ", ".join(attributes.instruments),
        "exclude": ", ".join(attributes.excluded),
        "bars": "" if attributes.bars is None else str(attributes.bars),
    }
    return {
        name: found[name] if name in found else getattr(attributes, name) or "" for name in SETTABLE
    }
