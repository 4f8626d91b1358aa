"""A score laid out for writing: per part and bar the voices with their heads and rests."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from partimento.core.errors import MusicError
from partimento.music.frames import beat_quarter
from partimento.music.lanes import separate_voices
from partimento.music.measures import ensure_measures
from partimento.music.musicxml_part import MAX_DIVISIONS, near_keys
from partimento.music.notation import (
    Frame,
    Head,
    bars_of_notes,
    frame,
    lane_heads,
    set_accidentals,
    whole_bar_rest,
)
from partimento.music.score import KeySignature, Note, Part, Score, Tempo, TimeSignature
from partimento.music.written_pitch import (
    Transposition,
    key_line,
    part_transposition,
    spell_part,
)

Event = KeySignature | TimeSignature | Tempo


@dataclass(frozen=True, slots=True)
class PartLayout:
    """A part's lanes, per bar: (voice name, heads) in the order of writing."""

    staves: int
    transposition: Transposition
    bars: list[list[tuple[str, list[Head]]]]


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole score laid out; ``divisions`` per quarter fits every head and bar line."""

    score: Score
    frames: list[Frame]
    parts: dict[str, PartLayout]
    events: list[list[tuple[Fraction, Event]]]
    divisions: int


def lay_out(score: Score) -> Layout:
    """Lay a score out in bars, voices, heads and rests, all pitches spelled.

    Raises MusicError when the notes lie on no time grid that notation can state, ValueError when
    a note names a part that the score does not have.
    """
    _common_grid(t for n in score.notes for t in (n.onset_quarter, n.duration_quarter))
    score = ensure_measures(score)
    frames = _frames(score)
    keys = key_line(score)
    by_part: dict[str, list[Note]] = {part.id: [] for part in score.parts}
    for note in score.notes:
        if note.part not in by_part:
            raise ValueError(f"a note names the part {note.part!r}, which the score does not have")
        by_part[note.part].append(note)
    parts = {}
    for part in score.parts:
        notes = separate_voices(by_part[part.id])
        transposition = part_transposition(notes)
        notes = spell_part(notes, transposition, keys)
        signatures = _written_keys(score.key_signatures, transposition)
        parts[part.id] = _lay_out_part(part, notes, frames, signatures, transposition)
    divisions = _divisions(score, frames, parts.values())
    return Layout(score, frames, parts, _events(score, frames), divisions)


def _events(score: Score, frames: list[Frame]) -> list[list[tuple[Fraction, Event]]]:
    """Per bar its key signatures, meters and tempi, with their place in it."""
    starts = [f.onset for f in frames]
    end = starts[-1] + frames[-1].duration
    result: list[list[tuple[Fraction, Event]]] = [[] for _ in frames]
    signatures: list[Event] = [*score.key_signatures, *score.time_signatures, *score.tempi]
    for event in signatures:
        onset = min(event.onset_quarter, end)
        index = max(0, bisect_right(starts, onset) - 1)
        result[index].append((onset - starts[index], event))
    for events in result:
        events.sort(key=lambda e: e[0])
    return result


def _frames(score: Score) -> list[Frame]:
    """The frames of all bars; meters are read off in one pass."""
    frames = []
    meters = score.time_signatures
    place = 0
    for measure in score.measures:
        while place + 1 < len(meters) and meters[place + 1].onset_quarter <= measure.onset_quarter:
            place += 1
        meter = meters[place]
        frames.append(
            frame(measure.onset_quarter, measure.duration_quarter, beat_quarter(meter), meter)
        )
    return frames


def _written_keys(
    signatures: Iterable[KeySignature], transposition: Transposition
) -> list[tuple[Fraction, int]]:
    return [(k.onset_quarter, written_fifths(k, transposition)) for k in signatures]


def written_fifths(key: KeySignature, transposition: Transposition) -> int:
    """The signature that a transposing part shows for a sounding one."""
    shift = transposition.fifths
    return near_keys(key.fifths - shift) if shift else key.fifths


def _lay_out_part(
    part: Part,
    notes: list[Note],
    frames: list[Frame],
    keys: list[tuple[Fraction, int]],
    transposition: Transposition,
) -> PartLayout:
    staves = max([part.staves, 1, *(n.staff for n in notes)])
    voices = {staff: str(4 * staff - 3) for staff in range(1, staves + 1)}
    for note in reversed(notes):
        voices[note.staff] = note.voice
    bars = []
    place, fifths = 0, 0
    for bar, members in zip(frames, bars_of_notes(notes, frames), strict=True):
        lanes = _lanes(members, bar, voices)
        here = [(Fraction(0), fifths)]
        while place < len(keys) and keys[place][0] < bar.onset + bar.duration:
            fifths = keys[place][1]
            here.append((keys[place][0] - bar.onset, fifths))
            place += 1
        set_accidentals((h for _, heads in lanes for h in heads), here)
        bars.append(lanes)
    return PartLayout(staves, transposition, bars)


def _lanes(notes: list[Note], bar: Frame, voices: dict[int, str]) -> list[tuple[str, list[Head]]]:
    """Voices of one bar by staff; a staff without notes gets a whole-bar rest."""
    members: dict[str, list[Note]] = {}
    for note in sorted(notes, key=lambda n: (n.onset_quarter, n.staff)):
        members.setdefault(note.voice, []).append(note)
    ranked: list[tuple[int, int, str, list[Head]]] = []
    for voice, lane in members.items():
        ranked.append((min(n.staff for n in lane), _rank(voice), voice, lane_heads(lane, bar)))
    covered = {n.staff for n in notes}
    for staff, voice in voices.items():
        if staff not in covered:
            ranked.append((staff, 0, voice, [whole_bar_rest(bar, staff)]))
    ranked.sort(key=lambda lane: lane[:3])
    return [(voice, heads) for _, _, voice, heads in ranked]


def _rank(voice: str) -> int:
    return int(voice) if voice.isdecimal() and len(voice) < 9 else 0


def _divisions(score: Score, frames: Iterable[Frame], parts: Iterable[PartLayout]) -> int:
    times = [d for f in frames for d in (f.onset, f.duration)]
    times += [t.onset_quarter for t in score.tempi]
    for part in parts:
        for bar in part.bars:
            for _, heads in bar:
                times += [t for head in heads for t in (head.onset, head.duration)]
    return _common_grid(times)


def _common_grid(times: Iterable[Fraction]) -> int:
    """Divisions of a quarter on which all times lie."""
    divisions = lcm(*{t.denominator for t in times})
    if divisions > MAX_DIVISIONS:
        raise MusicError("the notes lie on no regular time grid, so they cannot be written down")
    return divisions
