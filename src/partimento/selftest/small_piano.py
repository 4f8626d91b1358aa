"""The piano slice in small: the event transformer with relative attention on made performances.

Shape suffixes: B crops, L events, V 391 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, DataFacts, Probe
from partimento.music.events import EOS, PAD, SHIFT, VOCABULARY
from partimento.nn.causal import CausalAttention
from partimento.nn.skew import naive_relative_logits
from partimento.selftest import made, slips
from partimento.selftest.loop import TRAINING, Settings, Work, fit, merged, options
from partimento.selftest.papers import PAPERS, told
from partimento.selftest.tokens import (
    TokenBatch,
    Tokens,
    blinded,
    changer,
    example_losses,
    explained,
    in_batches,
    live,
    logits_of,
    padded_by,
    pick,
    sample,
    stack,
    swap_inputs,
    unigram_nats,
)
from partimento.tasks.piano.config import EventModelConfig
from partimento.tasks.piano.model import EventTransformer
from partimento.training.samplers import keyed_rng

HEALTHY: Mapping[str, Any] = {
    **TRAINING,
    **PAPERS,
    "training.optimizer.lr": 1e-2,
    "training.max_steps": 200,
    "model.width": 32,
    "model.layers": 2,
    "model.heads": 2,
    "model.feedforward": 64,
    "model.context": 56,
    "model.positions": "relative",
    "model.norm": "pre",
    "model.norm_kind": "layer",
    "model.activation": "relu",
    "model.embedding_dropout": 0.0,
    "model.layer_dropout": 0.0,
    "model.output_dropout": 0.0,
    "model.attention_temperature": 1.0,
    "loss.label_smoothing": 0.0,
    "data.pieces": 160,
    "data.valid_pieces": 32,
    "slip.not_causal": False,
    "slip.skew": "",
    "slip.pad_counted": "",
    "slip.initial_scale": 1.0,
    "slip.head_scale": 1.0,
    "slip.logit_scale": 1.0,
    "slip.dead_bias": 0.0,
    "slip.no_norm": False,
    "slip.shift": 1,
    "slip.blind": False,
    "material.leak": 0.0,
    "material.dropped": 0,
    "material.random": 0.0,
    "material.broken_batches": 0,
}
"""``slip`` and ``material`` are mistakes in code and data; no recipe shows them."""

SHOWN = ("training", "model", "loss", "data")


class SmallPiano:
    """Implements :class:`partimento.selftest.interface.SmallTask`."""

    name = "piano"
    healthy: Mapping[str, Any] = HEALTHY

    def run(self, settings: Mapping[str, Any], seed: int, *, watched: bool = True) -> Case:
        """Train with the settings and tell all that is known; as in the interface."""
        chosen = merged(HEALTHY, settings)
        with torch.random.fork_rng(devices=[]):
            return _Run(chosen, seed).case(watched)

    def figure(self, case: Case) -> float:
        """Share of the unigram's nats per token that is saved on held-out pieces."""
        assert case.data is not None
        fresh = _pieces(keyed_rng(case.seed, "figure"), 32)
        train = [r for r, s in zip(case.data.inputs, case.data.split, strict=True) if s == "train"]
        length = case.config["model"]["context"]
        floor = unigram_nats([r[1:] for r in train], [r[1 : length + 1] for r in fresh], VOCABULARY)
        return explained(case, in_batches(fresh, length, PAD), floor)


