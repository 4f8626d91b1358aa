"""Figures of a recipe that need no training: optimiser steps, parameters per clip.  (R10, U2)"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from torch import nn

from partimento.doctor.finding import Measured

ENOUGH_STEPS = 600
PARAMETERS_PER_CLIP = 10_000


@dataclass(frozen=True, kw_only=True)
class Steps(Measured):
    """Optimiser steps of a run."""

    per_epoch: int
    epochs: int
    epochs_needed: int
    """Epochs after which this batch size has done the threshold's steps."""
    times_fewer: float
    """How many times the steps of batch 1 without accumulation at the same epochs."""


def steps_taken(
    samples: int, batch: int, epochs: int, *, accumulate: int = 1, enough: int = ENOUGH_STEPS
) -> Steps:
    """Whether a run has optimiser steps enough, whatever its epochs.

    Steps an epoch = ceil(ceil(samples / batch) / accumulate): the last partial group is stepped.
    Raises ValueError for counts below one.
    """
    if min(samples, batch, epochs, accumulate, enough) < 1:
        raise ValueError("samples, batch, epochs, accumulate and enough are at least 1")
    per_epoch = ceil(ceil(samples / batch) / accumulate)
    total = per_epoch * epochs
    return Steps(
        measured=float(total),
        unit="optimiser steps",
        threshold=float(enough),
        source="where the source design with batch 32 reaches 0.94 to 1.00 top-1 (claim bench)",
        bad_when="below",
        says=f"{epochs} epochs of {samples} samples at batch {batch * accumulate} are {total}"
        f" optimiser steps, {samples * epochs / total:.3g} times fewer than batch 1 has",
        per_epoch=per_epoch,
        epochs=epochs,
        epochs_needed=ceil(enough / per_epoch),
        times_fewer=samples * epochs / total,
    )


@dataclass(frozen=True, kw_only=True)
class ParametersPerClip(Measured):
    """Trained parameters for each sample of the training set."""

    parameters: int
    frozen: int
    clips: int


def parameters_per_clip(model: nn.Module, clips: int) -> ParametersPerClip:
    """Trainable parameters (each tensor once) divided by the training samples.

    Raises ValueError for fewer than one clip.
    """
    if clips < 1:
        raise ValueError("there is at least one clip")
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in model.parameters() if not p.requires_grad)
    return ParametersPerClip(
        measured=trained / clips,
        unit="trained parameters per training clip",
        threshold=float(PARAMETERS_PER_CLIP),
        source="between the light adapter (about 250) and the 300 million of the source design"
        " (about 1,000,000), on 320 clips",
        bad_when="above",
        says=f"{trained:,} trained parameters for {clips:,} clips: {trained / clips:,.0f} each",
        parameters=trained,
        frozen=frozen,
        clips=clips,
    )
