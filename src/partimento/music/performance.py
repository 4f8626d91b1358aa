"""Piano performances: notes in seconds, the sustain pedal folded into their durations.

A performance is what sounds, not what is written: onsets and ends in seconds, MIDI velocities.
Scores with bars and voices live in :mod:`partimento.music.score`.
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

PEDAL_DOWN = 64
"""Controller 64 counts as pressed from this value on (General MIDI)."""
_DEFAULT_MSPQ = 500_000
"""Microseconds per quarter where a file says nothing (MIDI standard)."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Sounding notes, sorted by onset and pitch.

    ``onset_sec`` and ``offset_sec`` float64 (N,), ``pitch`` and ``velocity`` int64 (N,) in 0..127.
    ``pedal_sec`` (P, 2): when the sustain pedal was down (already in the offsets).
    """

    onset_sec: np.ndarray
    offset_sec: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    pedal_sec: np.ndarray
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.onset_sec)

    @property
    def seconds(self) -> float:
        """Time of the last note's end."""
        return float(self.offset_sec.max(initial=0.0))


def read_performance(path: str | Path, *, guarded: bool = False) -> Performance:
    """The performance in a MIDI file.

    ``guarded`` parses in a process of its own, as every file from a stranger should be; whole
    collections of known files are read without.

    Raises InputFileError for a damaged, truncated or oversized file.
    """
    path = Path(path)
    data = read_limited(path, MIDI_BYTES)
    try:
        return read_performance_bytes(data, guarded=guarded)
    except InputFileError as error:
        raise InputFileError(error.what, where=str(path), fix=error.fix) from error


def read_performance_bytes(data: bytes, *, guarded: bool = False) -> Performance:
    """:func:`read_performance` of the bytes of a file."""
    check_chunks(data)
    if guarded:
        packed = run_guarded("partimento.music.performance:_pack", data, {}, what="the MIDI file")
        return _unpack(packed)
    return _parse(data)


def fold_sustain(offset_sec: np.ndarray, pedal_sec: np.ndarray) -> np.ndarray:
    """Ends of the sound: a key released while the pedal is down sounds until the pedal goes up.

    ``offset_sec`` (N,) when keys go up; ``pedal_sec`` (P, 2) disjoint and sorted.
    """
    if len(pedal_sec) == 0:
        return offset_sec
    place = np.searchsorted(pedal_sec[:, 0], offset_sec, side="right") - 1
    inside = (place >= 0) & (offset_sec < pedal_sec[place, 1])
    return np.where(inside, pedal_sec[place, 1], offset_sec)


def pedal_spans(times: np.ndarray, values: np.ndarray, end: float) -> np.ndarray:
    """Spans (P, 2) in which controller 64 is down; a pedal never released is so until ``end``."""
    order = np.argsort(times, kind="stable")
    times, down = times[order], values[order] >= PEDAL_DOWN
    change = np.flatnonzero(np.diff(down.astype(np.int8), prepend=0))
    edges = times[change]
    if len(edges) % 2:
        edges = np.append(edges, max(end, float(edges[-1])))
    spans = edges.reshape(-1, 2)
    return spans[spans[:, 1] > spans[:, 0]]


