"""A recipe as figures, whoever wrote it: ours, or foreign with other names for the same things."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import Any

import numpy as np

from partimento.doctor.case import Case
from partimento.doctor.settings import flat

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "lr": (
        "optimizer.lr", "training.lr", "max_lr", "peak_lr", "learning_rate", "max_learning_rate",
        "peak_learning_rate", "lr", "base_lr", "init_lr",
    ),
    "muon_lr": ("muon_lr",),
    "optimizer": ("optimizer.name", "optimizer", "optim", "optimizer_name"),
    "kind": (
        "schedule.kind", "lr_scheduler_type", "lr_scheduler", "scheduler", "schedule",
        "learning_rate_schedule", "scheduler.name", "scheduler_name",
    ),
    "warmup_steps": ("warmup_steps", "num_warmup_steps", "warmup", "n_warmup_steps"),
    "warmup_share": ("warmup_ratio", "warmup_share", "warmup_fraction", "pct_start"),
    "total_steps": ("schedule.total_steps", "decay_steps", "t_max", "lr_decay_iters",
                    "num_training_steps"),
    "max_steps": ("max_steps", "training_steps", "train_steps", "max_iters", "num_steps"),
    "max_epochs": ("max_epochs", "epochs", "num_epochs", "num_train_epochs", "n_epochs"),
    "batch_size": ("batch_size", "per_device_train_batch_size", "train_batch_size", "bs"),
    "accumulate": ("accumulate", "accumulation_steps", "gradient_accumulation_steps",
                   "accumulate_grad_batches", "grad_accum"),
    "width": ("model.width", "width", "d_model", "n_embd", "hidden_size", "dim", "embed_dim",
              "model_dim", "adapter.width", "model.hidden"),
    "layers": ("model.layers", "layers", "n_layer", "num_layers", "num_hidden_layers", "n_layers"),
    "norm": ("model.norm", "norm", "norm_position"),
    "samples": ("samples", "num_samples", "train_samples", "data.pieces"),
    "validate_every": ("validate_every", "check_val_every_n_epoch"),
    "validate_steps": ("validate_steps", "eval_steps", "evaluate_every", "val_check_interval"),
    "patience": ("training.patience", "patience", "early_stopping_patience"),
    "full_length": ("model.seq_len", "seq_len", "sequence_length", "block_size", "max_seq_len",
                    "model.context", "n_positions", "max_length"),
    "bound": ("schedule.bound",),
}  # fmt: skip
"""What a setting is called; names with a dot must end the full name, in this order of trust."""


def setting(config: Mapping[str, Any], name: str) -> tuple[str, Any] | None:
    """(full name, value) of a setting by any of its names; None where it is not set.

    >>> setting({"d_model": 384, "training": {"batch_size": 8}}, "width")
    ('d_model', 384)
    """
    settings = {key: value for key, value in flat(config).items() if value is not None}
    plain = {key: re.sub(r"[^a-z0-9.]+", "_", key.lower()) for key in settings}
    for wanted in SYNONYMS[name]:
        for key, called in plain.items():
            if called == wanted or called.endswith("." + wanted):
                return key, settings[key]
    return None


@dataclass(frozen=True)
class Recipe:
    """The figures of a case's recipe, of its rows and of what was watched."""

    case: Case

    @property
    def config(self) -> Mapping[str, Any]:
        """The settings as they are."""
        return self.case.config

    def number(self, name: str) -> float | None:
        """A setting as a number; text such as "1e-4" (YAML 1.1) counts as one."""
        found = setting(self.config, name)
        if found is None or isinstance(found[1], bool):
            return None
        try:
            value = float(found[1])
        except (TypeError, ValueError):
            return None
        return value if math.isfinite(value) else None

    def word(self, name: str) -> str:
        """A setting as a lower-case word; empty where it is none."""
        found = setting(self.config, name)
        return found[1].lower() if found is not None and isinstance(found[1], str) else ""

    def called(self, name: str, default: str) -> str:
        """The full name under which a setting stands, for the remedy."""
        found = setting(self.config, name)
        return default if found is None else found[0]

    @cached_property
    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        """(S,) 1-based steps and the largest learning rates seen at them; empty where none was."""
        watched = self.case.watched
        if watched is not None and len(watched.rates_S):
            steps, rates = np.asarray(watched.steps_S) + 1.0, np.asarray(watched.rates_S)
        else:
            rows = [r for r in self.case.rows if r.get("kind") == "train" and "lr" in r]
            steps = np.array([float(r.get("step", i)) for i, r in enumerate(rows)])
            rates = np.array([float(r["lr"]) for r in rows])
        known = np.isfinite(rates)
        return steps[known], rates[known].astype(np.float64)

    @cached_property
    def steps(self) -> float | None:
        """Optimiser steps of the run: as done, else as planned; None where nothing tells."""
        done = max((float(row.get("step", 0)) for row in self.case.rows), default=0.0)
        if done > 0:
            return done
        return self.planned_steps

    @cached_property
    def planned_steps(self) -> float | None:
        """Steps that the recipe asks for: max_steps, or epochs of known size."""
        limit, each = self.number("max_steps"), self.steps_per_epoch
        epochs = self.number("max_epochs")
        counted = epochs * each if epochs and each else None
        if limit and counted:
            return min(limit, counted)
        return limit or counted

    @cached_property
    def steps_per_epoch(self) -> float | None:
        """ceil(ceil(samples / batch) / accumulation), from the recipe, the data or the rows."""
        batch, accumulate = self.number("batch_size"), self.number("accumulate") or 1.0
        samples = self.number("samples")
        data = self.case.data
        if samples is None and data is not None and data.split:
            samples = float(sum(part == "train" for part in data.split))
        if samples and batch and batch >= 1:
            return float(ceil(ceil(samples / batch) / accumulate))
        ends = [r for r in self.case.rows if r.get("kind") == "epoch" and r.get("epoch", -1) >= 0]
        if ends:
            return float(ends[-1]["step"]) / (float(ends[-1]["epoch"]) + 1.0)
        return None

    @cached_property
    def stopped_by(self) -> str:
        """Why the run ended, as its last row of that kind says."""
        stops = [row for row in self.case.rows if row.get("kind") == "stop"]
        return str(stops[-1].get("reason", "")) if stops else ""

    @property
    def by_adam(self) -> bool:
        """Whether the learning rate is one of Adam's, as it is unless something else is named."""
        names = {type(o).__name__.lower() for o in self._optimizers}
        named = names or {self.word("optimizer") or "adamw"}
        return all("adam" in name or name in ("task", "lion", "") for name in named)

    @property
    def by_muon(self) -> bool:
        """Whether part of the weights is trained by Muon, whose rates are on another scale."""
        named = {type(o).__name__.lower() for o in self._optimizers} | {self.word("optimizer")}
        return any("muon" in name for name in named) or "task" in named

    @property
    def _optimizers(self) -> tuple[Any, ...]:
        probe = self.case.probe
        return () if probe is None else tuple(probe.optimizers)
