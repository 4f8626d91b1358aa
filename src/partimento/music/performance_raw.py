"""A performance as the keyboard sent it: when keys went up, and where the pedals stood.

:class:`partimento.music.performance.Performance` folds the sustain pedal into the notes' ends; for
articulation and pedalling both must be known apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import InputFileError
from partimento.core.limits import MIDI_BYTES, read_limited
from partimento.core.sandbox import run_guarded
from partimento.music.midi import check_chunks
from partimento.music.performance import Performance, _Clock, _parse
from partimento.music.score_notes import pack_arrays, unpack_arrays

SUSTAIN, SOSTENUTO, SOFT = 64, 66, 67
"""Controllers of the three pedals (General MIDI)."""
PEDALS = (SUSTAIN, SOSTENUTO, SOFT)
FULL = 127.0


@dataclass(frozen=True, slots=True)
class PedalCurve:
    """How far a pedal is pressed: ``depth`` (C,) in 0..1 from ``time_sec`` (C,) on, sorted."""

    time_sec: np.ndarray
    depth: np.ndarray

    def at(self, seconds: np.ndarray) -> np.ndarray:
        """Depth at times of any shape; 0 before the first message."""
        table = np.concatenate([[0.0], self.depth])
        return table[np.searchsorted(self.time_sec, seconds, side="right")]

    def lowest(self, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least depth (N,) within each span start..end, and the first time it is reached."""
        depth, when = self.at(start), np.array(start, dtype=np.float64)
        first = np.searchsorted(self.time_sec, start, side="right")
        last = np.searchsorted(self.time_sec, end, side="right")
        for note in np.flatnonzero(last > first):
            inside = self.depth[first[note] : last[note]]
            place = int(inside.argmin())
            if inside[place] < depth[note]:
                depth[note] = inside[place]
                when[note] = self.time_sec[first[note] + place]
        return depth, when


@dataclass(frozen=True, slots=True)
class RawPerformance:
    """A performance and, in the same order of notes, when each key went up.

    ``key_up_sec`` float64 (N,).  ``pedals``: a curve for each controller of :data:`PEDALS`.
    """

    performance: Performance
    key_up_sec: np.ndarray
    pedals: dict[int, PedalCurve]

    def __len__(self) -> int:
        return len(self.key_up_sec)


def read_raw_performance(path: str | Path, *, guarded: bool = False) -> RawPerformance:
    """The performance in a MIDI file with key-up times and pedal curves.

    Raises InputFileError for a damaged, truncated or oversized file.
    """
    data = read_limited(path, MIDI_BYTES)
    try:
        return read_raw_bytes(data, guarded=guarded)
    except InputFileError as error:
        raise InputFileError(error.what, where=str(path), fix=error.fix) from error


def read_raw_bytes(data: bytes, *, guarded: bool = False) -> RawPerformance:
    """:func:`read_raw_performance` of the bytes of a file."""
    check_chunks(data)
    if guarded:
        packed = run_guarded(
            "partimento.music.performance_raw:_packed", data, {}, what="the MIDI file"
        )
        return unpack_raw(*unpack_arrays(packed))
    return _read(data)


def _read(data: bytes) -> RawPerformance:
    import symusic

    performance = _parse(data)
    parsed: Any = symusic.Score.from_midi(data)
    clock = _Clock.of(parsed)
    tracks = [track for track in parsed.tracks if not track.is_drum]
    tables = [_keys(track, clock) for track in tracks]
    table = np.concatenate([np.zeros((0, 3)), *tables])
    # The order of Performance: by onset, then pitch, else as in the file.
    table = table[np.lexsort((table[:, 2], table[:, 0]))]
    pedals = {number: _curve(tracks, number, clock) for number in PEDALS}
    return RawPerformance(performance, table[:, 1], pedals)


def _keys(track: Any, clock: _Clock) -> np.ndarray:
    """Onset, key-up time and pitch (N, 3) of a track's notes."""
    raw = track.notes.numpy()
    start, length = raw["time"].astype(np.int64), raw["duration"].astype(np.int64)
    return np.stack([clock(start), clock(start + length), raw["pitch"]], axis=1)


def _curve(tracks: list[Any], number: int, clock: _Clock) -> PedalCurve:
    """One pedal's messages of all tracks."""
    times, values = [np.zeros(0)], [np.zeros(0)]
    for track in tracks:
        raw = track.controls.numpy()
        own = raw["number"] == number
        times.append(clock(raw["time"][own].astype(np.int64)))
        values.append(raw["value"][own] / FULL)
    time, value = np.concatenate(times), np.concatenate(values)
    order = np.argsort(time, kind="stable")
    return PedalCurve(time[order], value[order])


def pack_raw(found: RawPerformance) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays and JSON data from which :func:`unpack_raw` rebuilds it."""
    notes = found.performance
    arrays = {
        "onset_sec": notes.onset_sec,
        "offset_sec": notes.offset_sec,
        "played_pitch": notes.pitch,
        "velocity": notes.velocity,
        "pedal_sec": notes.pedal_sec,
        "key_up_sec": found.key_up_sec,
    }
    for number, curve in found.pedals.items():
        arrays[f"pedal_{number}_time"] = curve.time_sec
        arrays[f"pedal_{number}_depth"] = curve.depth
    return arrays, {"performance_warnings": list(notes.warnings)}


def unpack_raw(arrays: dict[str, np.ndarray], head: dict[str, Any]) -> RawPerformance:
    """What :func:`pack_raw` packed."""
    notes = Performance(
        arrays["onset_sec"],
        arrays["offset_sec"],
        arrays["played_pitch"],
        arrays["velocity"],
        arrays["pedal_sec"],
        tuple(head["performance_warnings"]),
    )
    pedals = {
        number: PedalCurve(arrays[f"pedal_{number}_time"], arrays[f"pedal_{number}_depth"])
        for number in PEDALS
    }
    return RawPerformance(notes, arrays["key_up_sec"], pedals)


def _packed(data: bytes, args: dict[str, Any]) -> bytes:
    """Body of the guarded process."""
    return pack_arrays(*pack_raw(_read(data)))
