"""The sound slice in small: the source's adapters and attention pooling on made sounds.

Shape suffixes: B clips, T frames, I width of a frame, E numbers of a prompt embedding, K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, DataFacts, Probe
from partimento.selftest import made, slips
from partimento.selftest.loop import TRAINING, Settings, Work, fit, merged, nested
from partimento.selftest.papers import PAPERS, told
from partimento.tasks.audio2visual.adapters import AdapterConfig
from partimento.tasks.audio2visual.mapblock import MapConfig
from partimento.tasks.audio2visual.source_config import SourceConfig
from partimento.tasks.audio2visual.source_losses import per_class, squared_error
from partimento.tasks.audio2visual.source_model import FrameBatch, SourceModel
from partimento.training.class_samplers import ClassBatches
from partimento.training.samplers import keyed_rng

WIDTH, EMBEDDING, CLASSES = 16, 24, 8
NOISE = 0.8
HEALTHY: Mapping[str, Any] = {
    **TRAINING,
    **PAPERS,
    "training.optimizer.lr": 3e-3,
    "training.max_steps": None,
    "training.max_epochs": 12,
    "training.batch_size": 8,
    "training.validate_steps": 24,
    "model.adapter.hidden": 32,
    "model.adapter.width": 24,
    "model.adapter.layers": 1,
    "model.adapter.norm": "group",
    "model.adapter.activation": "gelu",
    "model.adapter.dropout": 0.05,
    "model.clip.heads": 2,
    "batching.mode": "shuffled",
    "batching.per_class": 1,
    "loss.kind": "mse",
    "data.zscore": True,
    "data.clips_per_class": 24,
    "data.valid_per_class": 8,
    "study.batch_sizes": (),
    "study.equal_steps": False,
    "slip.mask_ignored": False,
    "slip.norm_missing": False,
    "slip.dead_bias": 0.0,
    "slip.initial_scale": 1.0,
    "slip.head_scale": 1.0,
    "slip.blind": False,
    "slip.silent": False,
    "material.target_scale": 1.0,
    "material.imbalance": 1.0,
    "material.leak": 0.0,
    "material.contradiction": 0.0,
    "material.swapped_split": False,
    "material.broken_batches": 0,
}
"""``slip`` and ``material`` are mistakes in code and data; no recipe shows them."""

SHOWN = ("training", "model", "batching", "loss", "data")


class SoundBatch(NamedTuple):
    """Frames (B, T, I), which are real (B, T), targets (B, E) as they are predicted, classes."""

    frames: Tensor
    keep: Tensor
    target: Tensor
    classes: Tensor


class SmallAudioToVisual:
    """Implements :class:`partimento.selftest.interface.SmallTask`."""

    name = "audio2visual"
    healthy: Mapping[str, Any] = HEALTHY

    def run(self, settings: Mapping[str, Any], seed: int, *, watched: bool = True) -> Case:
        """Train with the settings and tell all that is known; as in the interface."""
        chosen = merged(HEALTHY, settings)
        with torch.random.fork_rng(devices=[]):
            case = _Run(chosen, seed).case(watched)
            others = [self._other(chosen, size, seed) for size in chosen["study.batch_sizes"]]
        if not others:
            return case
        return replace(case, others=others)

    def _other(self, settings: Settings, size: int, seed: int) -> Case:
        changed = {**settings, "training.batch_size": size, "study.batch_sizes": ()}
        if settings["study.equal_steps"]:
            changed["training.max_steps"] = _steps(settings, _count(settings))
        return _Run(changed, seed).case(watched=False)

    def figure(self, case: Case) -> float:
        """Share of the held-out clips whose embedding is nearest to their own prompt, less chance.

        (top-1 - 1 / K) / (1 - 1 / K), by squared distance.
        """
        assert case.probe is not None
        right, count = 0.0, 0
        with torch.no_grad():
            for batch in case.probe.batches:
                given = _outputs(case.probe.model, batch)
                table, order = _table(case.probe.batches)
                found = order[torch.cdist(given.nan_to_num(), table).argmin(1)]
                right += float((found == batch.classes).sum())
                count += len(batch.classes)
        return (right / count - 1.0 / CLASSES) / (1.0 - 1.0 / CLASSES)


def _table(batches: Sequence[SoundBatch]) -> tuple[Tensor, Tensor]:
    """One target (K, E) of each class, and the classes' numbers (K,)."""
    targets, classes = (torch.cat([b[k] for b in batches]) for k in (2, 3))
    names = torch.from_numpy(np.unique(classes.numpy()))
    return torch.stack([targets[classes == name][0] for name in names]), names


