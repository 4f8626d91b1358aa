"""The page of a piano command: each piece to hear and to see, and what it was made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.render.page import (
    AudioSection,
    Figure,
    FigureSection,
    LinkSection,
    Section,
    TableSection,
    TextSection,
    page_wav,
    write_page,
)
from partimento.tasks.piano.outcome import SAMPLE_RATE, roll_svg

if TYPE_CHECKING:
    from partimento.tasks.piano.outcome import Outcome

PAGE_SAMPLE_RATE = SAMPLE_RATE // 2


def write_outcome_page(
    path: Path,
    outcome: Outcome,
    report: dict[str, Any],
    stems: Sequence[str],
    sounds: Sequence[np.ndarray],
) -> None:
    """Write the page beside the files that it links to."""
    sections: list[Section] = []
    for piece, stem, sound in zip(outcome.pieces, stems, sounds, strict=True):
        heading = f"{piece.number}. {piece.label}, temperature {piece.sampling.temperature:g}"
        if len(sound):
            sections.append(AudioSection(heading, page_wav(sound)))
        else:
            sections.append(TextSection(heading, ["There is no note to hear."]))
        caption = f"{outcome.given} and model; deeper colour is louder"
        figure = Figure(roll_svg(piece, stem, outcome.given), caption)
        sections.append(FigureSection(f"Piano roll {piece.number}", [figure]))
    sections += _tables(report)
    ends = (".mid", ".wav", ".svg")
    names = [s + end for s, sound in zip(stems, sounds, strict=True) for end in ends
             if len(sound) or end != ".wav"]  # fmt: skip
    sections.append(LinkSection("Files", [(name, name) for name in [*names, "report.json"]]))
    write_page(
        path, f"{outcome.command.capitalize()}: {outcome.name}", sections, lead=_lead(report)
    )


def _lead(report: dict[str, Any]) -> str:
    return (
        f"{report['weights']}, precision {report['precision']}: {report['seconds']:.1f} s of music "
        f"in {report['computing_seconds']:.1f} s; each piece {report['real_time_factor']:.1f} "
        f"times as fast as real time, {report['tokens_per_second']:.0f} events a second in all."
    )


def _tables(report: dict[str, Any]) -> list[Section]:
    rows = [_flat(row) for row in report["pieces"]]
    columns = list(rows[0]) if rows else []
    table = [[row.get(c) for c in columns] for row in rows]
    found: list[Section] = [TableSection("What was made", columns, table)]
    if report.get("sweep"):
        names = list(report["sweep"][0])
        cells = [[_short(row[c]) for c in names] for row in report["sweep"]]
        found.append(TableSection("Temperatures", names, cells))
    if report["warnings"]:
        found.append(TextSection("Notes", report["warnings"]))
    return found


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    return {k: _short(v) for k, v in row.items() if not isinstance(v, dict | list)}


def _short(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
