"""How large a file from outside may be, and the one way to read it within that size."""

from __future__ import annotations

import stat
from pathlib import Path

from partimento.core.errors import InputFileError

MEGABYTE = 1_000_000

MIDI_BYTES = 2 * MEGABYTE
MUSICXML_BYTES = 10 * MEGABYTE
TEXT_SCORE_BYTES = 2 * MEGABYTE
"""ABC and Humdrum."""
AUDIO_BYTES = 50 * MEGABYTE
CONFIG_BYTES = 1 * MEGABYTE
DATA_BYTES = 200 * MEGABYTE
"""Data sets in one JSON file."""
CHECKPOINT_BYTES = 1000 * MEGABYTE
CHECKPOINT_HEADER_BYTES = 16 * MEGABYTE

MXL_TOTAL_BYTES = 20 * MEGABYTE
"""Sum of the sizes that the entries of a compressed MusicXML file declare."""
MXL_ENTRIES = 20
MXL_RATIO = 100
"""Largest declared size divided by compressed size of one entry."""


def size_text(size_bytes: int) -> str:
    """A size for people.

    >>> size_text(2_500_000), size_text(900)
    ('2.5 MB', '900 bytes')
    """
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    if size_bytes < MEGABYTE:
        return f"{size_bytes / 1000:.1f} kB"
    return f"{size_bytes / MEGABYTE:.1f} MB"


def check_regular(path: Path) -> int:
    """Size of the regular file at ``path`` in bytes.

    Raises InputFileError for anything else: a pipe or device would never end.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise InputFileError("this file does not exist", where=str(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputFileError(f"this file cannot be read ({reason})", where=str(path)) from error
    if stat.S_ISDIR(status.st_mode):
        raise InputFileError("this is a folder, not a file", where=str(path))
    if not stat.S_ISREG(status.st_mode):
        raise InputFileError("this is not a plain file", where=str(path))
    return status.st_size


def read_limited(path: str | Path, limit: int) -> bytes:
    """The bytes of a regular file of at most ``limit`` bytes.

    Raises InputFileError when it is missing, unreadable, larger than the limit or no plain file.
    """
    path = Path(path)
    check_regular(path)
    try:
        with path.open("rb") as stream:
            # One byte more than allowed tells "too large" even if the file grows meanwhile.
            data = stream.read(limit + 1)
    except OSError as error:
        raise InputFileError(
            f"this file cannot be read ({error.strerror})", where=str(path)
        ) from error
    if len(data) > limit:
        raise InputFileError(
            f"this file is larger than the {size_text(limit)} allowed for its kind",
            where=str(path),
            fix="Cut the piece into shorter files",
        )
    return data
