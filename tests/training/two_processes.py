"""A toy training for ``torchrun``.

Usage: ``torchrun --nproc-per-node 2 two_processes.py RECIPE RUN_FOLDER``.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

from torch import nn
from toy_training import ToyTask

from partimento.core.config import Config, validate_config
from partimento.training.config import TrainingConfig
from partimento.training.launch import launch


class ToyRecipe(Config):
    """A recipe with nothing in it but the training."""

    training: TrainingConfig


def check(values: dict[str, Any], where: str) -> ToyRecipe:
    """The recipe of plain values."""
    return validate_config(ToyRecipe, values, where)


def build(recipe: ToyRecipe, file: str | Path) -> ToyTask:
    """The toy without dropout, whose masks would differ between processes."""
    task = ToyTask()
    task.model[3] = nn.Identity()
    return task


def train(recipe: str | Path, out: str | Path, *, resume: bool = False) -> dict[str, Any]:
    """One training."""
    return launch(recipe, (), check=check, build=build, out=out, resume=resume, progress=False)


if __name__ == "__main__":
    signal.alarm(120)
    steps = train(*sys.argv[1:])["steps"]
    # In one piece: the processes share the pipe.
    sys.stdout.write(f"{steps}\n")
