"""The strong model's file: network, semantic tokens, card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import DataError
from partimento.music.barpiece import METERS, TICKS
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.styles import STYLES
from partimento.tasks.text2midi.steps import DURATIONS
from partimento.tasks.text2midi.strong import StrongConfig, StrongText
from partimento.tasks.text2midi.strong_player import StrongTextModel

if TYPE_CHECKING:
    from partimento.tasks.text2midi.semantic import SemanticTokens

SEMANTIC = "semantic."


def tables() -> dict[str, Any]:
    """The tables that a checkpoint's numbers refer to."""
    return {
        "ticks": TICKS,
        "durations": list(DURATIONS),
        "meters": list(METERS),
        "instruments": list(INSTRUMENT_NAMES),
        "styles": list(STYLES),
    }


def strong_model(
    tensors: Mapping[str, torch.Tensor], meta: CheckpointMeta, where: str
) -> StrongTextModel:
    """The model in a checkpoint.

    Raises DataError for tables that are not the beginning of this version's: later versions only
    add to them.
    """
    for name, own in tables().items():
        stored = meta.vocabulary.get(name)
        if stored != (own[: len(stored)] if isinstance(own, list) and stored else own):
            raise DataError(
                f"these weights were made with another table of {name}",
                where=where,
                fix="Take the version of partimento that made them",
            )
    network = StrongText(StrongConfig(**meta.config))
    own_state = {n: t.float() for n, t in tensors.items() if not n.startswith(SEMANTIC)}
    network.load_state_dict(own_state)
    arrays = {
        n.removeprefix(SEMANTIC): t.numpy() for n, t in tensors.items() if n.startswith(SEMANTIC)
    }
    known = meta.vocabulary.get("semantic")
    semantic = None
    if known:
        from partimento.tasks.text2midi.semantic import SemanticTokens

        semantic = SemanticTokens.from_parts(arrays, known)
    return StrongTextModel(network, semantic, meta.card.name)


def save_strong(
    path: Path,
    model: StrongText,
    semantic: SemanticTokens | None,
    card: Card,
    metrics: dict[str, float],
    data_hash: str,
) -> None:
    """One safetensors file in bfloat16; the codebooks keep their own precision."""
    vocabulary: dict[str, Any] = tables()
    tensors = {n: t.to(torch.bfloat16) for n, t in model.state_dict().items()}
    if semantic is not None:
        vocabulary["semantic"] = semantic.meta()
        tensors |= {
            SEMANTIC + name: torch.from_numpy(np.ascontiguousarray(array))
            for name, array in semantic.arrays().items()
        }
    meta = CheckpointMeta(
        model_class="partimento.tasks.text2midi.strong:StrongText",
        config=model.config.model_dump(),
        vocabulary=vocabulary,
        data_hash=data_hash,
        metrics=metrics,
        card=card,
    )
    save_checkpoint(path, tensors, meta)
