"""Trained networks: from weights to scores of clips.

Shape suffixes: B clips of a batch, K 19 dimensions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.core.checkpoint import CheckpointMeta, load_checkpoint, resolve_weights
from partimento.core.config import validate_config
from partimento.core.errors import DataError, InputFileError
from partimento.music.critique_columns import FEATURE_SETS
from partimento.music.critique_features import NoteFeatures, Standard
from partimento.nn.device import checked_device
from partimento.tasks.critique.config import NetworkConfig
from partimento.tasks.critique.model import ClipNetwork
from partimento.tasks.critique.notes import NoteBatch, gather

MODEL_CLASS = "partimento.tasks.critique.model:ClipNetwork"
BATCH = 32


@dataclass(frozen=True)
class TrainedNetwork:
    """A network with the statistics of its training clips.

    ``split`` says which fold it learnt from: ``protocol``, ``split_seed``, ``fold``; empty where
    the clips were given otherwise.  ``data_hash`` is that of its training clips.
    """

    network: ClipNetwork
    standard: Standard
    feature_set: str
    split: Mapping[str, Any]
    name: str = "network"
    data_hash: str = ""

    def batches(self, clips: Sequence[NoteFeatures], size: int = BATCH) -> Iterator[NoteBatch]:
        """Clips in order, standardised, on the network's device."""
        device = self.network.embed.weight.device
        for start in range(0, len(clips), size):
            notes = gather([self.standard.apply(c) for c in clips[start : start + size]])
            yield move(notes, device)

    @torch.no_grad()
    def predict(self, clips: Sequence[NoteFeatures]) -> np.ndarray:
        """Scores (n, 19) float64 in 0..1 of clips whose columns are not standardised yet.

        Raises ValueError for the columns of another set.
        """
        self.network.eval()
        found = [self.network(notes).double().cpu().numpy() for notes in self.batches(clips)]
        return np.concatenate([np.zeros((0, self.network.config.outputs)), *found])


def move(notes: NoteBatch, device: torch.device) -> NoteBatch:
    """The batch on a device."""
    moved = {name: getattr(notes, name).to(device) for name in notes._fields if name != "clips"}
    return NoteBatch(**moved, clips=notes.clips)


def load_network(name_or_path: str | Path, device: str = "cpu") -> TrainedNetwork:
    """The network in a checkpoint, in evaluation mode.

    Raises DataError when the weights are of something else, and InputFileError for a file that is
    damaged or whose parts do not fit together.
    """
    path = resolve_weights(name_or_path)
    tensors, meta = load_checkpoint(path)
    if meta.model_class != MODEL_CLASS:
        raise DataError(
            f"these weights are of {meta.model_class}, which does not read notes for a critique",
            where=str(path),
            fix="Give weights trained with a recipe of kind network",
        )
    config = _config(meta, path)
    standard, feature_set = _standard(meta, path)
    network = ClipNetwork(config, len(standard.columns))
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except RuntimeError as error:
        raise InputFileError(
            "the tensors of this checkpoint do not fit its configuration", where=str(path)
        ) from error
    network.eval().to(checked_device(device))
    split = meta.config.get("split")
    return TrainedNetwork(
        network,
        standard,
        feature_set,
        split if isinstance(split, dict) else {},
        meta.card.name,
        meta.data_hash,
    )


def _config(meta: CheckpointMeta, path: Path) -> NetworkConfig:
    values = meta.config.get("network")
    if not isinstance(values, dict):
        raise InputFileError("this checkpoint does not tell its network", where=str(path))
    return validate_config(NetworkConfig, values, str(path))


def _standard(meta: CheckpointMeta, path: Path) -> tuple[Standard, str]:
    vocabulary, feature_set = meta.vocabulary, str(meta.config.get("feature_set"))
    wanted = tuple(column.name for column in FEATURE_SETS.get(feature_set, ()))
    try:
        mean = np.array(vocabulary["mean"], dtype=np.float64)
        scale = np.array(vocabulary["scale"], dtype=np.float64)
        columns = tuple(vocabulary["columns"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputFileError("this checkpoint has no statistics", where=str(path)) from error
    sound = np.isfinite(mean).all() and np.isfinite(scale).all() and (scale > 0).all()
    if columns != wanted or not mean.shape == scale.shape == (len(wanted),) or not sound:
        raise InputFileError(
            f"the columns of this checkpoint are not those of {feature_set}", where=str(path)
        )
    return Standard(columns, mean, scale), feature_set
