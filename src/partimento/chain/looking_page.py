"""The page of a look into a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from partimento.render.page import Figure, FigureSection, Section, TableSection, write_page
from partimento.render.plots import heatmap_svg, lines_svg, reliability_svg


def write_look(folder: Path, report: Mapping[str, Any]) -> Path:
    """Write ``model.html``: heads with their distance profiles, gradients, calibration."""
    sections: list[Section] = []
    if "heads" in report:
        sections += _heads(report["heads"])
    if "gradients" in report:
        sections.append(_gradients(report["gradients"]["by_depth"]))
    if "gradients_by_class" in report:
        sections.append(_classes(report["gradients_by_class"]))
    if "calibration" in report:
        sections.append(_calibration(report["calibration"]))
    missing = [[name, why] for name, why in report["not_done"].items()]
    if missing:
        sections.append(TableSection("Not looked at", ["what", "why"], missing))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.html"
    write_page(path, f"Inside {report['weights']}", sections)
    return path


def _heads(rows: list[dict[str, Any]]) -> list[Section]:
    table = [
        [row["tap"], row["layer"], row["head"], f"{row['entropy']:.3f}", f"{row['distance']:.1f}"]
        for row in rows
    ]
    series = {
        f"{row['tap']} {row['layer']}.{row['head']}": list(enumerate(row["by_distance"]))
        for row in rows[:8]
    }
    picture = lines_svg(series, title="weight by distance", x_label="steps back", y_label="weight")
    return [
        TableSection(
            "Attention heads",
            ["tap", "layer", "head", "entropy / largest", "mean distance in steps"],
            table,
        ),
        FigureSection("How far the heads look", [Figure(picture, "at most eight heads")]),
    ]


def _gradients(by_depth: Mapping[str, float]) -> Section:
    picture = lines_svg(
        {"norm": list(enumerate(by_depth.values()))},
        title="gradient by depth", x_label="block, input side first", y_label="norm", log_y=True,
    )  # fmt: skip
    return FigureSection("Gradients by depth", [Figure(picture, ", ".join(by_depth)[:200])])


def _classes(found: Mapping[str, Any]) -> Section:
    names = [str(name) for name in found["classes"]]
    picture = heatmap_svg(
        np.array(found["cosines"]), title="cosines between classes' gradients",
        rows=names, columns=names, diverging=True,
    )  # fmt: skip
    floor = found["floor"]
    note = "" if floor is None else f"where the mean is predicted all are {floor:.3f}"
    return FigureSection("Gradients by class", [Figure(picture, note)])


def _calibration(found: Mapping[str, Any]) -> Section:
    columns = ([row[name] for row in found["bins"]] for name in ("confidence", "accuracy", "count"))
    picture = reliability_svg(*columns, title="confidence and accuracy")
    return FigureSection(
        "Calibration", [Figure(picture, f"expected calibration error {found['error']:.3f}")]
    )
