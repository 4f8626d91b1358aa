"""A critic whose scores are simple, known functions of a MIDI file."""

from pathlib import Path

import numpy as np

from partimento.core.errors import DataError, PartimentoError
from partimento.music.dimensions import NAMES
from partimento.music.files import read_score
from partimento.music.performance import read_performance
from partimento.tasks.critique.extraction import extract
from partimento.tasks.critique.interface import Features, Verdict
from partimento.tasks.critique.worker import Reader

STATISTICS = (
    "mean_velocity",
    "velocity_spread",
    "seconds_per_note",
    "mean_duration_sec",
    "pedal_share",
    "mean_pitch",
    "seconds_per_score_note",
)
TYPICAL = np.array([64.0, 12.0, 0.25, 0.5, 0.3, 62.0, 0.25])
SPREAD = np.array([16.0, 6.0, 0.1, 0.3, 0.3, 6.0, 0.1])
DIRECTIONS = np.array(
    [np.random.default_rng(d).normal(0, 0.02, len(STATISTICS)) for d in range(len(NAMES))]
)
# Loudness is velocity and tempo is slowness, and nothing else.
DIRECTIONS[NAMES.index("timbre_loudness")] = np.eye(len(STATISTICS))[0] * 0.1
DIRECTIONS[NAMES.index("tempo")] = np.eye(len(STATISTICS))[2] * 0.1
SILENT = "balance"
"""A dimension that it abstains from when there is no score."""


class FakeCritic:
    """Scores linear in standardised statistics; half a width of 0.05."""

    name = "fake"
    familiarity = 0.9
    border = 0.5

    def features(self, clip, *, guarded=False):
        performance = read_performance(clip.performance)
        keep = np.ones(len(performance), dtype=bool)
        return self._features(performance, keep, clip)

    def without_bar(self, clip, *, guarded=False):
        performance = read_performance(clip.performance)
        rows, labels = [], []
        for start in np.arange(0, performance.seconds, 2.0):
            since = performance.onset_sec - performance.onset_sec[0]
            inside = (since >= start) & (since < start + 2)
            if inside.any() and not inside.all():
                rows.append(self._features(performance, ~inside, clip).values)
                labels.append(f"{start:.1f}-{start + 2:.1f} s")
        return Features(STATISTICS, np.array(rows).reshape(-1, len(STATISTICS))), labels

    def _features(self, performance, keep, clip):
        onset, end = performance.onset_sec[keep], performance.offset_sec[keep]
        velocity, pitch = performance.velocity[keep], performance.pitch[keep]
        seconds = float(end.max() - onset.min())
        pedal = float((performance.pedal_sec[:, 1] - performance.pedal_sec[:, 0]).sum()) / seconds
        match, per_note = _match(clip, pitch, seconds)
        values = (
            velocity.mean(),
            velocity.std(),
            seconds / len(onset),
            (end - onset).mean(),
            pedal,
            pitch.mean(),
            per_note,
        )
        return Features(STATISTICS, np.array(values, dtype=np.float64), match)

    def predict(self, values_MF):
        z_MF = np.nan_to_num((values_MF - TYPICAL) / SPREAD)
        return np.clip(0.5 + z_MF @ DIRECTIONS.T, 0.0, 1.0)

    def judge(self, clips):
        mean = self.predict(np.stack([clip.values for clip in clips]))
        return [
            Verdict(
                row,
                row - 0.05,
                row + 0.05,
                0.9,
                self.familiarity,
                {} if clip.score_match is not None else {SILENT: "it needs the score"},
            )
            for row, clip in zip(mean, clips, strict=True)
        ]

    def typical(self):
        return TYPICAL.copy(), SPREAD.copy()

    def groups(self):
        return {"loudness": (0, 1), "tempo": (2, 6), "pedal": (3, 4), "pitch": (5,)}

    def scores_of_learnt(self):
        return np.random.default_rng(0).normal(0.5, 0.1, (200, len(NAMES))).clip(0, 1)


def _match(clip, pitch, seconds):
    """Share of the score's notes found, and seconds per score note."""
    source = clip.score or clip.score_midi
    if source is None:
        return None, np.nan
    wanted = np.array([note.midi for note in read_score(source).notes])
    found = sum(min((wanted == p).sum(), (pitch == p).sum()) for p in np.unique(wanted))
    return found / len(wanted), seconds / len(wanted)


def load_fake(weights="critique-strong"):
    """Stands in for loading.load_critic."""
    if weights == "chorale-strong":
        raise DataError("these weights are of no critic", where=str(weights))
    return FakeCritic()


class QuickReader(Reader):
    """Reads clips as a worker does, but without a process."""

    def __init__(self):
        """No process is started."""

    def read(self, clip, must_match):
        try:
            return extract(FakeCritic(), clip, must_match=must_match)
        except PartimentoError as error:
            return error

    def close(self):
        """Nothing is open."""


class Hostile(FakeCritic):
    """Dies, hangs or raises as the name of the file says."""

    def features(self, clip, *, guarded=False):
        name = Path(clip.performance).stem
        if name == "crash":
            import os

            os.abort()
        if name == "hang":
            import time

            time.sleep(60)
        if name == "raise":
            raise ZeroDivisionError("of its own")
        if name == "write":
            Path(clip.performance).with_suffix(".new").write_text("no")
        return super().features(clip)
