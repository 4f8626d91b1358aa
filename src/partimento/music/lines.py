"""Single melodic lines out of the parts, staves and chords of a written score.

A :class:`Line` is a candidate for one choir voice.  A staff voice is one line; a staff whose only
voice moves in two notes (closed score) is two; a texture that always has four notes is four.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, groupby
from typing import Literal

from partimento.music.score import Note, Part, Score, sort_notes

PAIR_SHARE = 0.75
"""Share of the sounding time with exactly two notes from which a staff is read as two voices."""
FOUR_SHARE = 0.85
"""Share of the sounding time with exactly four notes from which all notes are read as S A T B."""
CHORD_SHARE = 0.3
"""Share of the sounding time with several notes from which a line counts as accompaniment."""


@dataclass(frozen=True)
class Line:
    """Written notes that may be one voice.

    ``split``: the line was cut out of chords, so its gaps may be unisons with another voice and
    say nothing about silence.
    """

    label: str
    part: Part
    order: int
    notes: tuple[Note, ...]
    split: bool = False

    @property
    def mean_midi(self) -> float:
        """Mean pitch weighted by duration."""
        weights = [float(n.duration_quarter) for n in self.notes]
        total = sum(weights) or 1.0
        return sum(w * n.midi for w, n in zip(weights, self.notes, strict=True)) / total

    @property
    def length_quarter(self) -> Fraction:
        """Time during which at least one note sounds."""
        return sum(polyphony(self.notes).values(), Fraction(0))

    @property
    def chordal(self) -> bool:
        """More chords than one line can have with a few divided notes."""
        return _share(polyphony(self.notes), lambda k: k > 1) > CHORD_SHARE

    @property
    def has_lyrics(self) -> bool:
        """Whether words stand under the notes."""
        return any(n.lyrics for n in self.notes)


def polyphony(notes: Iterable[Note]) -> dict[int, Fraction]:
    """Quarters during which exactly k notes sound, for every k > 0 that occurs."""
    steps: dict[Fraction, int] = defaultdict(int)
    for note in notes:
        steps[note.onset_quarter] += 1
        steps[note.end_quarter] -= 1
    durations: dict[int, Fraction] = defaultdict(Fraction)
    count, before = 0, Fraction(0)
    for time in sorted(steps):
        if count:
            durations[count] += time - before
        count, before = count + steps[time], time
    return dict(durations)


def _share(durations: dict[int, Fraction], wanted: Callable[[int], bool]) -> float:
    total = sum(durations.values(), Fraction(0))
    return float(sum((d for k, d in durations.items() if wanted(k)), Fraction(0)) / (total or 1))


def find_lines(score: Score) -> tuple[Line, ...]:
    """All candidate lines of a score in reading order; empty parts give none."""
    streams = _streams(score)
    staves = {(s.part.id, s.notes[0].staff) for s in streams}
    if len(streams) < 4 and len(staves) <= 2:
        everything = [n for s in streams for n in s.notes]
        if _share(polyphony(everything), lambda k: k == 4) >= FOUR_SHARE:
            names = ("first", "second", "third", "fourth")
            part = streams[0].part
            ranked = rank_lines(everything, 4, prefer=None)
            return tuple(
                Line(f"{name} notes of the chords", part, i, notes, split=True)
                for i, (name, notes) in enumerate(zip(names, ranked, strict=True))
                if notes
            )
    if len(staves) == 1:
        return tuple(streams)
    return tuple(line for stream in streams for line in _split_pairs(stream, streams))


def _streams(score: Score) -> list[Line]:
    """One line per part, staff and voice that has notes."""
    found: list[Line] = []
    for index, part in enumerate(score.parts):
        notes = score.part_notes(part.id)
        staves = sorted({n.staff for n in notes})
        for staff in staves:
            voices = sorted({n.voice for n in notes if n.staff == staff})
            for voice in voices:
                label = part.name or f"part {index + 1}"
                label += f", staff {staff}" if len(staves) > 1 else ""
                label += f", voice {voice}" if len(voices) > 1 else ""
                own = tuple(n for n in notes if n.staff == staff and n.voice == voice)
                if any(not n.grace for n in own):
                    found.append(Line(label, part, len(found), own))
    return found


def _split_pairs(stream: Line, streams: Sequence[Line]) -> list[Line]:
    """Two lines where a staff's only voice moves in pairs of notes, else the stream itself."""
    staff = stream.notes[0].staff
    mates = [s for s in streams if s.part == stream.part and s.notes[0].staff == staff]
    durations = polyphony(stream.notes)
    few_thick = _share(durations, lambda k: k > 2) <= 0.05
    if len(mates) > 1 or _share(durations, lambda k: k == 2) < PAIR_SHARE or not few_thick:
        return [stream]
    others = [s.mean_midi for s in streams if s is not stream]
    prefer = 0 if stream.mean_midi >= sum(others) / len(others) else 1
    upper, lower = rank_lines(stream.notes, 2, prefer=prefer)
    return [
        replace(stream, label=f"upper notes of {stream.label}", notes=upper, split=True),
        replace(stream, label=f"lower notes of {stream.label}", notes=lower, split=True),
    ]


