"""Schemas of the source design and of the light one: networks, losses, data, rates per head."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config
from partimento.tasks.audio2visual.adapters import Activation, AdapterConfig
from partimento.tasks.audio2visual.mapblock import MapConfig
from partimento.training.class_samplers import Batching
from partimento.training.config import ScheduleConfig

Target = Literal["clip", "t5"]
TARGETS: tuple[Target, ...] = ("clip", "t5")
LossPart = Literal["mse", "per-class", "weighted", "cosine", "infonce"]


class SourceConfig(Config):
    """The source design: per head an adapter for each audio encoder, then attention pooling."""

    targets: tuple[Target, ...] = Field(TARGETS, min_length=1, description="the heads")
    adapter: AdapterConfig = AdapterConfig()
    adapters: dict[str, AdapterConfig] = Field(
        default_factory=dict,
        description="adapter of an audio encoder by its name, where it differs from `adapter`",
    )
    clip: MapConfig = Field(MapConfig(), description="pooling to (B, 768): one latent")
    t5: MapConfig = Field(MapConfig(), description="pooling to (B, 17, 4096): 17 latents")

    @model_validator(mode="after")
    def _fitting(self) -> SourceConfig:
        if len(set(self.targets)) < len(self.targets):
            raise ValueError("a head is named twice in targets")
        for name, adapter in self.adapters.items():
            if adapter.width != self.adapter.width:
                raise ValueError(f"adapters.{name}.width differs from adapter.width")
        for target, width in (("clip", 768), ("t5", 4096)):
            block: MapConfig = getattr(self, target)
            if (block.width or width) % block.heads:
                raise ValueError(f"{target}.width is not a multiple of {target}.heads")
        return self

    def of_encoder(self, name: str) -> AdapterConfig:
        """The adapter's settings for one audio encoder."""
        return self.adapters.get(name, self.adapter)


class LightConfig(Config):
    """The light design: frames pooled first, then one hidden layer and a linear output."""

    targets: tuple[Target, ...] = Field(("clip",), min_length=1, description="the heads")
    hidden: int = Field(82, ge=1, le=4096, description="hidden units of each head")
    activation: Activation = Field("gelu", description="of the hidden layer")
    dropout: float = Field(0.05, ge=0, lt=1, description="of the hidden layer")


class LossConfig(Config):
    """What is minimised.  All parts work on the targets as the network predicts them."""

    kind: Literal["mse", "per-class", "weighted", "cosine", "infonce", "mix"] = Field(
        "mse",
        description="mse; per-class: mean over the classes of a batch; weighted: rare classes "
        "count more; cosine: 1 - cosine; infonce: the own prompt against the others; mix",
    )
    mix: dict[LossPart, float] = Field(
        default_factory=dict, description="weight of each part, where kind is mix"
    )
    temperature: float = Field(0.1, gt=0, description="of InfoNCE")
    class_weights: dict[str, float] = Field(
        default_factory=dict,
        description="weight of a class by its label, where kind is weighted; empty: the inverse "
        "of its share in the training clips",
    )
    clip: float = Field(1.0, ge=0, description="weight of the CLIP head's loss")
    t5: float = Field(1.0, ge=0, description="weight of the T5 head's loss")

    @model_validator(mode="after")
    def _mixed(self) -> LossConfig:
        if (self.kind == "mix") != bool(self.mix):
            raise ValueError("`mix` and the kind mix belong together")
        if any(weight < 0 for weight in self.mix.values()):
            raise ValueError("weights of a mix are not negative")
        return self

    def parts(self) -> dict[LossPart, float]:
        """Part -> weight."""
        return dict(self.mix) if self.kind == "mix" else {self.kind: 1.0}


class HeadRates(Config):
    """Optimiser settings of one head's adapters; null: those of `training`."""

    lr: float | None = Field(None, gt=0, description="peak learning rate")
    weight_decay: float | None = Field(None, ge=0, description="decoupled decay")
    schedule: ScheduleConfig | None = Field(None, description="its own learning rate over steps")


class BatchingConfig(Config):
    """Which clips meet in a batch."""

    mode: Batching = Field(
        "shuffled", description="shuffled; homogeneous: one class a batch; balanced"
    )
    per_class: int = Field(1, ge=1, description="clips of each class in a balanced batch")


class SoundDataConfig(Config):
    """Clips with their classes, the audio encoders that they go through, and the targets."""

    csv: str = Field(
        ".data/esc10/esc10.csv", description="table of the clips: filename, fold, category, license"
    )
    audio: str = Field(".data/esc10/audio", description="folder of the clips")
    train_folds: tuple[int, ...] = Field((1, 2, 3), min_length=1, description="folds to learn from")
    valid_folds: tuple[int, ...] = Field((4,), min_length=1, description="folds to validate on")
    classes: tuple[str, ...] = Field((), description="only these classes; empty: all")
    leave_out_sampling: bool = Field(
        True, description="leave out clips under Sampling+, whose weights could not be given away"
    )
    encoders: tuple[str, ...] = Field(
        ("logmel",),
        min_length=1,
        description="frozen audio encoders: logmel, own, ast:FOLDER, clap:FOLDER",
    )
    cls_only: bool = Field(False, description="of transformers keep only the pooled token")
    cache: str | None = Field(
        ".data/frames", description="folder where frames are kept; null: computed every time"
    )
    bank: str = Field("builtin", description="prompt bank: builtin, or its file")
    zscore: bool = Field(True, description="predict targets in standard deviations from their mean")

    @model_validator(mode="after")
    def _apart(self) -> SoundDataConfig:
        both = sorted(set(self.train_folds) & set(self.valid_folds))
        if both:
            raise ValueError(f"fold {both[0]} is in train_folds and in valid_folds")
        return self
