"""Run folders: everything about a training run as readable text.

``config.yaml``, ``command.txt``, ``environment.json``, ``metrics.jsonl``, ``watch.jsonl`` (where
the doctor watched), ``findings.jsonl``, ``checkpoints/`` and ``samples/``.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError, DataError
from partimento.core.files import write_atomic
from partimento.core.plain import plain

_PACKAGES = ("partimento", "torch", "numpy", "lightning", "safetensors", "symusic")
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class RunFolder:
    """A run folder on the disk; make one with :meth:`create` or :meth:`open`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls,
        path: str | Path,
        config: BaseModel | Mapping[str, Any],
        command: str | Sequence[str],
    ) -> RunFolder:
        """Start a run in a new or empty folder.

        Raises ConfigError when the folder already holds something.
        """
        path = Path(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise ConfigError(
                "this folder is already in use",
                where=str(path),
                fix="Choose another with -o, or go on with --resume",
            )
        run = cls(path)
        for folder in (path, run.checkpoints, run.samples):
            folder.mkdir(parents=True, exist_ok=True)
        values = config.model_dump(mode="json") if isinstance(config, BaseModel) else dict(config)
        text = command if isinstance(command, str) else shlex.join(command)
        write_atomic(path / "command.txt", text + "\n")
        write_atomic(path / "environment.json", json.dumps(environment(), indent=2) + "\n")
        run.metrics_path.touch()
        run.findings_path.touch()
        # Last: a folder with config.yaml is a complete run folder.
        write_atomic(path / "config.yaml", yaml.safe_dump(values, sort_keys=False))
        return run

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """An existing run folder.

        Raises DataError when ``path`` is none.  A line that a crash cut in half is dropped.
        """
        run = cls(Path(path))
        if not (run.path / "config.yaml").is_file():
            raise DataError("this is no run folder: it has no config.yaml", where=str(path))
        for file in (run.metrics_path, run.findings_path):
            _drop_half_line(file)
        for folder in (run.checkpoints, run.samples):
            folder.mkdir(exist_ok=True)
        return run

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """Folder of generated examples."""
        return self.path / "samples"

    @property
    def metrics_path(self) -> Path:
        """The metrics file."""
        return self.path / "metrics.jsonl"

    @property
    def watch_path(self) -> Path:
        """What a monitor wrote; the file need not be there."""
        return self.path / "watch.jsonl"

    @property
    def findings_path(self) -> Path:
        """The findings file."""
        return self.path / "findings.jsonl"

    def config(self) -> dict[str, Any]:
        """The configuration that the run was started with."""
        return load_yaml(self.path / "config.yaml")

    def log(self, row: Mapping[str, Any]) -> None:
        """Append one row to ``metrics.jsonl``; NaN and infinities are written as text."""
        _append(self.metrics_path, row)

    def log_watch(self, row: Mapping[str, Any]) -> None:
        """Append one row to ``watch.jsonl``."""
        _append(self.watch_path, row)

    def add_finding(self, finding: Mapping[str, Any]) -> None:
        """Append one finding to ``findings.jsonl``."""
        _append(self.findings_path, finding)

    def write_findings(self, findings: Sequence[Mapping[str, Any]]) -> None:
        """Make these the content of ``findings.jsonl``."""
        write_atomic(self.findings_path, "".join(_line(finding) for finding in findings))

    def read_metrics(self) -> list[dict[str, Any]]:
        """All rows of ``metrics.jsonl`` in order."""
        return read_jsonl(self.metrics_path)

    def read_watch(self) -> list[dict[str, Any]]:
        """All rows of ``watch.jsonl`` in order; none where nobody watched."""
        return read_jsonl(self.watch_path)

    def read_findings(self) -> list[dict[str, Any]]:
        """All rows of ``findings.jsonl`` in order."""
        return read_jsonl(self.findings_path)

    def rewind_metrics(self, key: str, last: float) -> int:
        """Drop the rows whose ``key`` exceeds ``last``, and tell how many.

        A run that resumes from step ``last`` computes them again.
        """
        return _rewind(self.metrics_path, key, last)

    def rewind_watch(self, step: int) -> int:
        """The same for ``watch.jsonl``, whose steps are counted before they are taken."""
        if self.watch_path.is_file():
            _drop_half_line(self.watch_path)
        return _rewind(self.watch_path, "step", step - 1)


def environment() -> dict[str, Any]:
    """Versions and machine, without importing any of the packages."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpu_count": os.cpu_count(),
        "packages": versions,
    }


def read_jsonl(path: str | Path) -> list[dict[str, Any]]:
    """Rows of a JSON-lines file; a half-written last line is left out.

    Raises DataError for a damaged line in the middle, with its number.
    """
    path = Path(path)
    if not path.is_file():
        return []
    rows: list[dict[str, Any]] = []
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            if number == len(lines):
                break
            raise DataError("not readable as JSON", where=f"{path}, line {number}") from error
        if not isinstance(row, dict):
            raise DataError("not a JSON object", where=f"{path}, line {number}")
        rows.append(_restore(row))
    return rows


def _append(path: Path, row: Mapping[str, Any]) -> None:
    # One write in append mode: rows of two processes never mix within a line.
    with path.open("ab", buffering=0) as stream:
        stream.write(_line(row).encode())


def _rewind(path: Path, key: str, last: float) -> int:
    """Drop the rows whose ``key`` exceeds ``last``; how many."""
    rows = read_jsonl(path)
    kept = [row for row in rows if row.get(key, -math.inf) <= last]
    if len(kept) < len(rows):
        write_atomic(path, "".join(_line(row) for row in kept))
    return len(rows) - len(kept)


def _line(row: Mapping[str, Any]) -> str:
    return json.dumps(plain(dict(row)), allow_nan=False) + "\n"


def _restore(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _restore(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restore(item) for item in value]
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def _drop_half_line(path: Path) -> None:
    """Cut the file behind its last full line, so that appending starts on a line of its own."""
    if not path.is_file():
        path.touch()
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        write_atomic(path, data[: data.rfind(b"\n") + 1])
