"""Options that several commands share, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Mode = Literal["strict", "free", "off"]
Layout = Literal["four", "two"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
Seed = Annotated[int, typer.Option(help="Seed of the drawing; the same seed, the same result.")]
Count = Annotated[int, typer.Option("-n", "--alternatives", min=1, help="How many alternatives.")]
Weights = Annotated[
    str, typer.Option(help="Shipped name, .safetensors file, or folder with model.safetensors.")
]
Device = Annotated[str, typer.Option(help="Where the network computes: cpu, cuda, mps.")]
ModeOption = Annotated[
    Mode,
    typer.Option(
        help="Voice-leading rules while decoding: strict forbids, free discourages, off ignores."
    ),
]
Temperature = Annotated[
    float, typer.Option(min=0.0, help="Spread of the drawing: 0 takes the likeliest.")
]
TopP = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Draw from the likeliest notes of this total mass.")
]
LayoutOption = Annotated[Layout, typer.Option(help="Four staves, or two (closed score).")]
OutFolder = Annotated[
    Path | None, typer.Option("-o", "--out", help="Folder to write to; default: beside the input.")
]
Inputs = Annotated[
    list[str], typer.Argument(help="Score files, folders or globs (MIDI, MusicXML, ABC, Humdrum).")
]
Source = Annotated[Path, typer.Argument(help="Score file (MIDI, MusicXML, ABC, Humdrum).")]
Root = Annotated[
    Path | None,
    typer.Option(help="Where the files of a CSV table lie; default: the folder of the table."),
]
MaxPerPiece = Annotated[
    int, typer.Option(min=0, help="Performances of each piece that count; 0 for all of them.")
]
