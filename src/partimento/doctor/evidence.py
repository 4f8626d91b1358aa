"""Evidence of a finding as parts of a page: what the JSON looks like decides how it is shown.

A list of mappings is a table; a matrix a heat map; ``{"x": [...], "y": [...]}`` or a long list of
numbers a curve; a mapping of curves several in one chart; ``{"matrix": ..., "rows": ...,
"columns": ...}`` a heat map with names; ``{"confidence", "accuracy", "count"}`` a reliability
diagram; a mapping of numbers bars or a table; all else a line of text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partimento.core.plain import plain
from partimento.render.heatmap import heatmap_svg
from partimento.render.page import (
    Fact,
    FactsSection,
    Figure,
    FigureSection,
    TableSection,
    TextSection,
)
from partimento.render.plots import bars_svg, lines_svg, reliability_svg

Part = TextSection | TableSection | FigureSection | FactsSection
MOST_ROWS = 40
MOST_COLUMNS = 120
MOST_POINTS = 1000
LONG = 9
"""Numbers from which a list is drawn and not written out."""
_SPREAD = 300.0
"""Ratio of the largest to the smallest number up to which bars can be compared by eye."""
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def evidence_parts(evidence: Mapping[str, Any]) -> list[Part]:
    """The evidence, tables and charts first, single figures together at the end."""
    parts: list[Part] = []
    facts: list[Fact] = []
    for name, value in evidence.items():
        if name == "change":
            continue  # part of the remedy
        made = evidence_part(_words(name), plain(value))
        if isinstance(made, Fact):
            facts.append(made)
        else:
            parts.append(made)
    return [*parts, FactsSection("More figures", facts)] if facts else parts


def evidence_part(name: str, value: Any) -> Part | Fact:
    """One entry; ``value`` as strict JSON data."""
    if isinstance(value, list):
        return _of_list(name, value)
    if isinstance(value, dict) and value:
        return _of_mapping(name, value)
    return Fact(name, written(value))


def written(value: Any) -> str:
    """A value in words and figures."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(map(written, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {written(item)}" for key, item in value.items()) or "none"
    return "-" if value is None else str(value)


