"""Labelled clips for an evaluation: from files to a bench, and from figures to files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.music.percepiano import (
    Clip,
    passage_groups,
    read_deviations,
    read_labels,
    read_ratings,
)
from partimento.tasks.critique.ceiling import standard_errors
from partimento.tasks.critique.figures import Bench


def labelled(
    clips: Sequence[Clip], labels: dict[str, np.ndarray], where: str
) -> tuple[list[Clip], list[dict[str, str]]]:
    """Clips that have a label, and why the other clips and labels are left out.

    Raises DataError where none has.
    """
    keys = {clip.key for clip in clips}
    skipped = [{"clip": c.key, "reason": "it has no label"} for c in clips if c.key not in labels]
    skipped += [{"clip": k, "reason": "it has no performance"} for k in labels if k not in keys]
    kept = [clip for clip in clips if clip.key in labels]
    if not kept:
        raise DataError(
            "none of the labels is of one of the performances",
            where=where,
            fix="A label's key is the performance's file name without its ending",
        )
    return kept, skipped


def make_bench(
    clips: Sequence[Clip],
    labels: str | Path,
    deviation: str | Path | None,
    ratings: str | Path | None,
    notes: np.ndarray,
) -> Bench:
    """What is known of labelled clips; ``notes`` (N,) as in :class:`Bench`.

    Raises DataError where a clip has no deviation.
    """
    means = read_labels(labels)
    deviations = None if deviation is None else read_deviations(deviation)
    missing = [clip.key for clip in clips if deviations is not None and clip.key not in deviations]
    if missing:
        raise DataError(f"there is no deviation of {missing[0][:80]!r}", where=str(deviation))
    table = None if deviations is None else np.stack([deviations[clip.key] for clip in clips])
    rows = None if ratings is None else read_ratings(ratings)
    return Bench(
        clips=tuple(clips),
        labels=np.stack([means[clip.key] for clip in clips]),
        groups=passage_groups(clips),
        deviations=table,
        errors=standard_errors(rows, [clip.key for clip in clips], table),
        ratings=rows,
        notes=notes,
    )


def write_evaluation(out: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Write the figures and the page; the report with the files' paths."""
    from partimento.tasks.critique.evaluation_page import evaluation_html

    data, page = out / "evaluation.json", out / "evaluation.html"
    write_atomic(data, json.dumps(plain(report), indent=2, allow_nan=False) + "\n")
    write_atomic(page, evaluation_html(report))
    return {**report, "files": [str(data), str(page)]}
