"""Illustrations: a canvas of flat shapes, gradients and light, in the manner of old print posters.

Coordinates run from 0 to 1000 in both directions, whatever the size of the picture.  The elements
are only those that :mod:`partimento.render.sanitise` lets pass (no filter, no mask, no outside
reference), so a picture can stand in any page.  Light is drawn as rings, as a screen print does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from partimento.render.drawing import clean_text, short_number

SIDE = 1000.0
"""Width and height of the canvas in its own units."""
Number = int | float
Point = tuple[Number, Number]
Stop = tuple[Number, str, Number]
"""Place from 0 to 1, colour, opacity."""


class Canvas:
    """Collects the elements of one square picture; ids count up, so the text is deterministic."""

    def __init__(self, size: int, title: str, description: str = "") -> None:
        self.size = size
        self.title = title
        self.description = description
        self._defs: list[str] = []
        self._body: list[str] = []

    def gradient(self, stops: Sequence[Stop], line: Sequence[Number] = (0, 0, 0, 1)) -> str:
        """A linear gradient as a fill; ``line`` is x1, y1, x2, y2 in shares of the shape's box."""
        name = f"g{len(self._defs)}"
        x1, y1, x2, y2 = (short_number(v) for v in line)
        inner = "".join(
            f'<stop offset="{short_number(place)}" stop-color="{colour}"'
            f"{_opacity('stop-opacity', opacity)}/>"
            for place, colour, opacity in stops
        )
        self._defs.append(
            f'<linearGradient id="{name}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}">'
            f"{inner}</linearGradient>"
        )
        return f"url(#{name})"

    def raw(self, element: str) -> None:
        """Add markup made by this package."""
        self._body.append(element)

    def path(self, d: str, fill: str = "none", opacity: Number = 1) -> None:
        """A filled path."""
        self._body.append(f'<path d="{d}" fill="{fill}"{_opacity("fill-opacity", opacity)}/>')

    def stroke(self, d: str, colour: str, width: Number, opacity: Number = 1) -> None:
        """A line along a path, with round ends."""
        self._body.append(
            f'<path d="{d}" fill="none" stroke="{colour}" stroke-width="{short_number(width)}" '
            f'stroke-linecap="round" stroke-linejoin="round"{_opacity("stroke-opacity", opacity)}/>'
        )

    def rect(
        self, x: Number, y: Number, width: Number, height: Number, fill: str, opacity: Number = 1
    ) -> None:
        """A filled rectangle."""
        places = zip(("x", "y", "width", "height"), (x, y, width, height), strict=True)
        inside = " ".join(f'{name}="{short_number(value)}"' for name, value in places)
        self._body.append(f'<rect {inside} fill="{fill}"{_opacity("fill-opacity", opacity)}/>')

    def ellipse(
        self, x: Number, y: Number, rx: Number, ry: Number, fill: str, opacity: Number = 1
    ) -> None:
        """A filled ellipse."""
        self._body.append(
            f'<ellipse cx="{short_number(x)}" cy="{short_number(y)}" rx="{short_number(rx)}" '
            f'ry="{short_number(ry)}" fill="{fill}"{_opacity("fill-opacity", opacity)}/>'
        )

    def circle(self, x: Number, y: Number, radius: Number, fill: str, opacity: Number = 1) -> None:
        """A filled circle."""
        self.ellipse(x, y, radius, radius, fill, opacity)

    def ring(
        self, x: Number, y: Number, radius: Number, colour: str, width: Number, opacity: Number = 1
    ) -> None:
        """The line of a circle."""
        self._body.append(
            f'<circle cx="{short_number(x)}" cy="{short_number(y)}" r="{short_number(radius)}" '
            f'fill="none" stroke="{colour}" stroke-width="{short_number(width)}"'
            f"{_opacity('stroke-opacity', opacity)}/>"
        )

    def glow(
        self,
        x: Number,
        y: Number,
        radius: Number,
        colour: str,
        strength: Number = 0.6,
        *,
        flat: Number = 1.0,
        rings: int = 14,
    ) -> None:
        """Light around a point, falling off to nothing at ``radius``; ``flat`` squeezes it."""
        # Through n rings shines 1 - exp(-strength * (1 - r / radius) ** 2) of the colour, closely.
        for number in range(rings, 0, -1):
            share = number / rings
            step = strength * 2.0 * (1.0 - share + 0.5 / rings) / rings
            self.ellipse(x, y, radius * share, radius * share * flat, colour, min(1.0, step))

    @contextmanager
    def group(
        self,
        x: Number = 0,
        y: Number = 0,
        scale: Number = 1,
        *,
        turn: Number = 0,
        mirror: bool = False,
        opacity: Number = 1,
    ) -> Iterator[None]:
        """What is drawn inside is moved, turned (degrees), scaled and perhaps mirrored."""
        across = f"{scale * (-1 if mirror else 1):.4f}"
        turned = f" rotate({short_number(turn)})" if turn else ""
        self._body.append(
            f'<g transform="translate({short_number(x)} {short_number(y)}){turned} '
            f'scale({across} {scale:.4f})"{_opacity("opacity", opacity)}>'
        )
        yield
        self._body.append("</g>")

    @contextmanager
    def clip(self, d: str) -> Iterator[None]:
        """What is drawn inside shows only within a path."""
        name = f"c{len(self._defs)}"
        self._defs.append(f'<clipPath id="{name}"><path d="{d}"/></clipPath>')
        self._body.append(f'<g clip-path="url(#{name})">')
        yield
        self._body.append("</g>")

    def svg(self) -> str:
        """The finished document."""
        note = f"<desc>{clean_text(self.description)}</desc>" if self.description else ""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000" '
            f'width="{self.size}" height="{self.size}" role="img">'
            f"<title>{clean_text(self.title)}</title>{note}"
            f"<defs>{''.join(self._defs)}</defs>{''.join(self._body)}</svg>"
        )


