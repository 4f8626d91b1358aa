"""Claims that need next to no training: scales of losses, normalisation, gradients, constants.

Shape suffixes: N clips, K classes, E numbers of a target, D width of a layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.batches import batch_dependence
from partimento.doctor.gradient_conflict import GradientConflict, gradient_conflict
from partimento.doctor.targets import heterogeneity, mean_floor
from partimento.tasks.audio2visual import claims_verdicts as verdicts
from partimento.tasks.audio2visual.adapters import Norm, make_norm
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.claims_experiments import SOURCE, Decided
from partimento.tasks.audio2visual.claims_synthetic import synthetic_bank
from partimento.tasks.audio2visual.claims_training import (
    TARGET,
    ClaimTask,
    build,
    frame_batch,
    measure,
    predict,
)
from partimento.tasks.audio2visual.concepts import SOUNDS
from partimento.tasks.audio2visual.source_model import (
    LightModel,
    SourceHead,
    SourceModel,
)

SCALES = 8
"""Targets of the source's test were scaled 1, 2, ... 8."""
NORM_WIDTH = 256


def loss_scales(task: ClaimTask, draws: int) -> Decided:
    """The 14-fold loss of heterogeneous targets: the source's own test, and at equal scale.

    Eight clips through an untrained network, against normal targets: one for all (homogeneous),
    one each scaled 1 to 8 (the test), and one each at scale 1.
    """
    losses = np.array([_untrained_losses(task, seed) for seed in range(draws)])
    same, scaled, equal = (float(v) for v in losses.mean(0))
    bank = np.eye(SCALES)
    figures = {
        "homogeneous": same,
        "heterogeneous_scaled_1_to_8": scaled,
        "heterogeneous_at_scale_1": equal,
        "ratio_scaled": scaled / same,
        "ratio_equal": equal / same,
        "constant_ratio": mean_floor(bank * np.arange(1, SCALES + 1)[:, None]) / mean_floor(bank),
    }
    return figures, *verdicts.loss_scale(scaled / same, equal / same)


def _untrained_losses(task: ClaimTask, seed: int) -> tuple[float, float, float]:
    rng = np.random.default_rng(seed)
    frames, _ = task.part(training=True)
    chosen = rng.choice(len(frames), SCALES, replace=False)
    model = build(task, replace(SOURCE, pool=None), seed)
    outputs = predict(model, frames[chosen]).astype(np.float64)
    own = rng.normal(size=outputs.shape)
    one = rng.normal(size=outputs.shape[1])
    levels = np.arange(1, SCALES + 1)[:, None]
    same, scaled, equal = (((outputs - t) ** 2).mean() for t in (one, own * levels, own))
    return float(same), float(scaled), float(equal)


def normalisation(task: ClaimTask, seed: int) -> Decided:
    """LayerNorm depends on the batch."""
    drawn = torch.Generator().manual_seed(seed)
    inputs_ND = torch.randn(64, NORM_WIDTH, generator=drawn)
    frames, _ = task.part(training=True)
    names: tuple[Norm, ...] = ("layer", "group", "rms", "batch")
    layers = {
        n: batch_dependence(make_norm(n, NORM_WIDTH), inputs_ND, training=True) for n in names
    }
    whole = {
        n: batch_dependence(
            _Embeds(build(task, replace(SOURCE, norm=n), seed)), frames, training=True
        )
        for n in names
    }
    largest = {name: max(check.by_size.values()) for name, check in layers.items()}
    figures = {
        "layer_alone": largest,
        "batch_of_one_raises": {name: check.alone_fails for name, check in layers.items()},
        "whole_network": {name: max(check.by_size.values()) for name, check in whole.items()},
    }
    return figures, *verdicts.normalisation(largest["layer"], largest["group"], largest["batch"])


