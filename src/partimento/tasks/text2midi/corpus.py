"""The two corpora that text2midi learns from, and any folder of the same layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from partimento.core.errors import DataError, PartimentoError
from partimento.core.limits import DATA_BYTES, MIDI_BYTES, read_limited
from partimento.core.progress import Progress
from partimento.music.barpiece import METERS, BarPiece
from partimento.music.barpiece_read import sections_of_bytes
from partimento.music.corpora_piano import archive_members
from partimento.music.styles import corpus_style
from partimento.tasks.text2midi.interface import CorpusPiece

INDEXES = {"tunes.json": "abc_tunes", "pieces.json": "mutopia"}
VALID_SHARE = 0.1
_SALT = "text2midi 22"
"""Chosen so that no composer of forty pieces or more is held out; nothing else was looked at."""
_NOBODY = ("", "Traditional", "Anonymous", "anon")
LEAST_NOTES = 8
"""An excerpt with less has no attributes worth speaking of."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Some bars of a piece: ``opens`` where the piece begins, ``closes`` where it ends."""

    piece: CorpusPiece
    music: BarPiece
    opens: bool
    closes: bool


def read_corpus(
    source: str | Path, part: str | None = None, *, progress: Progress | None = None
) -> list[CorpusPiece]:
    """All pieces of a folder or archive in the layout of the tunes or of Mutopia.

    ``part`` train or valid keeps one side of our split: by group of near-duplicates for the tunes;
    for Mutopia by composer, and by piece where nobody is named.  Files that cannot be read are
    left out.  Raises DataError where there is no index or nothing could be read.
    """
    source = Path(source)
    index, rows = _index(source)
    heads = [_head(INDEXES[index], row) for row in rows]
    wanted = {h["midi"]: h for h in heads if part is None or h["part"] == part}
    pieces = []
    for done, (name, data) in enumerate(_members(source, set(wanted))):
        piece = _piece(wanted[name], data)
        if piece is not None:
            pieces.append(piece)
        if progress is not None:
            progress(done + 1, len(wanted), "pieces")
    if not pieces:
        raise DataError(
            "no piece of this data could be read",
            where=str(source),
            fix="Give the folder that holds the index and the MIDI files it names",
        )
    return sorted(pieces, key=lambda p: p.id)


def excerpts(
    piece: CorpusPiece, bars: int, rng: np.random.Generator | None = None
) -> list[Excerpt]:
    """Stretches of ``bars`` bars end to end; the last one ends with the section.

    With ``rng`` they begin at a random bar.  A shorter section comes whole.
    """
    found = []
    last = len(piece.sections) - 1
    for number, section in enumerate(piece.sections):
        for start in _starts(section.bars, bars, rng):
            music = section.excerpt(start, min(bars, section.bars - start))
            if len(music) >= LEAST_NOTES:
                closes = number == last and start + bars >= section.bars
                found.append(Excerpt(piece, music, number == 0 and start == 0, closes))
    return found


def _starts(total: int, bars: int, rng: np.random.Generator | None) -> list[int]:
    if total <= bars:
        return [0]
    if rng is not None:
        offset = int(rng.integers(0, bars))
        starts = list(range(offset, total - bars + 1, bars))
        return starts or [total - bars]
    starts = list(range(0, total - bars + 1, bars))
    if total - bars - starts[-1] >= bars // 2:
        starts.append(total - bars)
    return starts


def _index(source: Path) -> tuple[str, list[Mapping[str, Any]]]:
    """Name and rows of the index of a folder or of an archive."""
    if not source.exists():
        raise DataError("there is no such file or folder", where=str(source))
    for folder in _folders(source):
        for name in INDEXES:
            if (folder / name).is_file():
                return name, _rows(read_limited(folder / name, DATA_BYTES), str(folder / name))
    for archive in _archives(source):
        for name, data in archive_members(archive, lambda n: _base(n) in INDEXES, DATA_BYTES):
            return _base(name), _rows(data, f"{archive}: {name}")
    raise DataError(
        "there is neither tunes.json nor pieces.json here",
        where=str(source),
        fix="Give a folder or archive in the layout of the tunes or of Mutopia",
    )


