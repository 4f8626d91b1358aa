"""What a file is, from its first bytes; its name is not asked."""

from __future__ import annotations

import re
from dataclasses import dataclass

from partimento.core.errors import InputFileError
from partimento.core.limits import AUDIO_BYTES, MIDI_BYTES, MUSICXML_BYTES, TEXT_SCORE_BYTES

HEAD_BYTES = 4096
"""So many bytes are enough to tell."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: its group ``midi``, ``score`` or ``sound``, its ending, its size limit."""

    name: str
    group: str
    suffix: str
    limit: int


MIDI = Kind("MIDI", "midi", ".mid", MIDI_BYTES)
MUSICXML = Kind("MusicXML", "score", ".musicxml", MUSICXML_BYTES)
MXL = Kind("compressed MusicXML", "score", ".mxl", MUSICXML_BYTES)
ABC = Kind("ABC", "score", ".abc", TEXT_SCORE_BYTES)
HUMDRUM = Kind("Humdrum", "score", ".krn", TEXT_SCORE_BYTES)
WAV = Kind("WAV", "sound", ".wav", AUDIO_BYTES)
FLAC = Kind("FLAC", "sound", ".flac", AUDIO_BYTES)
OGG = Kind("Ogg", "sound", ".ogg", AUDIO_BYTES)
MP3 = Kind("MP3", "sound", ".mp3", AUDIO_BYTES)
KINDS = (MIDI, MUSICXML, MXL, ABC, HUMDRUM, WAV, FLAC, OGG, MP3)
LARGEST = max(kind.limit for kind in KINDS)

_ABC = re.compile(rb"^(X:|%abc|T:)", re.MULTILINE)
_HUMDRUM = re.compile(rb"^\*\*\w", re.MULTILINE)
_MUSICXML = re.compile(rb"<\s*(score-partwise|score-timewise)\b|MusicXML")


def sniff(head: bytes) -> Kind:
    """The kind of a file that begins with ``head``.

    Raises InputFileError for anything that the studio does not take.
    """
    for magic, kind in (
        (b"MThd", MIDI), (b"PK\x03\x04", MXL), (b"fLaC", FLAC), (b"OggS", OGG), (b"ID3", MP3),
    ):  # fmt: skip
        if head.startswith(magic):
            return kind
    if head.startswith(b"RIFF") and head[8:12] == b"WAVE":
        return WAV
    # The sync word of an MPEG frame, layer III.
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:
        return MP3
    text = _text(head)
    if text.lstrip().startswith(b"<") and _MUSICXML.search(text):
        return MUSICXML
    if _HUMDRUM.search(text):
        return HUMDRUM
    if _ABC.search(text):
        return ABC
    raise InputFileError(
        "this is no kind of file that the studio takes",
        fix="Give MIDI, MusicXML (.musicxml, .mxl), ABC, Humdrum, WAV, FLAC, Ogg or MP3",
    )


def _text(head: bytes) -> bytes:
    """The bytes with line ends and encodings made alike, as far as sniffing needs it."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(mark):
            return head[2:].decode(encoding, "replace").encode()
    return head.removeprefix(b"\xef\xbb\xbf").replace(b"\r", b"\n")
