"""The notes of a score as arrays, in the order in which they are played; read with partitura.

A score here is what a performance is compared with: repeats and tremolos are unfolded, tied notes
are one note, and every note knows its beat and bar.  The typed score with spelling and layout is
:mod:`partimento.music.score`.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import InputFileError, MusicError
from partimento.core.limits import MIDI_BYTES, MUSICXML_BYTES, read_limited

if TYPE_CHECKING:
    from partimento.music.score import Score

MAX_SCORE_NOTES = 20_000
MAX_SCORE_BEATS = 100_000


@dataclass(frozen=True, slots=True)
class ScoreNotes:
    """Notes of a score, sorted by onset, then grace notes first, then pitch.

    All arrays are (N,).  ``onset_beat`` and ``duration_beat`` float64 in beats of the meter (three
    eighths are one beat in 6/8), 0 at the first full bar; ``onset_quarter`` and
    ``duration_quarter`` in quarters.  ``measure`` and ``beat`` int64 count bars and beats from 0
    and never decrease.  ``beat_in_measure`` float64 is 0 on the downbeat, ``measure_beats`` the
    bar's length.  ``grace`` bool: a grace note, of duration 0.  ``marks`` float32 columns of what
    is written about a note (see :mod:`partimento.music.score_marks`).
    """

    onset_beat: np.ndarray
    duration_beat: np.ndarray
    onset_quarter: np.ndarray
    duration_quarter: np.ndarray
    pitch: np.ndarray
    voice: np.ndarray
    staff: np.ndarray
    measure: np.ndarray
    beat: np.ndarray
    beat_in_measure: np.ndarray
    measure_beats: np.ndarray
    grace: np.ndarray
    marks: dict[str, np.ndarray]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.pitch)


def score_file(path: str | Path) -> bytes:
    """The bytes of a score file within the limits.

    Raises InputFileError when it is missing, unreadable or too large.
    """
    return read_limited(path, max(MUSICXML_BYTES, MIDI_BYTES))


def score_document(data: bytes, name: str) -> bytes:
    """The bytes of a score file as a MusicXML document: MusicXML as it is, anything else converted.

    Raises InputFileError, which says ``name``, for data that cannot be read.
    """
    from partimento.music.files import read_score_bytes, sniff
    from partimento.music.mxl import unpack_mxl

    try:
        kind = sniff(data)
        if kind == "musicxml":
            return data
        if kind == "mxl":
            return unpack_mxl(data)
    except InputFileError as error:
        raise InputFileError(error.what, where=name, fix=error.fix) from error
    return _as_musicxml(read_score_bytes(data, name))


def _as_musicxml(score: Score) -> bytes:
    from partimento.music.musicxml_write import musicxml_text

    return musicxml_text(score).encode()


def read_score_notes(document: bytes, *, as_played: bool = True) -> ScoreNotes:
    """The notes of a MusicXML document; ``as_played`` unfolds tremolos and repeats.

    Raises InputFileError when the document is unsafe, broken or without notes, MusicError when it
    has more than :data:`MAX_SCORE_NOTES` or :data:`MAX_SCORE_BEATS`.
    """
    from partimento.music.partitura_score import load_part, part_notes
    from partimento.music.score_unfold import unfold_tremolos
    from partimento.music.xml_tree import parse_xml

    parse_xml(document)
    part = load_part(unfold_tremolos(document) if as_played else document, unfold=as_played)
    notes = part_notes(part)
    if notes.pitch.min() < 0 or notes.pitch.max() > 127:
        raise InputFileError("this score holds notes beyond the range of MIDI")
    if int(notes.beat[-1]) > MAX_SCORE_BEATS:
        raise MusicError(f"this score is longer than {MAX_SCORE_BEATS} beats")
    if len(notes) > MAX_SCORE_NOTES:
        raise MusicError(
            f"this score has more than the {MAX_SCORE_NOTES} notes that are compared at once",
            fix="Cut it into movements",
        )
    return notes


def pack_arrays(arrays: dict[str, np.ndarray], head: dict[str, Any]) -> bytes:
    """Arrays and JSON data as bytes, without pickle."""
    buffer = io.BytesIO()
    text = np.frombuffer(json.dumps(head).encode(), dtype=np.uint8)
    # The positional head cannot clash with an array's name.
    np.savez(buffer, text, allow_pickle=False, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack_arrays(data: bytes) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What :func:`pack_arrays` packed."""
    with np.load(io.BytesIO(data), allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    head = json.loads(arrays.pop("arr_0").tobytes())
    return arrays, head


ARRAY_FIELDS: tuple[str, ...] = tuple(
    field.name for field in fields(ScoreNotes) if field.name not in ("marks", "warnings")
)
