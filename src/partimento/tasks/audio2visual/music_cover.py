"""A cover for music: a landscape whose ridges are its bands over time.

The mode gives a sun or a moon and the family of colours, brightness their light, register the
height of the light, tempo and onsets the strokes around it, density the stars, dynamics the height
of the ridges, motion their form: calm music lies on water, restless music has sharp peaks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.render.drawing import clean_text, shortened
from partimento.render.illustration import (
    SIDE,
    Canvas,
    Number,
    below,
    blended,
    curve,
    grain,
    mix,
    noise,
    polyline,
    vignette,
)
from partimento.render.scenery import bird, crescent, glitter, sky, stars, streaks
from partimento.tasks.audio2visual.music_features import MusicFeatures

Palette = tuple[str, str, str, str, str, str]
"""Sky from the top (three), light, far ridge, near ridge."""

_DARK: dict[str, tuple[Palette, ...]] = {
    "major": (
        ("#1f3b4d", "#3f7a74", "#e9b872", "#ffe2a0", "#7fa88b", "#12302f"),
        ("#3a2142", "#a3485f", "#f2a65a", "#ffe0a3", "#b5606a", "#2a1430"),
        ("#123c5a", "#2d7f9d", "#f4c095", "#fff0cb", "#6fa3b0", "#0c2a40"),
    ),
    "minor": (
        ("#0b1026", "#1d2b53", "#5b4b8a", "#dfe7ff", "#4b4f86", "#080b1c"),
        ("#0d1b1e", "#1b3a4b", "#5f7f8c", "#e6f2f2", "#3f6271", "#071114"),
        ("#1a0b22", "#46204c", "#96476b", "#f7dbe4", "#6d3a63", "#10061a"),
    ),
}
_BRIGHT: dict[str, tuple[Palette, ...]] = {
    "major": (
        ("#6cc5c9", "#bfe6d6", "#fff0c9", "#fffbe8", "#9ed3b8", "#2f7f77"),
        ("#f28f79", "#f9c79b", "#fff1d0", "#fffaf0", "#f3a98c", "#b04a5a"),
        ("#5aa9e6", "#a9d6f5", "#fdf3dc", "#ffffff", "#8fc1dd", "#2d5f8a"),
    ),
    "minor": (
        ("#3f4f8f", "#8f94c9", "#e3d3e4", "#ffffff", "#8d8fc0", "#2c2f66"),
        ("#2f6f7e", "#7fb0b5", "#dfe8e0", "#ffffff", "#7aa5aa", "#1c4650"),
        ("#6a4a7c", "#b58bb0", "#f3d9dc", "#fffaff", "#a77fa8", "#3d2552"),
    ),
}


def draw_music(features: MusicFeatures, seed: int = 0, size: int = 1024, *, title: str = "") -> str:
    """A cover as SVG; the same features and seed give the same text on every machine.

    Raises ValueError for a size that is not 16 to 6000 px.
    """
    if not 16 <= size <= 6000:
        raise ValueError("a picture has 16 to 6000 pixels a side")
    rng = np.random.default_rng([seed, 34])
    told = f"{features.mode}, {features.motion}, {features.tempo_bpm:.0f} beats a minute"
    canvas = Canvas(size, title or "Cover for music", f"Drawn from the music: {told}.")
    palette = palette_of(features, rng)
    sky(canvas, palette[:3], 720)
    light = _light_place(features, rng)
    if features.mode == "minor":
        stars(canvas, rng, 40 + min(160, int(22 * features.density)), 560, palette[3])
    _orbits(canvas, features, light, palette)
    _light(canvas, features, light, palette)
    streaks(canvas, rng, 4, 90, 430, mix(palette[2], "#ffffff", 0.4), 0.4)
    _flock(canvas, features, rng, palette)
    calm = features.motion == "calm"
    _ridges(canvas, features, rng, palette, 800.0 if calm else 1010.0)
    if calm:
        _water(canvas, features, rng, light, palette)
    else:
        _score_lines(canvas, features, rng, palette)
    vignette(canvas, palette[5], 0.22)
    grain(canvas, rng)
    if title:
        _title(canvas, title, palette)
    return canvas.svg()


def palette_of(features: MusicFeatures, rng: np.random.Generator) -> Palette:
    """Colours by mode and brightness; the seed mixes the families."""
    share = float(np.clip((features.brightness - 0.2) / 0.55, 0.0, 1.0))
    families = zip(_DARK[features.mode], _BRIGHT[features.mode], strict=True)
    lit = [[mix(a, b, share) for a, b in zip(*pair, strict=True)] for pair in families]
    one, two, three, four, five, six = blended(rng, lit, 0.28)
    return one, two, three, four, five, six


def _light_place(
    features: MusicFeatures, rng: np.random.Generator
) -> tuple[Number, Number, Number]:
    """Place and radius of sun or moon: the higher the music, the higher the light."""
    height = float(np.clip((features.register - 42.0) / 42.0, 0.0, 1.0))
    radius = 92.0 + 70.0 * (1.0 - height) + 36.0 * features.dynamics
    return float(rng.uniform(300, 700)), 505.0 - 275.0 * height, radius


def _light(
    canvas: Canvas,
    features: MusicFeatures,
    light: tuple[Number, Number, Number],
    palette: Palette,
) -> None:
    x, y, radius = light
    canvas.glow(x, y, radius * 3.4, palette[3], 0.5, rings=16)
    if features.mode == "minor":
        canvas.circle(x, y, radius * 0.86, palette[3], 0.12)
        crescent(canvas, x, y, radius * 0.86, palette[3])
        return
    warm = mix(palette[3], palette[2], 0.25)
    canvas.circle(x, y, radius, canvas.gradient([(0, palette[3], 1), (1, warm, 1)]))


def _orbits(
    canvas: Canvas,
    features: MusicFeatures,
    light: tuple[Number, Number, Number],
    palette: Palette,
) -> None:
    """Time runs around the light, one turn a circle: arcs are its course, beads its onsets."""
    x, y, radius = light
    gap = 20.0 + 2600.0 / max(60.0, features.tempo_bpm)
    circles = int(np.clip(features.tempo_bpm / 26.0, 2, 8))
    for number in range(circles):
        canvas.ring(x, y, radius + gap * (number + 1), palette[3], 2.2, 0.45 - 0.04 * number)
    # At most 240 beads: more would be a grey ring.
    onsets = features.shape.onsets
    for place, strength in onsets[:: max(1, -(-len(onsets) // 240))]:
        turn = 2.0 * np.pi * place * circles
        reach = radius + gap * (1.0 + min(circles - 1, int(place * circles)))
        bead = 2.0 + 6.5 * strength**1.5
        px, py = x + reach * float(np.sin(turn)), y - reach * float(np.cos(turn))
        canvas.circle(px, py, bead * 2.1, palette[3], 0.16)
        canvas.circle(px, py, bead, palette[3], 0.9)


def _flock(
    canvas: Canvas, features: MusicFeatures, rng: np.random.Generator, palette: Palette
) -> None:
    count = int(np.clip(1.4 * features.density, 0, 12))
    x, y = float(rng.uniform(120, 760)), float(rng.uniform(110, 260))
    for number in range(count):
        dx = 34.0 * number * (1 if number % 2 else -0.6) + float(rng.uniform(-10, 10))
        dy = 13.0 * number + float(rng.uniform(-9, 9))
        bird(canvas, x + dx, y + dy, float(rng.uniform(20, 34)), mix(palette[5], palette[1], 0.25))


def _ridges(
    canvas: Canvas,
    features: MusicFeatures,
    rng: np.random.Generator,
    palette: Palette,
    bottom: Number,
) -> None:
    """Eight ridges, high bands far away and low bands near; their heights are the levels."""
    count = 8
    sharp = features.motion == "restless"
    tall = 90.0 + 150.0 * features.dynamics
    groups = np.array_split(features.shape.bands_BT[::-1], count)
    start, step = 520.0, (bottom - 590.0) / count
    for number, group in enumerate(groups):
        share = number / (count - 1)
        level = group.max(0)
        heights = _ridge_line(rng, level, sharp)
        line = start + step * number - tall * (0.65 + 0.35 * share) * heights
        tone = mix(mix(palette[4], palette[2], 0.55 * (1 - share)), palette[5], share**1.15)
        fill = canvas.gradient([(0, tone, 1), (1, mix(tone, palette[2], 0.42 * (1 - share)), 1)])
        xs = np.linspace(-20.0, SIDE + 20.0, len(line))
        if sharp:
            # Summits at uneven distances; the ends stay outside the canvas.
            xs[1:-1] += rng.uniform(-17.0, 17.0, len(xs) - 2)
        points = [(float(a), float(b)) for a, b in zip(xs, line, strict=True)]
        if sharp:
            canvas.path(f"{polyline(points)}L1020 {bottom:.1f}L-20 {bottom:.1f}Z", fill)
        else:
            canvas.path(below(line, bottom), fill)
        edge = polyline(points) if sharp else curve(points)
        canvas.stroke(edge, palette[3], 1.8, 0.5 - 0.35 * share)


def _ridge_line(rng: np.random.Generator, level_T: np.ndarray, sharp: bool) -> np.ndarray:
    """Heights from 0 to about 1.2: the level over time, a little rock added."""
    count = 25 if sharp else 33
    level = np.convolve(np.pad(level_T, 3, mode="edge"), np.ones(7) / 7.0, mode="valid")
    along = np.interp(np.linspace(0, len(level) - 1, count), np.arange(len(level)), level)
    rock = noise(rng, count, waves=4 if sharp else 3, octaves=2)
    if sharp:
        # Every other place is a summit; what lies between is a gorge of its own depth.
        way = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
        rock = rock + 0.75 * way * rng.uniform(0.25, 1.0, count)
    spread = along - along.mean()
    found: np.ndarray = np.clip(0.35 * along + 1.1 * spread + 0.38 * rock + 0.2, -0.3, 1.3)
    return found


def _water(
    canvas: Canvas,
    features: MusicFeatures,
    rng: np.random.Generator,
    light: tuple[Number, Number, Number],
    palette: Palette,
) -> None:
    tones = [(0, mix(palette[2], palette[4], 0.35), 1), (0.4, palette[1], 1), (1, palette[5], 1)]
    canvas.rect(-5, 798, SIDE + 10, 210, canvas.gradient(tones))
    canvas.rect(-5, 796, SIDE + 10, 3, palette[3], 0.6)
    glitter(canvas, rng, light[0], 802, 990, palette[3], 44)
    for number, value in enumerate(features.shape.envelope_T[::4]):
        y = 815.0 + 11.0 * number
        wide = 60.0 + 200.0 * float(value)
        x = float(rng.uniform(0, SIDE))
        canvas.stroke(
            f"M{x - wide:.1f} {y:.1f}Q{x:.1f} {y - 5:.1f} {x + wide:.1f} {y:.1f}",
            palette[3],
            1.6,
            0.3,
        )


def _score_lines(
    canvas: Canvas, features: MusicFeatures, rng: np.random.Generator, palette: Palette
) -> None:
    """Five flowing lines across the foreground, like a staff in the wind, with its onsets."""
    loud = np.convolve(np.pad(features.shape.envelope_T, 4, mode="edge"), np.ones(9) / 9, "valid")
    drift = 30.0 * noise(rng, 33, waves=3, octaves=1)
    along = np.interp(np.linspace(0, 63, 33), np.arange(64), loud)
    xs = np.linspace(-20.0, SIDE + 20.0, 33)
    middle = 900.0 + drift - 60.0 * (along - along.mean())
    for number in range(5):
        gap = (number - 2) * (11.0 + 5.0 * along)
        points = [(float(x), float(y)) for x, y in zip(xs, middle + gap, strict=True)]
        canvas.stroke(curve(points), palette[3], 1.7, 0.62)
    _beads_on_lines(canvas, features.shape.onsets, (xs, middle, along), palette)


def _beads_on_lines(
    canvas: Canvas,
    onsets: Sequence[tuple[Number, Number]],
    lines: tuple[np.ndarray, np.ndarray, np.ndarray],
    palette: Palette,
) -> None:
    xs, middle, along = lines
    for number, (place, strength) in enumerate(onsets[:: max(1, len(onsets) // 40)]):
        x = 30.0 + 940.0 * place
        row = number * 3 % 5 - 2
        y = float(np.interp(x, xs, middle + row * (11.0 + 5.0 * along)))
        canvas.ellipse(x, y, 5 + 6 * strength, 4 + 4.5 * strength, palette[3], 0.95)


def _title(canvas: Canvas, title: str, palette: Palette) -> None:
    words = shortened(" ".join(title.split()), 860, 34)
    canvas.raw(
        f'<text x="500" y="{955}" font-family="Partimento Serif, serif" font-size="34" '
        f'letter-spacing="3" text-anchor="middle" fill="{palette[3]}">{clean_text(words)}</text>'
    )
