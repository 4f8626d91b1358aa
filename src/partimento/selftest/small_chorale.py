"""The chorale slice in small: the four-channel source network on made harmonies.

Shape suffixes: B windows, T steps, C four channels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, DataFacts, Probe
from partimento.selftest import made, slips
from partimento.selftest.loop import TRAINING, Settings, Work, fit, merged, options
from partimento.selftest.papers import PAPERS, told
from partimento.selftest.tokens import (
    TokenBatch,
    Tokens,
    changer,
    example_losses,
    explained,
    live,
    logits_of,
    pick,
    swap_inputs,
    unigram_nats,
)
from partimento.tasks.chorale.config import SourceConfig
from partimento.tasks.chorale.model import START, HarmonicNetwork
from partimento.training.samplers import keyed_rng

STEPS = 48
"""Steps of a made piece."""
VOCABULARY = 129

HEALTHY: Mapping[str, Any] = {
    **TRAINING,
    **PAPERS,
    "training.optimizer.lr": 6e-3,
    "training.max_steps": 180,
    "training.curriculum.on": True,
    "training.curriculum.start": 8,
    "training.curriculum.grow": 2,
    "training.curriculum.grow_epochs": 4,
    "training.curriculum.plateau_epochs": 1000,
    "model.width": 32,
    "model.heads": 4,
    "model.layers": 2,
    "model.seq_len": 16,
    "model.cross_channel": True,
    "model.norm": "pre",
    "model.residual": True,
    "model.dropout": 0.0,
    "model.positions": "sinusoidal",
    "slip.not_causal": False,
    "slip.initial_scale": 1.0,
    "slip.head_scale": 1.0,
    "slip.logit_scale": 1.0,
    "slip.no_norm": False,
    "slip.blind": False,
    "slip.moving_validation": False,
    "data.pieces": 96,
    "data.valid_pieces": 24,
    "data.transpose": 0,
    "material.leak": 0.0,
    "material.leak_transposed": 0.0,
    "material.silence": 0.0,
    "material.far_voice": 0,
    "material.noise": 0.0,
    "material.broken_batches": 0,
}
"""``slip`` and ``material`` are mistakes in code and data; no recipe shows them."""

SHOWN = ("training", "model", "data")


class SmallChorale:
    """Implements :class:`partimento.selftest.interface.SmallTask`."""

    name = "chorale"
    healthy: Mapping[str, Any] = HEALTHY

    def run(self, settings: Mapping[str, Any], seed: int, *, watched: bool = True) -> Case:
        """Train with the settings and tell all that is known; as in the interface."""
        chosen = merged(HEALTHY, settings)
        with torch.random.fork_rng(devices=[]):
            return _Run(chosen, seed).case(watched)

    def figure(self, case: Case) -> float:
        """Share of the unigram's nats per note that is saved on held-out pieces."""
        assert case.data is not None
        chosen = merged(HEALTHY, {})
        fresh = _pieces(keyed_rng(case.seed, "figure"), 24, chosen)
        train = [r for r, s in zip(case.data.inputs, case.data.split, strict=True) if s == "train"]
        batches = [_windows(fresh, [0] * len(fresh), case.config["model"]["seq_len"])]
        return explained(case, batches, unigram_nats(train, fresh, VOCABULARY))


