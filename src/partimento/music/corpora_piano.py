"""The piano corpora in the user's folder: MIDI files beside one table that names them.

``asap`` comes with its table; that of ``mutopia`` is made here: pieces for piano under free
licences, split by piece.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from partimento.core.errors import DataError, InputFileError
from partimento.core.files import write_atomic
from partimento.core.limits import DATA_BYTES, MIDI_BYTES, read_limited
from partimento.music.corpora_place import corpus_dir
from partimento.music.events import TickNotes, quantise_performance
from partimento.music.leaks import same_work
from partimento.music.performance import read_performance_bytes

TABLE = "performances.csv"
_FREE = ("Public Domain", "Creative Commons Attribution")
"""Beginnings of the licences that weights may be shared freely under; all others are left out."""
_LIMITED = ("NonCommercial", "NoDeriv")
_COMPANIONS = ("voice", "violin", "satb", "flute", "cello", "horn", "trumpet", "percussion")
VALID_SHARE = 0.1

Row = dict[str, str]


@dataclass(frozen=True)
class PianoCorpus:
    """One corpus: what it is, its licence, the file that lists its pieces, and how to read that.

    ``by_work``: pieces that share their notes (two editions of a work) go where the first goes.
    """

    name: str
    what: str
    licence: str
    index: str
    rows: Callable[[bytes, str], list[Row]]
    by_work: bool = False

    @property
    def how(self) -> str:
        """Words after ``partimento data``."""
        return f"add {self.name} FOLDER"


def asap_rows(content: bytes, where: str) -> list[Row]:
    """Rows of ASAP's table: file, piece (its folder), composer, split."""
    reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    rows = list(reader)
    needed = {"midi_performance", "folder", "composer", "split"}
    if not rows or not needed <= set(rows[0]):
        raise DataError(f"this table needs the columns {', '.join(sorted(needed))}", where=where)
    return [
        {
            "midi_performance": row["midi_performance"],
            "piece": row["folder"],
            "composer": row["composer"],
            "split": row["split"],
            "licence": "CC BY-NC-SA 4.0",
        }
        for row in rows
    ]


def mutopia_rows(content: bytes, where: str) -> list[Row]:
    """Rows of the Mutopia pieces for piano: public domain, CC BY or CC BY-SA.

    A piece is for piano where its file plays nothing but keyboards of the piano family and it was
    written for piano or harpsichord.  One piece in ten, chosen by the hash of its name, is for
    validation.
    """
    try:
        pieces = json.loads(content)
    except (ValueError, RecursionError):
        pieces = None
    if not isinstance(pieces, list) or not all(isinstance(p, dict) for p in pieces):
        raise DataError("this is no list of pieces", where=where)
    return [
        {
            "midi_performance": str(piece["midi"]),
            "piece": str(piece["piece"]),
            "composer": str(piece.get("composer") or ""),
            "split": split_by_hash(str(piece["piece"])),
            "licence": str(piece["license"]),
        }
        for piece in pieces
        if _is_free(piece) and _is_for_piano(piece)
    ]


def split_by_hash(name: str, share: float = VALID_SHARE) -> str:
    """``train`` or ``validation``, the same for a name for ever."""
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return "validation" if number < share * 2**64 else "train"


def _is_free(piece: Mapping[str, Any]) -> bool:
    licence = str(piece.get("license", ""))
    return licence.startswith(_FREE) and not any(word in licence for word in _LIMITED)


def _is_for_piano(piece: Mapping[str, Any]) -> bool:
    written_for = str(piece.get("instrument", "")).lower()
    attributes = piece.get("attrs")
    plays = attributes.get("inst") if isinstance(attributes, dict) else None
    named = any(word in written_for for word in ("piano", "harpsichord", "clavi"))
    others = any(word in written_for for word in _COMPANIONS)
    return "midi" in piece and "piece" in piece and plays == ["piano"] and named and not others


PIANO_CORPORA: dict[str, PianoCorpus] = {
    c.name: c
    for c in (
        PianoCorpus(
            "asap",
            "Performances of 16 composers (ASAP), train and validation split by work",
            "CC BY-NC-SA 4.0: weights trained on it are non-commercial",
            TABLE,
            asap_rows,
        ),
        PianoCorpus(
            "mutopia",
            "Scores for piano compiled to MIDI (Mutopia), train and validation split by piece",
            "per piece: public domain, CC BY or CC BY-SA",
            "pieces.json",
            mutopia_rows,
            by_work=True,
        ),
    )
}


def piano_corpus_table(name: str) -> Path:
    """The table of an installed corpus; its paths are relative to the folder it lies in.

    Raises DataError telling how to get it where it is not there.
    """
    path = corpus_dir() / name / TABLE
    if not path.is_file():
        raise DataError(
            f"the corpus {name!r} is not here yet",
            fix=f"Run partimento data {PIANO_CORPORA[name].how}",
        )
    return path


