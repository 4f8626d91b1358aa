"""An abstract picture of a sound itself: for sounds that are like none that the model knows.

Time runs clockwise around the middle, one turn for the whole sound; low bands are rings near the
middle, high ones outside, each swelling where its band is loud.
"""

from __future__ import annotations

import numpy as np

from partimento.render.illustration import SIDE, Canvas, Number, Point, curve, mix, polyline
from partimento.tasks.audio2visual.sound_shape import SoundShape

_INKS = (
    ("#10131f", "#1f2740", ("#ff6b5e", "#f7b267", "#f4e285", "#8cb369", "#3d8ea3")),
    ("#171021", "#33204a", ("#f2545b", "#f58f7c", "#f4d6a0", "#84dcc6", "#5f7adb")),
    ("#f3ead7", "#e3d3b4", ("#2f4858", "#33658a", "#86bbd8", "#f6ae2d", "#f26419")),
    ("#0d1f22", "#17383d", ("#f6f7d7", "#8de4af", "#3ec1d3", "#ff9a00", "#ff165d")),
)


def portrait(canvas: Canvas, rng: np.random.Generator, shape: SoundShape) -> None:
    """Rings that swell with the bands of the sound, rays and beads at its onsets."""
    ground, edge, inks = _INKS[int(rng.integers(len(_INKS)))]
    canvas.rect(
        -5,
        -5,
        SIDE + 10,
        SIDE + 10,
        canvas.gradient([(0, edge, 1), (0.55, ground, 1), (1, edge, 1)]),
    )
    start = float(rng.uniform(0, 2 * np.pi))
    canvas.glow(500, 500, 470, inks[2], 0.12 + 0.25 * shape.loudness)
    _envelope_rays(canvas, shape, start, inks)
    bands = len(shape.bands_BT)
    for band in range(bands - 1, -1, -1):
        share = band / (bands - 1)
        outline = _ring(
            shape.bands_BT[band], 52.0 + 240.0 * share, start, 60.0 + 56.0 * shape.loudness
        )
        tone = _ink(inks, share)
        canvas.path(
            outline, mix(tone, ground, 0.55 - 0.35 * float(shape.bands_BT[band].max())), 0.3
        )
        canvas.stroke(outline, tone, 2.4, 0.35 + 0.6 * float(shape.bands_BT[band].max()))
    for place, strength in shape.onsets[:90]:
        turn = start + 2 * np.pi * place
        reach = 405.0 + 40.0 * strength
        x, y = 500 + reach * float(np.sin(turn)), 500 - reach * float(np.cos(turn))
        canvas.circle(x, y, 4 + 13 * strength, inks[int(rng.integers(5))], 0.92)
    canvas.circle(500, 500, 34 + 22 * shape.brightness, ground)
    canvas.circle(500, 500, 18 + 16 * shape.brightness, inks[0])


def _ink(inks: tuple[str, ...], share: Number) -> str:
    place = share * (len(inks) - 1)
    left = min(len(inks) - 2, int(place))
    return mix(inks[left], inks[left + 1], place - left)


def _ring(level_T: np.ndarray, radius: Number, start: Number, swell: Number) -> str:
    # The end of the sound meets its beginning: the last steps fade into the first.
    closed = np.concatenate([level_T[:60], 0.5 * (level_T[60:62] + level_T[:2])])
    smooth = np.convolve(np.concatenate([closed[-2:], closed, closed[:2]]), np.ones(5) / 5, "valid")
    points: list[Point] = []
    for number, level in enumerate(smooth):
        turn = start + 2 * np.pi * number / len(smooth)
        reach = radius + swell * float(level) ** 1.5
        points.append((500 + reach * float(np.sin(turn)), 500 - reach * float(np.cos(turn))))
    return curve(points, closed=True)


def _envelope_rays(canvas: Canvas, shape: SoundShape, start: Number, inks: tuple[str, ...]) -> None:
    for number, level in enumerate(shape.envelope_T):
        turn = start + 2 * np.pi * number / len(shape.envelope_T)
        dx, dy = float(np.sin(turn)), -float(np.cos(turn))
        inner, outer = 392.0, 396.0 + 92.0 * float(level)
        ends = [(500 + reach * dx, 500 + reach * dy) for reach in (inner, outer)]
        canvas.stroke(polyline(ends), inks[4], 4.5, 0.35 + 0.5 * float(level))
