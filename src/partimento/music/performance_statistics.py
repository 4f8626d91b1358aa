"""What a whole clip is like, in about a hundred numbers: the statistics that critics read.

Everything here needs the performance only; with a score
:mod:`partimento.music.score_statistics` adds more.  Names are ``group.statistic``; times are
natural logarithms of seconds, velocities MIDI 1..127, pedal depths 0..1, unless the name says
otherwise.  The statistics are ours; what they measure follows Goebl, Dixon, De Poli, Friberg,
Bresin and Widmer, "'Sense' in expressive music performance" (2008).

Shape suffixes: N notes, C chords (onsets within 35 ms), T samples of 20 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.core.errors import MusicError
from partimento.music.performance_raw import SOFT, SOSTENUTO, SUSTAIN, RawPerformance

CHORD_SEC = 0.035
"""Onsets nearer than this are one chord."""
STEP_SEC = 0.02
LEAST_NOTES = 8
LONGEST_SEC = 1200.0
"""A longer clip is no passage to be judged as one: samples of it would fill the memory."""
_SHORTEST = 0.02
_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
"""Key profiles of Krumhansl and Kessler (1982)."""

Statistics = dict[str, float]


@dataclass(frozen=True, slots=True)
class _Clip:
    """Arrays of a performance that several groups of statistics share."""

    onset: np.ndarray
    key_up: np.ndarray
    end: np.ndarray
    pitch: np.ndarray
    velocity: np.ndarray
    chord: np.ndarray
    """(N,) number of each note's chord."""
    onsets: np.ndarray
    """(C,) mean onset of each chord."""
    size: np.ndarray
    """(C,) notes of each chord."""
    time: np.ndarray
    """(T,) seconds."""

    @property
    def seconds(self) -> float:
        """From the first onset to the last."""
        return max(float(self.onset[-1] - self.onset[0]), 0.1)

    def per_chord(self, values_N: np.ndarray, how: np.ufunc) -> np.ndarray:
        """The values of each chord reduced by ``how`` (np.maximum, np.minimum, np.add): (C,)."""
        first = np.searchsorted(self.chord, np.arange(len(self.onsets)))
        found: np.ndarray = how.reduceat(values_N, first)
        return found


def performance_statistics(raw: RawPerformance) -> Statistics:
    """Statistics of a performance; always the same names, always finite.

    Raises MusicError for fewer than 8 notes, or a clip of more than 20 minutes.
    """
    notes = raw.performance
    if len(notes) < LEAST_NOTES:
        raise MusicError(
            f"{len(notes)} notes are too few to hear how they are played",
            fix=f"Give a passage of at least {LEAST_NOTES} notes, better of 4 to 16 bars",
        )
    if notes.seconds - float(notes.onset_sec[0]) > LONGEST_SEC:
        raise MusicError(
            f"this performance lasts {notes.seconds / 60:.0f} minutes; at most "
            f"{LONGEST_SEC / 60:.0f} are judged at once",
            fix="Cut out the passage that you want judged, 4 to 16 bars",
        )
    clip = _clip(raw)
    found = {
        **_tempo(clip),
        **_articulation(clip),
        **_loudness(clip),
        **_voicing(clip),
        **_texture(clip),
        **_pedals(clip, raw),
        **_sound(clip, raw),
    }
    return {name: float(value) if np.isfinite(value) else 0.0 for name, value in found.items()}


def summary(prefix: str, values: np.ndarray, percentiles: Sequence[int]) -> Statistics:
    """Mean, standard deviation and percentiles of the finite values; 0 where there are none."""
    values = values[np.isfinite(values)]
    if not len(values):
        values = np.zeros(1)
    found = {f"{prefix}_mean": float(values.mean()), f"{prefix}_sd": float(values.std())}
    for percent in percentiles:
        found[f"{prefix}_p{percent}"] = float(np.percentile(values, percent))
    return found


def log_sec(seconds: np.ndarray) -> np.ndarray:
    """Natural logarithm of times, which are taken for at least 20 ms."""
    found: np.ndarray = np.log(np.maximum(seconds, _SHORTEST))
    return found


