"""From what was understood and what was set by hand to what the model is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.attributes import LEVELS, TEMPO_WORDS, Attributes, level, tempo_word
from partimento.music.barpiece import METERS
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.keys import Key
from partimento.music.styles import STYLES

MOST_BARS = 64
DEFAULT_BARS = 16
LONGEST_TEXT = 4000
"""Characters."""
TEMPO_LIMITS = (20.0, 300.0)
NUMBER_LIMITS: dict[str, tuple[float, float, str]] = {
    "density": (0.1, 20.0, "notes a second"),
    "register": (21.0, 108.0, "a mean MIDI pitch"),
    "polyphony": (1.0, 12.0, "notes at once"),
}
"""Attributes that may be set as numbers: lowest, highest, unit."""
FORCEABLE = ("tempo", "meter", "key", "instruments", "polyphony")
USUALLY_FORCED = ("tempo", "meter", "instruments")
NOTHING = ("any", "none", "free")
"""Values that take an attribute back."""
NO_DRUMS = "drums: there are none here; the music it learnt from has no percussion"
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:-|–|\.\.|to)\s*(\d+(?:\.\d+)?)")  # noqa: RUF001

Settings = Mapping[str, Any] | Sequence[str]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for in the end.

    ``settings`` are the ones that overrode the text, as they were written; ``could_not`` are
    sentences on what cannot be done.
    """

    attributes: Attributes
    settings: Mapping[str, str]
    could_not: tuple[str, ...] = ()


def asked_for(understood: Attributes, settings: Settings | None = None) -> Asked:
    """The attributes of a text, corrected by settings.

    ``settings`` are ``{"key": "D minor", "tempo": 90}`` or ``["key=D minor", "tempo=90"]``; the
    value "any" forgets what the text says.  Raises ConfigError for a name or value that does not
    exist, with those that do.
    """
    attributes = understood
    written: dict[str, str] = {}
    for name, value in _pairs(settings):
        attributes = _set(attributes, name, value)
        written[name] = value
    could_not = []
    if "drums" in attributes.instruments:
        could_not.append(NO_DRUMS)
        kept = tuple(n for n in attributes.instruments if n != "drums")
        attributes = replace(attributes, instruments=kept)
    both = sorted(set(attributes.instruments) & set(attributes.excluded))
    if both:
        could_not.append(f"{', '.join(both)}: asked for and ruled out; they are left out")
        kept = tuple(n for n in attributes.instruments if n not in both)
        attributes = replace(attributes, instruments=kept)
    return Asked(attributes, written, tuple(could_not))


def forced_names(attributes: Attributes, force: Iterable[str], free: bool) -> frozenset[str]:
    """Attributes to enforce: tempo, meter and instruments where stated, and those in ``force``.

    With ``free`` only those in ``force``.  Raises ConfigError for a name that cannot be forced or
    that nothing is asked of.
    """
    wanted = [name.strip() for name in force if name.strip()]
    for name in wanted:
        if name not in FORCEABLE:
            raise ConfigError(
                f"{name[:40]!r} cannot be forced",
                where="--force",
                fix=f"Name of {', '.join(FORCEABLE)}",
            )
        if not _stated(attributes, name):
            raise ConfigError(
                f"nothing is asked of {name}, so it cannot be forced",
                where="--force",
                fix=f"Say it in the text or with --set {name}=...",
            )
    if "polyphony" in wanted and attributes.polyphony != "monophonic":
        raise ConfigError(
            "only monophonic music can be forced",
            where="--force polyphony",
            fix="Ask for one voice with --set polyphony=monophonic, or leave it out",
        )
    usual = () if free else tuple(n for n in USUALLY_FORCED if _stated(attributes, n))
    return frozenset((*usual, *wanted))


def _stated(attributes: Attributes, name: str) -> bool:
    if name == "tempo":
        return attributes.tempo_bpm is not None or attributes.tempo_word is not None
    return bool(getattr(attributes, name))