def _rows(data: bytes, where: str) -> list[Mapping[str, Any]]:
    try:
        rows = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(f"this index is no JSON ({error})", where=where) from error
    if not isinstance(rows, list) or not all(isinstance(r, dict) and "midi" in r for r in rows):
        raise DataError("this index is no list of pieces with the field midi", where=where)
    return rows


def _folders(source: Path) -> list[Path]:
    """The folder itself and those in it."""
    if not source.is_dir():
        return []
    return [source, *sorted(p for p in source.iterdir() if p.is_dir())]


def _archives(source: Path) -> list[Path]:
    if source.is_dir():
        return sorted([*source.glob("*.tar.*"), *source.glob("*.tar"), *source.glob("*.tgz")])
    return [source]


def _base(name: str) -> str:
    return PurePosixPath(name).name


def _members(source: Path, wanted: set[str]) -> Iterator[tuple[str, bytes]]:
    """Name as in the index and bytes of every wanted MIDI file, each once."""
    left = set(wanted)
    for folder in _folders(source):
        for name in sorted(left):
            plain = PurePosixPath(name)
            inside = not plain.is_absolute() and ".." not in plain.parts
            if inside and (folder / name).is_file():
                left.discard(name)
                yield name, read_limited(folder / name, MIDI_BYTES)
    for archive in _archives(source):
        if not left:
            return
        for name, data in archive_members(archive, lambda n: _listed(n, left) != "", MIDI_BYTES):
            known = _listed(name, left)
            if known:
                left.discard(known)
                yield known, data


def _listed(name: str, left: set[str]) -> str:
    """The name in the index of an archive's member, which may lie in a folder more."""
    if name in left:
        return name
    inner = name.partition("/")[2]
    return inner if inner in left else ""


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _head(source: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the index says of a piece, in our words."""
    midi = str(row["midi"])
    if source == "abc_tunes":
        group = f"abc-{row.get('dup_group', row.get('id', midi))}"
        style = corpus_style(_text(row, "rhythm")) or ""
        about = {
            "title": _text(row, "title"),
            "style": style,
            "key": _text(row, "key"),
            "meter": _text(row, "meter"),
            "book": _text(row, "coll"),
            "licence": "Public Domain",
        }
        stated, composer, split = bool(_text(row, "tempo")), "", group
        name = str(row.get("id", midi))
    else:
        composer = _text(row, "composer_id") or _text(row, "composer")
        group = f"mutopia-{_text(row, 'piece') or midi}"
        about = {
            "title": _text(row, "title"),
            "style": corpus_style(_text(row, "style")) or "",
            "instrument": _text(row, "instrument"),
            "composer": composer,
            "licence": _text(row, "license"),
        }
        stated = bool(row.get("has_tempo", True))
        split = group if composer in _NOBODY else f"composer-{composer}"
        name = PurePosixPath(midi).stem
    return {
        **{"midi": midi, "id": name, "source": source, "group": group, "composer": composer},
        **{"stated": stated, "about": about, "part": split_part(split)},
    }


def split_part(name: str) -> str:
    """Train or valid, by the hash of a group's name."""
    digest = hashlib.sha256(f"{_SALT}/{name}".encode()).digest()
    return "valid" if int.from_bytes(digest[:4], "big") < VALID_SHARE * 2**32 else "train"


def _piece(head: Mapping[str, Any], data: bytes) -> CorpusPiece | None:
    try:
        sections = sections_of_bytes(data, head["midi"])
    except PartimentoError:
        return None
    sections = [s for s in sections if s.meter in METERS]
    if not head["stated"]:
        sections = [replace(s, tempo_stated=False) for s in sections]
    if not sections:
        return None
    names = ("id", "source", "group", "composer", "part", "about")
    return CorpusPiece(sections=tuple(sections), **{name: head[name] for name in names})


def corpus_hash(pieces: Sequence[CorpusPiece]) -> str:
    """SHA-256 of all notes in order."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece.id.encode())
        for section in piece.sections:
            digest.update(section.onset.astype("<i4").tobytes())
            digest.update(section.pitch.astype("<i2").tobytes())
    return digest.hexdigest()
