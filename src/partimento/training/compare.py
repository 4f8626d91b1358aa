"""Several runs beside each other: what was set differently, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from partimento.core.runs import RunFolder
from partimento.core.settings import flat
from partimento.training.differences import Arm, arms_of, band, differences

_MISSING = "-"


def compare_runs(runs: Sequence[str | Path]) -> dict[str, Any]:
    """The comparison as plain data.

    ``settings`` maps every dotted name that differs to its values in the order of ``runs``;
    ``runs`` has per run its name, folder, epochs, steps, seconds, why it stopped, and the row of
    the epoch with the lowest monitored loss; ``curves`` has per run the epoch rows;
    ``differences`` has per pair of settings the difference in the monitored loss with its interval
    (:mod:`partimento.training.differences`); runs that differ in the seed alone count together.

    Raises DataError for a path that is no run folder.
    """
    folders = [RunFolder.open(path) for path in runs]
    # An empty group of settings is none.
    configs = [{n: v for n, v in flat(f.config()).items() if v != {}} for f in folders]
    names = _short_names([folder.path for folder in folders])
    rows = [folder.read_metrics() for folder in folders]
    arms = _arms(names, configs, rows)
    return {
        "settings": differing(configs),
        "runs": [_summary(name, f, r) for name, f, r in zip(names, folders, rows, strict=True)],
        "curves": {
            name: [row for row in r if row.get("kind") == "epoch"]
            for name, r in zip(names, rows, strict=True)
        },
        "differences": [each.to_dict() for each in differences(arms)],
        "bands": [band(arm) for arm in arms if len(arm.curves) > 1],
    }


def _arms(
    names: Sequence[str], configs: Sequence[Mapping[str, Any]], rows: Sequence[list[dict[str, Any]]]
) -> list[Arm]:
    """Runs of the same settings together; none where they do not monitor the same figure."""
    epochs = [[row for row in r if row.get("kind") == "epoch"] for r in rows]
    monitors = {_monitor(each) for each in epochs}
    if len(monitors) != 1 or "" in monitors:
        return []
    monitor = monitors.pop()
    curves = [[float(row[monitor]) for row in each if monitor in row] for each in epochs]
    return arms_of(names, configs, curves)


def differing(configs: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The names whose values are not the same everywhere, with all the values."""
    names = list(dict.fromkeys(name for config in configs for name in config))
    columns = {name: [config.get(name, _MISSING) for config in configs] for name in names}
    return {n: values for n, values in columns.items() if any(v != values[0] for v in values)}


def _short_names(paths: Sequence[Path]) -> list[str]:
    """Folder names, with their parents where two are the same."""
    short = [path.name for path in paths]
    return [
        name if short.count(name) == 1 else str(path)
        for name, path in zip(short, paths, strict=True)
    ]


def _summary(name: str, folder: RunFolder, rows: list[dict[str, Any]]) -> dict[str, Any]:
    epochs = [row for row in rows if row.get("kind") == "epoch"]
    stops = [row for row in rows if row.get("kind") == "stop"]
    monitor = _monitor(epochs)
    measured = [row for row in [*epochs, *stops] if monitor in row]
    best = min(measured, key=lambda row: row[monitor], default={})
    last = rows[-1] if rows else {}
    return {
        "name": name,
        "folder": str(folder.path),
        "epochs": len(epochs),
        "steps": last.get("step", 0),
        "seconds": last.get("elapsed_sec", 0.0),
        "stopped_by": stops[-1]["reason"] if stops else "unfinished",
        "monitor": monitor,
        "best": best,
    }


def _monitor(epochs: Sequence[Mapping[str, Any]]) -> str:
    """The monitored metric: the first validation figure of an epoch row."""
    names = (name for row in epochs for name in row if name.startswith("valid_"))
    return next(names, "")


def write_comparison(
    report: Mapping[str, Any], path: str | Path, *, curves: Sequence[str] = ()
) -> None:
    """Write the comparison as one self-contained HTML page with a plot per name in ``curves``."""
    from partimento.render.page import Figure, FigureSection, TableSection, write_page
    from partimento.render.plots import lines_svg

    figures = []
    for number, rows in enumerate(report["bands"], start=1):
        title = f"the same settings, several seeds ({number})"
        figures.append(Figure(lines_svg(rows, title=title, x_label="epoch"), title))
    pairs = [[each["says"]] for each in report["differences"]]
    head = ["setting", *(run["name"] for run in report["runs"])]
    settings = [[name, *map(_cell, values)] for name, values in report["settings"].items()]
    for curve in curves:
        series = {
            name: [(row["epoch"] + 1, row[curve]) for row in rows if curve in row]
            for name, rows in report["curves"].items()
        }
        if any(series.values()):
            words = curve.replace("_", " ")
            figures.append(
                Figure(lines_svg(series, title=words, x_label="epoch", y_label=words), words)
            )
    write_page(
        path,
        "Comparison of runs",
        [
            TableSection("Runs", *_run_table(report)),
            TableSection("Which difference is real", ["monitored loss"], pairs),
            TableSection("Settings that differ", head, settings),
            FigureSection("Curves", figures),
        ],
    )


def _cell(value: Any) -> str | int | float | bool | None:
    """A setting as a table shows it; lists as text."""
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _run_table(report: Mapping[str, Any]) -> tuple[list[str], list[list[Any]]]:
    head = ["run", "epochs", "steps", "minutes", "stopped by", "best loss", "at epoch"]
    body = [
        [
            run["name"],
            run["epochs"],
            run["steps"],
            f"{run['seconds'] / 60:.1f}",
            run["stopped_by"],
            f"{run['best'].get(run['monitor'], float('nan')):.4f}",
            run["best"].get("epoch", _MISSING),
        ]
        for run in report["runs"]
    ]
    return head, body


def compare_and_write(
    runs: Sequence[str | Path], out: str | Path | None, curves: Sequence[str]
) -> dict[str, Any]:
    """:func:`compare_runs`, and with ``out`` its page with these ``curves``.

    Raises DataError for a path that is no run folder.
    """
    report = compare_runs(runs)
    if out is not None:
        write_comparison(report, out, curves=curves)
        report = {**report, "page": str(out)}
    return report
