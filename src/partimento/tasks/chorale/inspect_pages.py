"""The pages that go with the inspections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from partimento.render.drawing import ALARM, INK, MUTED, Drawing
from partimento.render.page import (
    Cell,
    Figure,
    FigureSection,
    Section,
    TableSection,
    TextSection,
    page_html,
)
from partimento.render.plots import bars_svg, heatmap_svg, lines_svg, reliability_svg
from partimento.tasks.chorale.api import CHANNELS
from partimento.tasks.chorale.probability_report import token_name


def _picture(heading: str, svg: str) -> FigureSection:
    return FigureSection(heading, [Figure(svg)])


def attention_page(
    report: Mapping[str, Any], maps_LCHTS: np.ndarray, names: Sequence[Sequence[str]]
) -> str:
    """Entropies, distances, channels, and a map per layer and channel (mean over heads)."""
    rows = [
        [
            row["layer"],
            row["channel"],
            row["head"],
            _figure(row["normalised_entropy"]),
            _figure(row["mean_distance_steps"], 2),
        ]
        for row in report["self_attention"]
    ]
    head = ["layer", "channel", "head", "entropy (0 one key, 1 even)", "mean distance (16ths)"]
    profiles = lines_svg(
        _profiles(report["self_attention"]),
        title="Mean weight by distance",
        x_label="steps before the query (16ths)",
        y_label="weight",
    )
    sections: list[Section] = [_picture("Distance", profiles)]
    sections += _channel_sections(report)
    sections += _map_sections(maps_LCHTS, names)
    sections.append(TableSection("Heads", head, rows))
    return page_html(f"Attention: {report['source']}", sections)


def _profiles(table: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Mean profile of every layer over channels and heads."""
    layers = sorted({row["layer"] for row in table})
    means = {
        f"layer {layer}": np.mean(
            [row["distance_profile"] for row in table if row["layer"] == layer], axis=0
        )
        for layer in layers
    }
    return {name: [(d, float(w)) for d, w in enumerate(mean)] for name, mean in means.items()}


def _channel_sections(report: Mapping[str, Any]) -> list[Section]:
    if report["cross_channel"] is None:
        return [TextSection("Channels", ["This network has no attention across the channels."])]
    matrices = [("looks at", m) for m in report["cross_channel"]]
    matrices += [("correlates with", m) for m in report["channel_correlation"] if m is not None]
    layers = len(report["cross_channel"])
    return [
        _picture(
            f"Channels: {words}, layer {i % layers}",
            heatmap_svg(
                np.asarray(matrix),
                title=f"channel (row) {words} channel (column), layer {i % layers}",
                rows=CHANNELS,
                columns=CHANNELS,
            ),
        )
        for i, (words, matrix) in enumerate(matrices)
    ]


def _map_sections(maps_LCHTS: np.ndarray, names: Sequence[Sequence[str]]) -> list[Section]:
    sections: list[Section] = []
    for layer, channels in enumerate(maps_LCHTS.mean(axis=2)):
        for c, weights in enumerate(channels):
            title = f"layer {layer}, {CHANNELS[c] if len(channels) > 1 else 'all channels'}"
            labels = list(names[c])
            picture = heatmap_svg(
                weights,
                title=title,
                rows=labels,
                columns=labels,
                row_label="step that reads",
                column_label="step that is read",
            )
            sections.append(_picture(f"Self-attention, {title}", picture))
    return sections


def probability_page(report: Mapping[str, Any]) -> str:
    """Loss, calibration, histograms, entropy over time, distributions."""
    bins = report["calibration"]["bins"]
    columns = [[row[key] for row in bins] for key in ("confidence", "accuracy", "count")]
    entropy = {
        name: list(enumerate(values)) for name, values in report["entropy_over_time"].items()
    }
    over_time = lines_svg(entropy, title="Entropy", x_label="step (16ths)", y_label="nats")
    confidence, truth = report["confidence_histogram"], report["truth_probability_histogram"]
    sections: list[Section] = [
        loss_section(report["loss"]),
        _picture("Calibration", reliability_svg(*columns, title="Calibration, bins of equal mass")),
        _picture("Confidence", _histogram(confidence, "highest probability")),
        _picture("Probability of the true note", _histogram(truth, "probability of the true note")),
        _picture("Entropy over time", over_time),
    ]
    for name, rows in report["distribution"].items():
        values = {
            row["note"]: {"predicted": row["predicted"], "actual": row["actual"]} for row in rows
        }
        chart = bars_svg(values, title=f"Share of notes, {name}")
        sections.append(_picture(f"Notes of the {name}", chart))
    return page_html(f"Probabilities: {report['source']}", sections)


def _histogram(histogram: Mapping[str, Sequence[float]], title: str) -> str:
    edges, shares = histogram["edges"], histogram["share"]
    values = {
        f"{low:.2f}-{high:.2f}": share
        for low, high, share in zip(edges, edges[1:], shares, strict=False)
    }
    return bars_svg(values, title=title, x_label="share of cells")


