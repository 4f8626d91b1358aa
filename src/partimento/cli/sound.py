"""The command that says what is heard in a sound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

import partimento
from partimento.cli import options
from partimento.cli.batch import BatchError, error_fields
from partimento.cli.output import emit, note, progress_bar, table


def listen(
    source: Annotated[
        list[str],
        typer.Argument(
            help="Sound files (WAV, FLAC, MP3, Ogg), MIDI or scores (played first), folders, globs."
        ),
    ],
    weights: options.Weights = "audio2visual",
    json: options.Json = False,
) -> None:
    """Say what is heard: one of ten sounds or music, how sure that is, or that it is unknown.

    The confidence is calibrated: of all answers at 0.8, about four of five are right. A sound that
    is like none of those known is called unknown; its nearest label is told all the same.
    """
    with progress_bar(json) as progress:
        result = partimento.listen(source, weights=weights, progress=progress)
    rows: list[dict[str, Any]] = []
    for entry in result.entries:
        error = getattr(entry, "error", None)
        if error is None:
            rows.append(entry.to_dict())
            for text in entry.warnings:
                note(f"note: {entry.path}: {text}")
        else:
            rows.append({"input": entry.path, "error": error_fields(error)})
            place = "" if entry.path in error.text else f"{entry.path}: "
            note(f"error: {place}{error.text}")
    heard = [row for row in rows if "error" not in row]
    emit(rows[0] if len(rows) == 1 else rows, json, None if json else listen_text(heard))
    if len(heard) < len(rows):
        raise BatchError(len(rows) - len(heard), len(rows))


def listen_text(reports: Sequence[Mapping[str, Any]]) -> str:
    """A line per file: what it is, how surely, and what else it may be."""
    rows = [
        {
            "file": report["input"],
            "heard": "unknown" if report["unknown"] else report["label"],
            "confidence": "-" if report["unknown"] else f"{report['confidence']:.2f}",
            "likeliest": ", ".join(f"{name} {share:.2f}" for name, share in report["top"]),
            "seconds": f"{report['seconds']:.1f}",
        }
        for report in reports
    ]
    return table(rows, tuple(rows[0])) if rows else "Nothing was heard."
