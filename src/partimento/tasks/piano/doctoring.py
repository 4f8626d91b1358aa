"""Piano networks as the doctor's patients.

Shape suffixes: B crops, T positions, H heads, E width of a head, D width of the stream.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.core.checkpoint import read_meta, resolve_weights
from partimento.core.errors import DataError, InputFileError
from partimento.doctor.case import Case, Probe
from partimento.doctor.probe_parts import cycle, evenly, in_batches, mean_over, redrawn, rows_of
from partimento.music.events import EVENTS, PAD, TickNotes
from partimento.nn.attention import causal_mask
from partimento.nn.causal import CausalAttention
from partimento.nn.losses import token_nll
from partimento.nn.skew import naive_relative_logits
from partimento.tasks.piano import strong_data
from partimento.tasks.piano.corpus import choose_split, read_entry
from partimento.tasks.piano.data import Crops, find_collection, framed
from partimento.tasks.piano.event_player import EventPianoModel
from partimento.tasks.piano.loading import load_piano
from partimento.tasks.piano.model import EventTransformer
from partimento.tasks.piano.steps import crop_steps, encode_steps
from partimento.tasks.piano.strong import StepBatch, StrongPiano, step_nats
from partimento.tasks.piano.strong_player import StrongPianoModel

POSITIONS = 128
SPARE = 8
"""Positions of the context that stay free for padding."""
TOGETHER = 8


class StepsAndGaps(NamedTuple):
    """What the strong model reads, and the gaps (B, T) to the next steps."""

    steps: StepBatch
    gap_BT: Tensor


def probe_of(
    weights: str | Path,
    data: str | Path,
    *,
    examples: int = 16,
    split: str | None = None,
    root: str | Path | None = None,
    seed: int = 0,
) -> Case:
    """Weights of the source designs or of the strong model with held-out performances.

    data: a folder of MIDI files, a table, or the name of an installed corpus.  ``split`` None:
    ``validation`` where there is one.

    Raises DataError for other weights and for data without two readable performances.
    """
    player = load_piano(weights)
    meta = read_meta(resolve_weights(weights))
    notes = _performances(str(data), None if root is None else str(root), split, examples)
    rng = np.random.default_rng(seed)
    if isinstance(player, EventPianoModel):
        probe = event_probe(player.network, notes, rng)
    elif isinstance(player, StrongPianoModel):
        probe = strong_probe(player.network, notes, rng)
    else:
        raise DataError(f"{type(player).__name__} is no network of the piano slice")
    return Case(
        name=f"{weights} on {Path(data).name}",
        task="piano",
        kind="tokens",
        config={"model": dict(meta.config)},
        probe=probe,
        seed=seed,
    )


def _performances(data: str, root: str | None, split: str | None, examples: int) -> list[TickNotes]:
    collection, _ = choose_split(find_collection(data, root), split, data)
    entries = [entry for entry in collection.entries if entry.path.is_file()]
    found = []
    for place in evenly(len(entries), examples):
        try:
            found.append(read_entry(entries[place]))
        except InputFileError:  # the data's own doctor lists these
            continue
    if len(found) < 2:
        raise DataError("the doctor needs two performances to swap", where=data)
    return found


# -- the source designs ---------------------------------------------------------------------------


def event_probe(
    network: EventTransformer, notes: Sequence[TickNotes], rng: np.random.Generator
) -> Probe:
    """Crops of the 388 events, one from every performance."""
    length = max(2, min(POSITIONS, network.config.context - SPARE))
    crops = [_event_crop(framed(one), length, rng) for one in notes]
    return Probe(
        model=network,
        batches=in_batches(crops, TOGETHER, _joined),
        outputs=lambda model, batch: model(batch.input_BT),
        targets=lambda batch: batch.target_BT,
        loss=lambda model, batch: _event_losses(model, batch).mean(),
        example_losses=_event_losses,
        unit="nats per token",
        mask=lambda batch: batch.keep_BT,
        steps=length,
        causal=True,
        change_from=_event_change_from,
        swap_inputs=lambda batch, draw: batch._replace(
            input_BT=batch.input_BT[cycle(len(batch.input_BT), draw)]
        ),
        part=rows_of,
        padded=_event_padded,
        attention_taps=("self_attention",),
        naive_relative=relative_twins if network.config.positions == "relative" else None,
    )


def _event_crop(sequence: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    start = int(rng.integers(0, max(1, len(sequence) - length)))
    return sequence[start : start + length + 1].astype(np.int64)


def _joined(crops: Sequence[np.ndarray]) -> Crops:
    longest = max(len(crop) for crop in crops)
    table = np.full((len(crops), longest), PAD, dtype=np.int64)
    for row, crop in enumerate(crops):
        table[row, : len(crop)] = crop
    target = torch.from_numpy(table[:, 1:].copy())
    return Crops(torch.from_numpy(table[:, :-1].copy()), target, target != PAD)


def _event_losses(model: nn.Module, batch: Crops) -> Tensor:
    return mean_over(token_nll(model(batch.input_BT), batch.target_BT), batch.keep_BT)


def _event_change_from(batch: Crops, step: int, rng: np.random.Generator) -> Crops:
    changed = batch.input_BT.clone()
    late = changed[:, step:]
    changed[:, step:] = redrawn(late, np.arange(EVENTS), rng, late == PAD)
    return batch._replace(input_BT=changed)


def _event_padded(batch: Crops, more: int) -> Crops:
    empty = torch.full((len(batch.input_BT), more), PAD)
    return Crops(
        torch.cat([batch.input_BT, empty], 1),
        torch.cat([batch.target_BT, empty], 1),
        torch.cat([batch.keep_BT, torch.zeros_like(empty, dtype=torch.bool)], 1),
    )


def relative_twins(model: nn.Module, batch: Crops) -> tuple[Tensor, Tensor]:
    """What every relative attention gives on a batch, and its plain twin: (L, B, T, D) each.

    The twin has an embedding for every pair of positions (Shaw et al. 2018) and all weights at
    once; the layer's own inputs, weights, scale and temperature are used.

    Raises LookupError for a model without relative attention.
    """
    layers = [
        m for m in model.modules() if isinstance(m, CausalAttention) and m.distances is not None
    ]
    if not layers:
        raise LookupError("the model has no relative attention")
    seen: list[tuple[Any, Tensor, Tensor]] = []
    hooks = [
        layer.register_forward_hook(lambda m, inputs, output: seen.append((m, inputs[0], output)))
        for layer in layers
    ]
    try:
        # One full-length row at a time needs no mask for padding.
        full = batch.keep_BT.all(1).nonzero()[:2, 0]
        model(batch.input_BT[full if len(full) else torch.arange(1)])
    finally:
        for hook in hooks:
            hook.remove()
    fast = torch.stack([output for _, _, output in seen])
    return fast, torch.stack([_plain_attention(layer, x) for layer, x, _ in seen])


def _plain_attention(layer: CausalAttention, x_BTD: Tensor) -> Tensor:
    B, T, D = x_BTD.shape
    assert layer.distances is not None
    q, k, v = layer.qkv(x_BTD).view(B, T, 3, layer.heads, -1).permute(2, 0, 3, 1, 4)
    scores = q @ k.transpose(-1, -2) + naive_relative_logits(q, layer.distances.weight)
    scores = scores * layer.score_scale
    weights = scores.masked_fill(~causal_mask(T, q.device), -torch.inf).softmax(-1)
    found: Tensor = layer.out((weights @ v).transpose(1, 2).reshape(B, T, D))
    return found


# -- the strong model -----------------------------------------------------------------------------


def strong_probe(
    network: StrongPiano, notes: Sequence[TickNotes], rng: np.random.Generator
) -> Probe:
    """Crops of compound steps; outputs are the logits of the time to the next step.

    Key and velocity know the gap of the very step they belong to, so the gap alone is what a
    position says before it has seen anything of the next one.
    """
    length = max(2, min(POSITIONS, network.config.context - SPARE))
    crops = []
    for one in notes:
        steps = encode_steps(one)
        start = int(rng.integers(0, max(1, len(steps) - length)))
        crops.append(crop_steps(steps, start, length))

    def join(some: Sequence[object]) -> StepsAndGaps:
        batch = strong_data.collate(some)  # type: ignore[arg-type]
        return StepsAndGaps(batch, batch.gap[:, 1:])

    return Probe(
        model=network,
        batches=in_batches(crops, TOGETHER, join),
        outputs=_gap_logits,
        targets=lambda batch: batch.gap_BT,
        loss=_strong_loss,
        example_losses=lambda model, batch: mean_over(
            token_nll(_gap_logits(model, batch), batch.gap_BT), batch.steps.valid
        ),
        unit="nats per step (its time)",
        mask=lambda batch: batch.steps.valid,
        steps=length,
        causal=True,
        change_from=_strong_change_from,
        swap_inputs=lambda batch, draw: batch._replace(
            steps=_inputs_of(batch.steps, cycle(len(batch.gap_BT), draw), 0)
        ),
        part=rows_of,
        padded=_strong_padded,
        attention_taps=("self_attention",),
    )


def _gap_logits(model: nn.Module, batch: StepsAndGaps) -> Tensor:
    assert isinstance(model, StrongPiano)
    return model.gap_logits(model.hidden(batch.steps), batch.steps)


def _strong_loss(model: nn.Module, batch: StepsAndGaps) -> Tensor:
    assert isinstance(model, StrongPiano)
    parts = torch.stack(step_nats(model, batch.steps))
    return parts.sum() / batch.steps.valid.sum().clamp_min(1)


def _inputs_of(steps: StepBatch, rows: Tensor, start: int) -> StepBatch:
    """The inputs of other crops from position ``start`` on; validity stays."""
    T = steps.valid.shape[1]
    new = {}
    for field in fields(steps):
        values = getattr(steps, field.name)
        if field.name != "valid":
            values = values.clone()
            values[:, start:T] = values[rows, start:T]
        new[field.name] = values
    return StepBatch(**new)


def _strong_change_from(batch: StepsAndGaps, step: int, rng: np.random.Generator) -> StepsAndGaps:
    return batch._replace(steps=_inputs_of(batch.steps, cycle(len(batch.gap_BT), rng), step))


def _strong_padded(batch: StepsAndGaps, more: int) -> StepsAndGaps:
    def longer(values: Tensor) -> Tensor:
        return torch.cat([values, values[:, -1:].expand(-1, more, *values.shape[2:])], 1)

    steps = batch.steps
    grown = StepBatch(**{f.name: longer(getattr(steps, f.name)) for f in fields(steps)})
    valid = torch.cat([steps.valid, steps.valid.new_zeros(len(steps.valid), more)], 1)
    return StepsAndGaps(replace(grown, valid=valid), longer(batch.gap_BT))