def number(value: Any) -> float | None:
    """The number that a JSON value is, NaN and infinities included; None for anything else."""
    if isinstance(value, str):
        return _NOT_FINITE.get(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def numbers(value: Any) -> list[float] | None:
    """A list of numbers, or None."""
    if not isinstance(value, list) or not value:
        return None
    found = [number(item) for item in value]
    kept = [item for item in found if item is not None]
    return kept if len(kept) == len(found) else None


def matrix(value: Any) -> np.ndarray | None:
    """(R, C) of at least two rows and columns, or None."""
    if not isinstance(value, list) or len(value) < 2:
        return None
    rows = [numbers(row) for row in value]
    if any(row is None for row in rows) or len({len(row) for row in rows if row}) != 1:
        return None
    found = np.array(rows, dtype=np.float64)
    return found if found.shape[1] > 1 else None


def _of_list(name: str, value: list[Any]) -> Part | Fact:
    if value and all(isinstance(item, dict) for item in value):
        return table(name, value)
    found = matrix(value)
    if found is not None:
        return FigureSection("", [heat_map(name, found)])
    curve = numbers(value)
    if curve is not None and len(curve) >= LONG:
        places = range(1, len(curve) + 1)
        svg = lines_svg({name: list(zip(places, curve, strict=True))}, title=name, x_label="number")
        return FigureSection("", [Figure(svg)])
    return Fact(name, written(value))


def _of_mapping(name: str, value: dict[str, Any]) -> Part | Fact:
    if {"confidence", "accuracy", "count"} <= set(value):
        svg = reliability_svg(value["confidence"], value["accuracy"], value["count"], title=name)
        return FigureSection("", [Figure(svg, "On the diagonal the probabilities are meant.")])
    if "matrix" in value:
        found = matrix(value["matrix"])
        if found is not None:
            return FigureSection(
                "", [heat_map(name, found, value.get("rows"), value.get("columns"))]
            )
    curves = _curves(name, value)
    if curves:
        return FigureSection("", [Figure(lines_svg(curves, title=name))])
    found_numbers = {key: number(item) for key, item in value.items()}
    plain_numbers = {key: item for key, item in found_numbers.items() if item is not None}
    if len(plain_numbers) == len(value) > 1:
        return _of_numbers(name, plain_numbers)
    rows = [{"name": key, "value": written(item)} for key, item in value.items()]
    return table(name, rows)


def _of_numbers(name: str, value: dict[str, float]) -> Part:
    sizes = [abs(item) for item in value.values() if math.isfinite(item) and item]
    if len(value) <= 24 and sizes and max(sizes) / min(sizes) <= _SPREAD:
        return FigureSection("", [Figure(bars_svg(value, title=name))])
    return table(name, [{"name": key, "value": item} for key, item in value.items()])


def _curves(name: str, value: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Curves of one mapping, or of a mapping of such; empty where it is none."""
    if set(value) == {"x", "y"}:
        one = _points(value)
        return {name: one} if one else {}
    if all(isinstance(item, dict) and set(item) == {"x", "y"} for item in value.values()):
        found = {key: _points(item) for key, item in value.items()}
        return found if all(found.values()) else {}
    listed = {key: numbers(item) for key, item in value.items()}
    if any(item is None or len(item) < LONG for item in listed.values()):
        return {}
    return {key: thinned(list(enumerate(item or (), start=1))) for key, item in listed.items()}


def _points(value: Mapping[str, Any]) -> list[tuple[float, float]]:
    xs, ys = numbers(value["x"]), numbers(value["y"])
    if xs is None or ys is None or len(xs) != len(ys):
        return []
    return thinned(list(zip(xs, ys, strict=True)))


def thinned(points: Sequence[tuple[float | int, float]]) -> list[tuple[float, float]]:
    """At most a thousand of the points, evenly spread, the last among them."""
    step = max(1, math.ceil(len(points) / MOST_POINTS))
    kept = [*points[:-1:step], *points[-1:]]
    return [(float(x), float(y)) for x, y in kept]


def table(name: str, rows: Sequence[Mapping[str, Any]]) -> TableSection:
    """Rows under the names of all their columns; what is beyond forty rows is counted."""
    columns = list(dict.fromkeys(str(key) for row in rows for key in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows[:MOST_ROWS]]
    more = f"{len(rows) - MOST_ROWS:,} more rows are in the JSON." if len(rows) > MOST_ROWS else ""
    return TableSection(name, [_words(column) for column in columns], cells, more)


def _cell(value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return written(value)


def heat_map(
    name: str,
    values: np.ndarray,
    rows: Sequence[Any] | None = None,
    columns: Sequence[Any] | None = None,
    *,
    row_label: str = "",
    column_label: str = "",
    most_columns: int = MOST_COLUMNS,
) -> Figure:
    """A heat map of at most 120 columns and 40 rows, evenly picked; two colours around 0."""
    down = picked(values.shape[0], MOST_ROWS)
    across = picked(values.shape[1], most_columns)
    finite = values[np.isfinite(values)]
    diverging = bool(finite.size and finite.min() < 0.0 < finite.max())
    names = _fitting(rows, values.shape[0])
    heads = _fitting(columns, values.shape[1])
    svg = heatmap_svg(
        values[np.ix_(down, across)],
        title=name,
        rows=[names[i] for i in down] if names else None,
        columns=[heads[i] for i in across] if heads else None,
        row_label=row_label,
        column_label=column_label,
        diverging=diverging,
        width=760,
    )
    thin = len(down) < values.shape[0] or len(across) < values.shape[1]
    return Figure(svg, "Evenly picked rows and columns of a larger table." if thin else "")


def picked(count: int, most: int) -> list[int]:
    """At most so many of the numbers below ``count``, evenly spread, both ends among them."""
    if count <= most:
        return list(range(count))
    return sorted({int(i) for i in np.linspace(0, count - 1, most).round()})


def _fitting(names: Sequence[Any] | None, count: int) -> list[str]:
    return [str(name) for name in names] if names is not None and len(names) == count else []


def _words(name: str) -> str:
    """A name of the evidence as words, without the suffixes of shapes.

    >>> _words("norm_K"), _words("share_of_each")
    ('norm', 'share of each')
    """
    head, _, tail = name.rpartition("_")
    return (head if head and tail.isupper() and len(tail) <= 3 else name).replace("_", " ")
