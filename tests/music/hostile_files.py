"""Files that should do no harm: made here, so that none of them lies in the repository."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from random import Random

from small_scores import pickup_hymn

from partimento.music.midi_write import midi_bytes
from partimento.music.musicxml_write import musicxml_text

NOTE = (
    "<note><pitch><step>C</step><octave>5</octave></pitch><duration>1</duration>"
    "<type>quarter</type></note>"
)
CONTAINER = b"<container><rootfiles><rootfile full-path='score.musicxml'/></rootfiles></container>"


def xml(bars: str = f"<measure>{NOTE}</measure>", before: str = "") -> bytes:
    return (
        f"{before}<score-partwise><part-list><score-part id='P1'><part-name/></score-part>"
        f"</part-list><part id='P1'>{bars}</part></score-partwise>"
    ).encode()


def archive(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, content in entries.items():
            opened.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return buffer.getvalue()


def mxl(score: bytes, **more: bytes) -> bytes:
    entries = {"META-INF/container.xml": CONTAINER, "score.musicxml": score}
    return archive({**entries, **more})


def dense(size: int) -> bytes:
    """Bytes that deflate about 20 to 1, which is no bomb yet."""
    block = Random(0).randbytes(5000) + bytes(95_000)
    return (block * (size // len(block) + 1))[:size]


def billion_laughs() -> bytes:
    entities = '<!ENTITY a "ha">' + "".join(
        f'<!ENTITY {b} "&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};&{a};">'
        for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    return xml(before=f"<!DOCTYPE x [{entities}]>").replace(
        b"<part-name/>", b"<part-name>&i;</part-name>"
    )


def external_entity() -> bytes:
    doctype = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'
    return xml(before=doctype).replace(b"<part-name/>", b"<part-name>&e;</part-name>")


def lying_sizes() -> bytes:
    """An archive whose directory declares 100 bytes for what unpacks to 30 MB."""
    data = bytearray(mxl(b" " * 30_000_000))
    real = (30_000_000).to_bytes(4, "little")
    while (place := data.find(real)) >= 0:
        data[place : place + 4] = (100).to_bytes(4, "little")
    return bytes(data)


def encrypted() -> bytes:
    data = bytearray(mxl(xml()))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.find(mark)
        while place >= 0:
            data[place + offset] |= 1
            place = data.find(mark, place + 1)
    return bytes(data)


def stored_text_as(name: str) -> bytes:
    return archive({name: xml(), "META-INF/container.xml": CONTAINER})


REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "empty": ("x.mid", lambda: b"", "empty"),
    "blanks": ("x.musicxml", lambda: b"  \n \n", "empty"),
    "binary": ("x.mid", lambda: bytes(range(256)) * 20, "binary"),
    "compressed noise": ("x.musicxml", lambda: zlib.compress(bytes(5000)) * 5, "binary"),
    "prose": ("x.xml", lambda: b"Dear choir, the score follows.", "no score"),
    "picture": ("x.mid", lambda: b"\x89PNG\r\n\x1a\n....", "picture"),
    "sound": ("x.mid", lambda: b"RIFF\x00\x00\x00\x00WAVEfmt ", "RIFF"),
    "grids": ("x.json", lambda: b'{"train": [[[60, 55, 52, 48]]]}', "JSON"),
    "web page": ("x.xml", lambda: b"<!DOCTYPE html><html><p>hello</p></html>", "no MusicXML"),
    "truncated MIDI": ("x.mid", lambda: midi_bytes(pickup_hymn())[:-10], "cut off"),
    "truncated XML": (
        "x.musicxml",
        lambda: musicxml_text(pickup_hymn()).encode()[:-500],
        "well-formed",
    ),
    "huge MIDI": ("x.mid", lambda: b"MThd" + bytes(2_000_001), "larger than the 2.0 MB"),
    "huge XML": ("x.musicxml", lambda: xml() + b" " * 10_000_001, "larger than the 10.0 MB"),
    "billion laughs": ("x.musicxml", billion_laughs, "entities"),
    "external entity": ("x.musicxml", external_entity, "entities"),
    "parameter entity": (
        "x.musicxml",
        lambda: xml(before='<!DOCTYPE x [<!ENTITY % p SYSTEM "http://localhost/p"> %p;]>'),
        "entities",
    ),
    "undefined entity": (
        "x.musicxml",
        lambda: xml().replace(b"<part-name/>", b"<part-name>&who;</part-name>"),
        "well-formed",
    ),
    "deep nesting": ("x.musicxml", lambda: b"<a>" * 100_000, "nests deeper"),
    "deep nesting in a bar": (
        "x.musicxml",
        lambda: xml("<measure>" + "<b>" * 5000 + "</b>" * 5000 + "</measure>"),
        "nests deeper",
    ),
    "too many parts": (
        "x.musicxml",
        lambda: (
            b"<score-partwise>"
            + b"".join(b"<part id='p%d'><measure/></part>" % i for i in range(201))
            + b"</score-partwise>"
        ),
        "parts",
    ),
    "too long": (
        "x.musicxml",
        lambda: xml(
            "<measure><forward><duration>4000</duration></forward></measure>" * 30,
        ),
        "longer than",
    ),
    "huge digits": (
        "x.musicxml",
        lambda: xml(
            "<measure><forward><duration>" + "9" * 5000 + "</duration></forward></measure>"
        ),
        "no number",
    ),
    "beat-type 0": (
        "x.musicxml",
        lambda: xml(
            "<measure><attributes><time><beats>4</beats><beat-type>0</beat-type></time>"
            f"</attributes>{NOTE}</measure>"
        ),
        "beat-type",
    ),
    "divisions 0": (
        "x.musicxml",
        lambda: xml(f"<measure><attributes><divisions>0</divisions></attributes>{NOTE}</measure>"),
        "divisions",
    ),
    "zip bomb": ("x.mxl", lambda: mxl(b" " * 15_000_000), "zip bomb"),
    "large archive": (
        "x.mxl",
        lambda: archive({**{f"{i}.png": dense(11_000_000) for i in range(2)}, "s.xml": xml()}),
        "more than the 20.0 MB",
    ),
    "lying sizes": ("x.mxl", lying_sizes, "damaged|larger"),
    "too many entries": (
        "x.mxl",
        lambda: archive({f"{i}.xml": b"<a/>" for i in range(21)}),
        "entries",
    ),
    "very many entries": (
        "x.mxl",
        lambda: archive({f"{i}": b"" for i in range(3000)}, zipfile.ZIP_STORED),
        "entries",
    ),
    "traversal": ("x.mxl", lambda: stored_text_as("../../outside.musicxml"), "outside itself"),
    "absolute name": ("x.mxl", lambda: stored_text_as("/outside.musicxml"), "outside itself"),
    "windows name": ("x.mxl", lambda: stored_text_as("C:\\outside.xml"), "outside itself"),
    "missing root": ("x.mxl", lambda: archive({"META-INF/container.xml": CONTAINER}), "lacks"),
    "no score inside": ("x.mxl", lambda: archive({"readme.txt": b"hello"}), "no MusicXML"),
    "encrypted": ("x.mxl", encrypted, "encrypted"),
    "bzip2": ("x.mxl", lambda: archive({"score.xml": xml()}, zipfile.ZIP_BZIP2), "compression"),
    "truncated archive": ("x.mxl", lambda: mxl(xml())[:-30], "cut off"),
    "cut in the middle": ("x.mxl", lambda: mxl(xml())[:40], "cut off"),
    "entities in the container": (
        "x.mxl",
        lambda: archive({"META-INF/container.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + CONTAINER}),
        "entities",
    ),
}
"""Name -> (file name, maker, what the message must say)."""

HARMLESS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "repeat of a billion times": (
        "x.musicxml",
        lambda: xml(
            f"<measure>{NOTE}<barline><repeat direction='backward' times='1000000000'/></barline>"
            "</measure>"
        ),
    ),
    "bar number of a billion": (
        "x.musicxml",
        lambda: xml(f"<measure number='1000000000'>{NOTE}</measure>"),
    ),
    "endless bar number": (
        "x.musicxml",
        lambda: xml(f"<measure number='{'9' * 100_000}'>{NOTE}</measure>"),
    ),
    "archive without container": ("x.mxl", lambda: archive({"score.xml": xml()})),
    "byte order mark": ("x.musicxml", lambda: b"\xef\xbb\xbf" + xml()),
    "UTF-16": ("x.musicxml", lambda: xml().decode().encode("utf-16")),
}
"""Strange files that are read all the same: name -> (file name, maker)."""
