"""Scores as plain immutable data: what a page of music says, in exact units.

Every time is a :class:`fractions.Fraction` of a quarter note counted from the start of the score
(``*_quarter``), so triplets and tied notes stay exact.  A :class:`Note` is a *written* note head: a
pitch tied over a bar line is two notes with ``tie_start`` / ``tie_stop``; :meth:`Score.sounding`
joins them.  Rests are the gaps between the notes of one voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

import numpy as np

_STEP_TO_PITCH_CLASS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SPELLING = re.compile(r"^([A-Ga-g])([#b♯♭x-]*)(-?\d+)([#b♯♭x]*)$")
_ALTER = {"#": 1, "♯": 1, "x": 2, "b": -1, "♭": -1, "-": -1}

Syllabic = Literal["single", "begin", "middle", "end"]
Mode = Literal["major", "minor"]


@dataclass(frozen=True, slots=True, order=True)
class Spelling:
    """A spelled pitch: ``Spelling("C", 1, 4)`` is C sharp 4, MIDI 61."""

    step: str
    alter: int
    octave: int

    @property
    def midi(self) -> int:
        """MIDI pitch number (C4 = 60)."""
        return 12 * (self.octave + 1) + _STEP_TO_PITCH_CLASS[self.step] + self.alter

    @property
    def name(self) -> str:
        """Scientific name such as ``F#4`` or ``Bb2``."""
        sign = "#" * self.alter if self.alter > 0 else "b" * -self.alter
        return f"{self.step}{sign}{self.octave}"

    @property
    def diatonic(self) -> int:
        """Diatonic step number (C4 = 28), the vertical place on a staff."""
        return 7 * self.octave + "CDEFGAB".index(self.step)

    @classmethod
    def parse(cls, text: str) -> Spelling:
        """Read ``C#4``, ``C4#``, ``Db4`` or ``D-4``.

        Raises ValueError when the text is no pitch name.
        """
        match = _SPELLING.match(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is no pitch name; write for example C4, F#3, Bb5 or C4#")
        step, before, octave, after = match.groups()
        if before.endswith("-") and after:
            raise ValueError(f"{text!r} has accidentals on both sides of the octave")
        return cls(step.upper(), sum(_ALTER[c] for c in before + after), int(octave))


@dataclass(frozen=True, slots=True)
class Lyric:
    """One syllable under a note."""

    text: str
    syllabic: Syllabic = "single"
    verse: str = "1"
    extend: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """One written note head.

    ``duration_quarter`` is 0 for a grace note (then ``grace`` is true).  ``midi`` is the sounding
    pitch; ``spelling`` the written one (None when the source, such as MIDI, has none).
    """

    onset_quarter: Fraction
    duration_quarter: Fraction
    midi: int
    part: str
    spelling: Spelling | None = None
    staff: int = 1
    voice: str = "1"
    tie_start: bool = False
    tie_stop: bool = False
    fermata: bool = False
    grace: bool = False
    lyrics: tuple[Lyric, ...] = ()
    articulations: tuple[str, ...] = ()
    velocity: int | None = None

    @property
    def end_quarter(self) -> Fraction:
        """Time at which the written note stops."""
        return self.onset_quarter + self.duration_quarter


@dataclass(frozen=True, slots=True)
class Measure:
    """One bar.  A pickup has number "0", is ``implicit`` and shorter than its time signature."""

    onset_quarter: Fraction
    duration_quarter: Fraction
    number: str
    implicit: bool = False
    repeat_start: bool = False
    repeat_end: bool = False
    endings: tuple[str, ...] = ()
    bar_style: str | None = None

    @property
    def end_quarter(self) -> Fraction:
        """Time of the closing bar line."""
        return self.onset_quarter + self.duration_quarter


@dataclass(frozen=True, slots=True)
class TimeSignature:
    """``beats / beat_type`` from ``onset_quarter`` on."""

    onset_quarter: Fraction
    beats: int
    beat_type: int

    @property
    def bar_quarter(self) -> Fraction:
        """Length of a full bar in quarters."""
        return Fraction(4 * self.beats, self.beat_type)


@dataclass(frozen=True, slots=True)
class KeySignature:
    """``fifths`` sharps (negative: flats); ``mode`` as the source states it (may be "dorian")."""

    onset_quarter: Fraction
    fifths: int
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class Tempo:
    """Quarter notes per minute from ``onset_quarter`` on."""

    onset_quarter: Fraction
    quarter_per_minute: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part (instrument or choir voice).  ``clefs`` has one name per staff: G2, F4, C3, G2_8..."""

    id: str
    name: str = ""
    staves: int = 1
    clefs: tuple[str, ...] = ("G2",)
    program: int = 0


@dataclass(frozen=True)
class Score:
    """A whole piece.  ``notes`` are sorted by onset, then part, staff, voice and pitch.

    ``warnings`` tells what a reader could not keep, in sentences for the user.
    """

    parts: tuple[Part, ...]
    notes: tuple[Note, ...]
    measures: tuple[Measure, ...] = ()
    time_signatures: tuple[TimeSignature, ...] = ()
    key_signatures: tuple[KeySignature, ...] = ()
    tempi: tuple[Tempo, ...] = ()
    title: str = ""
    composer: str = ""
    warnings: tuple[str, ...] = field(default=())

    @property
    def end_quarter(self) -> Fraction:
        """Time of the last note's or bar's end."""
        ends = [n.end_quarter for n in self.notes] + [m.end_quarter for m in self.measures[-1:]]
        return max(ends, default=Fraction(0))

    def part_notes(self, part_id: str) -> tuple[Note, ...]:
        """The written notes of one part."""
        return tuple(n for n in self.notes if n.part == part_id)

    def sounding(self) -> tuple[Note, ...]:
        """Notes with ties joined: one note per sound, grace notes left out."""
        return tuple(join_ties(n for n in self.notes if not n.grace))

    def replace_notes(self, notes: Iterable[Note]) -> Score:
        """The same score with other notes (sorted)."""
        return replace(self, notes=sort_notes(notes))

    def note_array(self) -> np.ndarray:
        """Sounding notes as a table with units in the column names (see :data:`NOTE_COLUMNS`)."""
        return note_table(self)


def sort_notes(notes: Iterable[Note]) -> tuple[Note, ...]:
    """Notes in score order; the grace notes before one note keep the order they come in."""
    return tuple(sorted(notes, key=_score_order))


def _score_order(note: Note) -> tuple[Fraction, str, int, str, bool, int]:
    pitch = 0 if note.grace else note.midi
    return note.onset_quarter, note.part, note.staff, note.voice, not note.grace, pitch


def join_ties(notes: Iterable[Note]) -> Iterator[Note]:
    """Join tied note heads of the same part and pitch into one note each.

    A tie is followed when a head with ``tie_stop`` of the same part and pitch starts where the
    open one ends; a tie that leads nowhere ends with its own head.
    """
    open_notes: dict[tuple[str, int, Fraction], Note] = {}
    done: list[Note] = []
    for note in sort_notes(notes):
        key = (note.part, note.midi, note.onset_quarter)
        current = note
        if note.tie_stop and key in open_notes:
            head = open_notes.pop(key)
            current = replace(
                head,
                duration_quarter=head.duration_quarter + note.duration_quarter,
                tie_start=False,
                fermata=head.fermata or note.fermata,
                articulations=head.articulations + note.articulations,
            )
        if note.tie_start:
            open_notes[(note.part, note.midi, current.end_quarter)] = current
        else:
            done.append(replace(current, tie_start=False, tie_stop=False))
    done.extend(replace(n, tie_start=False, tie_stop=False) for n in open_notes.values())
    return iter(sort_notes(done))


NOTE_COLUMNS: Sequence[tuple[str, str]] = (
    ("onset_quarter", "f8"),
    ("duration_quarter", "f8"),
    ("onset_sec", "f8"),
    ("duration_sec", "f8"),
    ("midi", "i4"),
    ("velocity", "i4"),
    ("part_index", "i4"),
    ("staff", "i4"),
)


def quarter_to_sec(score: Score, quarters: Iterable[Fraction]) -> np.ndarray:
    """Seconds of score times under the tempo map (100 quarters per minute where none is given).

    >>> s = Score((), (), tempi=(Tempo(Fraction(0), 60.0),))
    >>> quarter_to_sec(s, [Fraction(3, 2)]).tolist()
    [1.5]
    """
    tempi = sorted(score.tempi, key=lambda t: t.onset_quarter)
    if not tempi or tempi[0].onset_quarter > 0:
        tempi = [Tempo(Fraction(0), 100.0), *tempi]
    knots = np.array([float(t.onset_quarter) for t in tempi])
    sec_per_quarter = np.array([60.0 / t.quarter_per_minute for t in tempi])
    starts = np.concatenate([[0.0], np.cumsum(np.diff(knots) * sec_per_quarter[:-1])])
    x = np.array([float(q) for q in quarters], dtype=np.float64)
    i = np.clip(np.searchsorted(knots, x, side="right") - 1, 0, None)
    return starts[i] + (x - knots[i]) * sec_per_quarter[i]


def note_table(score: Score) -> np.ndarray:
    """Structured array of the sounding notes, columns :data:`NOTE_COLUMNS`."""
    notes = score.sounding()
    index = {p.id: i for i, p in enumerate(score.parts)}
    onset_sec = quarter_to_sec(score, (n.onset_quarter for n in notes))
    end_sec = quarter_to_sec(score, (n.end_quarter for n in notes))
    table = np.zeros(len(notes), dtype=list(NOTE_COLUMNS))
    for i, n in enumerate(notes):
        table[i] = (
            float(n.onset_quarter),
            float(n.duration_quarter),
            onset_sec[i],
            end_sec[i] - onset_sec[i],
            n.midi,
            n.velocity if n.velocity is not None else 72,
            index.get(n.part, 0),
            n.staff,
        )
    return table
