"""Performances made for tests: random but musical enough to have keys, chords and repeats."""

import numpy as np

from partimento.music.events import TickNotes, disjoint, to_performance
from partimento.music.performance_write import write_performance

SCALE = np.array([0, 2, 4, 5, 7, 9, 11])


def tick_notes(rows):
    """TickNotes of rows (onset, offset, pitch, bin)."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 4)
    return disjoint(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def random_piece(seed, notes=200, tonic=0):
    """A random walk on a major scale, with chords, rests and changing velocities."""
    generator = np.random.default_rng(seed)
    step = generator.integers(-3, 4, size=notes).cumsum() % 28
    pitch = 43 + tonic + 12 * (step // 7) + SCALE[step % 7]
    onset = generator.choice([0, 1, 12, 25, 50], size=notes, p=[0.1, 0.1, 0.4, 0.3, 0.1]).cumsum()
    length = generator.integers(8, 60, size=notes)
    return disjoint(onset, onset + length, pitch, generator.integers(8, 24, size=notes))


def another_take(notes, seed):
    """The same keys with other timing and velocities: a second performance of one work."""
    generator = np.random.default_rng(seed)
    stretch = 1.0 + 0.2 * generator.random()
    steps = np.diff(notes.onset, prepend=notes.onset[:1])
    steps = np.where(steps > 3, np.round(steps * stretch) + generator.integers(0, 3), steps)
    onset = steps.astype(np.int64).cumsum()
    length = notes.offset - notes.onset
    return disjoint(onset, onset + length, notes.pitch, generator.integers(5, 28, len(notes)))


def joined(*pieces, gap=100):
    """Pieces one after the other."""
    parts, start = [], 0
    for piece in pieces:
        moved = piece.shifted(start - int(piece.onset[0]))
        parts.append(moved)
        start = moved.ticks + gap
    return TickNotes(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("onset", "offset", "pitch", "bin")
        )
    )


def transposed(notes, semitones):
    return TickNotes(notes.onset, notes.offset, notes.pitch + semitones, notes.bin)


def empty_notes():
    return tick_notes([])


def write_notes(notes, path):
    """The notes as a MIDI file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_performance(to_performance(notes), path)
    return path
