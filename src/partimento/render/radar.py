"""Radar charts: several scores of one thing, or of a few, around a circle, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partimento.render.drawing import (
    GRID,
    INK,
    MUTED,
    PAPER,
    SERIES_COLOURS,
    SERIES_DASHES,
    Drawing,
    Number,
    short_number,
    shortened,
    text_width,
    ticks,
)

RADIUS = 205.0
SIDE = 190.0
"""Room for the words left and right of the circle."""
_DOTS = "3 4"
_Entry = tuple[str, str, str]
"""Name, colour and dash of a line in the legend."""
_INNER = 0.12
"""Share of the radius where the low end lies, so that low scores stay apart from one another."""
_LINE, _BLOCK = 17.0, 28.0
"""Heights of a row of the legend, and of a label with its second line."""


@dataclass(frozen=True, slots=True)
class Spoke:
    """One direction of the chart: its name and what its ends mean."""

    name: str
    low: str
    high: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A value with the ends of its interval; ``value`` None: no value is given."""

    value: float | None
    low: float | None = None
    high: float | None = None


def radar_svg(
    spokes: Sequence[Spoke],
    series: Mapping[str, Sequence[Reading]],
    *,
    title: str,
    span: tuple[Number, Number] = (0.0, 1.0),
    reference: tuple[str, Sequence[Number]] | None = None,
) -> str:
    """A radar chart as an SVG document.

    Each series has one reading per spoke; one or two series are drawn with the band of their
    intervals.  ``span`` is what the innermost and the outermost ring stand for; values outside are
    drawn on the ring next to them.  ``reference`` is a named dashed line, such as the median of
    all.  A reading without value leaves a gap in its line.  All values are in the description too.

    Raises ValueError for fewer than three spokes, a series of another length, an empty span.
    """
    if len(spokes) < 3 or span[1] <= span[0]:
        raise ValueError("a radar chart needs three spokes and a span that is not empty")
    rows = {**series, **({} if reference is None else {reference[0]: reference[1]})}
    if any(len(row) != len(spokes) for row in rows.values()):
        raise ValueError("every series needs one reading per spoke")
    entries = _legend_entries(list(series), None if reference is None else reference[0])
    bounds = (float(span[0]), float(span[1]))
    chart = _Chart(spokes, bounds, title, _words(spokes, series), entries)
    chart.grid()
    for index, readings in enumerate(series.values() if len(series) <= 2 else ()):
        chart.band(readings, SERIES_COLOURS[index])
    chart.ring_values()
    if reference is not None:
        chart.outline([Reading(float(v)) for v in reference[1]], MUTED, _DOTS, 1.3)
    for index, (name, readings) in enumerate(series.items()):
        colour = SERIES_COLOURS[index % len(SERIES_COLOURS)]
        chart.outline(readings, colour, SERIES_DASHES[index % len(SERIES_DASHES)], 2.2)
        chart.points(name, readings, colour)
    chart.labels(series)
    return chart.drawing.svg()


