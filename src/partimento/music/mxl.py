"""Compressed MusicXML (.mxl): a zip archive that names its score in META-INF/container.xml.

Nothing is ever extracted to disk, and every read is bounded, whatever the archive declares.
"""

from __future__ import annotations

import io
import zipfile
import zlib

from partimento.core.errors import InputFileError
from partimento.core.limits import (
    MUSICXML_BYTES,
    MXL_ENTRIES,
    MXL_RATIO,
    MXL_TOTAL_BYTES,
    size_text,
)
from partimento.music.xml_tree import parse_xml

CONTAINER = "META-INF/container.xml"
_END_RECORD = b"PK\x05\x06"
_DIRECTORY_BYTES = 64_000
"""Largest central directory of an archive with :data:`MXL_ENTRIES` entries and sane names."""
_SMALL_ENTRY_BYTES = 1000
"""Tiny entries may compress well without being a bomb."""


def unpack_mxl(data: bytes) -> bytes:
    """The MusicXML document inside a .mxl file.

    Raises InputFileError for archives that are broken, encrypted, too large, compressed beyond
    reason, or that name files outside themselves.
    """
    _check_directory_size(data)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = {info.filename: info for info in _checked_entries(archive)}
            return _read_entry(archive, entries[_root_name(archive, entries)], MUSICXML_BYTES)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise InputFileError(
            "this .mxl archive is damaged", fix="Save it again from a music program"
        ) from error
    except (NotImplementedError, RuntimeError, ValueError) as error:
        raise InputFileError("this .mxl archive uses zip features that are not read") from error


def pack_mxl(document: str) -> bytes:
    """A .mxl archive around a MusicXML document; the same text gives the same bytes."""
    container = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
        '<rootfile full-path="score.musicxml" '
        'media-type="application/vnd.recordare.musicxml+xml"/></rootfiles></container>\n'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in ((CONTAINER, container), ("score.musicxml", document)):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, text)
    return buffer.getvalue()


def _check_directory_size(data: bytes) -> None:
    """Refuse a huge table of contents before zipfile builds an object for each of its lines."""
    place = data.rfind(_END_RECORD)
    if place < 0 or place + 22 > len(data):
        raise InputFileError("this zip archive is cut off", fix="Copy the file again")
    entries = int.from_bytes(data[place + 10 : place + 12], "little")
    directory = int.from_bytes(data[place + 12 : place + 16], "little")
    if entries > MXL_ENTRIES or directory > _DIRECTORY_BYTES:
        raise InputFileError(
            f"this .mxl archive has more than the {MXL_ENTRIES} entries allowed",
            fix="Unpack it yourself and give the .musicxml file in it",
        )


def _checked_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The entries, after checking their number, names, methods and declared sizes."""
    entries = archive.infolist()
    if len(entries) > MXL_ENTRIES:
        raise InputFileError(f"this .mxl archive has more than the {MXL_ENTRIES} entries allowed")
    for info in entries:
        _check_entry(info)
    total = sum(info.file_size for info in entries)
    if total > MXL_TOTAL_BYTES:
        raise InputFileError(
            f"this .mxl archive unpacks to {size_text(total)}, "
            f"more than the {size_text(MXL_TOTAL_BYTES)} allowed"
        )
    return entries


def _check_entry(info: zipfile.ZipInfo) -> None:
    name = info.filename.replace("\\", "/")
    if name.startswith("/") or ":" in name or ".." in name.split("/"):
        raise InputFileError("this .mxl archive names a file outside itself")
    if info.flag_bits & 1:
        raise InputFileError("this .mxl archive is encrypted", fix="Save it without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputFileError("this .mxl archive uses a compression that .mxl does not allow")
    ratio_limit = MXL_RATIO * max(info.compress_size, 1)
    if info.file_size > max(ratio_limit, _SMALL_ENTRY_BYTES):
        raise InputFileError(
            f"an entry of this .mxl archive is compressed more than {MXL_RATIO} to 1, "
            "as in a zip bomb"
        )


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int) -> bytes:
    """At most ``limit`` bytes of one entry, whatever size it declares."""
    with archive.open(info) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise InputFileError(
            f"the score in this .mxl archive is larger than the {size_text(limit)} allowed"
        )
    return content


def _root_name(archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> str:
    """Name of the score: what the container says, else the first MusicXML file."""
    if CONTAINER in entries:
        container = parse_xml(_read_entry(archive, entries[CONTAINER], _DIRECTORY_BYTES))
        rootfile = container.find("rootfiles", "rootfile")
        name = rootfile.get("full-path") if rootfile else ""
        if name in entries:
            return name
        raise InputFileError("this .mxl archive lacks the score that its container names")
    for name in entries:
        if name.endswith((".musicxml", ".xml")) and not name.startswith("META-INF/"):
            return name
    raise InputFileError(
        "this zip archive holds no MusicXML score", fix="Give a .mxl file or the score itself"
    )
