"""Piano performances as the doctor examines them: the 388 events of each, by part and piece."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from partimento.core.errors import DataError, InputFileError
from partimento.doctor.case import DataFacts
from partimento.music.corpora_piano import PIANO_CORPORA
from partimento.music.events import PAD, VOCABULARY
from partimento.music.leaks import same_work
from partimento.tasks.piano.corpus import Entry, Performed, read_entry
from partimento.tasks.piano.data import find_collection, framed

LIMIT = 1000
"""Performances that are read; of more so many are drawn."""


def data_facts(
    folder: Path, *, root: Path | None = None, limit: int = LIMIT, seed: int = 0
) -> DataFacts:
    """Facts of a folder or table of MIDI performances, or of an installed corpus by its name.

    Besides the pieces by name there are those by their notes (group ``notes``, see
    :mod:`partimento.music.leaks`), so that one work under two names is found.
    Raises DataError where there are none that can be read.
    """
    named = str(folder) in PIANO_CORPORA and not folder.exists()
    collection = find_collection(str(folder), None if root is None or named else str(root))
    entries = _drawn(list(collection.entries), limit, seed)
    read, dropped = _read(entries)
    if not read:
        raise DataError("none of these performances can be read", where=str(folder))
    works = same_work([one.notes for one in read])
    parts = [one.entry.split or "" for one in read]
    return DataFacts(
        inputs=[framed(one.notes).astype(np.int64) for one in read],
        split=parts if any(parts) else (),
        groups={
            "piece": [one.entry.piece for one in read],
            "notes": [f"work {number}" for number in works.tolist()],
        },
        vocabulary=VOCABULARY,
        pitch_tokens=(0, 127),
        pad_token=PAD,
        dropped=dropped,
        names=[one.entry.name for one in read],
    )


def _drawn(entries: list[Entry], limit: int, seed: int) -> list[Entry]:
    if len(entries) <= limit:
        return entries
    places = np.random.default_rng(seed).choice(len(entries), limit, replace=False)
    return [entries[i] for i in sorted(places.tolist())]


def _read(entries: list[Entry]) -> tuple[list[Performed], int]:
    """The performances, and how many cannot be read."""
    read: list[Performed] = []
    for entry in entries:
        try:
            read.append(Performed(entry, read_entry(entry)))
        except InputFileError:
            continue
    return read, len(entries) - len(read)
