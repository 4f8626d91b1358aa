"""Adapters: small networks from the frames of one audio encoder to a common width.

Legend: N rows (frames of all clips of a batch), I input width, H hidden width, D output width.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from partimento.core.config import Config
from partimento.core.errors import ConfigError
from partimento.nn.norm import FastRMSNorm
from partimento.nn.shapes import Float

Norm = Literal["none", "layer", "group", "rms", "batch", "input-batch"]
Activation = Literal["relu", "gelu"]
NORMS: tuple[Norm, ...] = ("none", "layer", "group", "rms", "batch", "input-batch")
BATCH_NORMS = ("batch", "input-batch")
"""The only two that let a clip's training output depend on the clips beside it."""
MOST_GROUPS = 8


class AdapterConfig(Config):
    """One adapter: linear layers with normalisation, activation and dropout between them."""

    hidden: int = Field(256, ge=1, le=16384, description="width of the hidden layers")
    width: int = Field(128, ge=1, le=8192, description="width of what comes out")
    layers: int = Field(1, ge=1, le=8, description="hidden layers")
    norm: Norm = Field(
        "group",
        description="after each hidden linear layer; input-batch: batch normalisation of the "
        "input instead, and none inside",
    )
    activation: Activation = Field("gelu", description="the source began with relu")
    dropout: float = Field(0.05, ge=0, lt=1, description="the source began with 0.1")
    residual: bool = Field(False, description="hidden layers after the first add to their input")


def group_count(width: int) -> int:
    """Groups of a group normalisation: the largest divisor of ``width`` that is at most 8.

    >>> [group_count(w) for w in (768, 51, 14, 13)]
    [8, 3, 7, 1]
    """
    return max(g for g in range(1, MOST_GROUPS + 1) if width % g == 0)


def make_norm(norm: Norm, width: int) -> nn.Module:
    """The normalisation after a hidden layer of ``width``."""
    if norm == "layer":
        return nn.LayerNorm(width)
    if norm == "group":
        return nn.GroupNorm(group_count(width), width)
    if norm == "rms":
        return FastRMSNorm(width, eps=1e-6)
    return nn.BatchNorm1d(width) if norm == "batch" else nn.Identity()


class Adapter(nn.Module):
    """Frames (N, I) -> (N, D).

    A frame is one row, so layer, group and RMS normalisation never look beyond it; batch
    normalisation takes its statistics over all rows of the batch.
    """

    def __init__(self, config: AdapterConfig, inputs: int) -> None:
        super().__init__()
        self.config, self.inputs = config, inputs
        batch_first = config.norm == "input-batch"
        self.first = nn.BatchNorm1d(inputs) if batch_first else nn.Identity()
        widths = [inputs] + [config.hidden] * config.layers
        self.hidden = nn.ModuleList(self._layer(config, a, b) for a, b in pairwise(widths))
        self.out = nn.Linear(config.hidden, config.width)

    @staticmethod
    def _layer(config: AdapterConfig, inputs: int, width: int) -> nn.Sequential:
        act = nn.ReLU() if config.activation == "relu" else nn.GELU()
        norm = make_norm(config.norm, width)
        return nn.Sequential(nn.Linear(inputs, width), norm, act, nn.Dropout(config.dropout))

    def forward(self, rows_NI: Float[Tensor, "N I"]) -> Float[Tensor, "N D"]:
        """Translate rows.  Raises ConfigError where batch statistics would be of one row."""
        if self.training and self.config.norm in BATCH_NORMS and len(rows_NI) < 2:
            raise ConfigError(
                "batch normalisation cannot take the statistics of a single row",
                where="adapter.norm",
                fix="Use group, layer or rms, or a larger batch",
            )
        x = self.first(rows_NI)
        for number, layer in enumerate(self.hidden):
            y = layer(x)
            x = x + y if self.config.residual and number else y
        return self.out(x)  # type: ignore[no-any-return]
