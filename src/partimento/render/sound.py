"""Scores to sound: note tables placed in time, mixed to stereo, written as 16-bit WAV.

No system library and no sound font: the tones come from :mod:`partimento.render.tones`.
"""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import MusicError
from partimento.core.files import write_atomic
from partimento.music.score import Score, note_table, quarter_to_sec
from partimento.render.room import ROOM_TAIL_SEC, add_room
from partimento.render.tones import release_sec, tone, velocity_layer

PEAK_DBFS = -1.0
MAX_SOUND_SEC = 20 * 60.0
MAX_SOUNDING_SEC = 40_000.0
"""Sum of all notes' lengths: bounds the work that a hostile file can cause."""
_CACHED_SEC = 12.0
_LEAD_IN_SEC = 0.05
_RELEASE_TIMES = 6.0
_TABLE_STEP_SEC = 0.5
_DAMPER_SEC = 0.006
_FADE_SEC = 0.03
_NOTE_COLUMNS = [
    ("onset_sec", np.float64),
    ("duration_sec", np.float64),
    ("midi", np.int64),
    ("velocity", np.int64),
]


def render_score(
    score: Score,
    sample_rate: int = 44100,
    *,
    timbre: str = "piano",
    room: float | int = 0.12,
    fermata_stretch: float | int = 1.0,
) -> np.ndarray:
    """The score as stereo sound, float32 of shape (samples, 2), peak at -1 dBFS.

    ``fermata_stretch`` lengthens every note under a fermata (1.5: half as long again); see
    :func:`performance_sec` for the same clock.  The sound starts 0.05 s before the
    first beat.  Raises MusicError when there is no note or the piece lasts over 20 minutes.
    """
    table = note_table(score)
    if len(table) == 0:
        raise MusicError("the score has no note to play", fix="Give a score with at least one note")
    if fermata_stretch != 1.0:
        ends = table["onset_quarter"] + table["duration_quarter"]
        onset_sec = performance_sec(score, table["onset_quarter"], fermata_stretch)
        table["duration_sec"] = performance_sec(score, ends, fermata_stretch) - onset_sec
        table["onset_sec"] = onset_sec
    return render_notes(table, sample_rate, timbre=timbre, room=room)


def performance_sec(
    score: Score, quarters: Iterable[Fraction | float | int], fermata_stretch: float | int = 1.0
) -> np.ndarray:
    """Seconds of score times, with the notes under fermatas ``fermata_stretch`` times as long.

    Add :func:`lead_in_sec` for the place in the rendered sound.  Raises ValueError for a stretch
    below 1.
    """
    if fermata_stretch < 1.0:
        raise ValueError("fermata_stretch must be at least 1")
    base = quarter_to_sec(score, [Fraction(q) for q in quarters])
    sec = base.copy()
    for start, stop in _fermata_spans(score):
        low, high = quarter_to_sec(score, [start, stop])
        sec += (fermata_stretch - 1.0) * (np.clip(base, low, high) - low)
    return sec


def lead_in_sec() -> float:
    """Silence before the first beat in a rendered sound, in seconds."""
    return _LEAD_IN_SEC


def _fermata_spans(score: Score) -> list[tuple[Fraction, Fraction]]:
    """Disjoint time spans in quarters, in order, in which some note stands under a fermata."""
    spans: list[tuple[Fraction, Fraction]] = []
    for note in sorted(
        (n for n in score.sounding() if n.fermata), key=lambda n: (n.onset_quarter, n.end_quarter)
    ):
        if spans and note.onset_quarter < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], note.end_quarter))
        else:
            spans.append((note.onset_quarter, note.end_quarter))
    return spans


def sound_table(
    onset_sec: np.ndarray, duration_sec: np.ndarray, midi: np.ndarray, velocity: np.ndarray
) -> np.ndarray:
    """The table (N,) that :func:`render_notes` plays, of its columns (N,)."""
    table = np.zeros(len(onset_sec), dtype=_NOTE_COLUMNS)
    table["onset_sec"], table["duration_sec"] = onset_sec, duration_sec
    table["midi"], table["velocity"] = midi, velocity
    return table


