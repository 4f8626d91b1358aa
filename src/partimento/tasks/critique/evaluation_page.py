"""The page of a critique's evaluation, and the tables that the command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from partimento.render.page import Figure, FigureSection, Section, TableSection, page_html
from partimento.render.plots import bars_svg

Row = dict[str, Any]


def model_table(report: Mapping[str, Any]) -> list[Row]:
    """What was measured beside what it must be measured against, one row each."""
    rows = [
        {"model": "raters' noise leaves", **_short(report.get("ceiling") or {})},
        {"model": "mean", **_short(report["mean_predictor"])},
        {"model": "passage mean", **_short(report["passage_mean_predictor"])},
    ]
    if "performer_mean_predictor" in report:
        rows.append({"model": "performer mean", **_short(report["performer_mean_predictor"])})
    rows += [{"model": name, **_short(figures)} for name, figures in _models(report).items()]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _models(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The models under a protocol, or the one critic."""
    return dict(report["models"]) if "models" in report else {str(report["weights"]): report}


def _short(figures: Mapping[str, Any]) -> Row:
    row: Row = {"R2": figures.get("r2_mean"), "human only": figures.get("r2_human_only")}
    if figures.get("r2_sd_over_seeds") is not None:
        row["sd over seeds"] = figures["r2_sd_over_seeds"]
    if "r2_pooled" in figures:
        row["pooled"] = figures["r2_pooled"]
    if figures.get("r2_interval_95"):
        low, high = figures["r2_interval_95"]
        row["95 % interval"] = f"{low:.3f} to {high:.3f}"
    if "mse" in figures:
        row["MSE"] = figures["mse"]
    if "pair_accuracy" in figures:
        row["pairs right"] = figures["pair_accuracy"]
    if "pair_accuracy_clear" in figures:
        row["clear pairs right"] = figures["pair_accuracy_clear"]
    row.update({f"RA@{k}": share for k, share in figures.get("ra", {}).items()})
    return row


def dimension_rows(figures: Mapping[str, Any]) -> list[Row]:
    """The table per dimension of one model."""
    names = {
        "r2": "R2",
        "r2_human_only": "human only",
        "ceiling": "ceiling",
        "mse": "MSE",
        "pair_accuracy": "pairs right",
        "grade": "grade",
        "poles": "poles",
    }
    return [
        {
            "dimension": name.replace("_", " "),
            **{title: row[key] for key, title in names.items() if key in row},
        }
        for name, row in figures["per_dimension"].items()
    ]


def kind_rows(figures: Mapping[str, Any]) -> list[Row]:
    """R2 by length, bars and work, each against its own mean."""
    return [
        {"clips": kind, "n": row["n"], "R2": row["r2_mean"], "MSE": row["mse"]}
        for table in ("per_length", "per_bars", "per_work")
        for kind, row in figures[table].items()
    ]


def fold_rows(figures: Mapping[str, Any]) -> list[Row]:
    """The table per fold; empty without a protocol."""
    names = {
        "seed": "seed",
        "fold": "fold",
        "train": "train",
        "valid": "valid",
        "test": "test",
        "epochs": "epochs",
        "best_epoch": "best epoch",
        "valid_r2": "valid R2",
        "test_r2": "test R2",
        "valid_mse": "valid MSE",
        "test_mse": "test MSE",
        "beats": "beats",
        "measures": "measures",
    }
    return [
        {title: _span(row.get(key)) for key, title in names.items()}
        for row in figures.get("folds", [])
    ]


def _span(value: Any) -> Any:
    return f"{value[0]} to {value[1]}" if isinstance(value, list | tuple) else value


def printed_tables(report: Mapping[str, Any]) -> list[tuple[str, list[Row]]]:
    """Every table with its title: the figures, then by dimension, kind and fold of each model."""
    tables = [("Figures", model_table(report))]
    for name, figures in _models(report).items():
        for title, rows in (
            ("by dimension", dimension_rows(figures)),
            ("by kind of clip", kind_rows(figures)),
            ("by fold", fold_rows(figures)),
        ):
            if rows:
                tables.append((f"{name}: {title}", rows))
    if report.get("skipped"):
        tables.append(("Clips passed over", list(report["skipped"])))
    return tables


_TEXTS = {
    "by dimension": "Strong from R2 0.5, OK from 0.3, Weak from 0.1, below that Failed.",
    "by kind of clip": "R2 within a kind is against the mean of that kind.",
}


def evaluation_html(report: Mapping[str, Any]) -> str:
    """A self-contained page for what the two forms of the evaluation give."""
    tables = printed_tables(report)
    sections: list[Section] = [_table(*tables[0], _explanation(report)), _bars(report)]
    for title, rows in tables[1:]:
        sections.append(_table(title, rows, _TEXTS.get(title.rpartition(": ")[2], "")))
    return page_html(_title(report), sections, lead=_lead(report))


def _title(report: Mapping[str, Any]) -> str:
    if "protocol" in report:
        return f"Critique: protocol {report['protocol']}"
    return f"Evaluation of {report['weights']}"


def _lead(report: Mapping[str, Any]) -> str:
    if "protocol" in report:
        return (
            f"{report['clips']} clips in {report['groups']} groups that share no notes, "
            f"{report['seeds']} seeds."
        )
    return f"{report['n']} clips of {report['passages']} passages that the critic has not seen."


def _explanation(report: Mapping[str, Any]) -> str:
    text = (
        "R2 is taken per dimension over all clips of a test and averaged over the dimensions. "
        "Human only: without deadpan renditions. Pairs: two performances of one passage in the "
        "right order; half is chance. RA@k: within k deviations of the raters. "
    )
    if "protocol" in report:
        return (
            f"{text}Pooled: all test sets of a seed taken as one. The simple predictors know the "
            "labels of the training clips."
        )
    return text + "The passage mean is told the labels of the other performances of the passage."


def _bars(report: Mapping[str, Any]) -> FigureSection:
    bars = {
        row["model"]: max(0.0, float(row["R2"]))
        for row in model_table(report)
        if isinstance(row["R2"], float) and row["R2"] == row["R2"]
    }
    figure = Figure(bars_svg(bars, title="Mean R2 over 19 dimensions", x_label="R2"))
    return FigureSection("Beside the simple predictors", [figure], "Below zero is drawn as zero.")


def _table(heading: str, rows: Sequence[Row], text: str = "") -> TableSection:
    """Rows with the columns in which any row has something."""
    columns = [name for name in rows[0] if any(row[name] is not None for row in rows)]
    cells = [tuple(_cell(row[name]) for name in columns) for row in rows]
    return TableSection(heading, columns, cells, text=text)


def _cell(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4 if abs(value) < 0.1 else 3) if value == value else None
    return value