def add_piano_corpus(name: str, source: str | Path) -> dict[str, Any]:
    """Copy the performances of a corpus into the user's folder, each of them read once.

    ``source`` is the folder with the index (``performances.csv``, ``pieces.json``) and the MIDI
    files, unpacked or in ``.tar.xz`` archives; or one such archive.

    Raises DataError where the index or all of the files are missing.
    """
    corpus, source = PIANO_CORPORA[name], Path(source)
    content = _index(corpus, source)
    rows = corpus.rows(content, f"{source.name}/{corpus.index}")
    wanted = {row["midi_performance"] for row in rows}
    folder = corpus_dir() / name
    stored: dict[str, TickNotes] = {}
    damaged: list[str] = []
    for member, data in _files(source, wanted):
        try:
            stored[member] = quantise_performance(read_performance_bytes(data))
        except InputFileError:
            damaged.append(member)
            continue
        write_atomic(folder / member, data)
    kept = [row for row in rows if row["midi_performance"] in stored]
    if corpus.by_work:
        kept = _joined(kept, stored)
    if not kept:
        raise DataError(
            f"none of the {len(wanted)} files that {corpus.index} names is here",
            where=str(source),
            fix="Give the folder that holds them, or the archives that they are packed in",
        )
    write_atomic(folder / TABLE, _table(kept))
    parts = {split: sum(r["split"] == split for r in kept) for split in ("train", "validation")}
    return {
        "corpus": name,
        "folder": str(folder),
        "performances": parts,
        "damaged": damaged,
        "missing": len(wanted) - len(stored) - len(damaged),
    }


def _joined(rows: Sequence[Row], notes: Mapping[str, TickNotes]) -> list[Row]:
    """Rows in which a work, known by its notes, has one piece name and one split."""
    works = same_work([notes[row["midi_performance"]] for row in rows]).tolist()
    first: dict[int, str] = {}
    for work, row in zip(works, rows, strict=True):
        first[work] = min(first.get(work, row["piece"]), row["piece"])
    return [
        {**row, "piece": first[work], "split": split_by_hash(first[work])}
        for work, row in zip(works, rows, strict=True)
    ]


def piano_corpus_stats(name: str) -> dict[str, Any]:
    """Performances and pieces of an installed corpus by part, composer and licence.

    Raises DataError where it is not here.
    """
    path = piano_corpus_table(name)
    text = read_limited(path, DATA_BYTES).decode("utf-8", errors="replace")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    parts = {}
    for split in sorted({row["split"] for row in rows}):
        members = [row for row in rows if row["split"] == split]
        parts[split] = {
            "performances": len(members),
            "pieces": len({row["piece"] for row in members}),
            "composers": len({row["composer"] for row in members}),
        }
    licences = Counter(row["licence"] for row in rows)
    corpus = PIANO_CORPORA[name]
    return {
        "corpus": name,
        "licence": corpus.licence,
        "folder": str(path.parent),
        "parts": parts,
        "licences": dict(licences.most_common()),
    }


def piano_corpus_rows() -> list[dict[str, Any]]:
    """Every piano corpus as a row of the table of corpora."""
    return [
        {
            "name": corpus.name,
            "what": corpus.what,
            "licence": corpus.licence,
            "files": [TABLE],
            "here": [TABLE] if (corpus_dir() / corpus.name / TABLE).is_file() else [],
            "folder": str(corpus_dir() / corpus.name),
            "how": corpus.how,
            "source": f"a folder that you have: {corpus.how}",
        }
        for corpus in PIANO_CORPORA.values()
    ]


def _table(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _index(corpus: PianoCorpus, source: Path) -> bytes:
    """The bytes of the index, from the folder or from an archive in it."""
    if source.is_dir() and (source / corpus.index).is_file():
        return read_limited(source / corpus.index, DATA_BYTES)
    for archive in archives(source):
        for _, data in archive_members(archive, lambda name: name == corpus.index, DATA_BYTES):
            return data
    raise DataError(
        f"there is no {corpus.index} here",
        where=str(source),
        fix=f"Give the folder of {corpus.name} with {corpus.index} in it",
    )


def _files(source: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every wanted file that is found, each once."""
    left = set(wanted)
    if source.is_dir():
        for name in sorted(wanted):
            plain = PurePosixPath(name)
            inside = not plain.is_absolute() and ".." not in plain.parts
            if inside and (source / name).is_file():
                left.discard(name)
                yield name, read_limited(source / name, MIDI_BYTES)
    for archive in archives(source):
        if not left:
            return
        for name, data in archive_members(archive, left.__contains__, MIDI_BYTES):
            left.discard(name)
            yield name, data


def archives(source: Path) -> list[Path]:
    """The archives of a folder; or the one archive that was given."""
    return sorted(source.glob("*.tar.xz")) if source.is_dir() else [source]


def archive_members(
    archive: Path, wanted: Callable[[str], bool], limit: int
) -> Iterator[tuple[str, bytes]]:
    """Wanted plain files of an archive, read one after the other; nothing is unpacked to disk."""
    try:
        with tarfile.open(archive, "r:*") as opened:
            for member in opened:
                name = member.name.removeprefix("./")
                inside = ".." not in PurePosixPath(name).parts and not name.startswith("/")
                if not (member.isfile() and inside and member.size <= limit and wanted(name)):
                    continue
                stream = opened.extractfile(member)
                if stream is not None:
                    yield name, stream.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(f"this archive cannot be read ({error})", where=str(archive)) from error
