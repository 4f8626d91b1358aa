"""Commands that look into any model and take parts of it away: inspect model, ablate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, table


def inspect_model(
    weights: Annotated[str, typer.Argument(help="Shipped name or .safetensors file.")],
    data: Annotated[Path, typer.Option(help="Held-out data of the task, as `doctor model` takes.")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for a page with the pictures.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Attention heads with their distances, gradients by depth and by class, calibration.

    For the weights of any task. What a model does not offer is told with its reason.
    """
    report = partimento.inspect_model(weights, data, out=out)
    emit(report, json, None if json else _model_text(report))


def ablate(
    subject: Annotated[str, typer.Argument(help="Weights, or a recipe (.yaml) to train.")],
    data: Annotated[
        Path | None, typer.Option(help="Held-out data of the task, for weights.")
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Part to take away, such as beat or conditioning. Default: each part."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="For a recipe: setting that leaves the part out, a.b=value."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="For a recipe: change a value in both arms.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="For a recipe: trainings of each arm.")] = 2,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="For a recipe: folder of the runs.")
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """What a level, a channel or the conditioning is worth: zeroed, shuffled, or trained without.

    A part that is silenced in a finished model looks worth more than it is; only a training without
    it (a recipe and --without) tells.
    """
    report = partimento.ablate(
        subject,
        data=data,
        drop=drop or (),
        without=without or (),
        overrides=overrides or (),
        seeds=seeds,
        out=out,
        seed=seed,
    )
    emit(report, json, None if json else _ablated_text(report))


def _model_text(report: dict[str, Any]) -> str:
    parts = []
    if "heads" in report:
        rows = [
            {
                "head": f"{row['tap']} {row['layer']}.{row['head']}",
                "entropy": row["entropy"],
                "mean distance": row["distance"],
            }
            for row in report["heads"]
        ]
        parts.append(table(rows, ["head", "entropy", "mean distance"]))
    if "gradients" in report:
        rows = [
            {"block": name, "gradient": norm}
            for name, norm in report["gradients"]["by_depth"].items()
        ]
        parts.append(table(rows, ["block", "gradient"]))
    if "calibration" in report:
        found = report["calibration"]
        parts.append(
            f"accuracy {found['accuracy']:.4f}, expected calibration error {found['error']:.4f}"
        )
    parts += [f"not looked at: {name} ({why})" for name, why in report["not_done"].items()]
    return "\n\n".join(parts)


def _ablated_text(report: dict[str, Any]) -> str:
    if "parts" not in report:
        return "\n".join(each["says"] for each in report["differences"])
    return "\n".join(
        f"{row['part']} {row['how']}: {row['difference']:+.4f} {row['unit']} "
        f"({row['low']:+.4f} to {row['high']:+.4f}), "
        + ("it matters" if row["matters"] else "nothing that stands out of the noise")
        for row in report["parts"]
    )
