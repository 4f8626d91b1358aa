"""The text slice in small: the source's decoder behind one semantic token, on made tunes.

Shape suffixes: B tunes, L tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from partimento.doctor.case import Case, DataFacts, Probe
from partimento.music import amt_tokens as amt
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
    others,
    padded_by,
    pick,
    sample,
    stack,
    swap_inputs,
    unigram_nats,
)
from partimento.tasks.text2midi.source_config import SourceConfig
from partimento.tasks.text2midi.source_model import SourceTransformer
from partimento.training.samplers import keyed_rng

CLUSTERS = 8
HEALTHY: Mapping[str, Any] = {
    **TRAINING,
    **PAPERS,
    "training.optimizer.lr": 6e-3,
    "training.max_steps": 200,
    "model.vocabulary": 512,
    "model.width": 32,
    "model.layers": 2,
    "model.heads": 2,
    "model.feedforward": 64,
    "model.context": 40,
    "model.dropout": 0.0,
    "model.tied": True,
    "loss.label_smoothing": 0.0,
    "data.pieces": 320,
    "data.valid_pieces": 96,
    "data.clusters": CLUSTERS,
    "slip.not_causal": False,
    "slip.pad_counted": "",
    "slip.condition": "",
    "slip.initial_scale": 1.0,
    "slip.logit_scale": 1.0,
    "slip.no_norm": False,
    "slip.blind": False,
    "material.leak": 0.0,
    "material.unknown": 0.0,
    "material.broken_batches": 0,
}
"""``slip`` and ``material`` are mistakes in code and data; no recipe shows them."""

SHOWN = ("training", "model", "loss", "data")
CONDITIONS = ("", "shuffled", "constant", "ignored")
"""Slips of the token in front: drawn at random, always the same, or embedded as nothing."""


class SmallTextToMidi:
    """Implements :class:`partimento.selftest.interface.SmallTask`."""

    name = "text2midi"
    healthy: Mapping[str, Any] = HEALTHY

    def run(self, settings: Mapping[str, Any], seed: int, *, watched: bool = True) -> Case:
        """Train with the settings and tell all that is known; as in the interface."""
        chosen = merged(HEALTHY, settings)
        with torch.random.fork_rng(devices=[]):
            return _Run(chosen, seed).case(watched)

    def figure(self, case: Case) -> float:
        """Share of the unigram's nats per token that is saved on held-out tunes, own prompt."""
        assert case.data is not None
        fresh = [t.tokens for t in _tunes(keyed_rng(case.seed, "figure"), 32, CLUSTERS)]
        train = [r for r, s in zip(case.data.inputs, case.data.split, strict=True) if s == "train"]
        floor = unigram_nats([r[1:] for r in train], [r[1:] for r in fresh], amt.VOCABULARY)
        batches = in_batches(fresh, case.config["model"]["context"], amt.PAD)
        return explained(case, batches, floor)


