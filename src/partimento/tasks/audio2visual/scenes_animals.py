"""Drawn scenes: a dog in a garden, a rooster on a fence at sunrise."""

from __future__ import annotations

import numpy as np

from partimento.render.illustration import SIDE, Canvas, Number, blended, blob, mix, polygon
from partimento.render.scenery import (
    cloud,
    disc,
    grass,
    height_at,
    hills,
    round_tree,
    sky,
    streaks,
)
from partimento.tasks.audio2visual.sound_shape import SoundShape

_GARDENS = (
    (("#8fd0e6", "#d9f1ee", "#fdf3d0"), "#7fb069", "#4f8a4b", "#2f6b3c"),
    (("#f7b267", "#fbd9a0", "#fff0cf"), "#a3a948", "#76883a", "#4a6530"),
    (("#9ad1c9", "#d5ecd4", "#fdf0d8"), "#93c178", "#5f9e5c", "#37754a"),
)
_COATS = (("#8a5a34", "#6b4226"), ("#c98b4a", "#9c6630"), ("#4b4038", "#2f2823"))
_FLOWERS = ("#e4572e", "#f4c430", "#ffffff", "#d86ca5", "#8a5fbf")


def dog(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A dog that barks in a garden; arcs are barks, flowers are the bright part of the sound."""
    *tones, far, middle, near = blended(rng, [[*a, *rest] for a, *rest in _GARDENS])
    sky(canvas, tones, 640)
    disc(
        canvas, float(rng.uniform(140, 320)), float(rng.uniform(130, 220)), 62, "#fff7dc", "#fffbe8"
    )
    cloud(canvas, rng, float(rng.uniform(560, 860)), float(rng.uniform(150, 240)), 250, "#ffffff")
    cloud(
        canvas, rng, float(rng.uniform(350, 520)), float(rng.uniform(90, 140)), 150, "#ffffff", 0.7
    )
    hills(canvas, rng, 560, 50, mix(far, tones[1], 0.45))
    line = hills(canvas, rng, 610, 34, far)
    for x in (float(rng.uniform(40, 160)), float(rng.uniform(840, 960))):
        tall = float(rng.uniform(380, 480))
        foot = height_at(line, x) + 40
        round_tree(canvas, rng, x, foot, tall, middle, "#6b4a32", mix(far, "#fff2a8", 0.35))
    _bushes(canvas, rng, near, middle)
    _pickets(canvas, tones[2])
    lawn = canvas.gradient([(0, far, 1), (1, near, 1)])
    canvas.rect(-5, 735, SIDE + 10, 270, lawn)
    grass(canvas, rng, 130, 745, 990, mix(near, middle, 0.35))
    _flower_bed(canvas, rng, int(14 + 40 * shape.brightness))
    coat = blended(rng, _COATS)
    x = float(rng.uniform(210, 300))
    canvas.ellipse(x + 215, 868, 215, 20, mix(near, "#10240f", 0.55), 0.55)
    with canvas.group(x, 470, 1.5):
        dog_figure(canvas, coat[0], coat[1])
    _barks(canvas, x + 455, 520, shape)


def _bushes(canvas: Canvas, rng: np.random.Generator, dark: str, light: str) -> None:
    for x in np.linspace(-20, 1020, 13):
        radius = float(rng.uniform(46, 82))
        place = float(x + rng.uniform(-20, 20))
        tone = mix(dark, light, float(rng.uniform(0, 0.7)))
        canvas.circle(place, 690, radius, tone)
        canvas.circle(
            place - radius * 0.25, 690 - radius * 0.3, radius * 0.5, mix(tone, light, 0.5)
        )


def _pickets(canvas: Canvas, paint: str) -> None:
    white = mix(paint, "#ffffff", 0.6)
    shadow = mix(white, "#6c6a58", 0.35)
    for y in (655, 708):
        canvas.rect(-5, y, SIDE + 10, 13, shadow)
    for x in range(-18, 1010, 44):
        outline = [(x, 745), (x, 628), (x + 13, 608), (x + 26, 628), (x + 26, 745)]
        canvas.path(polygon(outline), white)
        canvas.rect(x + 20, 630, 6, 115, shadow, 0.6)


def _flower_bed(canvas: Canvas, rng: np.random.Generator, count: int) -> None:
    for x, y, kind in rng.uniform(0.0, 1.0, (count, 3)):
        px, py = SIDE * float(x), 775 + 205 * float(y)
        size = 5 + 8 * float(y)
        canvas.stroke(f"M{px:.1f} {py:.1f}v{size * 2.6:.1f}", "#2f6b3c", 2.4)
        petal = _FLOWERS[int(float(kind) * len(_FLOWERS))]
        for i in range(5):
            turn = 2 * np.pi * i / 5
            canvas.circle(
                px + size * 0.75 * float(np.cos(turn)),
                py + size * 0.75 * float(np.sin(turn)),
                size * 0.55,
                petal,
            )
        canvas.circle(px, py, size * 0.42, "#f9d65c" if petal != "#f4c430" else "#8a4b20")


def _barks(canvas: Canvas, x: Number, y: Number, shape: SoundShape) -> None:
    """Arcs from the mouth: as many as there are barks, as wide as each is loud."""
    strong = [s for _, s in shape.onsets if s > 0.25][:6]
    strong = [*strong, 0.6, 0.45, 0.3][: max(3, len(strong))]
    for number, strength in enumerate(strong):
        reach = 34 + 34 * number
        rise = reach * 0.82
        canvas.stroke(
            f"M{x + reach * 0.62:.1f} {y - rise:.1f}Q{x + reach * 1.35:.1f} {y - 4:.1f} "
            f"{x + reach * 0.62:.1f} {y + rise * 0.8:.1f}",
            "#ffffff",
            5 + 8 * strength,
            0.92 - 0.11 * number,
        )


def dog_figure(canvas: Canvas, coat: str, dark: str) -> None:
    """A barking dog in profile, about 300 by 265 units, its feet at 265."""
    light = mix(coat, "#fff1dc", 0.35)
    canvas.stroke("M34 118C8 96 2 60 18 30", coat, 17)
    canvas.path(
        blob((62, 170), (88, 176), (86, 214), (96, 258), (70, 262), (72, 222), (56, 196)), dark
    )
    canvas.path(blob((186, 176), (208, 172), (206, 214), (212, 258), (188, 262), (188, 220)), dark)
    body = blob(
        (26, 120),
        (52, 100),
        (110, 104),
        (160, 100),
        (205, 84),
        (232, 104),
        (232, 148),
        (206, 182),
        (160, 178),
        (112, 172),
        (76, 186),
        (38, 172),
    )
    canvas.path(body, coat)
    canvas.path(
        blob(
            (34, 150), (70, 140), (84, 170), (62, 205), (66, 258), (84, 264), (42, 264), (42, 215)
        ),
        coat,
    )
    canvas.path(
        blob((200, 150), (236, 140), (236, 190), (232, 256), (246, 264), (208, 264), (210, 200)),
        coat,
    )
    canvas.path(
        blob(
            (196, 130),
            (190, 90),
            (212, 48),
            (240, 34),
            (262, 60),
            (250, 100),
            (238, 146),
            (214, 162),
        ),
        coat,
    )
    canvas.path(blob((222, 104), (246, 84), (246, 140), (228, 168), (214, 150)), light)
    # Head, thrown up: skull, open jaws, tongue, ear.
    canvas.path(
        blob((252, 66), (272, 74), (292, 82), (300, 92), (288, 98), (262, 92), (244, 82)), dark
    )
    canvas.path(blob((258, 62), (276, 68), (289, 82), (278, 88), (258, 80)), "#d4535e")
    canvas.path(
        blob(
            (208, 50),
            (218, 22),
            (244, 10),
            (264, 18),
            (290, 22),
            (312, 28),
            (314, 40),
            (298, 48),
            (268, 62),
            (244, 84),
            (216, 80),
        ),
        coat,
    )
    canvas.path(blob((276, 40), (298, 46), (268, 62), (256, 66)), light)
    canvas.ellipse(311, 32, 8.5, 7.5, "#1d1714")
    canvas.path(polygon([(290, 49), (295, 47.5), (291, 57)]), "#ffffff")
    canvas.circle(257, 29, 5, "#1d1714")
    canvas.circle(258.5, 27.5, 1.6, "#ffffff")
    canvas.path(blob((214, 26), (228, 20), (234, 40), (228, 72), (208, 84), (198, 62)), dark)
    canvas.stroke("M196 98C210 118 232 126 250 116", "#c8102e", 11)
    canvas.circle(240, 128, 8, "#f4c430")


_SUNRISES = (
    (("#35346b", "#b5527a", "#f58a5b", "#ffd27a"), "#6b3f63", "#43294f", "#23182f"),
    (("#2b5a84", "#83a7b5", "#f7b98a", "#ffe3a3"), "#5b6b75", "#3c4654", "#1d232e"),
    (("#5b2a4f", "#d1495b", "#f79256", "#ffe08a"), "#7c3a4a", "#4d2438", "#28131f"),
)


def rooster(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A rooster on a fence before the rising sun, whose rays are the loudness over time."""
    *tones, far, middle, near = blended(rng, [[*a, *rest] for a, *rest in _SUNRISES])
    sky(canvas, tones, 700)
    x, y = float(rng.uniform(330, 480)), float(rng.uniform(520, 560))
    _rays(canvas, x, y, shape, tones[3])
    disc(canvas, x, y, float(rng.uniform(150, 180)), "#fff0b8", tones[3], 3)
    streaks(canvas, rng, 7, 110, 400, mix(tones[2], "#ffffff", 0.4), 0.5)
    hills(canvas, rng, 610, 44, mix(far, tones[2], 0.5))
    hills(canvas, rng, 660, 40, mix(far, tones[2], 0.18))
    _barn(canvas, float(rng.uniform(70, 140)), 678, near, tones[3])
    hills(canvas, rng, 705, 26, middle)
    hills(canvas, rng, 830, 26, near)
    grass(canvas, rng, 90, 820, 900, mix(near, middle, 0.3), 40)
    wood = mix(near, "#8a5a3c", 0.45)
    _rails(canvas, wood, mix(wood, tones[3], 0.45))
    with canvas.group(float(rng.uniform(430, 500)), 292, 1.42):
        rooster_figure(canvas)


def _rays(canvas: Canvas, x: Number, y: Number, shape: SoundShape, colour: str) -> None:
    loud = shape.envelope_T.reshape(32, 2).mean(1)
    for number, value in enumerate(loud):
        turn = np.pi * (1.0 + (number + 0.5) / len(loud))
        reach = 240 + 620 * float(value)
        half = 0.028
        tips = [
            (x + reach * float(np.cos(turn + side)), y + reach * float(np.sin(turn + side)))
            for side in (-half, half)
        ]
        canvas.path(polygon([(x, y), *tips]), colour, 0.16 + 0.26 * float(value))


def _barn(canvas: Canvas, x: Number, foot: Number, colour: str, light: str) -> None:
    roof = [(x - 12, foot - 70), (x + 20, foot - 122), (x + 75, foot - 140), (x + 130, foot - 122)]
    canvas.path(
        polygon([*roof, (x + 162, foot - 70), (x + 150, foot + 70), (x, foot + 70)]), colour
    )
    canvas.rect(x + 62, foot - 92, 26, 26, light, 0.9)


def _rails(canvas: Canvas, wood: str, edge: str) -> None:
    for y in (700, 812):
        canvas.rect(-5, y, SIDE + 10, 40, wood)
        canvas.rect(-5, y, SIDE + 10, 7, edge)
        for x in range(30, 1000, 145):
            canvas.stroke(f"M{x} {y + 22}q40 -6 92 2", mix(wood, "#000000", 0.3), 2.5, 0.7)
    for x in (95, 395, 745):
        canvas.path(
            polygon([(x, 1005), (x, 668), (x + 32, 646), (x + 64, 668), (x + 64, 1005)]), wood
        )
        canvas.rect(x, 672, 9, 330, edge)


def rooster_figure(canvas: Canvas, shade: Number = 0.0) -> None:
    """A crowing rooster in profile, about 300 by 290 units, its feet at 288."""

    def tone(colour: str) -> str:
        return mix(colour, "#1c1424", shade)

    tail = (
        ((92, 150), (40, 96), (6, 110), (-8, 168), (14, 142), (50, 150)),
        ((94, 140), (52, 62), (10, 56), (-20, 104), (10, 88), (56, 122)),
        ((98, 130), (74, 40), (36, 14), (-8, 30), (34, 46), (66, 108)),
        ((106, 130), (104, 50), (84, 8), (48, -14), (74, 42), (82, 112)),
    )
    for number, feather in enumerate(tail):
        canvas.path(blob(*feather), tone(("#12343b", "#1f5a5f", "#2c7a7b", "#174a50")[number]))
    for x in (134, 164):
        canvas.stroke(
            f"M{x} 232L{x + 4} 280M{x - 12} 287L{x + 4} 280L{x + 24} 287", tone("#e9a23b"), 8
        )
    canvas.path(
        blob(
            (74, 148),
            (110, 128),
            (150, 132),
            (186, 100),
            (216, 110),
            (226, 156),
            (206, 206),
            (168, 242),
            (120, 242),
            (86, 206),
        ),
        tone("#9c3d22"),
    )
    canvas.path(
        blob(
            (182, 140),
            (190, 84),
            (208, 44),
            (234, 36),
            (248, 58),
            (244, 104),
            (236, 150),
            (214, 168),
        ),
        tone("#e08a2e"),
    )
    for x, y in ((192, 150), (206, 162), (222, 158), (234, 144)):
        canvas.path(
            blob((x, y - 52), (x + 8, y - 20), (x, y + 14), (x - 8, y - 20)), tone("#f2b04a")
        )
    canvas.path(
        blob((98, 160), (140, 146), (186, 160), (196, 184), (160, 214), (112, 208), (84, 184)),
        tone("#c4552d"),
    )
    for number in range(3):
        canvas.stroke(
            f"M{104 + 14 * number} {186 + 6 * number}q32 {24 - 2 * number} {70 - 10 * number} -4",
            tone("#7a2c1a"),
            5,
        )
    canvas.path(
        blob(
            (212, 40),
            (206, 14),
            (222, 20),
            (226, 0),
            (240, 14),
            (252, -2),
            (256, 20),
            (270, 18),
            (262, 40),
            (240, 46),
        ),
        tone("#d7263d"),
    )
    canvas.circle(240, 48, 25, tone("#e08a2e"))
    canvas.path(polygon([(258, 34), (304, 14), (264, 50)]), tone("#f6c445"))
    canvas.path(polygon([(260, 52), (292, 50), (262, 62)]), tone("#d99a2b"))
    canvas.path(blob((252, 66), (264, 72), (266, 98), (254, 104), (246, 84)), tone("#d7263d"))
    canvas.circle(245, 42, 6.5, "#fff4d6")
    canvas.circle(246.5, 41, 3.4, "#1a1014")
