"""Networks from sound to text space as the doctor's patients.

Legend: B clips, T frames, I width of an encoder's frames, E... the shape of a target.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.core.errors import DataError
from partimento.doctor.case import Case, Probe
from partimento.doctor.probe_parts import cycle, evenly, in_batches, rows_of
from partimento.tasks.audio2visual.bank import BUILTIN, PromptBank
from partimento.tasks.audio2visual.hearing import Clip, read_folder
from partimento.tasks.audio2visual.mapblock import TAP
from partimento.tasks.audio2visual.source_data import Targets, frame_batch
from partimento.tasks.audio2visual.source_model import FrameBatch, SourceModel, TextNetwork
from partimento.tasks.audio2visual.source_weights import TextEmbedder, load_text_weights

TOGETHER = 16


class HeardClips(NamedTuple):
    """Frames of B clips, their targets (B, E...) as the network predicts them, their classes."""

    sounds: FrameBatch
    target_BE: Tensor
    classes_B: Tensor


def probe_of(
    weights: str | Path,
    data: str | Path,
    *,
    audio: str | Path | None = None,
    bank: str = BUILTIN,
    examples: int = 32,
    seed: int = 0,
) -> Case:
    """Weights of the source design or the light one with clips of the folds held out.

    data: the table of the clips or the folder that holds it, their sounds in ``audio`` beside it.
    ``bank``: the prompts that the weights were trained towards.

    Raises DataError for weights of another kind and for data without two such clips.
    """
    embedder = load_text_weights(weights)
    table = _table(Path(data))
    labels = tuple(str(label) for label in embedder.meta.vocabulary["labels"])
    held = {int(fold) for fold in embedder.meta.config.get("valid_folds", ())}
    clips = [
        clip
        for clip in read_folder(table, table.parent / "audio" if audio is None else audio)
        if clip.category in labels and (not held or clip.fold in held)
    ]
    chosen = [clips[i] for i in evenly(len(clips), examples)]
    if len(chosen) < 2:
        raise DataError("there are no two clips of the folds held out", where=str(table))
    targets = Targets.of_bank(PromptBank.load(bank), labels, tuple(embedder.model.shapes))
    probe = sound_probe(embedder.model, _heard(embedder, chosen, labels, targets))
    return Case(
        name=f"{weights} on {table.name}",
        task="audio2visual",
        kind="embedding",
        config={"model": embedder.meta.config["network"]},
        probe=probe,
        seed=seed,
    )


def _table(data: Path) -> Path:
    if data.suffix.lower() == ".csv":
        return data
    found = sorted(data.glob("*.csv")) if data.is_dir() else []
    if len(found) != 1:
        raise DataError(
            f"there are {len(found)} CSV tables in this folder",
            where=str(data),
            fix="Give the table of the clips itself",
        )
    return found[0]


def _heard(
    embedder: TextEmbedder, clips: Sequence[Clip], labels: Sequence[str], targets: Targets
) -> list[HeardClips]:
    """The clips in batches, towards the first target of the weights."""
    first = next(iter(embedder.model.shapes))
    table = embedder.model.scale(first).scores(targets.tables[first])

    def join(some: Sequence[Clip]) -> HeardClips:
        sounds = [clip.sound() for clip in some]
        frames = {e.name: [e.frames(sound) for sound in sounds] for e in embedder.encoders}
        classes = torch.tensor([labels.index(clip.category) for clip in some])
        return HeardClips(frame_batch(frames), table[classes], classes)

    return in_batches(clips, TOGETHER, join)


def sound_probe(network: TextNetwork, batches: Sequence[HeardClips]) -> Probe:
    """Clips and the targets of one head (the network's first) as a probe.

    Input channels are the audio encoders, where the network has several.
    """
    names = list(network.inputs)
    several = len(names) > 1
    return Probe(
        model=network,
        batches=batches,
        outputs=_outputs,
        targets=lambda batch: batch.target_BE,
        loss=lambda model, batch: _losses(model, batch).mean(),
        example_losses=_losses,
        unit="mean squared error of z-scores",
        swap_inputs=lambda batch, rng: batch._replace(
            sounds=rows_of(batch.sounds, cycle(len(batch.classes_B), rng))
        ),
        change_channel=partial(_swap_encoder, names) if several else None,
        channels=len(names) if several else 0,
        part=rows_of,
        padded=_padded,
        classes=lambda batch: batch.classes_B.numpy(),
        attention_taps=(TAP,) if isinstance(network, SourceModel) else (),
    )


def _outputs(model: nn.Module, batch: HeardClips) -> Tensor:
    found: dict[str, Tensor] = model(batch.sounds)
    return next(iter(found.values()))


def _losses(model: nn.Module, batch: HeardClips) -> Tensor:
    return (_outputs(model, batch) - batch.target_BE).square().flatten(1).mean(1)


def _swap_encoder(
    names: Sequence[str], batch: HeardClips, channel: int, rng: np.random.Generator
) -> HeardClips:
    name, rows = names[channel], cycle(len(batch.classes_B), rng)
    frames = {**batch.sounds.frames, name: batch.sounds.frames[name][rows]}
    keep = {**batch.sounds.keep, name: batch.sounds.keep[name][rows]}
    return batch._replace(sounds=FrameBatch(frames, keep))


def _padded(batch: HeardClips, more: int) -> HeardClips:
    """Frames of ones behind the clips, marked as padding."""

    def longer(values: Tensor, fill: float) -> Tensor:
        shape = (values.shape[0], more, *values.shape[2:])
        return torch.cat([values, torch.full(shape, fill).to(values.dtype)], 1)

    frames = {name: longer(values, 1.0) for name, values in batch.sounds.frames.items()}
    keep = {name: longer(values, 0.0) for name, values in batch.sounds.keep.items()}
    return batch._replace(sounds=FrameBatch(frames, keep))
