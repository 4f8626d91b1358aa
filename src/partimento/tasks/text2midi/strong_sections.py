"""Sections of pieces to cut training excerpts from, found by how long their steps will be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.tasks.text2midi.corpus import LEAST_NOTES, Excerpt
from partimento.tasks.text2midi.interface import CorpusPiece

PHRASE = 4
"""Bars: excerpts mostly begin where a phrase may."""
_NEAR = 0.12
_OPENING, _PHRASED = 0.3, 0.75


@dataclass(frozen=True, slots=True)
class Section:
    """Section ``number`` of a piece."""

    piece: CorpusPiece
    number: int
    steps_per_bar: float


class Sections:
    """Draws excerpts of similar length, so that a batch holds little padding.

    ``power``: a section of n bars is met n ** power times as often.
    """

    def __init__(self, pieces: Sequence[CorpusPiece], power: float) -> None:
        self.all = [
            Section(piece, number, len(section) / section.bars + 1)
            for piece in pieces
            for number, section in enumerate(piece.sections)
            if len(section) >= LEAST_NOTES
        ]
        self.bars = np.array([s.piece.sections[s.number].bars for s in self.all])
        self.rate = np.array([s.steps_per_bar for s in self.all])
        weight = self.bars.astype(float) ** power
        self.chance = weight / weight.sum()

    def draw(self, bars: int, positions: int, rng: np.random.Generator) -> list[Excerpt]:
        """Excerpts of at most ``bars`` bars with about ``positions`` steps together."""
        length = self.rate * np.minimum(self.bars, bars)
        anchor = length[int(rng.choice(len(self.all), p=self.chance))]
        near = np.flatnonzero(np.abs(length - anchor) <= _NEAR * anchor)
        chance = self.chance[near] / self.chance[near].sum()
        count = max(1, int(positions // (anchor * (1 + _NEAR))))
        chosen = rng.choice(near, count, p=chance)
        found = [cut(self.all[int(i)], bars, rng) for i in chosen]
        return [e for e in found if len(e.music) >= LEAST_NOTES] or self.draw(bars, positions, rng)


def cut(section: Section, bars: int, rng: np.random.Generator) -> Excerpt:
    """A stretch of the section: often its opening, mostly beginning with a phrase."""
    piece = section.piece
    whole = piece.sections[section.number]
    spare = max(0, whole.bars - bars)
    start = 0
    if spare and rng.random() >= _OPENING:
        start = int(rng.integers(0, spare + 1))
        if rng.random() < _PHRASED:
            start -= start % PHRASE
    music = whole.excerpt(start, min(bars, whole.bars - start))
    opens = section.number == 0 and start == 0
    closes = section.number == len(piece.sections) - 1 and start + bars >= whole.bars
    return Excerpt(piece, music, opens, closes)
