"""PNG files without a picture library: pixels to a file, and text chunks beside the pixels.

Source: W3C Recommendation "Portable Network Graphics (PNG) Specification", second edition, 2003.
Shape suffixes: H, W and C height, width and colours of a picture.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER_END = len(SIGNATURE) + 25
"""Behind the first chunk, IHDR: 13 bytes of data, 12 of frame."""


def png_of(pixels_HWC: np.ndarray) -> bytes:
    """An RGB picture, (H, W, 3) uint8, as PNG.  Raises ValueError for any other array."""
    if pixels_HWC.ndim != 3 or pixels_HWC.shape[2] != 3 or pixels_HWC.dtype != np.uint8:
        raise ValueError(f"a picture is (H, W, 3) uint8, not {pixels_HWC.shape} {pixels_HWC.dtype}")
    height, width, _ = pixels_HWC.shape
    if not (height and width):
        raise ValueError("a picture has at least one pixel")
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = np.concatenate(
        [np.zeros((height, 1), np.uint8), pixels_HWC.reshape(height, width * 3)], axis=1
    )
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def with_text(png: bytes, fields: Mapping[str, str]) -> bytes:
    """The PNG with text chunks behind its header.

    Keys have 1 to 79 characters.  Characters outside Latin-1 become question marks, as the format
    has no others here.  Raises ValueError for what is no PNG and for a key that is none.
    """
    if not png.startswith(SIGNATURE) or png[12:16] != b"IHDR":
        raise ValueError("this is no PNG")
    chunks = []
    for key, text in fields.items():
        if not 1 <= len(key) <= 79 or not key.isascii() or not key.isprintable():
            raise ValueError(f"{key!r} is no key of a text in a PNG")
        body = text.replace("\0", " ").encode("latin-1", "replace")
        chunks.append(_chunk(b"tEXt", key.encode("latin-1") + b"\0" + body))
    return png[:_HEADER_END] + b"".join(chunks) + png[_HEADER_END:]


def read_text(png: bytes) -> dict[str, str]:
    """The text chunks of a PNG.  Raises ValueError for what is no PNG or is cut off."""
    if not png.startswith(SIGNATURE):
        raise ValueError("this is no PNG")
    found = {}
    for kind, data in _chunks(png):
        if kind == b"tEXt":
            key, _, text = data.partition(b"\0")
            found[key.decode("latin-1")] = text.decode("latin-1")
    return found


def png_size(png: bytes) -> tuple[int, int]:
    """Width and height in pixels.  Raises ValueError for what is no PNG."""
    if not png.startswith(SIGNATURE) or len(png) < _HEADER_END:
        raise ValueError("this is no PNG")
    width, height = struct.unpack(">II", png[16:24])
    return int(width), int(height)


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(SIGNATURE)
    while place < len(png):
        if place + 12 > len(png):
            raise ValueError("this PNG is cut off")
        (length,) = struct.unpack(">I", png[place : place + 4])
        if place + 12 + length > len(png):
            raise ValueError("this PNG is cut off")
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += 12 + length