def _clip(raw: RawPerformance) -> _Clip:
    notes = raw.performance
    onset = notes.onset_sec
    new = np.concatenate([[True], np.diff(onset) > CHORD_SEC])
    chord = np.cumsum(new) - 1
    size = np.bincount(chord)
    onsets = np.bincount(chord, weights=onset) / size
    last = max(float(raw.key_up_sec.max()), float(onset[-1]) + 0.1)
    time = np.arange(float(onset[0]), last, STEP_SEC)
    return _Clip(
        onset, raw.key_up_sec, notes.offset_sec, notes.pitch.astype(np.float64),
        notes.velocity.astype(np.float64), chord, onsets, size, time,
    )  # fmt: skip


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _tempo(clip: _Clip) -> Statistics:
    """How fast, how even: notes and chords a second, times between chords."""
    gap = log_sec(np.diff(clip.onsets))
    change = np.abs(np.diff(gap))
    near = change[change < 0.35]
    third = max(1, len(gap) // 3)
    starts = np.arange(clip.onset[0], clip.onset[-1] + 2.0, 2.0)
    busy = np.histogram(clip.onsets, starts)[0] if len(starts) > 1 else np.ones(1)
    spread = clip.per_chord(clip.onset, np.maximum) - clip.per_chord(clip.onset, np.minimum)
    spread = spread[clip.size > 1]
    return {
        "tempo.log_notes_per_sec": float(np.log(len(clip.onset) / clip.seconds)),
        "tempo.log_chords_per_sec": float(np.log(len(clip.onsets) / clip.seconds)),
        **summary("tempo.log_gap", gap, (10, 50, 90)),
        "timing.gap_change_mean": _mean(change),
        "timing.gap_change_median": float(np.median(change)) if len(change) else 0.0,
        "timing.gap_jitter": _mean(near),
        "timing.even_share": len(near) / max(len(gap), 1),
        "timing.busy_variation": float(busy.std() / max(busy.mean(), 0.1)),
        "timing.end_against_start": _mean(gap[:third]) - _mean(gap[-third:]),
        "timing.chord_spread_mean": _mean(spread),
        "timing.chord_spread_p90": float(np.percentile(spread, 90)) if len(spread) else 0.0,
    }


def _articulation(clip: _Clip) -> Statistics:
    """How long keys are held, in seconds and against the time to the next chord."""
    held = clip.key_up - clip.onset
    after = np.searchsorted(clip.onsets, clip.onset + 0.04)
    known = after < len(clip.onsets)
    until = clip.onsets[after[known]] - clip.onset[known]
    ratio = held[known] / np.maximum(until, 0.03)
    return {
        **summary("articulation.log_held", log_sec(held), (10, 50, 90)),
        **summary("articulation.log_ratio", np.log(np.maximum(ratio, 0.03)), (10, 50, 90)),
        "articulation.legato_share": _mean(ratio > 1),
        "articulation.staccato_share": _mean(ratio < 0.5),
    }


def _loudness(clip: _Clip) -> Statistics:
    """Velocities: level, range, steps from chord to chord, slow course."""
    found = summary("loudness.velocity", clip.velocity, (5, 25, 50, 75, 95))
    loudest = clip.per_chord(clip.velocity, np.maximum)
    step = np.abs(np.diff(loudest))
    smooth = np.convolve(loudest, np.full(4, 0.25), "valid") if len(loudest) >= 4 else loudest
    place = (clip.onsets - clip.onsets[0]) / clip.seconds
    slope = np.polyfit(place, loudest, 1)[0] if len(loudest) > 2 else 0.0
    return {
        **found,
        "loudness.range": found["loudness.velocity_p95"] - found["loudness.velocity_p5"],
        "loudness.step_mean": _mean(step),
        "loudness.step_median": float(np.median(step)) if len(step) else 0.0,
        "loudness.slope": float(slope),
        "loudness.phrase_sd": float(smooth.std()),
        "loudness.phrase_range": float(np.ptp(smooth)),
    }


def _voicing(clip: _Clip) -> Statistics:
    """Loudness of registers, and of the notes of a chord against each other."""
    high = clip.pitch >= np.percentile(clip.pitch, 75)
    low = clip.pitch <= np.percentile(clip.pitch, 25)
    treble, bass = _mean(clip.velocity[high]), _mean(clip.velocity[low])
    order = np.lexsort((clip.pitch, clip.chord))
    velocity = clip.velocity[order]
    edge = np.cumsum(clip.size)
    top, bottom = velocity[edge - 1], velocity[edge - clip.size]
    total = np.add.reduceat(velocity, edge - clip.size)
    square = np.add.reduceat(velocity**2, edge - clip.size)
    many = clip.size > 1
    size = clip.size[many]
    within = np.sqrt(np.maximum(square[many] / size - (total[many] / size) ** 2, 0))
    return {
        "voicing.treble_velocity": treble,
        "voicing.bass_velocity": bass,
        "voicing.treble_minus_bass": treble - bass,
        "voicing.top_minus_rest": _mean(top[many] - (total[many] - top[many]) / (size - 1)),
        "voicing.top_minus_bottom": _mean(top[many] - bottom[many]),
        "voicing.within_chord_sd": _mean(within),
    }


def _texture(clip: _Clip) -> Statistics:
    """What is played rather than how: register, chords, key."""
    weight = np.maximum(clip.key_up - clip.onset, 0.05)
    classes = np.bincount(clip.pitch.astype(np.int64) % 12, weights=weight, minlength=12)
    share = classes / classes.sum()
    used = share[share > 0]
    return {
        **summary("texture.pitch", clip.pitch, (10, 50, 90)),
        "texture.pitch_range": float(np.ptp(clip.pitch)),
        "texture.chord_size": float(clip.size.mean()),
        "texture.pitch_class_entropy_nats": float(-(used * np.log(used)).sum()),
        "texture.minor_minus_major": _fit(classes, _MINOR) - _fit(classes, _MAJOR),
    }


def _fit(classes: np.ndarray, profile: Sequence[float]) -> float:
    """The best correlation of a key profile over its twelve transpositions."""
    if np.ptp(classes) == 0:
        return 0.0
    turned = [np.roll(profile, shift) for shift in range(12)]
    return max(float(np.corrcoef(classes, one)[0, 1]) for one in turned)


def _pedals(clip: _Clip, raw: RawPerformance) -> Statistics:
    """How deep, how often, and where against the onsets the pedals are down."""
    found: Statistics = {}
    for number, name in ((SUSTAIN, "sustain"), (SOFT, "soft"), (SOSTENUTO, "sostenuto")):
        depth = raw.pedals[number].at(clip.time)
        found[f"pedal.{name}_down_share"] = _mean(depth >= 0.5)
        found[f"pedal.{name}_mean"] = _mean(depth)
    curve = raw.pedals[SUSTAIN]
    depth = curve.at(clip.time)
    presses = int((np.diff((depth >= 0.5).astype(np.int64)) > 0).sum())
    lowest, _ = curve.lowest(clip.onsets[:-1], clip.onsets[1:])
    held = _runs(depth >= 0.4) * STEP_SEC
    found |= {
        "pedal.sd": float(depth.std()),
        "pedal.deep_share": _mean(depth >= 0.7),
        "pedal.half_share": _mean((depth >= 0.24) & (depth < 0.63)),
        "pedal.any_share": _mean(depth >= 0.16),
        "pedal.presses_per_sec": presses / clip.seconds,
        "pedal.presses_per_chord": presses / len(clip.onsets),
        "pedal.movement_per_sec": float(np.abs(np.diff(depth)).sum()) / clip.seconds,
        "pedal.least_between_chords": _mean(lowest),
        "pedal.not_lifted_share": _mean(lowest >= 0.4),
        "pedal.log_hold_mean": float(np.log1p(_mean(held))),
        "pedal.log_hold_longest": float(np.log1p(held.max(initial=0.0))),
    }
    for shift, name in ((-0.06, "before_onset"), (0.0, "at_onset"), (0.06, "after_onset")):
        there = curve.at(clip.onset + shift)
        found[f"pedal.{name}_mean"] = _mean(there)
        found[f"pedal.{name}_down_share"] = _mean(there >= 0.5)
    return found


def _runs(held_T: np.ndarray) -> np.ndarray:
    """Lengths of the runs of True."""
    edges = np.diff(np.concatenate([[0], held_T.astype(np.int64), [0]]))
    found: np.ndarray = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return found


def _sound(clip: _Clip, raw: RawPerformance) -> Statistics:
    """What sounds together, keys and pedal: notes, silence, clashes, energy."""
    keys = _sounding(clip.onset, clip.key_up, clip.time)
    pedalled = _sounding(clip.onset, clip.end, clip.time)
    clash, energy = _clash_and_energy(clip)
    return {
        "sound.keys_down_mean": _mean(keys),
        "sound.no_key_share": _mean(keys == 0),
        "sound.notes_mean": _mean(pedalled),
        "sound.silence_share": _mean(pedalled == 0),
        **summary("sound.log_length", log_sec(clip.end - clip.onset), (50, 90)),
        "sound.clashes_mean": clash,
        "sound.energy": energy,
    }


def _sounding(start: np.ndarray, end: np.ndarray, time: np.ndarray) -> np.ndarray:
    """How many notes sound at each time: (T,)."""
    begun = np.searchsorted(np.sort(start), time, side="right")
    over = np.searchsorted(np.sort(end), time, side="right")
    return begun - over


def _clash_and_energy(clip: _Clip) -> tuple[float, float]:
    """Neighbouring pitches at most a tone apart that sound together, and the root of the mean
    sum of squared velocities, over samples of 0.2 s.
    """
    clashes, energies = [], []
    for now in clip.time[::10]:
        last = int(np.searchsorted(clip.onset, now, side="right"))
        on = np.flatnonzero(clip.end[:last] > now)
        pitches = np.unique(clip.pitch[on])
        clashes.append(int((np.diff(pitches) <= 2).sum()))
        energies.append(float((clip.velocity[on] ** 2).sum()))
    return float(np.mean(clashes)), float(np.sqrt(np.mean(energies)))
