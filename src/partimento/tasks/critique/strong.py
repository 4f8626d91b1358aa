"""The shipped critic: statistics of the clip, a kernel regression and small networks, averaged.

Two pairs of them: one reads all statistics, the other those that need no score.  Intervals come
from clips of passages, and of works, that a regression did not know; see :func:`calibrate`.

Shape suffixes: N learnt clips, M clips, F statistics, D dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from partimento.core.errors import DataError
from partimento.music.clip_statistics import performance_names, statistic_names
from partimento.music.dimensions import NAMES
from partimento.tasks.critique.interface import Features, Verdict
from partimento.tasks.critique.kernel import KernelRidge, Scaler, distance
from partimento.tasks.critique.reading import StatisticsReader
from partimento.tasks.critique.stacked import StackedNetworks

COVERAGE = 0.9
"""Share of new clips whose label the interval is to hold."""


@dataclass(frozen=True)
class Pair:
    """A kernel regression and small networks that read the same statistics."""

    kernel: KernelRidge
    networks: StackedNetworks

    def predict(self, inputs_MF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (M, D) in 0..1 and relative deviations (M,)."""
        mean, sd = self.kernel.predict(inputs_MF)
        return np.clip((mean + self.networks.predict(inputs_MF)) / 2, 0.0, 1.0), sd


@dataclass(frozen=True)
class Calibration:
    """How far labels lay from scores of clips that were left out, per relative deviation.

    ``known`` and ``unknown`` (D,): the quantile :data:`COVERAGE` of |label - score| / deviation
    where other passages of the work were learnt, and where none was.  ``familiar`` and
    ``strange``: median familiarity of the two.  ``blind`` (D,): the same quantile of
    |label - mean label|: what one knows without listening.
    """

    known: np.ndarray
    unknown: np.ndarray
    familiar: float
    strange: float
    blind: np.ndarray

    def half_width(self, deviation: float, familiarity: float) -> np.ndarray:
        """(D,) of the interval on either side."""
        span = max(self.familiar - self.strange, 1e-6)
        share = float(np.clip((familiarity - self.strange) / span, 0, 1))
        width: np.ndarray = (share * self.known + (1 - share) * self.unknown) * deviation
        return width

    @property
    def border(self) -> float:
        """Below this familiarity a work counts as unknown."""
        return (self.familiar + self.strange) / 2


