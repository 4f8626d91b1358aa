"""The recipe of the shipped encoder, and its training: minutes, so that nothing is resumed."""

from __future__ import annotations

import hashlib
import json
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
from partimento.music.chroma import tonality
from partimento.music.logmel import log_mel
from partimento.music.sound_statistics import fit_window, sound_statistics
from partimento.tasks.audio2visual.concepts import CONCEPTS, MOTIONS, MUSIC, SOUNDS
from partimento.tasks.audio2visual.encoder import FACTORS, LABELS, SoundEncoder, member_arrays
from partimento.tasks.audio2visual.encoder_check import (
    LeftOut,
    best_temperature,
    calibrated,
    cross_validate,
    unknown_study,
)
from partimento.tasks.audio2visual.encoder_data import Sounds
from partimento.tasks.audio2visual.encoder_fit import Effort, Music, fit_encoder
from partimento.tasks.audio2visual.hearing import Clip, read_folder
from partimento.tasks.audio2visual.loading import MODEL_CLASS
from partimento.tasks.audio2visual.music_sounds import music_set
from partimento.tasks.audio2visual.recipe import SoundCard
from partimento.training.launch import fresh_folder, recipe_label

SAMPLING_PLUS = "sampling"


class EncoderData(Config):
    """What to hear."""

    csv: str = Field("data/esc10/esc10.csv", description="table of the clips")
    audio: str = Field("data/esc10/audio", description="folder of the clips")
    music: list[str] = Field(
        default_factory=list, description="folders of MIDI to render (tunes, Mutopia)"
    )
    music_cache: str = Field("data/music_sounds.npz", description="where rendered music is kept")
    music_count: int = Field(600, ge=0, description="excerpts of each folder")


class EffortConfig(Config):
    """How much is spent; see :class:`partimento.tasks.audio2visual.encoder_fit.Effort`."""

    variants: int = Field(24, ge=1, description="variants of each recording")
    forest_variants: int = Field(6, ge=1, description="gentle variants that the forest learns from")
    mixtures: int = Field(8000, ge=1, description="mixtures of two recordings")
    trees: int = Field(400, ge=1, description="trees of the forest that teaches")
    members: int = Field(3, ge=1, le=16, description="networks that are averaged")
    hidden: int = Field(256, ge=1, description="hidden units of each")
    code: int = Field(20, ge=1, description="numbers of each network's code")
    epochs: int = Field(15, ge=1, description="passes over all rows")


class EncoderRecipe(Config):
    """A training of the light design."""

    task: Literal["audio2visual"] = Field("audio2visual", description="the slice")
    kind: Literal["encoder"] = Field("encoder", description="which model")
    card: SoundCard = SoundCard()
    data: EncoderData = EncoderData()
    effort: EffortConfig = EffortConfig()
    seed: int = Field(0, ge=0, description="seed of variants, forest and networks")
    study_unknown: bool = Field(True, description="measure the AUROC of unknown classes (minutes)")


