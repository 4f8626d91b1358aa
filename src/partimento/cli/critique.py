"""The command that judges how a piano performance sounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.batch import BatchError, error_fields
from partimento.cli.output import emit, note, progress_bar, table
from partimento.core.plain import plain

_APART = ("clearly", "probably")
"""Readings that begin so are apart from most."""


def critique(
    source: Annotated[
        list[str], typer.Argument(help="MIDI files of performances, folders of them, or globs.")
    ],
    score: Annotated[
        Path | None,
        typer.Option(
            help="Score of all of them (MusicXML, .mxl, MIDI), or a folder with scores of the same "
            "names. Default: a score beside the performance, if any."
        ),
    ] = None,
    weights: options.Weights = "critique-strong",
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="Folder for report and pages with sound and charts."),
    ] = None,
    json: options.Json = False,
) -> None:
    """Judge performances on 19 dimensions, with intervals and what drives each score.

    Several performances of the same passage are ranked, two are compared. Scores are what
    listeners would say on average. Of works that the critic does not know it can rank
    performances, not grade them, and says so.
    """
    with progress_bar(json) as progress:
        result = partimento.critique(
            source, score=score, weights=weights, out=out, progress=progress
        )
    reports = plain(result.reports())
    for path, error in result.failed:
        note(f"error: {error.text}" if str(path) in error.text else f"error: {path}: {error.text}")
    if json:
        failed = [{"input": str(p), "error": error_fields(e)} for p, e in result.failed]
        rows = _in_order([*reports, *failed], source)
        emit(rows[0] if len(rows) == 1 else rows, True)
    else:
        texts = [critique_text(report) for report in reports]
        texts = texts if len(texts) <= 2 else [overview_text(reports)]
        wrote = "\n".join(f"wrote {file}" for file in result.files)
        emit(None, False, "\n\n".join([*texts, *([wrote] if wrote else [])]))
    if result.failed:
        raise BatchError(len(result.failed), len(reports) + len(result.failed))


def critique_text(report: Mapping[str, Any]) -> str:
    """A report for people: the paragraph, the scores, what drives them, what to mind."""
    rows = [
        {
            "dimension": name.replace("_", " "),
            "score": f"{row['mean']:.2f}",
            "interval": f"{row['low']:.2f}-{row['high']:.2f}",
            "from 0 to 1": f"{row['low_pole']} - {row['high_pole']}",
            "in words": row["reading"],
            "driven by": _drivers(report["drivers"][name]),
        }
        for name, row in report["scores"].items()
    ]
    lines = [report["input"], report["summary"], ""]
    lines.append(table(rows, tuple(rows[0])) if rows else "No dimension gets a score.")
    lines += [f"no score for {name}: {why}" for name, why in report["abstained"].items()]
    if "ranks" in report:
        ranks = ", ".join(
            f"{name.replace('_', ' ')} {row['rank']}" for name, row in report["ranks"].items()
        )
        count = len(report["same_passage"]) + 1
        lines.append(f"rank among {count} performances of this passage: {ranks}")
    if "comparison" in report:
        lines += ["", report["comparison"]["summary"]]
    lines += [f"note: {text}" for text in (*report["warnings"], *report["notes_to_the_reader"])]
    return "\n".join(lines)


def overview_text(reports: Sequence[Mapping[str, Any]]) -> str:
    """A line per performance: what stands out most in each."""
    rows = []
    for report in reports:
        scores = report["scores"]
        apart = [name for name in scores if scores[name]["reading"].split()[0] in _APART]
        apart.sort(key=lambda name: -abs(scores[name]["percentile"] - 50))
        said = [f"{scores[name]['reading']} ({name.replace('_', ' ')})" for name in apart[:3]]
        rows.append({"performance": report["input"], "what stands out": ", ".join(said) or "-"})
    notes = dict.fromkeys(text for report in reports for text in report["notes_to_the_reader"])
    tail = [f"note: {text}" for text in notes]
    more = "For scores, ranks and reasons: --json, or pages with -o FOLDER."
    return "\n".join([table(rows, tuple(rows[0])), "", *tail, more])


def _drivers(found: Mapping[str, Any]) -> str:
    kinds = [f"{g['name'].replace('_', ' ')} {g['effect']:+.2f}" for g in found["groups"][:2]]
    bars = [b["where"] for b in found["bars"][:1]]
    return ", ".join([*kinds, *bars])


def _in_order(rows: list[dict[str, Any]], source: list[str]) -> list[dict[str, Any]]:
    """In the order given where single files were; those of folders keep theirs."""
    place = {str(Path(word)): number for number, word in enumerate(source)}
    return sorted(rows, key=lambda row: place.get(row["input"], len(place)))