def drawn_tempo(attributes: Attributes, rng: np.random.Generator) -> Attributes:
    """The same with a number drawn where a range of tempi is asked for, whole where possible."""
    if not isinstance(attributes.tempo_bpm, tuple):
        return attributes
    low, high = attributes.tempo_bpm
    drawn = float(rng.uniform(low, high))
    whole = float(round(drawn))
    bpm = whole if low <= whole <= high else round(drawn, 2)
    return replace(attributes, tempo_bpm=bpm, tempo_word=tempo_word(bpm))


def checked_bars(bars: int | None, stated: int | None, most: int = MOST_BARS) -> int:
    """The number of bars: given, else stated in the text, else 16.  Raises ConfigError."""
    found, where = (bars, "--bars") if bars is not None else (stated, "the text")
    if found is None:
        return DEFAULT_BARS
    if not 1 <= found <= most:
        raise ConfigError(
            f"{found} bars are not possible", where=where, fix=f"Ask for 1 to {most} bars"
        )
    return found


def checked_text(text: str, where: str = "the text") -> str:
    """The text without control characters.  Raises ConfigError for one that is too long."""
    if len(text) > LONGEST_TEXT:
        raise ConfigError(
            f"{len(text)} characters are more than the {LONGEST_TEXT} allowed",
            where=where,
            fix="Say it in fewer words",
        )
    return "".join(c if c.isprintable() else " " for c in text).strip()


# -- settings -------------------------------------------------------------------------------------


def _pairs(settings: Settings | None) -> list[tuple[str, str]]:
    """Names and values; a later one of a name replaces an earlier one."""
    if settings is None:
        return []
    if isinstance(settings, Mapping):
        found = [(str(name), _as_text(value)) for name, value in settings.items()]
    else:
        found = []
        for word in settings:
            name, equals, value = word.partition("=")
            if not equals:
                raise ConfigError(
                    f"{word[:60]!r} has no value", where="--set", fix='Write --set key="D minor"'
                )
            found.append((name, value))
    cleaned = {name.strip().lower(): value.strip() for name, value in found}
    for name in cleaned:
        if name not in _SETTERS:
            raise ConfigError(
                f"there is no attribute {name[:40]!r}",
                where="--set",
                fix=f"Set one of {', '.join(_SETTERS)}",
            )
    # The key comes after the mode, so that the finer one wins; exclusion after instruments.
    return sorted(cleaned.items(), key=lambda pair: list(_SETTERS).index(pair[0]))


def _as_text(value: Any) -> str:
    if isinstance(value, tuple | list):
        numeric = all(isinstance(v, int | float) for v in value)
        return ("-" if numeric else ", ").join(map(str, value))
    return str(value)


def _set(attributes: Attributes, name: str, value: str) -> Attributes:
    if value.lower() in NOTHING:
        return attributes.without(*_FIELDS.get(name, (name,)))
    return _SETTERS[name](attributes, name, value)


_CALLED = {"bars": "number of bars", "instruments": "instrument", "exclude": "instrument"}


def _wrong(name: str, value: str, fix: str) -> ConfigError:
    return ConfigError(
        f"{value[:60]!r} is no {_CALLED.get(name, name)}" if value else "the value is missing",
        where=f"--set {name}",
        fix=fix,
    )


def _tempo(attributes: Attributes, name: str, value: str) -> Attributes:
    low, high = TEMPO_LIMITS
    text = value.lower().removesuffix("bpm").strip()
    fix = f"Give beats a minute of {low:g} to {high:g}, a range such as 90-110, or one of "
    fix += ", ".join(TEMPO_WORDS)
    if text in TEMPO_WORDS:
        return replace(attributes, tempo_bpm=None, tempo_word=text)
    match = _RANGE.fullmatch(text)
    try:
        ends = [float(match[1]), float(match[2])] if match else [float(text)]
    except ValueError:
        raise _wrong(name, value, fix) from None
    if not all(low <= end <= high for end in ends) or sorted(ends) != ends:
        raise _wrong(name, value, fix)
    middle = sum(ends) / len(ends)
    bpm = (ends[0], ends[1]) if len(ends) == 2 and ends[0] < ends[1] else ends[0]
    return replace(attributes, tempo_bpm=bpm, tempo_word=tempo_word(middle))


