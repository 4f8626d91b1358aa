"""What a player can see in a written piece at each note: the inputs of the learnt expression.

All of it follows from onsets, durations, pitches, meter and tempo, so that a composed piece shows
what a printed one shows.  After the score features of basis-function models of expression
(Cancino-Chacon et al. 2017) and the KTH rules' ingredients (Friberg et al. 2006).

Shape suffixes: N notes, M distinct onsets, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partimento.music.attributes import measured_key
from partimento.music.barpiece import TICKS, BarPiece
from partimento.music.expression import MELODIC_CHARGE
from partimento.music.keys import Key

NAMES: tuple[str, ...] = (
    *("pitch", "over_lower", "under_upper", "height_in_bars", "height_in_beats"),
    *("highest", "lowest", "highest_sounding", "lowest_sounding", "struck", "sounding"),
    *("duration", "duration_sec", "gap", "gap_before", "gap_sec", "filled", "boundary"),
    *("rest_before", "rest_after", "longer_than_usual"),
    *("bar_sin", "bar_cos", "bar_sin_2", "bar_cos_2", "on_bar", "on_beat", "on_half_beat"),
    *("duple", "triple", "compound", "bar_sec"),
    *("hyper_2", "hyper_4_sin", "hyper_4_cos", "hyper_8_sin", "hyper_8_cos"),
    *("from_start", "from_start_far", "to_end", "to_end_near", "to_end_far"),
    *("leap_in", "leap_out", "melody_in", "melody_out", "melody_slope", "repeated"),
    *("charge", "tonic_bass", "minor", "tension"),
    *("density", "density_trend", "register_trend", "tempo"),
)
"""In the order of the columns, which the weights store."""


@dataclass(frozen=True, slots=True)
class _Onsets:
    """Distinct onsets ``tick`` (M,), which of them each note has (N,), and what sounds there."""

    tick: np.ndarray
    of: np.ndarray
    struck: np.ndarray
    high: np.ndarray
    low: np.ndarray
    sounding: np.ndarray
    sounding_high: np.ndarray
    sounding_low: np.ndarray
    silent_before: np.ndarray

    @classmethod
    def find(cls, piece: BarPiece) -> _Onsets:
        """One pass over the notes with those that still sound."""
        tick, of, struck = np.unique(piece.onset, return_inverse=True, return_counts=True)
        high, low = np.full(len(tick), -1), np.full(len(tick), 128)
        np.maximum.at(high, of, piece.pitch)
        np.minimum.at(low, of, piece.pitch)
        start = np.concatenate([[0], np.cumsum(struck)])
        # Notes are sorted by onset, so those of onset m are start[m] to start[m + 1].
        ends, pitches = (piece.onset + piece.duration).tolist(), piece.pitch.tolist()
        table = np.zeros((4, len(tick)), dtype=np.int64)
        held: list[tuple[int, int]] = []
        latest = 0
        for m, now in enumerate(tick.tolist()):
            table[3, m] = max(0, now - latest)
            held = [note for note in held if note[0] > now]
            held += [(ends[n], pitches[n]) for n in range(start[m], start[m + 1])]
            heard = [pitch for _, pitch in held]
            table[:3, m] = len(heard), max(heard), min(heard)
            latest = max(latest, max(end for end, _ in held))
        return cls(tick, of, struck, high, low, *table)


def note_features(piece: BarPiece) -> np.ndarray:
    """(N, F) float32, one row a note in the piece's order, columns as in :data:`NAMES`.

    Raises ValueError for a piece without notes.
    """
    if len(piece) == 0:
        raise ValueError("a piece without notes has no features")
    onsets = _Onsets.find(piece)
    columns = {
        **_heights(piece, onsets),
        **_times(piece, onsets),
        **_meter(piece),
        **_place(piece),
        **_lines(piece, onsets),
        **_harmony(piece, onsets),
        **_texture(piece),
    }
    return np.stack([columns[name] for name in NAMES], axis=1).astype(np.float32)


def _mean_around(x: np.ndarray, tick: np.ndarray, reach: int) -> np.ndarray:
    """(K,) mean of the values whose ticks are at most ``reach`` away; ``tick`` sorted."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    first = np.searchsorted(tick, tick - reach, side="left")
    last = np.searchsorted(tick, tick + reach, side="right")
    return np.asarray((total[last] - total[first]) / (last - first))


