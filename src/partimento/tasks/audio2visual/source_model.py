"""From frames of audio encoders to text space: the source design, and the light one.

Legend: B clips, T frames, I width of an encoder's frames, D width of an adapter's output,
E... the shape of a target: (768,) for CLIP, (17, 4096) for T5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from partimento.tasks.audio2visual.adapters import Adapter
from partimento.tasks.audio2visual.mapblock import MAPBlock
from partimento.tasks.audio2visual.source_config import LightConfig, SourceConfig

SHAPES: dict[str, tuple[int, ...]] = {"clip": (768,), "t5": (17, 4096)}
"""Shape of one clip's target, as image models take it."""


class FrameBatch(NamedTuple):
    """Frames of B clips by encoder: (B, T, I) with False in ``keep`` (B, T) for padding."""

    frames: dict[str, Tensor]
    keep: dict[str, Tensor]

    @property
    def clips(self) -> int:
        """B."""
        return len(next(iter(self.frames.values())))


class TextScale(nn.Module):
    """Mean and scale of one target's values, so that the network predicts z-scores."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def set(self, mean: Tensor, scale: Tensor) -> None:
        """Take over statistics of the training targets."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)

    def scores(self, values: Tensor) -> Tensor:
        """Targets as the network predicts them."""
        return (values - self.mean) / self.scale

    def restore(self, scores: Tensor) -> Tensor:
        """Predictions as embeddings."""
        return scores * self.scale + self.mean


class TextNetwork(nn.Module):
    """What both designs have in common: heads by target, and the scales of their targets.

    ``inputs`` is the width of each encoder's frames.
    """

    def __init__(self, inputs: Mapping[str, int], shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        if not inputs or not shapes:
            raise ValueError("a network needs an audio encoder and a target")
        self.inputs, self.shapes = dict(inputs), {k: tuple(v) for k, v in shapes.items()}
        self.scales = nn.ModuleDict({name: TextScale(s) for name, s in self.shapes.items()})

    def scale(self, target: str) -> TextScale:
        """The scale of a target."""
        found = self.scales[target]
        assert isinstance(found, TextScale)
        return found

    def embed(self, batch: FrameBatch) -> dict[str, Tensor]:
        """Embeddings in text space by target: ``clip`` (B, 768), ``t5`` (B, 17, 4096)."""
        return {name: self.scale(name).restore(z) for name, z in self(batch).items()}


class SourceHead(nn.Module):
    """One target: an adapter per audio encoder, their frames behind each other, one MAPBlock."""

    def __init__(
        self, config: SourceConfig, inputs: Mapping[str, int], target: str, shape: tuple[int, ...]
    ) -> None:
        super().__init__()
        self.adapters = nn.ModuleDict(
            {name: Adapter(config.of_encoder(name), width) for name, width in inputs.items()}
        )
        latents = 1 if len(shape) == 1 else shape[0]
        self.pool = MAPBlock(getattr(config, target), config.adapter.width, latents, shape[-1])

    def forward(self, batch: FrameBatch) -> Tensor:
        """(B, E...)."""
        adapted = [
            _by_rows(adapter, batch.frames[name], batch.keep[name])
            for name, adapter in self.adapters.items()
        ]
        keep_BT = torch.cat([batch.keep[name] for name in self.adapters], dim=1)
        return self.pool(  # type: ignore[no-any-return]
            torch.cat(adapted, dim=1), None if bool(keep_BT.all()) else keep_BT
        )


class SourceModel(TextNetwork):
    """The source design."""

    def __init__(
        self,
        config: SourceConfig,
        inputs: Mapping[str, int],
        shapes: Mapping[str, tuple[int, ...]] = SHAPES,
    ) -> None:
        super().__init__(inputs, {name: shapes[name] for name in config.targets})
        self.config = config
        self.heads = nn.ModuleDict(
            {name: SourceHead(config, inputs, name, shape) for name, shape in self.shapes.items()}
        )

    def forward(self, batch: FrameBatch) -> dict[str, Tensor]:
        """z-scores (B, E...) by target."""
        return {name: head(batch) for name, head in self.heads.items()}


class LightModel(TextNetwork):
    """The light design: mean, deviation and maximum over time, one hidden layer, linear output.

    About 79,000 parameters from 64 mel bands to (B, 768).  The pooled numbers are standardised
    with those of the training clips (:meth:`set_pooled`).
    """

    pooled_mean: Tensor
    pooled_scale: Tensor

    def __init__(
        self,
        config: LightConfig,
        inputs: Mapping[str, int],
        shapes: Mapping[str, tuple[int, ...]] = SHAPES,
    ) -> None:
        super().__init__(inputs, {name: shapes[name] for name in config.targets})
        self.config = config
        width = 3 * sum(inputs.values())
        self.register_buffer("pooled_mean", torch.zeros(width))
        self.register_buffer("pooled_scale", torch.ones(width))
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Linear(width, config.hidden),
                    nn.ReLU() if config.activation == "relu" else nn.GELU(),
                    nn.Dropout(config.dropout),
                    nn.Linear(config.hidden, math.prod(shape)),
                )
                for name, shape in self.shapes.items()
            }
        )

    def pooled(self, batch: FrameBatch) -> Tensor:
        """(B, 3 I): statistics over the frames of every encoder, not yet standardised."""
        return torch.cat([_pool(batch.frames[n], batch.keep[n]) for n in self.inputs], dim=1)

    def set_pooled(self, pooled: Tensor) -> None:
        """Standardise with the statistics of ``pooled`` (clips, 3 I)."""
        self.pooled_mean.copy_(pooled.mean(0))
        spread = pooled.std(0, correction=0)
        self.pooled_scale.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))

    def forward(self, batch: FrameBatch) -> dict[str, Tensor]:
        """z-scores (B, E...) by target."""
        x = (self.pooled(batch) - self.pooled_mean) / self.pooled_scale
        return {name: head(x).unflatten(1, self.shapes[name]) for name, head in self.heads.items()}


def build_network(
    config: SourceConfig | LightConfig,
    inputs: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]] = SHAPES,
) -> SourceModel | LightModel:
    """The network of a configuration."""
    if isinstance(config, LightConfig):
        return LightModel(config, inputs, shapes)
    return SourceModel(config, inputs, shapes)


def _by_rows(adapter: nn.Module, frames_BTI: Tensor, keep_BT: Tensor) -> Tensor:
    """The adapter on real frames only, so that padding enters no statistics: (B, T, D)."""
    rows = adapter(frames_BTI[keep_BT])
    out = rows.new_zeros(*keep_BT.shape, rows.shape[-1])
    out[keep_BT] = rows
    return out


def _pool(frames_BTI: Tensor, keep_BT: Tensor) -> Tensor:
    """Mean, standard deviation and maximum of the real frames: (B, 3 I)."""
    keep = keep_BT[..., None]
    count = keep.sum(1)
    mean = (frames_BTI * keep).sum(1) / count
    square = ((frames_BTI - mean[:, None]) * keep).square().sum(1) / count
    highest = frames_BTI.masked_fill(~keep, -torch.inf).amax(1)
    return torch.cat([mean, square.sqrt(), highest], dim=1)