class _Chart:
    """The circle: angles, radii and what is drawn on them."""

    def __init__(
        self,
        spokes: Sequence[Spoke],
        span: tuple[float, float],
        title: str,
        words: str,
        entries: Sequence[_Entry],
    ) -> None:
        self.spokes, self.span = spokes, span
        width = 2 * (RADIUS + SIDE)
        self.drawing = Drawing(width, 0, title, words)
        self.drawing.heading()
        top = self._legend(entries) + _BLOCK + 26
        self.drawing.height = top + 2 * RADIUS + _BLOCK + 36
        self.centre = (width / 2, top + RADIUS)
        self.rings = [tick for tick in ticks(*span, 5) if span[0] < tick < span[1]]

    def place(self, spoke: int, value: float) -> tuple[float, float]:
        """Px of a value on a spoke; the first spoke points up, the others follow the clock."""
        share = (value - self.span[0]) / (self.span[1] - self.span[0])
        return self.at(spoke, RADIUS * (_INNER + (1 - _INNER) * min(1.0, max(0.0, share))))

    def at(self, spoke: int, radius: float) -> tuple[float, float]:
        """Px at a distance from the centre."""
        angle = 2 * math.pi * spoke / len(self.spokes)
        return (
            self.centre[0] + radius * math.sin(angle),
            self.centre[1] - radius * math.cos(angle),
        )

    def grid(self) -> None:
        """Rings with their values and the spokes."""
        for value in (self.span[0], *self.rings, self.span[1]):
            self.drawing.shape(
                "circle",
                cx=self.centre[0],
                cy=self.centre[1],
                r=self.centre[1] - self.place(0, value)[1],
                fill="none",
                stroke=MUTED if value == self.span[1] else GRID,
                stroke_width=1,
            )
        for spoke in range(len(self.spokes)):
            self.drawing.line(*self.at(spoke, RADIUS * _INNER), *self.at(spoke, RADIUS))

    def ring_values(self) -> None:
        """The rings' numbers, between the first two spokes."""
        half = math.pi / len(self.spokes)
        for value in (self.span[0], *self.rings, self.span[1]):
            radius = self.centre[1] - self.place(0, value)[1]
            x = self.centre[0] + radius * math.sin(half)
            y = self.centre[1] - radius * math.cos(half)
            self.drawing.rect(x - 11, y - 6, 22, 12, PAPER, fill_opacity=0.8)
            self.drawing.text(x, y + 3.5, f"{value:.2g}", size=9, anchor="middle", colour=MUTED)

    def band(self, readings: Sequence[Reading], colour: str) -> None:
        """The area between the ends of the intervals, sector by sector where both ends exist."""
        count = len(self.spokes)
        for spoke, here in enumerate(readings):
            there = readings[(spoke + 1) % count]
            ends = (here.low, here.high, there.low, there.high)
            if any(end is None for end in ends) or here.value is None or there.value is None:
                continue
            a, b, c, d = (float(end) for end in ends if end is not None)
            after = (spoke + 1) % count
            corners = (
                self.place(spoke, a),
                self.place(spoke, b),
                self.place(after, d),
                self.place(after, c),
            )
            self.drawing.shape(
                "polygon", points=_points(corners), fill=colour, fill_opacity=0.16, stroke="none"
            )

    def outline(self, readings: Sequence[Reading], colour: str, dash: str, width: float) -> None:
        """The line through all values; open where one is missing."""
        count = len(self.spokes)
        for spoke, here in enumerate(readings):
            there = readings[(spoke + 1) % count]
            if here.value is None or there.value is None:
                continue
            (x1, y1), (x2, y2) = (
                self.place(spoke, here.value),
                self.place((spoke + 1) % count, there.value),
            )
            self.drawing.shape(
                "line",
                x1=x1,
                y1=y1,
                x2=x2,
                y2=y2,
                stroke=colour,
                stroke_width=width,
                stroke_dasharray=dash,
                stroke_linecap="round",
            )

    def points(self, name: str, readings: Sequence[Reading], colour: str) -> None:
        """A dot per value, with the numbers as its tooltip."""
        for spoke, reading in enumerate(readings):
            if reading.value is None:
                continue
            x, y = self.place(spoke, reading.value)
            tip = f"{name}, {self.spokes[spoke].name}: {_number(reading)}"
            self.drawing.shape(
                "circle", tip, cx=x, cy=y, r=4, fill=colour, stroke=PAPER, stroke_width=1
            )

    def labels(self, series: Mapping[str, Sequence[Reading]]) -> None:
        """Names outside of the circle, and below each what the outer ring means there."""
        for index, spoke in enumerate(self.spokes):
            x, y = self.at(index, RADIUS + 12)
            angle = 2 * math.pi * index / len(self.spokes)
            side, up = math.sin(angle), math.cos(angle)
            anchor = "middle" if abs(side) < 0.12 else ("start" if side > 0 else "end")
            # Words above the circle end at it, words below begin at it; the lowest are pushed down
            # further, since words are wide and the spokes close to one another there.
            y += 12 - _BLOCK * (1 + up) / 2 + 14 * max(0.0, -up) ** 12
            given = any(row[index].value is not None for row in series.values())
            room = SIDE - 20 if anchor != "middle" else 2 * SIDE
            name = spoke.name if given else f"{spoke.name}: no score"
            colour = INK if given else MUTED
            label = shortened(name, room, 12)
            self.drawing.text(x, y, label, anchor=anchor, colour=colour, bold=given)
            outer = shortened(f"outside: {spoke.high}", room, 10.5)
            self.drawing.text(x, y + 13, outer, size=10.5, anchor=anchor, colour=MUTED)

    def _legend(self, entries: Sequence[_Entry]) -> float:
        """Names with their lines, in as many rows as needed; returns the y of the last row."""
        x, y = 16.0, 46.0
        for name, colour, dash in entries:
            label = shortened(name, self.drawing.width / 3, 12)
            need = 34 + text_width(label, 12) + 18
            if x > 16 and x + need > self.drawing.width - 16:
                x, y = 16.0, y + _LINE
            self.drawing.shape(
                "line",
                x1=x,
                x2=x + 28,
                y1=y - 4,
                y2=y - 4,
                stroke=colour,
                stroke_width=2.5,
                stroke_dasharray=dash,
            )
            self.drawing.text(x + 34, y, label)
            x += need
        return y


def _legend_entries(names: Sequence[str], reference: str | None) -> list[_Entry]:
    """The look of each name; the reference last."""
    entries = [
        (name, SERIES_COLOURS[i % len(SERIES_COLOURS)], SERIES_DASHES[i % len(SERIES_DASHES)])
        for i, name in enumerate(names)
    ]
    return entries if reference is None else [*entries, (reference, MUTED, _DOTS)]


def _points(corners: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{short_number(x)},{short_number(y)}" for x, y in corners)


def _number(reading: Reading) -> str:
    """A value with its interval."""
    if reading.value is None:
        return "no score"
    if reading.low is None or reading.high is None:
        return f"{reading.value:.2f}"
    return f"{reading.value:.2f} ({reading.low:.2f} to {reading.high:.2f})"


def _words(spokes: Sequence[Spoke], series: Mapping[str, Sequence[Reading]]) -> str:
    """All values in words, for those who cannot see the chart."""
    parts = []
    for name, readings in series.items():
        values = (
            f"{spoke.name} {_number(reading)}, from {spoke.low} to {spoke.high}"
            for spoke, reading in zip(spokes, readings, strict=True)
        )
        parts.append(f"{name}: {'; '.join(values)}.")
    return " ".join(parts) or "No values."