def train_encoder(
    recipe: EncoderRecipe,
    file: str | Path,
    *,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit, cross-validate over the folds, calibrate, and write a run folder.

    Clips under Sampling+ are answered in the cross-validation but never learnt from in the
    weights that are written.

    Raises DataError for a folder that is not of the layout or has one fold only.
    """
    start = time.perf_counter()
    clips = list(read_folder(recipe.data.csv, recipe.data.audio))
    folds = np.array([clip.fold for clip in clips])
    if len(np.unique(folds)) < 2:
        raise DataError("the clips are all of one fold", where=recipe.data.csv)
    sounds, music = read_sounds(clips, progress), read_music(recipe.data, recipe.seed, progress)
    folder = fresh_folder(recipe_label(file)) if out is None else out
    run = RunFolder.create(folder, recipe, sys.argv)
    effort = Effort(**recipe.effort.model_dump())
    left = cross_validate(sounds, folds, music, effort, seed=recipe.seed, progress=progress)
    metrics: dict[str, Any] = figures(left)
    if recipe.study_unknown:
        found = unknown_study(sounds, folds, music, effort, seed=recipe.seed)
        metrics |= {"unknown_auroc": found["both"], "unknown_auroc_sd": found["both_sd"]}
    free = np.flatnonzero([SAMPLING_PLUS not in clip.licence.lower() for clip in clips])
    encoder = calibrated(
        fit_encoder(
            sounds.part(free), music, effort,
            seed=recipe.seed, name=recipe.card.name, progress=progress,
        ),
        left,
    )  # fmt: skip
    weights = run.checkpoints / "last.safetensors"
    save_encoder(encoder, weights, recipe, recipe_label(file), clips, metrics)
    seconds = round(time.perf_counter() - start, 2)
    run.log({"kind": "validation", **metrics})
    run.log({"kind": "stop", "reason": "max_epochs", "clips": len(clips), "seconds": seconds})
    return {
        "run": str(run.path), "reason": "max_epochs", "clips": len(clips), **metrics,
        "parameters": encoder.parameters, "seconds": seconds, "last_weights": str(weights),
    }  # fmt: skip


def figures(left: LeftOut) -> dict[str, float]:
    """Figures on left-out folds: accuracy with spread, and the closed form onto the labels.

    ``label_space_r2`` is 1 - squared error / squared error of the mean label, the same as the R2 in
    any text space whose prompts are equally far from each other.
    """
    truth = np.eye(len(SOUNDS))[left.labels_N]
    error = ((left.sounds_NC - truth) ** 2).sum()
    nothing = ((truth.mean(0) - truth) ** 2).sum()
    return {
        **left.accuracy(),
        "readout_top1": float((left.sounds_NC.argmax(1) == left.labels_N).mean()),
        "label_space_r2": float(1.0 - error / nothing),
        "temperature": best_temperature(left),
    }


def read_sounds(clips: Sequence[Clip], progress: Progress | None = None) -> Sounds:
    """Power spectrograms of clips.  Raises DataError for a label that the model does not know."""
    power, labels = [], []
    for done, clip in enumerate(clips, start=1):
        if clip.category not in SOUNDS:
            raise DataError(
                f"the class {clip.category!r} is none of the ten",
                where=clip.filename,
                fix=f"Keep to: {', '.join(SOUNDS)}",
            )
        power.append(10.0 ** (log_mel(fit_window(clip.sound().samples_N)) / 10.0))
        labels.append(SOUNDS.index(clip.category))
        if progress is not None:
            progress(done, len(clips), "clips read")
    return Sounds(np.stack(power), np.array(labels))


def read_music(data: EncoderData, seed: int, progress: Progress | None = None) -> Music | None:
    """The training part of the rendered music; None where no folder is named."""
    if not data.music or not data.music_count:
        return None
    rendered = music_set(data.music, data.music_cache, data.music_count, seed, progress=progress)
    places = rendered.part("train")
    statistics, tones = [], []
    for done, place in enumerate(places, start=1):
        samples = rendered.samples[place].astype(np.float32) / 32768.0
        statistics.append(sound_statistics(samples))
        tones.append(tonality(samples))
        if progress is not None:
            progress(done, len(places), "music heard")
    kinds = [MUSIC[int(n)] for n in rendered.concepts[places]]
    factors = [
        [
            MOTIONS.index(kind.motion),
            FACTORS["register"].index(kind.register),
            FACTORS["texture"].index(kind.texture),
        ]
        for kind in kinds
    ]
    return Music(
        np.stack(statistics), np.array(factors), np.array([int(k.mode == "minor") for k in kinds]),
        np.stack(tones), np.array([CONCEPTS.index(kind.name) for kind in kinds]),
    )  # fmt: skip


def save_encoder(
    encoder: SoundEncoder, path: Path, recipe: EncoderRecipe, label: str,
    clips: Sequence[Clip], metrics: dict[str, Any],
) -> None:  # fmt: skip
    """Write the encoder with its card."""
    import torch

    arrays = {
        f"member{n}.{name}": array
        for n, member in enumerate(encoder.members)
        for name, array in member_arrays(member).items()
    } | {
        "mean_S": encoder.mean_S, "scale_S": encoder.scale_S, "mode_5": encoder.mode_5,
        "readout_DK": encoder.readout_DK, "strange.means_LD": encoder.strangeness.means_LD,
        "strange.inverse_DD": encoder.strangeness.inverse_DD,
        "strange.scale": encoder.strangeness.scale,
    }  # fmt: skip
    card = Card(
        name=recipe.card.name, task="audio2visual", summary=recipe.card.summary,
        licence=recipe.card.licence, trained_on=recipe.card.trained_on, recipe=label,
        parameters=encoder.parameters, metrics=metrics, notes=recipe.card.notes,
    )  # fmt: skip
    names = json.dumps(sorted(clip.filename for clip in clips)).encode()
    meta = CheckpointMeta(
        model_class=MODEL_CLASS,
        config={
            "members": len(encoder.members),
            "temperature": encoder.temperature,
            "threshold": encoder.strangeness.threshold,
            "effort": recipe.effort.model_dump(),
        },
        vocabulary={"labels": list(LABELS), "concepts": list(CONCEPTS)},
        data_hash=hashlib.sha256(names).hexdigest(), metrics=metrics, card=card,
    )  # fmt: skip
    tensors = {
        n: torch.from_numpy(
            np.ascontiguousarray(a, dtype=np.float16 if n.startswith("member") else np.float32)
        )
        for n, a in arrays.items()
    }
    save_checkpoint(path, tensors, meta)
