"""Schema of the event models, and the two source designs as presets."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.core.errors import ConfigError


class EventModelConfig(Config):
    """A transformer over the 388 events; the defaults are the source's ``original``."""

    width: int = Field(256, ge=8, description="width of the stream")
    layers: int = Field(6, ge=1, description="transformer blocks")
    heads: int = Field(4, ge=1, description="attention heads; the source has width / 64")
    feedforward: int = Field(128, ge=1, description="hidden width of the feed-forward")
    context: int = Field(2048, ge=2, description="positions (events) seen at once")
    positions: Literal["rotary", "absolute", "sinusoidal", "relative", "none"] = Field(
        "relative", description="how an event knows its place; relative: global, by skewing"
    )
    norm: Literal["pre", "post"] = Field(
        "post", description="normalise before every sublayer, or after every sum"
    )
    norm_kind: Literal["layer", "rms"] = Field("layer", description="layer or RMS norm")
    activation: Literal["relu", "gelu", "swiglu"] = Field(
        "relu", description="middle of the feed-forward; swiglu has a third matrix"
    )
    bias: bool = Field(True, description="biases in attention and feed-forward")
    tied: bool = Field(False, description="the output layer shares the embedding's table")
    embedding_dropout: float = Field(0.2, ge=0, lt=1, description="of the embedded events")
    layer_dropout: float = Field(0.1, ge=0, lt=1, description="of what the first block adds")
    last_layer_dropout: float | None = Field(
        None, ge=0, lt=1, description="of what the last block adds, even steps between; null: same"
    )
    attention_dropout: float = Field(0.0, ge=0, lt=1, description="of the attention weights")
    output_dropout: float = Field(0.0, ge=0, lt=1, description="before the output layer")
    attention_temperature: float = Field(
        1.0, gt=0, description="divides the attention logits; above 1 spreads attention"
    )

    @model_validator(mode="after")
    def _divisible(self) -> EventModelConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.positions == "rotary" and self.width // self.heads % 2:
            raise ValueError("rotary positions need heads of an even width")
        if self.positions == "sinusoidal" and self.width % 2:
            raise ValueError("sinusoidal positions need an even width")
        return self


ORIGINAL = EventModelConfig()
"""The Music Transformer as the source has it: 2.97 M parameters.

The count is that of 391 tokens in, 391 out with an output layer of its own (not tied), biases
everywhere, and one table of 2048 distances in every block, 64 wide and shared by its heads.
"""

ENHANCED = EventModelConfig(
    width=384,
    layers=8,
    heads=6,
    feedforward=1536,
    norm="pre",
    activation="gelu",
    embedding_dropout=0.25,
    layer_dropout=0.25,
    last_layer_dropout=0.125,
    output_dropout=0.25,
)
"""The source's larger design: 15.55 M parameters, 5.2 times as many.

Counted as above, with the one more norm at the end that pre-norm needs.  How far dropout decreases
with depth the source does not say; here the last block has half that of the first.
"""

PRESETS: dict[str, EventModelConfig] = {"original": ORIGINAL, "enhanced": ENHANCED}

BATCH_SIZES: dict[str, int] = {"original": 6, "enhanced": 8}
"""Crops in a training step of the source designs."""


def preset_config(name: str) -> EventModelConfig:
    """A source design by name.  Raises ConfigError for another name."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}", fix=f"Use {' or '.join(PRESETS)}")
    return PRESETS[name]
