"""Values of ABC information fields: meter, unit length, tempo, key, voice.

Every function raises ValueError with a plain sentence; the reader adds file and line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from partimento.music.keys import fifths_place

MODES = {
    "maj": ("major", 0),
    "ion": ("ionian", 0),
    "mix": ("mixolydian", -1),
    "dor": ("dorian", -2),
    "min": ("minor", -3),
    "m": ("minor", -3),
    "aeo": ("aeolian", -3),
    "phr": ("phrygian", -4),
    "loc": ("locrian", -5),
    "lyd": ("lydian", 1),
    "": ("major", 0),
}
CLEFS = {
    "treble": "G2",
    "bass": "F4",
    "bass3": "F3",
    "baritone": "F3",
    "tenor": "C4",
    "alto": "C3",
    "mezzo": "C2",
    "mezzosoprano": "C2",
    "soprano": "C1",
    "alto1": "C1",
    "alto2": "C2",
    "alto4": "C4",
    "perc": "percussion",
}
_KEY = re.compile(r"([A-G])(#|b)?\s*([A-Za-z]*)")
_ACCIDENTAL = re.compile(r"(\^\^?|__?|=)([A-Ga-g])(?=\s|[\^_=]|$)")
ALTERS = {"^": 1, "^^": 2, "_": -1, "__": -2, "=": 0}
_SHARP_ORDER = "FCGDAEB"


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """Properties that K: and V: fields share; None where the field does not say."""

    name: str | None = None
    clef: str | None = None
    octave: int | None = None
    transpose: int | None = None


@dataclass(frozen=True, slots=True)
class AbcKey:
    """A key: signature ``fifths``, the mode's name, and ``alters`` (step letter -> semitones)."""

    fifths: int = 0
    mode: str | None = None
    alters: dict[str, int] = field(default_factory=dict)
    settings: VoiceSettings = VoiceSettings()
    stated: bool = True


def signature_alters(fifths: int) -> dict[str, int]:
    """Step letter -> alteration of a conventional key signature."""
    if fifths >= 0:
        return dict.fromkeys(_SHARP_ORDER[:fifths], 1)
    return dict.fromkeys(_SHARP_ORDER[fifths:], -1)


def parse_length(text: str) -> Fraction:
    """``1/8`` as a fraction of a whole note."""
    match = re.fullmatch(r"\s*(\d{1,3})(?:\s*/\s*(\d{1,4}))?\s*", text)
    if match is None or int(match[1]) == 0 or int(match[2] or 1) not in _POWERS:
        raise ValueError(f"{text.strip()[:30]!r} is no note length such as 1/8")
    return Fraction(int(match[1]), int(match[2] or 1))


_POWERS = {2**k for k in range(10)}


def parse_meter(text: str) -> tuple[int, int] | None:
    """``(beats, beat type)`` of ``6/8``, ``C``, ``C|``, ``(2+3)/8``; None for free meter."""
    value = text.strip()
    named = {"C": (4, 4), "C|": (2, 2), "none": None, "": None}
    if value in named:
        return named[value]
    match = re.fullmatch(r"\(?(\d{1,3}(?:\s*\+\s*\d{1,3})*)\)?\s*/\s*(\d{1,3})", value)
    if match is None:
        raise ValueError(f"{value[:30]!r} is no meter such as 4/4, 6/8, C, C| or none")
    beats, beat_type = sum(int(n) for n in match[1].split("+")), int(match[2])
    if beat_type not in _POWERS or not 0 < beats <= 128:
        raise ValueError(f"the meter {value[:30]} has no beat type that is a power of two")
    return beats, beat_type


def default_length(meter: tuple[int, int] | None) -> Fraction:
    """Unit note length where L: is absent: 1/16 for meters under 3/4, else 1/8."""
    small = meter is not None and Fraction(*meter) < Fraction(3, 4)
    return Fraction(1, 16) if small else Fraction(1, 8)


