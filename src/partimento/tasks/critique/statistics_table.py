"""Statistics of many clips as one table, kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.core.files import write_atomic
from partimento.core.limits import MIDI_BYTES, MUSICXML_BYTES, read_limited
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.music.percepiano import Clip


@dataclass(frozen=True, slots=True)
class StatisticsTable:
    """``values`` (N, F) float64 by ``names``, NaN where a clip has no such statistic.

    ``notes``, ``beats`` and ``measures`` (N,) int64 say how long the clips are, 0 where that is
    not known; ``score_match`` (N,) float64, NaN without a score.  ``failed``: reasons by key of
    clips that cannot be read, whose rows are NaN.
    """

    names: tuple[str, ...]
    values: np.ndarray
    notes: np.ndarray
    beats: np.ndarray
    measures: np.ndarray
    score_match: np.ndarray
    failed: Mapping[str, str]


def statistics_table(
    clips: Sequence[Clip], *, cache: str | Path | None = None, progress: Progress | None = None
) -> StatisticsTable:
    """Statistics of the performances, and against their scores where they have one.

    ``cache``: a folder in which the statistics of every clip are kept, by its content and by the
    code that makes them.
    """
    from partimento.music.clip_statistics import statistic_names

    store = None if cache is None else Path(cache)
    version = _code_version() if store is not None else b""
    rows: list[dict[str, Any]] = []
    for done, clip in enumerate(clips):
        if progress is not None:
            progress(done, len(clips), "statistics")
        rows.append(_kept(clip, store, version))
    names = statistic_names()
    values = np.full((len(rows), len(names)), np.nan)
    for i, row in enumerate(rows):
        found = row.get("statistics", {})
        values[i] = [found.get(name, np.nan) for name in names]
    sizes = np.array([row.get("sizes", [0, 0, 0]) for row in rows], dtype=np.int64).reshape(-1, 3)
    match = np.array([row.get("match", np.nan) for row in rows], dtype=np.float64)
    failed = {clip.key: row["error"] for clip, row in zip(clips, rows, strict=True) if _bad(row)}
    return StatisticsTable(names, values, sizes[:, 0], sizes[:, 1], sizes[:, 2], match, failed)


def _bad(row: Mapping[str, Any]) -> bool:
    return "error" in row


def _kept(clip: Clip, store: Path | None, version: bytes) -> dict[str, Any]:
    """The row of a clip, from the folder where it is there."""
    try:
        if store is None:
            return _row(clip)
        path = store / f"{_key(clip, version)}.json"
        row = _stored(path)
        if row is None:
            row = _row(clip)
            write_atomic(path, json.dumps(plain(row)))
        return row
    except PartimentoError as error:
        return {"error": error.text}


def _stored(path: Path) -> dict[str, Any] | None:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        floats = {str(name): float(value) for name, value in row["statistics"].items()}
        sizes = [int(size) for size in row["sizes"]]
        if len(sizes) != 3:
            return None
        return {"statistics": floats, "sizes": sizes, "match": float(row["match"])}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _row(clip: Clip) -> dict[str, Any]:
    from partimento.music.clip_statistics import clip_statistics, read_clip

    read = read_clip(clip.performance, clip.score, clip.score_midi)
    sizes = [len(read.raw.performance), 0, 0]
    if read.alignment is not None:
        sizes[1:] = [_count(read.alignment.beat), _count(read.alignment.measure)]
    match = float("nan") if read.score_match is None else float(read.score_match)
    found = clip_statistics(read.raw, read.alignment)
    return {"statistics": found, "sizes": sizes, "match": match}


def _count(index: np.ndarray) -> int:
    return len(np.unique(index))


def _key(clip: Clip, version: bytes) -> str:
    digest = hashlib.sha256(version)
    for path in (clip.performance, clip.score, clip.score_midi):
        data = b"" if path is None else read_limited(path, max(MIDI_BYTES, MUSICXML_BYTES))
        digest.update(b"%d " % len(data) + data)
    return digest.hexdigest()[:40]


def _code_version() -> bytes:
    """Digest of the modules that make the statistics: another code, other files."""
    from importlib.util import find_spec

    digest = hashlib.sha256()
    for name in (
        "alignment",
        "clip_statistics",
        "onset_warping",
        "partitura_score",
        "performance",
        "performance_raw",
        "performance_statistics",
        "score_notes",
        "score_statistics",
        "score_unfold",
    ):
        spec = find_spec(f"partimento.music.{name}")
        if spec is not None and spec.origin is not None:
            digest.update(Path(spec.origin).read_bytes())
    return digest.digest()
