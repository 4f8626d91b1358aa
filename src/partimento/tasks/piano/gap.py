"""A gap between two passages, filled from the left and judged from the right.

Candidates are drawn left to right through the gap.  A model of the past cannot see what follows,
so the candidates are ranked by how likely they make it: log p(right | left, candidate), the
difference of two likelihoods (noisy-channel re-ranking).

Shape suffixes: N notes.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.music.events import TICKS_PER_SECOND
from partimento.nn.sampling import Sampling
from partimento.tasks.piano.interface import PianoModel
from partimento.tasks.piano.passage import (
    MS_PER_TICK,
    NO_NOTES,
    Struck,
    cut_before,
    played_notes,
    together,
)
from partimento.tasks.piano.playing import Limits, Played, Timing, new_player, play

LEFT_NOTES, RIGHT_NOTES = 96, 48
"""What the judgement reads on either side of the gap."""
LATE_MS = 60
"""A made note that would strike a key which is still down may wait so long; else it is left out."""
SHORTEST_MS = 20


@dataclass(frozen=True, slots=True)
class Candidate:
    """One filling: ``notes`` of the gap (made), the events drawn, nats per note of what follows."""

    notes: Struck
    played: Played
    right_nats_per_note: float


def fill_gap(
    model: PianoModel,
    given: Struck,
    from_tick: int,
    to_tick: int,
    sampling: Sampling,
    seed: int,
    count: int,
    precision: str,
) -> tuple[list[Candidate], Timing]:
    """``count`` fillings of the gap between two ticks, the best first.

    ``given`` are the notes that stay: none begins inside the gap.  The time taken is that of all
    candidates and of judging them, for the music of one.
    """
    begin = time.perf_counter()
    player = new_player(model, count, sampling, seed, precision)
    passage = cut_before(given, from_tick)
    played, timing = play(player, passage, Limits(ticks=to_tick - from_tick))
    start_ms = from_tick * MS_PER_TICK
    candidates = []
    for one in played:
        notes = without_collisions(played_notes(one.notes, start_ms), given)
        nats = right_nats_per_note(model, given, notes, from_tick, to_tick)
        candidates.append(Candidate(notes, one, nats))
    # Python's sort is stable: equals stay in the order in which they were drawn.
    candidates.sort(key=lambda c: c.right_nats_per_note)
    seconds = (to_tick - from_tick) / TICKS_PER_SECOND
    return candidates, Timing(time.perf_counter() - begin, timing.tokens, seconds, 1)


def without_collisions(made: Struck, given: Struck) -> Struck:
    """The made notes that leave every given note as it is.

    A key that is down cannot be struck: such a note waits for its end, or is left out when that is
    long.  A given note that follows ends the made one.
    """
    kept = [_beside(made.select(np.array([i])), given) for i in range(len(made))]
    return together(NO_NOTES, *(note for note in kept if note is not None))


def _beside(note: Struck, given: Struck) -> Struck | None:
    """One note, moved or shortened so that no given note of its pitch overlaps it."""
    onset, offset = int(note.onset[0]), int(note.offset[0])
    same = given.pitch == note.pitch[0]
    ringing = same & (given.onset <= onset) & (given.offset > onset)
    free = int(given.offset[ringing].max(initial=onset))
    following = given.onset[same & (given.onset > onset)]
    offset = min(offset, int(following.min(initial=offset)))
    if free - onset > LATE_MS or offset - free < SHORTEST_MS:
        return None
    start, end = (np.array([value], dtype=np.int64) for value in (free, offset))
    return Struck(start, end, note.pitch, note.velocity, note.made)


def right_nats_per_note(
    model: PianoModel, given: Struck, filling: Struck, from_tick: int, to_tick: int
) -> float:
    """Nats per note of the first notes after the gap, the filling and what precedes it known.

    Infinity when nothing follows the gap.
    """
    cut_from, cut_to = from_tick * MS_PER_TICK, to_tick * MS_PER_TICK
    half = MS_PER_TICK // 2
    left = given.select(given.onset < cut_from - half)
    left = left.select(np.arange(len(left)) >= len(left) - LEFT_NOTES)
    right = given.select(given.onset >= cut_to - half)
    right = right.select(np.arange(len(right)) < RIGHT_NOTES)
    if len(right) == 0:
        return float("inf")
    before = together(left, filling)
    known = float(model.nats(before.ticks()).sum()) if len(before) else 0.0
    everything = float(model.nats(together(before, right).ticks()).sum())
    return (everything - known) / len(right)


def best(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best ``count`` that differ from each other; fewer when there are fewer."""
    chosen: list[Candidate] = []
    for candidate in candidates:
        if not any(_equal(candidate.notes, other.notes) for other in chosen):
            chosen.append(candidate)
    return chosen[:count]


def _equal(a: Struck, b: Struck) -> bool:
    pairs = ((a.onset, b.onset), (a.offset, b.offset), (a.pitch, b.pitch))
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in pairs)