def _opacity(name: str, value: Number) -> str:
    return "" if value >= 1 else f' {name}="{max(0.0, value):.3f}"'


# --- colours ------------------------------------------------------------------------------------


def rgb(colour: str) -> tuple[int, int, int]:
    """The three bytes of a colour such as ``#1a2b3c``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mix(first: str, second: str, share: Number) -> str:
    """The colour ``share`` of the way from the first to the second.

    >>> mix("#000000", "#ffffff", 0.5)
    '#808080'
    """
    share = min(1.0, max(0.0, share))
    pairs = zip(rgb(first), rgb(second), strict=True)
    return "#" + "".join(f"{int(a + (b - a) * share + 0.5):02x}" for a, b in pairs)


def shades(first: str, last: str, count: int) -> list[str]:
    """Colours from the first to the last, both included."""
    return [mix(first, last, i / max(1, count - 1)) for i in range(count)]


def blended(
    rng: np.random.Generator, palettes: Sequence[Sequence[str]], most: Number = 0.5
) -> list[str]:
    """One palette of equally long ones, with up to ``most`` of another: no two pictures alike."""
    first, second = (int(i) for i in rng.choice(len(palettes), 2, replace=False))
    share = float(rng.uniform(0.0, most))
    pairs = zip(palettes[first], palettes[second], strict=True)
    return [mix(a, b, share) for a, b in pairs]


# --- lines --------------------------------------------------------------------------------------


def polygon(points: Sequence[Point]) -> str:
    """A closed path with corners."""
    return "M" + "L".join(f"{short_number(x)} {short_number(y)}" for x, y in points) + "Z"


def polyline(points: Sequence[Point]) -> str:
    """An open path with corners."""
    return "M" + "L".join(f"{short_number(x)} {short_number(y)}" for x, y in points)


def curve(points: Sequence[Point], *, closed: bool = False) -> str:
    """A smooth path through points (Catmull-Rom spline as cubic Bezier pieces).

    Source: Catmull and Rom, "A class of local interpolating splines", 1974.
    """
    count = len(points)
    pieces = [f"M{short_number(points[0][0])} {short_number(points[0][1])}"]
    for i in range(count if closed else count - 1):
        before = points[(i - 1) % count] if closed else points[max(0, i - 1)]
        here, there = points[i], points[(i + 1) % count]
        after = points[(i + 2) % count] if closed else points[min(count - 1, i + 2)]
        handles = (
            (here[0] + (there[0] - before[0]) / 6, here[1] + (there[1] - before[1]) / 6),
            (there[0] - (after[0] - here[0]) / 6, there[1] - (after[1] - here[1]) / 6),
            there,
        )
        pieces.append("C" + " ".join(f"{short_number(x)} {short_number(y)}" for x, y in handles))
    return "".join(pieces) + ("Z" if closed else "")


def blob(*points: Point) -> str:
    """A smooth closed shape through points."""
    return curve(points, closed=True)


def noise(rng: np.random.Generator, count: int, *, waves: int = 4, octaves: int = 4) -> np.ndarray:
    """(count,) smooth random heights between -1 and 1: value noise with halving amplitudes."""
    total = np.zeros(count)
    for octave in range(octaves):
        knots = waves * 2**octave + 1
        values = rng.uniform(-1.0, 1.0, knots + 1)
        place = np.linspace(0.0, knots - 1e-9, count)
        left = place.astype(np.int64)
        share = place - left
        share = share * share * (3.0 - 2.0 * share)
        total += (values[left] + (values[left + 1] - values[left]) * share) * 0.5**octave
    return np.clip(total / 1.6, -1.0, 1.0)


def below(heights: Sequence[Number] | np.ndarray, bottom: Number = SIDE) -> str:
    """The area under a line of heights that crosses the whole canvas, as a smooth path."""
    xs = np.linspace(-20.0, SIDE + 20.0, len(heights))
    top = curve([(float(x), float(y)) for x, y in zip(xs, heights, strict=True)])
    return f"{top}L{short_number(SIDE + 20)} {short_number(bottom)}L-20 {short_number(bottom)}Z"


def grain(canvas: Canvas, rng: np.random.Generator, amount: Number = 1.0) -> None:
    """The tooth of printing paper: fine light and dark specks over everything."""
    for colour, count, opacity in (("#ffffff", 1500, 0.09), ("#000000", 1500, 0.08)):
        places = rng.integers(0, 10 * int(SIDE), (int(count * amount), 2)) / 10.0
        specks = "".join(
            f"M{short_number(float(x))} {short_number(float(y))}h1.6v1.6h-1.6z" for x, y in places
        )
        canvas.path(specks, colour, opacity)


def vignette(canvas: Canvas, colour: str, strength: Number = 0.35) -> None:
    """Darker edges, which hold the picture together."""
    edges: tuple[tuple[Sequence[Number], Sequence[Number]], ...] = (
        ((0, 0, 0, 1), (-5, -5, SIDE + 10, 285)),
        ((0, 1, 0, 0), (-5, 720, SIDE + 10, 285)),
        ((0, 0, 1, 0), (-5, -5, 285, SIDE + 10)),
        ((1, 0, 0, 0), (720, -5, 285, SIDE + 10)),
    )
    for line, (x, y, width, height) in edges:
        canvas.rect(
            x, y, width, height, canvas.gradient([(0, colour, strength), (1, colour, 0)], line)
        )
