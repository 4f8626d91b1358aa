"""Pieces on the grid of bars as MIDI files and as scores to engrave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from partimento.core.errors import MusicError
from partimento.music.attributes import measured_key
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.instruments import INSTRUMENTS
from partimento.music.keys import Key, spell_line
from partimento.music.lanes import separate_voices
from partimento.music.score import (
    KeySignature,
    Measure,
    Note,
    Part,
    Score,
    Tempo,
    TimeSignature,
    sort_notes,
)

TICKS_PER_QUARTER = 480
CHANNELS: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15)
"""All but channel 10 (counted from 1), which is percussion."""
MOST_INSTRUMENTS = len(CHANNELS)
_STEP = TICKS_PER_QUARTER // TICKS
_OFF, _ON = 0, 1
"""Order of events of one tick: notes stop before others start."""

GRAND_STAFF: frozenset[str] = frozenset({"piano", "harpsichord", "organ", "harp", "accordion"})
"""Instruments that are written on two staves where their range asks for it."""
_GRAND_LOW, _GRAND_HIGH = 55, 64
_MIDDLE_C = 60
TENOR_CLEF: frozenset[str] = frozenset({"cello", "bassoon", "trombone"})
"""Instruments that leave the bass clef for the tenor clef before the treble clef."""
_TENOR = (58.0, 66.0)
_VIOLA_TREBLE = 74.0
OCTAVE_BELOW: dict[str, str] = {"guitar": "G2_8", "double bass": "F4_8", "bass guitar": "F4_8"}
"""Instruments that are read an octave above their sound."""
OCTAVE_ABOVE: frozenset[str] = frozenset({"whistle", "recorder"})
"""Instruments that are read an octave below their sound where they play high."""
_HIGH_PIPE = 79.0
_HAND = 15
"""Widest chord in semitones that one staff keeps whole."""
_MOST_VOICES = 2
"""Lines of different lengths that one staff shows; a thicker texture is written as chords."""
_NEARLY = 0.6
"""A note that fills so much of the way to the next is written as filling it."""
_STRAY = 0.125
"""A part with fewer overlapped onsets than this share is one line; its overlaps are not written."""


def instruments_of(piece: BarPiece) -> list[int]:
    """Ids of the instruments that play, in score order: winds, brass, keyboards, strings.

    Raises MusicError for more than :data:`MOST_INSTRUMENTS`, which no MIDI file can hold apart.
    """
    found = sorted({int(i) for i in piece.instrument}, key=_score_place)
    if len(found) > MOST_INSTRUMENTS:
        raise MusicError(
            f"{len(found)} instruments at once; a MIDI file holds {MOST_INSTRUMENTS} apart",
            fix="Ask for fewer instruments",
        )
    return found


_FAMILY_ORDER = (range(72, 80), range(64, 72), range(56, 64), range(109, 112), range(8, 16))
"""Programs of flutes, reeds, brass, bagpipes and bells; the rest stand below in id order."""


def _score_place(instrument: int) -> tuple[int, int]:
    program = INSTRUMENTS[instrument].program
    family = next((i for i, f in enumerate(_FAMILY_ORDER) if program in f), len(_FAMILY_ORDER))
    return family, instrument


# -- MIDI -----------------------------------------------------------------------------------------


def midi_bytes_of(piece: BarPiece, title: str | None = None, key: str | None = None) -> bytes:
    """A Standard MIDI File of format 1 with 480 ticks to the quarter.

    A conductor track with tempo, meter and, if known, ``key`` (``D minor``), then one track and
    channel for each instrument; channel 10 is never used.  All tracks end with the last bar.  The
    same piece gives the same bytes.

    Raises MusicError for more than 15 instruments.
    """
    end = piece.bars * piece.bar_ticks * _STEP
    tracks = [_conductor(piece, title or "", key, end)]
    for channel, instrument in zip(CHANNELS, instruments_of(piece), strict=False):
        tracks.append(_instrument_track(piece, instrument, channel, end))
    header = b"".join(n.to_bytes(2, "big") for n in (1, len(tracks), TICKS_PER_QUARTER))
    return _chunk(b"MThd", header) + b"".join(tracks)


def _conductor(piece: BarPiece, title: str, key: str | None, end: int) -> bytes:
    beats, kind = map(int, piece.meter.split("/"))
    clocks = 36 if kind == 8 and beats % 3 == 0 else 96 // kind
    meter = bytes((beats, kind.bit_length() - 1, clocks, 8))
    microseconds = max(1, min(0xFFFFFF, round(6e7 / piece.tempo_bpm)))
    events = [
        _meta(0x03, title.encode()[:200]),
        _meta(0x51, microseconds.to_bytes(3, "big")),
        _meta(0x58, meter),
    ]
    if key is not None:
        found = Key.parse(key)
        events.append(_meta(0x59, bytes((found.fifths & 255, found.mode == "minor"))))
    return _track(b"".join(b"\x00" + event for event in events), end)


def _instrument_track(piece: BarPiece, instrument: int, channel: int, end: int) -> bytes:
    kind = INSTRUMENTS[instrument]
    mine = piece.select(piece.instrument == instrument)
    starts, stops = mine.onset * _STEP, (mine.onset + mine.duration) * _STEP
    rows = [
        *zip(starts.tolist(), [_ON] * len(mine), mine.pitch.tolist(), mine.velocity.tolist()),  # noqa: B905
        *zip(stops.tolist(), [_OFF] * len(mine), mine.pitch.tolist(), [0] * len(mine)),  # noqa: B905
    ]
    body = bytearray(b"\x00" + _meta(0x03, kind.name.encode()))
    body += b"\x00" + bytes((0xC0 | channel, kind.program))
    now = 0
    for tick, on, pitch, velocity in sorted(rows):
        status = (0x90 if on else 0x80) | channel
        body += _variable(tick - now) + bytes((status, pitch, velocity))
        now = tick
    return _track(bytes(body), end - now)


def _track(body: bytes, rest: int) -> bytes:
    return _chunk(b"MTrk", body + _variable(max(0, rest)) + _meta(0x2F, b""))


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + _variable(len(data)) + data


def _variable(value: int) -> bytes:
    """A number in groups of seven bits, the highest first."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "big") + data


