"""A score as simultaneous lines: what sounds in every voice between two changes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from partimento.music import keys
from partimento.music.frames import Bar, bars
from partimento.music.grid import VOICE_LONG_NAMES, VOICES
from partimento.music.lines import find_lines, reduce_line
from partimento.music.score import Note, Score, join_ties
from partimento.music.textbook import RULES, VoiceLeadingFinding
from partimento.music.voices import BASS, assign_voices, named_voices

_DOUBLE_BARS = frozenset({"light-light", "light-heavy", "heavy-light", "heavy-heavy"})


@dataclass(frozen=True)
class Voice:
    """One line: notes with ties joined, at most one at a time, all spelled.

    ``index`` is 0 for soprano to 3 for bass (the place in the score when the voices are not
    named); ``choral`` tells whether the line is known to be that choir voice.
    """

    index: int
    name: str
    choral: bool
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Slice:
    """What sounds from ``start_quarter`` until the next slice.

    ``notes`` has one entry per voice of the texture, None for silence; ``new_phrase`` is true when
    a fermata, a double bar or a repeat sign stands just before.
    """

    start_quarter: Fraction
    end_quarter: Fraction
    notes: tuple[Note | None, ...]
    new_phrase: bool

    def attacks(self, voice: int) -> bool:
        """Whether the voice's note starts here."""
        note = self.notes[voice]
        return note is not None and note.onset_quarter == self.start_quarter

    @cached_property
    def sounding(self) -> tuple[int, ...]:
        """MIDI pitches that sound, from the highest voice down."""
        return tuple(n.midi for n in self.notes if n is not None)


@dataclass(frozen=True)
class Texture:
    """Voices from top to bottom and their slices in time order."""

    voices: tuple[Voice, ...]
    slices: tuple[Slice, ...]
    bars: tuple[Bar, ...]

    @cached_property
    def _bar_starts(self) -> list[Fraction]:
        return [bar.measure.onset_quarter for bar in self.bars]

    @cached_property
    def phrase_starts(self) -> frozenset[Fraction]:
        """Times at which a new phrase starts."""
        return frozenset(s.start_quarter for s in self.slices if s.new_phrase)

    def bar_at(self, time: Fraction) -> Bar:
        """The bar that holds the time."""
        return self.bars[max(0, bisect_right(self._bar_starts, time) - 1)]

    def passes_down(self, voice: int, note: Note) -> bool:
        """Whether a note is reached by step from above and left by step downwards."""
        before, after = self._around(voice, note)
        return before in (1, 2) and after in (-1, -2)

    def passes_up(self, voice: int, note: Note) -> bool:
        """Whether a note is reached by step from below and left by step upwards."""
        before, after = self._around(voice, note)
        return before in (-1, -2) and after in (1, 2)

    def _around(self, voice: int, note: Note) -> tuple[int, int]:
        """Semitones from the note to the one before and to the one after; 99 where none is."""
        notes = self.voices[voice].notes
        place = self._places[voice][note.onset_quarter]
        before = notes[place - 1].midi - note.midi if place else 99
        after = notes[place + 1].midi - note.midi if place + 1 < len(notes) else 99
        return before, after

    @cached_property
    def _places(self) -> list[dict[Fraction, int]]:
        return [{n.onset_quarter: i for i, n in enumerate(v.notes)} for v in self.voices]

    def finding(
        self, rule: str, time: Fraction, voices: tuple[int, ...], message: str
    ) -> VoiceLeadingFinding:
        """A finding with its bar and beat; ``voices`` are places in :attr:`voices`."""
        bar = self.bar_at(time)
        return VoiceLeadingFinding(
            rule=rule,
            severity=RULES[rule].severity,
            bar=bar.measure.number,
            beat=bar.beat(time),
            onset_quarter=time,
            voices=tuple(self.voices[v].name for v in voices),
            message=message,
        )


def texture_of(score: Score) -> Texture:
    """The lines of a score with up to four voices: open score, closed score or chords.

    Notes without a spelling get one from the key found.  Raises MusicError when the score has no
    notes.
    """
    lines = assign_voices(find_lines(score)).lines
    complete = len(lines) == VOICES
    key = keys.detect_score_key(score)
    voices = []
    for index, line in sorted(lines.items()):
        reduced = reduce_line(line.notes, "bottom" if index == BASS else "top").notes
        notes = tuple(join_ties(n for n in reduced if not n.grace))
        choral = complete or bool(named_voices(line.part.name))
        name = VOICE_LONG_NAMES[index].lower() if choral else line.label
        voices.append(Voice(index, name, choral, _spelled(notes, key)))
    score_bars = bars(score)
    return Texture(tuple(voices), _slices(voices, _phrase_starts(voices, score_bars)), score_bars)


def name_of(note: Note) -> str:
    """Spelled name such as ``F#4``."""
    return note.spelling.name if note.spelling else str(note.midi)


def _spelled(notes: tuple[Note, ...], key: keys.Key) -> tuple[Note, ...]:
    """Written spellings where there are any, else those that fit the key."""
    made = keys.spell_line([n.midi for n in notes], key)
    return tuple(
        n if n.spelling is not None and n.spelling.midi == n.midi else replace(n, spelling=s)
        for n, s in zip(notes, made, strict=True)
    )


def _phrase_starts(voices: list[Voice], score_bars: tuple[Bar, ...]) -> set[Fraction]:
    starts = {n.end_quarter for voice in voices for n in voice.notes if n.fermata}
    for bar in score_bars:
        if bar.measure.repeat_end or bar.measure.bar_style in _DOUBLE_BARS:
            starts.add(bar.measure.end_quarter)
        if bar.measure.repeat_start or bar.measure.endings:
            starts.add(bar.measure.onset_quarter)
    return starts


def _slices(voices: list[Voice], phrase_starts: set[Fraction]) -> tuple[Slice, ...]:
    times = sorted(
        {t for voice in voices for n in voice.notes for t in (n.onset_quarter, n.end_quarter)}
    )
    places = [0] * len(voices)
    slices = []
    for start, end in pairwise(times):
        sounding: list[Note | None] = []
        for v, voice in enumerate(voices):
            while places[v] < len(voice.notes) and voice.notes[places[v]].end_quarter <= start:
                places[v] += 1
            note = voice.notes[places[v]] if places[v] < len(voice.notes) else None
            sounding.append(note if note is not None and note.onset_quarter <= start else None)
        slices.append(Slice(start, end, tuple(sounding), start in phrase_starts))
    return tuple(slices)