def rank_lines(
    notes: Iterable[Note], n_lines: int, *, prefer: int | None
) -> list[tuple[Note, ...]]:
    """Deal simultaneous notes to ``n_lines`` lines from top to bottom.

    A chord with as many notes as free lines is dealt in order; a thinner one goes where it moves
    least, a single note to line ``prefer`` if given.  Of thicker chords the inner notes are left
    out.  A note tied to the one before stays in its line.
    """
    lines: list[list[Note]] = [[] for _ in range(n_lines)]
    ordered = sort_notes(notes)
    for onset, group in groupby(ordered, key=lambda n: n.onset_quarter):
        chord = sorted(group, key=lambda n: -n.midi)
        graces = [n for n in chord if n.grace]
        lines[0].extend(graces[:1])
        fresh = [n for n in chord if not n.grace]
        free = [i for i in range(n_lines) if not _sounds(lines[i], onset)]
        for note in list(fresh):
            home = next((i for i in free if note.tie_stop and _continues(lines[i], note)), None)
            if home is not None:
                lines[home].append(note)
                free.remove(home)
                fresh.remove(note)
        for index, note in _deal(fresh, free, lines, prefer):
            lines[index].append(note)
    return [tuple(line) for line in lines]


def _sounds(line: list[Note], onset: Fraction) -> bool:
    return bool(line) and line[-1].end_quarter > onset


def _continues(line: list[Note], note: Note) -> bool:
    if not line or not line[-1].tie_start:
        return False
    return line[-1].midi == note.midi and line[-1].end_quarter == note.onset_quarter


def _deal(
    fresh: list[Note], free: list[int], lines: list[list[Note]], prefer: int | None
) -> list[tuple[int, Note]]:
    """Pairs (line, note) for the notes that start together, both from top to bottom."""
    if len(fresh) > len(free):
        upper = (len(free) + 1) // 2
        fresh = fresh[:upper] + fresh[len(fresh) - (len(free) - upper) :]
    if len(fresh) == 1 and prefer in free:
        return [(prefer, fresh[0])] if prefer is not None else []

    def cost(chosen: tuple[int, ...]) -> int:
        pairs = zip(chosen, fresh, strict=True)
        return sum(abs(lines[i][-1].midi - n.midi) for i, n in pairs if lines[i])

    best = min(combinations(free, len(fresh)), key=cost)
    return list(zip(best, fresh, strict=True))


@dataclass(frozen=True)
class Reduced:
    """A line with at most one note at a time, and what that cost."""

    notes: tuple[Note, ...]
    n_dropped: int
    n_shortened: int


def reduce_line(notes: Iterable[Note], keep: Literal["top", "bottom"]) -> Reduced:
    """Keep the outer note of every chord; shorten a note that runs into the next one.

    A note under (for ``bottom``: over) one that is held longer is dropped.
    """
    sign = 1 if keep == "top" else -1
    kept: list[Note] = []
    dropped = shortened = 0
    for onset, group in groupby(sort_notes(notes), key=lambda n: n.onset_quarter):
        chord = list(group)
        graces = [n for n in chord if n.grace]
        plain = [n for n in chord if not n.grace]
        kept.extend(graces)
        if not plain:
            continue
        best = max(plain, key=lambda n: (sign * n.midi, n.duration_quarter))
        dropped += len(plain) - 1
        last = next((i for i in reversed(range(len(kept))) if not kept[i].grace), None)
        if last is not None and kept[last].end_quarter > onset:
            held = kept[last]
            if sign * held.midi > sign * best.midi and held.end_quarter >= best.end_quarter:
                dropped += 1
                continue
            kept[last] = replace(held, duration_quarter=onset - held.onset_quarter, tie_start=False)
            shortened += 1
        kept.append(best)
    return Reduced(tuple(kept), dropped, shortened)