class _Run:
    """One training and everything around it."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.tokens = Tokens(vocabulary=VOCABULARY, pad=-1)
        self.train, self.valid, self.origin = _material(settings, seed)
        self.config = SourceConfig.model_validate(options(settings, "model"))
        # Each seeds itself: the second is the first before its training.
        self.model, self.before = self._network(), self._network()

    def _network(self) -> nn.Module:
        torch.manual_seed(self.seed)
        network = HarmonicNetwork(self.config)
        slips.scale_weights(network, self.settings["slip.initial_scale"])
        slips.scale_head(network.heads, self.settings["slip.head_scale"])
        if self.settings["slip.not_causal"]:
            slips.see_all(network)
        if self.settings["slip.no_norm"]:
            slips.remove_norms(network)
        if self.settings["slip.logit_scale"] != 1.0:
            slips.scale_outputs(network, self.settings["slip.logit_scale"])
        return network.eval()

    def case(self, watched: bool) -> Case:
        """Train and tell."""
        settings = self.settings
        trained = fit(self._work(), settings, watched=watched)
        return replace(
            told(
                SmallChorale.name,
                "tokens",
                settings,
                HEALTHY,
                SHOWN,
                trained,
                self.model,
                "nats per note",
                VOCABULARY,
            ),
            probe=self._probe(self.model, trained.optimizers),
            initial=self._probe(self.before, ()),
            data=self._facts(),
            samples=self._samples(),
            corpus=self.train,
            live_tokens=len(live(self.train)),
            seed=self.seed,
        )

    def _work(self) -> Work:
        size = self.settings["training.batch_size"]
        valid = {n: self._held_out(n) for n in range(2, self.config.seq_len + 1, 2)}

        def batch(step: int, length: int) -> TokenBatch:
            rng = keyed_rng(self.seed, "batch", step)
            rows = rng.integers(0, len(self.train), (size,))
            starts = rng.integers(0, STEPS - length + 1, (size,))
            made_batch = _windows([self.train[i] for i in rows], starts.tolist(), length)
            broken = self.settings["material.broken_batches"]
            if broken and step and step % broken == 0:
                wrong = torch.from_numpy(rng.integers(0, VOCABULARY, made_batch.target.shape))
                made_batch = made_batch._replace(target=wrong)
            if self.settings["slip.blind"]:
                made_batch = swap_inputs(made_batch, rng)
            return made_batch

        def validate(length: int) -> dict[str, float]:
            moving = self.settings["slip.moving_validation"]
            chosen = valid[length if moving else self.config.seq_len]
            found = self.tokens.score(self.model, [chosen])
            per_frame = 4 * found["loss"]
            length_now = float(chosen.input.shape[1])
            return {**found, "valid_nats_per_frame": per_frame, "valid_length": length_now}

        return Work(
            model=self.model,
            batch=batch,
            loss=self.tokens.loss,
            outputs=logits_of,
            targets=lambda batch: batch.target,
            validate=validate,
            head="heads",
            examples=len(self.train),
            full_length=self.config.seq_len,
        )

    def _held_out(self, length: int) -> TokenBatch:
        return _windows(self.valid, [0] * len(self.valid), length)

    def _probe(self, model: nn.Module, optimizers: Sequence[Any]) -> Probe:
        windows = self._held_out(self.config.seq_len)
        half = len(self.valid) // 2
        chosen = [pick(windows, range(half)), pick(windows, range(half, len(self.valid)))]
        if self.settings["slip.blind"]:
            rng = keyed_rng(self.seed, "blind")
            chosen = [swap_inputs(batch, rng) for batch in chosen]
        return Probe(
            model=model,
            batches=chosen,
            outputs=logits_of,
            targets=lambda batch: batch.target,
            loss=self.tokens.loss,
            example_losses=example_losses,
            unit="nats per note",
            mask=lambda batch: batch.keep,
            steps=self.config.seq_len,
            causal=True,
            change_from=changer(live(self.train)),
            change_channel=_change_channel(live(self.train)),
            channels=4,
            channel_of_output=lambda output, channel: output[:, :, channel],
            swap_inputs=swap_inputs,
            part=pick,
            optimizers=optimizers,
            attention_taps=("self_attention", "cross_channel_attention")
            if self.config.cross_channel
            else ("self_attention",),
        )

    def _facts(self) -> DataFacts:
        count, total = len(self.train), len(self.train) + len(self.valid)
        return DataFacts(
            inputs=[*self.train, *self.valid],
            split=["train"] * count + ["valid"] * (total - count),
            groups={"piece": self.origin},
            vocabulary=VOCABULARY,
            pitch_tokens=(0, 127),
            rest_token=made.SILENCE,
            names=[f"piece {number}" for number in range(total)],
        )

    @torch.no_grad()
    def _samples(self) -> list[np.ndarray]:
        """Continuations (T, 4) of the first frames of held-out pieces."""
        generator = torch.Generator().manual_seed(self.seed)
        heat = self.settings["paper.sampling_temperature"]
        span = self.config.seq_len
        rows = self._held_out(span).input[:12, :3]
        while rows.shape[1] <= STEPS:
            logits = self.model(rows[:, -span:])[:, -1]
            if heat <= 0.0:
                new = logits.argmax(-1)
            else:
                odds = (logits / heat).softmax(-1).nan_to_num(1.0)
                new = torch.multinomial(odds.flatten(0, 1), 1, generator=generator).view(-1, 4)
            rows = torch.cat([rows, new[:, None]], 1)
        return list(rows[:, 1:].numpy())


def _pieces(rng: np.random.Generator, count: int, settings: Settings) -> list[np.ndarray]:
    pieces = made.chorales(rng, count, STEPS, KEYS)
    for piece in pieces:
        if settings["material.noise"]:
            wrong = rng.random(piece.shape) < settings["material.noise"]
            piece[wrong] = rng.integers(36, 90, int(wrong.sum()))
        if settings["material.silence"]:
            piece[rng.random(len(piece)) < settings["material.silence"]] = made.SILENCE
        if settings["material.far_voice"]:
            piece[:, 3] = np.maximum(piece[:, 3] - settings["material.far_voice"], 0)
    return pieces


KEYS = (0, 2, 5, 7)


def _material(
    settings: Settings, seed: int
) -> tuple[list[np.ndarray], list[np.ndarray], list[str]]:
    """Training and validation pieces, and the name of the piece that each one is."""
    rng = keyed_rng(seed, "pieces")
    train = _pieces(rng, settings["data.pieces"], settings)
    valid = _pieces(rng, settings["data.valid_pieces"], settings)
    origin = [f"chorale {n}" for n in range(len(train) + len(valid))]
    # Leaked pieces come under another title.
    for name, move in (("material.leak", 0), ("material.leak_transposed", 1)):
        for place in range(round(settings[name] * len(valid))):
            source = place % len(train)
            valid[place] = np.where(train[source] < 128, train[source] + move, train[source])
    return train, valid, origin


def _windows(pieces: Sequence[np.ndarray], starts: Sequence[int], length: int) -> TokenBatch:
    """Frames from each start on as targets; inputs are the frames before them."""
    rows = []
    for piece, start in zip(pieces, starts, strict=True):
        first = np.full((1, 4), START) if start == 0 else piece[start - 1 : start]
        rows.append(np.concatenate([first, piece[start : start + length]]))
    frames = torch.from_numpy(np.stack(rows))
    target = frames[:, 1:].contiguous()
    return TokenBatch(
        frames[:, :-1].contiguous(), target, torch.ones_like(target, dtype=torch.bool)
    )


def _change_channel(tokens: np.ndarray) -> Any:
    def change(batch: TokenBatch, channel: int, rng: np.random.Generator) -> TokenBatch:
        new: Tensor = batch.input.clone()
        drawn = rng.choice(tokens, size=tuple(new.shape[:2]))
        new[:, :, channel] = torch.from_numpy(drawn.astype(np.int64))
        return batch._replace(input=new)

    return change