def _even(labels_N: np.ndarray, clips: int, seed: int) -> np.ndarray:
    """Places of equally many clips of every class, about ``clips`` in all."""
    names, counts = np.unique(labels_N, return_counts=True)
    each = max(1, min(int(counts.min()), clips // len(names)))
    rng = np.random.default_rng(seed)
    found = [rng.permutation(np.flatnonzero(labels_N == name))[:each] for name in names]
    return np.concatenate(found)


class _Embeds(nn.Module):
    """A network as a plain function of frames (N, T, I), its scores (N, E) coming out."""

    def __init__(self, model: SourceModel | LightModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames_NTI: Tensor) -> Tensor:
        """Scores."""
        return self.model(frame_batch(frames_NTI))[TARGET]  # type: ignore[no-any-return]


def class_gradients(task: ClaimTask, seed: int, epochs: int, clips: int = 120) -> Decided:
    """Heterogeneous targets give contradictory gradients.

    Class gradients of the source's network: freshly drawn; where it answers the mean (its last
    layer set to that), of real clips and with every clip alike; and after training.  For the
    bank's targets and for the same ones moved nearly together.
    """
    frames, labels = task.part(training=True)
    chosen = _even(labels, clips, seed)
    frames, labels = frames[chosen], labels[chosen]
    near_KE = task.bank_KE.mean(0) + 0.1 * (task.bank_KE - task.bank_KE.mean(0))

    alike = frames.mean(0, keepdim=True).expand_as(frames)

    def conflict(
        model: SourceModel | LightModel, bank_KE: np.ndarray, heard: Tensor = frames
    ) -> GradientConflict:
        targets = torch.from_numpy(bank_KE[labels].astype(np.float32))
        rng = np.random.default_rng(seed)
        return gradient_conflict(_Embeds(model), heard, targets, labels, rng)

    fresh = conflict(build(task, SOURCE, seed), task.bank_KE)
    answering = _answering_mean(task, task.bank_KE[labels].mean(0), seed)
    far, deaf = conflict(answering, task.bank_KE), conflict(answering, task.bank_KE, alike)
    near = conflict(_answering_mean(task, near_KE[labels].mean(0), seed), near_KE)
    run, model = measure(task, replace(SOURCE, epochs=epochs), seed)
    after = conflict(model, task.bank_KE)
    figures = {
        "null": far.null,
        "mean_cosine": {
            "untrained": fresh.mean_cosine,
            "all_clips_alike": deaf.mean_cosine,
            "all_clips_alike_shuffled_labels": deaf.shuffled_cosine,
            "answering_the_mean": far.mean_cosine,
            "answering_the_mean_shuffled_labels": far.shuffled_cosine,
            "answering_the_mean_targets_near_together": near.mean_cosine,
            "trained": after.mean_cosine,
        },
        "harmed_beyond_shuffled": {"untrained": fresh.measured, "answering_the_mean": far.measured},
        "top1_after_training": run.top1,
        "targets": _spread(task),
    }
    return figures, *verdicts.gradients(
        [deaf.mean_cosine, deaf.shuffled_cosine],
        [far.mean_cosine, near.mean_cosine],
        far.null,
        far.measured,
        run.top1,
    )


def _answering_mean(task: ClaimTask, mean_E: np.ndarray, seed: int) -> SourceModel | LightModel:
    model = build(task, SOURCE, seed)
    head = model.heads[TARGET]
    assert isinstance(head, SourceHead)
    last = head.pool.out
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        # Weights of nought would let no gradient through to the layers before.
        last.weight.mul_(1e-3)
        last.bias.copy_(torch.from_numpy(mean_E.astype(np.float32)))
    return model


def _spread(task: ClaimTask) -> dict[str, float]:
    check = heterogeneity(task.bank_KE, np.arange(len(task.bank_KE)))
    return {"mean_cosine": check.mean_cosine, "norm_ratio": check.measured}


def constants(bank: PromptBank) -> Decided:
    """A loss of 0.15 to 0.26 is good: what a constant makes on the targets of the bank."""
    rows = bank.rows(SOUNDS)
    found = {"CLIP": mean_floor(rows.clip_KE), "T5": mean_floor(np.asarray(rows.t5_KLE))}
    similar = {}
    for share in (0.7, 0.85):
        rng = np.random.default_rng(0)
        floors = [mean_floor(synthetic_bank(rng, common_share=share, width=768)) for _ in range(5)]
        similar[f"mean_cosine_{share}"] = float(np.mean(floors))
    figures: dict[str, Any] = {
        "constant": found,
        "r2_of_loss_0.15": {name: 1.0 - verdicts.BAND[0] / c for name, c in found.items()},
        "r2_of_loss_0.26": {name: 1.0 - verdicts.BAND[1] / c for name, c in found.items()},
        "constant_of_unit_targets": similar,
        "bank": str(bank.meta.get("clip_encoder", "")),
    }
    verdict, says = verdicts.good_loss(found)
    alike = similar["mean_cosine_0.85"]
    return figures, verdict, f"{says}; for unit targets of mean cosine 0.85 it makes {alike:.3f}"
