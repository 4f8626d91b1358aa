"""The recipe of the learnt expression, and its training: minutes, so that nothing is resumed."""

from __future__ import annotations

import hashlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.config import Config
from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.core.runs import RunFolder
from partimento.music.expression_features import NAMES
from partimento.music.expression_model import MODEL_CLASS
from partimento.music.expression_pairs import read_pairs
from partimento.music.expression_targets import TARGETS
from partimento.tasks.piano.expression_fit import (
    Effort,
    Section,
    find_manners,
    left_out,
    network_arrays,
    sections_of,
    train_network,
)
from partimento.tasks.piano.recipe import PianoCard
from partimento.training.launch import fresh_folder, recipe_label

_PLAIN = ("mean_F", "scale_F", "manners.level_mean", "manners.level_sd", "manners.pedal_logit")
"""Kept in 32 bits; all others in 16."""


class ExpressionData(Config):
    """The performances to learn from."""

    folder: str = Field("data/asap", description="unpacked ASAP with performances.csv in it")
    check_share: float = Field(
        0.12, ge=0, lt=1, description="share of the training part's works kept for checking"
    )


class ExpressionRecipe(Config):
    """A training of the learnt expression."""

    task: Literal["piano"] = Field("piano", description="the slice")
    kind: Literal["expression"] = Field("expression", description="which network")
    card: PianoCard = PianoCard()
    data: ExpressionData = ExpressionData()
    effort: Effort = Effort()
    styles: int = Field(8, ge=1, le=64, description="numbers that make a player's manner")
    seed: int = Field(0, ge=0, description="seed of the network and its windows")


def train_expression(
    recipe: ExpressionRecipe,
    file: str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Read the aligned performances, train, find the manners, and write a run folder.

    Raises DataError for a folder without the table or with too few sections.
    """
    start = time.perf_counter()
    sections = sections_of(read_pairs(recipe.data.folder, "train"))
    train, check = left_out(sections, recipe.data.check_share)
    if len(train) < 2:
        raise DataError(
            f"{len(train)} performed sections are too few to learn from",
            where=recipe.data.folder,
            fix="Unpack all of ASAP there, or lower data.check_share",
        )
    name = Path(file).stem
    run = RunFolder.create(fresh_folder(name) if out is None else out, recipe, sys.argv)
    rows: list[dict[str, float | int]] = []

    def log(row: dict[str, float | int]) -> None:
        rows.append(row)
        run.log({"kind": "validation", **row})

    network, standard = train_network(
        train, check, recipe.effort, recipe.seed, log=log, progress=progress
    )
    manners = find_manners(network, standard, train, check, recipe.styles)
    arrays = {**network_arrays(network, standard)} | {f"manners.{k}": v for k, v in manners.items()}
    metrics = {key: round(value, 4) for key, value in rows[-1].items() if key != "step"}
    weights = run.checkpoints / "last.safetensors"
    save_expression(arrays, weights, recipe, recipe_label(file), train, metrics)
    seconds = round(time.perf_counter() - start, 2)
    facts = {"sections": len(sections), "works": len({s.work for s in sections})}
    run.log({"kind": "stop", "reason": "max_steps", **facts, "seconds": seconds})
    return {
        "run": str(run.path), "reason": "max_steps", **facts, **metrics,
        "parameters": _count(arrays), "seconds": seconds, "last_weights": str(weights),
    }  # fmt: skip


def _count(arrays: dict[str, np.ndarray]) -> int:
    return sum(array.size for name, array in arrays.items() if not name.startswith("manners."))


def save_expression(
    arrays: dict[str, np.ndarray], path: Path, recipe: ExpressionRecipe, label: str,
    train: Sequence[Section], metrics: dict[str, Any],
) -> None:  # fmt: skip
    """Write the model with its card; network and manners in 16 bits."""
    import torch

    card = Card(
        **recipe.card.model_dump(), task="piano", recipe=label, parameters=_count(arrays),
        metrics=metrics,
    )  # fmt: skip
    names = "\n".join(sorted({section.performance for section in train}))
    meta = CheckpointMeta(
        model_class=MODEL_CLASS,
        config={**recipe.effort.model_dump(), "styles": recipe.styles},
        vocabulary={"features": list(NAMES), "targets": list(TARGETS)},
        data_hash=hashlib.sha256(names.encode()).hexdigest(), metrics=metrics, card=card,
    )  # fmt: skip
    tensors = {
        name: torch.from_numpy(
            np.ascontiguousarray(array, dtype=np.float32 if name in _PLAIN else np.float16)
        )
        for name, array in arrays.items()
    }
    save_checkpoint(path, tensors, meta)
