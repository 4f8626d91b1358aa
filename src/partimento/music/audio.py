"""Sound files, read safely: one row of samples at one rate, whatever the file holds.

WAV, FLAC, MP3 and Ogg Vorbis or Opus, told apart by their first bytes.  Shape suffixes: N samples,
C channels.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import InputFileError, MissingExtraError
from partimento.core.limits import AUDIO_BYTES, read_limited
from partimento.core.sandbox import run_guarded

SAMPLE_RATE = 16_000
"""Hertz; every sound is brought to it."""
SOUND_SUFFIXES = (".wav", ".flac", ".mp3", ".ogg")
MAX_SECONDS = 600.0
MAX_CHANNELS = 64
RATES = (1_000, 400_000)
"""Lowest and highest sampling rate that is read."""
_MAX_SAMPLES = 250_000_000
"""Frames times channels that are decoded at most."""
_BLOCK = 1 << 14
_GUARD_SECONDS = 60.0
_LOUDEST = 2.0
"""Float files may pass full scale a little; above this the numbers are in other units."""
_SPOILT = 0.01
"""Largest share of samples that may be no numbers."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound in memory."""

    samples_N: np.ndarray = field(repr=False)
    """Mono, float32, finite, nominally within -1 to 1, at :data:`SAMPLE_RATE`."""
    source: str = ""
    """Where it comes from (a path), for messages."""
    file_rate: int = SAMPLE_RATE
    file_channels: int = 1
    warnings: tuple[str, ...] = ()
    """What had to be repaired or left out, one sentence each."""

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.samples_N) / SAMPLE_RATE


def read_sound(
    path: str | Path, *, guarded: bool = True, max_seconds: float | int = MAX_SECONDS
) -> Sound:
    """The sound of a file, mono (mean of the channels) at 16 kHz.

    Only the first ``max_seconds`` are kept, and a warning says so.  Single samples that are no
    numbers become zero, with a warning.  ``guarded`` decodes in a process of its own.

    Raises InputFileError for a file that is missing, over 50 MB, empty, damaged or cut off, for one
    that is no sound whatever its name says, and where more than 1 % of the samples are no numbers;
    MissingExtraError without soundfile; ValueError for ``max_seconds`` of 0 or less.
    """
    if not max_seconds > 0:
        raise ValueError("max_seconds must be positive")
    where = str(path)
    data = read_limited(path, AUDIO_BYTES)
    _check_kind(data, where)
    args = {"max_seconds": float(max_seconds)}
    try:
        if guarded:
            packed = run_guarded(
                "partimento.music.audio:_packed", data, args, seconds=_GUARD_SECONDS, what=where
            )
        else:
            packed = _packed(data, args)
    except InputFileError as error:
        raise InputFileError(error.what, where=where, fix=error.fix) from error
    size = int.from_bytes(packed[:4], "little")
    head = json.loads(packed[4 : 4 + size])
    sound = sound_of(np.frombuffer(packed, "<f4", offset=4 + size), head["rate"], where)
    warnings = sound.warnings
    if head["cut"]:
        warnings = (
            *warnings,
            f"this sound is longer than {max_seconds:g} s: only its beginning is heard",
        )
    return replace(sound, file_channels=head["channels"], warnings=warnings)


def sound_of(samples: np.ndarray, rate: int, source: str = "") -> Sound:
    """A sound from samples (N,) or (N, C), floats within -1 to 1 or integers of full scale.

    Resampled to 16 kHz by a polyphase filter (Kaiser window).  Floats far beyond full scale are
    scaled to it, with a warning.

    Raises ValueError for another shape or a rate outside 1 to 400 kHz, InputFileError for no
    samples and where more than 1 % are no numbers.
    """
    samples = np.asarray(samples)
    if samples.ndim not in (1, 2) or not RATES[0] <= rate <= RATES[1]:
        raise ValueError("sound_of takes (N,) or (N, C) samples at a rate of 1 to 400 kHz")
    channels = samples.shape[1] if samples.ndim == 2 else 1
    if samples.size == 0:
        raise InputFileError("this file holds no sound: not a single sample", where=source)
    mono_N, warnings = _repaired(_mono(samples), source)
    made_N = _resampled(mono_N, rate)
    return Sound(made_N.astype(np.float32), source, int(rate), channels, tuple(warnings))


def _mono(samples: np.ndarray) -> np.ndarray:
    """(N,) mean of the channels, float32; integers scaled by their type's range."""
    if np.issubdtype(samples.dtype, np.integer):
        limits = np.iinfo(samples.dtype)
        middle = 0.0 if limits.min < 0 else (limits.max + 1) / 2.0
        scale = (limits.max + 1.0) if limits.min < 0 else middle
        samples = (samples.astype(np.float64) - middle) / scale
    if samples.ndim == 1:
        return samples.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        return samples.mean(1, dtype=np.float64).astype(np.float32)


