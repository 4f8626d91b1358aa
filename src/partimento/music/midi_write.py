"""Writing Standard MIDI Files (format 1): a conductor track and one track per part."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from math import lcm
from pathlib import Path

from partimento.core.files import write_atomic
from partimento.music.frames import beat_quarter
from partimento.music.measures import ensure_measures
from partimento.music.score import Measure, Note, Score, TimeSignature

TICKS_PER_QUARTER = 480
_MAX_TICKS = 15_360
_CHANNELS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15)
"""All but channel 10 (counted from 1), which is percussion."""
_OFF, _META, _ON = 0, 1, 2
"""Order of events of one tick: notes stop before others start."""

_Event = tuple[int, int, bytes]


def write_midi(score: Score, path: str | Path) -> None:
    """Write ``score`` to ``path`` as MIDI, in one step (see :func:`midi_bytes`)."""
    write_atomic(path, midi_bytes(score))


def midi_bytes(score: Score) -> bytes:
    """The MIDI file of a score as it is written (repeats are not played twice).

    Ties are joined and grace notes left out, as in :meth:`Score.sounding`.  Tempi, meters, key
    signatures, part names, programs and the first verse are kept.  Notes without a velocity get
    one by their place in the bar.  A bar shorter or longer than its meter, such as a pickup, gets
    a meter of its own, so that the bar lines stay where they are.
    """
    score = ensure_measures(score)
    notes = score.sounding()
    ticks = _ticks_per_quarter(notes)
    loudness = _Loudness(score)
    tracks = [_conductor(score, ticks)]
    for index, part in enumerate(score.parts):
        channel = _CHANNELS[index % len(_CHANNELS)]
        members = [n for n in notes if n.part == part.id]
        events: list[_Event] = [
            (0, _META, _meta(0x03, part.name.encode())),
            (0, _META, bytes((0xC0 | channel, part.program & 127))),
        ]
        events += _note_events(members, channel, ticks, loudness)
        tracks.append(_track(events))
    header = (1).to_bytes(2, "big") + len(tracks).to_bytes(2, "big") + ticks.to_bytes(2, "big")
    return _chunk(b"MThd", header) + b"".join(tracks)


def _ticks_per_quarter(notes: Iterable[Note]) -> int:
    """A resolution at which all note times are whole ticks, as far as one exists."""
    dens = {t.denominator for n in notes for t in (n.onset_quarter, n.duration_quarter)}
    exact = lcm(TICKS_PER_QUARTER, *dens)
    return exact if exact <= _MAX_TICKS else TICKS_PER_QUARTER


class _Loudness:
    """Velocities by metric place, so that notes without one do not all sound alike."""

    def __init__(self, score: Score) -> None:
        self._bars = [m.onset_quarter for m in score.measures]
        self._meters = score.time_signatures
        self._meter_starts = [t.onset_quarter for t in score.time_signatures]

    def __call__(self, note: Note) -> int:
        """MIDI velocity 1-127 of a note."""
        if note.velocity is not None:
            return min(127, max(1, note.velocity))
        bar = self._bars[max(0, bisect_right(self._bars, note.onset_quarter) - 1)]
        phase = note.onset_quarter - bar
        place = max(0, bisect_right(self._meter_starts, note.onset_quarter) - 1)
        if phase == 0:
            value = 84
        elif phase % beat_quarter(self._meters[place]) == 0:
            value = 77
        else:
            value = 70
        return value + 14 * any("accent" in mark for mark in note.articulations)


# -- events ---------------------------------------------------------------------------------------


def _note_events(
    notes: Sequence[Note], channel: int, ticks: int, loudness: _Loudness
) -> Iterator[_Event]:
    for (start, pitch), (end, note) in sorted(_spans(notes, ticks).items()):
        yield start, _ON, bytes((0x90 | channel, pitch, loudness(note)))
        yield end, _OFF, bytes((0x80 | channel, pitch, 0))
    for note in notes:
        if note.lyrics and note.lyrics[0].text:
            lyric = note.lyrics[0]
            hyphen = "-" if lyric.syllabic in ("begin", "middle") else ""
            text = (lyric.text + hyphen).encode()
            yield round(note.onset_quarter * ticks), _META, _meta(0x05, text)


def _spans(notes: Sequence[Note], ticks: int) -> dict[tuple[int, int], tuple[int, Note]]:
    """(start, pitch) -> (end, note): one channel cannot hold a pitch twice at a time.

    Of unisons the longer one sounds; a pitch struck again while it sounds stops first.
    """
    spans: dict[tuple[int, int], tuple[int, Note]] = {}
    sounding: dict[int, int] = {}
    for note in notes:
        start = round(note.onset_quarter * ticks)
        end = max(start + 1, round(note.end_quarter * ticks))
        key = (start, note.midi)
        if key in spans:
            spans[key] = (max(end, spans[key][0]), spans[key][1])
            continue
        before = (sounding.get(note.midi, -1), note.midi)
        if before in spans and spans[before][0] > start:
            spans[before] = (start, spans[before][1])
        spans[key] = (end, note)
        sounding[note.midi] = start
    return spans


def _conductor(score: Score, ticks: int) -> bytes:
    events: list[_Event] = [(0, _META, _meta(0x03, score.title.encode()))]
    for meter in _meters(score):
        power = meter.beat_type.bit_length() - 1
        clocks = min(255, int(24 * beat_quarter(meter)))
        data = bytes((min(255, meter.beats), power, clocks, 8))
        events.append((round(meter.onset_quarter * ticks), _META, _meta(0x58, data)))
    for key in score.key_signatures:
        fifths = max(-7, min(7, key.fifths))
        minor = key.mode in ("minor", "aeolian")
        data = bytes((fifths & 255, minor))
        events.append((round(key.onset_quarter * ticks), _META, _meta(0x59, data)))
    for tempo in score.tempi:
        microseconds = max(1, min(0xFFFFFF, round(6e7 / tempo.quarter_per_minute)))
        data = microseconds.to_bytes(3, "big")
        events.append((round(tempo.onset_quarter * ticks), _META, _meta(0x51, data)))
    return _track(events)


def _meters(score: Score) -> list[TimeSignature]:
    """The meters, and one for each bar whose length is not that of its meter (but the last)."""
    result: list[TimeSignature] = []
    place = 0
    meters = score.time_signatures
    for measure in score.measures:
        while place + 1 < len(meters) and meters[place + 1].onset_quarter <= measure.onset_quarter:
            place += 1
        meter = meters[place]
        last = measure is score.measures[-1]
        shown = meter if last and len(score.measures) > 1 else _own_meter(measure, meter)
        if not result or (shown.beats, shown.beat_type) != (result[-1].beats, result[-1].beat_type):
            result.append(TimeSignature(measure.onset_quarter, shown.beats, shown.beat_type))
    return result


def _own_meter(measure: Measure, meter: TimeSignature) -> TimeSignature:
    unit = meter.beat_type
    while unit <= 64:
        beats = measure.duration_quarter * Fraction(unit, 4)
        if beats.denominator == 1 and 1 <= beats <= 255:
            return TimeSignature(measure.onset_quarter, int(beats), unit)
        unit *= 2
    return meter


# -- bytes ----------------------------------------------------------------------------------------


def _meta(kind: int, data: bytes) -> bytes:
    return bytes((0xFF, kind)) + _variable(len(data)) + data


def _variable(value: int) -> bytes:
    """A number in groups of seven bits, the highest first."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127 | 128)
    return bytes(reversed(groups))


def _track(events: Iterable[_Event]) -> bytes:
    out = bytearray()
    now = 0
    for tick, _, message in sorted(events, key=lambda e: e[:2]):
        out += _variable(tick - now) + message
        now = tick
    out += _variable(0) + _meta(0x2F, b"")
    return _chunk(b"MTrk", bytes(out))


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + len(data).to_bytes(4, "big") + data
