"""Drawn scenes: a campfire in the dark, a helicopter over hills, a chainsaw in a forest."""

from __future__ import annotations

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
    polygon,
    polyline,
    shades,
)
from partimento.render.scenery import (
    cloud,
    conifers,
    crescent,
    disc,
    grass,
    hills,
    sky,
    stars,
    streaks,
)
from partimento.tasks.audio2visual.sound_shape import SoundShape

_NIGHTS = (
    (("#0b1230", "#182650", "#3a3f6b"), "#10192f", "#060a16"),
    (("#0a1a24", "#12363f", "#2e5a58"), "#0b2226", "#050f12"),
    (("#170f2b", "#32204f", "#6a3d63"), "#1c1230", "#0c0716"),
)


def campfire(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A fire at night: its tongues follow the loudness over time, its sparks the crackles."""
    *tones, wood, near = blended(rng, [[*a, *rest] for a, *rest in _NIGHTS])
    sky(canvas, tones, 720)
    stars(canvas, rng, 170, 560)
    moon = float(rng.uniform(140, 300)), float(rng.uniform(120, 200))
    canvas.glow(*moon, 130, "#fff1c4", 0.35)
    crescent(canvas, *moon, 44, "#fff3cd")
    for number, tone in enumerate(shades(mix(tones[2], wood, 0.45), wood, 3)):
        line = hills(canvas, rng, 560 + 50 * number, 36, tone)
        conifers(canvas, rng, line, 30 - 7 * number, 110 + 80 * number, tone)
    x, foot = 500 + float(rng.uniform(-40, 40)), 850.0
    canvas.rect(-5, 720, SIDE + 10, 290, canvas.gradient([(0, wood, 1), (1, near, 1)]))
    canvas.glow(x, 700, 520, "#ff9a3c", 0.5, rings=16)
    canvas.glow(x, foot + 30, 470, "#ffb04f", 0.6, flat=0.26)
    _tent(canvas, rng, x, near)
    _logs(canvas, x, foot)
    _flames(canvas, rng, x, foot, shape)
    _logs_front(canvas, x, foot)
    _stones(canvas, rng, x, foot)
    _sparks(canvas, rng, x, foot - 150, shape)


def _tent(canvas: Canvas, rng: np.random.Generator, x: Number, dark: str) -> None:
    side = 1 if rng.uniform() < 0.5 else -1
    middle, foot = x + side * 330, 800.0
    cloth = mix("#b5532f", dark, 0.35)
    peak = (middle, foot - 190)
    canvas.path(polygon([(middle - 160, foot), peak, (middle + 160, foot)]), cloth)
    inner = middle - side * 50
    canvas.path(
        polygon([(inner - side * 70, foot), peak, (inner + side * 50, foot)]),
        mix(cloth, "#ffb45e", 0.6),
    )
    canvas.path(polygon([(inner - side * 32, foot), peak, (inner + side * 26, foot)]), dark)


def _logs(canvas: Canvas, x: Number, foot: Number) -> None:
    for lean, tone in ((-1, "#3b2016"), (1, "#4a2819")):
        ends = [(x - lean * 150, foot + 16), (x + lean * 70, foot - 66)]
        canvas.stroke(polyline(ends), tone, 36)


def _logs_front(canvas: Canvas, x: Number, foot: Number) -> None:
    for y, tone, tilt in ((foot + 26, "#5a301d", 10), (foot + 8, "#6b3a22", -14)):
        canvas.stroke(polyline([(x - 140, y + tilt), (x + 140, y - tilt)]), tone, 38)
        canvas.stroke(
            polyline([(x - 120, y + tilt - 11), (x + 110, y - tilt - 11)]), "#e2793a", 5, 0.8
        )
        end = x + 148 if tilt > 0 else x - 148
        canvas.circle(end, y - abs(tilt), 17, "#d39a62")
        canvas.ring(end, y - abs(tilt), 9, "#8f5a34", 3)


def _flames(
    canvas: Canvas, rng: np.random.Generator, x: Number, foot: Number, shape: SoundShape
) -> None:
    """Four layers of tongues, from dark red outside to pale yellow inside."""
    layers = (("#c1330f", 1.0, 9), ("#ee6b1a", 0.8, 8), ("#ffa62b", 0.58, 6), ("#ffe08a", 0.34, 5))
    tall = 250 + 190 * shape.loudness
    for colour, scale, tongues in layers:
        half = 165 * (0.35 + 0.65 * scale)
        loud = np.interp(np.linspace(0, 63, tongues), np.arange(64), shape.envelope_T)
        points: list[Point] = [(x - half, foot - 10)]
        for number in range(tongues):
            place = (number + 0.5) / tongues
            arch = 1.0 - (2.0 * place - 1.0) ** 2
            reach = scale * tall * (0.25 + 0.75 * arch) * (0.55 + 0.6 * float(loud[number]))
            reach *= float(rng.uniform(0.82, 1.12))
            at = x - half + 2 * half * place
            sway = float(rng.uniform(-0.12, 0.12)) * half
            points.append((at + sway + (x - at) * 0.3, foot - reach))
            if number < tongues - 1:
                dip = at + half / tongues
                points.append(
                    (dip + (x - dip) * 0.12, foot - reach * float(rng.uniform(0.48, 0.62)))
                )
        points += [(x + half, foot - 10), (x + half * 0.6, foot + 28), (x - half * 0.6, foot + 28)]
        canvas.path(curve(points, closed=True), colour, 0.95)
    canvas.glow(x, foot - 50, 130, "#fff6cf", 0.8, rings=12)


def _stones(canvas: Canvas, rng: np.random.Generator, x: Number, foot: Number) -> None:
    for number in range(11):
        turn = np.pi * (0.02 + 0.96 * number / 10)
        px, py = x + 240 * float(np.cos(turn)), foot + 30 + 64 * float(np.sin(turn))
        wide = float(rng.uniform(26, 36))
        canvas.path(
            blob(
                (px - wide, py + 12),
                (px - wide * 0.6, py - 17),
                (px + wide * 0.5, py - 20),
                (px + wide, py + 10),
                (px, py + 19),
            ),
            "#2b2530",
        )
        canvas.path(
            blob(
                (px - wide * 0.6, py - 9),
                (px - wide * 0.3, py - 17),
                (px + wide * 0.4, py - 18),
                (px + wide * 0.3, py - 8),
            ),
            "#c0673a",
            0.75,
        )


def _sparks(
    canvas: Canvas, rng: np.random.Generator, x: Number, foot: Number, shape: SoundShape
) -> None:
    for place, strength in (*shape.onsets, *((0.5, 0.5),) * 12):
        rise = float(rng.uniform(0.1, 1.0))
        px = x + (place - 0.5) * 360 * (0.4 + rise) + float(rng.normal(0, 22))
        py = foot - 560 * rise
        size = (1.5 + 3.6 * strength) * (1.15 - 0.6 * rise)
        canvas.circle(px, py, size * 2.8, "#ff9a3c", 0.2)
        canvas.circle(px, py, size, "#ffd982", 1.1 - 0.6 * rise)


_VALLEYS = (
    (("#2a6f97", "#89c2d9", "#fdf0d5"), ("#9ec5ab", "#2f6b4f"), "#fff4d0", "#d1495b"),
    (("#3d3b6e", "#c06c84", "#ffd6a5"), ("#d19a8a", "#4b2f4f"), "#ffe3b0", "#f2a541"),
    (("#1f6f78", "#a7d3c5", "#fdf6e3"), ("#c7b784", "#6b5b2f"), "#fffbe6", "#264653"),
)


def helicopter(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A helicopter over layered hills; the hills rise with the loudness over time."""
    first, second, third, far, near, light, paint = blended(
        rng, [[*a, *b, *rest] for a, b, *rest in _VALLEYS], 0.4
    )
    tones, land = (first, second, third), (far, near)
    sky(canvas, tones, 760)
    disc(canvas, float(rng.uniform(160, 330)), float(rng.uniform(180, 260)), 84, light, light, 3.6)
    streaks(canvas, rng, 5, 90, 420, "#ffffff", 0.45)
    cloud(
        canvas,
        rng,
        float(rng.uniform(640, 900)),
        float(rng.uniform(130, 200)),
        280,
        "#ffffff",
        0.85,
    )
    cloud(
        canvas, rng, float(rng.uniform(60, 300)), float(rng.uniform(430, 480)), 190, "#ffffff", 0.7
    )
    layers = shades(mix(land[0], tones[2], 0.5), land[1], 5)
    loud = np.interp(np.linspace(0, 63, 61), np.arange(64), shape.envelope_T)
    loud = np.convolve(np.pad(loud, 4, mode="edge"), np.ones(9) / 9, mode="valid")
    for number, tone in enumerate(layers):
        lift = 70 * (1 - number / 5) * (loud - loud.mean())
        fill = canvas.gradient([(0, tone, 1), (1, mix(tone, tones[2], 0.4), 1)])
        line = hills(
            canvas, rng, 640 + 72 * number - lift, 64 - 6 * number, fill, waves=2 + number % 2
        )
        if number >= 2:
            conifers(
                canvas,
                rng,
                line,
                10 * number - 8,
                34 + 22 * (number - 2),
                mix(tone, "#0c1f1a", 0.32),
            )
    x, y = float(rng.uniform(300, 380)), float(rng.uniform(300, 380))
    with canvas.group(x, y, 1.55, turn=float(rng.uniform(4, 9))):
        helicopter_figure(canvas, paint, shape)


def helicopter_figure(canvas: Canvas, paint: str, shape: SoundShape) -> None:
    """A helicopter in profile that flies to the right, about 330 by 150 units around its cabin."""
    dark, light = mix(paint, "#101018", 0.4), mix(paint, "#ffffff", 0.35)
    canvas.path(polygon([(40, 62), (-130, 42), (-150, 8), (-166, 8), (-158, 58), (40, 96)]), paint)
    canvas.path(polygon([(40, 80), (-158, 52), (-158, 58), (40, 96)]), dark)
    canvas.path(polygon([(-140, 48), (-170, 76), (-150, 76), (-118, 54)]), dark)
    canvas.ellipse(-156, 26, 36, 36, "#ffffff", 0.3)
    canvas.stroke("M-180 2L-132 50M-132 2L-180 50", "#30323a", 4)
    canvas.circle(-156, 26, 5, "#30323a")
    canvas.path(
        blob(
            (22, 70),
            (36, 34),
            (80, 18),
            (126, 22),
            (164, 52),
            (180, 86),
            (160, 112),
            (100, 122),
            (48, 112),
            (26, 96),
        ),
        paint,
    )
    canvas.path(
        blob((26, 88), (60, 96), (120, 98), (178, 88), (160, 112), (100, 122), (48, 112)), dark
    )
    canvas.path("M104 26Q150 26 172 74Q150 84 108 82Z", "#cfe8ef")
    canvas.path("M128 30Q150 38 165 62L140 80Q124 82 116 82Z", "#ffffff", 0.55)
    canvas.path("M60 34H96V82H52Q50 52 60 34Z", "#bcdde6")
    canvas.path("M76 34H88L74 82H60Z", "#ffffff", 0.5)
    canvas.stroke("M30 104L60 100", light, 5)
    canvas.stroke("M64 120L56 146M128 120L136 146", "#30323a", 6)
    canvas.stroke("M30 148H156Q174 148 180 136", "#30323a", 7)
    canvas.path(polygon([(62, 22), (74, 2), (100, 2), (112, 22)]), dark)
    canvas.rect(83, -20, 8, 24, "#30323a")
    spread = 10 + 14 * shape.loudness
    for shrink, opacity in ((1.0, 0.16), (0.78, 0.2), (0.5, 0.22)):
        canvas.ellipse(87, -20, 208 * shrink, spread * shrink, "#ffffff", opacity)
    canvas.stroke("M-112 -12L87 -20L286 -28", "#30323a", 4.5)
    canvas.stroke("M-40 -34L87 -20L214 -6", "#30323a", 3, 0.45)
    canvas.ellipse(87, -20, 13, 6, "#30323a")


_WOODS = (
    ("#f4f1d6", "#cfe0b8", "#20452f", "#3b2a1e", "#8db45c"),
    ("#fff0d2", "#f2c48d", "#4a2f2a", "#33201c", "#c9913f"),
    ("#e6f2ef", "#a8cfc6", "#163a40", "#26302f", "#6fa58a"),
)


def chainsaw(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A chainsaw in a log; chips fly where the sound has its attacks and its loudness."""
    light, haze, dark, bark, leaf = blended(rng, _WOODS)
    sky(canvas, (light, haze, mix(haze, dark, 0.3)), 800)
    canvas.glow(float(rng.uniform(420, 640)), 250, 420, "#ffffff", 0.7)
    _trunks(canvas, rng, haze, dark)
    _beams(canvas, rng, light)
    line = hills(canvas, rng, 730, 18, mix(leaf, dark, 0.45))
    _ferns(canvas, rng, line, mix(leaf, dark, 0.3))
    canvas.rect(
        -5,
        770,
        SIDE + 10,
        240,
        canvas.gradient([(0, mix(leaf, dark, 0.4), 1), (1, mix(dark, "#000000", 0.3), 1)]),
    )
    grass(canvas, rng, 150, 770, 990, mix(leaf, dark, 0.15), 34)
    _stump(canvas, float(rng.uniform(900, 950)), 690, bark)
    cut = float(rng.uniform(560, 620))
    _chips(canvas, rng, cut, shape)
    turn = float(rng.uniform(32, 40))
    across, down = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    # The point (290, 40) of the figure, on its bar, meets the top of the log.
    x = cut - 1.55 * float(290 * across - 40 * down)
    with canvas.group(x, 676 - 1.55 * float(290 * down + 40 * across), 1.55, turn=turn):
        chainsaw_figure(canvas)
    _log(canvas, rng, bark)
    canvas.path(
        polygon([(cut - 26, 667), (cut + 24, 667), (cut + 40, 742), (cut + 28, 744)]), "#1a110b"
    )
    _sawdust(canvas, rng, cut)


def _trunks(canvas: Canvas, rng: np.random.Generator, haze: str, dark: str) -> None:
    for number, tone in enumerate(shades(mix(haze, dark, 0.16), mix(haze, dark, 0.85), 4)):
        count = 11 - 2 * number
        for place in np.linspace(0.0, 1.0, count):
            x = SIDE * float(place) + float(rng.uniform(-45, 45))
            if number == 3 and 300 < x < 700:
                continue
            half = (9 + 11 * number) * float(rng.uniform(0.75, 1.2))
            lean = float(rng.uniform(-14, 14))
            foot = 700 + 22 * number
            canvas.path(
                polygon(
                    [
                        (x - half * 1.5, foot + 20),
                        (x - half, foot - 70),
                        (x - half * 0.8 + lean, -10),
                        (x + half * 0.8 + lean, -10),
                        (x + half, foot - 70),
                        (x + half * 1.5, foot + 20),
                    ]
                ),
                tone,
            )
            for y in rng.uniform(60, 520, 2 + number):
                side = 1 if rng.uniform() < 0.5 else -1
                reach = half * float(rng.uniform(2.0, 4.5)) * side
                canvas.stroke(
                    f"M{x:.1f} {y:.1f}q{reach * 0.6:.1f} {-10} {reach:.1f} {-abs(reach) * 0.5:.1f}",
                    tone,
                    half * 0.28,
                )


def _beams(canvas: Canvas, rng: np.random.Generator, light: str) -> None:
    fill = canvas.gradient([(0, light, 0.5), (1, light, 0)])
    for x in rng.uniform(-50, 800, 5):
        left, wide = float(x), float(rng.uniform(40, 120))
        canvas.path(
            polygon(
                [
                    (left + 260, -10),
                    (left + 260 + wide, -10),
                    (left + wide * 1.4, 760),
                    (left - wide * 0.4, 760),
                ]
            ),
            fill,
            0.55,
        )


def _ferns(canvas: Canvas, rng: np.random.Generator, line: np.ndarray, colour: str) -> None:
    xs = np.linspace(-20, 1020, len(line))
    for x in rng.uniform(0, 1000, 22):
        foot = float(np.interp(x, xs, line)) + 26
        for turn in (-52, -26, 0, 26, 52):
            tip = turn + float(rng.uniform(-8, 8))
            long = float(rng.uniform(34, 66))
            dx, dy = long * float(np.sin(np.radians(tip))), long * float(np.cos(np.radians(tip)))
            canvas.path(
                f"M{x - 4:.1f} {foot:.1f}Q{x + dx * 0.3 - 5:.1f} {foot - dy:.1f} {x + dx:.1f} "
                f"{foot - dy * 0.8:.1f}Q{x + dx * 0.4 + 6:.1f} {foot - dy * 0.6:.1f} "
                f"{x + 4:.1f} {foot:.1f}Z",
                colour,
            )


def _stump(canvas: Canvas, x: Number, y: Number, bark: str) -> None:
    canvas.path(
        f"M{x - 62} {y}L{x - 84} {y + 118}Q{x} {y + 140} {x + 84} {y + 118}L{x + 62} {y}Z", bark
    )
    canvas.ellipse(x, y, 62, 20, "#e3b27a")
    for shrink in (0.72, 0.44, 0.18):
        canvas.stroke(
            f"M{x - 62 * shrink:.1f} {y}a{62 * shrink:.1f} {20 * shrink:.1f} 0 1 0 "
            f"{124 * shrink:.1f} 0a{62 * shrink:.1f} {20 * shrink:.1f} 0 1 0 "
            f"{-124 * shrink:.1f} 0",
            "#b9824e",
            3,
        )


def _log(canvas: Canvas, rng: np.random.Generator, bark: str) -> None:
    canvas.ellipse(520, 886, 430, 26, "#0a0f0a", 0.45)
    body = canvas.gradient(
        [(0, mix(bark, "#a06a42", 0.55), 1), (0.5, bark, 1), (1, mix(bark, "#000000", 0.5), 1)]
    )
    canvas.rect(130, 668, 740, 212, body)
    canvas.ellipse(870, 774, 52, 106, mix(bark, "#000000", 0.2))
    for x, y in rng.uniform(0.0, 1.0, (46, 2)):
        left = 200 + 600 * float(x)
        canvas.stroke(
            f"M{left:.1f} {690 + 176 * float(y):.1f}q22 {float(rng.uniform(-7, 7)):.1f} "
            f"{float(rng.uniform(24, 80)):.1f} 0",
            mix(bark, "#000000", 0.45),
            3.2,
            0.8,
        )
    canvas.ellipse(130, 774, 54, 106, mix(bark, "#000000", 0.25))
    canvas.ellipse(130, 774, 47, 96, "#e8bd86")
    for shrink in (0.8, 0.6, 0.4, 0.2):
        a, b = 47 * shrink, 96 * shrink
        canvas.stroke(
            f"M{130 - a:.1f} 774a{a:.1f} {b:.1f} 0 1 0 {2 * a:.1f} 0a{a:.1f} {b:.1f} 0 1 0 "
            f"{-2 * a:.1f} 0",
            "#bd8650",
            3,
        )


def _chips(canvas: Canvas, rng: np.random.Generator, x: Number, shape: SoundShape) -> None:
    count = int(30 + 60 * shape.loudness) + 2 * min(40, len(shape.onsets))
    for number in range(count):
        loud = float(shape.envelope_T[number * 64 // count])
        turn = np.radians(float(rng.uniform(185, 275)))
        reach = (60 + 330 * float(rng.uniform(0, 1)) ** 1.3) * (0.4 + 0.75 * loud)
        px, py = x + reach * float(np.cos(turn)) + 30, 664 + reach * float(np.sin(turn)) * 0.9
        size = float(rng.uniform(3, 9))
        with canvas.group(px, py, 1, turn=float(rng.uniform(0, 180))):
            canvas.rect(
                -size,
                -size * 0.4,
                size * 2,
                size * 0.8,
                ("#f4d19b", "#e3b27a", "#fff0cf")[number % 3],
            )


def _sawdust(canvas: Canvas, rng: np.random.Generator, x: Number) -> None:
    canvas.path(
        f"M{x - 150:.1f} 905Q{x - 30:.1f} 836 {x + 20:.1f} 850Q{x + 90:.1f} 872 {x + 130:.1f} 905Z",
        "#e3b27a",
    )
    for dx, dy in rng.normal(0.0, 1.0, (40, 2)):
        canvas.circle(x + 80 * float(dx), 898 + 9 * float(dy), 2.6, "#f7dcae")


def chainsaw_figure(canvas: Canvas, body: str = "#f2711c") -> None:
    """A chainsaw in profile, its bar to the right: about 360 by 150 units."""
    dark = mix(body, "#3a1206", 0.45)
    canvas.path("M168 20H352Q384 22 384 40Q384 58 352 60H168Z", "#c9ced6")
    canvas.path("M168 34H350Q368 36 368 40Q368 45 350 47H168Z", "#eef1f5")
    chain = "M168 20H352Q384 22 384 40Q384 58 352 60H168"
    canvas.stroke(chain, "#2c2f36", 6)
    teeth = "".join(f"M{x} 17l6 -9l6 9ZM{x} 63l6 9l6 -9Z" for x in range(178, 352, 22))
    canvas.path(teeth, "#2c2f36")
    canvas.path("M384 32l12 -2l-9 14Z", "#2c2f36")
    # Rear handle, then the body over it, then the front handle and guard.
    canvas.path("M24 14Q-46 2 -52 42Q-54 82 22 78L22 60Q-30 62 -28 42Q-26 26 24 34Z", "#2b2b31")
    canvas.path(
        blob(
            (12, 16),
            (30, -24),
            (92, -34),
            (150, -20),
            (176, 4),
            (180, 66),
            (150, 84),
            (60, 88),
            (16, 76),
        ),
        body,
    )
    canvas.path(blob((14, 58), (90, 66), (180, 56), (172, 76), (120, 88), (40, 86)), dark)
    canvas.path(polygon([(104, -12), (160, -4), (168, 26), (112, 30)]), "#fff3df", 0.9)
    for x in (34, 50, 66):
        canvas.stroke(f"M{x} -8V34", dark, 6)
    canvas.stroke("M96 82L84 -58Q86 -72 104 -70L142 -58L152 8", "#2b2b31", 13)
    canvas.path(polygon([(150, -64), (170, -60), (178, -4), (162, -2)]), "#2b2b31")
    canvas.circle(46, 62, 13, "#2b2b31")
    canvas.circle(46, 62, 6, "#8b9099")
