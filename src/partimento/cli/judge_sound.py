"""The command that measures a model that hears."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import describe, emit, progress_bar, table
from partimento.core.plain import plain

_FIGURES = (
    *("accuracy", "text_space_top1", "r2_vs_constant", "diversity"),
    *("swapped_audio_keeps_label", "unknown_auroc"),
)


def evaluate_audio2visual(
    csv: Annotated[Path, typer.Option(help="Table of clips: filename, category; fold if any.")],
    audio: Annotated[Path, typer.Option(help="Folder with the clips' files.")],
    unknown: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="CSV DIR", help="Table and folder of sounds that the model does not know."
        ),
    ] = None,
    bank: Annotated[
        str, typer.Option(help="Prompt bank: a file made by `bank build`, or builtin.")
    ] = "builtin",
    weights: options.Weights = "audio2visual",
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Labels, places in text space, confidence and unknown sounds, on clips of a table.

    R2 is against the constant mean target, diversity the outputs' mean distance over that of their
    targets, both after z-scoring the CLIP side of the bank over the labels' prompts. A swapped clip
    has the sound of another class and keeps the label of its own file.
    """
    with progress_bar(json) as progress:
        report = partimento.evaluate_audio2visual(
            csv,
            audio,
            unknown=unknown,
            bank=bank,
            weights=weights,
            seed=seed,
            progress=progress,
        )
    emit(report, json, None if json else evaluation_text(report))


def evaluation_text(report: Mapping[str, Any]) -> str:
    """The figures with their intervals, then the classes."""
    figures = [
        {
            "figure": name,
            "value": _number(report[name]),
            "95 %": _interval(report["intervals"].get(name)),
        }
        for name in _FIGURES
        if name in report
    ]
    classes = [
        {
            **{key: row[key] for key in ("label", "n")},
            "accuracy": _number(row["accuracy"]),
            "95 %": _interval((row["low"], row["high"])),
            "else taken for": row["taken_for"],
        }
        for row in report["per_class"]
    ]
    kept = ("n", "ece", "mean_confidence", "unknown", "model", "bank", "seconds_per_clip")
    rest = {name: report[name] for name in kept if name in report}
    parts = [table(rows, tuple(rows[0])) for rows in (figures, classes)]
    return "\n\n".join([*parts, describe(plain(rest))])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"
