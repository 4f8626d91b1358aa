"""The references that any network must beat: statistics of whole clips, two plain regressions.

``KernelRidge`` (radial basis functions) and ``ExtraTrees`` read a table (N, F) of statistics.
Missing values, scale and settings come from the training clips only; the settings are chosen by
cross-validation over groups of clips that share their notes, so that they suit unseen music.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from itertools import product
from typing import Any

import numpy as np

from partimento.core.errors import MissingExtraError
from partimento.tasks.critique.metrics import r2_mean

INNER_FOLDS = 4
KERNEL_WIDTHS: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.6)
"""gamma of exp(-gamma |x - y|^2 / F)."""
KERNEL_PENALTIES: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0)
TREE_LEAVES: tuple[int, ...] = (2, 4, 8)
TREES = 400
_INNER_TREES = 120
CUT = 5.0
"""Statistics are cut off at so many standard deviations of the training clips."""


@dataclass(frozen=True, slots=True)
class Standard:
    """Median, mean and standard deviation (F,) of the training clips; empty columns are 0."""

    median: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def fit(cls, values_NF: np.ndarray) -> Standard:
        """From training clips; a value that is not finite counts as missing."""
        values = np.where(np.isfinite(values_NF), values_NF, np.nan)
        values[:, np.isnan(values).all(axis=0)] = 0.0
        median = np.nanmedian(values, axis=0)
        whole = np.where(np.isnan(values), median, values)
        sd = whole.std(axis=0)
        return cls(median, whole.mean(axis=0), np.where(sd > 1e-9, sd, 1.0))

    def apply(self, values_NF: np.ndarray) -> np.ndarray:
        """Missing values filled with the median; centred, scaled and cut off."""
        whole = np.where(np.isfinite(values_NF), values_NF, self.median)
        return np.clip((whole - self.mean) / self.sd, -CUT, CUT)


@dataclass(frozen=True, slots=True)
class FittedTable:
    """A regression on the statistics of the clips."""

    model: Any
    standard: Standard
    values: np.ndarray
    facts: Mapping[str, Any] = field(default_factory=dict)

    def predict(self, index: np.ndarray) -> np.ndarray:
        """Scores (n, 19) in 0..1 of clips."""
        found = np.asarray(self.model.predict(self.standard.apply(self.values[index])))
        return np.clip(found.reshape(len(index), -1), 0.0, 1.0).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Reference:
    """A kind of regression (``kernel-ridge``, ``extra-trees``) on a table of statistics.

    ``values`` (N, F) of all clips, ``labels`` (N, 19), ``groups`` (N,) of clips that share notes.
    Only rows that :meth:`fit` is given are looked at.  It learns from training and validation
    clips: it stops nowhere early, so it needs none of them for that.
    """

    kind: str
    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    seed: int = 0

    def fit(self, train: np.ndarray, valid: np.ndarray) -> FittedTable:
        """Choose the settings by inner cross-validation over groups, then learn from all given."""
        own = np.concatenate([train, valid])
        chosen = self._settings(own)
        standard = Standard.fit(self.values[own])
        model = _MODELS[self.kind](self.values.shape[1], chosen, self.seed, TREES)
        model.fit(standard.apply(self.values[own]), self.labels[own])
        return FittedTable(model, standard, self.values, {"settings": chosen})

    def _settings(self, own: np.ndarray) -> dict[str, float]:
        """The settings with the best mean R2 over the inner folds."""
        folds = inner_folds(self.groups[own], INNER_FOLDS)
        grid = _GRIDS[self.kind]
        if not folds:
            return grid[len(grid) // 2]
        scores = [self._score(own, folds, settings) for settings in grid]
        return grid[int(np.argmax(scores))]

    def _score(
        self,
        own: np.ndarray,
        folds: Sequence[tuple[np.ndarray, np.ndarray]],
        settings: Mapping[str, float],
    ) -> float:
        predicted = np.empty((len(own), self.labels.shape[1]))
        for learnt, left_out in folds:
            standard = Standard.fit(self.values[own[learnt]])
            model = _MODELS[self.kind](self.values.shape[1], settings, self.seed, _INNER_TREES)
            model.fit(standard.apply(self.values[own[learnt]]), self.labels[own[learnt]])
            predicted[left_out] = model.predict(standard.apply(self.values[own[left_out]]))
        return r2_mean(self.labels[own], predicted)


def inner_folds(groups_N: np.ndarray, parts: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """(learnt, left out) indices; groups stay whole, the largest are dealt out first.

    Fewer folds where there are fewer groups; none for a single group.
    """
    names, counts = np.unique(groups_N, return_counts=True)
    parts = min(parts, len(names))
    if parts < 2:
        return []
    total = np.zeros(parts)
    part: dict[int, int] = {}
    for place in np.argsort(-counts, kind="stable").tolist():
        best = int(np.argmin(total))
        part[int(names[place])] = best
        total[best] += counts[place]
    number = np.array([part[int(group)] for group in groups_N], dtype=np.int64)
    return [(np.flatnonzero(number != k), np.flatnonzero(number == k)) for k in range(parts)]


def _sklearn(module: str) -> Any:
    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        raise MissingExtraError(
            "the references need scikit-learn", fix="pip install 'partimento[train]'"
        ) from error


def _kernel_ridge(columns: int, settings: Mapping[str, float], seed: int, trees: int) -> Any:
    """Radial basis functions; without random parts."""
    gamma = settings["width"] / max(1, columns)
    # The kernel has no intercept, so the targets are centred around it.
    module = _sklearn("kernel_ridge")
    return _Centred(module.KernelRidge(kernel="rbf", gamma=gamma, alpha=settings["penalty"]))


def _extra_trees(columns: int, settings: Mapping[str, float], seed: int, trees: int) -> Any:
    return _sklearn("ensemble").ExtraTreesRegressor(
        n_estimators=trees,
        min_samples_leaf=int(settings["leaf"]),
        max_features=settings["features"],
        random_state=seed,
    )


class _Centred:
    """A regression on targets less their mean."""

    def __init__(self, model: Any) -> None:
        self._model, self._mean = model, np.zeros(0)

    def fit(self, inputs: np.ndarray, targets: np.ndarray) -> None:
        self._mean = targets.mean(axis=0)
        self._model.fit(inputs, targets - self._mean)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        return np.asarray(self._model.predict(inputs)) + self._mean


_MODELS = {"kernel-ridge": _kernel_ridge, "extra-trees": _extra_trees}
_GRIDS: dict[str, list[dict[str, float]]] = {
    "kernel-ridge": [
        {"width": width, "penalty": penalty}
        for width, penalty in product(KERNEL_WIDTHS, KERNEL_PENALTIES)
    ],
    "extra-trees": [{"leaf": float(leaf), "features": 0.3} for leaf in TREE_LEAVES],
}
KINDS: tuple[str, ...] = tuple(_MODELS)
