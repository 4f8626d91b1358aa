"""What the encoder is worth on recordings that it was not fitted to, and what follows from it.

Temperature and the threshold of "unknown" are set on folds that were left out, never on clips
that the weights have seen: those are too sure of themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partimento.core.progress import Progress
from partimento.music.sound_statistics import level_statistics
from partimento.tasks.audio2visual.concepts import SOUNDS
from partimento.tasks.audio2visual.encoder import LABELS, SoundEncoder, log_softmax
from partimento.tasks.audio2visual.encoder_data import Sounds
from partimento.tasks.audio2visual.encoder_fit import (
    DEFAULT,
    Effort,
    Music,
    fit_encoder,
    replaced,
    rescaled,
)

KNOWN_KEPT = 0.9
"""Share of known sounds that must not be called unknown."""
_LEFT_OUT = ((0, 5), (1, 6), (2, 7), (3, 8), (4, 9))
"""Pairs of classes that play the unknown in turn."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Answers on left-out recordings, all folds together, in the order of the recordings.

    ``log_p_NL`` is at temperature 1.
    """

    log_p_NL: np.ndarray
    sounds_NC: np.ndarray
    """Weights of the ten sounds from the closed-form readout."""
    distance_N: np.ndarray
    """Mahalanobis distance to the nearest label of the weights that had not seen the recording."""
    folds_N: np.ndarray
    labels_N: np.ndarray

    def accuracy(self) -> dict[str, float]:
        """Mean over folds and its spread (standard deviation), and the fold's own figures."""
        right = self.log_p_NL.argmax(1) == self.labels_N
        each = [float(right[self.folds_N == fold].mean()) for fold in np.unique(self.folds_N)]
        rows = {f"fold_{fold}": a for fold, a in zip(np.unique(self.folds_N), each, strict=True)}
        return {"accuracy": float(np.mean(each)), "accuracy_sd": float(np.std(each)), **rows}


def cross_validate(
    sounds: Sounds,
    folds_N: np.ndarray,
    music: Music | None,
    effort: Effort = DEFAULT,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> LeftOut:
    """Fit on all folds but one, answer on that one, for each fold in turn."""
    count = len(folds_N)
    log_p = np.zeros((count, len(LABELS)))
    weights, distance = np.zeros((count, len(SOUNDS))), np.zeros(count)
    values = np.unique(folds_N)
    for number, fold in enumerate(values):
        out = folds_N == fold
        encoder = fit_encoder(sounds.part(~out), music, effort, seed=seed)
        log_p[out], weights[out], code = answers(encoder, sounds.part(out))
        distance[out] = encoder.strangeness.parts(log_p[out], code)[1]
        if progress is not None:
            progress(number + 1, len(values), "folds")
    return LeftOut(log_p, weights, distance, folds_N, sounds.labels_N)


def answers(encoder: SoundEncoder, sounds: Sounds) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probabilities (N, L), readout of the ten sounds (N, C) and code (N, D)."""
    levels = 10.0 * np.log10(np.maximum(sounds.power_NTM, 1e-8))
    code = encoder.code(np.stack([level_statistics(each) for each in levels])).astype(np.float64)
    log_p = log_softmax(encoder.outputs(code)[:, : len(LABELS)])
    ones = np.ones((len(code), 1))
    readout = np.concatenate([code, ones], axis=1) @ encoder.readout_DK
    return log_p, readout[:, : len(SOUNDS)], code


def best_temperature(left: LeftOut) -> float:
    """The temperature with the best likelihood of left-out labels (Guo et al. 2017)."""
    grid = np.geomspace(0.4, 4.0, 73)
    rows = np.arange(len(left.labels_N))
    losses = [-log_softmax(left.log_p_NL / t)[rows, left.labels_N].mean() for t in grid]
    return float(grid[int(np.argmin(losses))])


def calibrated(encoder: SoundEncoder, left: LeftOut) -> SoundEncoder:
    """The encoder with temperature, units of strangeness and threshold from left-out answers.

    New recordings lie further out than those fitted to; a Mahalanobis distance has no unit, so that
    those of the folds stand for those of new recordings.
    """
    from dataclasses import replace

    temperature = best_temperature(left)
    log_p = log_softmax(left.log_p_NL / temperature)
    parts = np.stack([-(np.exp(log_p) * log_p).sum(1), left.distance_N], axis=1)
    scale = np.concatenate([parts.mean(0), parts.std(0) + 1e-6])
    score = ((parts - scale[:2]) / scale[2:]).sum(1)
    strange = replace(
        encoder.strangeness, scale=scale, threshold=float(np.quantile(score, KNOWN_KEPT))
    )
    return replaced(encoder, temperature=temperature, strangeness=strange)


def unknown_study(
    sounds: Sounds,
    folds_N: np.ndarray,
    music: Music | None,
    effort: Effort = DEFAULT,
    *,
    seed: int = 0,
    pairs: Sequence[tuple[int, int]] = _LEFT_OUT,
) -> dict[str, float]:
    """AUROC of telling classes that were never fitted from left-out clips of those that were.

    Five times two classes play the unknown; the known clips are those of a fold left out too.
    """
    from sklearn.metrics import roc_auc_score

    found: dict[str, list[float]] = {"entropy": [], "distance": [], "both": []}
    folds = np.unique(folds_N)
    for number, pair in enumerate(pairs):
        strange_N = np.isin(sounds.labels_N, pair)
        out = (folds_N == folds[number % len(folds)]) & ~strange_N
        encoder = fit_encoder(sounds.part(~out & ~strange_N), music, effort, seed=seed)
        asked = np.concatenate([np.flatnonzero(out), np.flatnonzero(strange_N)])
        log_p, _, code = answers(encoder, sounds.part(asked))
        known = slice(0, int(out.sum()))
        scaled = rescaled(encoder.strangeness, log_p[known], code[known])
        entropy, distance = scaled.parts(log_p, code)
        truth = strange_N[asked]
        for name, score in (
            ("entropy", entropy), ("distance", distance), ("both", scaled.score(log_p, code))
        ):  # fmt: skip
            found[name].append(float(roc_auc_score(truth, score)))
    return {name: float(np.mean(values)) for name, values in found.items()} | {
        f"{name}_sd": float(np.std(values)) for name, values in found.items()
    }
