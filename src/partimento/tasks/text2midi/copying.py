"""How much is copied: the longest run of intervals and durations that training pieces have too.

A piece is read as its top line: the highest pitch at every onset.  Each step of the line is one
symbol, made of the interval in semitones and of the ratio of the time to the next onset to the
time since the last; so neither transposition nor another tempo or note value hides a copy.  Runs
that repeat less than :data:`DISTINCT` different symbols (scales in even notes, repeated notes) are
in all music and do not count.

Shapes: N notes of a line, S symbols of a collection, W windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.music.barpiece import BarPiece
from partimento.tasks.text2midi.intervals import mean_interval

DISTINCT = 3
SHORTEST = 6
"""Symbols; shorter runs are not looked for."""
WIDEST = 24
"""Larger intervals count as this one."""
_RATIO_CLASSES = np.array([1 / 6, 1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4, 1, 4 / 3, 3 / 2, 2, 3, 4, 6])
_PIECE_BREAK = 10_000
_BASE = np.uint64(0x9E3779B97F4A7C15)
"""Odd multiplier of the rolling hash, which wraps at 64 bits."""


def top_line(piece: BarPiece) -> tuple[np.ndarray, np.ndarray]:
    """Onset and pitch (N,) of the highest note at every onset."""
    order = np.lexsort((-piece.pitch, piece.onset))
    onset, pitch = piece.onset[order], piece.pitch[order]
    first = np.append(True, onset[1:] != onset[:-1])[: len(onset)]
    return onset[first], pitch[first]


def symbols(piece: BarPiece) -> np.ndarray:
    """(N - 2,) int64, one for each inner note of the top line."""
    onset, pitch = top_line(piece)
    if len(onset) < 3:
        return np.zeros(0, dtype=np.int64)
    interval = np.clip(np.diff(pitch), -WIDEST, WIDEST)[:-1]
    gaps = np.diff(onset).astype(np.float64)
    edges = np.sqrt(_RATIO_CLASSES[1:] * _RATIO_CLASSES[:-1])
    ratio = np.searchsorted(edges, gaps[1:] / gaps[:-1])
    found: np.ndarray = (interval + WIDEST) * len(_RATIO_CLASSES) + ratio
    return found.astype(np.int64)


@dataclass(frozen=True)
class RunIndex:
    """The symbols (S,) of a collection, one piece after the other, with breaks between them."""

    names: tuple[str, ...]
    line: np.ndarray
    owner: np.ndarray
    """(S,) number of the piece that each symbol belongs to."""


def build_run_index(pieces: Mapping[str, Sequence[BarPiece]]) -> RunIndex:
    """Index of a collection; each piece is one or more stretches of music."""
    parts, owners = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    marker = -1
    for number, sections in enumerate(pieces.values()):
        for section in sections:
            # Every break has a symbol of its own, so no run passes over one.
            parts.append(np.append(symbols(section), marker))
            owners.append(np.full(len(parts[-1]), number))
            marker -= 1
    return RunIndex(tuple(pieces), np.concatenate(parts), np.concatenate(owners))


@dataclass(frozen=True, slots=True)
class Run:
    """The longest run of one piece: its notes, where it starts in the top line, and its source.

    ``notes`` is 0 and ``source`` empty where there is none of :data:`SHORTEST` symbols.
    """

    notes: int
    start: int = 0
    source: str = ""


def longest_runs(pieces: Sequence[BarPiece], index: RunIndex) -> list[Run]:
    """The longest run of each piece that the index has too.

    All windows of both sides grow together by one symbol at a time; those that the other side has
    no longer drop out.
    """
    lines = [np.append(symbols(piece), -1) for piece in pieces]
    ends = np.cumsum([0, *(len(line) for line in lines)])
    owner = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
    # A break among the pieces must equal none among the collection.
    joined = np.concatenate([np.zeros(0, np.int64), *lines])
    mine = _Windows.of(np.where(joined < 0, _PIECE_BREAK, joined), SHORTEST)
    theirs = _Windows.of(index.line, SHORTEST)
    best = [Run(0) for _ in pieces]
    for length in range(SHORTEST, len(joined) + 1):
        mine = mine.kept(np.isin(mine.hash, theirs.hash))
        theirs = theirs.kept(np.isin(theirs.hash, mine.hash))
        if not len(mine.start):
            break
        order = np.argsort(theirs.hash, kind="stable")
        sorted_hash = theirs.hash[order]
        for piece, k in _richest(joined, mine.start, owner, length):
            found = order[int(np.searchsorted(sorted_hash, mine.hash[k]))]
            source = index.names[int(index.owner[theirs.start[found]])]
            best[piece] = Run(length + 2, int(mine.start[k] - ends[piece]), source)
        mine, theirs = mine.longer(length), theirs.longer(length)
    return best


@dataclass(frozen=True, slots=True)
class _Windows:
    """Windows of one length over a line of symbols: where they start, and their hashes (W,)."""

    line: np.ndarray
    start: np.ndarray
    hash: np.ndarray

    @classmethod
    def of(cls, line: np.ndarray, length: int) -> _Windows:
        """Every window."""
        count = max(0, len(line) - length + 1)
        found = np.zeros(count, dtype=np.uint64)
        for k in range(length):
            found = found * _BASE + _mixed(line[k : k + count])
        return cls(line, np.arange(count), found)

    def kept(self, some: np.ndarray) -> _Windows:
        """Some of them: a mask (W,)."""
        return _Windows(self.line, self.start[some], self.hash[some])

    def longer(self, length: int) -> _Windows:
        """The same, one symbol longer than ``length``, without those that reach the end."""
        inside = self.kept(self.start + length < len(self.line))
        added = _mixed(inside.line[inside.start + length])
        return _Windows(inside.line, inside.start, inside.hash * _BASE + added)


def _mixed(values: np.ndarray) -> np.ndarray:
    """Symbols spread over 64 bits (the finaliser of SplitMix64)."""
    mixed = values.astype(np.uint64) + _BASE
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = mixed ^ (mixed >> np.uint64(31))
    return found


def _richest(
    joined: np.ndarray, start_W: np.ndarray, owner: np.ndarray, length: int
) -> list[tuple[int, int]]:
    """Of each piece the first window (its number among W) that has enough different symbols."""
    found: dict[int, int] = {}
    for k, start in enumerate(start_W.tolist()):
        piece = int(owner[start])
        if piece not in found and len(set(joined[start : start + length].tolist())) >= DISTINCT:
            found[piece] = k
    return list(found.items())


def copying_report(
    generated: Sequence[BarPiece],
    twins: Sequence[BarPiece],
    training: Mapping[str, Sequence[BarPiece]],
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Longest runs shared with the training pieces: of generated pieces, and of real ones.

    ``twins`` are real held-out excerpts of the same length; ``groups`` names the near-duplicates
    among them.  Held-out music quotes training music too, and now and then is a version of it that
    no one noticed; so beside the longest run (``longest_within_twins``) stand the mean, as far as
    the intervals tell (``mean_within_twins``), the 95th percentile (``p95_within_twins``) and the
    share of pieces that are for more than half one run.
    """
    index = build_run_index(training)
    made, real = longest_runs(generated, index), longest_runs(twins, index)
    names = list(groups) if groups is not None else [str(i) for i in range(len(twins))]
    left, right = np.random.default_rng([seed, 40]), np.random.default_rng([seed, 41])
    ours = _runs_row(made, generated, [str(i) for i in range(len(made))], left)
    theirs = _runs_row(real, twins, names, right)
    worst = max(range(len(made)), key=lambda i: made[i].notes) if made else None
    return {
        "training_pieces": len(training),
        "generated": ours,
        "held_out": theirs,
        "longest_within_twins": ours["longest"] <= theirs["longest"],
        "mean_within_twins": ours["low"] <= theirs["high"] if made and real else None,
        "p95_within_twins": ours["p95"] <= theirs["p95"] if made and real else None,
        "longest_run": None
        if worst is None
        else {"piece": worst, "notes": made[worst].notes, "source": made[worst].source},
        "unit": "notes of the top line, by interval and ratio of durations",
    }


def _runs_row(
    runs: Sequence[Run],
    pieces: Sequence[BarPiece],
    groups: Sequence[str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    notes = np.array([run.notes for run in runs], dtype=np.float64)
    row = mean_interval(notes, groups, rng).to_dict("mean")
    if not len(notes):
        return {**row, "median": None, "p95": None, "longest": 0, "mostly_one_run": None}
    lengths = np.array([len(top_line(piece)[0]) for piece in pieces])
    return {
        **row,
        "median": float(np.median(notes)),
        "p95": float(np.quantile(notes, 0.95)),
        "longest": int(notes.max()),
        "mostly_one_run": float((notes > lengths / 2).mean()),
    }
