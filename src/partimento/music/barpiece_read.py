"""MIDI files on the grid of bars: quantised, barred, pickups found.

Shape suffixes: N notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from partimento.core.errors import InputFileError, MusicError
from partimento.core.limits import MIDI_BYTES, read_limited
from partimento.core.sandbox import run_guarded
from partimento.music.barpiece import LONGEST_BAR, TICKS, BarPiece, bar_piece, meter_ticks
from partimento.music.instruments import OF_PROGRAM
from partimento.music.midi import MAX_NOTES, check_chunks

T = TypeVar("T")
_COLUMNS = 5
_TEMPI = (10.0, 400.0)
_MARKED = {80, 95, 105}
_BAR_MARK = 105
"""What abc2midi writes: the first note of a bar, strong beats, all others."""
_SHORTEST_SECTION = 4
"""Bars: a shorter stretch between two changes of meter is no piece to learn from."""


@dataclass(frozen=True, slots=True)
class _Raw:
    """``notes`` (N, 5): onset and duration in quarters, pitch, velocity, instrument."""

    notes: np.ndarray
    meters: list[tuple[float, str]]
    tempi: list[tuple[float, float]]


def read(path: Path, *, guarded: bool, own_bars: bool = False) -> BarPiece:
    """The whole file, barred by the meter that prevails; ``own_bars``: from its first tick on."""
    raw = _load(read_limited(path, MIDI_BYTES), str(path), guarded)
    end = float((raw.notes[:, 0] + raw.notes[:, 1]).max())
    meter = _longest(raw.meters, end, "4/4")
    tempo = _longest(raw.tempi, end, 120.0)
    return _piece(raw, 0.0, end, meter, tempo, bool(raw.tempi), own_bars=own_bars)


def read_sections(path: str | Path, *, guarded: bool = False) -> list[BarPiece]:
    """Stretches of one meter, each with the tempo that prevails in it.

    Raises InputFileError and MusicError as :func:`partimento.music.barpiece.read_bar_piece`.
    """
    return sections_of_bytes(read_limited(Path(path), MIDI_BYTES), str(path), guarded=guarded)


def sections_of_bytes(data: bytes, where: str, *, guarded: bool = False) -> list[BarPiece]:
    """:func:`read_sections` of the bytes of a file; ``where`` names it in messages."""
    raw = _load(data, where, guarded)
    end = float((raw.notes[:, 0] + raw.notes[:, 1]).max())
    changes = raw.meters if raw.meters and raw.meters[0][0] <= 0 else [(0.0, "4/4"), *raw.meters]
    sections = []
    for (start, meter), (stop, _) in pairwise([*changes, (end, "")]):
        stop = min(stop, end)
        if (stop - start) * TICKS < _SHORTEST_SECTION * meter_ticks(meter):
            continue
        tempi = [(max(t, start) - start, bpm) for t, bpm in raw.tempi if t < stop]
        tempo = _longest(tempi, stop - start, 120.0)
        section = _piece(raw, start, stop, meter, tempo, bool(raw.tempi))
        if len(section):
            sections.append(section)
    return sections


def _load(data: bytes, where: str, guarded: bool) -> _Raw:
    try:
        check_chunks(data)
        if guarded:
            target = "partimento.music.barpiece_read:_packed"
            raw = _unpacked(run_guarded(target, data, {}, what="the MIDI file"))
        else:
            raw = _parsed(data)
    except InputFileError as error:
        raise InputFileError(error.what, where=where, fix=error.fix) from error
    if len(raw.notes) == 0:
        raise MusicError(
            "this file holds no pitched note",
            where=where,
            fix="Give a MIDI file with notes outside the percussion channel",
        )
    return raw


def _parsed(data: bytes) -> _Raw:
    import symusic

    try:
        score: Any = symusic.Score.from_midi(data)
    except Exception as error:  # symusic raises RuntimeError, ValueError and its own kinds
        raise InputFileError(
            "this MIDI file is damaged: an event inside a track makes no sense",
            fix="Export it again",
        ) from error
    tpq = float(score.ticks_per_quarter)
    tables = [np.zeros((0, _COLUMNS))]
    for track in score.tracks:
        if track.is_drum or len(track.notes) == 0:
            continue
        raw = track.notes.numpy()
        voice = np.full(len(raw["time"]), float(OF_PROGRAM[int(track.program) & 127]))
        columns = (raw["time"] / tpq, raw["duration"] / tpq, raw["pitch"], raw["velocity"], voice)
        tables.append(np.stack(columns, axis=1))
    notes = np.concatenate(tables)
    if len(notes) > MAX_NOTES:
        raise InputFileError(f"this MIDI file has more than {MAX_NOTES} notes")
    meters = [
        (float(m.time) / tpq, f"{m.numerator}/{m.denominator}") for m in score.time_signatures
    ]
    tempi = [(float(t.time) / tpq, float(np.clip(t.qpm, *_TEMPI))) for t in score.tempos]
    return _Raw(notes, _known(meters), tempi)


def _known(meters: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Meters that the grid can hold, without repetitions."""
    kept: list[tuple[float, str]] = []
    for time, meter in meters:
        try:
            meter_ticks(meter)
        except ValueError:
            continue
        if not kept or kept[-1][1] != meter:
            kept.append((time, meter))
    return kept


