"""Which works are in a collection of performances, in which splits, and how to split by work."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError, DataError
from partimento.core.files import write_atomic
from partimento.music.leaks import THRESHOLD, leaks, same_work, split_works
from partimento.tasks.piano.corpus import Performed, Unreadable, open_collection, read_collection


def data_leaks(
    source: str | Path, *, root: str | Path | None = None, threshold: float = THRESHOLD
) -> dict[str, Any]:
    """Performances of one work that are in different splits of a table.

    ``source`` and ``root`` as in :func:`~partimento.tasks.piano.corpus.open_collection`; method
    and threshold: :mod:`partimento.music.leaks`.  ``pairs`` lists the leaks, the surest first;
    ``works`` counts the works found by their notes.  A plain folder has no splits, so no leaks.

    Raises DataError when nothing can be read.
    """
    _check_share(threshold, "--threshold")
    read, unreadable = _read(source, root)
    splits = sorted({one.entry.split for one in read if one.entry.split})
    parts = {
        split: {one.entry.name: one.notes for one in read if one.entry.split == split}
        for split in splits
    }
    pairs = []
    for first, second in combinations(splits, 2):
        for leak in leaks(parts[first], parts[second], threshold):
            found = {first: leak.train, second: leak.valid}
            pairs.append({"files": found, "containment": leak.containment})
    works = same_work([one.notes for one in read], threshold)
    return {
        "performances": len(read),
        "splits": {split: len(part) for split, part in parts.items()},
        "works": int(works.max()) + 1,
        "threshold": threshold,
        "leaks": len(pairs),
        "pairs": pairs,
        "unreadable": [asdict(one) for one in unreadable],
    }


def data_split(
    source: str | Path,
    out: str | Path,
    *,
    root: str | Path | None = None,
    share: float = 0.15,
    seed: int = 0,
) -> dict[str, Any]:
    """Split the performances of a folder by work, and write the table that says so.

    Works are found by their notes (:mod:`partimento.music.leaks`).  The table has the columns
    ``piece``, ``midi_performance`` (relative to ``source``) and ``split``; ``share`` is the part of
    all notes that goes to validation, at most.

    Raises DataError when nothing can be read.
    """
    _check_share(share, "--share")
    read, unreadable = _read(source, root)
    pieces = {one.entry.name: one.notes for one in read}
    chosen = split_works(pieces, np.random.default_rng(seed), share)
    works = same_work(list(pieces.values())).tolist()
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("piece", "midi_performance", "split"))
    for work, (name, split) in zip(works, chosen.items(), strict=True):
        writer.writerow((f"work {work + 1}", name, split))
    write_atomic(out, text.getvalue())
    counts = {part: list(chosen.values()).count(part) for part in ("train", "validation")}
    return {
        "performances": len(read),
        "works": len(set(works)),
        "splits": counts,
        "file": str(out),
        "unreadable": [asdict(one) for one in unreadable],
    }


def _read(
    source: str | Path, root: str | Path | None
) -> tuple[Sequence[Performed], Sequence[Unreadable]]:
    read, unreadable = read_collection(open_collection(source, root).entries)
    if not read:
        raise DataError("no performance can be read here", where=str(source))
    return read, unreadable


def _check_share(value: float, option: str) -> None:
    if not 0.0 <= value <= 1.0:
        raise ConfigError(f"{value} is not between 0 and 1", where=option)
