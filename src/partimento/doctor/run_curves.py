"""The curves of a run as parts of a page: losses, rate, spread, and the network by depth.

Shape suffixes: S recorded steps, P parameter blocks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partimento.doctor.case import Case, Watched
from partimento.doctor.evidence import heat_map, number, thinned
from partimento.render.page import Figure, FigureSection, MixedSection
from partimento.render.plots import lines_svg

Curve = list[tuple[float, float]]
MOST_MEASURES = 4
_TINY = 1e-30


def run_section(case: Case, heading: str = "The run") -> MixedSection | None:
    """All that the rows and the monitor recorded; None where that is nothing."""
    figures = [*_losses(case), *_measures(case), *_rates(case)]
    parts = [FigureSection("Over time", figures)] if figures else []
    if case.watched is not None and len(case.watched.steps_S):
        parts += _by_depth(case.watched)
    return MixedSection(heading, parts) if parts else None


def row_curve(rows: Sequence[Mapping[str, Any]], kind: str, name: str) -> Curve:
    """(step, value) of the rows of a kind; rows without a step are counted."""
    points: Curve = []
    for place, row in enumerate(row for row in rows if row.get("kind") == kind):
        value, step = number(row.get(name)), number(row.get("step"))
        if value is not None:
            points.append((float(place + 1) if step is None else step, value))
    return thinned(points)


def _losses(case: Case) -> list[Figure]:
    curves = {"training, per step": row_curve(case.rows, "train", "loss")}
    curves["training, per epoch"] = row_curve(case.rows, "epoch", "train_loss")
    for kind in ("epoch", "validation"):
        for name in _columns(case, kind):
            if name.startswith(("valid", "val_", "loss")) and "loss" in name:
                curves.setdefault(f"validation ({name})", row_curve(case.rows, kind, name))
    watched = case.watched
    if not any(curves.values()) and watched is not None:
        pairs = zip(watched.steps_S, watched.losses_S, strict=True)
        curves = {"training": thinned([(float(s), float(v)) for s, v in pairs])}
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        return []
    caption = (
        "Both should fall and then lie flat. Where the validation rises while the training falls,"
        " the model learns by heart."
        if len(curves) > 1
        else "It should fall and then lie flat."
    )
    return [Figure(lines_svg(curves, title="Loss", x_label="step", y_label="loss"), caption)]


def _columns(case: Case, kind: str) -> list[str]:
    rows = [row for row in case.rows if row.get("kind") == kind]
    return list(dict.fromkeys(str(key) for row in rows for key in row))


def _measures(case: Case) -> list[Figure]:
    """Other figures of the validation, one small chart each."""
    figures: list[Figure] = []
    for kind in ("epoch", "validation"):
        names = [n for n in _columns(case, kind) if n.startswith("valid") and "loss" not in n]
        for name in names[: MOST_MEASURES - len(figures)]:
            points = row_curve(case.rows, kind, name)
            if len(points) > 1:
                svg = lines_svg({name: points}, title=name, x_label="step", width=370, height=240)
                figures.append(Figure(svg))
    return figures


def _rates(case: Case) -> list[Figure]:
    figures = []
    watched = case.watched
    rates = row_curve(case.rows, "train", "lr")
    if not rates and watched is not None:
        rates = _series(watched, watched.rates_S)
    if len(rates) > 1:
        svg = lines_svg(
            {"learning rate": rates}, title="Learning rate", x_label="step", width=370, height=240
        )
        figures.append(Figure(svg, "How large a step each update takes."))
    spreads = {}
    if watched is not None:
        spreads = {
            "outputs": _series(watched, watched.output_spread_S),
            "targets": _series(watched, watched.target_spread_S),
        }
        spreads = {name: points for name, points in spreads.items() if points}
    if spreads:
        svg = lines_svg(spreads, title="Spread over a batch", x_label="step", width=370, height=240)
        caption = "Outputs far below the targets: all answers are alike."
        figures.append(Figure(svg, caption))
    return figures


def _series(watched: Watched, values_S: np.ndarray) -> Curve:
    pairs = zip(watched.steps_S, values_S, strict=True)
    return thinned([(float(s), float(v)) for s, v in pairs if np.isfinite(v)])


def _map(title: str, values: np.ndarray, blocks: Sequence[str], steps: list[str]) -> Figure:
    # Few columns make cells high enough for the name of every block.
    return heat_map(title, values, blocks, steps, column_label="step", most_columns=44)


def _by_depth(watched: Watched) -> list[FigureSection]:
    """Heat maps with the network's blocks from input (top) to output (bottom)."""
    shown = [
        ("Gradient norm (log 10)", watched.gradient_norms_SP, True),
        ("Update ratio (log 10)", watched.update_ratios_SP, True),
        ("Share of dead units", watched.dead_SP, False),
        ("Share of saturated values", watched.saturated_SP, False),
    ]
    figures = []
    for title, values_SP, log in shown:
        values = np.asarray(values_SP, dtype=np.float64).T
        if log:
            values = np.where(values > 0.0, np.log10(np.maximum(values, _TINY)), np.nan)
        if not np.isfinite(values).any() or (not log and not np.nanmax(values)):
            continue
        steps = [f"{int(step):,}" for step in watched.steps_S]
        figures.append(_map(title, values, watched.blocks, steps))
    if not figures:
        return []
    text = (
        "One row for each block of the network, the input at the top; one column for each recorded"
        " step. Rows that stay pale learn little; a row that suddenly turns dark is about to"
        " burst. Grey: nothing to measure."
    )
    return [FigureSection("By depth", figures, text)]
