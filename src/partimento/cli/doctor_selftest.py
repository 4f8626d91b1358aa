"""Commands that prove and use the doctor: doctor self-test, doctor replay, doctor treat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar

CAUSE_MISSED = 1
"""Exit code when a run broke, or when a replay's first finding is not its cause."""


def self_test(
    quick: Annotated[
        bool, typer.Option("--quick", help="One seed: about a fifth of the work.")
    ] = False,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds, such as 0-4 or 0,2; default 0-4, quick 0.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, of one thread each.")] = 1,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", help="Task, or beginning of a fault's name; may be repeated."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Plant faults in small trainings and count what the doctor finds, beside other tools' rules.

    Every fault has a healthy twin with the same seed, on which any alarm is a false one.
    """
    with progress_bar(json) as progress:
        found = partimento.self_test(
            quick=quick, seeds=seeds, jobs=jobs, only=only, progress=progress
        )
    emit(found.to_dict(), json, None if json else found.text())
    if found.errors:
        raise typer.Exit(CAUSE_MISSED)


def replay(
    recipe: Annotated[Path, typer.Argument(help="A file of recipes/faults.")],
    twin: Annotated[
        bool, typer.Option("--twin/--no-twin", help="Train the healthy twin beside it too.")
    ] = True,
    json: options.Json = False,
) -> None:
    """Do a diary's mistake again in small, and let the doctor find it.

    The exit code is 1 when the first finding is not the true cause.
    """
    with progress_bar(json) as progress:
        found = partimento.replay(recipe, twin=twin, progress=progress)
    emit(found.to_dict(), json, None if json else found.text())
    if not found.named_first:
        raise typer.Exit(CAUSE_MISSED)


def treat(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    train: Annotated[
        bool, typer.Option("--run", help="Train the changed recipe too, into RUN-treated.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Recipe to write; default: RUN-treated.yaml beside RUN."),
    ] = None,
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Write the recipe of a run with the remedy of its first finding that is about settings."""
    report = partimento.treat(
        run, train=train, out=out, device=device, progress=False if json else None
    )
    emit(report, json, None if json else _treatment_text(report))


def _treatment_text(report: Mapping[str, Any]) -> str:
    """The report of :func:`treat` for people."""
    lines = [f"{report['run']}: {len(report['findings'])} findings"]
    if report["finding"] is not None:
        finding = report["finding"]
        lines += [f"{finding['severity']} {finding['code']}: {finding['claim']}"]
        lines += _change_lines(report["change"])
        lines += [f"written: {report['recipe']}"]
        if report["training"] is None:
            lines += [f"train it with: partimento train {report['recipe']}"]
    else:
        lines += ["no finding offers a setting of this recipe; nothing was written"]
    for one in report["by_hand"]:
        lines += [f"by hand, {one['code']}: {one['remedy']}"]
    if report["training"] is not None:
        lines += [f"trained: {report['training']['run']}"]
    return "\n".join(lines)


def _change_lines(changes: Mapping[str, Sequence[Any]]) -> list[str]:
    return [f"  {name}: {old} -> {new}" for name, (old, new) in changes.items()]