def render_notes(
    table: np.ndarray, sample_rate: int = 44100, *, timbre: str = "piano", room: float | int = 0.12
) -> np.ndarray:
    """A note table as stereo sound, float32 of shape (samples, 2), peak at -1 dBFS.

    ``table`` needs the columns ``onset_sec``, ``duration_sec``, ``midi`` and ``velocity``
    (:data:`partimento.music.score.NOTE_COLUMNS`).  ``room`` is the level of the room's answer; with
    0 the sound is dry and silent after each release.  Raises ValueError for times that are negative
    or not finite, MusicError for more than 20 minutes.
    """
    return render_parts([(table, timbre)], sample_rate, room=room)


def render_parts(
    parts: Sequence[tuple[np.ndarray, str]],
    sample_rate: int = 44100,
    *,
    room: float | int = 0.12,
) -> np.ndarray:
    """Note tables, each with the timbre that plays it, together as stereo sound.

    Shape, level and errors as :func:`render_notes`; names of timbres are
    :data:`partimento.render.tones.TIMBRES`.
    """
    end_sec = 0.0
    for table, _ in parts:
        _check_times(table)
        if len(table):
            end_sec = max(end_sec, float((table["onset_sec"] + table["duration_sec"]).max()))
    _check_length(end_sec, sum(float(table["duration_sec"].sum()) for table, _ in parts))
    longest_release = max((release_sec(21, timbre) for _, timbre in parts), default=0.0)
    total_sec = _LEAD_IN_SEC + end_sec + _RELEASE_TIMES * longest_release + ROOM_TAIL_SEC
    dry = np.zeros((2, round(total_sec * sample_rate) + 1), dtype=np.float32)
    for table, timbre in parts:
        _add_notes(dry, table, sample_rate, timbre)
    wet = add_room(dry, sample_rate, room) if room > 0 else dry
    return _finish(wet, sample_rate)


def _check_times(table: np.ndarray) -> None:
    onset, duration = table["onset_sec"], table["duration_sec"]
    if not (np.isfinite(onset).all() and np.isfinite(duration).all()):
        raise ValueError("onset_sec and duration_sec must be finite")
    if len(table) and (onset.min() < 0 or duration.min() < 0):
        raise ValueError("onset_sec and duration_sec must not be negative")


def _check_length(end_sec: float, sounding_sec: float) -> None:
    if end_sec > MAX_SOUND_SEC:
        raise MusicError(
            f"the piece lasts {end_sec / 60:.0f} minutes, more than {MAX_SOUND_SEC / 60:.0f}",
            fix="Render a part of it or use a faster tempo",
        )
    if sounding_sec > MAX_SOUNDING_SEC:
        raise MusicError(
            f"the notes sound for {sounding_sec / 3600:.0f} hours in all, which is too much",
            fix="Render fewer parts or a shorter passage",
        )


def _add_notes(mix: np.ndarray, table: np.ndarray, sample_rate: int, timbre: str) -> None:
    """Add all notes of a table to a mix, float32 of shape (2, samples)."""
    lengths = _table_lengths(table, sample_rate, timbre)
    for row in table:
        midi, layer = int(row["midi"]), velocity_layer(int(row["velocity"]))
        samples = lengths[midi, layer]
        # A long table would fill the memory that the cache holds on to.
        maker = tone if samples <= _CACHED_SEC * sample_rate else tone.__wrapped__
        source = maker(midi, layer, samples, sample_rate, timbre)
        sound = _shaped(source, float(row["duration_sec"]), midi, sample_rate, timbre)
        start = round((_LEAD_IN_SEC + float(row["onset_sec"])) * sample_rate)
        gain = (max(1, min(127, int(row["velocity"]))) / 127.0) ** 1.5
        # Low keys stand a little to the left, high ones to the right, at equal power.
        angle = np.pi / 4 + 0.22 * np.clip((midi - 62) / 30.0, -1.0, 1.0)
        mix[0, start : start + len(sound)] += np.float32(gain * np.cos(angle)) * sound
        mix[1, start : start + len(sound)] += np.float32(gain * np.sin(angle)) * sound


