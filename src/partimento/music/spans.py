"""Stretches of a score as a user writes them: ``A:5-6``, ``T:3.1-4.3``, ``bars:5-6``, ``5-8``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from partimento.core.errors import MusicError
from partimento.music.frames import Bar, beat_quarter
from partimento.music.grid import VOICE_LONG_NAMES, VOICE_NAMES, VOICES

ALL_VOICES: tuple[int, ...] = tuple(range(VOICES))

_PLACE = r"([0-9A-Za-z]+)(?:\.(\d+))?"
_RANGE = re.compile(rf"^{_PLACE}(?:\s*-\s*{_PLACE})?$")


@dataclass(frozen=True, slots=True)
class Span:
    """Voices (0 soprano ... 3 bass) from ``start_quarter`` up to ``end_quarter``."""

    voices: tuple[int, ...]
    start_quarter: Fraction
    end_quarter: Fraction


def parse_span(text: str, bars: Sequence[Bar], *, where: str = "--lock") -> Span:
    """Read ``VOICES:FROM-TO``; bars by their printed numbers, both ends included.

    ``VOICES`` is letters of S A T B, or ``bars`` (or nothing) for all; ``5.3`` is beat 3 of bar 5;
    a single place means that bar or beat; a voice without places means all of it.

    Raises MusicError for a wrong form, an unknown voice or a bar or beat that does not exist.
    """
    head, colon, tail = text.strip().partition(":")
    if not colon and not head[:1].isdigit():
        tail, colon = "", ":"
    voices = _voices(head, text, where) if colon else ALL_VOICES
    places = tail.strip() if colon else head.strip()
    if not places:
        return Span(voices, bars[0].measure.onset_quarter, bars[-1].measure.end_quarter)
    match = _RANGE.match(places)
    if match is None:
        raise _malformed(text, where)
    first_bar, first_beat, last_bar, last_beat = match.groups()
    start, single_end = _place(first_bar, first_beat, bars, where)
    end = _place(last_bar, last_beat, bars, where)[1] if last_bar else single_end
    if end <= start:
        raise MusicError(f"{places!r} ends before it starts", where=where)
    return Span(voices, start, end)


def _malformed(text: str, where: str) -> MusicError:
    return MusicError(
        f"{text!r} is no stretch of music",
        where=where,
        fix='Write for example "A:5-6", "T:3.1-4.3" (bar.beat) or "bars:5-6"',
    )


def _voices(head: str, text: str, where: str) -> tuple[int, ...]:
    name = head.strip()
    if name.lower() in ("bars", "bar", ""):
        return ALL_VOICES
    whole = [i for i, n in enumerate(VOICE_LONG_NAMES) if n.lower() == name.lower()]
    letters = name.upper()
    if whole:
        return tuple(whole)
    if all(letter in VOICE_NAMES for letter in letters):
        return tuple(sorted({VOICE_NAMES.index(letter) for letter in letters}))
    raise MusicError(
        f"{name!r} in {text!r} is no voice",
        where=where,
        fix="Use S, A, T, B or bars before the colon",
    )


def _place(
    number: str, beat: str | None, bars: Sequence[Bar], where: str
) -> tuple[Fraction, Fraction]:
    """Start and end of a bar, or of one beat of it, in quarters."""
    found = [bar for bar in bars if bar.measure.number == number]
    if not found:
        raise MusicError(
            f"there is no bar {number}; the score has bars {bars[0].measure.number} to "
            f"{bars[-1].measure.number}",
            where=where,
        )
    if beat is None:
        return found[0].measure.onset_quarter, found[-1].measure.end_quarter
    bar = found[0]
    length = beat_quarter(bar.meter)
    start = bar.measure.onset_quarter - bar.offset_quarter + (int(beat) - 1) * length
    if not bar.measure.onset_quarter <= start < bar.measure.end_quarter:
        raise MusicError(f"bar {number} has no beat {beat}", where=where)
    return start, min(start + length, bar.measure.end_quarter)
