"""The command that trains in a federation: federate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar, table

ROUND = ("round", "pooled accuracy", "bytes sent", "dropped")


def federate(
    recipe: Annotated[Path, typer.Argument(help="Recipe of the federation (YAML).")],
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a value, such as mu=1; may be repeated."),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="In this process, without Flower's programs.")
    ] = False,
    flower: Annotated[
        bool, typer.Option("--flower", help="With --simulate: in Flower's simulation engine.")
    ] = False,
    cross_validate: Annotated[
        bool, typer.Option("--cross-validate", help="With --simulate: hold out each fold in turn.")
    ] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds tried by --cross-validate.")] = 1,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Run folder.")] = None,
    json: options.Json = False,
) -> None:
    """Train one adapter at several nodes that keep their sounds to themselves.

    Without --simulate a Flower SuperLink and a SuperNode per node run on this machine.
    """
    with progress_bar(json) as progress:
        report = partimento.federate(
            recipe,
            overrides or (),
            simulate=simulate,
            flower=flower,
            cross_validate=cross_validate,
            seeds=seeds,
            out=out,
            progress=progress,
        )
    emit(report, json, None if cross_validate else _text(report))


def _text(report: dict[str, Any]) -> str:
    """The rounds as a table, and the figures below it."""
    rows = [
        {
            "round": row["round"],
            "pooled accuracy": row["pooled_accuracy"],
            "bytes sent": max(row["sent_bytes"].values(), default=0),
            "dropped": "; ".join(f"{node}: {why}" for node, why in row["dropped"].items()),
        }
        for row in report["rounds"]
    ]
    return "\n".join(
        [
            table(rows, ROUND),
            *(
                ["There is no ESC-10 here: these are sounds made by rule, which prove nothing."]
                if report["data"] != "recordings"
                else []
            ),
            f"{report['strategy']} over {report['transport']}: {report['pooled_accuracy']:.4f}, "
            f"centralised {report['centralised_accuracy']:.4f}, ratio {report['ratio']:.3f}",
            f"report: {report['run']}/report.json",
        ]
    )
