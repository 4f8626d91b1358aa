"""The critique slice in small: the hierarchical attention network on made performances.

Shape suffixes: B clips, N notes, K scored dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, DataFacts, Probe
from partimento.nn.group_attention import ContextAttention
from partimento.selftest import made, slips
from partimento.selftest.loop import TRAINING, Settings, Work, fit, merged, options
from partimento.selftest.papers import PAPERS, told
from partimento.tasks.critique.config import LEVELS, NetworkConfig
from partimento.tasks.critique.model import ClipNetwork
from partimento.tasks.critique.notes import NoteBatch, PaddedNotes
from partimento.training.samplers import keyed_rng

DIMENSIONS = 6
SCORE = len(made.SCORE_COLUMNS)
HEALTHY: Mapping[str, Any] = {
    **TRAINING,
    **PAPERS,
    "training.optimizer.lr": 6e-3,
    "training.max_steps": 100,
    "training.validate_steps": 20,
    "model.embedding": 16,
    "model.width": 12,
    "model.note_layers": 1,
    "model.voice_layers": 1,
    "model.beat_layers": 1,
    "model.measure_layers": 1,
    "model.heads": 2,
    "model.head_width": 32,
    "model.dropout": 0.0,
    "model.attention_temperature": 1.0,
    "model.recurrent_init": "orthogonal",
    "model.attention_init": "xavier",
    "model.outputs": DIMENSIONS,
    "data.feature_set": "full101",
    "data.passages": 24,
    "data.performers": 8,
    "data.valid_share": 0.25,
    "data.slice_notes": None,
    "slip.temperature_ignored": False,
    "slip.blind_columns": False,
    "slip.padding_read": False,
    "slip.mixed_clips": False,
    "slip.idle_level": "",
    "slip.head_scale": 1.0,
    "slip.initial_scale": 1.0,
    "slip.attention_scale": 1.0,
    "slip.dead_bias": 0.0,
    "slip.blind": False,
    "material.split_by_clip": False,
    "material.swapped_split": False,
    "material.statistics_from_all": False,
    "material.rater_noise": 0.05,
    "material.far_valid": 0.0,
    "material.broken_batches": 0,
    "material.not_a_number": False,
}
"""``slip`` and ``material`` are mistakes in code and data; no recipe shows them."""

SHOWN = ("training", "model", "data")


class ClipBatch(NamedTuple):
    """Padded notes of B clips, their labels (B, K) and passages (B,)."""

    notes: PaddedNotes
    labels: Tensor
    passage: Tensor


class SmallCritique:
    """Implements :class:`partimento.selftest.interface.SmallTask`."""

    name = "critique"
    healthy: Mapping[str, Any] = HEALTHY

    def run(self, settings: Mapping[str, Any], seed: int, *, watched: bool = True) -> Case:
        """Train with the settings and tell all that is known; as in the interface."""
        chosen = merged(HEALTHY, settings)
        with torch.random.fork_rng(devices=[]):
            return _Run(chosen, seed).case(watched)

    def figure(self, case: Case) -> float:
        """R2 over the dimensions against the mean label, on held-out passages or clips."""
        assert case.probe is not None
        with torch.no_grad():
            given = torch.cat([case.probe.model(b.notes) for b in case.probe.batches])
            wanted = torch.cat([b.labels for b in case.probe.batches])
        error = (given - wanted).square().mean()
        value = float(1.0 - error / (wanted - wanted.mean(0)).square().mean())
        return max(value, -1.0) if np.isfinite(value) else -1.0


class SlippedNetwork(nn.Module):
    """A network whose batches are put together wrongly, or that is not shown some columns."""

    def __init__(self, network: ClipNetwork, settings: Settings) -> None:
        super().__init__()
        self.network, self.silenced = network, frozenset[str]()
        self.blind_columns = settings["slip.blind_columns"]
        self.padding_read = settings["slip.padding_read"]
        self.mixed_clips = settings["slip.mixed_clips"]
        idle: str = settings["slip.idle_level"]
        self.idle = frozenset([idle]) if idle else frozenset[str]()

    def forward(self, notes: PaddedNotes) -> Tensor:
        """Scores (B, K)."""
        if self.padding_read:
            full = torch.full_like(notes.length_B, notes.values_BTF.shape[1])
            notes = notes._replace(length_B=full)
        batch = notes.unpadded()
        if self.blind_columns:
            hidden = batch.values_NF.clone()
            hidden[:, SCORE:] = 0.0
            batch = batch._replace(values_NF=hidden)
        if self.mixed_clips:
            batch = _run_together(batch)
        scores: Tensor = self.network(batch, without=self.silenced | self.idle)
        return scores


class _Run:
    """One training and everything around it."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.train, self.valid = _material(settings, seed)
        self.columns = slice(0, SCORE if settings["data.feature_set"] == "score79" else None)
        self.mean, self.scale = self._statistics()
        self.model, self.before = self._network(), self._network()

    def _statistics(self) -> tuple[np.ndarray, np.ndarray]:
        everything = self.settings["material.statistics_from_all"]
        chosen = [*self.train, *self.valid] if everything else self.train
        values = np.concatenate([clip.values[:, self.columns] for clip in chosen])
        # A hole in the data spoils the clip that it is in, and not the statistics of all.
        return np.nanmean(values, axis=0), np.nanstd(values, axis=0)

    def _network(self) -> SlippedNetwork:
        torch.manual_seed(self.seed)
        settings = self.settings
        config = NetworkConfig.model_validate(options(settings, "model"))
        network = ClipNetwork(config, len(made.COLUMNS[self.columns]))
        slips.scale_weights(network, settings["slip.initial_scale"])
        slips.scale_head(network.head[-1], settings["slip.head_scale"])
        slips.shift_biases(network, settings["slip.dead_bias"], "head.0.bias")
        for module in network.modules():
            if isinstance(module, ContextAttention):
                with torch.no_grad():
                    module.context.mul_(settings["slip.attention_scale"])
                if settings["slip.temperature_ignored"]:
                    module.temperature = 1.0
        return SlippedNetwork(network, settings).eval()

    def case(self, watched: bool) -> Case:
        """Train and tell."""
        settings = self.settings
        trained = fit(self._work(), settings, watched=watched)
        return replace(
            told(
                SmallCritique.name,
                "regression",
                settings,
                HEALTHY,
                SHOWN,
                trained,
                self.model.network,
                "mean squared error",
            ),
            probe=self._probe(self.model, trained.optimizers),
            initial=self._probe(self.before, ()),
            data=self._facts(),
            seed=self.seed,
        )

    def _collate(self, clips: Sequence[made.Clip]) -> ClipBatch:
        lengths = [len(clip.voice) for clip in clips]
        values = np.zeros((len(clips), max(lengths), len(self.mean)), dtype=np.float32)
        places = np.zeros((3, len(clips), max(lengths)), dtype=np.int64)
        for row, clip in enumerate(clips):
            real = slice(lengths[row])
            values[row, real] = (clip.values[:, self.columns] - self.mean) / self.scale
            for kind, numbers in enumerate((clip.voice, clip.beat, clip.measure)):
                places[kind, row, real] = numbers
        voice, beat, measure = torch.from_numpy(places)
        notes = PaddedNotes(torch.from_numpy(values), voice, beat, measure, torch.tensor(lengths))
        labels = torch.from_numpy(np.stack([clip.labels for clip in clips]))
        return ClipBatch(notes, labels, torch.tensor([clip.passage for clip in clips]))

    def _work(self) -> Work:
        size, held_out = self.settings["training.batch_size"], self._held_out()

        def batch(step: int, _length: int) -> ClipBatch:
            rng = keyed_rng(self.seed, "batch", step)
            rows = rng.choice(len(self.train), min(size, len(self.train)), replace=False)
            drawn = self._collate([self.train[i] for i in rows])
            broken = self.settings["material.broken_batches"]
            if broken and step and step % broken == 0:
                drawn = drawn._replace(labels=100.0 * drawn.labels)
            return _swap_inputs(drawn, rng) if self.settings["slip.blind"] else drawn

        def validate(_length: int) -> dict[str, float]:
            given = torch.cat([self.model(b.notes) for b in held_out])
            wanted = torch.cat([b.labels for b in held_out])
            error = (given - wanted).square().mean()
            floor = (wanted - wanted.mean(0)).square().mean()
            return {"loss": float(error), "valid_r2": float(1.0 - error / floor)}

        return Work(
            model=self.model,
            batch=batch,
            loss=_loss,
            outputs=_outputs,
            targets=lambda batch: batch.labels,
            validate=validate,
            head="network.head.3",
            examples=len(self.train),
        )

    def _held_out(self) -> list[ClipBatch]:
        half = max(2, len(self.valid) // 2)
        parts = [self.valid[:half], self.valid[half:]]
        found = [self._collate(part) for part in parts if len(part) > 1]
        if self.settings["slip.blind"]:
            rng = keyed_rng(self.seed, "blind")
            found = [_swap_inputs(batch, rng) for batch in found]
        return found

    def _probe(self, model: SlippedNetwork, optimizers: Sequence[Any]) -> Probe:
        return Probe(
            model=model,
            batches=self._held_out(),
            outputs=_outputs,
            targets=lambda batch: batch.labels,
            loss=_loss,
            example_losses=lambda model, batch: (
                (_outputs(model, batch) - batch.labels).square().mean(1)
            ),
            unit="mean squared error",
            swap_inputs=_swap_inputs,
            part=_part,
            padded=_padded,
            change_channel=_change_columns,
            channels=2 if self.columns.stop is None else 1,
            levels={level: _silencer(level) for level in LEVELS},
            optimizers=optimizers,
            attention_taps=("beat_attention", "measure_attention", "clip_attention"),
        )

    def _facts(self) -> DataFacts:
        everything = [*self.train, *self.valid]
        count, total = len(self.train), len(everything)
        names = [f"passage {c.passage} performer {c.performer}" for c in everything]
        return DataFacts(
            inputs=[clip.values[:, self.columns] for clip in everything],
            labels=np.stack([clip.labels for clip in everything]),
            split=["train"] * count + ["valid"] * (total - count),
            groups={
                "passage": [f"passage {clip.passage}" for clip in everything],
                "performer": [f"performer {clip.performer}" for clip in everything],
            },
            rater_labels=[clip.raters for clip in everything],
            statistics_from=("train", "valid")
            if self.settings["material.statistics_from_all"]
            else ("train",),
            names=names,
        )


def _outputs(model: nn.Module, batch: ClipBatch) -> Tensor:
    scores: Tensor = model(batch.notes)
    return scores


def _loss(model: nn.Module, batch: ClipBatch) -> Tensor:
    return nn.functional.mse_loss(_outputs(model, batch), batch.labels)


def _part(batch: ClipBatch, rows: Sequence[int]) -> ClipBatch:
    chosen = torch.as_tensor(list(rows))
    notes = PaddedNotes(*(part[chosen] for part in batch.notes))
    # Cut to the longest clip of these, as a batch of their own would be.
    longest = int(notes.length_B.max())
    cut = PaddedNotes(*(p[:, :longest] if p.ndim > 1 else p for p in notes))
    return ClipBatch(cut, batch.labels[chosen], batch.passage[chosen])


def _swap_inputs(batch: ClipBatch, rng: np.random.Generator) -> ClipBatch:
    order = rng.permutation(len(batch.labels))
    source = np.empty_like(order)
    source[order] = np.roll(order, 1)
    chosen = torch.from_numpy(source)
    return batch._replace(notes=PaddedNotes(*(part[chosen] for part in batch.notes)))


def _change_columns(batch: ClipBatch, group: int, rng: np.random.Generator) -> ClipBatch:
    """Other values in the columns of the score (0) or of the performance (1)."""
    values = batch.notes.values_BTF.clone()
    columns = slice(SCORE, None) if group else slice(0, SCORE)
    drawn = rng.normal(0.0, 1.0, tuple(values[:, :, columns].shape))
    values[:, :, columns] = torch.from_numpy(drawn.astype(np.float32))
    return batch._replace(notes=batch.notes._replace(values_BTF=values))


def _padded(batch: ClipBatch, steps: int) -> ClipBatch:
    notes = batch.notes
    wider = [
        torch.cat([p, p.new_zeros(len(p), steps, *p.shape[2:])], 1) if p.ndim > 1 else p
        for p in notes
    ]
    return batch._replace(notes=PaddedNotes(*wider))


def _silencer(level: str) -> Callable[[nn.Module], Any]:
    @contextmanager
    def silence(model: nn.Module) -> Iterator[None]:
        assert isinstance(model, SlippedNetwork)
        before, model.silenced = model.silenced, frozenset([level])
        try:
            yield
        finally:
            model.silenced = before

    return silence


def _run_together(batch: NoteBatch) -> NoteBatch:
    """Voices numbered without their clip: an LSTM then reads on from one clip into the next."""
    first = batch.voice_N.new_zeros(batch.clips).scatter_reduce(
        0, batch.clip_N, batch.voice_N, "amin", include_self=False
    )
    return batch._replace(voice_N=batch.voice_N - first[batch.clip_N])


def _material(settings: Settings, seed: int) -> tuple[list[made.Clip], list[made.Clip]]:
    """Clips to learn from and to validate: other passages, unless a slip parts them otherwise."""
    rng = keyed_rng(seed, "clips")
    clips = made.clips(
        rng,
        settings["data.passages"],
        settings["data.performers"],
        DIMENSIONS,
        noise=settings["material.rater_noise"],
    )
    if settings["material.split_by_clip"]:
        order = rng.permutation(len(clips))
        clips = [clips[i] for i in order]
    held = round(settings["data.valid_share"] * settings["data.passages"])
    count = held * settings["data.performers"]
    train, valid = clips[count:], clips[:count]
    if settings["material.not_a_number"]:
        train[0].values[0, 0] = np.nan
    if settings["material.far_valid"]:
        move = settings["material.far_valid"]
        valid = [clip._replace(values=clip.values * move + move) for clip in valid]
    return (valid, train) if settings["material.swapped_split"] else (train, valid)
