"""Commands that look into a network: inspect attention, probs, diff, critique, text2midi."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit

inspect = typer.Typer(help="Look into a network while it works.", no_args_is_help=True)

Source = Annotated[
    Path, typer.Argument(help="Four-part score, or a data file: split -> pieces -> frames.")
]
Out = Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")]
Split = Annotated[str, typer.Option(help="Which split, where the source is a data file.")]
Piece = Annotated[int, typer.Option(min=0, help="Which piece of it, counted from 0.")]


@inspect.command("attention")
def attention(
    source: Source,
    weights: options.Weights = "chorale-strong",
    out: Out = Path("inspect"),
    first_step: Annotated[int, typer.Option(min=0, help="First 16th to look at, from 0.")] = 0,
    steps: Annotated[int, typer.Option(min=1, help="How many 16ths.")] = 32,
    split: Split = "valid",
    piece: Piece = 0,
    json: options.Json = False,
) -> None:
    """Attention maps, what the notes attend to, and how the channels correlate."""
    report = partimento.inspect_attention(
        source, weights, out, first_step=first_step, steps=steps, split=split, piece=piece
    )
    emit(report, json)


@inspect.command("probs")
def probs(
    source: Source,
    weights: options.Weights = "chorale-strong",
    out: Out = Path("inspect"),
    split: Split = "valid",
    piece: Piece = 0,
    json: options.Json = False,
) -> None:
    """Distribution of the predicted probabilities, and calibration."""
    emit(partimento.inspect_probs(source, weights, out, split=split, piece=piece), json)


@inspect.command("diff")
def diff(
    source: Source,
    weights: options.Weights = "chorale-strong",
    out: Out = Path("inspect"),
    split: Split = "valid",
    piece: Piece = 0,
    json: options.Json = False,
) -> None:
    """Compare the network's prediction with the score, note by note."""
    emit(partimento.inspect_diff(source, weights, out, split=split, piece=piece), json)


@inspect.command("critique")
def critique(
    weights: Annotated[str, typer.Argument(help="Weights of a critique network, or its run.")],
    data: Annotated[str, typer.Option(help="Installed corpus, or a folder of its layout.")] = (
        "percepiano"
    ),
    labels: Annotated[
        str | None, typer.Option(help="JSON file of mean labels; default: in the folder.")
    ] = None,
    part: Annotated[
        str, typer.Option(help="Clips of the fold it learnt from: train, valid, test; or all.")
    ] = "valid",
    cache: Annotated[
        str | None, typer.Option(help="Folder that keeps note features from call to call.")
    ] = None,
    seed: options.Seed = 0,
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Attention inside beats and bars, collapse of dimensions, what each level contributes.

    Entropies are measured within the groups, with the temperature that the model applies, for each
    head, beside the usual wrong way.
    """
    report = partimento.inspect_critique(
        weights, data, labels, part=part, cache=cache, seed=seed, device=device
    )
    emit(report, json)


@inspect.command("text2midi")
def text2midi(
    weights: Annotated[
        str, typer.Argument(help="Weights of the source design, such as text2midi-seed.")
    ],
    data: Annotated[
        Path,
        typer.Option(
            help="Folder or archive with tunes.json or pieces.json, or JSON training examples."
        ),
    ],
    out: Out = Path("inspect"),
    part: Annotated[
        Literal["train", "valid"], typer.Option(help="Side of our split of the data.")
    ] = "valid",
    limit: Annotated[
        int | None, typer.Option(min=2, help="Pieces to measure at most; default: all.")
    ] = None,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """What one semantic token does: loss by cluster and event, attention to it, swap test."""
    report = partimento.inspect_text2midi(weights, data, out, part=part, limit=limit, seed=seed)
    emit(report, json, None if json else _text2midi_text(report))


def _text2midi_text(report: dict[str, Any]) -> str:
    """The swap test and the losses in lines; the page has the tables."""
    swap, overall = report["swap"], report["overall"]
    gain, top1 = swap["bits_gain_own_vs_shuffled"], swap["top1"]
    lines = [
        f"{swap['pieces']} pieces of {report['data']} ({report['part']}), {report['weights']}",
        f"nats per token {overall['nats_per_token']['value']:.3f}, "
        f"perplexity {overall['perplexity']:.2f}",
        f"own against another piece's token: {gain['bits']:.2f} bits a piece "
        f"({gain['low']:.2f} to {gain['high']:.2f}) of {swap['bits_per_piece']:.0f}",
        f"own token explains the piece best: {top1['share']:.3f} "
        f"({top1['low']:.3f} to {top1['high']:.3f}), chance {swap['chance']:.3f}",
        *(f"{row['type']}: {row['nats_per_token']:.3f} nats" for row in report["types"]),
        *(
            f"{row['token']}: {row['pieces']} pieces, perplexity {row['perplexity']:.2f}"
            for row in report["clusters"]
            if row["pieces"]
        ),
        *report["files"],
    ]
    return "\n".join(lines)