def _heights(piece: BarPiece, onsets: _Onsets) -> dict[str, np.ndarray]:
    pitch, of = piece.pitch.astype(np.float64), onsets.of
    return {
        "pitch": (pitch - 62) / 12,
        "over_lower": (pitch - onsets.low[of]) / 24,
        "under_upper": (onsets.high[of] - pitch) / 24,
        "height_in_bars": (pitch - _mean_around(pitch, piece.onset, 2 * piece.bar_ticks)) / 12,
        "height_in_beats": (pitch - _mean_around(pitch, piece.onset, 2 * TICKS)) / 12,
        "highest": (piece.pitch == onsets.high[of]).astype(float),
        "lowest": (piece.pitch == onsets.low[of]).astype(float),
        "highest_sounding": (piece.pitch >= onsets.sounding_high[of]).astype(float),
        "lowest_sounding": (piece.pitch <= onsets.sounding_low[of]).astype(float),
        "struck": np.log2(onsets.struck[of]),
        "sounding": np.log2(onsets.sounding[of]),
    }


def _times(piece: BarPiece, onsets: _Onsets) -> dict[str, np.ndarray]:
    """Durations in quarters and seconds (log2), gaps to the neighbours, where phrases may end."""
    of, second = onsets.of, 60.0 / piece.tempo_bpm / TICKS
    end = piece.bars * piece.bar_ticks
    after = np.append(onsets.tick[1:], max(end, onsets.tick[-1] + 1))
    gap = np.maximum(after - onsets.tick, 1)
    before = np.append(gap[0], gap[:-1])
    following = np.append(gap[1:], gap[-1])
    log_gap = np.log2(gap / TICKS)
    # As the local boundary of Cambouropoulos (2001): a gap longer than both neighbours.
    boundary = log_gap - 0.5 * np.log2(before / TICKS) - 0.5 * np.log2(following / TICKS)
    duration = np.log2(piece.duration / TICKS)
    rest = onsets.silent_before / TICKS
    next_rest = np.append(rest[1:], 0.0)
    return {
        "duration": duration,
        "duration_sec": np.log2(piece.duration * second),
        "gap": log_gap[of],
        "gap_before": np.log2(before / TICKS)[of],
        "gap_sec": np.log2(gap * second)[of],
        "filled": np.clip(np.log2(piece.duration / gap[of]), -3, 3),
        "boundary": boundary[of],
        "rest_before": np.minimum(rest, 2.0)[of],
        "rest_after": np.minimum(next_rest, 2.0)[of],
        "longer_than_usual": duration - _mean_around(duration, piece.onset, 2 * piece.bar_ticks),
    }


def beat_ticks(meter: str) -> int:
    """Ticks between the beats that one conducts: three units in 6/8, 9/8, 12/8.

    >>> beat_ticks("3/4"), beat_ticks("6/8")
    (24, 36)
    """
    beats, _, kind = meter.partition("/")
    unit = 4 * TICKS // int(kind)
    compound = int(beats) > 3 and int(beats) % 3 == 0 and int(kind) >= 8
    return 3 * unit if compound else unit


