"""The page of generated performances beside real ones: table of measures, distributions, copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from partimento.render.page import Figure, FigureSection, Section, TableSection, page_html
from partimento.render.plots import lines_svg


def continuations_html(report: Mapping[str, Any]) -> str:
    """A self-contained page of what ``evaluate_continuations`` returns."""
    sections: list[Section] = [_measures(report), _distributions(report)]
    if "to_primer" in report:
        sections.append(_primer(report["to_primer"]))
    if "copied" in report:
        sections.append(_copies(report["copied"]))
    if report["unreadable"]:
        rows = [(one["name"], one["reason"]) for one in report["unreadable"]]
        sections.append(TableSection("Files passed over", ("file", "reason"), rows))
    lead = (
        f"{report['generated']} generated pieces beside {report['reference']} passages of real "
        f"performances, {report['passage_seconds']:.0f} s each."
    )
    return page_html("Generated performances beside real ones", sections, lead=lead)


def measures_table(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per measure: both means with their spread, and the distances."""
    return [
        {
            "measure": name,
            "generated": _with_spread(row["generated_mean"], row["generated_sd"]),
            "reference": _with_spread(row["reference_mean"], row["reference_sd"]),
            "distance": _short(row["wasserstein"]),
            "overlap": _short(row["overlap"]),
            "kl": _short(row["kl"]),
        }
        for name, row in report["measures"].items()
    ]


def _measures(report: Mapping[str, Any]) -> TableSection:
    rows = [tuple(row.values()) for row in measures_table(report)]
    caption = (
        "Mean and standard deviation over the pieces; Wasserstein distance in the measure's unit; "
        "overlapping area and Kullback-Leibler divergence after Yang and Lerch (2020). "
        "Definitions: partimento.music.performance_measures."
    )
    columns = ("measure", "generated", "real", "distance", "overlap", "KL")
    return TableSection("Measures", columns, rows, caption)


def _distributions(report: Mapping[str, Any]) -> FigureSection:
    figures = []
    for name, row in report["distributions"].items():
        if "edges" not in row:
            continue
        curves = {
            "generated": list(zip(row["edges"], row["generated_share"], strict=False)),
            "real": list(zip(row["edges"], row["reference_share"], strict=False)),
        }
        title = name.replace("_", " ")
        svg = lines_svg(curves, title=title, x_label=row["unit"], y_label="share", height=260)
        caption = f"Overlap {row['overlap']:.3f}, {row['jensen_shannon_bits']:.4f} bits apart."
        figures.append(Figure(svg, caption))
    text = "All notes pooled. Times are logarithms: an octave is a factor of two, 0 is one second."
    return FigureSection("Distributions", figures, text)


def _primer(likeness: Mapping[str, Mapping[str, float | None]]) -> TableSection:
    ours, theirs = likeness["generated"], likeness["reference"]
    rows = [(name, _short(ours[name]), _short(theirs.get(name))) for name in ours]
    caption = "How a piece goes on after its primer, and how real performances do at that place."
    return TableSection("Beside the primer", ("measure", "generated", "real"), rows, caption)


def _copies(copied: Mapping[str, Any]) -> TableSection:
    rows = []
    for kind in ("same_pitches", "transposed"):
        found = copied[kind]
        worst = found["longest"]
        rows.append(
            (
                kind.replace("_", " "),
                worst["length"],
                round(worst["seconds"], 2),
                worst["piece"],
                worst["source"],
                found["generated_median"],
                found["reference_median"],
                found["reference_longest"],
            )
        )
    columns = (
        "compared by",
        "longest run (notes)",
        "seconds",
        "in",
        "from",
        "median",
        "median of real passages",
        "longest of real passages",
    )
    caption = f"Runs that also stand in {copied['training_performances']} training performances."
    return TableSection("Copied runs", columns, rows, caption)


def _with_spread(mean: float | None, spread: float | None) -> str:
    return "-" if mean is None or spread is None else f"{mean:.3g} ± {spread:.2g}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
