"""Training runs for the doctor's page: which there are, their curves while they grow, findings."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from partimento.core.errors import PartimentoError
from partimento.core.plain import plain
from partimento.core.runs import RunFolder

LIVE_SEC = 60.0
"""A run that wrote a row so lately counts as going on."""
MOST_ROWS = 3000
"""Training rows of one answer; of more an even choice is sent, the rows of other kinds all."""
_DEEPEST = 3
_MOST_RUNS = 500
_TAIL_BYTES = 8192


def list_runs(root: Path) -> list[dict[str, Any]]:
    """Run folders below ``root``, the one that changed last first."""
    if not root.is_dir():
        return []
    found = [path for path in _folders(root, 0) if (path / "config.yaml").is_file()]
    rows = [_row(root, path) for path in found[:_MOST_RUNS]]
    return sorted(rows, key=lambda row: row["changed"], reverse=True)


def open_run(root: Path, name: str) -> RunFolder:
    """The run folder of this name below ``root``.

    Raises PartimentoError for a name that the list does not have: no path leads out of ``root``.
    """
    for path in _folders(root, 0) if root.is_dir() else []:
        if str(path.relative_to(root)) == name and (path / "config.yaml").is_file():
            # Not RunFolder.open: that mends half a line, which a live run may be writing just now.
            return RunFolder(path)
    raise PartimentoError(
        "there is no such run", where=name[:80], fix="Choose one of the list; it is read anew"
    )


def run_facts(run: RunFolder, since: int = 0) -> dict[str, Any]:
    """Settings, findings, and the rows of the curves after the first ``since``.

    ``count`` is the number of all rows; it is less than before when a run was taken up again.
    Raises PartimentoError for damaged files.
    """
    try:
        rows = run.read_metrics()
        facts: dict[str, Any] = plain(
            {
                "config": run.config(),
                "rows": _thinned(rows[since:]),
                "count": len(rows),
                "findings": run.read_findings(),
                **_state(run.path),
            }
        )
    except RecursionError:
        raise PartimentoError("its files are nested too deeply", where=run.path.name) from None
    return facts


def _thinned(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most :data:`MOST_ROWS` training rows, evenly chosen, the last one among them."""
    places = [i for i, row in enumerate(rows) if row.get("kind") == "train"]
    step = -(-len(places) // MOST_ROWS)
    if step <= 1:
        return rows
    kept = {*places[::step], places[-1]}
    return [row for i, row in enumerate(rows) if row.get("kind") != "train" or i in kept]


def _folders(root: Path, depth: int) -> list[Path]:
    """Folders below ``root``, links left out: they could lead anywhere."""
    if depth >= _DEEPEST:
        return []
    found = []
    for path in sorted(root.iterdir()):
        # What is not printable is no text either, and would break the answer that lists it.
        if path.is_symlink() or path.name.startswith(".") or not path.name.isprintable():
            continue
        if path.is_dir():
            found += [path, *_folders(path, depth + 1)]
    return found


def _row(root: Path, path: Path) -> dict[str, Any]:
    return {"name": str(path.relative_to(root)), **_state(path)}


def _state(path: Path) -> dict[str, Any]:
    """When the run last wrote a row (seconds since 1970), how far it is, how it ended."""
    metrics = path / "metrics.jsonl"
    changed = (metrics if metrics.is_file() else path).stat().st_mtime
    last = _last_row(metrics)
    ended = last.get("reason") if last.get("kind") == "stop" else None
    live = ended is None and time.time() - changed < LIVE_SEC
    found: dict[str, Any] = {"changed": changed, "step": last.get("step"), "ended": ended}
    return {**found, "live": live}


def _last_row(metrics: Path) -> dict[str, Any]:
    """The last whole row, read from the end of the file; empty where there is none."""
    if not metrics.is_file():
        return {}
    with metrics.open("rb") as stream:
        stream.seek(max(0, metrics.stat().st_size - _TAIL_BYTES))
        lines = stream.read().split(b"\n")
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict):
            return row
    return {}
