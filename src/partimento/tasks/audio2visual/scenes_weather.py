"""Drawn scenes: rain on a street at dusk, waves of the sea on a beach."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.render.illustration import (
    SIDE,
    Canvas,
    Number,
    Point,
    blended,
    blob,
    curve,
    mix,
    noise,
    polygon,
)
from partimento.render.scenery import bird, cloud, disc, glitter, sky, streaks
from partimento.tasks.audio2visual.sound_shape import SoundShape

_DUSKS = (
    (("#1d2a4d", "#3f5079", "#8a7f9c", "#d79a8b"), "#141d36", "#ffcf70"),
    (("#14323f", "#2d5c68", "#6f9490", "#d0b48a"), "#0e222b", "#ffd98a"),
    (("#2c2145", "#57406f", "#96688a", "#e39a86"), "#1a1330", "#ffc46b"),
)
_UMBRELLAS = ("#d7263d", "#f2a541", "#1b998b")


def rain(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A wet street; the drops over the width follow the loudness over time."""
    *tones, dark, light = blended(rng, [[*a, *rest] for a, *rest in _DUSKS])
    sky(canvas, tones, 640)
    for middle in (120, 420, 760):
        place = middle + float(rng.uniform(-60, 60))
        cloud(
            canvas,
            rng,
            place,
            float(rng.uniform(110, 230)),
            420,
            mix(tones[0], tones[1], 0.7),
            0.75,
        )
    vanish = float(rng.uniform(440, 560))
    canvas.glow(vanish, 610, 330, tones[3], 0.75)
    _street(canvas, vanish, tones, dark)
    _houses(canvas, rng, vanish, dark, tones[1], light)
    for side, near in ((-1, 1.0), (1, 0.72), (-1, 0.5), (1, 0.4)):
        _lamp(canvas, vanish + side * 400 * near, 640 + 250 * near, 520 * near, dark, light)
    x = vanish + float(rng.uniform(-90, 90))
    _walker(canvas, x, 845, _UMBRELLAS[int(rng.integers(len(_UMBRELLAS)))], dark)
    _drops(canvas, rng, shape)
    _ripples(canvas, rng, int(12 + 30 * shape.loudness))


def _street(canvas: Canvas, vanish: Number, tones: Sequence[str], dark: str) -> None:
    wet = canvas.gradient([(0, mix(tones[3], tones[2], 0.3), 1), (0.35, tones[1], 1), (1, dark, 1)])
    canvas.rect(-5, 630, SIDE + 10, 375, wet)
    for side in (-1, 1):
        curb = [(vanish + side * 26, 634), (vanish + side * 480, 1000), (vanish + side * 900, 1000)]
        canvas.path(
            polygon([*curb, (vanish + side * 900, 700), (vanish + side * 120, 634)]), dark, 0.55
        )
    for number in range(9):
        y = 660 + 340 * (number / 9) ** 1.5
        wide = 10 + 60 * (number / 9)
        canvas.ellipse(vanish, y, wide, 2.2 + number * 0.6, mix(tones[3], "#ffffff", 0.3), 0.4)


def _houses(
    canvas: Canvas, rng: np.random.Generator, vanish: Number, dark: str, far: str, light: str
) -> None:
    """Two rows of houses that shrink towards the end of the street."""
    for side in (-1, 1):
        edges = [30.0]
        while edges[-1] < 620:
            edges.append(edges[-1] * float(rng.uniform(1.45, 1.75)) + 14)
        for number in range(len(edges) - 1, 0, -1):
            inner, outer = edges[number - 1], edges[number]
            tone = mix(dark, far, 0.75 - 0.75 * min(1.0, inner / 320))
            _house(canvas, rng, (vanish, float(side)), (inner, outer), tone, light)


