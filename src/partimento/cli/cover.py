"""The command that makes a picture for a sound or a piece of music."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

import partimento
from partimento.cli import options
from partimento.cli.output import emit, note, progress_bar
from partimento.core.plain import plain

Backend = Literal["draw", "flux", "pixart", "chroma", "sd15"]


def cover(
    source: Annotated[
        Path, typer.Argument(help="Sound (.wav, .flac, .mp3, .ogg) or written music (.mid ...).")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", help="Picture to write: .png, or .svg of a drawing. Default: cover.png."
        ),
    ] = None,
    backend: Annotated[
        Backend,
        typer.Option(help="draw needs no weights; the others paint with your own diffusion model."),
    ] = "draw",
    weights: Annotated[
        Path | None, typer.Option(help="Folder of your diffusion model, as diffusers saves it.")
    ] = None,
    bank: Annotated[
        str, typer.Option(help="Prompt bank of that model's text encoders; see `bank build`.")
    ] = "builtin",
    seed: options.Seed = 0,
    size: Annotated[
        int | None,
        typer.Option(
            help="Pixels a side. Default: 1024, or what the diffusion model was made for."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Steps of the diffusion model.")] = None,
    device: options.Device = "cpu",
    title: Annotated[str, typer.Option(help="Words that stand on a drawn music cover.")] = "",
    model: Annotated[
        str, typer.Option(help="What hears the sound: shipped name or .safetensors file.")
    ] = "audio2visual",
    json: options.Json = False,
) -> None:
    """Make a picture for a sound or a piece of music.

    Drawn by default: a scene of what is heard, blended with what else it may be, whose elements
    follow the sound; for music a landscape from mode, tempo, brightness, register and onsets; for
    an unknown sound a picture of the sound itself. The same sound and seed give the same picture.
    """
    with progress_bar(json) as progress:
        made = partimento.cover(
            source,
            out or Path("cover.png"),
            backend=backend,
            weights=weights,
            bank=bank,
            seed=seed,
            size=size,
            steps=steps,
            device=device,
            title=title,
            model=model,
            progress=progress,
        )
    report = plain(made.to_dict())
    for warning in report["warnings"]:
        note(f"warning: {warning}")
    emit(report, json, None if json else cover_text(report))


def cover_text(report: Mapping[str, Any]) -> str:
    """What was heard, how the picture was made, where it is."""
    heard = "an unknown sound" if report["unknown"] else report["label"]
    lines = [f"{heard} ({report['confidence']:.0%})"]
    if report["unknown"]:
        lines = [f"{heard}; of the known ones most like {report['label']}"]
    if report["blended"]:
        also = ", ".join(f"{name} {share:.0%}" for name, share in report["blended"])
        lines.append(f"also shown: {also}")
    if report["music"]:
        music = report["music"]
        lines.append(
            f"music: {music['mode']}, {music['motion']}, {music['tempo_bpm']:.0f} beats a minute, "
            f"brightness {music['brightness']:.2f}, {music['onsets']} onsets"
        )
    lines.append(report["note"])
    return "\n".join([*lines, *(f"wrote {file}" for file in report["files"])])
