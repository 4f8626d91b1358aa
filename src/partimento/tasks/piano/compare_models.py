"""What piano models cost: parameters, training step, decoding speed and memory, side by side.

Everything is measured in one run, in rounds in which every model has its turn, so that the ratios
hold although the machine does other things too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.music.events import TickNotes, disjoint
from partimento.tasks.piano.config import PRESETS

if TYPE_CHECKING:
    from torch import Tensor, nn

    from partimento.nn.decoder import Decoder

DEFAULT_MODELS = ("original", "enhanced")
STEPS_TIMED = 32
SHORT = 64
"""Positions behind the first of the steps that are timed at short context."""
FIGURES = (
    "parameters",
    "weight_bytes",
    "training_step_seconds",
    "activation_bytes",
    "training_bytes",
    "tokens_per_second_short",
    "tokens_per_second_full",
    "cache_bytes",
)


@dataclass(frozen=True)
class Candidate:
    """A network, its backbone, the head that is read at every step, and the loss of one batch."""

    name: str
    network: nn.Module
    decoder: Decoder
    head: nn.Linear
    loss: Callable[[], Tensor]
    file_bytes: int | None

    @property
    def parameters(self) -> int:
        """Numbers that are learnt."""
        return sum(p.numel() for p in self.network.parameters())


def compare_models(
    names: Sequence[str] = DEFAULT_MODELS,
    *,
    batch: int = 1,
    length: int = 256,
    rounds: int = 3,
    precision: str = "fp32",
    seed: int = 0,
) -> dict[str, Any]:
    """Figures of each model, and their ratios to those of the first.

    ``names`` are ``original``, ``enhanced``, shipped weights or checkpoints.  A training step is
    forward, backward and AdamW in fp32 on ``batch`` crops of ``length`` positions; its memory is
    what is kept for the backward pass, and with it weights, gradients and two moments.  Decoding
    is that of one piece with a cache, backbone and output layer, weights in ``precision``, at
    position 64 and at the end of the context.  One thread does all of it.

    Raises ConfigError for fewer than two models, numbers out of range and crops longer than a
    context, and what :func:`partimento.tasks.piano.loading.load_piano` raises.
    """
    _check(names, batch, length, rounds, precision)
    from partimento.nn.threads import one_thread
    from partimento.tasks.piano.bench.timing import machine

    rng = np.random.default_rng(seed)
    candidates = [candidate(name, batch, length, rng) for name in dict.fromkeys(names)]
    with one_thread():
        models, ratios = _measure(candidates, rounds, precision)
    setting = {"batch": batch, "length": length, "rounds": rounds, "precision": precision}
    first = candidates[0].name
    return {"models": models, "ratios": ratios, "first": first, **setting, "machine": machine()}


def _measure(
    candidates: Sequence[Candidate], rounds: int, precision: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of every model, and ratios to the first of all others."""
    from partimento.tasks.piano.bench.timing import Job, interleaved

    models = {one.name: _sizes(one) for one in candidates}
    training = interleaved({one.name: _training_job(one) for one in candidates}, rounds)
    jobs: dict[str, Job | str] = {}
    for one in candidates:
        short, full, models[one.name]["cache_bytes"] = _decoding_jobs(one, precision)
        jobs |= {f"{one.name} short": short, f"{one.name} full": full}
    decoding = interleaved(jobs, rounds)
    for name, figures in models.items():
        figures["training_step_seconds"] = training.median(name)
        for place in ("short", "full"):
            figures[f"tokens_per_second_{place}"] = decoding.rate(f"{name} {place}")
    first, *others = models
    ratios: dict[str, dict[str, float | None]] = {}
    for name in others:
        ratio = ratios[name] = {f: models[name][f] / models[first][f] for f in FIGURES}
        # Of times the ratio within each round counts.
        ratio["training_step_seconds"] = training.faster(first, name)
        for place in ("short", "full"):
            faster = decoding.faster(f"{name} {place}", f"{first} {place}")
            ratio[f"tokens_per_second_{place}"] = faster
    return models, ratios


def _sizes(one: Candidate) -> dict[str, Any]:
    """What can be counted without a clock."""
    activations = activation_bytes(one)
    return {
        "parameters": one.parameters,
        "weight_bytes": 4 * one.parameters,
        "file_bytes": one.file_bytes,
        "context": one.decoder.max_length,
        "activation_bytes": activations,
        "training_bytes": 16 * one.parameters + activations,
    }


def _check(names: Sequence[str], batch: int, length: int, rounds: int, precision: str) -> None:
    if len(dict.fromkeys(names)) < 2:
        raise ConfigError("it takes two models to compare", fix="Name another, such as enhanced")
    limits = {"batch": (batch, 1, 64), "length": (length, 2, 8192), "rounds": (rounds, 1, 100)}
    for what, (value, low, high) in limits.items():
        if not low <= value <= high:
            raise ConfigError(f"{what} {value} is not possible", fix=f"Use {low} to {high}")
    if precision not in ("fp32", "bf16", "int8"):
        raise ConfigError(f"unknown precision {precision!r}", fix="Use fp32, bf16 or int8")


# -- the models -----------------------------------------------------------------------------------


