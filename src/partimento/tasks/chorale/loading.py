"""Chorale networks from their checkpoints."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
from pydantic import ValidationError

from partimento.core.checkpoint import CheckpointMeta, load_checkpoint, resolve_weights
from partimento.core.errors import InputFileError
from partimento.nn.device import checked_device
from partimento.tasks.chorale.ensemble import ChoraleEnsemble
from partimento.tasks.chorale.strong import (
    ChoraleTransformer,
    StrongConfig,
)

DEFAULT_WEIGHTS = "chorale-strong"
StrongModel = ChoraleTransformer | ChoraleEnsemble


def load_drawing(weights: str | Path = DEFAULT_WEIGHTS, device: str = "cpu") -> ChoraleTransformer:
    """The network that draws notes: that of the weights, or the first member of an ensemble.

    Raises InputFileError as :func:`load_strong` does.
    """
    model = load_strong(weights, device)
    return model.lead if isinstance(model, ChoraleEnsemble) else model


def load_strong(weights: str | Path = DEFAULT_WEIGHTS, device: str = "cpu") -> StrongModel:
    """The strong model of a shipped name, a file or a folder, in evaluation mode.

    Raises InputFileError when the file holds another network or other sizes.
    """
    path = resolve_weights(weights)
    return _load(str(path), path.stat().st_mtime_ns, checked_device(device))


@lru_cache(maxsize=4)
def _load(path: str, modified_ns: int, device: torch.device) -> StrongModel:
    """Cached on path and time of change, so that many calls load once."""
    tensors, meta = load_checkpoint(path)
    return build_strong(tensors, meta, path).to(device)


def build_strong(tensors: dict[str, torch.Tensor], meta: CheckpointMeta, where: str) -> StrongModel:
    """The model of this checkpoint, one or several members, as float32.

    Raises InputFileError for another network or other sizes.
    """
    kind = meta.model_class.rsplit(":", 1)[-1]
    if kind not in ("ChoraleTransformer", "ChoraleEnsemble"):
        raise InputFileError(
            f"this checkpoint holds {kind}, not the strong model",
            where=where,
            fix="Use --weights chorale-strong or chorale-small",
        )
    try:
        model: StrongModel
        if kind == "ChoraleEnsemble":
            model = ChoraleEnsemble([StrongConfig(**c) for c in meta.config["members"]])
        else:
            model = ChoraleTransformer(StrongConfig(**meta.config))
        model.load_state_dict({name: t.float() for name, t in tensors.items()})
    except (RuntimeError, ValidationError, KeyError, TypeError) as error:
        raise InputFileError(
            "the tensors of this checkpoint do not fit its configuration", where=where
        ) from error
    return model.eval()
