"""Commands for data, models and tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar, table

data = typer.Typer(help="Data sets: which there are, and how to get them.", no_args_is_help=True)
models = typer.Typer(help="Weights: which are shipped, and what they are.", no_args_is_help=True)
tokens = typer.Typer(help="What the chorale network reads.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the data set; see `partimento data list`.")]


@data.command("list")
def data_list(json: options.Json = False) -> None:
    """The table of corpora with source, licence and whether it is here."""
    emit(partimento.list_data(), json)


@data.command("add")
def data_add(
    name: Name,
    file: Annotated[Path, typer.Argument(help="The file to take in.")],
    json: options.Json = False,
) -> None:
    """Take in a file that you have."""
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


@tokens.command("show")
def tokens_show(
    source: options.Source,
    json: options.Json = False,
) -> None:
    """The frames of a score as the network reads them, one line per sixteenth."""
    shown = partimento.show_tokens(source)
    emit(shown, json, shown["text"])


@tokens.command("roundtrip")
def tokens_roundtrip(
    source: options.Source,
    json: options.Json = False,
) -> None:
    """Turn a score into tokens, text and MIDI and back, and say whether anything was lost."""
    emit(partimento.roundtrip_tokens(source), json)