def _house(
    canvas: Canvas,
    rng: np.random.Generator,
    place: tuple[Number, Number],
    edges: tuple[Number, Number],
    tone: str,
    light: str,
) -> None:
    (vanish, side), (inner, outer) = place, edges
    tall = float(rng.uniform(0.95, 1.4))

    def at(reach: Number, rise: Number) -> Point:
        return vanish + side * reach, 634 + reach * 0.36 - rise * reach * tall

    gable = [at(inner, 1.5), at((inner + outer) / 2, 1.72), at(outer, 1.5)]
    canvas.path(polygon([at(inner, 0), *gable, at(outer, 0)]), tone)
    for floor in (0.45, 0.85, 1.22):
        for share in (0.18, 0.56):
            if rng.uniform() < 0.36:
                continue
            left, right = (inner + (outer - inner) * (share + d) for d in (0.0, 0.24))
            pane = [
                at(left, floor),
                at(right, floor),
                at(right, floor + 0.22),
                at(left, floor + 0.22),
            ]
            glass = light if rng.uniform() < 0.72 else mix(tone, light, 0.3)
            canvas.path(polygon(pane), glass, 0.92)


def _lamp(canvas: Canvas, x: Number, foot: Number, tall: Number, dark: str, light: str) -> None:
    thick = tall * 0.018
    canvas.rect(x - thick, foot - tall, thick * 2, tall, dark)
    canvas.rect(x - thick * 2.4, foot - tall * 0.08, thick * 4.8, tall * 0.08, dark)
    canvas.glow(x, foot - tall, tall * 0.34, light, 0.85, rings=14)
    head = [(x - thick * 3, foot - tall), (x + thick * 3, foot - tall)]
    canvas.path(
        polygon(
            [*head, (x + thick * 4.4, foot - tall * 1.1), (x - thick * 4.4, foot - tall * 1.1)]
        ),
        "#fff3cf",
    )
    canvas.path(
        polygon(
            [
                (x - thick * 5.5, foot - tall * 1.1),
                (x + thick * 5.5, foot - tall * 1.1),
                (x, foot - tall * 1.15),
            ]
        ),
        dark,
    )
    canvas.ellipse(x, foot + tall * 0.2, tall * 0.03, tall * 0.2, light, 0.3)
    canvas.ellipse(x, foot + tall * 0.2, tall * 0.07, tall * 0.26, light, 0.14)


def _walker(canvas: Canvas, x: Number, foot: Number, colour: str, dark: str) -> None:
    canvas.path(
        blob((x - 40, foot + 10), (x + 40, foot + 10), (x + 26, foot + 120), (x - 20, foot + 120)),
        colour,
        0.22,
    )
    canvas.ellipse(x, foot + 4, 62, 9, "#000000", 0.35)
    with canvas.group(x, foot - 250, 1):
        canvas.stroke("M-14 170L-22 246M14 170L24 246", "#15131c", 17)
        canvas.path(
            blob((-26, 80), (0, 66), (28, 80), (36, 150), (30, 194), (-30, 194), (-36, 150)),
            mix(dark, "#4a4a6a", 0.35),
        )
        canvas.circle(0, 52, 19, "#e8b796")
        canvas.path(blob((-20, 50), (-16, 30), (2, 28), (20, 36), (10, 44)), "#2a1d1a")
        canvas.stroke("M8 -30V96", "#15131c", 5)
        canvas.path(
            "M-112 22Q-100 -72 8 -80Q116 -72 128 22Q98 0 68 20Q40 0 8 20Q-24 0 -52 20Q-82 0 "
            "-112 22Z",
            colour,
        )
        canvas.path("M8 -80Q-40 -60 -52 20Q-24 0 8 20Z", mix(colour, "#ffffff", 0.22))
        canvas.path("M8 -80Q100 -66 128 22Q98 0 68 20Q62 -56 8 -80Z", mix(colour, "#000000", 0.22))
        canvas.stroke("M8 -80V-92", "#15131c", 5)


