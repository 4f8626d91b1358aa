"""Schemas of everything that is the same in the training of every task."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from partimento.core.config import Config


class OptimizerConfig(Config):
    """The optimiser.  A task may build its own from these values."""

    name: Literal["adamw", "adam", "task"] = Field(
        "adamw",
        description="adamw; adam: without decoupled decay, as the first transformers; "
        "task: what the task brings along (strong models: Muon and AdamW)",
    )
    lr: float = Field(1e-4, gt=0, description="peak learning rate per step")
    muon_lr: float = Field(
        0.01, gt=0, description="peak rate of Muon on hidden matrices, where the task uses it"
    )
    weight_decay: float = Field(
        0.01, ge=0, description="decoupled decay; not applied to biases, norms and embeddings"
    )
    beta1: float = Field(0.9, ge=0, lt=1, description="decay of the first moment")
    beta2: float = Field(0.999, ge=0, lt=1, description="decay of the second moment")
    eps: float = Field(1e-8, gt=0, description="added to the root of the second moment")
    decay_all: bool = Field(
        True, description="decay every parameter as plain AdamW does, biases and norms included"
    )


class ScheduleConfig(Config):
    """The learning rate over the steps."""

    kind: Literal["fixed", "onecycle", "cosine", "inverse_sqrt", "step"] = Field(
        "fixed", description="shape"
    )
    warmup_steps: int = Field(
        0, ge=0, description="linear rise from 0, in steps (fixed, cosine, inverse_sqrt, step)"
    )
    every: int = Field(3000, ge=1, description="steps between two falls of the rate (step)")
    factor: float = Field(0.98, gt=0, le=1, description="what each fall multiplies it with (step)")
    bound: float | None = Field(
        None,
        gt=0,
        description="largest peak rate that is meant: a higher optimizer.lr is an error; "
        "without it 0.003 under inverse_sqrt and no bound elsewhere",
    )
    floor: float = Field(0.0, ge=0, le=1, description="end of the cosine as a share of the peak")
    rise: float = Field(0.3, gt=0, lt=1, description="share of the steps that rise (onecycle)")
    start_divisor: float = Field(25.0, ge=1, description="peak / first rate (onecycle)")
    end_divisor: float = Field(1e4, ge=1, description="first rate / last rate (onecycle)")
    total_steps: int | None = Field(
        None, gt=0, description="length in steps; without it the epochs are counted out"
    )


UNTIMED = ("fixed", "inverse_sqrt", "step")
"""Shapes that do not depend on how long the training is."""
INVERSE_SQRT_BOUND = 3e-3
"""Three times the peak of the first transformer; 2 x width^-0.5, a known slip, is 0.1."""


class CurriculumConfig(Config):
    """Sequence length by stages: grow with time, shrink on a plateau."""

    on: bool = Field(True, description="off: always the full sequence length")
    start: int = Field(8, ge=1, description="first length in 16th-note steps")
    grow: int = Field(2, ge=1, description="steps added at a time")
    grow_epochs: int = Field(20, ge=1, description="epochs between two growths")
    shrink: int = Field(4, ge=0, description="steps taken away on a plateau; 0: never")
    plateau_epochs: int = Field(
        10, ge=1, description="epochs without a better validation loss that make a plateau"
    )
    floor: int = Field(8, ge=1, description="shortest length in steps")


class TrainingConfig(Config):
    """How long, how often, how exactly."""

    seed: int = Field(0, ge=0, description="seed of weights, order, dropout and augmentation")
    batch_size: int = Field(32, ge=1, description="sequences per batch")
    accumulate: int = Field(1, ge=1, description="batches whose gradients make one step")
    max_epochs: int = Field(1000, ge=1, description="epochs at most")
    max_steps: int | None = Field(None, ge=1, description="optimiser steps at most")
    patience: int = Field(
        40, ge=0, description="epochs without improvement before stopping; 0: never stop early"
    )
    min_improvement: float = Field(
        0.0, ge=0, description="smallest fall of the monitored loss that counts, in its own unit"
    )
    clip: float = Field(1.0, ge=0, description="largest global gradient norm; 0: no clipping")
    validate_every: int = Field(1, ge=1, description="epochs between validations")
    validate_steps: int | None = Field(
        None, ge=1, description="validate every so many steps instead, also in mid-epoch"
    )
    keep_last: int = Field(
        0, ge=0, description="weights of the last so many validations kept beside best and last"
    )
    checkpoint_every: int = Field(200, ge=1, description="steps between resume points")
    log_every: int = Field(50, ge=1, description="steps between lines of metrics.jsonl")
    watch_every: int = Field(
        50, ge=0, description="steps between lines of watch.jsonl, for the doctor; 0: never"
    )
    ema: float = Field(
        0.0, ge=0, lt=1, description="decay of the averaged weights per step; 0: no averaging"
    )
    precision: Literal["32", "bf16"] = Field("32", description="float32, or bfloat16 autocast")
    threads: int = Field(1, ge=0, description="processor threads; 0: as PyTorch decides")
    deterministic: bool = Field(True, description="only deterministic kernels")
    tensorboard: bool = Field(False, description="also write TensorBoard events")
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    curriculum: CurriculumConfig = CurriculumConfig()

    @model_validator(mode="after")
    def _consistent(self) -> TrainingConfig:
        """Settings that contradict each other are errors, not surprises."""
        self._check_peak()
        timed = self.schedule.kind in ("onecycle", "cosine")
        if timed and self.curriculum.on and not (self.schedule.total_steps or self.max_steps):
            raise ValueError(
                f"{self.schedule.kind} needs its number of steps, which a curriculum changes: "
                "give schedule.total_steps or max_steps, or set curriculum.on to false"
            )
        if self.curriculum.on and self.curriculum.start < self.curriculum.floor:
            raise ValueError("curriculum.start is below curriculum.floor")
        if self.validate_steps is not None and (self.curriculum.on or self.patience):
            raise ValueError(
                "patience and curriculum count epochs: with validate_steps set patience to 0 "
                "and curriculum.on to false"
            )
        return self

    def _check_peak(self) -> None:
        """A peak rate above the bound, or a rule that has no peak."""
        schedule, lr = self.schedule, self.optimizer.lr
        square_root = schedule.kind == "inverse_sqrt"
        if square_root and schedule.warmup_steps < 1:
            raise ValueError("inverse_sqrt needs schedule.warmup_steps: without, it has no peak")
        bound = schedule.bound or (INVERSE_SQRT_BOUND if square_root else None)
        if bound is not None and lr > bound:
            raise ValueError(
                f"the peak rate optimizer.lr = {lr:g} is above schedule.bound = {bound:g}; "
                "(width x warmup_steps)^-0.5 is the peak of Vaswani et al. 2017"
            )


class CardConfig(Config):
    """What a checkpoint tells about itself; every slice gives its own defaults."""

    name: str = Field(description="short name of the weights")
    summary: str = Field("", description="one sentence")
    licence: str = Field("CC-BY-NC-SA-4.0", description="licence of the weights")
    trained_on: list[str] = Field(
        default_factory=list, description="each data set with source and licence"
    )
    notes: str = Field("", description="limits and known faults")
