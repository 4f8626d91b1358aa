"""The learnt expression: a small network in NumPy, and how players differ around it.

Trained by ``partimento train recipes/piano/expression.yaml`` on performances of scores; its torch
twin is :class:`partimento.tasks.piano.expression_network.ExpressionConvolution`.

Shape suffixes: N notes, F features, C channels, T targets, K kernel, S styles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.checkpoint import CheckpointMeta, load_arrays, read_meta, resolve_weights
from partimento.core.errors import DataError
from partimento.music.barpiece import BarPiece
from partimento.music.expression_features import NAMES, note_features
from partimento.music.expression_targets import CONTINUOUS, TARGETS

SHIPPED = "expression-asap"
MODEL_CLASS = "partimento.music.expression_model:ExpressionModel"
MOST_LAYERS = 12
"""So many see 4,095 notes to either side, more than most pieces have."""
UNUSUAL = 5.0
"""Standard deviations beyond which a feature is cut: composed pieces may be odd."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A residual layer: ``near_KCC`` kernel, in, out; ``mix_CC`` in, out; biases (C,)."""

    near_KCC: np.ndarray
    near_C: np.ndarray
    mix_CC: np.ndarray
    mix_C: np.ndarray
    dilation: int

    @property
    def biases(self) -> tuple[np.ndarray, np.ndarray]:
        """Both, (C,) each."""
        return self.near_C, self.mix_C


@dataclass(frozen=True, slots=True)
class ExpressionNetwork:
    """Dilated convolutions with residuals (Bai et al. 2018), looking both ways."""

    mean_F: np.ndarray
    scale_F: np.ndarray
    enter_FC: np.ndarray
    enter_C: np.ndarray
    layers: tuple[Layer, ...]
    leave_CT: np.ndarray
    leave_T: np.ndarray

    def hidden(self, features_NF: np.ndarray) -> np.ndarray:
        """What the last layer sees of every note, (N, C); notes in order of onset and pitch."""
        scaled = np.clip((features_NF - self.mean_F) / self.scale_F, -UNUSUAL, UNUSUAL)
        x_NC = np.maximum(scaled @ self.enter_FC + self.enter_C, 0.0)
        for layer in self.layers:
            near = np.maximum(_convolved(x_NC, layer), 0.0)
            x_NC = x_NC + near @ layer.mix_CC + layer.mix_C
        return np.asarray(np.maximum(x_NC, 0.0))


