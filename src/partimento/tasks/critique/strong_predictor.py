"""The shipped design under a protocol: trained anew on each fold's training part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from partimento.tasks.critique.kernel import Scaler
from partimento.tasks.critique.strong import Pair
from partimento.tasks.critique.strong_fit import FULL_EFFORT, Effort, fit_pair


@dataclass(frozen=True)
class FittedPair:
    """A pair with its scaler, on a table of statistics ``values`` (N, F)."""

    values: np.ndarray
    scaler: Scaler
    pair: Pair
    facts: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, index: np.ndarray) -> np.ndarray:
        """Scores (n, 19) of the clips."""
        return self.pair.predict(self.scaler(self.values[index]))[0]


@dataclass(frozen=True)
class StrongPredictor:
    """Learns from a fold's training and validation part, as the references do: it stops nowhere
    early and chooses nothing on either.

    ``values`` (N, F) statistics of all clips, ``labels`` (N, 19), ``groups`` (N,) passages that
    share notes.
    """

    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    seed: int = 0
    effort: Effort = FULL_EFFORT

    def fit(self, train: np.ndarray, valid: np.ndarray) -> FittedPair:
        """A kernel regression and small networks on all clips that are given."""
        learnt = np.concatenate([train, valid])
        own = self.values[learnt]
        scaler = Scaler.fit(own)
        pair = fit_pair(
            scaler(own), self.labels[learnt], self.groups[learnt], seed=self.seed,
            effort=self.effort,
        )  # fmt: skip
        facts = {"epochs": self.effort.epochs, "noise": round(pair.kernel.noise, 4)}
        return FittedPair(self.values, scaler, pair, facts)
