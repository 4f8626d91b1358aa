"""Small elements by which a second and a third likely class show in another class's scene.

``share`` is the weight of the class, 0 to 1; ``side`` is -1 (left) or 1 (right).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from partimento.render.illustration import SIDE, Canvas, Number, curve, mix, noise
from partimento.render.scenery import crescent
from partimento.tasks.audio2visual.scenes_animals import dog_figure, rooster_figure
from partimento.tasks.audio2visual.scenes_indoors import star_points
from partimento.tasks.audio2visual.scenes_outdoors import chainsaw_figure, helicopter_figure
from partimento.tasks.audio2visual.sound_shape import SoundShape

Accent = Callable[[Canvas, np.random.Generator, SoundShape, float, int], None]


def _size(share: Number) -> float:
    """Scale of a figure: a share of one half is half as large as the scene's own."""
    return 0.3 + 0.9 * min(0.5, share)


def _dog(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    scale = _size(share)
    x, foot = 500 + side * 330, 968 + float(rng.uniform(-6, 6))
    canvas.ellipse(x, foot, 150 * scale, 12 * scale, "#000000", 0.3)
    with canvas.group(x + side * 150 * scale, foot - 264 * scale, scale, mirror=side > 0):
        dog_figure(canvas, "#8a5a34", "#5f3b22")


def _rooster(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    scale = _size(share)
    x, foot = 500 + side * 340, 970 + float(rng.uniform(-6, 6))
    canvas.ellipse(x, foot, 90 * scale, 10 * scale, "#000000", 0.3)
    with canvas.group(x + side * 150 * scale, foot - 286 * scale, scale, mirror=side > 0):
        rooster_figure(canvas)


def _rain(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    count = int(40 + 420 * share)
    drops = []
    for x, y, tall in rng.uniform(0.0, 1.0, (count, 3)):
        long = 22 + 40 * float(tall)
        drops.append(
            f"M{1040 * float(x):.1f} {1000 * float(y) - 20:.1f}l{-0.2 * long:.1f} {long:.1f}"
        )
    canvas.stroke("".join(drops), "#eaf3fb", 2.2, 0.55)


def _sea(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    for number, tone in enumerate(("#2f8fa3", "#1b5f7a", "#0e3f57")):
        level = 990 - 190 * share + 34 * number
        line = level - (10 + 60 * share) * noise(rng, 41, waves=7, octaves=1)
        xs = np.linspace(-20, 1020, 41)
        top = curve([(float(x), float(y)) for x, y in zip(xs, line, strict=True)])
        canvas.path(f"{top}L1020 1010L-20 1010Z", tone, 0.82)
        canvas.stroke(top, "#ffffff", 5, 0.85)


def _fire(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    x = 500 + side * 360
    canvas.glow(x, 1000, 420 * _size(share) + 100, "#ff9a3c", 0.3 + 0.5 * share)
    for dx, rise, size in rng.uniform(0.0, 1.0, (int(14 + 70 * share), 3)):
        px = x + 260 * (float(dx) - 0.5) * (0.5 + float(rise))
        canvas.circle(
            px, 990 - 620 * float(rise), 2 + 4 * float(size), "#ffd982", 1.0 - 0.6 * float(rise)
        )


def _baby(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    middle = 500 + side * 320
    for number in range(3 + int(4 * share)):
        x = middle + 64 * (number - 1.5 - 2 * share)
        y = 60 + 150 * float(rng.uniform(0.2, 1.0)) * (0.6 + share)
        canvas.stroke(f"M{x:.1f} -10V{y:.1f}", "#ffffff", 2, 0.7)
        if number % 2:
            crescent(canvas, x, y + 20, 20, "#fff3cd")
        else:
            canvas.path(star_points(x, y + 20, 26), ("#f6c453", "#e58c8a")[number // 2 % 2])


def _sneeze(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    x, y = 500 + side * 520, 480.0
    for turn, far, size in rng.uniform(0.0, 1.0, (int(24 + 90 * share), 3)):
        angle = np.radians(-40 + 80 * float(turn))
        reach = 60 + 420 * float(far)
        px, py = x - side * reach * float(np.cos(angle)), y + reach * float(np.sin(angle))
        radius = 3 + 9 * float(size) ** 2
        canvas.circle(px, py, radius, "#ffffff", 0.35)
        canvas.circle(px, py, radius * 0.7, "#8ed0e6", 0.9)


def _clock(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    x, y, radius = 500 + side * 360, 130.0, 60 + 70 * min(0.5, share)
    canvas.stroke(f"M{x} -10V{y - radius:.1f}", "#d9a441", 6)
    canvas.circle(x, y + 6, radius + 10, "#000000", 0.25)
    canvas.circle(x, y, radius + 9, "#b97f26")
    canvas.circle(x, y, radius, "#fbf5e6")
    for number in range(12):
        turn = np.pi * number / 6
        dx, dy = float(np.sin(turn)), -float(np.cos(turn))
        canvas.stroke(
            f"M{x + 0.78 * radius * dx:.1f} {y + 0.78 * radius * dy:.1f}"
            f"L{x + 0.9 * radius * dx:.1f} {y + 0.9 * radius * dy:.1f}",
            "#3a2a1d",
            4,
        )
    canvas.stroke(f"M{x} {y}l{-0.36 * radius:.1f} {-0.26 * radius:.1f}", "#3a2a1d", 7)
    canvas.stroke(f"M{x} {y}l{0.58 * radius:.1f} {-0.34 * radius:.1f}", "#3a2a1d", 5)


def _helicopter(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    scale = _size(share)
    x, y = 500 + side * 300, 120 + float(rng.uniform(0, 50))
    with canvas.group(x, y, scale, turn=-5 * side, mirror=side > 0):
        helicopter_figure(canvas, "#3d5a80", shape)


def _chainsaw(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    scale = _size(share)
    x, y = 500 + side * 350, 985 - 90 * scale
    with canvas.group(x + side * 170 * scale, y, scale, mirror=side > 0):
        chainsaw_figure(canvas)
    for dx, dy in rng.normal(0.0, 1.0, (int(10 + 50 * share), 2)):
        canvas.rect(
            x - side * 190 * scale + 42 * float(dx), y - 20 + 34 * float(dy), 9, 4, "#f4d19b", 0.9
        )


def music(
    canvas: Canvas, rng: np.random.Generator, shape: SoundShape, share: Number, side: int
) -> None:
    """A staff in the wind with the onsets on it."""
    xs = np.linspace(-20, SIDE + 20, 33)
    middle = 160 + 34 * noise(rng, 33, waves=3, octaves=1)
    for row in range(-2, 3):
        points = [(float(x), float(y) + row * 15) for x, y in zip(xs, middle, strict=True)]
        canvas.stroke(curve(points), "#ffffff", 2.2, 0.35 + 0.5 * share)
    for number, (place, strength) in enumerate(shape.onsets[:16]):
        x = 40 + 920 * place
        y = float(np.interp(x, xs, middle)) + (number * 3 % 5 - 2) * 15
        canvas.ellipse(x, y, 9 + 5 * strength, 7 + 3 * strength, "#ffffff", 0.9)
        canvas.stroke(f"M{x + 11:.1f} {y:.1f}v-52", "#ffffff", 3, 0.9)


ACCENTS: dict[str, Accent] = {
    "Dog bark": _dog,
    "Rooster": _rooster,
    "Rain": _rain,
    "Sea waves": _sea,
    "Fire crackling": _fire,
    "Baby cry": _baby,
    "Person sneeze": _sneeze,
    "Clock tick": _clock,
    "Helicopter": _helicopter,
    "Chainsaw": _chainsaw,
    "Music": music,
}
TINTS: dict[str, str] = {
    "Dog bark": "#7fb069",
    "Rooster": "#f58a5b",
    "Rain": "#3f5079",
    "Sea waves": "#1f7a8c",
    "Fire crackling": "#c1330f",
    "Baby cry": "#e8a0b4",
    "Person sneeze": "#7cc6b8",
    "Clock tick": "#8a5a3b",
    "Helicopter": "#89c2d9",
    "Chainsaw": "#f2711c",
    "Music": "#8d6fd1",
}
"""The colour that a class lends to another class's scene."""


def tint(canvas: Canvas, name: str, share: Number) -> None:
    """A glaze of a class's colour, stronger at the bottom."""
    colour = mix(TINTS[name], "#ffffff", 0.1)
    strength = 0.5 * min(0.5, share)
    canvas.rect(
        -5,
        -5,
        SIDE + 10,
        SIDE + 10,
        canvas.gradient([(0, colour, strength * 0.5), (1, colour, strength)]),
    )
