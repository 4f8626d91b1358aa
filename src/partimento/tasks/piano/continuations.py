"""Generated performances beside real ones: musical measures, likeness to the primer, copies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.music.copied import CopyIndex, build_index, longest_copied_run
from partimento.music.events import TickNotes
from partimento.music.performance_comparison import (
    compare_to_primer,
    compare_to_reference,
    excerpts,
    split_at,
)
from partimento.music.performance_measures import measure_performance, span_sec
from partimento.tasks.piano.corpus import (
    Performed,
    choose_split,
    open_collection,
    read_collection,
)

MAX_PER_PIECE = 2


def evaluate_continuations(
    folder: str | Path,
    reference: str | Path,
    *,
    training: str | Path | None = None,
    primer_seconds: float | int | None = None,
    root: str | Path | None = None,
    split: str | None = None,
    max_per_piece: int | None = MAX_PER_PIECE,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measures of the pieces in ``folder`` beside passages of equal length of real performances.

    ``reference`` and ``training`` are folders or tables of performances (``root``: where the files
    of tables lie); of ``reference`` the ``split`` counts (default: validation where there is one),
    of ``training`` the part ``train``.  With ``primer_seconds`` the beginning of every piece is
    its primer: only the rest is measured, and compared with the primer; the real performances are
    cut at the same place.  ``training`` looks for copied runs, in the real passages too, so that
    one sees how long a run two works share by chance.

    Raises DataError when either side has no performance, or none that goes on after the primer.
    """
    made, unreadable = _read(folder, None, "all", None)
    real, unreadable_real = _read(reference, root, split, max_per_piece)
    ours = _cut(made, primer_seconds, str(folder))
    length = float(np.median([span_sec(rest) for _, rest in ours.values()]))
    primer = primer_seconds or 0.0
    theirs = _passages(real, primer, length, str(reference))
    report: dict[str, Any] = {
        "pieces": len(ours),
        "passage_seconds": length,
        "primer_seconds": primer_seconds,
        **compare_to_reference([rest for _, rest in ours.values()], [p[1] for p in theirs]),
        "per_piece": {name: measure_performance(rest) for name, (_, rest) in ours.items()},
        "unreadable": [asdict(one) for one in (*unreadable, *unreadable_real)],
    }
    if primer_seconds is not None:
        report["to_primer"] = {
            "generated": _likeness(list(ours.values())),
            "reference": _likeness(theirs),
        }
    if training is not None:
        pieces = {name: rest for name, (_, rest) in ours.items()}
        report["copied"] = _copied(training, root, pieces, [p[1] for p in theirs], progress)
    return report if out is None else _write(Path(out), report)


def _read(
    source: str | Path, root: str | Path | None, split: str | None, max_per_piece: int | None
) -> tuple[list[Performed], list[Any]]:
    collection, _ = choose_split(open_collection(source, root), split, str(source))
    read, unreadable = read_collection(collection.entries, max_per_piece)
    if not read:
        raise DataError("no performance can be read here", where=str(source))
    return read, list(unreadable)


def _cut(
    made: Sequence[Performed], primer_seconds: float | int | None, where: str
) -> dict[str, tuple[TickNotes, TickNotes]]:
    """Primer and rest of every piece; pieces that end with their primer are left out."""
    parts = {one.entry.name: split_at(one.notes, primer_seconds or 0.0) for one in made}
    parts = {name: part for name, part in parts.items() if len(part[1])}
    if not parts:
        raise DataError(
            "no piece goes on after its primer",
            where=where,
            fix="Give a smaller --primer-seconds",
        )
    return parts


def _passages(
    real: Sequence[Performed], primer: float | int, length: float, where: str
) -> list[tuple[TickNotes, TickNotes]]:
    """Passages of real performances as (primer, rest), as long as the generated ones."""
    found = []
    for one in real:
        for passage in excerpts(one.notes, primer + length):
            first, rest = split_at(passage, primer)
            if len(rest) and (len(first) or not primer):
                found.append((first, rest))
    if not found:
        raise DataError(
            f"no reference performance is as long as the pieces ({primer + length:.0f} s)",
            where=where,
        )
    return found


def _likeness(parts: Sequence[tuple[TickNotes, TickNotes]]) -> dict[str, float | None]:
    """Means of :func:`compare_to_primer` over the pieces that have a primer."""
    rows = [compare_to_primer(first, rest) for first, rest in parts if len(first)]
    means: dict[str, float | None] = {}
    for name in rows[0] if rows else ():
        values = [float(row[name]) for row in rows if row[name] is not None]
        means[name] = float(np.mean(values)) if values else None
    return means


def _copied(
    training: str | Path,
    root: str | Path | None,
    generated: dict[str, TickNotes],
    reference: Sequence[TickNotes],
    progress: Progress | None,
) -> dict[str, Any]:
    """Longest runs shared with the training data, of the same pitches and of the same intervals."""
    collection = open_collection(training, root)
    read, _ = _read(training, root, "train" if "train" in collection.splits else None, None)
    pieces = {one.entry.name: one.notes for one in read}
    result: dict[str, Any] = {"training_performances": len(pieces)}
    for i, kind in enumerate(("same_pitches", "transposed")):
        index = build_index(pieces, transposed=kind == "transposed")
        result[kind] = _longest(generated, reference, index)
        if progress is not None:
            progress(i + 1, 2, "copied runs")
    return result


def _longest(
    generated: dict[str, TickNotes], reference: Sequence[TickNotes], index: CopyIndex
) -> dict[str, Any]:
    ours = {name: longest_copied_run(notes, index) for name, notes in generated.items()}
    theirs = [longest_copied_run(notes, index).length for notes in reference]
    name, worst = max(ours.items(), key=lambda item: item[1].length)
    return {
        "longest": {"piece": name, **asdict(worst)},
        "generated_median": float(np.median([run.length for run in ours.values()])),
        "reference_median": float(np.median(theirs)),
        "reference_longest": max(theirs),
    }


def _write(out: Path, report: dict[str, Any]) -> dict[str, Any]:
    from partimento.tasks.piano.continuations_page import continuations_html

    data, page = out / "continuations.json", out / "continuations.html"
    write_atomic(data, json.dumps(plain(report), indent=2, allow_nan=False) + "\n")
    write_atomic(page, continuations_html(report))
    return {**report, "files": [str(data), str(page)]}
