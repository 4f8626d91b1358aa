"""The signs of one line of ABC music, one token each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

# Every repetition that may fail after a long run is bounded: a hostile line costs linear time.
_LENGTH = r"(?P<{0}num>\d*)(?P<{0}slash>/*)(?P<{0}den>\d*)"
_ALTERNATIVES = {
    "space": r"[ \t`\\]+",
    "note": r"(?P<accidental>\^\^?|__?|=)?(?P<step>[A-Ga-g])(?P<octave>[,']*)"
    + _LENGTH.format("n")
    + r"[ ]?(?P<tie>-?)",
    "field": r"\[(?P<letter>[A-Za-z]):(?P<value>[^\]]{0,500})\]",
    # A bracket before a text and without its closing twin is an ending: ["Coda" ... |
    "quoted": r'\["[^"]*"(?=[^\]|]{0,200}(?:\||$))|"[^"]*"?',
    "decoration": r"!(?P<deco>[^!\s|]{0,40})!|\+(?P<plus>[A-Za-z0-9.]{1,40})\+"
    r"|(?P<sign>[.~H-WYh-wu-v])",
    "grace": r"\{/?|\}",
    "tuplet": r"\((?P<p>[2-9])(?::(?P<q>\d?))?(?::(?P<r>\d{0,2}))?",
    "bar": r"(?P<line>\[\|[\]|:]*|:{0,3}\|[\]|:]*|::)(?:[ ]?\[?(?P<bar_ending>\d+(?:[,-]\d+)*))?",
    "ending": r"\[(?P<numbers>\d+(?:[,-]\d+)*)",
    "rest": r"[zx]" + _LENGTH.format("r"),
    "bar_rests": r"[ZX](?P<count>\d*)",
    "chord": r"\[",
    "chord_end": r"\]" + _LENGTH.format("c") + r"[ ]?(?P<chord_tie>-?)",
    "broken": r">{1,3}|<{1,3}",
    "overlay": r"&",
    "ignored": r"y\d*|[()\-*;?@#$:!+,'/0-9]+?",
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{form})" for kind, form in _ALTERNATIVES.items()))


class Token:
    """One sign: its ``kind`` (a name of ``_ALTERNATIVES``), its column and the inner groups."""

    __slots__ = ("_match", "kind")

    def __init__(self, match: re.Match[str]) -> None:
        self._match = match
        # The outermost group of an alternative closes last, which makes it the lastgroup.
        self.kind = match.lastgroup or ""

    def __getitem__(self, name: str) -> str:
        return self._match[name] or ""

    @property
    def text(self) -> str:
        """The sign as it stands."""
        return self._match[0]

    @property
    def column(self) -> int:
        """Place in the line, from 1."""
        return self._match.start() + 1


def tokens(line: str) -> Iterator[Token]:
    """Tokens of a line without spaces and ignored signs.

    ValueError naming the column of a character that is no ABC.
    """
    position = 0
    while position < len(line):
        match = _TOKEN.match(line, position)
        if match is None:
            character = line[position]
            raise ValueError(f"column {position + 1}: {character!r} is no sign of ABC music")
        position = match.end()
        if match.lastgroup not in ("space", "ignored"):
            yield Token(match)


def length_factor(number: str, slashes: str, denominator: str) -> Fraction:
    """Length multiplier of ``3/2``, ``/``, ``//`` or ``2``.

    ValueError for zero, for more than 512 units or less than 1/512.

    >>> length_factor("3", "/", "2"), length_factor("", "//", "")
    (Fraction(3, 2), Fraction(1, 4))
    """
    if max(len(number), len(slashes), len(denominator)) > 4:
        raise ValueError("a note length has too many digits")
    top = int(number or 1)
    bottom = int(denominator) if denominator else 2 ** len(slashes)
    if denominator and not slashes:
        raise ValueError("a note length has no slash")
    if not 1 <= top <= 512 or not 1 <= bottom <= 512:
        raise ValueError(f"the note length {number}{slashes}{denominator} is out of bounds")
    return Fraction(top, bottom)
