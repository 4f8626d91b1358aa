"""Streams of notation: notes of one voice must follow one another, or share onset and length."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from partimento.core.errors import MusicError
from partimento.music.score import Note

MAX_VOICES = 64
"""Most notes of different lengths that may overlap in one voice before it counts as nonsense."""
_Chord = list[Note]


def separate_voices(notes: Iterable[Note]) -> list[Note]:
    """The notes of one part, with new voice names where two of a voice overlap.

    A voice whose notes never overlap (chords have one onset and one duration) keeps its name.
    One that overlaps across staves is parted by staff; what still overlaps is dealt out, highest
    first, to the first voice that is free.

    Raises MusicError when more than :data:`MAX_VOICES` voices would be needed.
    """
    by_voice: dict[str, list[Note]] = defaultdict(list)
    for note in notes:
        by_voice[note.voice].append(note)
    names = _unused_names(set(by_voice))
    result: list[Note] = []
    for voice, members in by_voice.items():
        if _overlaps(members):
            result.extend(_deal(voice, members, names))
        else:
            result.extend(members)
    return result


def chords(notes: Iterable[Note]) -> list[_Chord]:
    """Notes grouped by onset and duration, in time order; grace notes stand alone.

    Grace notes come before the other notes of their onset and keep their order.
    """
    groups: dict[tuple[Fraction, Fraction, int], _Chord] = {}
    for i, note in enumerate(notes):
        grace_place = i if note.grace else -1
        key = (note.onset_quarter, note.duration_quarter, grace_place)
        groups.setdefault(key, []).append(note)
    return sorted(groups.values(), key=lambda c: (c[0].onset_quarter, not c[0].grace))


def _overlaps(notes: Iterable[Note]) -> bool:
    end = Fraction(0)
    for chord in chords(n for n in notes if not n.grace):
        if chord[0].onset_quarter < end:
            return True
        end = chord[0].end_quarter
    return False


def _deal(voice: str, notes: list[Note], names: Iterator[str]) -> Iterator[Note]:
    """Part one voice by staff, then deal out what overlaps inside a staff."""
    name = voice
    for i, staff in enumerate(sorted({n.staff for n in notes})):
        if i:
            name = next(names)
        members = [n for n in notes if n.staff == staff]
        lanes = [name]
        ends = [Fraction(0)]
        ordered = sorted(chords(members), key=_dealing_order)
        for chord in ordered:
            lane = _free_lane(ends, chord[0])
            if lane == len(lanes):
                lanes.append(next(names))
                ends.append(Fraction(0))
            if not chord[0].grace:
                ends[lane] = chord[0].end_quarter
            yield from (replace(n, voice=lanes[lane]) for n in chord)


def _dealing_order(chord: _Chord) -> tuple[Fraction, bool, int]:
    first = chord[0]
    if first.grace:
        return first.onset_quarter, False, 0
    return first.onset_quarter, True, -max(n.midi for n in chord)


def _free_lane(ends: list[Fraction], note: Note) -> int:
    if note.grace:
        return 0
    for lane, end in enumerate(ends):
        if end <= note.onset_quarter:
            return lane
    if len(ends) >= MAX_VOICES:
        raise MusicError(f"more than {MAX_VOICES} notes of different lengths overlap in one part")
    return len(ends)


def _unused_names(used: set[str]) -> Iterator[str]:
    number = 1
    while True:
        if str(number) not in used:
            yield str(number)
        number += 1