def _meter(piece: BarPiece) -> dict[str, np.ndarray]:
    bar, beat = piece.bar_ticks, beat_ticks(piece.meter)
    place = (piece.onset % bar).astype(np.float64)
    turn = 2 * np.pi * place / bar
    beats = bar // beat
    same = np.ones(len(piece))
    return {
        "bar_sin": np.sin(turn), "bar_cos": np.cos(turn),
        "bar_sin_2": np.sin(2 * turn), "bar_cos_2": np.cos(2 * turn),
        "on_bar": (place == 0).astype(float),
        "on_beat": (place % beat == 0).astype(float),
        "on_half_beat": (place % (beat / 2) == 0).astype(float),
        "duple": same * (beats in (2, 4)), "triple": same * (beats in (3, 1)),
        "compound": same * (beat % (3 * TICKS // 2) == 0),
        "bar_sec": same * np.log2(bar / TICKS * 60 / piece.tempo_bpm),
    }  # fmt: skip


def _place(piece: BarPiece) -> dict[str, np.ndarray]:
    """Place among groups of bars, and distance from both ends in quarters and bars."""
    bar = piece.onset / piece.bar_ticks
    start = (piece.onset - piece.onset.min()) / TICKS
    end = (np.max(piece.onset + piece.duration) - piece.onset) / TICKS
    groups = {
        f"hyper_{size}_{name}": wave(2 * np.pi * bar / size)
        for size in (4, 8)
        for name, wave in (("sin", np.sin), ("cos", np.cos))
    }
    return {
        **groups,
        "hyper_2": np.cos(np.pi * np.floor(bar)),
        "from_start": np.exp(-start / 4), "from_start_far": np.exp(-start / 24),
        "to_end": np.exp(-end / 6), "to_end_near": np.exp(-end / 2),
        "to_end_far": np.exp(-end / 24),
    }  # fmt: skip


def _lines(piece: BarPiece, onsets: _Onsets) -> dict[str, np.ndarray]:
    """Leaps of the nearest line, and of the highest line, in octaves."""
    pitch, of = piece.pitch, onsets.of
    start = np.concatenate([[0], np.cumsum(onsets.struck)])
    leap_in, leap_out = np.zeros(len(piece)), np.zeros(len(piece))
    for m in range(len(onsets.tick) - 1):
        here, there = pitch[start[m] : start[m + 1]], pitch[start[m + 1] : start[m + 2]]
        apart = there[:, None] - here
        rows, columns = np.abs(apart).argmin(axis=1), np.abs(apart).argmin(axis=0)
        leap_in[start[m + 1] : start[m + 2]] = apart[np.arange(len(there)), rows]
        leap_out[start[m] : start[m + 1]] = apart[columns, np.arange(len(here))]
    high = onsets.high.astype(np.float64)
    before, after = np.append(high[0], high[:-1]), np.append(high[1:], high[-1])
    smooth = _mean_around(high, onsets.tick, piece.bar_ticks)
    slope = np.gradient(smooth, onsets.tick) * TICKS if len(high) > 1 else np.zeros(1)
    return {
        "leap_in": np.clip(leap_in, -12, 12) / 12,
        "leap_out": np.clip(leap_out, -12, 12) / 12,
        "melody_in": np.clip(high - before, -12, 12)[of] / 12,
        "melody_out": np.clip(after - high, -12, 12)[of] / 12,
        "melody_slope": np.clip(slope, -3, 3)[of],
        "repeated": (leap_in == 0).astype(float),
    }


def _harmony(piece: BarPiece, onsets: _Onsets) -> dict[str, np.ndarray]:
    """Distance from the key (melodic charge) and roughness of what is struck together."""
    key = measured_key(piece)
    root = Key.parse(key).tonic_pitch_class if key else 0
    minor = float(bool(key) and str(key).endswith("minor"))
    charge = MELODIC_CHARGE[(piece.pitch - root) % 12]
    bass = (onsets.sounding_low - root) % 12
    tension = _mean_around(charge, piece.onset, TICKS)
    return {
        "charge": (charge - 3) / 3,
        "tonic_bass": (bass == 0).astype(float)[onsets.of],
        "minor": np.full(len(piece), minor),
        "tension": (tension - 3) / 2,
    }


def _texture(piece: BarPiece) -> dict[str, np.ndarray]:
    """How many notes there are around, and whether they are getting more, or higher."""
    reach = 2 * piece.bar_ticks

    def count(low: int, high: int) -> np.ndarray:
        first = np.searchsorted(piece.onset, piece.onset + low)
        last = np.searchsorted(piece.onset, piece.onset + high)
        return np.asarray((last - first) / (high - low) * TICKS + 0.1)

    second = 60.0 / piece.tempo_bpm
    pitch = piece.pitch.astype(np.float64)
    around = _mean_around(pitch, piece.onset, reach)
    return {
        "density": np.log2(count(-TICKS, TICKS) / second) - 2,
        "density_trend": np.log2(count(0, reach) / count(-reach, 0)).clip(-3, 3),
        "register_trend": (around - pitch.mean()) / 12,
        "tempo": np.full(len(piece), np.log2(piece.tempo_bpm / 100)),
    }