# -- scores ---------------------------------------------------------------------------------------


def score_of(piece: BarPiece, key: str | None = None, title: str = "") -> Score:
    """The piece as a score: staves, voices that do not overlap, spelling by key.

    Onsets and pitches are those of the piece.  Lengths are written as a reader expects them: a note
    that nearly reaches the next one fills the time to it, and what no short note value can write
    is rounded to a 16th or a triplet.  ``key`` is measured where None.

    Raises MusicError for more than 15 instruments.
    """
    found = Key.parse(key or (measured_key(piece) if len(piece) else "C major"))
    parts: list[Part] = []
    notes: list[Note] = []
    for number, instrument in enumerate(instruments_of(piece), start=1):
        mine = _Written.of(piece, instrument)
        part = _part(f"P{number}", instrument, mine)
        parts.append(part)
        notes += _spelled(mine.notes(part), found)
    beats, kind = map(int, piece.meter.split("/"))
    length = Fraction(piece.bar_ticks, TICKS)
    start = Fraction(0)
    return Score(
        parts=tuple(parts) or (Part("P1", "Piano"),),
        notes=sort_notes(notes),
        measures=tuple(Measure(length * i, length, str(i + 1)) for i in range(piece.bars)),
        time_signatures=(TimeSignature(start, beats, kind),),
        key_signatures=(KeySignature(start, found.fifths, found.mode),),
        tempi=(Tempo(start, float(piece.tempo_bpm)),),
        title=title,
    )


@dataclass(frozen=True, slots=True)
class _Written:
    """Notes of one instrument with lengths to read: columns (N,), ticks and MIDI units."""

    onset: np.ndarray
    length: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    staff: np.ndarray

    @classmethod
    def of(cls, piece: BarPiece, instrument: int) -> _Written:
        mine = piece.select(piece.instrument == instrument)
        staff = np.ones(len(mine), dtype=np.int64)
        if _wants_two_staves(instrument, mine.pitch):
            staff = _staves(mine.onset, mine.pitch)
        length = mine.duration.copy()
        line = INSTRUMENTS[instrument].name not in GRAND_STAFF
        for one in np.unique(staff):
            on_it = staff == one
            length[on_it] = _readable(
                mine.onset[on_it], mine.duration[on_it], piece.bar_ticks, piece.bars, line
            )
        return cls(mine.onset, length, mine.pitch, mine.velocity, staff)

    def notes(self, part: Part) -> list[Note]:
        """Notes in voices that do not overlap."""
        columns = (self.onset, self.length, self.pitch, self.velocity, self.staff)
        written = [
            Note(
                Fraction(on, TICKS),
                Fraction(length, TICKS),
                pitch,
                part.id,
                staff=staff,
                voice=str(staff),
                velocity=velocity,
            )
            for on, length, pitch, velocity, staff in zip(
                *(c.tolist() for c in columns), strict=True
            )
        ]
        return separate_voices(written)


def _wants_two_staves(instrument: int, pitch: np.ndarray) -> bool:
    grand = INSTRUMENTS[instrument].name in GRAND_STAFF
    return bool(grand and pitch.min() < _GRAND_LOW and pitch.max() > _GRAND_HIGH)


