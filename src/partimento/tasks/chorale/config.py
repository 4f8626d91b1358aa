"""Schema of the source network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config


class SourceConfig(Config):
    """The source network: four channels, attention over time and across channels."""

    width: int = Field(32, ge=2, description="embedding width of every channel")
    heads: int = Field(4, ge=1, description="attention heads")
    layers: int = Field(2, ge=1, description="number of layers")
    seq_len: int = Field(32, ge=2, description="longest input in 16th-note steps")
    cross_channel: bool = Field(True, description="attention across the four channels of a step")
    norm: Literal["pre", "post", "both"] = Field("pre", description="layer normalisation")
    residual: bool = Field(True, description="residual connections")
    ff_multiplier: float = Field(4.0, gt=0, description="inner width of feed-forward / width")
    dropout: float = Field(0.1, ge=0, lt=1, description="dropout probability")
    positions: Literal["sinusoidal", "learned", "none"] = Field(
        "sinusoidal", description="how a step knows its place in the window"
    )

    @model_validator(mode="after")
    def _divisible(self) -> SourceConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self
