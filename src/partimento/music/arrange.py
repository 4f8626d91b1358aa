"""A score given to an ensemble of four: its lines in the players' clefs and ranges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from partimento.core.errors import MusicError
from partimento.music.ensembles import Ensemble, Seat, ensemble_named
from partimento.music.lines import polyphony, rank_lines, reduce_line
from partimento.music.score import Note, Part, Score, Spelling, sort_notes
from partimento.music.skyline import in_range

SEATS = 4
_CHOSEN = {1: (0,), 2: (0, 3), 3: (0, 2, 3), 4: (0, 1, 2, 3)}
"""Seats that play where there are fewer lines than seats."""
FEW = 0.35
"""Share of a line's notes that may be moved alone before the whole line is moved by an octave."""
_THICK = 0.15
"""Share of a part's time with more notes than players from which it gets one player more."""
_Line = tuple[Note, ...]


@dataclass(frozen=True)
class Arranged:
    """The new score, and sentences on what had to be moved or left out."""

    score: Score
    sentences: tuple[str, ...]


def arrange(score: Score, ensemble: str | Ensemble) -> Arranged:
    """The lines of a score, from the highest to the lowest, for the players of an ensemble.

    Each part of the score goes to one player, or to several where it has chords and there are
    players left; of more than four parts neighbours share a player.  A line is moved by whole
    octaves into the range of its instrument; notes that are still outside are moved alone.  Key,
    meters, tempi and title stay.

    Raises ConfigError for an unknown ensemble, MusicError for a score without notes.
    """
    players = ensemble if isinstance(ensemble, Ensemble) else ensemble_named(ensemble)
    lines, left_out = _lines(score)
    if not lines:
        raise MusicError("the score has no note to arrange")
    seats = [players.seats[i] for i in _CHOSEN[len(lines)]]
    sentences = [f"{left_out} notes found no player."] if left_out else []
    idle = [seat.name for seat in players.seats if seat not in seats]
    if idle and not players.one_player:
        verb = "has" if len(idle) == 1 else "have"
        sentences.append(f"{' and '.join(idle)} {verb} nothing to play.")
    fitted = []
    for line, seat in zip(lines, seats, strict=True):
        notes, sentence = _fitted(line, seat)
        fitted.append(notes)
        sentences += [sentence] if sentence else []
    parts, notes = (_one_player if players.one_player else _desks)(fitted, seats)
    return Arranged(replace(score, parts=parts, notes=sort_notes(notes)), tuple(sentences))


def _lines(score: Score) -> tuple[list[_Line], int]:
    """One to four lines from top to bottom, and how many notes found no place."""
    groups = [list(score.part_notes(part.id)) for part in score.parts]
    groups = sorted((g for g in groups if g), key=_height, reverse=True)
    if not groups:
        return [], 0
    if len(groups) > SEATS:
        shared: list[list[Note]] = [[] for _ in range(SEATS)]
        for rank, group in enumerate(groups):
            shared[rank * SEATS // len(groups)] += group
        groups = shared
    lines: list[_Line] = []
    for group, count in zip(groups, _players(groups), strict=True):
        lines += rank_lines(group, count, prefer=0) if count > 1 else [tuple(group)]
    bottom = len(lines) - 1
    reduced = [
        reduce_line(line, "bottom" if bottom and i == bottom else "top")
        for i, line in enumerate(lines)
    ]
    kept = [line.notes for line in reduced]
    heads = sum(map(len, groups)) - sum(map(len, kept))
    return [line for line in kept if line], heads


def _height(notes: Sequence[Note]) -> float:
    weights = [float(note.duration_quarter) or 0.01 for note in notes]
    return float(np.average([note.midi for note in notes], weights=weights))


def _players(groups: Sequence[Sequence[Note]]) -> list[int]:
    """Players of each part: one, and more for the thickest while there are players left."""
    count = [1] * len(groups)
    while sum(count) < SEATS:
        excess = [_share(group, n) for group, n in zip(groups, count, strict=True)]
        thickest = int(np.argmax(excess))
        if excess[thickest] < _THICK:
            break
        count[thickest] += 1
    return count


def _share(notes: Iterable[Note], players: int) -> float:
    """Share of the sounding time with more notes than players."""
    sounding = polyphony(notes)
    total = sum(sounding.values(), Fraction(0)) or Fraction(1)
    return float(sum((d for k, d in sounding.items() if k > players), Fraction(0)) / total)


def _fitted(line: _Line, seat: Seat) -> tuple[list[Note], str]:
    """The line in the range of its instrument, and a sentence where single notes had to move."""
    before = np.array([note.midi for note in line])
    after = in_range(before, seat.low, seat.high, FEW)
    moved = after - before
    common = int(np.median(moved))
    notes = [_moved(note, int(by)) for note, by in zip(line, moved, strict=True)]
    alone = int((moved != common).sum())
    if not alone:
        return notes, ""
    what = "one note" if alone == 1 else f"{alone} notes"
    return notes, f"{seat.name}: {what} of {len(line)} moved by octaves into the range."


def _moved(note: Note, semitones: int) -> Note:
    if not semitones:
        return note
    old = note.spelling
    new = None if old is None else Spelling(old.step, old.alter, old.octave + semitones // 12)
    return replace(note, midi=note.midi + semitones, spelling=new)


def _desks(
    lines: Sequence[Sequence[Note]], seats: Sequence[Seat]
) -> tuple[tuple[Part, ...], list[Note]]:
    """One part for each player."""
    parts = tuple(
        Part(f"P{i}", seat.name, clefs=(seat.clef,), program=seat.program)
        for i, seat in enumerate(seats, start=1)
    )
    notes = [
        replace(note, part=part.id, staff=1, voice="1")
        for part, line in zip(parts, lines, strict=True)
        for note in line
    ]
    return parts, notes


def _one_player(
    lines: Sequence[Sequence[Note]], seats: Sequence[Seat]
) -> tuple[tuple[Part, ...], list[Note]]:
    """Upper and lower half of the lines on two staves of one part, a voice for each line."""
    part = Part("P1", seats[0].name, 2, ("G2", "F4"), seats[0].program)
    upper = (len(lines) + 1) // 2
    notes = [
        replace(note, part=part.id, staff=1 if i < upper else 2, voice=str(i + 1))
        for i, line in enumerate(lines)
        for note in line
    ]
    return (part,), notes
