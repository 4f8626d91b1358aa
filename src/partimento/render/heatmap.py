"""Heat maps: a matrix as coloured cells with a scale."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from partimento.render.drawing import GRID, INK, MUTED, Drawing, Number, shortened, text_width

_SEQUENTIAL = ((252, 252, 253), (205, 223, 242), (122, 172, 218), (42, 112, 178), (10, 44, 98))
_DIVERGING = ((135, 40, 20), (224, 150, 120), (250, 250, 250), (120, 170, 215), (10, 60, 125))
_SHADES = 48
_MISSING = "#d0d4d9"


def heatmap_svg(
    matrix: np.ndarray,
    *,
    title: str,
    rows: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    row_label: str = "",
    column_label: str = "",
    low: Number | None = None,
    high: Number | None = None,
    diverging: bool = False,
    show_values: bool | None = None,
    width: Number = 560,
) -> str:
    """A matrix of shape (R, C), row 0 at the top; white is ``low``, dark blue ``high``.

    ``diverging`` centres the scale at 0 (red below, blue above).  Cells that are not finite are
    grey.  ``show_values`` writes numbers into the cells, by default when there are at most 100.
    Raises ValueError when the matrix is empty or not two-dimensional, or the labels do not fit.
    """
    data = np.asarray(matrix, dtype=np.float64)
    if data.ndim != 2 or 0 in data.shape:
        raise ValueError("a heat map needs a matrix of two dimensions with at least one cell")
    if (rows is not None and len(rows) != data.shape[0]) or (
        columns is not None and len(columns) != data.shape[1]
    ):
        raise ValueError("rows and columns must name every row and column of the matrix")
    bottom, top = _limits(data, low, high, diverging)
    left = 44.0 if row_label else 24.0
    left += min(150.0, max((text_width(r, 11) for r in rows or [""]), default=0.0))
    cell = min(56.0, max(2.0, (float(width) - left - 16) / data.shape[1]))
    tall = min(cell, 44.0)
    box = (left, 44.0, cell, tall)
    drawing = Drawing(width, 0, title, _summary(data, rows, columns))
    drawing.heading()
    shades = _shade_indices(data, bottom, top)
    for fill, path in _cell_paths(shades, box, diverging):
        drawing.shape("path", d=path, fill=fill)
    wide, high_px = cell * data.shape[1], tall * data.shape[0]
    drawing.rect(left, 44, wide, high_px, "none", stroke=GRID, stroke_width=1)
    if show_values if show_values is not None else data.size <= 100 and cell >= 30:
        _values(drawing, data, shades, box, diverging)
    below = _names(drawing, data.shape, box, rows, columns)
    if column_label:
        below += 16
        drawing.text(left + wide / 2, below, column_label, anchor="middle")
    if row_label:
        drawing.text(18, 44 + high_px / 2, row_label, anchor="middle", turned=True)
    drawing.height = _scale(drawing, left, below + 14, bottom, top, diverging)
    drawing.width = max(left + wide + 16, left + 230, text_width(title, 15) * 1.05 + 32)
    return drawing.svg()


def _limits(
    data: np.ndarray, low: Number | None, high: Number | None, diverging: bool
) -> tuple[float, float]:
    finite = data[np.isfinite(data)]
    bottom = float(finite.min()) if finite.size else 0.0
    top = float(finite.max()) if finite.size else 1.0
    if diverging:
        reach = max(abs(bottom), abs(top), 1e-12)
        bottom, top = -reach, reach
    elif bottom >= 0:
        bottom = 0.0
    bottom = bottom if low is None else float(low)
    top = top if high is None else float(high)
    return bottom, top if top > bottom else bottom + 1.0


def _colour(shade: int, diverging: bool) -> str:
    """Shade 0 .. 47 as a colour; -1 is a missing value."""
    if shade < 0:
        return _MISSING
    anchors = _DIVERGING if diverging else _SEQUENTIAL
    place = shade / (_SHADES - 1) * (len(anchors) - 1)
    i = min(int(place), len(anchors) - 2)
    mixed = [
        round(a + (b - a) * (place - i)) for a, b in zip(anchors[i], anchors[i + 1], strict=True)
    ]
    return "#" + "".join(f"{c:02x}" for c in mixed)


def _shade_indices(data: np.ndarray, bottom: Number, top: Number) -> np.ndarray:
    share = np.clip((np.nan_to_num(data) - bottom) / (top - bottom), 0.0, 1.0)
    return np.where(np.isfinite(data), np.rint(share * (_SHADES - 1)), -1).astype(int)


def _cell_paths(
    shades: np.ndarray, box: tuple[Number, Number, Number, Number], diverging: bool
) -> list[tuple[str, str]]:
    """One path per shade with all its cells, runs in a row joined: far smaller than rectangles."""
    left, top, wide, tall = box
    paths: dict[int, list[str]] = {}
    for r, row in enumerate(shades):
        column = 0
        for shade, run in itertools.groupby(row.tolist()):
            length = len(list(run))
            paths.setdefault(shade, []).append(
                f"M{left + column * wide:.1f} {top + r * tall:.1f}"
                f"h{length * wide:.1f}v{tall:.1f}h{-length * wide:.1f}z"
            )
            column += length
    return [(_colour(s, diverging), "".join(paths[s])) for s in sorted(paths)]


def _values(
    drawing: Drawing,
    data: np.ndarray,
    shades: np.ndarray,
    box: tuple[Number, Number, Number, Number],
    diverging: bool,
) -> None:
    left, top, wide, tall = box
    size = min(12.0, wide / 3.6, tall / 1.8)
    for (r, c), value in np.ndenumerate(data):
        fill = _colour(int(shades[r, c]), diverging)
        red, green, blue = (int(fill[i : i + 2], 16) for i in (1, 3, 5))
        # Rec. 601 luma: below this white text has the better contrast.
        colour = INK if 0.299 * red + 0.587 * green + 0.114 * blue > 125 else "#ffffff"
        label = f"{value:.2f}" if np.isfinite(value) else "?"
        x, y = left + (c + 0.5) * wide, top + (r + 0.5) * tall + size / 3
        drawing.text(x, y, label, size=size, anchor="middle", colour=colour)


def _names(
    drawing: Drawing,
    shape: tuple[int, ...],
    box: tuple[Number, Number, Number, Number],
    rows: Sequence[str] | None,
    columns: Sequence[str] | None,
) -> float:
    """Names beside and below, only as many as fit; returns the y of the lowest."""
    left, top, wide, tall = box
    bottom = top + shape[0] * tall
    for i, name in enumerate(rows or []):
        if i % max(1, int(np.ceil(12 / tall))) == 0:
            label = shortened(name, 150, 11)
            y = top + (i + 0.5) * tall + 4
            drawing.text(left - 6, y, label, size=11, anchor="end", colour=MUTED)
    if not columns:
        return bottom + 6
    widest = max(text_width(name, 11) for name in columns) + 6
    turned = widest > 2.5 * max(wide, 24)
    step = max(1, int(np.ceil((13 if turned else widest) / wide)))
    for i, name in enumerate(columns):
        if i % step == 0:
            x = left + (i + 0.5) * wide
            if turned:
                label = shortened(name, 90, 11)
                drawing.text(
                    x + 4, bottom + 8, label, size=11, anchor="end", colour=MUTED, turned=True
                )
            else:
                drawing.text(x, bottom + 16, name, size=11, anchor="middle", colour=MUTED)
    return bottom + (min(widest, 96) + 8 if turned else 18)


def _scale(
    drawing: Drawing, left: Number, y: Number, bottom: Number, top: Number, diverging: bool
) -> float:
    """The colour scale with its ends; returns the height of the drawing."""
    for shade in range(_SHADES):
        drawing.rect(left + shade * 3.5, y, 3.6, 10, _colour(shade, diverging))
    end = left + _SHADES * 3.5
    drawing.rect(left, y, end - left, 10, "none", stroke=MUTED, stroke_width=0.5)
    drawing.text(left, y + 23, f"{bottom:.3g}", size=11, colour=MUTED)
    drawing.text(end, y + 23, f"{top:.3g}", size=11, anchor="end", colour=MUTED)
    return y + 32


def _summary(data: np.ndarray, rows: Sequence[str] | None, columns: Sequence[str] | None) -> str:
    """Size, range and the largest cell, in words."""
    shape = f"{data.shape[0]} rows, {data.shape[1]} columns"
    if not np.isfinite(data).any():
        return f"{shape}, no finite value."
    largest = int(np.argmax(np.where(np.isfinite(data), data, -np.inf)))
    r, c = divmod(largest, data.shape[1])
    row = rows[r] if rows else f"row {r + 1}"
    column = columns[c] if columns else f"column {c + 1}"
    finite = data[np.isfinite(data)]
    return (
        f"{shape}; values from {finite.min():.3g} to {finite.max():.3g}; "
        f"the largest is at {row}, {column}."
    )
