"""Is a generated piece a sound MIDI file?  Its bytes are read event by event, by no parser of ours.

What a lenient parser repairs in silence (a note that never ends, one struck again while it
sounds) is counted here as a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from partimento.core.errors import PartimentoError
from partimento.music.barpiece import METERS, TICKS, BarPiece, read_bar_piece
from partimento.music.barpiece_write import TICKS_PER_QUARTER, midi_bytes_of
from partimento.music.instruments import INSTRUMENTS, OF_PROGRAM
from partimento.tasks.text2midi.intervals import share_interval
from partimento.tasks.text2midi.match import sounding_bars

CHECKS: tuple[str, ...] = (
    *("parses", "same_notes", "no_hanging", "no_overlap", "grammar", "bars", "bars_sounding"),
)
"""``parses``: our reader takes the file and finds all notes; ``same_notes``: the file holds the
notes of the piece; ``no_hanging``: every note ends; ``no_overlap``: no pitch of a channel is struck
while it sounds; ``grammar``: notes inside the bars, sorted, in range, with a known meter and known
instruments; ``bars``: as many as asked; ``bars_sounding``: the last that sounds is at most one
away."""


@dataclass(frozen=True, slots=True)
class FileNotes:
    """What the events of a file say: notes (onset, duration, pitch, velocity, program), faults."""

    notes: tuple[tuple[int, int, int, int, int], ...]
    hanging: int
    overlapping: int


def checked(piece: BarPiece, bars: int) -> dict[str, bool]:
    """Which of :data:`CHECKS` a piece passes that was asked to have ``bars`` bars."""
    data = midi_bytes_of(piece)
    found = file_notes(data)
    return {
        "parses": _parses(data, len(piece)),
        "same_notes": list(found.notes) == _expected(piece),
        "no_hanging": found.hanging == 0,
        "no_overlap": found.overlapping == 0,
        "grammar": obeys_grammar(piece),
        "bars": piece.bars == bars,
        "bars_sounding": abs(sounding_bars(piece) - bars) <= 1,
    }


def _parses(data: bytes, notes: int) -> bool:
    """Whether our reader takes the written file and finds as many notes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "generated.mid"
        path.write_bytes(data)
        try:
            return len(read_bar_piece(path, guarded=False)) == notes
        except PartimentoError:
            return False


def obeys_grammar(piece: BarPiece) -> bool:
    """Whether the columns keep all that :class:`BarPiece` promises."""
    if piece.meter not in METERS or not np.isfinite(piece.tempo_bpm) or piece.tempo_bpm <= 0:
        return False
    if not len(piece):
        return True
    order = np.lexsort((piece.pitch, piece.instrument, piece.onset))
    return bool(
        (order == np.arange(len(piece))).all()
        and piece.onset.min() >= 0
        and piece.duration.min() >= 1
        and (piece.onset + piece.duration).max() <= piece.bars * piece.bar_ticks
        and piece.pitch.min() >= 0
        and piece.pitch.max() <= 127
        and piece.velocity.min() >= 1
        and piece.velocity.max() <= 127
        and piece.instrument.min() >= 0
        and piece.instrument.max() < len(INSTRUMENTS)
    )


def _expected(piece: BarPiece) -> list[tuple[int, int, int, int, int]]:
    columns = (piece.onset, piece.duration, piece.pitch, piece.velocity, piece.instrument)
    return sorted(zip(*(c.tolist() for c in columns), strict=True))


def file_notes(data: bytes) -> FileNotes:
    """Notes of a file of ours, in ticks of 1/24 quarter; the instrument is read off the program."""
    notes: list[tuple[int, int, int, int, int]] = []
    hanging = overlapping = 0
    step = TICKS_PER_QUARTER // TICKS
    for track in _tracks(data):
        sounding: dict[tuple[int, int], tuple[int, int]] = {}
        program: dict[int, int] = {}
        for tick, status, first, second in _events(track):
            channel, key = status & 15, (status & 15, first)
            if status >> 4 == 0xC:
                program[channel] = first
            elif status >> 4 == 0x9 and second:
                overlapping += key in sounding
                sounding[key] = (tick, second)
            elif status >> 4 in (0x8, 0x9) and key in sounding:
                begin, velocity = sounding.pop(key)
                voice = int(OF_PROGRAM[program.get(channel, 0)])
                notes.append((begin // step, (tick - begin) // step, first, velocity, voice))
        hanging += len(sounding)
    return FileNotes(tuple(sorted(notes)), hanging, overlapping)


def _tracks(data: bytes) -> Iterator[bytes]:
    place = 8 + int.from_bytes(data[4:8], "big")
    while place < len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "big")
        yield data[place + 8 : place + 8 + size]
        place += 8 + size


def _events(track: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Tick, status and two data bytes of every message of a channel."""
    place = tick = 0
    status = 0
    while place < len(track):
        delta, place = _number(track, place)
        tick += delta
        if track[place] & 0x80:
            status = track[place]
            place += 1
        if status >= 0xF0:
            size, after = _number(track, place + (status == 0xFF))
            place = after + size
        elif status >> 4 in (0xC, 0xD):
            yield tick, status, track[place], 0
            place += 1
        else:
            yield tick, status, track[place], track[place + 1]
            place += 2


def _number(data: bytes, place: int) -> tuple[int, int]:
    """A number of variable length, and the place after it."""
    value = 0
    while True:
        value = value << 7 | data[place] & 127
        place += 1
        if not data[place - 1] & 128:
            return value, place


def validity_report(pieces: Sequence[BarPiece], bars: int) -> dict[str, Any]:
    """Share of the pieces that pass each check, and all of them, with Wilson's intervals.

    ``faults`` lists the numbers of the pieces that fail, with the checks that they fail.
    """
    rows = [checked(piece, bars) for piece in pieces]
    passed = sum(all(row.values()) for row in rows)
    return {
        "n": len(rows),
        "all": share_interval(passed, len(rows)).to_dict("share"),
        **{name: sum(row[name] for row in rows) / max(1, len(rows)) for name in CHECKS},
        "faults": [
            {"piece": i, "fails": [name for name in CHECKS if not row[name]]}
            for i, row in enumerate(rows)
            if not all(row.values())
        ],
    }
