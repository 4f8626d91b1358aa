"""What the doctor says about a finished or broken run, from the files of its folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from partimento.core.errors import InputFileError
from partimento.core.runs import RunFolder
from partimento.doctor.case import Case, Kind, Watched
from partimento.doctor.checkpoint_facts import checkpoint_facts
from partimento.doctor.examine import Examination, examine
from partimento.doctor.report import known_findings
from partimento.doctor.report_page import write_report_page
from partimento.doctor.watch_rows import watched_of_rows

WEIGHTS = ("last.safetensors", "best.safetensors", "model.safetensors")
KINDS: dict[str, Kind] = {"critique": "regression", "audio2visual": "embedding"}
"""What tasks predict that do not predict tokens."""
PAGE = "doctor.html"


def examine_run(
    run: str | Path,
    others: Sequence[str | Path] = (),
    *,
    page: str | Path | None = None,
    seed: int = 0,
) -> Examination:
    """Examine a run folder: its configuration, curves, watch rows and checkpoint.

    ``others``: run folders to compare with, such as other batch sizes.  The findings are written to
    the run's ``findings.jsonl``, in place of earlier ones, and a page to ``page`` (default:
    ``doctor.html`` in the run folder).  The network itself is not run.

    Raises DataError for a path that is no run folder, or a damaged file in it.
    """
    folder = RunFolder.open(run)
    case = case_of_run(folder, others=[RunFolder.open(other) for other in others], seed=seed)
    found = examine(case)
    folder.write_findings([finding.to_dict() for finding in found.findings])
    write_report_page(
        folder.path / PAGE if page is None else page, found, case=case, known=known_findings()
    )
    return found


def case_of_run(folder: RunFolder, *, others: Sequence[RunFolder] = (), seed: int = 0) -> Case:
    """Everything that a run folder tells."""
    config = folder.config()
    task = str(config.get("task", ""))
    return Case(
        name=folder.path.name,
        task=task,
        kind=KINDS.get(task, "tokens"),
        config=config,
        rows=folder.read_metrics(),
        watched=watched_of_run(folder),
        checkpoint=_checkpoint(folder),
        others=[case_of_run(other, seed=seed) for other in others],
        seed=seed,
    )


def watched_of_run(folder: RunFolder) -> Watched | None:
    """What the monitor wrote; None where nobody watched."""
    rows = folder.read_watch()
    return watched_of_rows(rows) if rows else None


def _checkpoint(folder: RunFolder) -> dict[str, Any] | None:
    """Facts of the last weights; None where there are none that can be read."""
    for name in WEIGHTS:
        path = folder.checkpoints / name
        if path.is_file():
            try:
                return checkpoint_facts(path)
            except InputFileError:
                return None
    return None