def _drops(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """Slanted strokes: their number at each x is the loudness at that moment."""
    slant = float(rng.uniform(0.12, 0.3))
    for width, opacity, most in ((1.5, 0.4, 5.0), (2.6, 0.6, 3.0)):
        strokes = []
        for step, value in enumerate(shape.envelope_T):
            count = int(rng.poisson(0.4 + most * (0.3 + shape.loudness) * float(value)))
            for dx, y, tall in rng.uniform(0.0, 1.0, (count, 3)):
                x = SIDE * (step + float(dx)) / len(shape.envelope_T)
                long = 20 + 46 * float(tall)
                strokes.append(
                    f"M{x:.1f} {1000 * float(y) - 20:.1f}l{-slant * long:.1f} {long:.1f}"
                )
        canvas.stroke("".join(strokes) or "M0 0", "#e3edf7", width, opacity)


def _ripples(canvas: Canvas, rng: np.random.Generator, count: int) -> None:
    for x, y in rng.uniform(0.0, 1.0, (count, 2)):
        near = float(y)
        px, py, wide = SIDE * float(x), 700 + 290 * near, 8 + 26 * near
        canvas.stroke(
            f"M{px - wide:.1f} {py:.1f}a{wide:.1f} {wide * 0.3:.1f} 0 1 0 {2 * wide:.1f} 0"
            f"a{wide:.1f} {wide * 0.3:.1f} 0 1 0 {-2 * wide:.1f} 0",
            "#e3edf7",
            1.2 + near,
            0.5,
        )


_COASTS = (
    (("#2f6690", "#7fb7d0", "#fbe3b5"), ("#1f7a8c", "#0b3954"), "#e8cf9c", "#fff4d6"),
    (("#43305f", "#d9707f", "#ffc980"), ("#4c6a92", "#1d2e54"), "#d9a878", "#ffe2a8"),
    (("#5aa9c4", "#a9dbd9", "#fdf2d0"), ("#2aa198", "#0d5c75"), "#f2dcae", "#ffffff"),
)


def sea(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """Rolling waves; the height of each crest over the width is the loudness over time."""
    first, second, third, near, deep, sand, light = blended(
        rng, [[*a, *b, *rest] for a, b, *rest in _COASTS]
    )
    tones, water = (first, second, third), (near, deep)
    sky(canvas, tones, 430)
    x = float(rng.uniform(260, 740))
    disc(canvas, x, float(rng.uniform(270, 340)), 78, light, tones[2], 4)
    streaks(canvas, rng, 4, 90, 300, "#ffffff", 0.4)
    cloud(canvas, rng, float(rng.uniform(80, 250)), 190, 240, mix(tones[1], "#ffffff", 0.6), 0.8)
    far = canvas.gradient([(0, mix(water[0], tones[2], 0.4), 1), (1, water[0], 1)])
    canvas.rect(-5, 420, SIDE + 10, 300, far)
    glitter(canvas, rng, x, 424, 560, light, 46)
    for _ in range(4):
        bird(
            canvas,
            float(rng.uniform(120, 900)),
            float(rng.uniform(110, 330)),
            float(rng.uniform(30, 62)),
            "#ffffff",
        )
    lift = 36 + 84 * shape.loudness
    for number in range(4):
        y = 508 + 46 * number + 15 * number**2
        tone = mix(water[0], water[1], number / 3.6)
        _wave(canvas, rng, y, lift * (0.4 + 0.4 * number), tone, shape)
    _beach(canvas, rng, sand, mix(water[0], "#ffffff", 0.55))


def _wave(
    canvas: Canvas, rng: np.random.Generator, y: Number, lift: Number, tone: str, shape: SoundShape
) -> None:
    """One row of breakers that lean to the right, the nearer the larger."""
    length = max(190.0, lift * float(rng.uniform(3.0, 3.6)))
    start = -length * float(rng.uniform(0.2, 0.9))
    top: list[Point] = []
    crests: list[tuple[Number, Number]] = []
    while start < SIDE + length:
        crest = start + 0.7 * length
        step = int(np.clip(64 * crest / SIDE, 0, 63))
        high = lift * (0.25 + 0.95 * float(shape.envelope_T[step])) * float(rng.uniform(0.8, 1.15))
        top += [(start, y), (start + 0.34 * length, y - 0.3 * high), (crest, y - high)]
        top += [(crest + 0.1 * length, y - 0.74 * high), (crest + 0.08 * length, y - 0.36 * high)]
        top += [(crest + 0.13 * length, y - 0.06 * high)]
        crests.append((crest, high))
        start += length * float(rng.uniform(0.95, 1.1))
    deep, crest_tone = mix(tone, "#02121f", 0.38), mix(tone, "#eafff8", 0.5)
    stops = [(0, crest_tone, 1), (0.22, tone, 1), (0.62, deep, 1)]
    canvas.path(f"{curve(top)}L1600 {y + 200}L-900 {y + 200}Z", canvas.gradient(stops))
    canvas.stroke(curve(top), "#ffffff", 2.2, 0.55)
    for crest, high in crests:
        _breaker(canvas, rng, (crest, y), high, length)


def _breaker(
    canvas: Canvas,
    rng: np.random.Generator,
    place: tuple[float, Number],
    high: Number,
    length: Number,
) -> None:
    """A crest: foam that tapers down its back, a curling lip, flying drops, streaks."""
    x, foot = place
    y = foot - high
    back = 0.36 * length
    canvas.path(
        f"M{x - back:.1f} {foot - 0.3 * high:.1f}Q{x - 0.12 * length:.1f} {y + 0.16 * high:.1f} "
        f"{x:.1f} {y - 4:.1f}Q{x + 0.11 * length:.1f} {y:.1f} {x + 0.115 * length:.1f} "
        f"{y + 0.34 * high:.1f}Q{x + 0.07 * length:.1f} {y + 0.14 * high:.1f} "
        f"{x + 0.02 * length:.1f} {y + 0.34 * high:.1f}Q{x - 0.02 * length:.1f} "
        f"{y + 0.12 * high:.1f} {x - 0.07 * length:.1f} {y + 0.36 * high:.1f}"
        f"Q{x - 0.1 * length:.1f} {y + 0.24 * high:.1f} {x - back:.1f} {foot - 0.3 * high:.1f}Z",
        "#ffffff",
        0.96,
    )
    for dx, dy, size in rng.uniform(0.0, 1.0, (10, 3)):
        canvas.circle(
            x + length * (0.16 * float(dx) - 0.02),
            y + high * (0.6 * float(dy) - 0.2),
            1.0 + high * 0.045 * float(size),
            "#ffffff",
            0.9,
        )
    for share in (0.3, 0.55, 0.8):
        canvas.stroke(
            f"M{x + length * (0.03 - 0.08 * share):.1f} {y + high * (0.3 + 0.5 * share):.1f}"
            f"q{-0.16 * length:.1f} {high * 0.34:.1f} {-0.36 * length:.1f} {high * 0.36:.1f}",
            "#ffffff",
            1.6 + high * 0.012,
            0.38,
        )


def _beach(canvas: Canvas, rng: np.random.Generator, sand: str, shallow: str) -> None:
    edge = 862 + 26 * noise(rng, 41, waves=3, octaves=2)
    xs = np.linspace(-20, 1020, 41)
    for drop, colour, opacity in (
        (-34, shallow, 0.75),
        (-12, "#ffffff", 0.95),
        (4, mix(sand, "#6b4a2b", 0.35), 1.0),
        (34, sand, 1.0),
    ):
        top = curve([(float(x), float(y) + drop) for x, y in zip(xs, edge, strict=True)])
        canvas.path(f"{top}L1020 1010L-20 1010Z", colour, opacity)
    for x, y in rng.uniform(0.0, 1.0, (70, 2)):
        canvas.circle(SIDE * float(x), 920 + 80 * float(y), 1.6, mix(sand, "#6b4a2b", 0.5), 0.6)
    for _ in range(3):
        _shell(
            canvas,
            float(rng.uniform(60, 940)),
            float(rng.uniform(930, 975)),
            float(rng.uniform(0.7, 1.2)),
        )


def _shell(canvas: Canvas, x: Number, y: Number, scale: Number) -> None:
    with canvas.group(x, y, scale):
        canvas.path("M0 12Q-24 4 -20 -8Q-14 -20 0 -20Q14 -20 20 -8Q24 4 0 12Z", "#f7d9c4")
        canvas.stroke("M0 10L-13 -13M0 10L-5 -18M0 10L5 -18M0 10L13 -13", "#d99a7c", 2)
