"""Collections of performances: a folder of MIDI files, or a table that names them and their splits.

A *piece* is what several performers play; figures over many performances count a few of each, so
that one often recorded piece does not decide them.  Which performances belong to one piece is
told by the table's columns, or else by the folder that they lie in together with a score
(``midi_score.mid``, itself no performance), or else by the notes they share.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from partimento.core.errors import DataError, InputFileError
from partimento.core.limits import DATA_BYTES, read_limited
from partimento.music.events import TickNotes, quantise_performance
from partimento.music.leaks import same_work
from partimento.music.performance import read_performance

TABLE_NAME = "performances.csv"
FILE_COLUMNS = ("midi_performance", "midi_filename", "performance", "path", "file")
"""Columns that may name the file, the first present one counts (ASAP, MAESTRO, plain tables)."""
PIECE_COLUMNS = (("folder",), ("piece",), ("canonical_composer", "canonical_title"), ("title",))
SUFFIXES = (".mid", ".midi")
_SCORE_NAME = re.compile(r"(?:^|[_-])score$")


@dataclass(frozen=True, slots=True)
class Entry:
    """One performance: its file, its name within the collection, its piece, its split."""

    path: Path
    name: str
    piece: str
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that was passed over, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Collection:
    """What a folder or table holds; ``scores`` counts files left out because they are scores."""

    entries: tuple[Entry, ...]
    splits: tuple[str, ...] = ()
    scores: int = 0


@dataclass(frozen=True, slots=True)
class Performed:
    """A performance that was read: its entry and its notes on the grid."""

    entry: Entry
    notes: TickNotes


def open_collection(source: str | Path, root: str | Path | None = None) -> Collection:
    """The performances of a folder (with all its sub-folders) or of a CSV table.

    Paths in a table are relative to ``root``, by default the folder of the table.  A folder is
    read by its ``performances.csv`` where that names files which are there.  Nothing is parsed yet.

    Raises DataError when there are none, or the table lacks a column that names the files.
    """
    source = Path(source)
    if source.suffix.lower() in SUFFIXES and not source.is_dir():
        return Collection((Entry(source, source.name, source.name),))
    table = source / TABLE_NAME if source.is_dir() else source
    if source.is_dir() and not table.is_file():
        return _folder(source)
    entries = _table(table, table.parent if root is None else Path(root))
    if not any(entry.path.is_file() for entry in entries):
        if source.is_dir():
            return _folder(source)
        raise DataError(
            f"none of the {len(entries)} files of this table is there",
            where=str(table),
            fix="Unpack them beside the table, or say with --root where they lie",
        )
    return Collection(entries, tuple(dict.fromkeys(e.split for e in entries if e.split)))


def choose_split(collection: Collection, split: str | None, where: str) -> tuple[Collection, str]:
    """Entries of one split, and its name.

    None takes ``validation`` (or ``valid``) where the table has it and else everything; ``all``
    everything.  Raises DataError for a split that is not there.
    """
    if split is None:
        split = next((s for s in ("validation", "valid") if s in collection.splits), "all")
    if split == "all":
        return collection, "all"
    if split not in collection.splits:
        known = ", ".join(collection.splits) or "none: this collection has no splits"
        raise DataError(f"there is no split {split!r} (known: {known})", where=where)
    kept = tuple(entry for entry in collection.entries if entry.split == split)
    return replace(collection, entries=kept), split


def read_entry(entry: Entry) -> TickNotes:
    """Notes of one performance.  Raises InputFileError for a bad file and one without notes."""
    notes = quantise_performance(read_performance(entry.path))
    if len(notes) == 0:
        raise InputFileError("this file has no piano notes", where=str(entry.path))
    return notes


def read_collection(
    entries: Sequence[Entry], max_per_piece: int | None = None
) -> tuple[list[Performed], list[Unreadable]]:
    """Read the performances, at most ``max_per_piece`` of each piece: the first by name.

    A file that cannot be read is listed and does not count; the next of its piece takes its place.
    Entries without a piece (empty text) are grouped by the notes that they share, within their
    folder.
    """
    known = [entry for entry in entries if entry.piece]
    loose = [entry for entry in entries if not entry.piece]
    read: list[Performed] = []
    bad: list[Unreadable] = []
    counts: dict[str, int] = {}
    read.extend(_attempts(sorted(known, key=_name), counts, max_per_piece, bad))
    for performed in _grouped(sorted(loose, key=_name), bad):
        piece = performed.entry.piece
        if max_per_piece is None or counts.get(piece, 0) < max_per_piece:
            counts[piece] = counts.get(piece, 0) + 1
            read.append(performed)
    return sorted(read, key=lambda performed: performed.entry.name), bad


def _name(entry: Entry) -> str:
    return entry.name


def _attempts(
    entries: Sequence[Entry],
    counts: dict[str, int],
    max_per_piece: int | None,
    bad: list[Unreadable],
) -> Iterator[Performed]:
    for entry in entries:
        if max_per_piece is not None and counts.get(entry.piece, 0) >= max_per_piece:
            continue
        try:
            notes = read_entry(entry)
        except InputFileError as error:
            bad.append(Unreadable(entry.name, error.what))
            continue
        counts[entry.piece] = counts.get(entry.piece, 0) + 1
        yield Performed(entry, notes)


def _grouped(entries: Sequence[Entry], bad: list[Unreadable]) -> Iterator[Performed]:
    """Entries of one folder whose notes agree become one piece, named after its first file."""
    read = list(_attempts(entries, {}, None, bad))
    folders: dict[str, list[Performed]] = {}
    for performed in read:
        folders.setdefault(str(performed.entry.path.parent), []).append(performed)
    for members in folders.values():
        first: dict[int, str] = {}
        works = same_work([performed.notes for performed in members])
        for performed, work in zip(members, works.tolist(), strict=True):
            piece = first.setdefault(work, performed.entry.name)
            yield Performed(replace(performed.entry, piece=piece), performed.notes)


def _folder(folder: Path) -> Collection:
    files = sorted(
        file
        for file in folder.rglob("*")
        if file.suffix.lower() in SUFFIXES
        and file.is_file()
        and not any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
    )
    scores = {file for file in files if _SCORE_NAME.search(file.stem.lower())}
    homes = {file.parent for file in scores}
    entries = []
    for file in files:
        if file not in scores:
            home = file.parent
            piece = home.relative_to(folder).as_posix() if home in homes else ""
            entries.append(Entry(file, file.relative_to(folder).as_posix(), piece))
    if not entries:
        raise DataError(
            "this folder holds no performances",
            where=str(folder),
            fix=f"Performances are files that end in {' or '.join(SUFFIXES)}",
        )
    return Collection(tuple(entries), (), len(scores))


def _table(table: Path, root: Path) -> tuple[Entry, ...]:
    rows = _rows(table)
    head = list(rows[0]) if rows else []
    column = next((name for name in FILE_COLUMNS if name in head), None)
    if column is None:
        raise DataError(
            "this table has no column that names the performances",
            where=str(table),
            fix=f"Name it one of: {', '.join(FILE_COLUMNS)}",
        )
    by = next((names for names in PIECE_COLUMNS if set(names) <= set(head)), ())
    entries = (_entry(row, root, column, by) for row in rows if row[column])
    return tuple({entry.name: entry for entry in entries}.values())


def _entry(row: Mapping[str, str], root: Path, column: str, by: Sequence[str]) -> Entry:
    composer = row.get("composer", "")
    title = "/".join(row[name] for name in by if row[name])
    piece = f"{composer}/{title}" if by == ("title",) and composer else title
    return Entry(root / row[column], row[column], piece, row.get("split") or None)


def _rows(table: Path) -> list[dict[str, str]]:
    try:
        text = read_limited(table, DATA_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return [{k: (v or "").strip() for k, v in row.items() if k} for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError("this is no table in CSV form", where=str(table)) from error
