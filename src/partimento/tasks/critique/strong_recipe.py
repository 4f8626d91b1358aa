"""The recipe of the shipped critic, and its training: a minute, so that nothing is resumed."""

from __future__ import annotations

import hashlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.config import Config
from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.core.runs import RunFolder
from partimento.music.clip_statistics import clip_statistics, read_clip
from partimento.music.corpora_percepiano import PERCEPIANO, percepiano_dir
from partimento.music.percepiano import Clip, passage_groups, read_clips, read_labels
from partimento.tasks.critique.recipe import CritiqueCard
from partimento.tasks.critique.strong import StrongCritic
from partimento.tasks.critique.strong_fit import Effort, fit_critic
from partimento.training.launch import fresh_folder, recipe_label

LABELS = "labels_mean.json"


class CriticData(Config):
    """The clips to learn from."""

    folder: str = Field("percepiano", description="installed corpus, or a folder of its layout")
    labels: str | None = Field(None, description="file of mean labels; null: in the folder")


class StrongRecipe(Config):
    """A training of the shipped design."""

    task: Literal["critique"] = Field("critique", description="the slice")
    kind: Literal["strong"] = Field("strong", description="which model")
    card: CritiqueCard = CritiqueCard()
    data: CriticData = CriticData()
    seed: int = Field(0, ge=0, description="seed of the small networks")
    steps: int = Field(30, ge=1, description="steps on the kernel's weights")
    epochs: int = Field(80, ge=1, description="epochs of the small networks")
    networks: int = Field(8, ge=1, le=64, description="how many small networks are averaged")


@dataclass(frozen=True, slots=True)
class Labelled:
    """Clips with labels: statistics (N, F), labels (N, 19), groups and works (N,)."""

    clips: list[Clip]
    values: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    works: np.ndarray


def read_labelled(data: CriticData, progress: Progress | None = None) -> Labelled:
    """The labelled clips of a folder with their statistics.

    Raises DataError for a folder without labelled clips, or a corpus that is not installed.
    """
    folder = percepiano_dir() if data.folder == PERCEPIANO else Path(data.folder)
    labels = read_labels(data.labels or folder / LABELS)
    clips = [clip for clip in read_clips(folder) if clip.key in labels]
    if len(clips) < 2:
        raise DataError(
            f"{len(clips)} clips with labels are too few to learn from", where=str(folder)
        )
    rows = []
    for done, clip in enumerate(clips, start=1):
        read = read_clip(clip.performance, clip.score, clip.score_midi)
        rows.append(list(clip_statistics(read.raw, read.alignment).values()))
        if progress is not None:
            progress(done, len(clips), "clips read")
    return Labelled(
        clips, np.array(rows), np.stack([labels[clip.key] for clip in clips]),
        passage_groups(clips), np.array([clip.work for clip in clips]),
    )  # fmt: skip


def train_strong(
    recipe: StrongRecipe,
    file: str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit the critic of a recipe; the summary of its run."""
    start = time.perf_counter()
    data = read_labelled(recipe.data, progress)
    name = Path(file).stem
    run = RunFolder.create(fresh_folder(name) if out is None else out, recipe, sys.argv)
    effort = Effort(recipe.steps, recipe.epochs, recipe.networks)
    critic = fit_critic(
        data.values, data.labels, data.groups, data.works, name=recipe.card.name,
        seed=recipe.seed, effort=effort, progress=progress,
    )  # fmt: skip
    weights = run.checkpoints / "last.safetensors"
    save_critic(critic, weights, recipe, recipe_label(file), data.labels)
    seconds = round(time.perf_counter() - start, 2)
    run.log({"kind": "stop", "reason": "max_epochs", "clips": len(data.clips), "seconds": seconds})
    return {
        "run": str(run.path), "reason": "max_epochs", "clips": len(data.clips),
        "seconds": seconds, "last_weights": str(weights),
    }  # fmt: skip


def save_critic(
    critic: StrongCritic, path: Path, recipe: StrongRecipe, label: str, labels: np.ndarray,
    metrics: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    """Write the critic with its card."""
    import torch

    tensors = {n: torch.from_numpy(a) for n, a in critic.arrays().items()}
    card = Card(
        name=recipe.card.name, task="critique", summary=recipe.card.summary,
        licence=recipe.card.licence, trained_on=recipe.card.trained_on, recipe=label,
        parameters=sum(t.numel() for n, t in tensors.items() if ".networks." in n),
        metrics=metrics or {}, notes=recipe.card.notes,
    )  # fmt: skip
    meta = CheckpointMeta(
        model_class="partimento.tasks.critique.strong:StrongCritic",
        config=recipe.model_dump(exclude={"card", "data"}),
        data_hash=hashlib.sha256(labels.astype("<f8").tobytes()).hexdigest(),
        metrics=metrics or {}, card=card,
    )  # fmt: skip
    save_checkpoint(path, tensors, meta)
