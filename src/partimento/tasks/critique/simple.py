"""Predictors that know nothing of the playing: what any critic must beat.

All learn from training clips only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_predictor(labels_ND: np.ndarray, clips: int) -> np.ndarray:
    """The mean label of the training clips for each of ``clips`` new ones (clips, D)."""
    return np.tile(labels_ND.mean(axis=0), (clips, 1))


def mean_by_name(
    labels_ND: np.ndarray, names_N: Sequence[str], new_names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean label (M, D) of the training clips of the same name, and which were known (M,).

    With passages as names, a predictor that knows the music only; with performers, one that knows
    who plays.  A name that training does not have gets the mean of all.
    """
    predicted = mean_predictor(labels_ND, len(new_names))
    known = np.zeros(len(new_names), dtype=bool)
    own = np.array(list(names_N), dtype=str)
    for i, name in enumerate(new_names):
        members = own == name
        if name and members.any():
            predicted[i], known[i] = labels_ND[members].mean(axis=0), True
    return predicted, known


def others_of_passage(
    labels_ND: np.ndarray, passages_N: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean label (N, D) of the other performances of the same passage, and where there is one (N,).

    It looks at the labels to be foretold (leaving each one's own out), so it is no model but a
    measure of how far the music alone goes.  A passage played once gets the mean of the others.
    """
    names = np.array(list(passages_N), dtype=str)
    clips = len(names)
    total = labels_ND.sum(axis=0)
    predicted = (total - labels_ND) / max(1, clips - 1)
    known = np.zeros(clips, dtype=bool)
    for name in dict.fromkeys(passages_N):
        members = names == name
        count = int(members.sum())
        if count > 1:
            own = labels_ND[members]
            predicted[members] = (own.sum(axis=0) - own) / (count - 1)
            known[members] = True
    return predicted, known
