"""Configurations of the source, in JSON with keys of its own.

The names of the keys are a reconstruction: no file of the source says them.  They are those that a
federated audio-to-visual training of that design would have; each is kept, and a key that is not
known is an error, not silently ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from partimento.core.config import Config, validate_config
from partimento.tasks.audio2visual.adapters import Norm
from partimento.tasks.audio2visual.source_config import Target
from partimento.tasks.audio2visual.source_recipe import SourceRecipe


class JsonAdapter(Config):
    """Optimiser keys of one adapter (head)."""

    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate")
    weight_decay: float = Field(1e-4, ge=0, description="decoupled decay of AdamW")
    learning_rate_schedule: Literal["constant", "cosine"] = Field(
        "constant", description="constant, or cosine after the warm-up"
    )
    warmup_steps: int = Field(0, ge=0, description="linear rise from 0, in steps")


class SourceJson(Config):
    """The source's keys; every one may be left out."""

    experiment_name: str = Field("source", description="name of the weights")
    audio_encoders: tuple[str, ...] = Field(("logmel",), description="frozen audio encoders")
    use_cls_only: bool = Field(False, description="only the pooled token of a transformer")
    dataset_csv: str = Field(".data/esc10/esc10.csv", description="table of the clips")
    dataset_audio: str = Field(".data/esc10/audio", description="folder of the clips")
    classes: tuple[str, ...] = Field((), description="only these classes; empty: all")
    train_folds: tuple[int, ...] = Field((1, 2, 3), description="folds to learn from")
    valid_folds: tuple[int, ...] = Field((4,), description="folds to validate on")
    prompt_bank: str = Field("builtin", description="prompt bank: builtin, or its file")
    normalize_targets: bool = Field(True, description="z-scored targets")
    batch_size: int = Field(16, ge=1, description="clips per batch")
    accumulation_steps: int = Field(1, ge=1, description="batches that make one step")
    epochs: int = Field(100, ge=1, description="epochs")
    seed: int = Field(0, ge=0, description="seed")
    gradient_clip: float = Field(1.0, ge=0, description="largest gradient norm; 0: no clipping")
    sampler: Literal["shuffled", "homogeneous", "stratified", "balanced"] = Field(
        "shuffled", description="stratified is the source's name for homogeneous"
    )
    samples_per_class: int = Field(1, ge=1, description="of a balanced batch")
    loss: Literal["mse", "per_class_mse", "weighted_mse", "cosine", "infonce"] = Field(
        "mse", description="loss"
    )
    adapter_hidden: int = Field(256, ge=1, description="width of an adapter's hidden layer")
    adapter_width: int = Field(128, ge=1, description="width of an adapter's output")
    adapter_norm: Norm = Field("group", description="normalisation of the adapters")
    activation: Literal["relu", "gelu"] = Field("gelu", description="of the adapters")
    dropout: float = Field(0.05, ge=0, lt=1, description="of the adapters")
    map_width: int | None = Field(
        128, ge=8, description="width of the latents; null: that of the target"
    )
    map_heads: int = Field(4, ge=1, description="attention heads")
    mlp_ratio: float = Field(2.0, gt=0, description="inner width of the gated MLP over its width")
    adapters: dict[Target, JsonAdapter] = Field(
        {"clip": JsonAdapter(), "t5": JsonAdapter()},
        min_length=1,
        description="the heads that are trained, and how",
    )


_LOSSES = {"per_class_mse": "per-class", "weighted_mse": "weighted"}


def recipe_of_json(values: Mapping[str, Any], where: str) -> SourceRecipe:
    """A recipe from the source's keys.

    Raises ConfigError that names each unknown key, with the closest that is known.
    """
    return validate_config(
        SourceRecipe, _translated(validate_config(SourceJson, values, where)), where
    )


def _translated(given: SourceJson) -> dict[str, Any]:
    """The recipe's values."""
    pool = {"width": given.map_width, "heads": given.map_heads, "mlp_ratio": given.mlp_ratio}
    return {
        "task": "audio2visual",
        "kind": "source",
        "card": {"name": given.experiment_name, "summary": "The source design."},
        "model": {
            "targets": list(given.adapters),
            "adapter": {
                "hidden": given.adapter_hidden,
                "width": given.adapter_width,
                "norm": given.adapter_norm,
                "activation": given.activation,
                "dropout": given.dropout,
            },
            "clip": pool,
            "t5": pool,
        },
        "data": {
            "csv": given.dataset_csv,
            "audio": given.dataset_audio,
            "train_folds": given.train_folds,
            "valid_folds": given.valid_folds,
            "classes": given.classes,
            "encoders": given.audio_encoders,
            "cls_only": given.use_cls_only,
            "bank": given.prompt_bank,
            "zscore": given.normalize_targets,
        },
        "loss": {"kind": _LOSSES.get(given.loss, given.loss)},
        "batching": {
            "mode": "homogeneous" if given.sampler == "stratified" else given.sampler,
            "per_class": given.samples_per_class,
        },
        "rates": {name: _rates(adapter) for name, adapter in given.adapters.items()},
        "training": _training(given),
    }


def _rates(adapter: JsonAdapter) -> dict[str, Any]:
    kind = "fixed" if adapter.learning_rate_schedule == "constant" else "cosine"
    return {
        "lr": adapter.learning_rate,
        "weight_decay": adapter.weight_decay,
        "schedule": {"kind": kind, "warmup_steps": adapter.warmup_steps},
    }


def _training(given: SourceJson) -> dict[str, Any]:
    return {
        "seed": given.seed,
        "batch_size": given.batch_size,
        "accumulate": given.accumulation_steps,
        "max_epochs": given.epochs,
        "patience": 0,
        "clip": given.gradient_clip,
        "curriculum": {"on": False},
    }