def _parse(data: bytes) -> Performance:
    import symusic

    try:
        parsed: Any = symusic.Score.from_midi(data)
    except Exception as error:  # symusic raises RuntimeError, ValueError and its own kinds
        raise InputFileError("this MIDI file cannot be read; it is damaged") from error
    clock = _Clock.of(parsed)
    notes, pedals, drums = [], [], 0
    for track in parsed.tracks:
        if track.is_drum:
            drums += len(track.notes)
            continue
        part, spans = _track(track, clock)
        notes.append(part)
        pedals.append(spans)
    table = np.concatenate([np.zeros((0, 4)), *notes])
    table = table[np.lexsort((table[:, 2], table[:, 0]))]
    warnings = [f"{drums} notes of percussion were left out"] if drums else []
    if clock.stopped:
        warnings.append("a tempo without speed was passed over")
    return Performance(
        table[:, 0],
        table[:, 1],
        table[:, 2].astype(np.int64),
        table[:, 3].astype(np.int64),
        _union(np.concatenate([np.zeros((0, 2)), *pedals])),
        tuple(warnings),
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """From ticks to seconds, in double precision: symusic's own seconds are 32-bit floats.

    ``tick`` (C,) where the tempo changes, ``second`` (C,) when that is, ``rate`` (C,) seconds per
    tick from there on.  ``stopped``: tempi without speed, which were passed over.
    """

    tick: np.ndarray
    second: np.ndarray
    rate: np.ndarray
    stopped: int

    @classmethod
    def of(cls, parsed: Any) -> _Clock:
        """The clock of a parsed file; 120 quarters a minute until the first tempo."""
        raw = parsed.tempos.numpy()
        order = np.argsort(raw["time"], kind="stable")
        tick = raw["time"][order].astype(np.float64)
        rate = raw["mspq"][order] / (1e6 * parsed.ticks_per_quarter)
        moving = rate > 0
        tick, rate = tick[moving], rate[moving]
        if len(tick) == 0 or tick[0] > 0:
            tick = np.concatenate([[0.0], tick])
            rate = np.concatenate([[_DEFAULT_MSPQ / (1e6 * parsed.ticks_per_quarter)], rate])
        second = np.concatenate([[0.0], np.cumsum(np.diff(tick) * rate[:-1])])
        return cls(tick, second, rate, int((~moving).sum()))

    def __call__(self, ticks: np.ndarray) -> np.ndarray:
        """Seconds (N,) of ticks (N,)."""
        place = np.searchsorted(self.tick, ticks, side="right") - 1
        return self.second[place] + (ticks - self.tick[place]) * self.rate[place]


def _track(track: Any, clock: _Clock) -> tuple[np.ndarray, np.ndarray]:
    """Notes (N, 4) of one track, pedal folded in, and its pedal spans."""
    raw, controls = track.notes.numpy(), track.controls.numpy()
    start, length = raw["time"].astype(np.int64), raw["duration"].astype(np.int64)
    table = np.stack([clock(start), clock(start + length), raw["pitch"], raw["velocity"]], axis=1)
    sustain = controls["number"] == 64
    end = float(table[:, 1].max(initial=0.0))
    spans = pedal_spans(clock(controls["time"][sustain]), controls["value"][sustain], end)
    table[:, 1] = fold_sustain(table[:, 1], spans)
    return table, spans


def _union(spans: np.ndarray) -> np.ndarray:
    """Disjoint spans that cover the same time."""
    if len(spans) < 2:
        return spans
    spans = spans[np.argsort(spans[:, 0], kind="stable")]
    reach = np.maximum.accumulate(spans[:, 1])
    new = np.concatenate([[True], spans[1:, 0] > reach[:-1]])
    last = np.append(np.flatnonzero(new)[1:] - 1, len(spans) - 1)
    return np.stack([spans[new, 0], reach[last]], axis=1)


def _pack(data: bytes, args: dict[str, Any]) -> bytes:
    """What the guarded process sends back: counts, arrays, warnings."""
    import json

    found = _parse(data)
    table = np.stack([found.onset_sec, found.offset_sec, found.pitch, found.velocity], axis=1)
    head = json.dumps([len(found), len(found.pedal_sec), list(found.warnings)]).encode()
    arrays = table.astype("<f8").tobytes() + found.pedal_sec.astype("<f8").tobytes()
    return len(head).to_bytes(4, "little") + head + arrays


def _unpack(packed: bytes) -> Performance:
    import json

    size = int.from_bytes(packed[:4], "little")
    notes, pedals, warnings = json.loads(packed[4 : 4 + size])
    values = np.frombuffer(packed, "<f8", offset=4 + size).astype(np.float64)
    table = values[: 4 * notes].reshape(notes, 4)
    return Performance(
        table[:, 0],
        table[:, 1],
        table[:, 2].astype(np.int64),
        table[:, 3].astype(np.int64),
        values[4 * notes : 4 * notes + 2 * pedals].reshape(pedals, 2),
        tuple(warnings),
    )