def parse_tempo(text: str, unit: Fraction) -> float | None:
    """Quarter notes per minute of ``1/4=120``, ``3/8 3/8=50``, ``"Allegro" 1/4=120`` or ``120``.

    A bare number counts unit note lengths (ABC 1.6).  None where only words stand.
    """
    value = re.sub(r'"[^"]*"', " ", text).strip()
    if not value:
        return None
    left, equals, right = value.rpartition("=")
    try:
        per_minute = float(right.strip().split()[0])
    except (ValueError, IndexError):
        raise ValueError(f"{text.strip()[:30]!r} is no tempo such as 1/4=100") from None
    lengths = re.findall(r"\d+/\d+|\d+", left) if equals else []
    beat = sum((parse_length(item) for item in lengths), Fraction(0)) or unit
    tempo = float(4 * beat) * per_minute
    if not 1 <= tempo <= 2000:
        raise ValueError(f"the tempo {text.strip()[:30]!r} is outside 1 to 2000 quarters a minute")
    return tempo


def parse_key(text: str) -> AbcKey:
    """Key with mode, explicit accidentals and clef: ``Edor``, ``Bb``, ``D exp _b ^f clef=bass``."""
    value = text.split("%")[0].strip()
    settings = parse_settings(value)
    head = re.split(r"\b(?:clef|octave|transpose|middle|style|stafflines|score|shift)=", value)[0]
    if head.strip().lower() in ("", "none") or head.split()[0].lower() in CLEFS:
        # "K:clef=bass" changes the clef alone; "K:none" has no signature.
        stated = head.strip().lower() == "none" or not value
        return AbcKey(settings=settings, stated=stated)
    if head.split()[0] in ("HP", "Hp"):
        return AbcKey(2, None, signature_alters(2), settings)
    match = _KEY.match(head)
    if match is None:
        raise ValueError(f"{value[:30]!r} is no key such as G, Bm, Ddor or F# minor")
    tonic, sign, word = match.groups()
    mode = "maj" if word == "M" else word.lower()[:3]
    rest = head[match.end() :]
    if mode not in MODES:
        # A word such as "exp" or a clef name after the tonic is no mode.
        rest, mode = head[match.start(3) :], ""
    name, offset = MODES[mode]
    fifths = fifths_place(tonic + (sign or "")) + offset
    explicit = re.search(r"\bexp\b", rest) is not None
    if not explicit and not -7 <= fifths <= 7:
        raise ValueError(f"{value[:30]!r} needs more than seven accidentals")
    alters = {} if explicit else signature_alters(fifths)
    for accidental, step in _ACCIDENTAL.findall(rest):
        alters[step.upper()] = ALTERS[accidental]
    alters = {step: alter for step, alter in alters.items() if alter}
    if explicit:
        fifths = sum(alters.values())
    return AbcKey(max(-7, min(7, fifths)), name, alters, settings)


def parse_settings(text: str) -> VoiceSettings:
    """``clef=``, ``name=``, ``octave=`` and ``transpose=`` of a K: or V: field."""
    pairs = {k.lower(): v.strip('"') for k, v in re.findall(r'(\w+)\s*=\s*("[^"]*"|[^\s"]+)', text)}
    words = re.sub(r'\w+\s*=\s*("[^"]*"|[^\s"]+)', " ", text).split()
    bare = next((w for w in words if re.fullmatch(r"[a-z]+\d?([+-]8)?", w) and _clef(w)), None)
    clef = pairs.get("clef", bare)
    octave = _small_int(pairs.get("octave"), "octave")
    return VoiceSettings(
        name=pairs.get("name", pairs.get("nm")),
        clef=_clef(clef) if clef else None,
        octave=octave,
        transpose=_small_int(pairs.get("transpose"), "transpose"),
    )


def _clef(word: str) -> str | None:
    """Clef name such as ``G2_8`` (sounds an octave lower) of an ABC clef word."""
    match = re.fullmatch(r"([A-Za-z]+\d?)([+-]8)?", word)
    if match is None:
        return None
    base = CLEFS.get(match[1].lower())
    if base is None:
        return None
    return base + {"-8": "_8", "+8": "^8"}.get(match[2] or "", "")


def _small_int(text: str | None, what: str) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[+-]?\d{1,2}", text):
        raise ValueError(f"{what}={text[:20]} is no small whole number")
    return int(text)


def parse_voice(text: str) -> tuple[str, VoiceSettings]:
    """Identifier and properties of a V: field."""
    words = text.split("%")[0].split(None, 1)
    if not words:
        raise ValueError("a V: field needs the name of the voice")
    return words[0], parse_settings(words[1] if len(words) > 1 else "")
