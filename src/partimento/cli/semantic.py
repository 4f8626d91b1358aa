"""Commands for semantic tokens: semantic fit, semantic explain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, progress_bar, table

semantic = typer.Typer(
    help="Semantic tokens: clusters of descriptions that a model is told.", no_args_is_help=True
)


@semantic.command("fit")
def semantic_fit(
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write (.safetensors).")],
    data: Annotated[
        list[Path] | None,
        typer.Option(help="Corpus with MIDI files and index (folder or archive); repeatable."),
    ] = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="File of captions instead: one piece a line, paraphrases set apart by tabs; or "
            "JSON examples with a field caption, text or description."
        ),
    ] = None,
    k: Annotated[
        str, typer.Option("-k", help="How many; auto: by silhouette and paraphrase stability.")
    ] = "auto",
    encoder: Annotated[
        str, typer.Option(help="tfidf, or the folder of a sentence-transformers model.")
    ] = "tfidf",
    attribute_weight: Annotated[
        float,
        typer.Option(
            "--attributes", min=0.0, max=0.99, help="Part of the parsed attributes; 0: words alone."
        ),
    ] = 0.7,
    average: Annotated[
        bool,
        typer.Option(
            "--average/--single", help="Cluster means over paraphrases, or single captions."
        ),
    ] = True,
    residual_k: Annotated[
        int, typer.Option("--residual", min=1, help="Size of the residual codebook.")
    ] = 16,
    dim: Annotated[int, typer.Option(min=1, help="Dimensions of the embedding of words.")] = 64,
    paraphrases: Annotated[
        int, typer.Option(min=1, max=20, help="Captions written for each piece.")
    ] = 5,
    compare: Annotated[
        bool, typer.Option("--compare", help="Also measure the other ways at the chosen k.")
    ] = False,
    seed: options.Seed = 0,
    json: options.Json = False,
) -> None:
    """Cluster descriptions of training pieces: embedding, K-means, residual codebook."""
    with progress_bar(json) as progress:
        report = partimento.fit_semantic(
            data or (),
            out,
            k,
            captions=captions,
            encoder=encoder,
            attribute_weight=attribute_weight,
            average=average,
            residual_k=residual_k,
            dim=dim,
            paraphrases=paraphrases,
            compare=compare,
            seed=seed,
            progress=progress,
        )
    emit(report, json, None if json else _text(report))


@semantic.command("explain")
def semantic_explain(
    source: Annotated[
        str, typer.Argument(help="File of `semantic fit`, or weights with semantic tokens.")
    ],
    texts: Annotated[list[str] | None, typer.Argument(help="Descriptions to place.")] = None,
    encoder: Annotated[
        str | None, typer.Option(help="Where the sentence-transformers model lies now.")
    ] = None,
    json: options.Json = False,
) -> None:
    """What each semantic token means, and which one a text gets, how surely."""
    report = partimento.explain_semantic(source, texts or (), encoder=encoder)
    emit(report, json, None if json else _text(report))


def _text(report: dict[str, Any]) -> str:
    """The report for people."""
    head = (
        f"{report['k']} semantic tokens and {report['residual_k']} residual ones, "
        f"encoder {report['encoder']} ({report['encoder_hash'][:12]}), "
        f"{report['dimensions']} dimensions"
    )
    parts = [head]
    if len(report.get("rows", ())) > 1:
        parts += [f"chosen by: {report['chosen_by']}", _table(report["rows"])]
    if report.get("ways"):
        parts.append(_table(report["ways"]))
    rows = [
        {**one, "terms": ", ".join(one["terms"]), "nearest text": (one["examples"] or ["-"])[0]}
        for one in report["tokens"]
    ]
    if not report["texts"]:
        parts.append(table(rows, ("token", "size", "share", "terms", "nearest text")))
    parts += [_one_text(one) for one in report["texts"]]
    return "\n\n".join(parts)


def _table(rows: list[dict[str, Any]]) -> str:
    return table(rows, tuple(rows[0]))


def _one_text(one: dict[str, Any]) -> str:
    doubts = [
        *(["nothing of it is known"] if not one["known"] else []),
        *(["near a border"] if one["borderline"] else []),
        *(["far from everything learnt"] if one["outlier"] else []),
    ]
    return (
        f"{one['text']}\n"
        f"  token {one['token']} (residual {one['residual']}): {', '.join(one['terms'])}\n"
        f"  distance {one['distance']:.3f}, runner-up {one['runner_up']} at "
        f"{one['second_distance']:.3f}, margin {one['margin']:.3f}"
        + (f"\n  {'; '.join(doubts)}" if doubts else "")
    )
