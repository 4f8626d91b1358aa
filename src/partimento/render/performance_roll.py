"""Piano rolls of performances: pitch over seconds, loudness as depth of colour, parts by colour."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from partimento.music.grid import pitch_token
from partimento.render.drawing import MUTED, SERIES_COLOURS, Drawing, Number, text_width

ROW = 4.0
LEFT, TOP, BOTTOM = 44.0, 62.0, 30.0
MAX_WIDTH = 40_000.0
_STEPS_SEC = (1, 2, 5, 10, 20, 30, 60)
_LABEL_PX = 44
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})


def performance_roll_svg(
    notes: np.ndarray,
    part_names: Sequence[str],
    *,
    title: str,
    start_sec: Number = 0.0,
    marks_sec: Sequence[Number] = (),
    px_per_sec: Number = 40.0,
) -> str:
    """A piano roll as an SVG document.

    ``notes`` float (N, 5): onset and end in seconds, MIDI pitch, velocity, part (an index into
    ``part_names``).  ``start_sec`` is the time at the left edge; ``marks_sec`` get a vertical line,
    such as the end of a primer.
    """
    end = max(float(notes[:, 1].max(initial=0.0)), *map(float, marks_sec), float(start_sec) + 1.0)
    scale = min(float(px_per_sec), MAX_WIDTH / (end - start_sec))
    low = int(notes[:, 2].min(initial=57)) - 2
    high = int(notes[:, 2].max(initial=71)) + 2
    right = LEFT + (end - start_sec) * scale
    height = TOP + (high - low + 1) * ROW + BOTTOM
    drawing = Drawing(max(520.0, right + 16), height, title, _summary(notes, part_names))
    drawing.heading()
    _legend(drawing, notes, part_names)
    _keys(drawing, low, high, right)
    _seconds(drawing, float(start_sec), end, scale, height - BOTTOM)
    for mark in marks_sec:
        x = LEFT + (float(mark) - start_sec) * scale
        drawing.line(x, TOP - 8, x, height - BOTTOM, MUTED, 1.5)
    for onset, stop, pitch, velocity, part in notes.tolist():
        name = part_names[int(part)]
        drawing.shape(
            "rect",
            f"{name}: {pitch_token(int(pitch))} at {onset:.2f} s, {stop - onset:.2f} s long, "
            f"velocity {velocity:.0f}",
            x=LEFT + (onset - start_sec) * scale,
            y=TOP + (high - pitch) * ROW,
            width=max(1.2, (stop - onset) * scale - 0.5),
            height=ROW - 0.5,
            fill=SERIES_COLOURS[int(part) % len(SERIES_COLOURS)],
            fill_opacity=round(0.3 + 0.7 * velocity / 127, 2),
        )
    return drawing.svg()


def _summary(notes: np.ndarray, names: Sequence[str]) -> str:
    parts = []
    for index, name in enumerate(names):
        own = notes[notes[:, 4] == index]
        if len(own):
            span = f"{own[:, 0].min():.1f} s to {own[:, 1].max():.1f} s"
            parts.append(f"{name}: {len(own)} notes, {span}.")
    return " ".join(parts) or "No notes."


def _legend(drawing: Drawing, notes: np.ndarray, names: Sequence[str]) -> None:
    x = 16.0
    for index, name in enumerate(names):
        if not (notes[:, 4] == index).any():
            continue
        drawing.rect(x, 38, 18, 8, SERIES_COLOURS[index % len(SERIES_COLOURS)], rx=2)
        drawing.text(x + 23, 46, name, size=11)
        x += 36 + text_width(name, 11)


def _keys(drawing: Drawing, low: int, high: int, right: Number) -> None:
    """Rows shaded like the black keys, with a name at each C."""
    for midi in range(low, high + 1):
        y = TOP + (high - midi) * ROW
        if midi % 12 in _BLACK_KEYS:
            drawing.rect(LEFT, y, right - LEFT, ROW, "#f3f5f7")
        if midi % 12 == 0:
            drawing.line(LEFT, y + ROW, right, y + ROW)
            label = pitch_token(max(0, min(127, midi)))
            drawing.text(LEFT - 6, y + ROW, label, size=10, anchor="end", colour=MUTED)


def _seconds(drawing: Drawing, start: Number, end: Number, scale: Number, bottom: Number) -> None:
    """A line with its time every so many seconds."""
    step = next((s for s in _STEPS_SEC if s * scale >= _LABEL_PX), _STEPS_SEC[-1])
    for number in range(math.ceil(start / step), math.floor(end / step) + 1):
        x = LEFT + (number * step - start) * scale
        drawing.line(x, TOP, x, bottom)
        drawing.text(x + 2, bottom + 12, f"{number * step} s", size=10, colour=MUTED)
