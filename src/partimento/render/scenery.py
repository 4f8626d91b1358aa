"""Parts of landscapes: skies, suns, clouds, hills, trees, water, birds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.render.illustration import (
    SIDE,
    Canvas,
    Number,
    Point,
    below,
    blob,
    mix,
    noise,
    polygon,
)


def sky(canvas: Canvas, colours: Sequence[str], bottom: Number = SIDE) -> None:
    """A vertical gradient through the colours from the top to ``bottom``."""
    last = max(1, len(colours) - 1)
    stops = [(i / last, colour, 1) for i, colour in enumerate(colours)]
    canvas.rect(-5, -5, SIDE + 10, bottom + 10, canvas.gradient(stops))


def disc(
    canvas: Canvas, x: Number, y: Number, radius: Number, colour: str, halo: str, reach: Number = 4
) -> None:
    """A sun or a moon with the light around it."""
    canvas.glow(x, y, radius * reach, halo, 0.55)
    canvas.circle(x, y, radius, colour)


def crescent(canvas: Canvas, x: Number, y: Number, radius: Number, colour: str) -> None:
    """A waxing moon: the outer arc and an inner one of the same ends."""
    r = f"{radius:.2f}"
    inner = f"{radius * 1.12:.2f}"
    top, foot = f"{x + radius * 0.35:.2f} {y - radius * 0.94:.2f}", f"{y + radius * 0.94:.2f}"
    canvas.path(
        f"M{top}A{r} {r} 0 1 0 {x + radius * 0.35:.2f} {foot}A{inner} {inner} 0 0 1 {top}Z", colour
    )


def stars(
    canvas: Canvas, rng: np.random.Generator, count: int, bottom: Number, colour: str = "#fff6d8"
) -> None:
    """Small lights in the upper part of the canvas, a few of them larger."""
    for x, y, size in rng.uniform(0.0, 1.0, (count, 3)):
        radius = 0.9 + 2.6 * float(size) ** 4
        height = float(bottom) * float(y)
        opacity = 0.35 + 0.65 * float(size) * (1.0 - 0.6 * float(y))
        canvas.circle(SIDE * float(x), height, radius, colour, opacity)


def cloud(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Number,
    y: Number,
    width: Number,
    colour: str,
    opacity: Number = 0.9,
) -> None:
    """A flat-bottomed heap cloud, lit from above."""
    count = int(rng.integers(4, 7))
    places = np.linspace(-0.36, 0.36, count) + rng.uniform(-0.04, 0.04, count)
    foot = float(y)
    outline: list[str] = []
    for place in places:
        size = width * (0.19 - 0.28 * float(place) ** 2) * float(rng.uniform(0.75, 1.15))
        left, right = x + width * place - size, x + width * place + size
        arc = f"A{size:.1f} {size:.1f} 0 0 1"
        outline.append(f"M{left:.1f} {foot:.1f}{arc} {right:.1f} {foot:.1f}Z")
    round_ends = f"M{x - width / 2:.1f} {foot - 1:.1f}h{width:.1f}"
    fill = canvas.gradient([(0, colour, 1), (1, colour, 0.72)])
    with canvas.group(opacity=opacity):
        canvas.path("".join(outline), fill)
        canvas.stroke(round_ends, colour, width * 0.045)


def streaks(
    canvas: Canvas,
    rng: np.random.Generator,
    count: int,
    top: Number,
    bottom: Number,
    colour: str,
    opacity: Number = 0.35,
) -> None:
    """Thin long clouds, pointed at both ends."""
    for _ in range(count):
        x, y = float(rng.uniform(0, SIDE)), float(rng.uniform(top, bottom))
        half, thick = float(rng.uniform(90, 260)), float(rng.uniform(4, 13))
        shape = blob((x - half, y), (x, y - thick), (x + half, y + 1), (x + half * 0.2, y + thick))
        canvas.path(shape, colour, opacity)


def hills(
    canvas: Canvas,
    rng: np.random.Generator,
    y: Number | np.ndarray,
    height: Number,
    fill: str,
    *,
    waves: int = 3,
    octaves: int = 3,
) -> np.ndarray:
    """A rolling line of hills, filled to the bottom; returns its heights at 61 places.

    ``y`` is their middle, or (61,) the middle at each place.
    """
    line = y - height * noise(rng, 61, waves=waves, octaves=octaves)
    canvas.path(below(line), fill)
    return line


def height_at(line: np.ndarray, x: Number) -> float:
    """Height of a line of hills at x."""
    return float(np.interp(x, np.linspace(-20.0, SIDE + 20.0, len(line)), line))


def conifer(canvas: Canvas, x: Number, foot: Number, height: Number, colour: str) -> None:
    """A fir as a silhouette: drooping tiers that grow towards the ground."""
    tiers = 5
    points: list[Point] = [(x, foot - height)]
    for side in (1, -1):
        edge: list[Point] = []
        for tier in range(1, tiers + 1):
            reach = height * 0.2 * (0.2 + 0.8 * tier / tiers)
            level = foot - height + height * 0.9 * tier / tiers
            edge.append((x + side * reach, level))
            if tier < tiers:
                edge.append((x + side * reach * 0.5, level - height * 0.035))
        points += edge if side == 1 else edge[::-1]
    canvas.path(polygon(points), colour)
    canvas.rect(x - height * 0.025, foot - height * 0.12, height * 0.05, height * 0.13, colour)


def conifers(
    canvas: Canvas,
    rng: np.random.Generator,
    line: np.ndarray,
    count: int,
    height: Number,
    colour: str,
) -> None:
    """A wood of firs along a line of hills."""
    for x in np.sort(rng.uniform(-10.0, SIDE + 10.0, count)):
        tall = height * float(rng.uniform(0.55, 1.2))
        conifer(canvas, float(x), height_at(line, float(x)) + 6.0, tall, colour)


def round_tree(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Number,
    foot: Number,
    height: Number,
    crown: str,
    trunk: str,
    light: str,
) -> None:
    """A leafy tree: a trunk with two boughs and a crown of three tones."""
    thick = height * 0.045
    canvas.path(
        polygon(
            [
                (x - thick, foot),
                (x - thick * 0.55, foot - height * 0.55),
                (x + thick * 0.55, foot - height * 0.55),
                (x + thick, foot),
            ]
        ),
        trunk,
    )
    middle = foot - height * 0.66
    leaves = [(float(a), float(b), float(c)) for a, b, c in rng.uniform(0.0, 1.0, (16, 3))]
    for number, (turn, far, size) in enumerate(leaves):
        # A ring of large heaps, then smaller ones that catch the light at the upper left.
        outer = number < 9
        angle = 2 * np.pi * (number / 9 if outer else turn)
        reach = height * (0.19 if outer else 0.13 * far)
        move = 0.0 if outer else -0.06 * height
        canvas.circle(
            x + move + reach * float(np.cos(angle)),
            middle + move + reach * 1.05 * float(np.sin(angle)),
            height * ((0.12 if outer else 0.075) + 0.05 * size),
            crown if outer else mix(crown, light, 0.3 + 0.3 * size),
        )
    for _ in range(9):
        dx, dy = rng.uniform(-0.2, 0.12), rng.uniform(-0.26, 0.05)
        spot = height * float(rng.uniform(0.018, 0.04))
        canvas.ellipse(
            x + height * float(dx), middle + height * float(dy), spot * 1.3, spot, light, 0.6
        )


def bird(
    canvas: Canvas, x: Number, y: Number, span: Number, colour: str, bend: Number = 0.3
) -> None:
    """A far bird: two bent wings."""
    s, up = span / 2, span * bend
    canvas.stroke(
        f"M{x - s:.1f} {y - up * 0.4:.1f}Q{x - s * 0.45:.1f} {y - up:.1f} {x:.1f} {y:.1f}"
        f"Q{x + s * 0.45:.1f} {y - up:.1f} {x + s:.1f} {y - up * 0.4:.1f}",
        colour,
        max(1.6, span * 0.06),
    )


def grass(
    canvas: Canvas,
    rng: np.random.Generator,
    count: int,
    top: Number,
    bottom: Number,
    colour: str,
    height: Number = 26,
) -> None:
    """Blades of grass, the nearer the longer."""
    blades = []
    for x, y in rng.uniform(0.0, 1.0, (count, 2)):
        foot = top + (bottom - top) * float(y)
        tall = height * (0.5 + float(y)) * float(rng.uniform(0.6, 1.2))
        lean = float(rng.uniform(-0.45, 0.45)) * tall
        root = SIDE * float(x)
        blades.append(
            f"M{root - 2:.1f} {foot:.1f}Q{root:.1f} {foot - tall * 0.6:.1f} {root + lean:.1f} "
            f"{foot - tall:.1f}Q{root + 2:.1f} {foot - tall * 0.5:.1f} {root + 2.5:.1f} {foot:.1f}Z"
        )
    canvas.path("".join(blades), colour)


def glitter(
    canvas: Canvas,
    rng: np.random.Generator,
    x: Number,
    top: Number,
    bottom: Number,
    colour: str,
    count: int = 40,
) -> None:
    """The path of light on water under a sun or a moon."""
    dashes = []
    for share in np.sort(rng.uniform(0.0, 1.0, count)):
        y = top + (bottom - top) * float(share) ** 1.2
        wide = (14 + 90 * float(share)) * float(rng.uniform(0.3, 1.0))
        middle = x + float(rng.normal(0.0, 8 + 42 * float(share)))
        thick = 1.2 + 3.2 * float(share)
        dashes.append(
            f"M{middle - wide:.1f} {y:.1f}Q{middle:.1f} {y - thick:.1f} {middle + wide:.1f} {y:.1f}"
            f"Q{middle:.1f} {y + thick:.1f} {middle - wide:.1f} {y:.1f}Z"
        )
    canvas.path("".join(dashes), colour, 0.75)