def _longest(changes: Sequence[tuple[float, T]], end: float, otherwise: T) -> T:
    """The value that holds for the longest time; the first of equals."""
    total: dict[T, float] = {}
    for (start, value), (stop, _) in pairwise([*changes, (end, otherwise)]):
        total[value] = total.get(value, 0.0) + max(0.0, min(stop, end) - start)
    return max(total, key=lambda value: total[value]) if total else otherwise


def _piece(
    raw: _Raw,
    start: float,
    stop: float,
    meter: str,
    tempo: float,
    stated: bool,
    *,
    own_bars: bool = False,
) -> BarPiece:
    """Notes that begin in ``start`` to ``stop`` (quarters), moved so that bars begin on 0.

    With ``own_bars`` a bar begins at ``start``, whatever the notes say.
    """
    notes = raw.notes[(raw.notes[:, 0] >= start - 1e-6) & (raw.notes[:, 0] < stop - 1e-6)]
    onset = np.floor((notes[:, 0] - start) * TICKS + 0.5).astype(np.int64)
    off = np.floor((notes[:, 0] + notes[:, 1] - start) * TICKS + 0.5).astype(np.int64)
    duration = np.maximum(1, off - onset)
    pitch, velocity, voice = notes[:, 2:].astype(np.int64).T
    shift = 0
    if not own_bars:
        onset = _whole_bars(onset, velocity, meter_ticks(meter))
        shift = -pickup_ticks(onset, duration, velocity, pitch, meter) % meter_ticks(meter)
    return bar_piece(
        *(onset + shift, duration, pitch, velocity, voice),
        meter=meter,
        tempo_bpm=tempo,
        tempo_stated=stated,
    )


def _whole_bars(onset: np.ndarray, velocity: np.ndarray, length: int) -> np.ndarray:
    """Onsets (N,) with the short bars inside a tune filled: a repeat may forget its pickup.

    Only files with the velocities of abc2midi say where such bars are: 105 begins every written
    bar.  A rest fills the bar before the first full one that is out of step; other files stay.
    """
    if len(onset) == 0 or not _MARKED >= set(np.unique(velocity).tolist()) >= {_BAR_MARK}:
        return onset
    marks = np.unique(onset[velocity == _BAR_MARK])
    full = marks[:-1][np.diff(marks) == length]
    if len(full) < _SHORTEST_SECTION:
        return onset
    late = np.diff(-full, prepend=-full[0]) % length
    return np.asarray(
        onset + np.cumsum(late)[np.searchsorted(full, onset, side="right") - 1] * (onset >= full[0])
    )


def pickup_ticks(
    onset: np.ndarray, duration: np.ndarray, velocity: np.ndarray, pitch: np.ndarray, meter: str
) -> int:
    """Ticks before the first full bar: MIDI files say where a meter begins, not where bars do.

    Every phase on the grid of sixteenths is tried: bar lines where long, accented and low notes
    begin are the likelier ones, and the file's own bar line is kept unless another is clearly
    better.
    ``onset`` to ``pitch`` (N,); ticks and MIDI units.
    """
    length = meter_ticks(meter)
    if len(onset) < 8:
        return 0
    weight = _accents(onset, duration, velocity, pitch, length)
    strength = np.bincount(onset % length, weights=weight, minlength=LONGEST_BAR)[:length]
    phases = np.arange(0, length, TICKS // 4)
    bars = max(1.0, (onset.max() - onset.min()) / length)
    value = strength[phases] / bars
    best = int(value.argmax())
    return int(phases[best]) if value[best] > 1.15 * value[0] + 0.05 else 0


def _accents(
    onset: np.ndarray, duration: np.ndarray, velocity: np.ndarray, pitch: np.ndarray, length: int
) -> np.ndarray:
    """(N,) weight of a note as the beginning of a bar."""
    share = np.minimum(duration, length) / length
    low = pitch <= np.quantile(pitch, 0.25)
    loud = np.zeros(len(onset))
    levels = np.unique(velocity)
    if 1 < len(levels) <= 6:
        # A few levels that come in turn are accents of the meter, as abc2midi writes them.
        loud = 3.0 * (velocity == levels[-1])
    return share + 0.1 * low + loud


def _packed(data: bytes, args: dict[str, Any]) -> bytes:
    """What the guarded process sends back: meters and tempi as JSON, then the notes."""
    import json

    raw = _parsed(data)
    head = json.dumps({"meters": raw.meters, "tempi": raw.tempi}).encode()
    return len(head).to_bytes(4, "little") + head + raw.notes.astype("<f8").tobytes()


def _unpacked(packed: bytes) -> _Raw:
    import json

    size = int.from_bytes(packed[:4], "little")
    head = json.loads(packed[4 : 4 + size])
    notes = np.frombuffer(packed, "<f8", offset=4 + size).astype(np.float64)
    return _Raw(
        notes.reshape(-1, _COLUMNS),
        [(float(t), str(m)) for t, m in head["meters"]],
        [(float(t), float(bpm)) for t, bpm in head["tempi"]],
    )
