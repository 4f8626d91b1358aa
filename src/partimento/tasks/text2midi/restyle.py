"""An existing piece in another manner.

Two ways.  :func:`conditions_from` measures everything that a text does not ask for on the given
piece (key, meter, length, density, register ...), so that the model composes a new piece with its
traits; its melody is not kept.  :func:`rearranged` keeps every note's place and moves pitches,
instruments, tempo, loudness and touch by rule.

Shape suffixes: N notes.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from partimento.music.attributes import (
    LEVEL_EDGES,
    LEVELS,
    TEMPO_EDGES,
    TEMPO_WORDS,
    Attributes,
    held_share,
    measure,
    measured_key,
)
from partimento.music.barpiece import TICKS, BarPiece, bar_piece
from partimento.music.instruments import INSTRUMENT_ID, INSTRUMENTS
from partimento.music.keys import Key
from partimento.tasks.text2midi.blend import filled_in

_TO_MINOR = {4: 3, 9: 8, 11: 10}
_TO_MAJOR = {3: 4, 8: 9, 10: 11}
"""Degrees in semitones above the tonic that differ between the modes."""
_RESTLESS = ("arousal",)
"""Follow from others that are asked for: measured, they would contradict them."""


def conditions_from(piece: BarPiece, asked: Attributes) -> Attributes:
    """What is asked for, and where it is silent what the piece is like."""
    measured = measure(piece)
    if asked.density is not None or asked.arousal is not None or _asks_tempo(asked):
        # Notes a second follow the tempo and the mood that are asked for.
        measured = measured.without(*_RESTLESS, "density")
    if asked.mode is not None and asked.key is None:
        # The same tonic in the other mode.
        tonic = Key.parse(measured.key or "C major")
        key = Key.from_pitch_class(
            tonic.tonic_pitch_class, "minor" if asked.mode == "minor" else "major", tonic.fifths
        )
        measured = replace(measured, key=key.name, mode=asked.mode)
        asked = replace(asked, key=key.name)
    return filled_in(asked, measured)


def _asks_tempo(asked: Attributes) -> bool:
    return asked.tempo_bpm is not None or asked.tempo_word is not None


def rearranged(piece: BarPiece, asked: Attributes) -> BarPiece:
    """The same melody and harmony with another key or mode, instruments, tempo, dynamics, touch.

    Meter, bars, rhythm and the number of notes stay.  Rules: the nearest transposition to the
    key; third, sixth and seventh degrees altered for the mode; instruments dealt out from the
    highest part to the lowest, moved by octaves into their range; velocities scaled to the level
    asked for; lengths scaled for staccato and legato.
    """
    found = _in_key(piece, asked)
    found = _in_register(found, asked)
    found = _for_instruments(found, asked)
    found = _at_tempo(found, asked)
    if asked.dynamics is not None:
        found = _at_level(found, asked.dynamics)
    if asked.articulation is not None:
        found = _touched(found, asked.articulation)
    columns = (found.onset, found.duration, found.pitch, found.velocity, found.instrument)
    return bar_piece(
        *columns,
        meter=found.meter,
        bars=found.bars,
        tempo_bpm=found.tempo_bpm,
        tempo_stated=found.tempo_stated,
    )


def _in_key(piece: BarPiece, asked: Attributes) -> BarPiece:
    if (asked.key is None and asked.mode is None) or not len(piece):
        return piece
    before = Key.parse(measured_key(piece))
    tonic = before.tonic_pitch_class
    pitch = piece.pitch.copy()
    mode = asked.mode or (Key.parse(asked.key).mode if asked.key else before.mode)
    if mode != before.mode:
        for old, new in (_TO_MINOR if mode == "minor" else _TO_MAJOR).items():
            pitch[(piece.pitch - tonic) % 12 == old] += new - old
    if asked.key is not None:
        shift = (Key.parse(asked.key).tonic_pitch_class - tonic + 5) % 12 - 5
        pitch = pitch + shift
    return replace(piece, pitch=_folded(pitch, 0, 127))


def _in_register(piece: BarPiece, asked: Attributes) -> BarPiece:
    """Whole octaves towards the register asked for."""
    word = asked.register
    if word is None or not len(piece):
        return piece
    low, high = LEVEL_EDGES["register"]
    wanted = asked.numbers.get("register")
    if wanted is None:
        wanted = {"low": low - 6, "middle": (low + high) / 2, "high": high + 6}[word]
    octaves = round((wanted - float(piece.pitch.mean())) / 12)
    return replace(piece, pitch=_folded(piece.pitch + 12 * octaves, 0, 127))


def _for_instruments(piece: BarPiece, asked: Attributes) -> BarPiece:
    wanted = [INSTRUMENT_ID[n] for n in asked.instruments if n in INSTRUMENT_ID]
    if not wanted or not len(piece):
        return piece
    lines = _parts_by_height(piece, len(wanted))
    instrument, pitch = piece.instrument.copy(), piece.pitch.copy()
    for number, chosen in enumerate(_by_height(wanted)):
        mine = lines == number
        kind = INSTRUMENTS[chosen]
        instrument[mine] = chosen
        pitch[mine] = _fitted(piece.pitch[mine], kind.low, kind.high)
    return replace(piece, instrument=instrument, pitch=pitch)


def _by_height(wanted: list[int]) -> list[int]:
    """Instruments from the highest to the lowest range; of equal ones as they were named."""
    return sorted(wanted, key=lambda i: -(INSTRUMENTS[i].low + INSTRUMENTS[i].high))


def _parts_by_height(piece: BarPiece, count: int) -> np.ndarray:
    """(N,) number of the part, 0 the highest: parts of the piece, or ranks within a chord."""
    present = np.unique(piece.instrument)
    if len(present) >= count:
        means = [-float(piece.pitch[piece.instrument == i].mean()) for i in present]
        rank = {int(present[i]): place for place, i in enumerate(np.argsort(means, kind="stable"))}
        return np.array([rank[int(i)] * count // len(present) for i in piece.instrument])
    part = np.zeros(len(piece), dtype=np.int64)
    for onset in np.unique(piece.onset):
        mine = np.flatnonzero(piece.onset == onset)
        order = mine[np.argsort(-piece.pitch[mine], kind="stable")]
        part[order] = np.minimum(np.arange(len(order)), count - 1)
    return part


def _fitted(pitch: np.ndarray, low: int, high: int) -> np.ndarray:
    """The line moved by the octaves that bring most of it into the range; the rest folded in."""
    if not len(pitch):
        return pitch
    moves = np.arange(-5, 6) * 12
    inside = [int(((pitch + m >= low) & (pitch + m <= high)).sum()) for m in moves]
    best = max(range(len(moves)), key=lambda i: (inside[i], -abs(int(moves[i]))))
    return _folded(pitch + moves[best], low, high)


def _folded(pitch: np.ndarray, low: int, high: int) -> np.ndarray:
    """Pitches outside the range moved by octaves until they are inside."""
    up = np.maximum(0, -(-(low - pitch) // 12)) * 12
    down = np.maximum(0, -(-(pitch - high) // 12)) * 12
    return np.asarray(np.clip(pitch + up - down, 0, 127))


def _at_tempo(piece: BarPiece, asked: Attributes) -> BarPiece:
    bpm = asked.tempo_bpm
    if isinstance(bpm, tuple):
        bpm = sum(bpm) / 2
    if bpm is None and asked.tempo_word is not None:
        edges = (44.0, *TEMPO_EDGES, 208.0)
        place = TEMPO_WORDS.index(asked.tempo_word)
        low, high = edges[place], edges[place + 1]
        inside = low <= piece.tempo_bpm < high
        bpm = piece.tempo_bpm if inside else float(round((low + high) / 2))
    return piece if bpm is None else replace(piece, tempo_bpm=float(bpm), tempo_stated=True)


def _at_level(piece: BarPiece, word: str) -> BarPiece:
    """Velocities moved so that their mean lies in the middle of the level, contrasts kept."""
    middle = {"soft": 54.0, "medium": 79.0, "loud": 104.0}[word]
    moved = np.rint(piece.velocity + middle - float(piece.velocity.mean()))
    return replace(piece, velocity=np.clip(moved, 1, 127).astype(np.int64))


def _touched(piece: BarPiece, word: str) -> BarPiece:
    """Lengths towards the touch: half of the way to the next note, most of it, all of it."""
    if word == LEVELS["articulation"][1] and LEVEL_EDGES["articulation"][0] <= held_share(piece):
        return piece
    share = {"staccato": 0.5, "normal": 0.85, "legato": 1.0}[word]
    duration = piece.duration.copy()
    for voice in np.unique(piece.instrument):
        mine = np.flatnonzero(piece.instrument == voice)
        times = np.unique(piece.onset[mine])
        place = np.searchsorted(times, piece.onset[mine])
        following = np.append(times[1:], piece.bars * piece.bar_ticks)[place]
        gap = np.minimum(following - piece.onset[mine], max(piece.bar_ticks // 2, TICKS))
        duration[mine] = np.maximum(1, np.rint(share * gap)).astype(np.int64)
    return replace(piece, duration=duration)
