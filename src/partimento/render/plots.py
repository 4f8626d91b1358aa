"""Charts as SVG text without a plotting library: curves, bars, heat maps, calibration, piano roll.

All return a complete SVG document that is the same for the same data.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from partimento.render.drawing import (
    GRID,
    INK,
    MUTED,
    PAPER,
    SERIES_COLOURS,
    SERIES_DASHES,
    Axes,
    Drawing,
    Number,
    short_number,
    shortened,
    text_width,
)
from partimento.render.heatmap import heatmap_svg
from partimento.render.roll import RollMark, RollNote, grid_roll, piano_roll_svg, score_roll

__all__ = [
    "RollMark",
    "RollNote",
    "bars_svg",
    "grid_roll",
    "heatmap_svg",
    "lines_svg",
    "piano_roll_svg",
    "reliability_svg",
    "score_roll",
]


def lines_svg(
    series: Mapping[str, Iterable[tuple[Any, Any]]],
    *,
    title: str,
    x_label: str = "",
    y_label: str = "",
    references: Mapping[str, Number] | None = None,
    log_y: bool = False,
    width: Number = 760,
    height: Number = 360,
) -> str:
    """Curves of (x, y) points, such as losses over epochs; points that are not finite are skipped.

    ``references`` draws named horizontal lines, such as floors.  ``log_y`` plots the logarithm to
    base 10 and leaves out values that are not positive.
    """
    curves = {name: _finite(points, log_y) for name, points in series.items()}
    levels = {n: _scaled(v, log_y) for n, v in (references or {}).items() if v > 0 or not log_y}
    xs = [x for points in curves.values() for x, _ in points] or [0.0, 1.0]
    ys = [y for points in curves.values() for _, y in points] + list(levels.values()) or [0.0, 1.0]
    pad = 0.04 * (max(ys) - min(ys))
    drawing = Drawing(width, height, title, _curve_summary(curves, log_y))
    drawing.heading()
    names = [*curves, *levels]
    top = _legend(drawing, names, 44, len(curves))
    axes = Axes(
        drawing,
        (min(xs), max(xs)),
        (min(ys) - pad, max(ys) + pad),
        (76, top + 8, width - 20, height - 52),
    )
    axes.frame(x_label, f"log10 {y_label}" if log_y else y_label)
    for i, level in enumerate(levels.values(), start=len(curves)):
        drawing.shape(
            "line",
            x1=axes.left,
            x2=axes.right,
            y1=axes.y(level),
            y2=axes.y(level),
            stroke=SERIES_COLOURS[i % 8],
            stroke_width=1.5,
            stroke_dasharray="3 3",
        )
    for i, points in enumerate(curves.values()):
        _curve(drawing, axes, points, i)
    return drawing.svg()


def _scaled(value: Number, log_y: bool) -> float:
    return math.log10(value) if log_y else float(value)


def _finite(points: Iterable[tuple[Any, Any]], log_y: bool) -> list[tuple[float, float]]:
    plain = [(float(x), float(y)) for x, y in points]
    kept = [(x, y) for x, y in plain if math.isfinite(x) and math.isfinite(y)]
    return [(x, _scaled(y, log_y)) for x, y in kept if y > 0 or not log_y]


def _curve_summary(curves: Mapping[str, list[tuple[float, float]]], log_y: bool) -> str:
    """What a reader of the curves would say: where each begins, ends and is lowest."""
    sentences = []
    for name, points in curves.items():
        if points:
            values = [10**y if log_y else y for _, y in points]
            sentences.append(
                f"{name}: {len(points)} points, first {values[0]:.4g}, last {values[-1]:.4g}, "
                f"lowest {min(values):.4g}, highest {max(values):.4g}."
            )
    return " ".join(sentences) or "No data."


def _curve(drawing: Drawing, axes: Axes, points: list[tuple[float, float]], index: int) -> None:
    colour = SERIES_COLOURS[index % 8]
    if len(points) > 1:
        drawing.shape(
            "polyline",
            points=" ".join(
                f"{short_number(axes.x(x))},{short_number(axes.y(y))}" for x, y in points
            ),
            fill="none",
            stroke=colour,
            stroke_width=2,
            stroke_dasharray=SERIES_DASHES[index % 8],
            stroke_linejoin="round",
        )
    if 0 < len(points) <= 40:
        for x, y in points:
            tip = f"{x:g}: {y:.4g}"
            drawing.shape("circle", tip, cx=axes.x(x), cy=axes.y(y), r=3, fill=colour)


def _legend(drawing: Drawing, names: Sequence[str], y: Number, solid_from_curves: int) -> float:
    """Names with their line samples, in as many rows as needed; returns the y below them."""
    x, row = 16.0, float(y)
    if len(names) < 2 and solid_from_curves == len(names):
        return row - 8
    for i, name in enumerate(names):
        label = shortened(name, drawing.width / 2, 12)
        need = 34 + text_width(label, 12) + 18
        if x > 16 and x + need > drawing.width - 16:
            x, row = 16.0, row + 18
        drawing.shape(
            "line",
            x1=x,
            x2=x + 28,
            y1=row - 4,
            y2=row - 4,
            stroke=SERIES_COLOURS[i % 8],
            stroke_width=2.5,
            stroke_dasharray=SERIES_DASHES[i % 8] if i < solid_from_curves else "3 3",
        )
        drawing.text(x + 34, row, label, size=12)
        x += need
    return row + 6


def bars_svg(
    values: Mapping[str, Number | Mapping[str, Number]],
    *,
    title: str,
    x_label: str = "",
    unit: str = "",
    width: Number = 760,
) -> str:
    """Horizontal bars: one per name, or groups when the values are mappings themselves.

    Every bar is labelled with its value, so no reading off an axis is needed.  Values that are not
    finite are labelled, not drawn.
    """
    rows = [
        (name, dict(value) if isinstance(value, Mapping) else {"": value})
        for name, value in values.items()
    ]
    kinds = list(dict.fromkeys(kind for _, group in rows for kind in group))
    finite = [float(v) for _, group in rows for v in group.values() if math.isfinite(v)]
    low, high = min([0.0, *finite]), max([0.0, *finite])
    thick = 20 if len(kinds) == 1 else 15
    left = min(260.0, 24 + max((text_width(name, 12) for name, _ in rows), default=0.0))
    heights = [thick * max(1, len(group)) + 10 for _, group in rows]
    summary = "; ".join(
        f"{name} {kind} {v:.4g}{unit}".replace("  ", " ")
        for name, g in rows
        for kind, v in g.items()
    )
    drawing = Drawing(width, 0, title, summary or "No data.")
    drawing.heading()
    top = _swatches(drawing, kinds) if len(kinds) > 1 else 40.0
    drawing.height = top + sum(heights) + (34 if x_label else 14)
    box = (left, top, float(width) - 90, top + sum(heights))
    axes = Axes(drawing, (low, high if high > low else low + 1), (0, 1), box)
    drawing.line(axes.x(0), top, axes.x(0), axes.bottom, MUTED)
    y = top + 5
    for (name, group), space in zip(rows, heights, strict=True):
        label = shortened(name, left - 16, 12)
        drawing.text(left - 8, y + (space - 10) / 2 + 4, label, anchor="end")
        for kind, value in group.items():
            _bar(drawing, axes, float(value), y, thick, kinds.index(kind), unit)
            y += thick
        y += 10
    if x_label:
        drawing.text((left + axes.right) / 2, axes.bottom + 22, x_label, anchor="middle")
    return drawing.svg()


def _bar(
    drawing: Drawing, axes: Axes, value: Number, y: Number, thick: Number, kind: int, unit: str
) -> None:
    end = axes.x(value) if math.isfinite(value) else axes.x(0)
    start = axes.x(0)
    drawing.rect(
        min(start, end), y + 1, abs(end - start), thick - 2, SERIES_COLOURS[kind % 8], rx=2
    )
    drawing.text(max(start, end) + 6, y + thick / 2 + 4, f"{value:.4g}{unit}", size=11)


def _swatches(drawing: Drawing, kinds: Sequence[str]) -> float:
    """Legend of the bar colours; returns the y below it."""
    x = 16.0
    for i, kind in enumerate(kinds):
        label = shortened(kind, 160, 12)
        drawing.rect(x, 38, 12, 12, SERIES_COLOURS[i % 8], rx=2)
        drawing.text(x + 18, 48, label)
        x += 36 + text_width(label, 12)
    return 62.0


def reliability_svg(
    confidence: Sequence[Any] | np.ndarray,
    accuracy: Sequence[Any] | np.ndarray,
    count: Sequence[Any] | np.ndarray,
    *,
    title: str = "Calibration",
    width: Number = 420,
) -> str:
    """Reliability diagram: share that came true against the probability that was given.

    The three sequences have one entry per bin; empty bins (count 0) are left out.  A calibrated
    model lies on the diagonal.  The strip below shows how many predictions each bin has.
    Raises ValueError when the lengths differ.
    """
    if not len(confidence) == len(accuracy) == len(count):
        raise ValueError("confidence, accuracy and count must have one entry per bin")
    bins = [
        (float(c), float(a), float(n))
        for c, a, n in zip(confidence, accuracy, count, strict=True)
        if n > 0
    ]
    total = sum(n for _, _, n in bins)
    error = sum(n * abs(c - a) for c, a, n in bins) / total if total else 0.0
    summary = f"Expected calibration error {error:.4f} over {total:g} predictions."
    drawing = Drawing(width, width + 96, title, summary)
    drawing.heading()
    drawing.text(16, 43, summary, size=11, colour=MUTED)
    axes = Axes(drawing, (0.0, 1.0), (0.0, 1.0), (76, 56, width - 20, width))
    axes.frame("", "share that came true")
    drawing.line(axes.x(0), axes.y(0), axes.x(1), axes.y(1), MUTED, 1.5)
    most = max((n for _, _, n in bins), default=1.0)
    points = " ".join(f"{short_number(axes.x(c))},{short_number(axes.y(a))}" for c, a, _ in bins)
    if len(bins) > 1:
        drawing.shape(
            "polyline", points=points, fill="none", stroke=SERIES_COLOURS[0], stroke_width=2
        )
    for c, a, n in bins:
        tip = f"given {c:.3f}, came true {a:.3f}, {n:g} predictions"
        drawing.shape(
            "circle",
            tip,
            cx=axes.x(c),
            cy=axes.y(a),
            r=4.5,
            fill=SERIES_COLOURS[0],
            stroke=PAPER,
            stroke_width=1,
        )
        bar = 36 * n / most
        drawing.rect(axes.x(c) - 5, width + 62 - bar, 10, bar, SERIES_COLOURS[1])
    drawing.line(axes.left, width + 62, axes.right, width + 62, GRID)
    middle = (axes.left + axes.right) / 2
    words = "probability given (bars: number of predictions)"
    drawing.text(middle, width + 82, words, anchor="middle", colour=INK)
    return drawing.svg()