class _Run:
    """One training and everything around it."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        self.tokens = Tokens(
            vocabulary=VOCABULARY,
            pad=PAD,
            pad_counted=settings["slip.pad_counted"],
            smoothing=settings["loss.label_smoothing"],
        )
        self.train, self.valid = _material(settings, seed)
        self.config = EventModelConfig.model_validate(options(settings, "model"))
        self.model, self.before = self._network(), self._network()

    def _network(self) -> nn.Module:
        torch.manual_seed(self.seed)
        settings, network = self.settings, EventTransformer(self.config)
        slips.scale_weights(network.decoder, settings["slip.initial_scale"])
        slips.scale_head(network.out, settings["slip.head_scale"])
        slips.shift_biases(network, settings["slip.dead_bias"], "feedforward.up.bias")
        if settings["slip.not_causal"]:
            slips.see_all(network)
        if settings["slip.skew"]:
            {"turned": slips.skew_wrongly, "none": slips.forget_skew}[settings["slip.skew"]](
                network
            )
        if settings["slip.no_norm"]:
            slips.remove_norms(network)
        slips.scale_outputs(network, settings["slip.logit_scale"])
        return network.eval()

    def case(self, watched: bool) -> Case:
        """Train and tell."""
        settings = self.settings
        trained = fit(self._work(), settings, watched=watched)
        return replace(
            told(
                SmallPiano.name,
                "tokens",
                settings,
                HEALTHY,
                SHOWN,
                trained,
                self.model,
                "nats per token",
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

    def _stack(self, rows: Sequence[np.ndarray]) -> TokenBatch:
        """Inputs and targets; a wrong shift asks for another token than the next."""
        shift, length = self.settings["slip.shift"], self.config.context
        batch = stack(rows, length, PAD)
        if shift == 1:
            return batch
        ahead = stack([row[shift:] for row in rows], length, PAD)
        return TokenBatch(batch.input, ahead.input, ahead.input != PAD)

    def _work(self) -> Work:
        size = self.settings["training.batch_size"]
        held_out = self._held_out()

        def batch(step: int, _length: int) -> TokenBatch:
            rng = keyed_rng(self.seed, "batch", step)
            rows = [self.train[i] for i in rng.integers(0, len(self.train), (size,))]
            drawn = self._stack(rows)
            broken = self.settings["material.broken_batches"]
            if broken and step and step % broken == 0:
                noise = torch.from_numpy(rng.integers(0, PAD, drawn.target.shape))
                drawn = drawn._replace(target=torch.where(drawn.keep, noise, drawn.target))
            return blinded(drawn, rng, PAD) if self.settings["slip.blind"] else drawn

        def validate(_length: int) -> dict[str, float]:
            found = self.tokens.score(self.model, held_out)
            notes = sum(float(((b.target < 128) & b.keep).sum()) for b in held_out)
            tokens = sum(float(self.tokens.counted(b).sum()) for b in held_out)
            return {**found, "valid_nats_per_note": found["loss"] * tokens / max(notes, 1.0)}

        return Work(
            model=self.model,
            batch=batch,
            loss=self.tokens.loss,
            outputs=logits_of,
            targets=lambda batch: batch.target,
            validate=validate,
            head="out",
            examples=len(self.train),
            full_length=self.config.context,
        )

    def _held_out(self) -> list[TokenBatch]:
        half = len(self.valid) // 2
        found = [self._stack(self.valid[:half]), self._stack(self.valid[half:])]
        if self.settings["slip.blind"]:
            rng = keyed_rng(self.seed, "blind")
            found = [blinded(batch, rng, PAD) for batch in found]
        return found

    def _probe(self, model: nn.Module, optimizers: Sequence[Any]) -> Probe:
        # Padding and the past stay what they are when the future is drawn anew.
        music = live(self.train)
        return Probe(
            model=model,
            batches=self._held_out(),
            outputs=logits_of,
            targets=lambda batch: batch.target,
            loss=self.tokens.loss,
            example_losses=example_losses,
            unit="nats per token",
            mask=lambda batch: batch.keep,
            steps=self.config.context,
            causal=True,
            change_from=changer(music[music < PAD]),
            swap_inputs=swap_inputs,
            part=pick,
            padded=_padded,
            optimizers=optimizers,
            attention_taps=("self_attention",),
            naive_relative=naive_twin if self.config.positions == "relative" else None,
        )

    def _facts(self) -> DataFacts:
        count, total = len(self.train), len(self.train) + len(self.valid)
        return DataFacts(
            inputs=[*self.train, *self.valid],
            split=["train"] * count + ["valid"] * (total - count),
            groups={"piece": [f"work {number}" for number in range(total)]},
            vocabulary=VOCABULARY,
            pitch_tokens=(0, 127),
            pad_token=PAD,
            dropped=self.settings["material.dropped"],
            names=[f"performance {number}" for number in range(total)],
        )

    def _samples(self) -> list[np.ndarray]:
        """Continuations of the first note of held-out pieces."""
        starts = torch.from_numpy(np.stack([row[:5] for row in self.valid[:8]]))
        generator = torch.Generator().manual_seed(self.seed)
        heat = self.settings["paper.sampling_temperature"]
        context = self.config.context
        return sample(
            *(self.model, starts, context),
            temperature=heat,
            context=context,
            stop=EOS,
            generator=generator,
        )


def _padded(batch: TokenBatch, steps: int) -> TokenBatch:
    """Room for more padding is made by cutting the end off; the first steps stay."""
    kept = TokenBatch(*(part[:, : part.shape[1] - steps] for part in batch))
    return padded_by(PAD)(kept, steps)


def naive_twin(model: nn.Module, batch: TokenBatch) -> tuple[Tensor, Tensor]:
    """What the first attention of the model gives for a batch, and its slow twin: (B, L, D) each.

    The twin has the same weights, one embedding for every pair of query and key, and plain loops of
    products otherwise (Shaw et al. 2018).
    """
    layer = next(m for m in model.modules() if isinstance(m, CausalAttention))
    seen: list[tuple[Tensor, Tensor]] = []
    hook = layer.register_forward_hook(lambda _, inputs, output: seen.append((inputs[0], output)))
    try:
        with torch.no_grad():
            model(batch.input)
    finally:
        hook.remove()
    x_BTD, given_BTD = seen[0]
    assert layer.distances is not None
    B, T, D = x_BTD.shape
    with torch.no_grad():
        q, k, v = layer.qkv(x_BTD).view(B, T, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) + naive_relative_logits(q, layer.distances.weight)
        hidden = torch.ones(T, T, dtype=torch.bool).triu(1)
        weights = (scores * layer.score_scale).masked_fill(hidden, -torch.inf).softmax(-1)
        slow = layer.out((weights @ v).transpose(1, 2).reshape(B, T, D))
    return given_BTD, slow


def _pieces(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    return [made.performance(rng, int(rng.integers(3, 6))) for _ in range(count)]


def _material(settings: Settings, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Performances to learn from and to validate."""
    rng = keyed_rng(seed, "performances")
    train = _pieces(rng, settings["data.pieces"])
    valid = _pieces(rng, settings["data.valid_pieces"])
    for place in range(round(settings["material.leak"] * len(valid))):
        valid[place] = train[place % len(train)].copy()
    if settings["material.random"]:
        for row in train:
            wrong = rng.random(len(row)) < settings["material.random"]
            row[wrong] = rng.integers(0, SHIFT, int(wrong.sum()))
    return train, valid