def loss_section(loss: Mapping[str, float], text: str = "") -> TableSection:
    """The figures of :func:`partimento.tasks.chorale.metrics.explain_loss` as a table."""
    rows: list[list[Cell]] = [
        [name.replace("_", " "), round(value, 4)] for name, value in loss.items()
    ]
    return TableSection("Loss", ["figure", "value"], rows, text=text)


def diff_page(
    summary: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    grid_T4: np.ndarray,
    nll_T4: np.ndarray,
    bar_lines_step: Sequence[float] = (),
) -> str:
    """Summary, surprise roll, the most surprising notes and the whole table."""
    guesses = np.array([row["rank"] for row in rows]).reshape(grid_T4.shape)
    first = (
        f"First choice right: {summary['first_choice_share']:.1%}; among the first three: "
        f"{summary['top3_share']:.1%} of {summary['cells']} cells."
    )
    roll = surprise_roll_svg(grid_T4, nll_T4, guesses > 1, bar_lines_step)
    sections: list[Section] = [
        loss_section(summary["loss"], first),
        _picture("Surprise", roll),
        _note_table("Most surprising notes", summary["most_surprising"]),
        _note_table("All notes", rows),
    ]
    return page_html(f"Note by note: {summary['source']}", sections)


def _note_table(heading: str, rows: Sequence[Mapping[str, Any]]) -> TableSection:
    head = ["step", "place", "channel", "truth", "p", "-log p (nats)", "likeliest three"]
    body = [
        [
            row["step"],
            row.get("place", ""),
            row["channel"],
            row["truth"],
            f"{row['p']:.4f}",
            f"{row['nats']:.3f}",
            ", ".join(f"{top['note']} {top['p']:.3f}" for top in row["top"]),
        ]
        for row in rows
    ]
    return TableSection(heading, head, body)


_CALM, _ALARMED = (198, 214, 230), (193, 18, 31)
_MOST_NATS = 5.0


def surprise_roll_svg(
    grid_T4: np.ndarray,
    nll_T4: np.ndarray,
    wrong_T4: np.ndarray,
    bar_lines_step: Sequence[float] = (),
) -> str:
    """A piano roll of cells: the redder, the more nats; outlined where another note was likelier.

    5 nats and more are full red.  Silence has no pitch and is left out.
    """
    sounding = grid_T4[grid_T4 >= 0]
    low, high = (int(sounding.min()), int(sounding.max())) if sounding.size else (57, 69)
    wide, tall, left, top = 6.0, 7.0, 46.0, 64.0
    share = float(wrong_T4.mean()) if wrong_T4.size else 0.0
    drawing = Drawing(
        max(420.0, left + wide * len(grid_T4) + 16),
        top + tall * (high - low + 1) + 24,
        "Surprise of every cell",
        f"{len(grid_T4)} steps; mean {nll_T4.mean():.3f} nats per cell; "
        f"another note was likelier in {share:.1%} of the cells.",
    )
    drawing.heading()
    _surprise_legend(drawing)
    bottom = top + tall * (high - low + 1)
    for midi in range(low, high + 1):
        if midi % 12 == 0:
            y = top + (high - midi + 1) * tall
            drawing.line(left, y, left + wide * len(grid_T4), y)
            drawing.text(left - 6, y, token_name(midi), size=10, anchor="end", colour=MUTED)
    for step in bar_lines_step:
        x = left + wide * step
        drawing.line(x, top, x, bottom, MUTED, 0.5)
    for t, c in np.argwhere(grid_T4 >= 0):
        pitch, nats = int(grid_T4[t, c]), float(nll_T4[t, c])
        tip = f"step {t}, {CHANNELS[c]} {token_name(pitch)}: {nats:.2f} nats"
        drawing.shape(
            "rect",
            tip,
            x=left + wide * t,
            y=top + (high - pitch) * tall,
            width=wide,
            height=tall - 1,
            fill=_surprise_colour(nats),
            stroke=INK if wrong_T4[t, c] else "none",
        )
    return drawing.svg()


def _surprise_legend(drawing: Drawing) -> None:
    for i in range(11):
        drawing.rect(16 + 8 * i, 38, 8, 10, _surprise_colour(i * _MOST_NATS / 10))
    drawing.text(110, 47, f"0 to {_MOST_NATS:g} nats", size=11, colour=MUTED)
    drawing.rect(200, 38.5, 9, 9, "none", stroke=INK, stroke_width=1)
    drawing.text(214, 47, "another note was likelier", size=11, colour=ALARM)


def _surprise_colour(nats: float) -> str:
    share = min(max(nats / _MOST_NATS, 0.0), 1.0)
    mixed = (round(a + share * (b - a)) for a, b in zip(_CALM, _ALARMED, strict=True))
    return "#" + "".join(f"{v:02x}" for v in mixed)


def _figure(value: float | None, decimals: int = 3) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
