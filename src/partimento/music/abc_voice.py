"""One voice of an ABC tune while it is being read: time, accidentals, ties, tuplets, lyrics."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

from partimento.music.abc_fields import ALTERS, AbcKey
from partimento.music.abc_tokens import Token, length_factor
from partimento.music.score import Lyric, Spelling
from partimento.music.textscore import BarLine

MAX_EVENTS = 30_000
_ARTICULATIONS = {
    ".": "staccato",
    "L": "accent",
    "M": "lowermordent",
    "P": "uppermordent",
    "T": "trill",
    "u": "upbow",
    "v": "downbow",
    "~": "roll",
}
_MARKS = {
    "staccato": "staccato",
    "accent": "accent",
    ">": "accent",
    "emphasis": "accent",
    "tenuto": "tenuto",
    "^": "strong-accent",
    "marcato": "strong-accent",
    "wedge": "staccatissimo",
    "breath": "breath-mark",
    "trill": "trill-mark",
    "turn": "turn",
    "invertedturn": "inverted-turn",
    "lowermordent": "mordent",
    "mordent": "mordent",
    "uppermordent": "inverted-mordent",
    "pralltriller": "inverted-mordent",
    "upbow": "up-bow",
    "downbow": "down-bow",
}
"""ABC decoration -> MusicXML name."""


@dataclass(slots=True)
class Head:
    """One note head of an event."""

    spelling: Spelling
    tie_start: bool = False
    tie_stop: bool = False


@dataclass(slots=True)
class Event:
    """A note, chord or rest (no heads)."""

    onset: Fraction
    duration: Fraction
    heads: list[Head]
    grace: bool = False
    fermata: bool = False
    marks: tuple[str, ...] = ()
    lyrics: list[Lyric] = field(default_factory=list)
    layer: int = 1


@dataclass(slots=True)
class Tuplet:
    """A running tuplet: ``factor`` for the next ``left`` notes."""

    factor: Fraction
    left: int


class VoiceReader:
    """Turns tokens of one voice into events; all times in quarters."""

    def __init__(self, key: AbcKey, unit: Fraction) -> None:
        self.key, self.unit = key, unit
        self.octave = 0
        self.time = Fraction(0)
        self.events: list[Event] = []
        self.bar_lines: list[BarLine] = []
        self.bar_start = Fraction(0)
        self.full_time = Fraction(0)
        self.line_events: list[Event | None] = []
        self.layer = 1
        self._last: Event | None = None
        self._chord: Event | None = None
        self._chord_ties: list[Head] = []
        self._factor = Fraction(1)
        self._tuplets: list[Tuplet] = []
        self._bar_alters: dict[str, int] = {}
        self._ties: dict[tuple[str, int], Head] = {}
        self._decorations: list[str] = []
        self._grace = False

    # -- signs before a note ------------------------------------------------------------------

    def decorate(self, name: str) -> None:
        """A decoration of the next note, by its long name or its letter."""
        self._decorations.append(name)

    def grace(self, sign: str) -> None:
        """``{`` opens and ``}`` closes a group of grace notes."""
        self._grace = sign != "}"

    def tuplet(self, token: Token, compound: bool) -> None:
        """``(p:q:r``: p notes in the time of q for the next r notes."""
        p = int(token["p"])
        usual = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}.get(p, 3 if compound else 2)
        q = int(token["q"] or usual)
        r = int(token["r"] or p)
        if q == 0 or r == 0:
            raise ValueError(f"the tuplet ({p}:{q}:{r} has no notes")
        self._tuplets.append(Tuplet(Fraction(q, p), r))

    def broken(self, sign: str) -> None:
        """``>``: the note before is dotted and the next one cut; ``<`` the reverse."""
        if self._last is None:
            return
        small = Fraction(1, 2 ** len(sign))
        first, second = (2 - small, small) if sign[0] == ">" else (small, 2 - small)
        self._last.duration *= first
        self.time = self._last.onset + self._last.duration
        self._factor = second

    # -- notes --------------------------------------------------------------------------------

    def note(self, token: Token) -> None:
        """A note, alone or inside a chord."""
        factor = length_factor(token["nnum"], token["nslash"], token["nden"])
        head = Head(self._pitch(token))
        tie = bool(token["tie"])
        if self._chord is not None:
            if not self._chord.heads and not self._chord.grace:
                self._chord.duration = self._duration(factor)
            self._chord.heads.append(head)
            self._connect(head)
            if tie:
                self._chord_ties.append(head)
            return
        self._connect(head)
        grace = self._grace
        event = self._event(Fraction(0) if grace else self._duration(factor), [head])
        self._add(event)
        if tie and not grace:
            self._open_ties([head])

    def rest(self, factor: Fraction) -> None:
        """A rest of the unit length times ``factor``."""
        self._ties.clear()
        self._add(self._event(self._duration(factor), []))

    def chord_start(self) -> None:
        """``[``: notes until ``]`` sound together."""
        if self._chord is not None:
            raise ValueError("a chord opens inside a chord")
        self._chord = self._event(Fraction(0), [])
        self._chord_ties = []

    def chord_end(self, token: Token) -> bool:
        """``]``; false where no chord is open."""
        chord, self._chord = self._chord, None
        if chord is None:
            return False
        if not chord.heads:
            return True
        chord.duration *= length_factor(token["cnum"], token["cslash"], token["cden"])
        self._add(chord)
        self._open_ties(chord.heads if token["chord_tie"] else self._chord_ties)
        return True

    def in_chord(self) -> bool:
        """Whether a chord is open."""
        return self._chord is not None

    def _event(self, duration: Fraction, heads: list[Head]) -> Event:
        names = [_ARTICULATIONS.get(d, d) for d in self._decorations]
        self._decorations.clear()
        fermata = any(d in ("H", "fermata", "invertedfermata") for d in names)
        marks = tuple(_MARKS[d] for d in names if d in _MARKS)
        return Event(self.time, duration, heads, self._grace, fermata, marks, layer=self.layer)

    def _add(self, event: Event) -> None:
        if len(self.events) >= MAX_EVENTS:
            raise ValueError(f"more than {MAX_EVENTS} notes in one voice")
        self.events.append(event)
        if event.grace:
            return
        self._last = event
        self.time = event.onset + event.duration
        if event.heads and self.layer == 1:
            self.line_events.append(event)

    def _duration(self, factor: Fraction) -> Fraction:
        quarters = 4 * self.unit * factor
        if self._grace:
            return quarters
        quarters *= self._factor
        self._factor = Fraction(1)
        for tuplet in self._tuplets:
            quarters *= tuplet.factor
            tuplet.left -= 1
        self._tuplets = [t for t in self._tuplets if t.left > 0]
        return quarters

    def _pitch(self, token: Token) -> Spelling:
        letter, marks = token["step"], token["octave"]
        step = letter.upper()
        octave = 4 + letter.islower() + marks.count("'") - marks.count(",") + self.octave
        accidental = token["accidental"]
        if accidental:
            self._bar_alters[step] = alter = ALTERS[accidental]
        elif (step, octave) in self._ties:
            # A tie carries its accidental over the bar line.
            alter = self._ties[step, octave].spelling.alter
        else:
            alter = self._bar_alters.get(step, self.key.alters.get(step, 0))
        spelling = Spelling(step, alter, octave)
        if not 0 <= spelling.midi <= 127:
            raise ValueError(f"the note {spelling.name} is outside the MIDI range")
        return spelling

    def _connect(self, head: Head) -> None:
        """Close a tie that waits for this pitch; a tie to another pitch was a slur."""
        if self._grace:
            return
        opened = self._ties.pop((head.spelling.step, head.spelling.octave), None)
        if opened is not None and opened.spelling == head.spelling:
            opened.tie_start = head.tie_stop = True
        if self._chord is None:
            self._ties.clear()

    def _open_ties(self, heads: list[Head]) -> None:
        self._ties = {(h.spelling.step, h.spelling.octave): h for h in heads}

    # -- bars and lines -----------------------------------------------------------------------

    def bar(self, text: str, ending: str) -> None:
        """A bar line sign such as ``|``, ``|:``, ``:|2``."""
        before, _, after = text.partition("|")
        line = BarLine(
            self.time,
            repeat_end=":" in before or text == "::",
            repeat_start=":" in after or text == "::",
            ending=_ending_numbers(ending),
            style=_bar_style(text),
        )
        if self.bar_lines and self.bar_lines[-1].onset_quarter == self.time:
            self.bar_lines[-1].merge(line)
        else:
            self.bar_lines.append(line)
        self._bar_alters.clear()
        self._decorations.clear()
        self.bar_start, self.layer = self.time, 1
        if not self.line_events or self.line_events[-1] is not None:
            self.line_events.append(None)

    def ending(self, numbers: str) -> None:
        """``[1``: an ending's bracket opens here."""
        self.bar_lines.append(BarLine(self.time, ending=_ending_numbers(numbers)))

    def bar_rests(self, count: int, bar_quarter: Fraction) -> None:
        """``Z4``: whole bars of rest."""
        self._ties.clear()
        for i in range(count):
            if i:
                self.bar("|", "")
            self._add(Event(self.time, bar_quarter, []))

    def overlay(self) -> None:
        """``&``: the bar starts again in another layer."""
        self.time = self.bar_start
        self.layer += 1
        self._ties.clear()

    def start_line(self) -> None:
        """A new line of music: the next w: belongs to it."""
        self.line_events = []

    def sing(self, syllables: list[tuple[str, Lyric | None]], verse: str) -> int:
        """Set syllables under the notes of the last line; gives the number that found no note.

        ``syllables``: ("text", Lyric), ("skip", None), ("hold", None) or ("bar", None).
        """
        index, lost = 0, 0
        previous: Event | None = None
        for kind, lyric in syllables:
            if kind == "bar":
                while index < len(self.line_events) and self.line_events[index] is not None:
                    index += 1
                index += 1
                continue
            while index < len(self.line_events) and self.line_events[index] is None:
                index += 1
            event = self.line_events[index] if index < len(self.line_events) else None
            index += 1
            if kind == "hold" and previous is not None and previous.lyrics:
                last = previous.lyrics[-1]
                previous.lyrics[-1] = Lyric(last.text, last.syllabic, last.verse, True)
            if lyric is not None:
                if event is None:
                    lost += 1
                else:
                    event.lyrics.append(
                        Lyric(lyric.text, lyric.syllabic, verse, extend=lyric.extend)
                    )
                    previous = event
        return lost


def _ending_numbers(text: str) -> str | None:
    """``1-3`` as ``1,2,3``."""
    if len(text) > 40:
        raise ValueError(f"the ending [{text[:20]}... has too many numbers")
    numbers: list[str] = []
    for item in filter(None, text.split(",")):
        first, _, last = item.partition("-")
        if len(first) > 2 or len(last) > 2:
            raise ValueError(f"the ending [{text[:20]} has no sensible number")
        numbers += [str(n) for n in range(int(first), int(last or first) + 1)]
    return ",".join(numbers) or None


def _bar_style(text: str) -> str | None:
    if "]" in text:
        return "light-heavy"
    if text.startswith("[|"):
        return "heavy-light"
    return "light-light" if "||" in text and ":" not in text else None


def parse_words(text: str) -> list[tuple[str, Lyric | None]]:
    """Syllables of a w: line, for :meth:`VoiceReader.sing`.

    >>> [s.text for k, s in parse_words("A-ma-zing~grace") if s]
    ['A', 'ma', 'zing grace']
    """
    found: list[tuple[str, Lyric | None]] = []
    inside = False
    plain = text.replace("\\-", "\0").replace("\t", " ").rstrip()
    for word, sign in re.findall(r"([^-|*_ ]*)([-|*_ ]|$)", plain):
        hyphen = sign == "-"
        if word:
            ways = {(False, False): "single", (False, True): "begin", (True, True): "middle"}
            syllabic = ways.get((inside, hyphen), "end")
            sung = word.replace("\0", "-").replace("~", " ")
            found.append(("text", Lyric(sung, syllabic)))  # type: ignore[arg-type]
            inside = hyphen
        elif hyphen:
            found.append(("skip", None))
        kind = {"|": "bar", "*": "skip", "_": "hold"}.get(sign)
        if kind:
            found.append((kind, None))
    return found
