"""Commands around text space: bank build, bank show, embed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, note, progress_bar, table

bank = typer.Typer(
    help="Prompt banks: the concepts' sentences in the space of your CLIP and T5.",
    no_args_is_help=True,
)


@bank.command("build")
def bank_build(
    clip: Annotated[Path, typer.Option(help="Folder of your CLIP ViT-L/14 text encoder.")],
    t5: Annotated[Path, typer.Option(help="Folder of your T5 v1.1 XXL encoder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Bank to write (.safetensors).")],
    prompts: Annotated[
        Path | None,
        typer.Option(help='Other sentences: lines "name = sentence", or a JSON object.'),
    ] = None,
    clip_tokens: Annotated[
        bool,
        typer.Option(
            "--clip-tokens/--pooled-only", help="Keep CLIP's 77 tokens, for Stable Diffusion 1.5."
        ),
    ] = True,
    device: options.Device = "cpu",
    dtype: Annotated[
        Literal["float32", "bfloat16"],
        typer.Option(help="T5's weights in memory: bfloat16 needs half of the 19 GB."),
    ] = "float32",
    json: options.Json = False,
) -> None:
    """Encode the prompts once with your own text encoders, from local folders, offline."""
    with progress_bar(json) as progress:
        built = partimento.build_bank(
            clip,
            t5,
            prompts=prompts,
            clip_tokens=clip_tokens,
            device=device,
            dtype=dtype,
            progress=progress,
        )
    built.save(out)
    report = partimento.show_bank(out)
    emit(report, json, None if json else f"{out}\n{_text(report)}")


@bank.command("show")
def bank_show(
    bank: Annotated[str, typer.Argument(help="File of `bank build`, or builtin.")] = "builtin",
    json: options.Json = False,
) -> None:
    """What is in a bank: encoders, concepts, prompts, and how near each other they lie."""
    report = partimento.show_bank(bank)
    emit(report, json, None if json else _text(report))


def embed(
    source: Annotated[
        Path, typer.Argument(help="Sound (.wav, .flac, .mp3, .ogg) or music (.mid).")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="File to write (.safetensors).")],
    bank: Annotated[str, typer.Option(help="File of `bank build`, or builtin.")] = "builtin",
    weights: options.Weights = "audio2visual",
    json: options.Json = False,
) -> None:
    """Write a sound's embeddings: `clip` (1, 768) and `t5` (1, 17, 4096), for image models."""
    found = partimento.embed(source, bank=bank, weights=weights)
    found.save(out)
    report = {**found.to_dict(), "file": str(out)}
    for warning in report["warnings"]:
        note(f"warning: {warning}")
    emit(report, json)


def _text(report: dict[str, Any]) -> str:
    """The report for people."""
    meta = report["meta"]
    head = (
        f"{report['concepts']} concepts, CLIP: {meta.get('clip_encoder', '-')}, "
        f"T5: {meta.get('t5_encoder', '-')} ({report['hash'][:12]})"
    )
    lines = [head, table(report["rows"], tuple(report["rows"][0]))]
    if report["missing"]:
        lines.append(f"missing: {', '.join(report['missing'])}")
    return "\n\n".join(lines)