def _table_lengths(table: np.ndarray, sample_rate: int, timbre: str) -> dict[tuple[int, int], int]:
    """Samples that each (key, layer) needs for its longest note, in coarse steps for the cache."""
    step = max(1, round(_TABLE_STEP_SEC * sample_rate))
    need: dict[tuple[int, int], int] = {}
    for row in table:
        midi = int(row["midi"])
        key = (midi, velocity_layer(int(row["velocity"])))
        sec = float(row["duration_sec"]) + _RELEASE_TIMES * release_sec(midi, timbre)
        samples = -(-(round(sec * sample_rate) + 2) // step) * step
        need[key] = max(need.get(key, 0), samples)
    return need


def _shaped(
    source: np.ndarray, duration_sec: float, midi: int, sample_rate: int, timbre: str
) -> np.ndarray:
    """The tone cut to its length: held, then damped to exactly zero."""
    held = min(round(duration_sec * sample_rate), len(source) - 2)
    tau = release_sec(midi, timbre)
    release = min(round(_RELEASE_TIMES * tau * sample_rate), len(source) - held)
    sound = source[: held + release].copy()
    t = np.arange(release, dtype=np.float32) / sample_rate
    # The damper falls onto the string within some ms: a corner in the curve would click.
    fallen = np.hypot(t, _DAMPER_SEC) - _DAMPER_SEC
    damping = np.exp(-fallen / tau) * (0.5 + 0.5 * np.cos(np.pi * np.arange(release) / release))
    sound[held:] *= damping.astype(np.float32)
    return sound


def _finish(mix: np.ndarray, sample_rate: int) -> np.ndarray:
    """Peak at -1 dBFS, last moments faded out, shape (samples, 2)."""
    fade = min(mix.shape[1], max(1, round(_FADE_SEC * sample_rate)))
    mix[:, mix.shape[1] - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
    peak = float(np.abs(mix).max()) if mix.size else 0.0
    if peak > 0:
        mix *= np.float32(10 ** (PEAK_DBFS / 20) / peak)
    return np.ascontiguousarray(mix.T)


def wav_bytes(audio: np.ndarray, sample_rate: int) -> bytes:
    """A 16-bit PCM WAV file of audio in -1..1, shape (samples,) or (samples, channels).

    The same audio gives the same bytes.  Raises ValueError for another shape or values that are
    not finite.
    """
    if audio.ndim not in (1, 2) or not np.isfinite(audio).all():
        raise ValueError("audio must be finite and of shape (samples,) or (samples, channels)")
    pcm = np.clip(np.rint(audio * 32767.0), -32768, 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1 if audio.ndim == 1 else audio.shape[1])
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(pcm.tobytes())
    return buffer.getvalue()


def write_wav(path: str | Path, audio: np.ndarray, sample_rate: int) -> Path:
    """Write :func:`wav_bytes` to a file and return its path."""
    target = Path(path)
    write_atomic(target, wav_bytes(audio, sample_rate))
    return target


def sound_levels(sound: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """Seconds, peak and root mean square in dB of full scale, and clipped samples.

    ``sound`` (samples,) or (samples, 2), 1.0 being full scale; None for the level of silence.
    """
    peak = float(np.abs(sound).max(initial=0.0))
    mean_square = float(np.square(sound, dtype=np.float64).mean()) if sound.size else 0.0
    return {
        "seconds": round(len(sound) / sample_rate, 3),
        "peak_dbfs": _decibel(peak),
        "rms_dbfs": _decibel(mean_square**0.5),
        "clipped_samples": int((np.abs(sound) > 1.0).sum()),
    }


def _decibel(level: float) -> float | None:
    return round(20 * float(np.log10(level)), 2) if level > 0 else None
