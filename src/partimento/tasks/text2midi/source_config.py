"""Schemas of the source design: its network, and what it learns from."""

from __future__ import annotations

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.music.amt_tokens import SEMANTICS, VOCABULARY


class SourceConfig(Config):
    """A GPT-2-style decoder over scheme ``amt``; the defaults are the source's preset ``seed``."""

    vocabulary: int = Field(512, ge=VOCABULARY, le=4096, description="rows of the token table")
    width: int = Field(768, ge=8, le=4096, description="width of the stream")
    layers: int = Field(6, ge=1, le=64, description="transformer blocks")
    heads: int = Field(8, ge=1, le=64, description="attention heads")
    feedforward: int = Field(1024, ge=1, le=16384, description="hidden width of the feed-forward")
    context: int = Field(2000, ge=16, le=16384, description="positions (tokens) seen at once")
    dropout: float = Field(
        0.1, ge=0, lt=1, description="of the embedded tokens and of what every layer adds"
    )
    tied: bool = Field(True, description="the output layer shares the table of the tokens")

    @model_validator(mode="after")
    def _divisible(self) -> SourceConfig:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self


SEED = SourceConfig()
"""The source's preset: vocabulary 512, 6 layers, 8 heads, width 768, feed-forward 1024."""


class SourceDataConfig(Config):
    """Pieces with their texts, or ready training examples, and how they become sequences."""

    corpora: tuple[str, ...] = Field(
        (),
        description="folders or archives in the layout of the folk tunes or of Mutopia; "
        "their captions are written by rules and clustered",
    )
    examples: str | None = Field(
        None, description="JSON file of training examples with their semantic tokens, instead"
    )
    clusters: int = Field(10, ge=1, le=SEMANTICS, description="semantic tokens (K-means clusters)")
    caption_seed: int = Field(0, ge=0, description="seed of the captions' wording")
    least_tokens: int = Field(
        24, ge=1, description="shorter sequences are left out; the source keeps 500 to 2000"
    )
    buckets: int = Field(
        8, ge=1, description="batches that are sorted by length together; 1: no sorting"
    )
    valid_windows: int | None = Field(
        None, ge=1, description="windows validated while training; null: all"
    )

    @model_validator(mode="after")
    def _one_origin(self) -> SourceDataConfig:
        if bool(self.corpora) == (self.examples is not None):
            raise ValueError("give either corpora or examples")
        return self
