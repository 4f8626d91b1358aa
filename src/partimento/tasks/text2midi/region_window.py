"""The bars around a region that a model is told about."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from partimento.music.barpiece import BarPiece
from partimento.tasks.text2midi.region import CONTEXT_BARS, Region
from partimento.tasks.text2midi.steps import BAR, sayable
from partimento.tasks.text2midi.wishes import MOST_BARS

MOST_START_STEPS = 1024
"""Steps before the region that are read: half of what the model sees at once."""


@dataclass(frozen=True)
class Window:
    """The bars around a region that the model is told about: ``bars`` from bar ``start`` on.

    At most 64, at most 16 of them before the region.
    """

    region: Region
    start: int
    bars: int

    @classmethod
    def of(cls, region: Region) -> Window:
        """As wide as the model reads."""
        given = region.given
        start = max(0, region.first - CONTEXT_BARS)
        while start < region.first:
            before = (given.onset >= start * given.bar_ticks) & (given.onset < region.start_tick)
            if int(before.sum()) + region.first - start <= MOST_START_STEPS:
                break
            start += 1
        return cls(region, start, min(given.bars - start, MOST_BARS))

    @property
    def opens(self) -> bool:
        """It begins with the piece."""
        return self.start == 0

    @property
    def closes(self) -> bool:
        """It ends with the piece."""
        return self.start + self.bars == self.region.given.bars

    @property
    def first_bar(self) -> int:
        """The region's first bar, counted in the window."""
        return self.region.first - self.start

    @property
    def end_bar(self) -> int:
        """The bar after the region, counted in the window."""
        return self.region.end - self.start

    @property
    def offset(self) -> int:
        """Tick of the piece at which it begins."""
        return self.start * self.region.given.bar_ticks

    @cached_property
    def staying(self) -> BarPiece:
        """Its notes that stay."""
        given, end = self.region.given, self.offset + self.bars * self.region.given.bar_ticks
        inside = (given.onset >= self.offset) & (given.onset < end)
        return given.excerpt(self.start, self.bars).select(self.region.kept[inside])

    @cached_property
    def newcomers(self) -> tuple[int, ...]:
        """Instruments that were named, and do not play before the region: they must come in."""
        before = set(self.before.instrument.tolist())
        return tuple(i for i in self.region.band if self.region.named and i not in before)

    @cached_property
    def players(self) -> int:
        """Instruments that the region will have."""
        return len({*self.newcomers, *(row[1] for _, row in self.forced)})

    @cached_property
    def before(self) -> BarPiece:
        """The window with the notes before the region only."""
        stays = self.staying
        return stays.select(stays.onset < self.first_bar * stays.bar_ticks)

    @cached_property
    def forced(self) -> list[tuple[int, tuple[int, int, int, int, int]]]:
        """Bar and step of every note that stays in the region."""
        stays = self.staying
        bar = stays.onset // stays.bar_ticks
        inside = stays.select((bar >= self.first_bar) & (bar < self.end_bar))
        rows = sayable(inside)
        notes = rows[rows[:, 0] != BAR].tolist()
        bars = (inside.onset // inside.bar_ticks).tolist()
        return [(b, (p, i, k, d, v)) for b, (p, i, k, d, v) in zip(bars, notes, strict=True)]
