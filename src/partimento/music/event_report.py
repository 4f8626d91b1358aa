"""What a performance becomes as tokens, in readable form, and what the way there and back costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partimento.music import duration_events, events
from partimento.music.duration_events import decode_durations, encode_durations
from partimento.music.events import (
    BIN_WIDTH,
    TICKS_PER_SECOND,
    TickNotes,
    decode_events,
    encode_events,
    quantise_performance,
    to_performance,
)
from partimento.music.performance import Performance, read_performance

Scheme = Literal["events", "durations"]
LOST_SEC = 0.01
"""A note without one of its pitch this near in the result is lost."""
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


@dataclass(frozen=True, slots=True)
class _Scheme:
    """A vocabulary: size, and the way there and back."""

    vocabulary: int
    encode: Callable[[TickNotes], np.ndarray]
    decode: Callable[[np.ndarray], TickNotes]
    words: Callable[[int], str]


def pitch_name(pitch: int) -> str:
    """Name of a MIDI pitch with sharps.

    >>> pitch_name(60), pitch_name(21)
    ('C4', 'A0')
    """
    return f"{_NAMES[pitch % 12]}{pitch // 12 - 1}"


def event_word(token: int) -> str:
    """One of the 388 events (or padding, start, end) in words.

    >>> event_word(60), event_word(188), event_word(265), event_word(356)
    ('on C4', 'off C4', 'shift 100 ms', 'velocity 0-3')
    """
    if token < events.NOTE_OFF:
        return f"on {pitch_name(token)}"
    if token < events.SHIFT:
        return f"off {pitch_name(token - events.NOTE_OFF)}"
    if token < events.VELOCITY:
        return _milliseconds("shift", token - events.SHIFT + 1)
    if token < events.PAD:
        return _velocity(token - events.VELOCITY)
    return ("padding", "start", "end")[token - events.PAD]


def duration_word(token: int) -> str:
    """One of the duration tokens in words.

    >>> duration_word(60), duration_word(269), duration_word(361)
    ('note C4', 'lasts 100 ms', 'lasts 2 s and')
    """
    if token < duration_events.SHIFT:
        return f"note {pitch_name(token)}"
    if token < duration_events.VELOCITY:
        return _milliseconds("shift", token - duration_events.SHIFT + 1)
    if token < duration_events.DURATION:
        return _velocity(token - duration_events.VELOCITY)
    if token < duration_events.SECONDS:
        return _milliseconds("lasts", token - duration_events.DURATION + 1)
    if token < duration_events.PAD:
        return f"lasts {token - duration_events.SECONDS + 1} s and"
    return ("padding", "start", "end")[token - duration_events.PAD]


def _milliseconds(word: str, ticks: int) -> str:
    return f"{word} {ticks * 1000 // TICKS_PER_SECOND} ms"


def _velocity(velocity_bin: int) -> str:
    first = velocity_bin * BIN_WIDTH
    return f"velocity {first}-{first + BIN_WIDTH - 1}"


SCHEMES: dict[str, _Scheme] = {
    "events": _Scheme(events.VOCABULARY, encode_events, decode_events, event_word),
    "durations": _Scheme(
        duration_events.VOCABULARY, encode_durations, decode_durations, duration_word
    ),
}


def show_performance_tokens(source: str | Path, scheme: Scheme = "events") -> dict[str, Any]:
    """The tokens of a MIDI performance: numbers, and text with one line per moment.

    A line begins with the time in seconds after the first onset.

    Raises InputFileError when the file cannot be read.
    """
    performance = read_performance(source, guarded=True)
    notes = quantise_performance(performance)
    chosen = SCHEMES[scheme]
    tokens = chosen.encode(notes)
    return {
        "scheme": scheme,
        "vocabulary": chosen.vocabulary,
        "notes": len(notes),
        "tokens": len(tokens),
        "warnings": list(performance.warnings),
        "ids": tokens.tolist(),
        "text": "\n".join(_lines(tokens, chosen.words, scheme)),
    }


def _lines(tokens: np.ndarray, words: Callable[[int], str], scheme: Scheme) -> list[str]:
    """One line per moment: the time, then what happens; shifts stand at the end of a line."""
    first = events.SHIFT if scheme == "events" else duration_events.SHIFT
    lines: list[str] = []
    tick, line = 0, [f"{0:.2f}"]
    shifting = False
    for token in tokens.tolist():
        shift = first <= token < first + events.SHIFTS
        if shifting and not shift:
            lines.append("  ".join(line))
            line = [f"{tick / TICKS_PER_SECOND:.2f}"]
        line.append(words(token))
        tick += token - first + 1 if shift else 0
        shifting = shift
    return [*lines, "  ".join(line)] if len(tokens) else []


def roundtrip_performance(source: str | Path, scheme: Scheme = "events") -> dict[str, Any]:
    """Turn a MIDI performance into tokens and back; see :func:`roundtrip_report`.

    Raises InputFileError when the file cannot be read.
    """
    return roundtrip_report(read_performance(source, guarded=True), scheme)


def roundtrip_report(performance: Performance, scheme: Scheme = "events") -> dict[str, Any]:
    """What tokens keep of a performance.

    Notes are matched by pitch and nearest onset, whatever the encoder did.  ``notes_lost`` have no
    match within 10 ms.  ``notes_merged`` counts notes that share theirs with another, as unisons of
    two voices do on a keyboard.  ``notes_restruck`` end early because their key is struck again
    while it sounds.  Errors of ends and velocities are those of all other notes.  ``stable``: the
    result encodes to the same tokens.
    """
    chosen = SCHEMES[scheme]
    notes = quantise_performance(performance)
    tokens = chosen.encode(notes)
    decoded = chosen.decode(tokens)
    start = int(notes.onset[0]) if len(notes) else 0
    result = to_performance(decoded.shifted(start))
    match, found = _match(performance, result)
    inside = np.flatnonzero(found)
    other = match[inside]
    alone = np.bincount(other, minlength=len(result))[other] == 1
    restruck = _restruck(performance)[inside]
    onset = np.abs(performance.onset_sec[inside] - result.onset_sec[other]) * 1000.0
    offset = np.abs(performance.offset_sec[inside] - result.offset_sec[other]) * 1000.0
    velocity = np.abs(performance.velocity[inside] - result.velocity[other])
    return {
        "scheme": scheme,
        "notes_in": len(performance),
        "notes_out": len(result),
        "notes_lost": int((~found).sum()),
        "notes_merged": len(inside) - len(np.unique(other)),
        "notes_restruck": int(restruck.sum()),
        **_errors("onset_error", "ms", onset),
        **_errors("offset_error", "ms", offset[alone & ~restruck]),
        **_errors("velocity_error", "steps", velocity[alone]),
        "tokens": len(tokens),
        "tokens_per_note": len(tokens) / max(1, len(performance)),
        "stable": bool(np.array_equal(chosen.encode(decoded), tokens)),
        "warnings": list(performance.warnings),
    }


def _errors(name: str, unit: str, values: np.ndarray) -> dict[str, float]:
    # Beyond a nanosecond there is only the noise of binary fractions.
    return {
        f"{name}_mean_{unit}": round(float(values.mean()), 6) if len(values) else 0.0,
        f"{name}_max_{unit}": round(float(values.max(initial=0.0)), 6),
    }


def _match(wanted: Performance, found: Performance) -> tuple[np.ndarray, np.ndarray]:
    """For each wanted note the nearest of its pitch in ``found`` (N,), and whether it counts."""
    if len(found) == 0:
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    # Pitches far apart on one line, so that one search serves all of them.
    span = 2.0 * (max(wanted.seconds, found.seconds) + 1.0)
    line = found.pitch * span + found.onset_sec
    order = np.argsort(line)
    line = line[order]
    target = wanted.pitch * span + wanted.onset_sec
    after = np.searchsorted(line, target).clip(0, len(line) - 1)
    before = (after - 1).clip(0)
    nearest = np.where(np.abs(line[before] - target) < np.abs(line[after] - target), before, after)
    return order[nearest], np.abs(line[nearest] - target) <= LOST_SEC


def _restruck(performance: Performance) -> np.ndarray:
    """Which notes (N,) still sound, or have their end rounded, when their key is struck again."""
    order = np.lexsort((performance.onset_sec, performance.pitch))
    pitch = performance.pitch[order]
    onset, offset = performance.onset_sec[order], performance.offset_sec[order]
    result = np.zeros(len(order), dtype=bool)
    half_tick = 0.5 / TICKS_PER_SECOND
    struck = (pitch[1:] == pitch[:-1]) & (offset[:-1] > onset[1:] - half_tick)
    result[order[:-1]] = struck
    return result