def _convolved(x_NC: np.ndarray, layer: Layer) -> np.ndarray:
    """Same length, zeros beyond both ends."""
    reach = layer.dilation * (len(layer.near_KCC) // 2)
    padded = np.pad(x_NC, ((reach, reach), (0, 0)))
    parts = (
        padded[k * layer.dilation : k * layer.dilation + len(x_NC)] @ kernel
        for k, kernel in enumerate(layer.near_KCC)
    )
    return np.asarray(sum(parts) + layer.near_C)


@dataclass(frozen=True, slots=True)
class Manners:
    """How pianists differ from the prediction and from each other.

    A player is a draw ``z`` (S,): the last layer's weights move by ``z @ moves``, with moves
    (S, (C + 1) * CONTINUOUS), the principal directions in which the pianists' own weights lie.
    ``level_mean`` and ``level_sd`` (2,): spread of velocities and touch over performances.
    ``noise_sd`` and ``noise_memory`` (4,): what is left, as a first-order process over notes.
    ``pedal_logit`` (2,): above it the pedal goes down, or is changed, as often as pianists do it.
    """

    moves: np.ndarray
    level_mean: np.ndarray
    level_sd: np.ndarray
    noise_sd: np.ndarray
    noise_memory: np.ndarray
    pedal_logit: np.ndarray


@dataclass(frozen=True, slots=True)
class ExpressionModel:
    """A network with the manners of its players."""

    name: str
    network: ExpressionNetwork
    manners: Manners

    def predict(self, piece: BarPiece, z: np.ndarray | None = None) -> np.ndarray:
        """(N, T) in the order of the piece's notes and of the targets; the pedal as logits.

        ``z`` (S,) is a player's manner; None is the mean player.  Raises ValueError for a piece
        without notes.
        """
        order = np.lexsort((piece.pitch, piece.onset))
        hidden = self.network.hidden(note_features(piece)[order].astype(np.float64))
        out = hidden @ self.network.leave_CT + self.network.leave_T
        if z is not None:
            moved = (z @ self.manners.moves).reshape(hidden.shape[1] + 1, CONTINUOUS)
            out[:, :CONTINUOUS] += hidden @ moved[:-1] + moved[-1]
        placed = np.empty_like(out)
        placed[order] = out
        return placed

    @property
    def styles(self) -> int:
        """How many numbers make a player's manner."""
        return len(self.manners.moves)


def load_expression(name_or_path: str | Path = SHIPPED) -> ExpressionModel:
    """The model of a shipped name or a checkpoint file.

    Raises InputFileError for what is no checkpoint, DataError for one of another kind or version.
    """
    path = resolve_weights(name_or_path)
    return _load(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _load(path: Path, changed_ns: int) -> ExpressionModel:
    meta = read_meta(path)
    if meta.model_class != MODEL_CLASS:
        raise DataError(
            f"these weights are of the kind {meta.model_class.rpartition(':')[2]}, which cannot "
            "play with expression",
            where=str(path),
            fix=f"Give {SHIPPED}, or weights trained with recipes/piano/expression.yaml",
        )
    return expression_of(load_arrays(path)[0], meta, str(path))


def expression_of(
    arrays: Mapping[str, np.ndarray], meta: CheckpointMeta, where: str
) -> ExpressionModel:
    """The model in a checkpoint's arrays.

    Raises DataError for features, targets or shapes of another version.
    """
    known = {"features": list(NAMES), "targets": list(TARGETS)}
    for name, own in known.items():
        if meta.vocabulary.get(name) != own:
            raise _of_another_version(f"another list of {name}", where)
    try:
        wide = {name: array.astype(np.float64) for name, array in arrays.items()}
        if not all(np.isfinite(array).all() for array in wide.values()):
            raise ValueError("numbers that are not finite")
        model = ExpressionModel(meta.card.name, _network(wide, meta.config), _manners(wide))
        _check(model)
    except (KeyError, TypeError, ValueError) as error:
        raise _of_another_version(f"other arrays ({error})", where) from None
    return model


def _network(arrays: Mapping[str, np.ndarray], config: Mapping[str, Any]) -> ExpressionNetwork:
    count = int(config["layers"])
    if not 1 <= count <= MOST_LAYERS:
        raise ValueError(f"{count} layers")
    layers = tuple(
        Layer(
            arrays[f"layer{n}.near_KCC"], arrays[f"layer{n}.near_C"],
            arrays[f"layer{n}.mix_CC"], arrays[f"layer{n}.mix_C"], 2**n,
        )
        for n in range(count)
    )  # fmt: skip
    return ExpressionNetwork(
        arrays["mean_F"], arrays["scale_F"], arrays["enter_FC"], arrays["enter_C"], layers,
        arrays["leave_CT"], arrays["leave_T"],
    )  # fmt: skip


def _manners(arrays: Mapping[str, np.ndarray]) -> Manners:
    return Manners(**{name: arrays[f"manners.{name}"] for name in Manners.__slots__})


def _check(model: ExpressionModel) -> None:
    """Raises ValueError where shapes do not belong together or a number cannot be."""
    network, manners = model.network, model.manners
    features, channels = network.enter_FC.shape
    right = (
        features == len(NAMES) == len(network.mean_F) == len(network.scale_F)
        and network.leave_CT.shape == (channels, len(TARGETS))
        and network.leave_T.shape == (len(TARGETS),)
        and all(layer.near_KCC.shape[1:] == (channels, channels) for layer in network.layers)
        and all(len(layer.near_KCC) % 2 == 1 for layer in network.layers)
        and all(layer.mix_CC.shape == (channels, channels) for layer in network.layers)
        and all(
            bias.shape == (channels,)
            for bias in (network.enter_C, *(b for one in network.layers for b in one.biases))
        )
        and manners.moves.ndim == 2
        and manners.moves.shape[1] == (channels + 1) * CONTINUOUS
        and manners.level_mean.shape == manners.level_sd.shape == (2,)
        and manners.pedal_logit.shape == (len(TARGETS) - CONTINUOUS,)
        and manners.noise_sd.shape == manners.noise_memory.shape == (CONTINUOUS,)
    )
    if not right:
        raise ValueError("shapes do not fit")
    if (np.abs(manners.noise_memory) >= 1.0).any() or (network.scale_F <= 0.0).any():
        raise ValueError("a memory of 1 or more, or a scale of 0 or less")


def _of_another_version(what: str, where: str) -> DataError:
    return DataError(
        f"these weights were made with {what}",
        where=where,
        fix="Take the version of partimento that made them",
    )