def _repaired(mono_N: np.ndarray, source: str) -> tuple[np.ndarray, list[str]]:
    """Finite samples within reach of full scale, and what was done to get there."""
    warnings = []
    finite = np.isfinite(mono_N)
    spoilt = len(mono_N) - int(np.count_nonzero(finite))
    if spoilt > _SPOILT * len(mono_N):
        raise InputFileError(
            f"{100.0 * spoilt / len(mono_N):.3g} % of its samples are no numbers (NaN or infinite)",
            where=source,
            fix="Export the sound again",
        )
    if spoilt:
        mono_N = np.where(finite, mono_N, np.float32(0.0))
        count = "1 sample was no number and is" if spoilt == 1 else f"{spoilt} samples were no "
        count += "" if spoilt == 1 else "numbers and are"
        warnings.append(f"{count} taken as silence")
    peak = float(np.abs(mono_N).max())
    if peak > _LOUDEST:
        mono_N = (mono_N / np.float32(peak)).astype(np.float32)
        warnings.append(f"the samples reach {peak:.3g} times full scale and are scaled down")
    return mono_N, warnings


def _resampled(mono_N: np.ndarray, rate: int) -> np.ndarray:
    """From ``rate`` to :data:`SAMPLE_RATE`, at least one sample."""
    if rate == SAMPLE_RATE:
        return mono_N
    from scipy.signal import resample_poly

    ratio = Fraction(SAMPLE_RATE, int(rate))
    if ratio.denominator > 2_000 and ratio.numerator > 2_000:
        # An odd rate needs a filter of its own length: a ratio within 1e-6 sounds the same.
        ratio = ratio.limit_denominator(2_000)
    made = resample_poly(mono_N, ratio.numerator, ratio.denominator)
    return np.asarray(made if len(made) else mono_N[:1], dtype=np.float32)


def _check_kind(data: bytes, where: str) -> None:
    """Raise unless the bytes begin as one of the known kinds does."""
    if not data:
        raise InputFileError("this file is empty", where=where)
    if _kind(data):
        return
    what = "this is no sound file of a known kind"
    if data[:4] == b"MThd":
        what = "this is a MIDI file, not a recording"
    elif _is_text(data[:1000]):
        what = "this is a text file, not sound, whatever its name says"
    raise InputFileError(what, where=where, fix="Known kinds: WAV, FLAC, MP3 and Ogg")


def _kind(data: bytes) -> str:
    """``wav``, ``flac``, ``ogg``, ``mp3`` by the first bytes, else nothing."""
    if data[:4] in (b"RIFF", b"RIFX", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "ogg"
    frame = len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06 != 0
    return "mp3" if frame or data[:3] == b"ID3" else ""


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut in two at the end is still text.
        if error.start < len(head) - 3:
            return False
        text = head[: error.start].decode("utf-8")
    return all(c.isprintable() or c in "\r\n\t\f" for c in text)


def is_sound_file(path: str | Path) -> bool:
    """Whether a file begins as a sound file does; False where it cannot be read."""
    try:
        with Path(path).open("rb") as stream:
            return _kind(stream.read(12)) != ""
    except OSError:
        return False


def _packed(data: bytes, args: dict[str, Any]) -> bytes:
    """What the guarded process sends back: facts as JSON, then mono float32 at the file's rate."""
    mono_N, head = _decoded(data, args["max_seconds"])
    facts = json.dumps(head).encode()
    return len(facts).to_bytes(4, "little") + facts + mono_N.astype("<f4").tobytes()


def _decoded(data: bytes, max_seconds: float) -> tuple[np.ndarray, dict[str, Any]]:
    """Mean of the channels (N,) and rate, channels, and whether something was left out.

    Block by block: what a header promises is never believed.
    """
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: without its native library
        raise MissingExtraError(
            f"reading sound needs the package soundfile ({error})",
            fix="Install it: pip install soundfile",
        ) from error
    try:
        file = soundfile.SoundFile(io.BytesIO(data))
    except soundfile.LibsndfileError as error:
        raise InputFileError(
            f"this sound file is damaged or cut off ({_reason(error)})", fix="Copy or export it"
        ) from error
    with file:
        rate, channels = int(file.samplerate), int(file.channels)
        _check_form(rate, channels)
        wanted = min(round(max_seconds * rate), _MAX_SAMPLES // channels)
        blocks, got = [], 0
        try:
            while got <= wanted:
                block = file.read(_BLOCK, dtype="float32", always_2d=True)
                if len(block) == 0:
                    break
                got += len(block)
                blocks.append(_mono(block))
        except soundfile.LibsndfileError as error:
            raise InputFileError(
                f"this sound file is damaged or cut off after {got / rate:.3g} s "
                f"({_reason(error)})",
                fix="Copy or export it again",
            ) from error
    mono_N = np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)
    head = {"rate": rate, "channels": channels, "cut": got > wanted}
    return mono_N[:wanted], head


def _check_form(rate: int, channels: int) -> None:
    if not RATES[0] <= rate <= RATES[1]:
        raise InputFileError(f"its sampling rate of {rate} Hz is outside 1 to 400 kHz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InputFileError(f"it has {channels} channels, more than {MAX_CHANNELS}")


def _reason(error: Exception) -> str:
    """The last words of the decoder, without the name of the stream."""
    text = str(getattr(error, "error_string", error))
    return text.removeprefix("Error").strip(" :.")
