"""Could two pieces be alike by chance?  Their information under a chain fitted on training.

Simple material repeats itself: scales, made exercises, held chords.  That two such pieces are equal
says nothing about the split.  A piece counts as known only where an independent draw from the same
source would hardly have hit it: where it carries more bits than it takes to point at one of the
training examples, and some more.

Shape suffixes: T steps, C channels, N examples, L symbols.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby, pairwise

import numpy as np

MARGIN_BITS = 40.0
"""Beyond log2 of the training examples.

Fixed on the made chorales of the fault suite, seeds 100-139, whose twelve chords are often equal by
chance: such pieces carry up to 30 bits more than log2 of the training pieces as they are, and two
of 211 more than 40 in another key; real chorales and tunes carry hundreds.
"""
_ORDER = 2


def symbols(row: np.ndarray, pitch_tokens: tuple[int, int] | None) -> list[int]:
    """A token row (T,) or (T, C) as symbols (L,); with ``pitch_tokens`` no key changes them.

    Frames that repeat are one symbol with their number.  Without a key frames are told by their
    distances from the first pitch; in rows (T,) each pitch token is its distance from the pitch
    before, and the others are left out, as they hold pitches in some schemes.
    """
    tokens = np.asarray(row).astype(np.int64)
    if tokens.ndim == 1:
        if pitch_tokens is None:
            return list(tokens.tolist())
        sounds = (tokens >= pitch_tokens[0]) & (tokens <= pitch_tokens[1])
        return list(np.diff(tokens[sounds]).tolist())
    if pitch_tokens is not None:
        sounds = (tokens >= pitch_tokens[0]) & (tokens <= pitch_tokens[1])
        first = int(tokens[sounds][0]) if sounds.any() else 0
        tokens = np.where(sounds, tokens - first, 10_000 + tokens)
    return [hash((tuple(frame), len(list(run)))) for frame, run in groupby(tokens.tolist())]


class Chain:
    """Counts of runs of three symbols in training."""

    def __init__(self, rows: Sequence[Sequence[int]]) -> None:
        self.single: Counter[int] = Counter()
        self.context: Counter[tuple[int, ...]] = Counter()
        self.run: Counter[tuple[int, ...]] = Counter()
        for row in rows:
            self.single.update(row)
            self.context.update(pairwise(row))
            self.run.update(zip(row, row[1:], row[2:], strict=False))
        self.total = sum(self.single.values())

    def bits(self, row: Sequence[int]) -> float:
        """Information of a row that stands in training once more: that copy does not count.

        Where a context was not met the single symbols decide (weight 1 against the counts).
        """
        found = sum(-math.log2(self._alone(one)) for one in row[:_ORDER])
        for one, two, three in zip(row, row[1:], row[2:], strict=False):
            known = max(0, self.context[one, two] - 1)
            hits = max(0, self.run[one, two, three] - 1)
            found -= math.log2((hits + self._alone(three)) / (known + 1))
        return found

    def _alone(self, symbol: int) -> float:
        kinds = len(self.single) + 1
        return (max(0, self.single[symbol] - 1) + 1 / kinds) / (self.total + 1)


def telling(lines: Sequence[Sequence[int]], training: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a copy of an example in training would be no chance.

    ``lines``: symbols of each; ``training`` (N,) bool: those that the chain is fitted on.
    """
    chain = Chain([line for line, kept in zip(lines, training.tolist(), strict=True) if kept])
    needed = math.log2(max(2, int(training.sum()))) + MARGIN_BITS
    return np.array([chain.bits(line) > needed for line in lines], dtype=bool)


def numbered(lines: Sequence[Sequence[int]]) -> np.ndarray:
    """(N,) int64: equal lines have the same number."""
    numbers: dict[tuple[int, ...], int] = {}
    return np.array([numbers.setdefault(tuple(one), len(numbers)) for one in lines], dtype=np.int64)
