"""The answers of a probe's model on its batches, read without touching the model.

Shape suffixes: E examples, N answers (examples, or steps of examples), D numbers of an answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from partimento.doctor.case import Probe
from partimento.doctor.probing import undisturbed

MAX_ANSWERS = 40_000
"""Answers that are kept, in the order of the batches: enough for every statistic here."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Outputs beside targets, padding left out."""

    outputs_ND: np.ndarray
    """Float64: logits or values."""
    targets: np.ndarray
    """(N,) class numbers or (N, D) values."""
    example_N: np.ndarray
    """Number of the example that each answer belongs to."""
    classes_E: np.ndarray | None
    """Class of each example, where the probe knows classes."""


def answers(probe: Probe, *, limit: int = MAX_ANSWERS) -> Answers:
    """Everything that the model answers on the probe's batches, up to a number of answers.

    Raises ValueError where outputs and targets do not belong together, or nothing is real.
    """
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    classes: list[np.ndarray] = []
    seen, kept = 0, 0
    with undisturbed(probe.model):
        for batch in probe.batches:
            outputs, targets = probe.outputs(probe.model, batch), probe.targets(batch)
            mask = None if probe.mask is None else probe.mask(batch)
            size = len(outputs)
            part = _flat(outputs, targets, mask)
            parts.append((part[0], part[1], part[2] + seen))
            if probe.classes is not None:
                classes.append(np.asarray(probe.classes(batch)))
            seen, kept = seen + size, kept + len(part[2])
            if kept >= limit:
                break
    outputs_ND, truth, example_N = (np.concatenate([part[k] for part in parts]) for k in range(3))
    if not len(outputs_ND):
        raise ValueError("the batches hold no real target")
    return Answers(
        outputs_ND=outputs_ND,
        targets=truth,
        example_N=example_N,
        classes_E=np.concatenate(classes) if classes else None,
    )


def _flat(
    outputs: Tensor, targets: Tensor, mask: Tensor | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs (N, D), targets (N,) or (N, D), example numbers (N,) of one batch."""
    width = outputs.shape[-1]
    truth = targets.detach().cpu()
    if truth.shape == outputs.shape:
        rows = truth.reshape(-1, width).double().numpy()
    elif truth.shape == outputs.shape[:-1]:
        rows = truth.reshape(-1).numpy()
    else:
        raise ValueError(f"outputs {tuple(outputs.shape)} and targets {tuple(truth.shape)} differ")
    flat = outputs.detach().cpu().reshape(-1, width).double().numpy()
    owner = np.repeat(np.arange(len(outputs)), len(flat) // max(len(outputs), 1))
    real = _real(mask, outputs, len(flat))
    return flat[real], rows[real], owner[real]


def _real(mask: Tensor | None, outputs: Tensor, count: int) -> np.ndarray:
    if mask is None:
        return np.ones(count, dtype=bool)
    kept = mask.detach().cpu().bool()
    if kept.shape == outputs.shape:
        kept = kept.all(-1)  # a mask over every number of an answer
    return np.broadcast_to(_stretched(kept, outputs.ndim - 1).numpy(), outputs.shape[:-1]).reshape(
        -1
    )


def _stretched(mask: Tensor, axes: int) -> Tensor:
    """(B,) or (B, T) with axes of length 1 behind, as many as the answers have."""
    return mask.reshape(*mask.shape, *(1,) * (axes - mask.ndim))


def means_by_example(values_N: np.ndarray, example_N: np.ndarray) -> np.ndarray:
    """(E,) mean of the answers of each example that has any."""
    names, place = np.unique(example_N, return_inverse=True)
    return np.bincount(place, values_N, len(names)) / np.bincount(place, minlength=len(names))
