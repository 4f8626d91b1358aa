"""Commands for data, models and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar, table

data = typer.Typer(help="Data sets: which there are, and how to get them.", no_args_is_help=True)
models = typer.Typer(help="Weights: which are shipped, and what they are.", no_args_is_help=True)
tokens = typer.Typer(help="What the networks read.", no_args_is_help=True)

Scheme = Annotated[
    Literal["events", "durations"] | None,
    typer.Option(
        help="Piano tokens of a MIDI performance: the 388 events, or notes with durations; "
        "without it the chorale grid of a score."
    ),
]
Name = Annotated[str, typer.Argument(help="Name of the data set; see `partimento data list`.")]
Performances = Annotated[
    Path, typer.Argument(help="Folder of performance MIDI, or a CSV table with a split column.")
]


@data.command("list")
def data_list(json: options.Json = False) -> None:
    """The table of corpora with source, licence and whether it is here."""
    emit(partimento.list_data(), json)


@data.command("add")
def data_add(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The file to take in, or folder.")],
    json: options.Json = False,
) -> None:
    """Take in a file that you have; for asap and mutopia, the folder."""
    emit(partimento.add_data(name, file), json)


@data.command("build")
def data_build(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="File to write; default: the data folder.")
    ] = None,
    ids: Annotated[
        list[str] | None, typer.Option(help="Only these pieces, such as bwv269; repeatable.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Derive a data set from an installed package, without network."""
    with progress_bar(json) as progress:
        report = partimento.build_data(name, out, ids=ids or None, progress=progress)
    emit(report, json)


@data.command("stats")
def data_stats(name: Name, json: options.Json = False) -> None:
    """Count pieces, frames, ranges and keys of a data set."""
    emit(partimento.data_stats(name), json)


@data.command("fetch")
def data_fetch(name: Name, json: options.Json = False) -> None:
    """Download a data set from its public source, with a checksum."""
    emit(partimento.fetch_data(name), json)


@data.command("leaks")
def data_leaks(
    source: Performances,
    root: options.Root = None,
    threshold: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Containment of 6-grams of one work."),
    ] = 0.10,
    json: options.Json = False,
) -> None:
    """List performances of one work that are in different splits, found by their notes."""
    report = partimento.data_leaks(source, root=root, threshold=threshold)
    emit(report, json)


@data.command("split")
def data_split(
    source: Performances,
    out: Annotated[Path, typer.Option("-o", "--out", help="Table to write (.csv).")],
    root: options.Root = None,
    share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Part of all notes for validation, at most.")
    ] = 0.15,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Split performances by work, found by their notes, so that none is in both parts."""
    emit(partimento.data_split(source, out, root=root, share=share, seed=seed), json)


@models.command("list")
def models_list(json: options.Json = False) -> None:
    """The shipped weights."""
    rows = partimento.list_models()
    columns = ("name", "task", "parameters", "licence", "summary")
    emit(rows, json, table(rows, columns))


@models.command("show")
def models_show(
    weights: Annotated[str, typer.Argument(help="Shipped name, .safetensors file or folder.")],
    json: options.Json = False,
) -> None:
    """The card of a set of weights: data, licence, recipe, figures, limits."""
    emit(partimento.show_model(weights), json)


@models.command("compare")
def models_compare(
    names: Annotated[
        list[str],
        typer.Argument(help="Piano models: original, enhanced, shipped names, checkpoints."),
    ],
    batch: Annotated[int, typer.Option(help="Crops in a training step.")] = 1,
    length: Annotated[int, typer.Option(help="Positions of a crop.")] = 256,
    rounds: Annotated[int, typer.Option(help="Rounds in which every model has its turn.")] = 3,
    precision: Annotated[
        str, typer.Option(help="Weights of the decoder: fp32, bf16 or int8.")
    ] = "fp32",
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Parameters, training step, decoding speed and memory of piano models, measured in one run.

    Ratios are to the first model.
    """
    report = partimento.compare_models(
        names, batch=batch, length=length, rounds=rounds, precision=precision, seed=seed
    )
    emit(report, json, None if json else _comparison(report))


def _comparison(report: dict[str, Any]) -> str:
    from partimento.tasks.piano.compare_models import comparison_rows

    rows = comparison_rows(report)
    return table(rows, tuple(rows[0]))


@tokens.command("show")
def tokens_show(
    source: options.Source,
    scheme: Scheme = None,
    json: options.Json = False,
) -> None:
    """A score or performance as the networks read it: a line per sixteenth, or per moment."""
    shown = partimento.show_tokens(source, scheme)
    emit(shown, json, shown["text"])


@tokens.command("roundtrip")
def tokens_roundtrip(
    source: options.Source,
    scheme: Scheme = None,
    json: options.Json = False,
) -> None:
    """Turn a score or performance into tokens and back, and say whether anything was lost."""
    emit(partimento.roundtrip_tokens(source, scheme), json)
