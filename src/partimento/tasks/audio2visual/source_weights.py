"""Weights of the source design and of the light one: to disk, and back as something that embeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from partimento.core.checkpoint import (
    Card,
    CheckpointMeta,
    load_checkpoint,
    resolve_weights,
    save_checkpoint,
)
from partimento.core.config import Config, validate_config
from partimento.core.errors import ConfigError, DataError, InputFileError
from partimento.music.audio import Sound
from partimento.tasks.audio2visual.frames import FrameEncoder, load_frame_encoder
from partimento.tasks.audio2visual.source_config import LightConfig, SourceConfig
from partimento.tasks.audio2visual.source_data import frame_batch
from partimento.tasks.audio2visual.source_model import LightModel, SourceModel, build_network

if TYPE_CHECKING:
    from partimento.tasks.audio2visual.source_task import TextSpaceTask

_CONFIGS: dict[str, type[SourceConfig] | type[LightConfig]] = {
    "source": SourceConfig,
    "light": LightConfig,
}
_MODULE = "partimento.tasks.audio2visual.source_model"
HALF_FROM = 100_000_000
"""Networks of more parameters are written in bfloat16: in float32 the file would pass 1 GB."""


def save_text_weights(path: Path, task: TextSpaceTask, metrics: Mapping[str, float]) -> None:
    """One safetensors file: network, scales of the targets, card."""
    recipe, model = task.recipe, task.model
    size = sum(p.numel() for p in model.parameters())
    tensors = dict(model.state_dict())
    if size > HALF_FROM:
        tensors = {name: tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    meta = CheckpointMeta(
        model_class=f"{_MODULE}:{type(model).__name__}",
        config={
            "kind": recipe.kind,
            "network": recipe.model.model_dump(mode="json"),
            "inputs": model.inputs,
            "shapes": {name: list(shape) for name, shape in model.shapes.items()},
            **task.describe(),
        },
        vocabulary={"labels": list(task.train.labels)},
        data_hash=task.train.hash(),
        metrics=dict(metrics),
        card=Card(
            **recipe.card.model_dump(),
            task="audio2visual",
            recipe=task.recipe_file,
            parameters=size,
            metrics=dict(metrics),
        ),
    )
    save_checkpoint(path, tensors, meta)


class TextEmbedder:
    """Trained weights with their audio encoders: sounds become embeddings."""

    def __init__(
        self,
        model: SourceModel | LightModel,
        encoders: Sequence[FrameEncoder],
        meta: CheckpointMeta,
    ) -> None:
        self.model, self.encoders, self.meta = model.eval(), list(encoders), meta
        self.name = meta.card.name

    @torch.no_grad()
    def embed(self, sounds: Sequence[Sound]) -> dict[str, np.ndarray]:
        """``clip`` (B, 768) and ``t5`` (B, 17, 4096), those of them that the weights have.

        float32.  A sound's embedding does not depend on the others.
        """
        if not sounds:
            raise ValueError("embed needs a sound")
        heard = {e.name: [e.frames(sound) for sound in sounds] for e in self.encoders}
        for name, rows in heard.items():
            if rows[0].shape[1] != self.model.inputs[name]:
                raise DataError(
                    f"the encoder {name} gives {rows[0].shape[1]} numbers a frame; these weights "
                    f"were trained on {self.model.inputs[name]}",
                    where=self.name,
                )
        found = self.model.embed(frame_batch(heard))
        return {name: values.float().numpy() for name, values in found.items()}


def load_text_weights(
    name_or_path: str | Path, encoders: Sequence[str] | None = None
) -> TextEmbedder:
    """The embedder of a checkpoint; ``encoders`` replaces the folders that the weights name.

    Raises DataError for weights of another model, and InputFileError for a bad file or encoder.
    """
    path = resolve_weights(name_or_path)
    tensors, meta = load_checkpoint(path)
    if meta.model_class not in (f"{_MODULE}:SourceModel", f"{_MODULE}:LightModel"):
        raise DataError(
            f"these weights are of {meta.model_class}, which is not of the source design",
            where=str(path),
        )
    try:
        model = _network(meta.config)
        model.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    except (RuntimeError, KeyError, TypeError, ValueError, AttributeError, ConfigError) as error:
        reason = str(error).strip().splitlines()[0] if str(error) else type(error).__name__
        raise InputFileError(
            f"the weights and their configuration do not fit each other ({reason[:160]})",
            where=str(path),
        ) from error
    specs = meta.config["encoders"] if encoders is None else encoders
    cls_only = bool(meta.config.get("cls_only"))
    return TextEmbedder(
        model, [load_frame_encoder(str(spec), cls_only=cls_only) for spec in specs], meta
    )


def _network(config: Mapping[str, Any]) -> SourceModel | LightModel:
    """The untrained network of a checkpoint's configuration."""
    schema: type[Config] = _CONFIGS[config["kind"]]
    network = validate_config(schema, config["network"], "network")
    assert isinstance(network, SourceConfig | LightConfig)
    inputs = {str(name): int(width) for name, width in config["inputs"].items()}
    shapes = {str(n): tuple(int(v) for v in shape) for n, shape in config["shapes"].items()}
    if max(inputs.values()) > 65536 or any(np.prod(s) > 1_000_000 for s in shapes.values()):
        raise ValueError("a width beyond all measure")
    return build_network(network, inputs, shapes)
