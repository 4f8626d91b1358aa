"""One ``<note>`` element of MusicXML, checked and taken apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import cast

from partimento.core.errors import InputFileError
from partimento.music.durations import TYPES
from partimento.music.score import Lyric, Spelling, Syllabic
from partimento.music.xml_tree import Node, exact_number, whole_number

MAX_NOTE_QUARTERS = 4096
"""Longest single duration, in quarters."""
MAX_TEXT = 200
ARTICULATIONS = frozenset(
    (
        "accent",
        "strong-accent",
        "staccato",
        "tenuto",
        "detached-legato",
        "staccatissimo",
        "spiccato",
        "scoop",
        "plop",
        "doit",
        "falloff",
        "breath-mark",
        "caesura",
        "stress",
        "unstress",
        "soft-accent",
    )
)
ORNAMENTS = frozenset(
    (
        "trill-mark",
        "turn",
        "delayed-turn",
        "inverted-turn",
        "vertical-turn",
        "shake",
        "mordent",
        "inverted-mordent",
        "schleifer",
    )
)
TECHNICAL = frozenset(
    (
        "up-bow",
        "down-bow",
        "open-string",
        "stopped",
        "snap-pizzicato",
    )
)
_KEPT_MARKS = ARTICULATIONS | ORNAMENTS | TECHNICAL
_DROPPED = {
    "slur": "slurs",
    "glissando": "glissandi",
    "slide": "glissandi",
    "arpeggiate": "arpeggios",
    "dynamics": "dynamics",
}
_SYLLABIC = frozenset(("single", "begin", "middle", "end"))


@dataclass(slots=True)
class XmlNote:
    """What a ``<note>`` says; ``duration`` is in divisions, None where the file gives none."""

    duration: Fraction | None = None
    spelling: Spelling | None = None
    chord: bool = False
    grace: bool = False
    cue: bool = False
    rest: bool = False
    whole_bar: bool = False
    unpitched: bool = False
    tie_start: bool = False
    tie_stop: bool = False
    fermata: bool = False
    staff: int = 1
    voice: str = "1"
    type_quarter: Fraction | None = None
    dots: int = 0
    ratio: Fraction = Fraction(1)
    lyrics: list[Lyric] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    velocity: int | None = None

    @property
    def written_quarter(self) -> Fraction | None:
        """Length in quarters that type, dots and tuplet ratio give; None without a type."""
        if self.type_quarter is None:
            return None
        return self.type_quarter * (2 - Fraction(1, 2**self.dots)) * self.ratio


def parse_note(node: Node, dropped: Counter[str]) -> XmlNote:
    """Take a ``<note>`` apart; what has no place in a score is counted in ``dropped``.

    Raises InputFileError for values outside their range.
    """
    note = XmlNote()
    for item in node.children:
        tag, text = item.tag, item.text
        if tag == "pitch":
            note.spelling = _pitch(item, dropped)
        elif tag == "duration":
            note.duration = _duration(text)
        elif tag == "voice":
            note.voice = text[:20] or "1"
        elif tag == "staff":
            note.staff = whole_number(text, "a staff", 1, 32)
        elif tag == "type":
            note.type_quarter = TYPES.get(text)
        elif tag == "dot":
            note.dots = min(note.dots + 1, 4)
        elif tag == "tie":
            _tie(note, item)
        elif tag == "notations":
            _notations(note, item, dropped)
        elif tag == "lyric":
            _lyric(note, item)
        else:
            _rare(note, item)
    if "dynamics" in node.attributes:
        note.velocity = _velocity(node.attributes["dynamics"])
    return note


def _rare(note: XmlNote, item: Node) -> None:
    tag = item.tag
    if tag == "chord":
        note.chord = True
    elif tag == "rest":
        note.rest = True
        note.whole_bar = item.get("measure") == "yes"
    elif tag == "grace":
        note.grace = True
    elif tag == "cue":
        note.cue = True
    elif tag == "unpitched":
        note.unpitched = True
    elif tag == "time-modification":
        actual = whole_number(item.child_text("actual-notes"), "actual-notes", 1, 1000)
        normal = whole_number(item.child_text("normal-notes"), "normal-notes", 1, 1000)
        note.ratio = Fraction(normal, actual)


def _duration(text: str) -> Fraction:
    value = _cached_number(text)
    if value < 0:
        raise InputFileError(f"a duration is {text[:20]}; durations are not negative")
    return value


@lru_cache(maxsize=1024)
def _cached_number(text: str) -> Fraction:
    return exact_number(text, "a duration")


def _pitch(node: Node, dropped: Counter[str]) -> Spelling:
    step, alter, octave = (
        node.child_text("step"),
        node.child_text("alter", "0") or "0",
        node.child_text("octave"),
    )
    spelling, bent = _spelling(step, alter, octave)
    if bent:
        dropped["microtones"] += 1
    return spelling


@lru_cache(maxsize=2048)
def _spelling(step: str, alter: str, octave: str) -> tuple[Spelling, bool]:
    """The spelled pitch, and whether it was a microtone that had to be rounded."""
    if step not in ("A", "B", "C", "D", "E", "F", "G"):
        raise InputFileError(f"a pitch has the step {step[:20]!r}; it must be one of A to G")
    bend = exact_number(alter, "an alteration")
    if abs(bend) > 3:
        raise InputFileError(f"a pitch is altered by {alter[:20]} semitones; at most 3 make sense")
    rounded = round(bend)
    pitch = Spelling(step, rounded, whole_number(octave, "an octave", -1, 10))
    return pitch, rounded != bend


def _tie(note: XmlNote, item: Node) -> None:
    kind = item.get("type")
    if kind == "start":
        note.tie_start = True
    elif kind == "stop":
        note.tie_stop = True
    elif kind == "continue":
        note.tie_start = note.tie_stop = True


def _notations(note: XmlNote, node: Node, dropped: Counter[str]) -> None:
    for item in node.children:
        if item.tag == "tied":
            _tie(note, item)
        elif item.tag == "fermata":
            note.fermata = True
        elif item.tag in ("articulations", "ornaments", "technical"):
            for mark in item.children:
                if mark.tag in _KEPT_MARKS:
                    note.marks.append(mark.tag)
                else:
                    dropped["ornaments and fingerings"] += 1
        elif item.tag in _DROPPED and item.get("type") != "stop":
            dropped[_DROPPED[item.tag]] += 1


def _lyric(note: XmlNote, node: Node) -> None:
    """Add a syllable; syllables joined by an elision become one text."""
    pieces: list[str] = []
    syllabic = "single"
    extend = False
    for item in node.children:
        if item.tag == "text":
            pieces.append(item.text)
        elif item.tag == "elision":
            pieces.append(item.text or " ")
        elif item.tag == "syllabic" and item.text in _SYLLABIC:
            syllabic = item.text
        elif item.tag == "extend" and item.get("type") != "stop":
            extend = True
    text = "".join(pieces)[:MAX_TEXT]
    if text:
        verse = (node.get("number") or node.get("name") or "1")[:20]
        note.lyrics.append(Lyric(text, cast(Syllabic, syllabic), verse, extend))


def _velocity(text: str) -> int | None:
    """MIDI velocity of the ``dynamics`` attribute, which is a percentage of 90."""
    try:
        percent = float(text)
    except ValueError:
        return None
    return min(127, max(1, round(percent * 0.9))) if 0 <= percent <= 200 else None
