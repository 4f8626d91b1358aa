"""Commands that make music: harmonize, compose-chorale, render, demo."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.batch import finding_line, run_batch
from partimento.cli.inputs import expand, stem
from partimento.cli.output import describe, emit, progress_bar
from partimento.core.plain import plain


def harmonize(
    inputs: options.Inputs,
    voices: Annotated[
        str | None,
        typer.Option(help="Which of S, A, T, B the input gives, such as S or SB; default: found."),
    ] = None,
    key: Annotated[str, typer.Option(help="Key such as 'G minor'; auto detects it.")] = "auto",
    lock: Annotated[
        list[str] | None,
        typer.Option(
            help="Notes to keep: 'A:5-6' (bars 5 to 6), 'T:3.1-4.3' (bar.beat); repeatable."
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Fill only these bars, such as '5-8'; the rest is kept.")
    ] = None,
    mode: options.ModeOption = "strict",
    n: options.Count = 1,
    seed: options.Seed = 0,
    temperature: options.Temperature = 0.6,
    top_p: options.TopP = 0.9,
    weights: options.Weights = "chorale-strong",
    layout: options.LayoutOption = "four",
    device: options.Device = "cpu",
    out: options.OutFolder = None,
    json: options.Json = False,
) -> None:
    """Harmonise a melody, or whatever voices are given, in four parts.

    Writes NAME-1.musicxml .mid .wav .svg .png for each alternative and prints the report.
    """

    def work(file: Path) -> dict[str, Any]:
        with progress_bar(json) as progress:
            result = partimento.harmonize(
                file,
                voices=voices,
                key=key,
                lock=lock or (),
                region=region,
                mode=mode,
                n=n,
                seed=seed,
                temperature=temperature,
                top_p=top_p,
                weights=weights,
                layout=layout,
                device=device,
                progress=progress,
            )
            files = result.save(out or file.parent, stem(file))
        return {"input": str(file), "files": files, **result.report()}

    run_batch(expand(inputs), work, json, report_text)


def report_text(report: Mapping[str, Any]) -> str:
    """The report of a harmonisation for people: a line per finding instead of a block."""
    shared = {k: v for k, v in report.items() if k not in ("alternatives", "files", "warnings")}
    lines = [describe(shared), *(f"note: {warning}" for warning in report.get("warnings", []))]
    for number, alternative in enumerate(report["alternatives"], start=1):
        findings = alternative.get("findings", [])
        lines += ["", f"alternative {number}: {len(findings)} voice-leading findings"]
        lines += [f"  {finding_line(finding)}" for finding in findings]
        lines.append(describe({k: v for k, v in alternative.items() if k != "findings"}, 2))
    return "\n".join([*lines, "", *(f"wrote {file}" for file in report["files"])])


def compose_chorale(
    key: Annotated[str, typer.Option(help="Key such as 'G minor'.")] = "C major",
    meter: Annotated[str, typer.Option(help="Time signature such as 3/4.")] = "4/4",
    bars: Annotated[int, typer.Option(min=1, help="Length in bars.")] = 8,
    mode: options.ModeOption = "strict",
    n: options.Count = 1,
    seed: options.Seed = 0,
    temperature: options.Temperature = 0.6,
    top_p: options.TopP = 0.9,
    weights: options.Weights = "chorale-strong",
    layout: options.LayoutOption = "four",
    device: options.Device = "cpu",
    name: Annotated[str, typer.Option(help="Name of the files written.")] = "chorale",
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path("."),
    json: options.Json = False,
) -> None:
    """Compose a chorale from key, meter and length.

    Writes NAME-1.musicxml .mid .wav .svg .png for each alternative and prints the report.
    """
    with progress_bar(json) as progress:
        result = partimento.compose_chorale(
            key=key,
            meter=meter,
            bars=bars,
            mode=mode,
            n=n,
            seed=seed,
            temperature=temperature,
            top_p=top_p,
            weights=weights,
            layout=layout,
            device=device,
            progress=progress,
        )
        files = result.save(out, name)
    report = plain({"files": files, **result.report()})
    emit(report, json, None if json else report_text(report))


def render(
    inputs: options.Inputs,
    formats: Annotated[
        str, typer.Option(help="Which to write: of musicxml, mid, wav, svg, png.")
    ] = "musicxml,mid,wav,svg,png",
    out: options.OutFolder = None,
    json: options.Json = False,
) -> None:
    """Turn scores into sound and engraved pages, or from one format into another."""

    def work(file: Path) -> dict[str, Any]:
        names = [name.strip() for name in formats.split(",") if name.strip()]
        written = partimento.export_score(file, out or file.parent, stem(file), formats=names)
        return {"input": str(file), "files": written}

    run_batch(expand(inputs), work, json)


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder to write to.")] = Path("demo"),
    seed: options.Seed = 0,
    text: Annotated[
        str | None, typer.Option(help="Your sentence instead of the demo's own.")
    ] = None,
    melody: Annotated[Path | None, typer.Option(help="Your melody instead of the example.")] = None,
    weights: options.Weights = "chorale-strong",
    device: options.Device = "cpu",
    json: options.Json = False,
) -> None:
    """Show what partimento does: from a sentence to a piece, its critique, a chorale, a cover.

    One page, index.html, shows and plays it all, with a known melody harmonised and a piano
    performance continued. It needs no network, now or later.
    """
    with progress_bar(json) as progress:
        report = partimento.demo(
            out, seed, text=text, melody=melody, weights=weights, device=device, progress=progress
        )
    emit(report, json, None if json else _demo_text(report))


def _demo_text(report: dict[str, Any]) -> str:
    """What to open, and what it cost: CPU time of this process and its helpers, imports and all."""
    return "\n".join(
        [
            *(f"wrote {file}" for file in report["files"]),
            f"computed for {sum(os.times()[:4]):.1f} s",
            f"open {report['page']}",
        ]
    )