def _key(attributes: Attributes, name: str, value: str) -> Attributes:
    try:
        key = Key.parse(value)
    except ConfigError as error:
        raise _wrong(name, value, error.fix) from None
    return replace(attributes, key=key.name, mode=key.mode)


def _mode(attributes: Attributes, name: str, value: str) -> Attributes:
    mode = value.lower()
    if mode not in ("major", "minor"):
        raise _wrong(name, value, "Set major or minor")
    key = attributes.key
    kept = key if key is not None and key.endswith(mode) else None
    return replace(attributes, mode=mode, key=kept)


def _with(attributes: Attributes, name: str, value: str) -> Attributes:
    """One field replaced, by its name."""
    values: dict[str, Any] = {name: value}
    return replace(attributes, **values)


def _one_of(words: Sequence[str]) -> Callable[[Attributes, str, str], Attributes]:
    def setter(attributes: Attributes, name: str, value: str) -> Attributes:
        word = " ".join(value.lower().split())
        if word not in words:
            raise _wrong(name, value, f"Set one of {', '.join(words)}")
        return _with(attributes.without(name), name, word)

    return setter


def _level(attributes: Attributes, name: str, value: str) -> Attributes:
    word = value.lower()
    words = ", ".join(LEVELS[name])
    if word in LEVELS[name]:
        return _one_of(LEVELS[name])(attributes, name, value)
    if name not in NUMBER_LIMITS:
        raise _wrong(name, value, f"Set one of {words}")
    low, high, unit = NUMBER_LIMITS[name]
    fix = f"Set one of {words}, or {unit} from {low:g} to {high:g}"
    try:
        number = float(word)
    except ValueError:
        raise _wrong(name, value, fix) from None
    if not low <= number <= high:
        raise _wrong(name, value, fix)
    numbers = {**attributes.numbers, name: number}
    return replace(_with(attributes, name, level(name, number)), numbers=numbers)


def _names(name: str, value: str, allowed: Sequence[str]) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(n.strip().lower() for n in value.split(",") if n.strip()))
    unknown = [n for n in found if n not in allowed]
    if unknown or not found:
        raise _wrong(name, unknown[0] if unknown else "", f"Name of {', '.join(allowed)}")
    return found


def _instruments(attributes: Attributes, name: str, value: str) -> Attributes:
    found = _names(name, value, INSTRUMENT_NAMES)
    excluded = tuple(n for n in attributes.excluded if n not in found)
    return replace(attributes, instruments=found, excluded=excluded)


def _exclude(attributes: Attributes, name: str, value: str) -> Attributes:
    found = _names(name, value, (*INSTRUMENT_NAMES, "drums"))
    kept = tuple(n for n in attributes.instruments if n not in found)
    excluded = tuple(dict.fromkeys((*attributes.excluded, *found)))
    return replace(attributes, instruments=kept, excluded=excluded)


def _bars(attributes: Attributes, name: str, value: str) -> Attributes:
    if not (value.isdecimal() and len(value) <= 3 and 1 <= int(value) <= MOST_BARS):
        raise _wrong(name, value, f"Set a number from 1 to {MOST_BARS}")
    return replace(attributes, bars=int(value))


_SETTERS: dict[str, Callable[[Attributes, str, str], Attributes]] = {
    "tempo": _tempo,
    "mode": _mode,
    "key": _key,
    "meter": _one_of(METERS),
    "style": _one_of(STYLES),
    **dict.fromkeys(LEVELS, _level),
    "instruments": _instruments,
    "exclude": _exclude,
    "bars": _bars,
}
SETTABLE: tuple[str, ...] = tuple(_SETTERS)
"""Names that may be set."""
_FIELDS = {
    "tempo": ("tempo_bpm", "tempo_word"),
    "mode": ("mode", "key"),
    "key": ("key",),
    "exclude": ("excluded",),
}
"""Fields that a name takes back, where they are not called like it."""
