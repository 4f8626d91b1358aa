"""Scores in and out of files: the format is told from the content, never from the name alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from partimento.core.errors import ConfigError, InputFileError
from partimento.core.files import write_atomic
from partimento.core.limits import (
    MIDI_BYTES,
    MUSICXML_BYTES,
    TEXT_SCORE_BYTES,
    read_limited,
    size_text,
)
from partimento.music.score import Score

Format = Literal["midi", "musicxml", "mxl", "abc", "humdrum"]

SUFFIXES: dict[str, Format] = {
    ".mid": "midi",
    ".midi": "midi",
    ".smf": "midi",
    ".musicxml": "musicxml",
    ".xml": "musicxml",
    ".mxl": "mxl",
    ".abc": "abc",
    ".krn": "humdrum",
    ".kern": "humdrum",
    ".hum": "humdrum",
}
"""File endings and the formats they promise."""
_LIMITS: dict[Format, int] = {
    "midi": MIDI_BYTES,
    "musicxml": MUSICXML_BYTES,
    "mxl": MUSICXML_BYTES,
    "abc": TEXT_SCORE_BYTES,
    "humdrum": TEXT_SCORE_BYTES,
}
_NAMES: dict[Format, str] = {
    "midi": "MIDI",
    "musicxml": "MusicXML",
    "mxl": "compressed MusicXML",
    "abc": "ABC",
    "humdrum": "Humdrum",
}
_ACCEPTED = "Give MIDI, MusicXML (.musicxml, .mxl), ABC or Humdrum"
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_ABC_FIELD = re.compile(r"^(X:|%abc|T:.*\n(?:.*\n)*?K:)", re.MULTILINE)
_HUMDRUM = re.compile(r"^\*\*\w", re.MULTILINE)
_STRANGERS: tuple[tuple[bytes, str], ...] = (
    (b"RIFF", "a RIFF file (sound, or MIDI wrapped in it)"),
    (b"%PDF", "a PDF; optical music recognition is another program's work"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"ID3", "a sound file"),
    (b"fLaC", "a sound file"),
    (b"OggS", "a sound file"),
    (b"\x1f\x8b", "a gzip archive"),
)


def read_score(path: str | Path, *, fmt: str | None = None) -> Score:
    """The score in a file; its format is told from the content unless ``fmt`` says it.

    A name that promises another format than the content is only a warning in ``Score.warnings``.

    Raises InputFileError, which names the file, for everything that cannot be read.
    """
    path = Path(path)
    data = read_limited(path, max(_LIMITS.values()))
    return read_score_bytes(data, str(path), fmt=fmt)


def read_score_bytes(data: bytes, name: str, *, fmt: str | None = None) -> Score:
    """The score in ``data``; ``name`` stands in messages and gives the expected format."""
    given = _given_format(fmt)
    try:
        found = given or sniff(data)
        if len(data) > _LIMITS[found]:
            raise InputFileError(
                f"this {_NAMES[found]} file is larger than the {size_text(_LIMITS[found])} allowed"
            )
        score = _reader(found)(data)
    except InputFileError as error:
        where = f"{name}, {error.where}" if error.where else name
        raise InputFileError(error.what, where=where, fix=error.fix) from error
    promised = SUFFIXES.get(Path(name).suffix.lower())
    if promised not in (None, found):
        warning = (
            f"{Path(name).name} is named like {_NAMES[promised]} but holds "
            f"{_NAMES[found]}; it was read as that."
        )
        score = replace(score, warnings=(warning, *score.warnings))
    return score


def _given_format(name: str | None) -> Format | None:
    for fmt in _NAMES:
        if name == fmt:
            return fmt
    if name is None:
        return None
    raise ConfigError(f"{name[:40]!r} is no score format", fix=f"Take {', '.join(_NAMES)}")


def write_score(score: Score, path: str | Path) -> None:
    """Write a score in the format of the path's ending (.musicxml, .xml, .mxl, .mid, .midi).

    Raises ConfigError for another ending.
    """
    path = Path(path)
    fmt = SUFFIXES.get(path.suffix.lower())
    if fmt == "midi":
        from partimento.music.midi_write import write_midi

        write_midi(score, path)
    elif fmt == "musicxml":
        from partimento.music.musicxml_write import write_musicxml

        write_musicxml(score, path)
    elif fmt == "mxl":
        from partimento.music.musicxml_write import musicxml_text
        from partimento.music.mxl import pack_mxl

        write_atomic(path, pack_mxl(musicxml_text(score)))
    else:
        raise ConfigError(
            f"scores are not written as {path.suffix or 'a file without ending'}",
            where=str(path),
            fix="Choose .musicxml, .mxl or .mid",
        )


def sniff(data: bytes) -> Format:
    """The format that the content shows.

    Raises InputFileError when it is none of ours, saying what it seems to be.
    """
    if not data.strip():
        raise InputFileError("this file is empty", fix=_ACCEPTED)
    if data.startswith(b"MThd"):
        return "midi"
    if data.startswith(b"PK\x03\x04") or data.startswith(b"PK\x05\x06"):
        return "mxl"
    for magic, what in _STRANGERS:
        if data.startswith(magic):
            raise InputFileError(f"this is {what}, not a score", fix=_ACCEPTED)
    return _sniff_text(data)


def _sniff_text(data: bytes) -> Format:
    head = _decode(data[:20_000], partial=True)
    text = head.lstrip()
    if text.startswith("<"):
        return "musicxml"
    if _HUMDRUM.search(text) and (text.startswith(("**", "!")) or "\n**" in text):
        return "humdrum"
    if _ABC_FIELD.search(head):
        return "abc"
    if text.startswith(("{", "[")):
        raise InputFileError(
            "this is JSON, a data set rather than a score",
            fix="Data sets go to evaluate, train and data; for one piece " + _ACCEPTED.lower(),
        )
    raise InputFileError("this is text, but no score that can be read", fix=_ACCEPTED)


def _decode(data: bytes, *, partial: bool = False) -> str:
    """Text as UTF-8, UTF-16 with its mark, or Latin-1; binary garbage is refused."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            even = data[: len(data) // 2 * 2] if encoding == "utf-16" else data
            return even.decode(encoding, "replace")
    if data[:4] in (b"<\x00?\x00", b"\x00<\x00?"):
        return data.replace(b"\x00", b"").decode("latin-1")
    if b"\x00" in data:
        raise InputFileError("this file is binary and no score that can be read", fix=_ACCEPTED)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if partial and error.start > len(data) - 4:
            return data[: error.start].decode("utf-8")
    text = data.decode("latin-1")
    strange = sum((c < " " and c not in "\t\n\r\f") or "\x7f" <= c <= "\x9f" for c in text)
    if strange > 0.05 * len(text):
        raise InputFileError("this file is binary and no score that can be read", fix=_ACCEPTED)
    return text


def _reader(fmt: Format) -> Callable[[bytes], Score]:
    """The function that reads a format; its module is imported only now."""
    if fmt == "midi":
        from partimento.music.midi import read_midi

        return read_midi
    if fmt == "musicxml":
        from partimento.music.musicxml_read import read_musicxml

        return read_musicxml
    if fmt == "mxl":
        return _read_mxl
    return _read_abc if fmt == "abc" else _read_humdrum


def _read_mxl(data: bytes) -> Score:
    from partimento.music.musicxml_read import read_musicxml
    from partimento.music.mxl import unpack_mxl

    return read_musicxml(unpack_mxl(data))


def _read_abc(data: bytes) -> Score:
    from partimento.music.abc import read_abc

    return read_abc(_decode(data))


def _read_humdrum(data: bytes) -> Score:
    from partimento.music.humdrum import read_humdrum

    return read_humdrum(_decode(data))