def candidate(name: str, batch: int, length: int, rng: np.random.Generator) -> Candidate:
    """A preset with fresh weights, or a shipped or own checkpoint of any kind of piano model.

    Raises ConfigError when a crop of ``length`` is longer than its context.
    """
    import torch

    from partimento.core.checkpoint import resolve_weights
    from partimento.tasks.piano.event_player import EventPianoModel
    from partimento.tasks.piano.loading import load_piano
    from partimento.tasks.piano.model import EventTransformer

    size: int | None = None
    if name in PRESETS:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))
            network: Any = EventTransformer(PRESETS[name])
        model: Any = EventPianoModel(network)
    else:
        model = load_piano(name)
        network = model.network
        size = Path(resolve_weights(name)).stat().st_size
    if length > model.context:
        raise ConfigError(
            f"{name} sees {model.context} positions at once",
            where=f"--length {length}",
            fix=f"Use at most {model.context}",
        )
    if isinstance(network, EventTransformer):
        loss, head = _event_loss(network, batch, length, rng), network.out
    else:
        loss, head = _step_loss(network, batch, length, rng), network.key_out
    return Candidate(name, network, network.decoder, head, loss, size)


def _event_loss(
    network: Any, batch: int, length: int, rng: np.random.Generator
) -> Callable[[], Tensor]:
    import torch

    from partimento.music.events import EVENTS
    from partimento.nn.losses import token_nll

    tokens = torch.from_numpy(rng.integers(0, EVENTS, (batch, length + 1)))
    return lambda: token_nll(network(tokens[:, :-1]), tokens[:, 1:]).mean()


def _step_loss(
    network: Any, batch: int, length: int, rng: np.random.Generator
) -> Callable[[], Tensor]:
    from partimento.tasks.piano.steps import crop_steps, encode_steps
    from partimento.tasks.piano.strong import step_nats
    from partimento.tasks.piano.strong_data import collate

    pieces = [encode_steps(_random_notes(length, rng)) for _ in range(batch)]
    crops = collate([crop_steps(steps, 0, length) for steps in pieces])
    return lambda: sum(part.mean() for part in step_nats(network, crops))  # type: ignore[return-value]


def _random_notes(count: int, rng: np.random.Generator) -> TickNotes:
    """Notes of the density of dense piano music."""
    onset = np.sort(rng.integers(0, 10 * count, count))
    length, pitch = rng.integers(5, 100, count), rng.integers(21, 109, count)
    return disjoint(onset, onset + length, pitch, rng.integers(0, 32, count))


# -- what is measured -----------------------------------------------------------------------------


def activation_bytes(one: Candidate) -> int:
    """Bytes that a forward pass in training keeps for the backward pass, weights not counted."""
    from torch.autograd.graph import saved_tensors_hooks

    own = {p.untyped_storage().data_ptr() for p in one.network.parameters()}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
            alive.append(tensor)  # so that no storage takes the place of another
        return tensor

    one.network.train()
    with saved_tensors_hooks(note, lambda tensor: tensor):
        one.loss()
    one.network.eval()
    return sum(kept.values())


def _training_job(one: Candidate) -> Callable[[], float]:
    """Seconds of one training step; a learning rate of zero leaves the weights as they are."""
    import torch

    from partimento.tasks.piano.bench.timing import seconds_each

    optimiser = torch.optim.AdamW(one.network.parameters(), lr=0.0, weight_decay=0.0)

    def step() -> None:
        one.loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()

    def job() -> float:
        one.network.train()
        seconds = seconds_each(step, 1)
        one.network.eval()
        return seconds

    return job


def _decoding_jobs(
    one: Candidate, precision: Any
) -> tuple[Callable[[], float], Callable[[], float], int]:
    """Seconds of a step at short and at full context, and the bytes of keys and values there."""
    import torch

    from partimento.nn.decoding import StaticDecoder
    from partimento.tasks.piano.bench.timing import seconds_each

    static = StaticDecoder(one.decoder, 1, None, precision)
    head = static.linear(one.head)
    width, end = static.plan.width, static.capacity - STEPS_TIMED
    generator = torch.Generator().manual_seed(0)
    x_1TD = torch.randn(1, end, width, generator=generator)
    cached = 2 * len(static.plan.layers) * width * static.capacity * static.cache_bytes

    def steps() -> None:
        for t in range(STEPS_TIMED):
            head(static.step(x_1TD[:, t])).argmax(-1)

    def at(position: int) -> Callable[[], float]:
        def job() -> float:
            if static.position < position:
                static.reset()
                static.prefill(x_1TD[:, :position])
            static.rewind(position)
            return seconds_each(steps, STEPS_TIMED)

        return job

    return at(min(SHORT, end)), at(end), cached


def comparison_rows(report: dict[str, Any]) -> list[dict[str, str]]:
    """The figures as rows of text: a column for each model and for each ratio to the first."""
    first, names = report["first"], list(report["models"])
    rows = []
    for figure in FIGURES:
        row = {"figure": figure.replace("_", " ").replace("bytes", "MB")}
        for name in names:
            value = report["models"][name][figure]
            row[name] = _text(figure, value)
        for name in names[1:]:
            row[f"{name} / {first}"] = f"{report['ratios'][name][figure]:.2f}"
        rows.append(row)
    return rows


def _text(figure: str, value: float | int) -> str:
    if figure.endswith("bytes"):
        return f"{value / 1e6:.1f}"
    return f"{value:,}" if figure == "parameters" else f"{value:.4g}"