class SoundNetwork(nn.Module):
    """The source model behind tensors instead of frames by encoder."""

    def __init__(self, model: SourceModel, settings: Settings) -> None:
        super().__init__()
        self.model = model
        self.mask_ignored = settings["slip.mask_ignored"]
        self.silent = settings["slip.silent"]

    def forward(self, frames_BTI: Tensor, keep_BT: Tensor) -> Tensor:
        """(B, E)."""
        keep = torch.ones_like(keep_BT) if self.mask_ignored else keep_BT
        frames = torch.zeros_like(frames_BTI) if self.silent else frames_BTI
        embedding: Tensor = self.model(FrameBatch({"logmel": frames}, {"logmel": keep}))["clip"]
        return embedding


class _Run:
    """One training and everything around it."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed = dict(settings), seed
        self.train, self.valid, prompts = _material(settings, seed)
        spread = prompts.std(0, keepdims=True) if settings["data.zscore"] else 1.0
        centre = prompts.mean(0, keepdims=True) if settings["data.zscore"] else 0.0
        targets = (prompts - centre) / spread
        scale = np.linspace(1.0, settings["material.target_scale"], CLASSES)[:, None]
        self.targets = torch.from_numpy((targets * scale).astype(np.float32))
        self.settings["training.max_steps"] = _steps(settings, len(self.train[0]))
        self.model, self.before = self._network(), self._network()
        self.epoch = lru_cache(maxsize=1)(self._batches().batches)

    def _batches(self) -> ClassBatches:
        return ClassBatches(
            self.train[1],
            self.settings["training.batch_size"],
            self.settings["batching.mode"],
            self.seed,
            self.settings["batching.per_class"],
        )

    def _network(self) -> nn.Module:
        torch.manual_seed(self.seed)
        settings = self.settings
        config = SourceConfig(
            targets=("clip",),
            adapter=AdapterConfig.model_validate(nested(settings, SHOWN)["model"]["adapter"]),
            clip=MapConfig(heads=settings["model.clip.heads"]),
        )
        model = SourceModel(config, {"logmel": WIDTH}, {"clip": (EMBEDDING,)})
        slips.scale_weights(model, settings["slip.initial_scale"])
        slips.shift_biases(model, settings["slip.dead_bias"], "hidden.0.0.bias")
        slips.scale_head(
            model.get_submodule("heads.clip.pool.mlp_norm"), settings["slip.head_scale"]
        )
        if settings["slip.norm_missing"]:
            slips.remove_norms(model)
        return SoundNetwork(model, settings).eval()

    def case(self, watched: bool) -> Case:
        """Train and tell."""
        settings = self.settings
        trained = fit(self._work(), settings, watched=watched)
        return replace(
            told(
                SmallAudioToVisual.name,
                "embedding",
                settings,
                HEALTHY,
                SHOWN,
                trained,
                self.model,
                "mean squared error",
            ),
            probe=self._probe(self.model, trained.optimizers),
            initial=self._probe(self.before, ()),
            data=self._facts(),
            seed=self.seed,
        )

    def _collate(self, frames: Sequence[np.ndarray], classes: np.ndarray) -> SoundBatch:
        longest = max(len(rows) for rows in frames)
        table = np.zeros((len(frames), longest, WIDTH), dtype=np.float32)
        keep = np.zeros((len(frames), longest), dtype=bool)
        for place, rows in enumerate(frames):
            table[place, : len(rows)], keep[place, : len(rows)] = rows, True
        labels = torch.from_numpy(classes)
        return SoundBatch(
            torch.from_numpy(table), torch.from_numpy(keep), self.targets[labels], labels
        )

    def _work(self) -> Work:
        frames, classes = self.train
        held_out, each = self._held_out(), len(self._batches())

        def batch(step: int, _length: int) -> SoundBatch:
            chosen = self.epoch(step // each)[step % each]
            drawn = self._collate([frames[i] for i in chosen], classes[chosen])
            share, rng = self.settings["material.contradiction"], keyed_rng(self.seed, "b", step)
            if share:
                # Every second class is also given with its target turned round.
                turned = torch.from_numpy(rng.random(len(chosen)) < share)[:, None]
                turned = turned & (drawn.classes % 2 == 0)[:, None]
                drawn = drawn._replace(target=torch.where(turned, -drawn.target, drawn.target))
            broken = self.settings["material.broken_batches"]
            if broken and step and step % broken == 0:
                drawn = drawn._replace(target=100.0 * drawn.target)
            return _swap_inputs(drawn, rng) if self.settings["slip.blind"] else drawn

        def validate(_length: int) -> dict[str, float]:
            given = torch.cat([_outputs(self.model, b) for b in held_out])
            wanted = torch.cat([b.target for b in held_out])
            error = (given - wanted).square().mean()
            floor = (wanted - wanted.mean(0)).square().mean()
            return {"loss": float(error), "valid_r2": float(1.0 - error / floor)}

        return Work(
            model=self.model,
            batch=batch,
            loss=self._loss,
            outputs=_outputs,
            targets=lambda batch: batch.target,
            validate=validate,
            head="model.heads.clip.pool.mlp",
            examples=len(classes),
            classes=lambda batch: batch.classes,
        )

    def _loss(self, model: nn.Module, batch: SoundBatch) -> Tensor:
        errors = squared_error(_outputs(model, batch), batch.target)
        if self.settings["loss.kind"] == "per-class":
            return per_class(errors, batch.classes, CLASSES)
        return errors.mean()

    def _held_out(self) -> list[SoundBatch]:
        frames, classes = self.valid
        order = keyed_rng(self.seed, "order").permutation(len(classes))
        parts = np.array_split(order, max(1, len(order) // 32))
        found = [self._collate([frames[i] for i in part], classes[part]) for part in parts]
        if self.settings["slip.blind"]:
            rng = keyed_rng(self.seed, "blind")
            found = [_swap_inputs(batch, rng) for batch in found]
        return found

    def _probe(self, model: nn.Module, optimizers: Sequence[Any]) -> Probe:
        return Probe(
            model=model,
            batches=self._held_out(),
            outputs=_outputs,
            targets=lambda batch: batch.target,
            loss=self._loss,
            example_losses=lambda model, batch: (
                (_outputs(model, batch) - batch.target).square().mean(1)
            ),
            unit="mean squared error",
            swap_inputs=_swap_inputs,
            part=_part,
            padded=_padded,
            classes=lambda batch: batch.classes.numpy(),
            optimizers=optimizers,
            attention_taps=("map_attention",),
        )

    def _facts(self) -> DataFacts:
        frames = [*self.train[0], *self.valid[0]]
        classes = np.concatenate([self.train[1], self.valid[1]])
        count, total = len(self.train[0]), len(frames)
        return DataFacts(
            inputs=frames,
            labels=self.targets.numpy()[classes],
            split=["train"] * count + ["valid"] * (total - count),
            groups={"recording": [f"recording {number}" for number in range(total)]},
            classes=[f"class {number}" for number in classes],
            names=[f"clip {number}" for number in range(total)],
        )


def _outputs(model: nn.Module, batch: SoundBatch) -> Tensor:
    given: Tensor = model(batch.frames, batch.keep)
    return given


def _part(batch: SoundBatch, rows: Sequence[int]) -> SoundBatch:
    chosen = torch.as_tensor(list(rows))
    part = SoundBatch(*(values[chosen] for values in batch))
    longest = int(part.keep.sum(1).max())
    return part._replace(frames=part.frames[:, :longest], keep=part.keep[:, :longest])


def _swap_inputs(batch: SoundBatch, rng: np.random.Generator) -> SoundBatch:
    order = rng.permutation(len(batch.classes))
    source = np.empty_like(order)
    source[order] = np.roll(order, 1)
    chosen = torch.from_numpy(source)
    return batch._replace(frames=batch.frames[chosen], keep=batch.keep[chosen])


def _padded(batch: SoundBatch, steps: int) -> SoundBatch:
    more = batch.frames.new_zeros(len(batch.frames), steps, WIDTH)
    return batch._replace(
        frames=torch.cat([batch.frames, more], 1),
        keep=torch.cat([batch.keep, more[..., 0].bool()], 1),
    )


def _counts(settings: Settings) -> list[int]:
    """Training clips of each class; an imbalance gives the last so many times fewer."""
    first, ratio = settings["data.clips_per_class"], settings["material.imbalance"]
    falling = np.geomspace(1.0, 1.0 / ratio, CLASSES)
    return [max(2, round(first * share)) for share in falling]


def _count(settings: Settings) -> int:
    return sum(_counts(settings))


def _steps(settings: Settings, count: int) -> int:
    given: int | None = settings["training.max_steps"]
    size: int = settings["training.batch_size"]
    return given or int(settings["training.max_epochs"]) * -(-count // size)


Part = tuple[list[np.ndarray], np.ndarray]
"""Frames of clips, and their classes."""


def _material(settings: Settings, seed: int) -> tuple[Part, Part, np.ndarray]:
    """Clips to learn from and to validate, and the prompts (K, E)."""
    counts, held = _counts(settings), settings["data.valid_per_class"]
    rng = keyed_rng(seed, "sounds")
    drawn = made.sounds(rng, [c + held for c in counts], WIDTH, EMBEDDING, noise=NOISE)
    train: list[int] = []
    valid: list[int] = []
    for number in range(CLASSES):
        rows = np.flatnonzero(drawn.classes == number).tolist()
        train, valid = train + rows[held:], valid + rows[:held]
    leaked = round(settings["material.leak"] * len(valid))
    by_class = {int(drawn.classes[i]): i for i in train}
    valid = [by_class[int(drawn.classes[i])] for i in valid[:leaked]] + valid[leaked:]
    parts = [([drawn.frames[i] for i in rows], drawn.classes[rows]) for rows in (train, valid)]
    if settings["material.swapped_split"]:
        parts.reverse()
    return parts[0], parts[1], drawn.prompts
