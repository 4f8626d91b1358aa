"""Tokens of the Humdrum ``**kern`` representation: notes, bar lines, interpretations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from partimento.music.abc_fields import MODES, signature_alters
from partimento.music.score import Spelling
from partimento.music.textscore import BarLine

_DURATION = re.compile(r"(\d{1,5})(?:%(\d{1,5}))?(\.*)")
_PITCH = re.compile(r"([A-Ga-g])\1*(#+|-+|n)?")
_MARKS = {
    "'": "staccato",
    "`": "staccatissimo",
    "^": "accent",
    "~": "tenuto",
    ",": "breath-mark",
    "T": "trill-mark",
    "t": "trill-mark",
    "S": "turn",
    "M": "inverted-mordent",
    "m": "inverted-mordent",
    "W": "mordent",
    "w": "mordent",
    "v": "up-bow",
    "u": "down-bow",
}
_BAR = re.compile(r"=+(\d{1,6})?([a-z]?)(.*)")


@dataclass(frozen=True, slots=True)
class KernNote:
    """One pitch of a token; ``spelling`` None for a rest, ``duration`` None where none stands."""

    duration: Fraction | None
    spelling: Spelling | None
    tie_start: bool
    tie_stop: bool
    fermata: bool
    grace: bool
    marks: tuple[str, ...]


def duration_quarter(recip: str, percent: str, dots: str) -> Fraction:
    """Quarters of a reciprocal duration: ``4`` is 1, ``2.`` 3, ``0`` a breve, ``3%2`` 8/3.

    ValueError for one out of bounds.
    """
    if len(dots) > 4:
        raise ValueError("a note with more than four dots")
    if set(recip) == {"0"}:
        base = Fraction(4 * 2 ** len(recip))
    elif int(recip) > 4096 or not 1 <= int(percent or 1) <= 64:
        raise ValueError(f"the duration {recip}{'%' + percent if percent else ''} is out of bounds")
    else:
        base = Fraction(4 * int(percent or 1), int(recip))
    return base * (2 - Fraction(1, 2 ** len(dots)))


def parse_note(text: str) -> KernNote:
    """One note or rest such as ``4.ff#;`` or ``[2C-``; ValueError where it is neither."""
    length = _DURATION.search(text)
    duration = duration_quarter(*(g or "" for g in length.groups())) if length else None
    # Stems, beams and editorial marks are no pitches, but ornaments come after the pitch.
    pitch = _PITCH.search(text)
    spelling = None
    if "r" not in text:
        if pitch is None:
            raise ValueError(f"{text[:30]!r} is neither a note nor a rest of **kern")
        spelling = _spelling(pitch)
    grace = "q" in text or "Q" in text
    return KernNote(
        duration,
        spelling,
        tie_start="[" in text or "_" in text,
        tie_stop="]" in text or "_" in text,
        fermata=";" in text,
        grace=grace,
        marks=tuple(dict.fromkeys(_MARKS[c] for c in text if c in _MARKS)),
    )


def _spelling(match: re.Match[str]) -> Spelling:
    letters = re.match(r"[A-Ga-g]+", match[0])
    assert letters is not None
    count, letter = letters.end(), match[1]
    octave = 3 + count if letter.islower() else 4 - count
    sign = match[2] or ""
    if len(sign) > 2 or not -1 <= octave <= 9:
        raise ValueError(f"{match[0][:30]!r} is no pitch")
    spelling = Spelling(letter.upper(), sign.count("#") - sign.count("-"), octave)
    if not 0 <= spelling.midi <= 127:
        raise ValueError(f"{match[0][:30]!r} is outside the MIDI range")
    return spelling


def parse_chord(token: str) -> list[KernNote]:
    """The notes of a data token; those without a duration take that of the first."""
    notes = [parse_note(item) for item in token.split()]
    if not notes:
        raise ValueError(f"{token[:30]!r} is no note")
    first = next((n.duration for n in notes if n.duration is not None), None)
    if first is None and not notes[0].grace:
        raise ValueError(f"{token[:30]!r} has no duration")
    return notes


def parse_bar(token: str, onset: Fraction) -> BarLine:
    """Bar line of a token such as ``=12``, ``=:|!``, ``=!|:`` or ``==``."""
    match = _BAR.match(token)
    assert match is not None
    signs = match[3].replace(";", "")
    final = token.startswith("==")
    return BarLine(
        onset,
        repeat_end=signs.startswith(":"),
        repeat_start=signs.endswith(":"),
        style="light-heavy" if final else "light-light" if "||" in signs else None,
        number=str(int(match[1])) if match[1] else None,
    )


def parse_signature(text: str) -> int:
    """Fifths of ``k[f#c#]``; of an unusual signature the sharps less the flats."""
    found = re.findall(r"([a-g])(#|-|n)?", text)
    alters = {step.upper(): {"#": 1, "-": -1}.get(sign, 0) for step, sign in found}
    fifths = sum(alters.values())
    return max(-7, min(7, fifths))


def usual_signature(text: str) -> bool:
    """Whether the accidentals of ``k[...]`` are those of a conventional signature."""
    found = re.findall(r"([a-g])(#|-)", text)
    alters = {step.upper(): {"#": 1, "-": -1}[sign] for step, sign in found}
    return alters == signature_alters(max(-7, min(7, sum(alters.values()))))


def parse_mode(text: str) -> str | None:
    """Mode of a key designation ``G:``, ``a:``, ``d:dor``; None when it is none."""
    match = re.fullmatch(r"([A-Ga-g])[#-]?:([a-z]*)", text)
    if match is None:
        return None
    if match[2][:3] in MODES and match[2]:
        return MODES[match[2][:3]][0]
    return "minor" if match[1].islower() else "major"
