"""One part of a MusicXML file, walked bar by bar with its cursor (backup, forward, chords)."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from partimento.core.errors import InputFileError
from partimento.music.durations import TYPES
from partimento.music.keys import fifths_place, spell_at
from partimento.music.musicxml_note import MAX_NOTE_QUARTERS, XmlNote, parse_note
from partimento.music.score import Spelling
from partimento.music.xml_tree import Node, exact_number, whole_number

MAX_DIVISIONS = 1_000_000
MAX_DENOMINATOR = 10_000_000
"""Finest place in a bar; real files stay below 100,000 per quarter."""
MAX_BAR_QUARTERS = 4096
MODES = frozenset(
    (
        "major",
        "minor",
        "dorian",
        "phrygian",
        "lydian",
        "mixolydian",
        "aeolian",
        "ionian",
        "locrian",
    )
)
_ZERO = Fraction(0)
_NATURAL = {0: 0, 1: 2, 2: 4, 3: -1, 4: 1, 5: 3, 6: 5}
"""Place on the line of fifths of the perfect or major interval of so many steps."""
_MAJOR_SEMITONES = (0, 2, 4, 5, 7, 9, 11)
DEFAULT_STEPS = (0, 1, 1, 2, 2, 3, 4, 4, 5, 5, 6, 6)
"""Steps of a chromatic transposition whose file does not say them."""


@dataclass(slots=True)
class BarNote:
    """A note with its place in the bar (quarters); ``midi`` sounds, ``spelling`` is written."""

    onset: Fraction
    duration: Fraction
    midi: int
    source: XmlNote
    fifths_shift: int
    fermata: bool


@dataclass(slots=True)
class Bar:
    """One bar of one part; places are quarters from its start."""

    number: str
    implicit: bool
    nominal: Fraction
    content: Fraction = _ZERO
    whole_rest: Fraction = _ZERO
    notes: list[BarNote] = field(default_factory=list)
    keys: list[tuple[Fraction, int, str | None]] = field(default_factory=list)
    meters: list[tuple[Fraction, int, int]] = field(default_factory=list)
    tempi: list[tuple[Fraction, float]] = field(default_factory=list)
    rest_fermatas: list[tuple[Fraction, str]] = field(default_factory=list)
    repeat_start: bool = False
    repeat_end: bool = False
    endings: tuple[str, ...] = ()
    bar_style: str | None = None


class PartReader:
    """Reads the bars of one part.  ``dropped`` counts what a score cannot hold."""

    def __init__(self, dropped: Counter[str]) -> None:
        self.bars: list[Bar] = []
        self.staves = 1
        self.clefs: dict[int, str] = {}
        self.shifts: set[tuple[int, int]] = set()
        self._dropped = dropped
        self._divisions = Fraction(1)
        self._nominal = Fraction(4)
        self._transposition = (0, 0)
        self._open_endings: tuple[str, ...] = ()
        self._cursor = self._last_onset = _ZERO

    def read_bar(self, node: Node) -> None:
        """Read the next ``<measure>``; InputFileError names its number."""
        number = node.get("number", str(len(self.bars) + 1))[:20]
        bar = Bar(number, node.get("implicit") == "yes", self._nominal)
        self._cursor = self._last_onset = _ZERO
        self.bars.append(bar)
        if self._open_endings:
            bar.endings = self._open_endings
        try:
            for item in node.children:
                self._read_item(bar, item)
        except InputFileError as error:
            raise InputFileError(error.what, where=f"bar {number}", fix=error.fix) from error
        bar.nominal = self._nominal
        bar.keys = self._sounding_keys(bar)

    def _read_item(self, bar: Bar, item: Node) -> None:
        tag = item.tag
        if tag == "note":
            self._note(bar, parse_note(item, self._dropped))
        elif tag == "backup":
            self._cursor -= self._length(item)
            if self._cursor < 0:
                self._cursor = _ZERO
                self._dropped["backups before the start of a bar"] += 1
        elif tag == "forward":
            self._advance(bar, self._length(item))
        elif tag == "attributes":
            self._attributes(bar, item)
        elif tag == "barline":
            self._barline(bar, item)
        elif tag in ("direction", "sound"):
            self._direction(bar, item)
        elif tag == "harmony":
            self._dropped["chord symbols"] += 1
        elif tag == "figured-bass":
            self._dropped["figured bass"] += 1

    # -- notes and time -----------------------------------------------------------------------

    def _length(self, item: Node) -> Fraction:
        ticks = exact_number(item.child_text("duration"), "a duration")
        if ticks < 0:
            raise InputFileError("a duration is negative")
        return ticks / self._divisions

    def _advance(self, bar: Bar, length: Fraction) -> None:
        self._cursor += length
        if self._cursor > bar.content:
            bar.content = self._cursor
            if bar.content > MAX_BAR_QUARTERS:
                raise InputFileError(f"this bar is longer than {MAX_BAR_QUARTERS} quarters")
        if self._cursor.denominator > MAX_DENOMINATOR:
            raise InputFileError("the durations do not add up on any reasonable time grid")

    def _note(self, bar: Bar, note: XmlNote) -> None:
        duration = _ZERO if note.grace else self._note_length(note)
        onset = self._last_onset if note.chord else self._cursor
        if not note.chord:
            self._last_onset = self._cursor
            if note.whole_bar:
                bar.whole_rest = max(bar.whole_rest, onset + duration)
                self._cursor += duration
            else:
                self._advance(bar, duration)
        if note.rest:
            if note.fermata:
                bar.rest_fermatas.append((onset, note.voice))
        elif note.cue:
            self._dropped["cue notes"] += 1
        elif note.unpitched or note.spelling is None:
            self._dropped["notes without pitch (percussion)"] += 1
        elif duration == 0 and not note.grace:
            self._dropped["notes without length"] += 1
        else:
            self._add(bar, note, onset, duration, note.spelling)

    def _add(
        self, bar: Bar, note: XmlNote, onset: Fraction, duration: Fraction, spelling: Spelling
    ) -> None:
        semitones, shift = self._transposition
        midi = spelling.midi + semitones
        if not 0 <= midi <= 127:
            raise InputFileError(f"the pitch {spelling.name} is outside the range of MIDI")
        self.staves = max(self.staves, note.staff)
        self.shifts.add(self._transposition)
        bar.notes.append(BarNote(onset, duration, midi, note, shift, note.fermata))

    def _note_length(self, note: XmlNote) -> Fraction:
        """Length in quarters; the written value wins over a duration rounded to divisions."""
        written = note.written_quarter
        if note.duration is None:
            if written is None:
                raise InputFileError("a note has neither a duration nor a type")
            return written
        length = note.duration / self._divisions
        if length > MAX_NOTE_QUARTERS:
            raise InputFileError(f"a note is longer than {MAX_NOTE_QUARTERS} quarters")
        if written is not None and length != written:
            rounded = abs(length - written) * self._divisions < 1
            return written if rounded and note.ratio != 1 else length
        return length

    # -- attributes ---------------------------------------------------------------------------

    def _attributes(self, bar: Bar, node: Node) -> None:
        for item in node.children:
            if item.tag == "divisions":
                self._divisions = exact_number(item.text, "divisions")
                if not 0 < self._divisions <= MAX_DIVISIONS:
                    raise InputFileError(
                        f"divisions is {item.text[:20]}; it must lie above 0 and be at most "
                        f"{MAX_DIVISIONS}"
                    )
            elif item.tag == "transpose":
                self._transposition = _transposition(item)
            elif item.tag == "key":
                self._key(bar, item)
            elif item.tag == "time":
                self._meter(bar, item)
            elif item.tag == "staves":
                self.staves = max(self.staves, whole_number(item.text, "staves", 1, 32))
            elif item.tag == "clef":
                self._clef(item)

    def _key(self, bar: Bar, node: Node) -> None:
        if node.child("fifths") is None:
            self._dropped["key signatures that are not traditional"] += 1
            return
        fifths = whole_number(node.child_text("fifths"), "a key signature", -11, 11)
        mode = node.child_text("mode").lower()
        bar.keys.append((self._cursor, fifths, mode if mode in MODES else None))

    def _sounding_keys(self, bar: Bar) -> list[tuple[Fraction, int, str | None]]:
        """The bar's key signatures at sounding pitch (a transposing part writes another)."""
        semitones, shift = self._transposition
        if not semitones:
            return bar.keys
        return [(place, near_keys(fifths + shift), mode) for place, fifths, mode in bar.keys]

    def _meter(self, bar: Bar, node: Node) -> None:
        beats = [item.text for item in node.all("beats")]
        types = [item.text for item in node.all("beat-type")]
        if not beats or len(beats) != len(types):
            self._dropped["meters without beats (senza misura)"] += 1
            return
        units = [whole_number(t, "beat-type", 1, 64) for t in types]
        if any(u & (u - 1) for u in units):
            raise InputFileError(f"beat-type is {types[0][:20]}; it must be 1, 2, 4, 8 ... 64")
        unit = max(units)
        count = sum(
            whole_number(piece, "beats", 1, 128) * (unit // own)
            for text, own in zip(beats, units, strict=True)
            for piece in text.replace(" ", "").split("+")[:16]
        )
        if count > 128:
            raise InputFileError("a time signature has more than 128 beats")
        bar.meters.append((self._cursor, count, unit))
        self._nominal = Fraction(4 * count, unit)

    def _clef(self, node: Node) -> None:
        staff = whole_number(node.get("number", "1"), "a clef's staff", 1, 32)
        if staff in self.clefs:
            if self.clefs[staff] != _clef_name(node):
                self._dropped["clef changes"] += 1
            return
        self.clefs[staff] = _clef_name(node)

    # -- bar lines and tempo ------------------------------------------------------------------

    def _barline(self, bar: Bar, node: Node) -> None:
        location = node.get("location", "right")
        style = node.child_text("bar-style")
        if location == "right" and style not in ("", "regular"):
            bar.bar_style = style[:20]
        repeat = node.child("repeat")
        if repeat is not None:
            if repeat.get("direction") == "forward":
                bar.repeat_start = True
            else:
                bar.repeat_end = True
                if repeat.get("times", "2") not in ("", "1", "2"):
                    self._dropped["repeats of more than two times"] += 1
        ending = node.child("ending")
        if ending is not None:
            self._ending(bar, ending)
        if node.child("fermata") is not None:
            _fermata_on_barline(bar if location == "right" else self._previous_bar())

    def _previous_bar(self) -> Bar | None:
        return self.bars[-2] if len(self.bars) > 1 else None

    def _ending(self, bar: Bar, node: Node) -> None:
        numbers = tuple(re.findall(r"\d{1,3}", node.get("number")[:60]))
        if node.get("type") == "start":
            bar.endings = self._open_endings = numbers
        else:
            self._open_endings = ()

    def _direction(self, bar: Bar, node: Node) -> None:
        sound = node if node.tag == "sound" else node.child("sound")
        place = self._cursor
        offset = node.child("offset")
        if offset is not None:
            place += exact_number(offset.text, "an offset") / self._divisions
        tempo = _positive(sound.get("tempo")) if sound is not None else None
        for kind in node.all("direction-type"):
            for item in kind.children:
                if item.tag == "metronome":
                    tempo = tempo if tempo is not None else _metronome(item)
                elif item.tag in _DROPPED_DIRECTIONS and (item.text or item.tag != "words"):
                    self._dropped[_DROPPED_DIRECTIONS[item.tag]] += 1
        if tempo is not None and 0 <= place <= MAX_BAR_QUARTERS:
            bar.tempi.append((place, tempo))


_DROPPED_DIRECTIONS = {
    "dynamics": "dynamics",
    "wedge": "dynamics",
    "words": "texts above or below the staff",
    "rehearsal": "rehearsal marks",
    "segno": "jumps (segno, coda)",
    "coda": "jumps (segno, coda)",
    "pedal": "pedal marks",
}


def _fermata_on_barline(bar: Bar | None) -> None:
    """A fermata over a bar line belongs to the notes that end there."""
    notes = [n for n in bar.notes if n.duration > 0] if bar is not None else []
    end = max((n.onset + n.duration for n in notes), default=_ZERO)
    for note in notes:
        note.fermata = note.fermata or note.onset + note.duration == end


def _positive(text: str) -> float | None:
    """A tempo between 1 and 2000, or None (some programs write 0 for "none")."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 1 <= value <= 2000 else None


def _metronome(node: Node) -> float | None:
    """Quarters per minute of a metronome mark such as "dotted quarter = c. 60"."""
    unit: Fraction | None = None
    dots = 0
    for item in node.children:
        if item.tag == "beat-unit":
            if unit is not None:
                return None  # a metric modulation: one note value equals another
            unit = TYPES.get(item.text)
        elif item.tag == "beat-unit-dot":
            dots = min(dots + 1, 3)
    match = re.search(r"\d{1,4}(\.\d{1,6})?", node.child_text("per-minute")[:40])
    if unit is None or match is None:
        return None
    return _positive(str(float(match.group()) * float(unit * (2 - Fraction(1, 2**dots)))))


def _clef_name(node: Node) -> str:
    """Clef as in ``G2`` (sign and line), with ``_8`` or ``^8`` for an octave sign."""
    sign = node.child_text("sign")
    if sign == "percussion":
        return sign
    if sign not in ("G", "F", "C"):
        return "G2"
    default = {"G": "2", "F": "4", "C": "3"}[sign]
    line = node.child_text("line") or default
    octave = node.child_text("clef-octave-change")
    suffix = {"-1": "_8", "1": "^8", "-2": "_15", "2": "^15"}.get(octave, "")
    return f"{sign}{line if line in '12345' else default}{suffix}"


def _transposition(node: Node) -> tuple[int, int]:
    """Semitones from written to sounding pitch, and the same on the line of fifths."""
    chromatic = exact_number(node.child_text("chromatic") or "0", "a transposition")
    octaves = whole_number(node.child_text("octave-change") or "0", "an octave change", -4, 4)
    if chromatic.denominator != 1 or abs(chromatic) > 36:
        raise InputFileError("a transposition is no whole number of semitones within 3 octaves")
    semitones = int(chromatic)
    octave, rest = divmod(semitones, 12)
    text = node.child_text("diatonic")
    steps = whole_number(text, "a transposition", -30, 30) if text else None
    if steps is None or abs(steps - 7 * octave - DEFAULT_STEPS[rest]) > 1:
        steps = 7 * octave + DEFAULT_STEPS[rest]
    shift = interval_fifths(steps, semitones)
    double = node.child("double") is not None
    return semitones + 12 * (octaves - double), shift


def interval_fifths(steps: int, semitones: int) -> int:
    """How far an interval moves a pitch on the line of fifths: a major second up is 2.

    >>> interval_fifths(1, 2), interval_fifths(-1, -2), interval_fifths(2, 3)
    (2, -2, -3)
    """
    octave, step = divmod(steps, 7)
    excess = semitones - 12 * octave - _MAJOR_SEMITONES[step]
    return _NATURAL[step] + 7 * excess


def near_keys(fifths: int) -> int:
    """The same key within seven accidentals."""
    while fifths > 7:
        fifths -= 12
    while fifths < -7:
        fifths += 12
    return fifths


def sounding_spelling(written: Spelling, midi: int, shift: int) -> Spelling:
    """The spelling at sounding pitch of a written one, ``shift`` fifths away."""
    name = written.name.rstrip("-0123456789")
    return spell_at(midi, fifths_place(name) + shift)
