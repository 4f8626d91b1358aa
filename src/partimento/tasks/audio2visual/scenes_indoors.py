"""Drawn scenes: a baby in its cradle, a person who sneezes, a clock in a quiet room."""

from __future__ import annotations

import numpy as np

from partimento.render.illustration import SIDE, Canvas, Number, blended, blob, mix, polygon
from partimento.render.scenery import crescent, stars
from partimento.tasks.audio2visual.sound_shape import SoundShape

_NURSERIES = (
    ("#f3d9c9", "#e8c4b0", "#7a4e3a", "#5fa8a0", "#f2b54a"),
    ("#cfdff0", "#b6cde6", "#6d5444", "#e58c8a", "#f6c453"),
    ("#dcd6ee", "#c6bce0", "#5f4a5c", "#7fb98f", "#f4a259"),
)
_SKINS = ("#f6cfae", "#d9a47a", "#a9714b")


def baby(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A crying baby; the arcs above it are its cries, the stars of the mobile the onsets."""
    wall, stripe, wood, cloth, star = blended(rng, _NURSERIES)
    canvas.rect(-5, -5, SIDE + 10, SIDE + 10, wall)
    for x in range(0, 1000, 84):
        canvas.rect(x, -5, 42, 780, stripe, 0.55)
    side = 1 if rng.uniform() < 0.5 else -1
    _night_window(canvas, rng, 500 + side * 285, wood)
    canvas.rect(
        -5,
        770,
        SIDE + 10,
        240,
        canvas.gradient([(0, mix(wood, wall, 0.45), 1), (1, mix(wood, wall, 0.15), 1)]),
    )
    canvas.rect(-5, 752, SIDE + 10, 20, mix(wall, "#ffffff", 0.6))
    canvas.ellipse(500, 905, 470, 76, mix(cloth, "#ffffff", 0.3))
    canvas.ellipse(500, 905, 415, 62, mix(cloth, wall, 0.35))
    _mobile(canvas, rng, 500 - side * 150, shape, (star, cloth, "#ffffff"))
    (skin,) = blended(rng, [[tone] for tone in _SKINS], 1.0)
    _cradle_back(canvas, wood)
    canvas.ellipse(500, 610, 178, 82, "#fffaf2")
    with canvas.group(500, 520, 1.32):
        baby_figure(canvas, skin)
    _blanket(canvas, cloth, star)
    _cradle_front(canvas, wood, star)
    _cries(canvas, shape)


def _night_window(canvas: Canvas, rng: np.random.Generator, x: Number, wood: str) -> None:
    frame = mix(wood, "#ffffff", 0.75)
    canvas.rect(x - 128, 92, 256, 336, frame)
    pane = canvas.gradient([(0, "#16204a", 1), (1, "#4d5c94", 1)])
    canvas.rect(x - 110, 110, 220, 300, pane)
    with canvas.group(x - 110, 110, 0.22):
        stars(canvas, rng, 50, 1300)
    canvas.glow(x + 36, 190, 100, "#fff3cd", 0.35, rings=10)
    crescent(canvas, x + 36, 190, 32, "#fff3cd")
    canvas.rect(x - 6, 110, 12, 300, frame)
    canvas.rect(x - 110, 254, 220, 12, frame)
    canvas.rect(x - 146, 424, 292, 20, mix(frame, wood, 0.2))
    for turn in (-1, 1):
        hang = f"M{x + turn * 60:.1f} 78Q{x + turn * 90:.1f} 280 {x + turn * 150:.1f} 330"
        canvas.path(
            f"{hang}L{x + turn * 172:.1f} 440L{x + turn * 176:.1f} 78Z", mix(frame, "#e3a6a0", 0.35)
        )
        canvas.stroke(hang, mix(wood, "#ffffff", 0.5), 3, 0.5)
    canvas.stroke(f"M{x - 190:.1f} 78H{x + 190:.1f}", wood, 10)


def star_points(x: Number, y: Number, radius: Number, turn: Number = 0.0) -> str:
    """A star with five round-cut points as a path."""
    points = []
    for number in range(10):
        angle = np.pi * number / 5 - np.pi / 2 + turn
        reach = radius * (1.0 if number % 2 == 0 else 0.48)
        points.append((x + reach * float(np.cos(angle)), y + reach * float(np.sin(angle))))
    return polygon(points)


def _mobile(
    canvas: Canvas, rng: np.random.Generator, x: Number, shape: SoundShape, tones: tuple[str, ...]
) -> None:
    """Stars and moons on strings; the longer the string, the louder that part of the sound."""
    canvas.stroke(f"M{x:.1f} -10V86", "#8a7466", 4)
    canvas.stroke(f"M{x - 150:.1f} 104Q{x:.1f} 66 {x + 150:.1f} 104", "#8a7466", 7)
    for number in range(5):
        px = x - 144 + 72 * number
        loud = float(shape.envelope_T[6 + 13 * number])
        py = 170 + 110 * loud + float(rng.uniform(-14, 14))
        canvas.stroke(f"M{px:.1f} {100 - 14 * (2 - abs(number - 2))}V{py:.1f}", "#8a7466", 2.5)
        if number % 2:
            crescent(canvas, px - 6, py + 24, 26, tones[2])
        else:
            canvas.path(
                star_points(px, py + 24, 34, float(rng.uniform(-0.3, 0.3))), tones[number // 2 % 2]
            )


def _cradle_back(canvas: Canvas, wood: str) -> None:
    dark = mix(wood, "#1a0f0a", 0.25)
    canvas.path("M250 700Q232 440 330 376Q500 318 670 376Q768 440 750 700Z", dark)
    canvas.path(
        "M282 700Q266 462 350 408Q500 356 650 408Q734 462 718 700Z", mix(wood, "#fff1dd", 0.55)
    )


def _blanket(canvas: Canvas, cloth: str, star: str) -> None:
    canvas.path("M262 668Q300 612 400 634Q500 664 600 634Q700 612 738 668L730 800H270Z", cloth)
    canvas.path(
        "M262 668Q300 612 400 634Q500 664 600 634Q700 612 738 668L736 694Q690 644 600 664"
        "Q500 694 400 664Q310 644 264 694Z",
        "#fffaf2",
    )
    for x, y in ((340, 716), (430, 738), (520, 716), (610, 742), (680, 712)):
        canvas.path(star_points(x, y, 17), star, 0.9)


def _cradle_front(canvas: Canvas, wood: str, star: str) -> None:
    light = mix(wood, "#ffcf9a", 0.28)
    canvas.stroke("M236 892Q500 976 764 892", mix(wood, "#1a0f0a", 0.25), 24)
    canvas.stroke("M290 850L268 905M710 850L732 905", wood, 26)
    front = canvas.gradient([(0, light, 1), (1, wood, 1)])
    canvas.path("M226 742Q500 786 774 742L738 872Q500 908 262 872Z", front)
    canvas.stroke("M226 742Q500 786 774 742", mix(light, "#ffffff", 0.25), 17)
    canvas.path(
        "M500 800C486 778 456 786 462 808C466 824 486 836 500 848C514 836 534 824 538 808"
        "C544 786 514 778 500 800Z",
        star,
    )


def baby_figure(canvas: Canvas, skin: str) -> None:
    """The head and fists of a crying baby, about 220 units wide around its middle."""
    red, shade = mix(skin, "#e2564a", 0.4), mix(skin, "#8a4b32", 0.3)
    for side in (-1, 1):
        canvas.circle(side * 88, 2, 17, shade)
        canvas.circle(side * 87, 2, 11, mix(skin, "#e2564a", 0.25))
    canvas.path(
        blob((-86, 6), (-72, -62), (0, -92), (72, -62), (86, 6), (58, 66), (0, 84), (-58, 66)), skin
    )
    canvas.stroke("M-6 -90Q10 -118 28 -104Q34 -92 18 -92", "#5b3a26", 7)
    for side in (-1, 1):
        canvas.ellipse(side * 56, 28, 20, 14, red, 0.55)
        canvas.stroke(f"M{side * 58} -16Q{side * 40} 2 {side * 20} -8", "#4a2b20", 6)
        canvas.stroke(f"M{side * 62} -36L{side * 24} -28", "#5b3a26", 6)
        canvas.path(
            f"M{side * 50} 2Q{side * 40} 22 {side * 50} 30Q{side * 62} 22 {side * 50} 2Z", "#bfe6f5"
        )
        canvas.path(
            f"M{side * 66} 26Q{side * 58} 44 {side * 68} 50Q{side * 78} 42 {side * 66} 26Z",
            "#bfe6f5",
        )
    canvas.stroke("M-7 14Q0 20 7 14", shade, 5)
    canvas.path("M-34 32Q0 18 34 32Q42 70 0 72Q-42 70 -34 32Z", "#7b1e28")
    canvas.path("M-22 58Q0 42 22 58Q12 70 0 70Q-12 70 -22 58Z", "#e36b74")
    canvas.path("M-12 27Q0 24 12 27L10 35H-10Z", "#ffffff")
    for side in (-1, 1):
        fist = blob(
            (side * 92, 76),
            (side * 98, 50),
            (side * 122, 44),
            (side * 138, 62),
            (side * 130, 88),
            (side * 104, 96),
        )
        canvas.path(fist, skin)
        canvas.stroke(f"M{side * 108} 52v16M{side * 121} 54v16", shade, 4)


def _cries(canvas: Canvas, shape: SoundShape) -> None:
    count = int(np.clip(2 + sum(s > 0.3 for _, s in shape.onsets) // 2, 2, 5))
    for number in range(count):
        reach = 176 + 36 * number
        loud = float(shape.envelope_T[(number * 63) // count])
        for side in (-1, 1):
            canvas.stroke(
                f"M{500 + side * reach * 0.86:.1f} {500 - reach * 0.52:.1f}"
                f"Q{500 + side * reach * 1.1:.1f} 500 "
                f"{500 + side * reach * 0.92:.1f} {500 + reach * 0.34:.1f}",
                "#ffffff",
                5 + 7 * loud,
                0.95 - 0.15 * number,
            )


_SNEEZES = (
    ("#f4c95d", "#f7dc8f", "#3d5a80", "#f6cfae", "#5a3726"),
    ("#7cc6b8", "#a8ddd2", "#c8553d", "#d9a47a", "#241a17"),
    ("#f29e8e", "#f7beb2", "#2f4b5c", "#a9714b", "#1c1411"),
    ("#9db4e0", "#bfcff0", "#8c3b52", "#f3c6a5", "#a34f26"),
)


def sneeze(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A person in profile with a handkerchief; the burst is as large as the sneeze is loud."""
    ground, beam, coat, skin, hair = blended(rng, _SNEEZES, 0.4)
    canvas.rect(-5, -5, SIDE + 10, SIDE + 10, ground)
    x, y = 650.0, 500.0
    _burst_rays(canvas, (x, y), beam, shape)
    canvas.circle(330, 430, 330, mix(ground, "#ffffff", 0.28), 0.75)
    peak = max((s for _, s in shape.onsets), default=0.6)
    size = 0.75 + 0.35 * shape.loudness + 0.15 * peak
    _burst(canvas, rng, (x, y), size)
    with canvas.group(10, 96, 1.0, turn=float(rng.uniform(0, 3))):
        sneezer_figure(canvas, coat, skin, hair)
    _droplets(canvas, rng, (x + 50, y), shape)


def _burst_rays(canvas: Canvas, at: tuple[Number, Number], colour: str, shape: SoundShape) -> None:
    x, y = at
    for number in range(24):
        turn = 2 * np.pi * number / 24 + 0.07
        half = 0.035 + 0.06 * float(shape.envelope_T[number * 63 // 23])
        tips = [
            (x + 1300 * float(np.cos(turn + s)), y + 1300 * float(np.sin(turn + s)))
            for s in (-half, half)
        ]
        canvas.path(polygon([at, *tips]), colour, 0.85)


def _burst(
    canvas: Canvas, rng: np.random.Generator, at: tuple[Number, Number], size: Number
) -> None:
    """The comic-strip star of a burst, in two layers."""
    for shrink, colour in ((1.0, "#ffffff"), (0.72, "#e8f6fb")):
        points = []
        for number in range(36):
            turn = 2 * np.pi * number / 36
            reach = (1.0 if number % 2 == 0 else 0.66) * 270 * size * shrink
            reach *= float(rng.uniform(0.82, 1.12))
            points.append(
                (
                    at[0] + 90 + reach * float(np.cos(turn)),
                    at[1] + reach * 0.82 * float(np.sin(turn)),
                )
            )
        canvas.path(polygon(points), colour, 0.95)


def sneezer_figure(canvas: Canvas, coat: str, skin: str, hair: str) -> None:
    """A bust in profile that looks to the right, eyes shut, mouth open, a handkerchief in hand."""
    shade = mix(skin, "#8a3f2c", 0.3)
    back = canvas.gradient([(0, coat, 1), (1, mix(coat, "#000000", 0.3), 1)])
    canvas.path("M-40 910Q-30 690 120 620L400 600Q560 660 590 910Z", back)
    canvas.path("M196 520H392V650Q300 720 196 640Z", shade)
    canvas.path(
        "M150 300C140 130 300 60 430 110C520 146 548 220 548 270C550 300 556 312 572 336"
        "C590 362 612 380 606 396C600 410 578 408 566 414C574 430 580 440 566 448"
        "C540 452 524 462 530 476C552 478 566 484 560 502C554 524 520 560 470 566"
        "C420 570 400 552 380 580C330 630 200 600 180 500C160 440 152 370 150 300Z",
        skin,
    )
    canvas.path(
        "M566 448C540 450 512 458 500 466C512 478 536 482 560 486C546 472 556 462 566 448Z",
        "#7b1e28",
    )
    canvas.path(
        "M118 330C90 140 260 20 420 62C520 84 560 160 548 236C520 190 470 180 420 196C396 "
        "250 380 280 350 300C352 340 340 372 320 392C306 360 282 356 270 380C262 420 280 448 "
        "296 462C284 520 250 570 190 560C140 520 122 420 118 330Z",
        hair,
    )
    canvas.path(
        "M190 120C260 60 380 60 450 92C380 92 280 110 220 180Z", mix(hair, "#ffffff", 0.2), 0.7
    )
    canvas.path(blob((286, 372), (314, 366), (322, 398), (304, 440), (284, 430)), skin)
    canvas.stroke("M298 386Q314 392 302 420", shade, 6)
    canvas.stroke("M454 300Q488 324 520 304", "#3a1f18", 9)
    canvas.stroke("M462 316L450 328M480 322L474 336M500 320L502 334", "#3a1f18", 6)
    canvas.stroke("M442 250Q480 222 524 248", hair, 13)
    canvas.ellipse(446, 410, 48, 33, "#e2564a", 0.4)
    canvas.ellipse(588, 390, 20, 15, "#e2564a", 0.5)
    _scarf(canvas, mix(coat, "#ffffff", 0.55), coat)
    _handkerchief(canvas, skin, shade, coat)


def _scarf(canvas: Canvas, cloth: str, coat: str) -> None:
    canvas.path(
        blob(
            (170, 580),
            (280, 628),
            (400, 590),
            (430, 624),
            (400, 684),
            (270, 712),
            (166, 668),
            (146, 616),
        ),
        cloth,
    )
    canvas.path(
        blob((206, 660), (262, 690), (258, 790), (268, 862), (206, 872), (196, 770)),
        mix(cloth, coat, 0.25),
    )
    for y in (742, 790, 836):
        canvas.stroke(f"M205 {y}Q232 {y + 9} 258 {y}", coat, 9)
    canvas.stroke("M190 616Q290 664 408 616", mix(cloth, coat, 0.4), 7)


def _handkerchief(canvas: Canvas, skin: str, shade: str, coat: str) -> None:
    sleeve = mix(coat, "#ffffff", 0.12)
    canvas.path(
        blob((404, 930), (470, 760), (546, 640), (610, 604), (650, 650), (620, 740), (590, 930)),
        sleeve,
    )
    canvas.path(blob((552, 640), (566, 588), (610, 566), (660, 590), (662, 640), (612, 664)), skin)
    canvas.path(
        polygon(
            [
                (588, 596),
                (566, 500),
                (606, 522),
                (640, 486),
                (656, 530),
                (704, 520),
                (682, 566),
                (712, 610),
                (660, 622),
                (622, 664),
                (600, 640),
            ]
        ),
        "#ffffff",
    )
    canvas.path(polygon([(622, 664), (640, 560), (712, 610), (660, 622)]), "#cfdde6")
    canvas.path(polygon([(600, 600), (620, 536), (640, 560), (616, 640)]), "#e3edf3")
    for number in range(3):
        canvas.stroke(f"M{572 + 15 * number} {606 + 13 * number}q26 -12 44 -3", shade, 6)


def _droplets(
    canvas: Canvas, rng: np.random.Generator, at: tuple[Number, Number], shape: SoundShape
) -> None:
    """Drops that fly from nose and mouth, more of them where the sneeze is bright and loud."""
    count = int(30 + 60 * shape.loudness + 50 * shape.brightness)
    for turn, far, size in rng.uniform(0.0, 1.0, (count, 3)):
        angle = np.radians(-52 + 80 * float(turn))
        reach = 70 + 330 * float(far)
        px, py = at[0] + reach * float(np.cos(angle)), at[1] - 20 + reach * float(np.sin(angle))
        radius = 3 + 9 * float(size) ** 2 * (1.2 - 0.7 * float(far))
        with canvas.group(px, py, 1, turn=float(np.degrees(angle))):
            canvas.path(
                f"M{-radius * 2.4:.1f} 0Q0 {-radius:.1f} {radius:.1f} 0Q0 {radius:.1f} "
                f"{-radius * 2.4:.1f} 0Z",
                "#58b4d1",
                0.9,
            )


_ROOMS = (
    ("#2f4858", "#3d5c6e", "#8a5a3b", "#f4e9d2", "#e0a458"),
    ("#6b4e57", "#80606a", "#4a2f27", "#f6ead7", "#d98f5c"),
    ("#4d5f4a", "#60755c", "#6f4a2f", "#f5efdc", "#e3b04b"),
    ("#c9b79c", "#d8c9b2", "#5a3d2b", "#fbf5e6", "#b5533c"),
)


def clock(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """A pendulum clock in a quiet room; the marks around its face are the ticks."""
    wall, panel, wood, face, warm = blended(rng, _ROOMS)
    canvas.rect(
        -5,
        -5,
        SIDE + 10,
        SIDE + 10,
        canvas.gradient([(0, mix(wall, "#000000", 0.12), 1), (1, panel, 1)]),
    )
    light = canvas.gradient([(0, "#ffe9b8", 0.55), (1, "#ffe9b8", 0.1)], (0, 0, 1, 1))
    move = float(rng.uniform(-60, 60))
    for pane in (60, 222):
        for y in (110, 330):
            left = pane + move + (y - 110) * 0.22
            canvas.path(
                polygon(
                    [(left, y), (left + 140, y + 30), (left + 186, y + 230), (left + 46, y + 200)]
                ),
                light,
            )
    canvas.rect(-5, 716, SIDE + 10, 16, mix(panel, "#ffffff", 0.2))
    canvas.rect(-5, 732, SIDE + 10, 130, mix(panel, wood, 0.3))
    for left in range(20, 1000, 160):
        canvas.rect(left, 750, 132, 94, mix(panel, wood, 0.18))
    floor = canvas.gradient(
        [(0, mix(wood, "#f0c48c", 0.25), 1), (1, mix(wood, "#000000", 0.25), 1)]
    )
    canvas.rect(-5, 862, SIDE + 10, 150, floor)
    _table(canvas, rng, wood, warm, face)
    _armchair(canvas, warm, wood)
    x = 500.0 + float(rng.uniform(-20, 20))
    _case(canvas, x, wood, shape)
    _clock_face(canvas, x, face, wood, shape)


def _case(canvas: Canvas, x: Number, wood: str, shape: SoundShape) -> None:
    dark, light = mix(wood, "#000000", 0.35), mix(wood, "#ffcf9a", 0.25)
    canvas.rect(x - 112, 330, 240, 390, "#000000", 0.18)
    canvas.path(
        polygon(
            [
                (x - 120, 340),
                (x + 120, 340),
                (x + 108, 690),
                (x + 60, 730),
                (x - 60, 730),
                (x - 108, 690),
            ]
        ),
        wood,
    )
    canvas.path(polygon([(x - 84, 350), (x + 84, 350), (x + 76, 676), (x - 76, 676)]), dark)
    swing = 7 + 14 * shape.loudness
    canvas.stroke(f"M{x - 58:.1f} 668Q{x:.1f} 690 {x + 58:.1f} 668", light, 2, 0.5)
    for turn, opacity in ((swing, 0.25), (0.0, 0.25), (-swing, 1.0)):
        with canvas.group(x, 300, 1, turn=turn, opacity=opacity):
            canvas.stroke("M0 0V320", "#d9a441", 7)
            canvas.circle(0, 336, 35, "#b97f26")
            canvas.circle(-4, 332, 28, "#edc266")
    canvas.path(
        polygon([(x - 84, 350), (x - 40, 350), (x - 62, 676), (x - 76, 676)]), "#ffffff", 0.1
    )
    canvas.path(f"M{x - 150:.1f} 130Q{x:.1f} 20 {x + 150:.1f} 130Z", wood)
    canvas.circle(x, 74, 16, light)


def _clock_face(canvas: Canvas, x: Number, face: str, wood: str, shape: SoundShape) -> None:
    """The dial: hands at ten past ten, sixty marks; marks at the ticks of the sound glow."""
    y, dark = 262.0, mix(wood, "#000000", 0.45)
    canvas.circle(x + 10, y + 14, 186, "#000000", 0.22)
    canvas.circle(x, y, 184, wood)
    canvas.ring(x, y, 172, mix(wood, "#ffcf9a", 0.4), 8)
    canvas.circle(x, y, 158, face)
    ticked = {int(60 * place) % 60 for place, strength in shape.onsets if strength > 0.3}
    for number in range(60):
        turn = 2 * np.pi * number / 60
        dx, dy = float(np.sin(turn)), -float(np.cos(turn))
        inner = 122 if number % 5 == 0 else 136
        canvas.stroke(
            f"M{x + inner * dx:.1f} {y + inner * dy:.1f}L{x + 144 * dx:.1f} {y + 144 * dy:.1f}",
            "#c8102e" if number in ticked else dark,
            8 if number % 5 == 0 else 4 if number in ticked else 2.6,
        )
    for angle, long, thick in ((305, 74, 13), (60, 112, 9)):
        with canvas.group(x, y, 1, turn=angle):
            canvas.path(
                f"M-{thick / 2} 20L-{thick * 0.8} -{long * 0.55}L0 -{long}L{thick * 0.8} "
                f"-{long * 0.55}L{thick / 2} 20Z",
                dark,
            )
    with canvas.group(x, y, 1, turn=200):
        canvas.stroke("M0 34V-122", "#c8102e", 4)
    canvas.circle(x, y, 12, dark)
    canvas.circle(x, y, 5, "#d9a441")


def _table(canvas: Canvas, rng: np.random.Generator, wood: str, warm: str, face: str) -> None:
    canvas.ellipse(160, 936, 150, 16, "#000000", 0.25)
    canvas.stroke("M90 740L70 930M230 740L250 930", mix(wood, "#000000", 0.2), 15)
    canvas.rect(36, 722, 250, 24, mix(wood, "#ffcf9a", 0.2))
    canvas.path(
        blob(
            (134, 722),
            (122, 676),
            (144, 640),
            (140, 612),
            (176, 612),
            (172, 640),
            (196, 676),
            (182, 722),
        ),
        face,
    )
    canvas.stroke("M128 680Q158 692 190 680", warm, 7)
    for turn in (-38, -14, 12, 36):
        lean = turn + float(rng.uniform(-6, 6))
        with canvas.group(158, 616, 1, turn=lean):
            canvas.stroke("M0 0V-96", "#4f7d53", 5)
            canvas.path(blob((0, -40), (18, -60), (22, -84), (4, -62)), "#5f9464")
            for petal in range(6):
                with canvas.group(0, -104, 1, turn=60 * petal):
                    canvas.ellipse(0, -14, 9, 15, mix(warm, "#ffffff", 0.25))
            canvas.circle(0, -104, 9, "#fff0c4")


def _armchair(canvas: Canvas, warm: str, wood: str) -> None:
    dark = mix(warm, "#2a120a", 0.35)
    canvas.ellipse(830, 948, 190, 18, "#000000", 0.28)
    canvas.stroke("M706 900V944M954 900V944", mix(wood, "#000000", 0.3), 20)
    canvas.path(
        blob((722, 860), (706, 680), (722, 560), (830, 528), (938, 560), (954, 680), (938, 860)),
        warm,
    )
    canvas.path(
        blob((752, 800), (746, 680), (760, 596), (830, 574), (900, 596), (914, 680), (908, 800)),
        mix(warm, "#ffffff", 0.12),
    )
    for x, y in ((796, 640), (864, 640), (830, 690)):
        canvas.circle(x, y, 5, dark)
    canvas.path(
        blob((716, 780), (830, 764), (944, 780), (946, 840), (830, 850), (714, 840)),
        mix(warm, "#ffffff", 0.2),
    )
    canvas.path("M700 836H960V912H700Z", dark)
    for x in (684, 920):
        canvas.path(
            blob(
                (x, 900),
                (x - 4, 760),
                (x + 8, 722),
                (x + 36, 718),
                (x + 58, 740),
                (x + 58, 900),
                (x + 28, 916),
            ),
            mix(warm, "#2a120a", 0.16),
        )
