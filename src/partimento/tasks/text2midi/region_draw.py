"""Several draws of a region, of which the one is kept that what follows fits best.

A decoder reads from left to right: while it draws it knows what stands before, and the notes that
stay inside, but not what comes after the region.  The bars after it are heard afterwards: among
several draws the one under which they are the most probable is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from partimento.core.progress import Progress
from partimento.music.barpiece import BarPiece
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interface import Conditions, TextModel, Wish
from partimento.tasks.text2midi.region_window import Window

FUTURE_BARS = 2
"""Bars after the region that judge the draws."""


@dataclass(frozen=True)
class Drawing:
    """How to draw."""

    seed: int
    sampling: Sampling
    guidance: float
    progress: Progress | None = None


@runtime_checkable
class RegionModel(Protocol):
    """Draws regions, and tells how probable what follows is."""

    def draw(
        self, window: Window, conditions: Conditions, count: int, how: Drawing, hungry: bool = False
    ) -> list[BarPiece]:
        """New notes of ``count`` candidates, in ticks of the piece.

        ``hungry``: a note must come as soon as one fits.
        """
        ...

    def future_nats(
        self, pieces: Sequence[BarPiece], window: Window, conditions: Conditions, bars: int
    ) -> list[float]:
        """Nats of ``bars`` bars after the region for each piece, all alike outside the region."""
        ...


class PlainRegions:
    """Regions with any :class:`TextModel`: it goes on from what stands before the region.

    What stays inside is not known to it; of its notes those are kept that fit.
    """

    def __init__(self, model: TextModel) -> None:
        self.model = model

    def draw(
        self, window: Window, conditions: Conditions, count: int, how: Drawing, hungry: bool = False
    ) -> list[BarPiece]:
        """The bars of the region, composed after what stands before."""
        region, first = window.region, window.first_bar
        attributes = replace(conditions.attributes, instruments=region.names)
        wish = Wish(
            replace(conditions, attributes=attributes),
            bars=region.end - region.first,
            start=window.before.excerpt(0, first) if first else None,
        )
        drawn = self.model.compose(
            [wish] * count,
            seed=how.seed + int(hungry),
            sampling=how.sampling,
            guidance=how.guidance,
            progress=how.progress,
        )
        bars = [piece.excerpt(first, wish.bars) for piece in drawn]
        return [replace(piece, onset=piece.onset + region.start_tick) for piece in bars]

    def future_nats(
        self, pieces: Sequence[BarPiece], window: Window, conditions: Conditions, bars: int
    ) -> list[float]:
        """What the bars after the region add to the nats of all before them; 0 at the end."""
        region = window.region
        end = min(region.end + bars, window.start + window.bars)
        if end == region.end:
            return [0.0] * len(pieces)
        found = []
        for piece in pieces:
            until, longer = (
                piece.excerpt(window.start, b - window.start) for b in (region.end, end)
            )
            before = self.model.nats(until, [conditions])[0] if len(until) else 0.0
            found.append(self.model.nats(longer, [conditions])[0] - before)
        return found


@dataclass(frozen=True)
class Chance:
    """One draw: the whole piece, which of its notes are new, and nats of what follows."""

    piece: BarPiece
    new: np.ndarray
    future_nats: float

    @property
    def empty(self) -> bool:
        """Nothing was drawn."""
        return not self.new.any()


@dataclass(frozen=True)
class Drawn:
    """The draws for one result; ``place`` is that of the chosen one."""

    chances: tuple[Chance, ...]
    place: int

    @property
    def chosen(self) -> Chance:
        """The one that what follows fits best."""
        return self.chances[self.place]


def draw_region(
    model: RegionModel,
    window: Window,
    conditions: Conditions,
    n: int,
    candidates: int,
    how: Drawing,
) -> tuple[list[Drawn], float]:
    """``n`` results, each the best of ``candidates`` draws, and the nats of what was given.

    A result whose draws are all empty is drawn again by the rule that a note must come where one
    fits; it stays empty where none does.
    """
    region = window.region
    new = [region.fitted(one) for one in model.draw(window, conditions, n * candidates, how)]
    groups = [new[i * candidates : (i + 1) * candidates] for i in range(n)]
    if any(not any(map(len, group)) for group in groups):
        again = model.draw(window, conditions, n * candidates, how, hungry=True)
        fitting = [region.fitted(one) for one in again]
        for i, group in enumerate(groups):
            if not any(map(len, group)):
                groups[i] = fitting[i * candidates : (i + 1) * candidates]
    joined = [region.joined(one) for group in groups for one in group]
    pieces = [*(piece for piece, _ in joined), region.given]
    nats = model.future_nats(pieces, window, conditions, FUTURE_BARS)
    chances = [
        Chance(piece, fresh, value) for (piece, fresh), value in zip(joined, nats[:-1], strict=True)
    ]
    drawn = [_best(chances[i * candidates : (i + 1) * candidates], region.given) for i in range(n)]
    return drawn, nats[-1]


def _best(chances: Sequence[Chance], given: BarPiece) -> Drawn:
    """The most probable future; a draw that is empty, or that is what was given, only last."""

    def cost(place: int) -> tuple[bool, bool, float, int]:
        one = chances[place]
        return one.empty, same_notes(one.piece, given), one.future_nats, place

    return Drawn(tuple(chances), min(range(len(chances)), key=cost))


def same_notes(one: BarPiece, other: BarPiece) -> bool:
    """Whether two pieces have the same notes, velocities aside."""
    names = ("onset", "duration", "pitch", "instrument")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)
