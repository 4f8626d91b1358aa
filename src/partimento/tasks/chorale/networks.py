"""Any chorale network from its checkpoint."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from partimento.core.checkpoint import load_checkpoint, read_meta, resolve_weights
from partimento.core.errors import InputFileError
from partimento.tasks.chorale.api import ChoraleModel
from partimento.tasks.chorale.config import SourceConfig


def load_network(weights: str | Path, device: str = "cpu") -> ChoraleModel:
    """The network of a shipped name, a file or a folder, in evaluation mode.

    Raises InputFileError when there is none, or when it is no chorale network.
    """
    path = resolve_weights(weights)
    name = read_meta(path).model_class.rsplit(":", 1)[-1]
    if name == "HarmonicNetwork":
        return _load_source(path, device)
    if name in ("ChoraleTransformer", "ChoraleEnsemble"):
        from partimento.tasks.chorale.loading import load_strong

        return load_strong(path, device)
    raise InputFileError(
        f"this checkpoint holds {name}, which is no chorale network", where=str(path)
    )


def _load_source(path: Path, device: str) -> ChoraleModel:
    from partimento.tasks.chorale.model import HarmonicNetwork

    tensors, meta = load_checkpoint(path)
    try:
        network = HarmonicNetwork(SourceConfig.model_validate(meta.config))
        network.load_state_dict(tensors)
    except (RuntimeError, ValidationError) as error:
        raise InputFileError(
            "the tensors of this checkpoint do not fit its configuration", where=str(path)
        ) from error
    return network.to(device).eval()