class StrongCritic(StatisticsReader):
    """A :class:`partimento.tasks.critique.interface.Critic` made of two pairs."""

    def __init__(
        self, name: str, scaler: Scaler, labels_ND: np.ndarray, full: Pair, alone: Pair,
        calibration: Calibration,
    ) -> None:  # fmt: skip
        super().__init__()
        self.name = name
        self.scaler = scaler
        self.labels = labels_ND
        self.full = full
        self.alone = alone
        self.calibration = calibration

    @property
    def border(self) -> float:
        """See the interface."""
        return self.calibration.border

    @property
    def _own(self) -> int:
        """How many statistics need no score; they come first."""
        return len(performance_names())

    def predict(self, values_MF: np.ndarray) -> np.ndarray:
        """See the interface."""
        return self._scores(np.atleast_2d(values_MF))[0]

    def _scores(self, values_MF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores (M, D) and relative deviations (M,), by the pair that fits each clip."""
        inputs = self.scaler(values_MF)
        scored = np.isfinite(values_MF[:, self._own :]).any(axis=1)
        mean, sd = np.empty((len(inputs), len(NAMES))), np.empty(len(inputs))
        for rows, pair, columns in (
            (scored, self.full, slice(None)),
            (~scored, self.alone, slice(0, self._own)),
        ):
            if rows.any():
                mean[rows], sd[rows] = pair.predict(inputs[rows, columns])
        return mean, sd

    def judge(self, clips: Sequence[Features]) -> list[Verdict]:
        """See the interface."""
        if not clips:
            return []
        values = np.stack([clip.values for clip in clips])
        means, deviations = self._scores(values)
        near = self.familiarity(values)
        rows = zip(means, deviations.tolist(), near.tolist(), strict=True)
        return [self._verdict(*row) for row in rows]

    def familiarity(self, values_MF: np.ndarray) -> np.ndarray:
        """(M,) exp of minus the mean absolute difference to the nearest learnt clip, in standard
        deviations of the statistics that need no score.
        """
        inputs = self.scaler(values_MF)[:, : self._own]
        learnt = self.alone.kernel.inputs
        found: np.ndarray = np.exp(-distance(inputs, learnt).min(axis=1) / self._own)
        return found

    def _verdict(self, mean: np.ndarray, deviation: float, familiarity: float) -> Verdict:
        half = self.calibration.half_width(deviation, familiarity)
        return Verdict(
            mean=mean, low=np.clip(mean - half, 0, 1), high=np.clip(mean + half, 0, 1),
            coverage=COVERAGE, familiarity=familiarity,
            abstained=self._abstained(half, familiarity),
        )  # fmt: skip

    def _abstained(self, half: np.ndarray, familiarity: float) -> dict[str, str]:
        """Dimensions whose interval is no narrower than without listening."""
        why = (
            "nothing like this work was learnt from"
            if familiarity < self.calibration.border
            else "this performance is unlike those learnt from"
        )
        return {
            name: f"the interval is as wide as without listening: {why}"
            for name, width, blind in zip(NAMES, half, self.calibration.blind, strict=True)
            if width >= blind
        }

    def typical(self) -> tuple[np.ndarray, np.ndarray]:
        """See the interface."""
        return self.scaler.median, self.scaler.sd

    def groups(self) -> dict[str, tuple[int, ...]]:
        """See the interface."""
        found: dict[str, list[int]] = {}
        for place, name in enumerate(statistic_names()):
            found.setdefault(KINDS[name.partition(".")[0]], []).append(place)
        return {kind: tuple(places) for kind, places in found.items()}

    def scores_of_learnt(self) -> np.ndarray:
        """See the interface."""
        return self.labels

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything that a checkpoint stores."""
        c = self.calibration
        found = {
            "labels": self.labels, "known": c.known, "unknown": c.unknown, "blind": c.blind,
            "familiar": np.array([c.familiar, c.strange]),
        }  # fmt: skip
        arrays = {name: array.astype(np.float32) for name, array in found.items()}
        # A small deviation multiplies every rounding of the mean: both in full.
        arrays |= {"median": self.scaler.median, "mean": self.scaler.mean, "sd": self.scaler.sd}
        for name, pair in (("full", self.full), ("alone", self.alone)):
            arrays |= pair.kernel.arrays(f"{name}.kernel")
            arrays |= pair.networks.arrays(f"{name}.networks")
        return arrays

    @classmethod
    def restored(cls, name: str, stored: Mapping[str, np.ndarray]) -> StrongCritic:
        """The critic that :meth:`arrays` stored.

        Raises DataError for statistics of another version.
        """
        arrays = {key: array.astype(np.float64) for key, array in stored.items()}
        if len(arrays["mean"]) != len(statistic_names()):
            raise DataError(
                f"these weights read {len(arrays['mean'])} statistics, this version makes "
                f"{len(statistic_names())}",
                where=name,
                fix="Train them again with `partimento train recipes/critique/strong.yaml`",
            )
        scaler = Scaler(arrays["median"], arrays["mean"], arrays["sd"])
        full, alone = (
            Pair(
                KernelRidge.restored(arrays, f"{kind}.kernel", arrays["labels"]),
                StackedNetworks.restored(arrays, f"{kind}.networks"),
            )
            for kind in ("full", "alone")
        )
        familiar, strange = arrays["familiar"].tolist()
        calibration = Calibration(
            arrays["known"], arrays["unknown"], familiar, strange, arrays["blind"]
        )
        return cls(name, scaler, arrays["labels"], full, alone, calibration)


KINDS = {
    "tempo": "tempo",
    "curve": "tempo",
    "timing": "timing",
    "together": "timing",
    "articulation": "articulation",
    "written_length": "articulation",
    "loudness": "loudness",
    "voicing": "voicing",
    "melody": "voicing",
    "pedal": "pedal",
    "sound": "sound",
    "texture": "the notes themselves",
    "written": "the notes themselves",
}
"""Kinds of statistics in words, by the first part of their names."""