def _staves(onset: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """(N,) staff 1 or 2: what a hand holds at once stays together, wider chords part at a gap."""
    staff = np.ones(len(onset), dtype=np.int64)
    for time in np.unique(onset):
        mine = np.flatnonzero(onset == time)
        high = pitch[mine]
        if high.max() - high.min() <= _HAND:
            staff[mine] = 1 if high.mean() >= _MIDDLE_C else 2
            continue
        levels = np.unique(high)
        gaps = np.diff(levels) - 0.2 * np.abs((levels[1:] + levels[:-1]) / 2 - _MIDDLE_C)
        edge = levels[int(gaps.argmax())]
        staff[mine] = np.where(high > edge, 1, 2)
    return staff


def _readable(
    onset: np.ndarray, duration: np.ndarray, bar: int, bars: int, line: bool
) -> np.ndarray:
    """(N,) lengths to write, of at most two lines of different lengths at a time.

    ``line``: an instrument of one line, in which stray overlaps are not written.
    """
    times = np.unique(onset)
    following = np.append(times[1:], bars * bar)[np.searchsorted(times, onset)]
    gap = following - onset
    bar_end = (onset // bar + 1) * bar - onset
    reach = np.minimum(gap, bar_end)
    fills = (duration < reach) & (duration >= _NEARLY * reach) & (reach <= 2 * TICKS)
    length = np.where(fills, reach, _rounded(onset, duration))
    length = np.minimum(np.maximum(1, length), bars * bar - onset)
    # A short rounding must not run into the next note.
    length = np.where((duration <= gap) & (length > gap), gap, length)
    # Notes struck together, with nothing new before the longest ends, are read as one chord.
    alone = _chordal(onset, length)
    length = np.where(alone <= gap, alone, length)
    if _lines(onset, length) <= _MOST_VOICES and not (line and _is_line(onset, length)):
        return np.asarray(length)
    return np.asarray(_chordal(onset, np.minimum(length, gap)))


def _rounded(onset: np.ndarray, duration: np.ndarray) -> np.ndarray:
    """Lengths whose end falls on the nearest 16th, triplet or 32nd, as the onset does."""
    unit = np.full(len(onset), 1)
    for ticks in (3, 4, 6):
        unit = np.where(onset % ticks == 0, ticks, unit)
    end = onset + duration
    # A triplet before a beat ends on it; one on the beat only where it is written out exactly.
    unit = np.where((end % 8 == 0) & (onset % 8 == 0), 8, unit)
    best = np.maximum((np.rint(end / unit)).astype(np.int64) * unit, onset + unit)
    return best - onset


def _lines(onset: np.ndarray, length: np.ndarray) -> int:
    """Most notes or chords of different lengths that sound at one time."""
    spans = sorted(set(zip(onset.tolist(), (onset + length).tolist(), strict=True)))
    edges = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    return most


def _is_line(onset: np.ndarray, length: np.ndarray) -> bool:
    """Whether hardly any note begins while another is held."""
    times = np.unique(onset)
    ends = np.zeros(len(times), dtype=np.int64)
    np.maximum.at(ends, np.searchsorted(times, onset), onset + length)
    held = np.maximum.accumulate(ends)[:-1] > times[1:]
    return bool(held.mean() < _STRAY) if len(held) else True


def _chordal(onset: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Lengths under which all notes of one onset are one chord: the longest's."""
    times, place = np.unique(onset, return_inverse=True)
    longest = np.zeros(len(times), dtype=np.int64)
    np.maximum.at(longest, place, length)
    return longest[place]


def _part(name: str, instrument: int, written: _Written) -> Part:
    kind = INSTRUMENTS[instrument]
    title = kind.name.capitalize()
    if written.staff.max() > 1:
        return Part(name, title, 2, ("G2", "F4"), kind.program)
    return Part(name, title, 1, (_clef(kind.name, float(written.pitch.mean())),), kind.program)


def _clef(instrument: str, mean: float) -> str:
    if instrument == "viola":
        return "C3" if mean < _VIOLA_TREBLE else "G2"
    if instrument in OCTAVE_BELOW:
        return OCTAVE_BELOW[instrument] if mean < _MIDDLE_C else "G2_8"
    if instrument in OCTAVE_ABOVE and mean >= _HIGH_PIPE:
        return "G2^8"
    if instrument in TENOR_CLEF and _TENOR[0] <= mean < _TENOR[1]:
        return "C4"
    return "G2" if mean >= 58 else "F4"


def _spelled(notes: Sequence[Note], key: Key) -> Iterable[Note]:
    """The notes with spellings; each line is spelled by its own steps."""
    lines: dict[tuple[int, str], list[Note]] = {}
    for note in notes:
        lines.setdefault((note.staff, note.voice), []).append(note)
    for line in lines.values():
        ordered: list[Any] = sorted(line, key=lambda n: (n.onset_quarter, n.midi))
        spellings = spell_line([n.midi for n in ordered], key)
        yield from (replace(n, spelling=s) for n, s in zip(ordered, spellings, strict=True))