class _Run:
    """One training and everything around it."""

    def __init__(self, settings: Settings, seed: int) -> None:
        self.settings, self.seed = settings, seed
        if settings["slip.condition"] not in CONDITIONS:
            raise ValueError(f"no slip of the condition is called {settings['slip.condition']!r}")
        self.tokens = Tokens(
            vocabulary=amt.VOCABULARY,
            pad=amt.PAD,
            pad_counted=settings["slip.pad_counted"],
            smoothing=settings["loss.label_smoothing"],
        )
        self.train, self.valid = _material(settings, seed)
        self.config = SourceConfig.model_validate(options(settings, "model"))
        self.model, self.before = self._network(), self._network()

    def _network(self) -> nn.Module:
        torch.manual_seed(self.seed)
        settings, network = self.settings, SourceTransformer(self.config)
        slips.scale_weights(network.decoder, settings["slip.initial_scale"])
        if settings["slip.not_causal"]:
            slips.see_all(network)
        if settings["slip.no_norm"]:
            slips.remove_norms(network)
        if settings["slip.condition"] == "ignored":
            # The tokens are looked up where a later change of the scheme had put padding.
            network.embedding.register_forward_hook(_silence_semantics)
        slips.scale_outputs(network, settings["slip.logit_scale"])
        return network.eval()

    def case(self, watched: bool) -> Case:
        """Train and tell."""
        settings = self.settings
        trained = fit(self._work(), settings, watched=watched)
        rows = [tune.tokens for tune in self.train]
        return replace(
            told(
                SmallTextToMidi.name,
                "tokens",
                settings,
                HEALTHY,
                SHOWN,
                trained,
                self.model,
                "nats per token",
                amt.VOCABULARY,
            ),
            probe=self._probe(self.model, trained.optimizers),
            initial=self._probe(self.before, ()),
            data=self._facts(),
            samples=self._samples(),
            corpus=rows,
            live_tokens=len(live(rows)),
            seed=self.seed,
        )

    def _work(self) -> Work:
        size = self.settings["training.batch_size"]
        held_out = self._held_out()

        def batch(step: int, _length: int) -> TokenBatch:
            rng = keyed_rng(self.seed, "batch", step)
            rows = [self.train[i].tokens for i in rng.integers(0, len(self.train), (size,))]
            drawn = stack(rows, self.config.context, amt.PAD)
            broken = self.settings["material.broken_batches"]
            if broken and step and step % broken == 0:
                noise = torch.from_numpy(rng.integers(1, amt.VOCABULARY, drawn.target.shape))
                drawn = drawn._replace(target=torch.where(drawn.keep, noise, drawn.target))
            return blinded(drawn, rng, amt.PAD) if self.settings["slip.blind"] else drawn

        return Work(
            model=self.model,
            batch=batch,
            loss=self.tokens.loss,
            outputs=logits_of,
            targets=lambda batch: batch.target,
            validate=lambda _length: self.tokens.score(self.model, held_out),
            head="decoder.norm",
            examples=len(self.train),
            full_length=self.config.context,
            classes=_clusters,
        )

    def _held_out(self) -> list[TokenBatch]:
        rows, half = [tune.tokens for tune in self.valid], len(self.valid) // 2
        found = [stack(r, self.config.context, amt.PAD) for r in (rows[:half], rows[half:])]
        if self.settings["slip.blind"]:
            rng = keyed_rng(self.seed, "blind")
            found = [blinded(batch, rng, amt.PAD) for batch in found]
        return found

    def _probe(self, model: nn.Module, optimizers: Sequence[Any]) -> Probe:
        music = live([tune.tokens[1:] for tune in self.train])
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
            change_from=changer(music[music != amt.EOS]),
            swap_condition=swap_condition,
            swap_inputs=swap_inputs,
            part=pick,
            padded=_padded,
            classes=lambda batch: _clusters(batch).numpy(),
            optimizers=optimizers,
            attention_taps=("self_attention",),
        )

    def _facts(self) -> DataFacts:
        everything = [*self.train, *self.valid]
        count, total = len(self.train), len(everything)
        return DataFacts(
            inputs=[tune.tokens for tune in everything],
            split=["train"] * count + ["valid"] * (total - count),
            groups={"piece": [f"tune {number}" for number in range(total)]},
            classes=[f"cluster {tune.tokens[0] - amt.SEMANTIC}" for tune in everything],
            vocabulary=amt.VOCABULARY,
            pitch_tokens=(amt.NOTE, amt.DURATION - 1),
            pad_token=amt.PAD,
            unknown_token=amt.UNK,
            names=[f"tune {number}" for number in range(total)],
        )

    def _samples(self) -> list[np.ndarray]:
        """Tunes from the semantic tokens of held-out ones."""
        starts = torch.from_numpy(np.stack([tune.tokens[:1] for tune in self.valid[:8]]))
        generator = torch.Generator().manual_seed(self.seed)
        heat = self.settings["paper.sampling_temperature"]
        context = self.config.context
        return sample(
            *(self.model, starts, context),
            temperature=heat,
            context=context,
            stop=amt.EOS,
            generator=generator,
        )


def swap_condition(batch: TokenBatch, rng: np.random.Generator) -> TokenBatch:
    """The semantic tokens of other examples, the music as it was."""
    new = batch.input.clone()
    new[:, 0] = new[others(len(new), rng), 0]
    return batch._replace(input=new)


def _clusters(batch: TokenBatch) -> torch.Tensor:
    return batch.input[:, 0] - amt.SEMANTIC


def _padded(batch: TokenBatch, steps: int) -> TokenBatch:
    kept = TokenBatch(*(part[:, : part.shape[1] - steps] for part in batch))
    return padded_by(amt.PAD)(kept, steps)


def _silence_semantics(_: nn.Module, inputs: tuple[torch.Tensor], out: torch.Tensor) -> Any:
    known = (inputs[0] >= amt.SEMANTIC) & (inputs[0] < amt.TIME_ON)
    return out.masked_fill(known[..., None], 0.0)


def _tunes(rng: np.random.Generator, count: int, clusters: int) -> list[made.Tune]:
    styles = rng.permutation(np.arange(count) % clusters)
    return [made.tune(rng, int(style), int(rng.integers(9, 13))) for style in styles]


def _material(settings: Settings, seed: int) -> tuple[list[made.Tune], list[made.Tune]]:
    """Tunes to learn from and to validate."""
    rng = keyed_rng(seed, "tunes")
    train = _tunes(rng, settings["data.pieces"], settings["data.clusters"])
    valid = _tunes(rng, settings["data.valid_pieces"], settings["data.clusters"])
    for place in range(round(settings["material.leak"] * len(valid))):
        valid[place] = train[place % len(train)]
    for tune in [*train, *valid]:
        row = tune.tokens
        if settings["slip.condition"] == "shuffled":
            row[0] = amt.SEMANTIC + int(rng.integers(settings["data.clusters"]))
        elif settings["slip.condition"] == "constant":
            row[0] = amt.SEMANTIC
        if settings["material.unknown"]:
            lost = rng.random(len(row)) < settings["material.unknown"]
            lost[0] = False
            row[lost] = amt.UNK
    return train, valid
