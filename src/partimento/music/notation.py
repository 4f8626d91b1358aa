"""From notes to what stands on the page: heads, rests, tuplets, beams and accidentals of a bar."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from partimento.music.durations import (
    NoteValue,
    note_value,
    split_note,
    split_rest,
    tuplet_of,
)
from partimento.music.lanes import chords
from partimento.music.score import Note, TimeSignature

_ZERO = Fraction(0)
_FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4, "128th": 5, "256th": 6}


@dataclass(slots=True)
class Head:
    """A chord (notes of one onset and length) or a rest, at ``onset`` quarters of its bar.

    ``value`` is None where no note value writes the duration.  ``accidentals`` runs parallel to
    ``notes``.  ``beams`` holds one MusicXML beam word per beam line.
    """

    onset: Fraction
    duration: Fraction
    notes: list[Note] = field(default_factory=list)
    staff: int = 1
    tuplet: int = 1
    value: NoteValue | None = None
    tuplet_start: bool = False
    tuplet_stop: bool = False
    whole_bar: bool = False
    accidentals: list[bool] = field(default_factory=list)
    beams: list[str] = field(default_factory=list)

    @property
    def end(self) -> Fraction:
        """Place in the bar where it stops."""
        return self.onset + self.duration

    @property
    def grace(self) -> bool:
        """Whether this is a grace note."""
        return bool(self.notes) and self.notes[0].grace


@dataclass(frozen=True, slots=True)
class Frame:
    """What a bar needs to be written: where it starts, how long it is, and its meter."""

    onset: Fraction
    duration: Fraction
    beat: Fraction
    beam_unit: Fraction


def frame(onset: Fraction, duration: Fraction, beat: Fraction, meter: TimeSignature) -> Frame:
    """The frame of a bar; 3/8 is beamed as one group though its beat is an eighth."""
    grouped = meter.beat_type >= 8 and meter.beats % 3 == 0
    return Frame(onset, duration, beat, Fraction(12, meter.beat_type) if grouped else beat)


def bars_of_notes(notes: Iterable[Note], frames: Sequence[Frame]) -> list[list[Note]]:
    """The written heads of each bar: notes cut at bar lines and into writable values, tied."""
    starts = [f.onset for f in frames]
    bars: list[list[Note]] = [[] for _ in frames]
    for note in notes:
        index = max(0, bisect_right(starts, note.onset_quarter) - 1)
        if note.grace:
            bars[index].append(note)
            continue
        pieces = list(_cut(note, index, frames))
        for i, (bar, onset, length) in enumerate(pieces):
            bars[bar].append(
                note if len(pieces) == 1 else _piece(note, onset, length, i, len(pieces))
            )
    return bars


def _cut(
    note: Note, index: int, frames: Sequence[Frame]
) -> Iterator[tuple[int, Fraction, Fraction]]:
    """Bar, onset and length of each head of a note."""
    onset, end = note.onset_quarter, note.end_quarter
    while onset < end:
        bar = frames[index]
        stop = min(end, bar.onset + bar.duration) if index + 1 < len(frames) else end
        for length in split_note(onset - bar.onset, stop - onset, bar.beat):
            yield index, onset, length
            onset += length
        index += 1


def _piece(note: Note, onset: Fraction, length: Fraction, index: int, count: int) -> Note:
    """One of the tied heads of a note; words and marks stay with the first, fermata at the end."""
    last = index == count - 1
    return replace(
        note,
        onset_quarter=onset,
        duration_quarter=length,
        tie_stop=note.tie_stop if index == 0 else True,
        tie_start=note.tie_start if last else True,
        fermata=note.fermata and last,
        lyrics=note.lyrics if index == 0 else (),
        articulations=note.articulations if index == 0 else (),
    )


def lane_heads(notes: Sequence[Note], bar: Frame) -> list[Head]:
    """The heads and rests of one voice in one bar, from bar line to bar line."""
    heads: list[Head] = []
    place = _ZERO
    for chord in chords(notes):
        first = chord[0]
        onset = first.onset_quarter - bar.onset
        heads += _rests(place, onset, bar, first.staff)
        heads.append(Head(onset, first.duration_quarter, chord, first.staff))
        place = max(place, onset + first.duration_quarter)
    heads += _rests(place, bar.duration, bar, heads[-1].staff if heads else 1)
    _set_values(heads)
    _set_beams(heads, bar.beam_unit)
    return heads


def whole_bar_rest(bar: Frame, staff: int) -> Head:
    """The rest of an empty staff."""
    return Head(_ZERO, bar.duration, staff=staff, whole_bar=True)


def _rests(start: Fraction, end: Fraction, bar: Frame, staff: int) -> Iterator[Head]:
    if end > start:
        for length in split_rest(start, end - start, bar.beat):
            yield Head(start, length, staff=staff)
            start += length


# -- tuplets --------------------------------------------------------------------------------------


def _set_values(heads: Sequence[Head]) -> None:
    """Give each head its note value and mark where tuplet brackets start and stop."""
    timed = [h for h in heads if not h.grace]
    for head in timed:
        head.tuplet = tuplet_of(head.onset, head.duration)
    for first, last in _tuplet_runs(timed):
        actual = timed[first].tuplet
        first, last = _whole_beats(timed, first, last, actual)
        for head in timed[first : last + 1]:
            head.tuplet = actual
        timed[first].tuplet_start = timed[last].tuplet_stop = True
    for head in timed:
        head.value = note_value(head.duration, head.tuplet)


def _tuplet_runs(heads: Sequence[Head]) -> list[tuple[int, int]]:
    """First and last index of each run of equal tuplets; a run ends on a plain place."""
    runs: list[tuple[int, int]] = []
    start: int | None = None
    for i, head in enumerate(heads):
        if head.tuplet == 1:
            continue
        start = i if start is None else start
        following = heads[i + 1].tuplet if i + 1 < len(heads) else 1
        plain = head.end.denominator & (head.end.denominator - 1) == 0
        if plain or following != head.tuplet:
            runs.append((start, i))
            start = None
    return runs


def _whole_beats(heads: Sequence[Head], first: int, last: int, actual: int) -> tuple[int, int]:
    """Widen a run to the beat where its neighbours can be written in the tuplet as well.

    A dotted eighth that opens a beat of triplets belongs inside the bracket.
    """
    while first > 0 and heads[first].onset.denominator > 1 and _fits(heads[first - 1], actual):
        if heads[first - 1].onset < heads[first].onset // 1:
            break
        first -= 1
    while last + 1 < len(heads) and heads[last].end.denominator > 1:
        following = heads[last + 1]
        if not _fits(following, actual) or following.end > -(-heads[last].end // 1):
            break
        last += 1
    return first, last


def _fits(head: Head, actual: int) -> bool:
    taken = head.tuplet_start or head.tuplet_stop or head.tuplet != 1
    return not taken and note_value(head.duration, actual) is not None


# -- beams ----------------------------------------------------------------------------------------


def _set_beams(heads: Sequence[Head], unit: Fraction) -> None:
    """Beam neighbouring short notes of the same beat."""
    group: list[Head] = []
    for head in heads:
        if head.grace:
            continue
        fits = bool(head.notes) and _flags(head) > 0
        if group and (not fits or head.onset // unit != group[0].onset // unit):
            _beam(group)
            group = []
        if fits:
            group.append(head)
    _beam(group)


def _flags(head: Head) -> int:
    return _FLAGS.get(head.value.type, 0) if head.value else 0


def _beam(group: Sequence[Head]) -> None:
    if len(group) < 2:
        return
    counts = [0, *(_flags(h) for h in group), 0]
    for i, head in enumerate(group, start=1):
        for line in range(1, counts[i] + 1):
            before, after = counts[i - 1] >= line, counts[i + 1] >= line
            if before and after:
                head.beams.append("continue")
            elif before or after:
                head.beams.append("end" if before else "begin")
            else:
                head.beams.append("forward hook" if i == 1 else "backward hook")


# -- accidentals ----------------------------------------------------------------------------------

_SHARP_ORDER = "FCGDAEB"


def key_alter(step: str, fifths: int) -> int:
    """Sharps (negative: flats) that a key signature puts before a step."""
    place = _SHARP_ORDER.index(step)
    return (fifths + 6 - place) // 7


def set_accidentals(heads: Iterable[Head], keys: Sequence[tuple[Fraction, int]]) -> None:
    """Decide which notes of one bar show an accidental.

    ``heads`` are those of all voices of a part; ``keys`` the written signatures with their place
    in the bar, the first at or before its start.  An accidental holds for its staff, step and
    octave to the bar line.  A head tied from before shows none.
    """
    timed = sorted((h for h in heads if h.notes), key=lambda h: (h.onset, not h.grace))
    state: dict[tuple[int, str, int], int] = {}
    pending = list(keys)
    fifths = 0
    for head in timed:
        while pending and pending[0][0] <= head.onset:
            fifths = pending.pop(0)[1]
            state.clear()
        head.accidentals = [_shows(note, fifths, state) for note in head.notes]


def _shows(note: Note, fifths: int, state: dict[tuple[int, str, int], int]) -> bool:
    pitch = note.spelling
    if pitch is None or (note.tie_stop and not note.grace):
        return False
    key = (note.staff, pitch.step, pitch.octave)
    if state.get(key, key_alter(pitch.step, fifths)) == pitch.alter:
        return False
    state[key] = pitch.alter
    return True
