"""Text-to-music networks as the doctor's patients.

Shape suffixes: B pieces, T steps or tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.core.checkpoint import read_meta, resolve_weights
from partimento.core.errors import DataError
from partimento.doctor.case import Case, Probe
from partimento.doctor.probe_parts import cycle, evenly, in_batches, mean_over, redrawn, rows_of
from partimento.music.amt_tokens import EOS, PAD, TIME_ON
from partimento.nn.losses import token_nll
from partimento.tasks.text2midi import source_data, strong_data
from partimento.tasks.text2midi.corpus import Excerpt, excerpts, read_corpus
from partimento.tasks.text2midi.interface import Conditions
from partimento.tasks.text2midi.loading import load_text_model
from partimento.tasks.text2midi.source_compose import SourceModel
from partimento.tasks.text2midi.source_data import HEAD, SourceBatch, SourcePiece
from partimento.tasks.text2midi.source_report import held_out
from partimento.tasks.text2midi.strong import StepBatch, StrongText, allowed_places, step_nats
from partimento.tasks.text2midi.strong_player import StrongTextModel
from partimento.tasks.text2midi.strong_task import piece_nats

POSITIONS = 192
SPARE = 8
"""Positions of the context that stay free for padding."""
TOGETHER = 8
BARS = 8
CLOSED = -30.0
"""Logit of a place where the next step cannot be."""


class StepsAndPlaces(NamedTuple):
    """What the strong model reads, and the places (B, T) of the next steps."""

    steps: StepBatch
    place_BT: Tensor


def probe_of(
    weights: str | Path,
    data: str | Path,
    *,
    examples: int = 32,
    seed: int = 0,
) -> Case:
    """Weights of the source or the strong design with held-out pieces.

    data: a folder or archive of tunes or of Mutopia, or (source design) training examples.

    Raises DataError for other weights, and for data without two held-out pieces.
    """
    model = load_text_model(weights)
    meta = read_meta(resolve_weights(weights))
    if isinstance(model, SourceModel):
        pieces = held_out(model, data)
        probe = source_probe(model, [pieces[i] for i in evenly(len(pieces), examples)])
    elif isinstance(model, StrongTextModel):
        probe = strong_probe(model.network, _excerpts(data, examples))
    else:
        raise DataError(f"{type(model).__name__} is no network of the text2midi slice")
    return Case(
        name=f"{weights} on {Path(data).name}",
        task="text2midi",
        kind="tokens",
        config={"model": dict(meta.config)},
        probe=probe,
        seed=seed,
    )


def _excerpts(data: str | Path, examples: int) -> list[Excerpt]:
    held = [found[0] for p in read_corpus(data, "valid") if (found := excerpts(p, BARS))]
    if len(held) < 2:
        raise DataError("the doctor needs two pieces to swap", where=str(data))
    return [held[i] for i in evenly(len(held), examples)]


# -- the source design ----------------------------------------------------------------------------


def source_probe(model: SourceModel, pieces: Sequence[SourcePiece]) -> Probe:
    """The first window of every piece; the conditioning is its semantic token.

    Raises DataError for fewer than two pieces.
    """
    if len(pieces) < 2:
        raise DataError("the doctor needs two pieces to swap")
    length = max(HEAD + 2, min(POSITIONS, model.context - SPARE))
    rows = [source_data.framed(p.events, p.semantic)[: length + 1] for p in pieces]
    rows.sort(key=len)  # long and short apart: less padding
    return Probe(
        model=model.network,
        batches=in_batches(rows, TOGETHER, source_data.collate),
        outputs=lambda network, batch: network(batch.input_BL),
        targets=lambda batch: batch.target_BL,
        loss=lambda network, batch: _source_losses(network, batch).mean(),
        example_losses=_source_losses,
        unit="nats per token",
        mask=lambda batch: batch.keep_BL,
        steps=length,
        causal=True,
        change_from=_source_change_from,
        swap_condition=_source_swap_condition,
        swap_inputs=lambda batch, rng: batch._replace(
            input_BL=batch.input_BL[cycle(len(batch.input_BL), rng)]
        ),
        part=rows_of,
        padded=_source_padded,
        attention_taps=("self_attention",),
    )


def _source_losses(network: nn.Module, batch: SourceBatch) -> Tensor:
    return mean_over(token_nll(network(batch.input_BL), batch.target_BL), batch.keep_BL)


def _source_change_from(batch: SourceBatch, step: int, rng: np.random.Generator) -> SourceBatch:
    changed = batch.input_BL.clone()
    live = np.unique(changed[changed >= TIME_ON].numpy())
    late = changed[:, step:]
    changed[:, step:] = redrawn(late, live, rng, (late == PAD) | (late == EOS))
    return batch._replace(input_BL=changed)


def _source_swap_condition(batch: SourceBatch, rng: np.random.Generator) -> SourceBatch:
    changed = batch.input_BL.clone()
    changed[:, HEAD - 1] = changed[cycle(len(changed), rng), HEAD - 1]
    return batch._replace(input_BL=changed)


def _source_padded(batch: SourceBatch, more: int) -> SourceBatch:
    empty = torch.full((len(batch.input_BL), more), PAD)
    return SourceBatch(
        torch.cat([batch.input_BL, empty], 1),
        torch.cat([batch.target_BL, empty], 1),
        torch.cat([batch.keep_BL, torch.zeros_like(empty, dtype=torch.bool)], 1),
    )


# -- the strong model -----------------------------------------------------------------------------


def strong_probe(network: StrongText, chosen: Sequence[Excerpt]) -> Probe:
    """Excerpts under the prefix measured on them, which is the conditioning.

    Outputs are the logits of the next step's place: the first part of a step, which knows nothing
    of the step itself.  Losses of examples are those of all parts.
    """
    rows = []
    for excerpt in chosen:
        attributes = strong_data.described(excerpt, excerpt.music)
        told = Conditions(attributes, (), excerpt.opens, excerpt.closes)
        rows.append(strong_data.example(excerpt.music, told))
    rows.sort(key=lambda one: len(one.steps))

    def join(some: Sequence[strong_data.Example]) -> StepsAndPlaces:
        batch = strong_data.collate(some)
        return StepsAndPlaces(batch, batch.target[..., 0])

    return Probe(
        model=network,
        batches=in_batches(rows, TOGETHER, join),
        outputs=_place_logits,
        targets=lambda batch: batch.place_BT,
        loss=_strong_loss,
        example_losses=_strong_losses,
        unit="nats per step",
        mask=lambda batch: batch.steps.valid,
        steps=max(len(one.steps) for one in rows),
        causal=True,
        change_from=_strong_change_from,
        swap_condition=_strong_swap_condition,
        part=rows_of,
        padded=_strong_padded,
        attention_taps=("self_attention",),
    )


def _place_logits(network: nn.Module, batch: StepsAndPlaces) -> Tensor:
    assert isinstance(network, StrongText)
    h = network.hidden(batch.steps)[:, 1:]
    logits = network.place_logits(h, batch.steps.recalled_place)
    return logits.masked_fill(~allowed_places(batch.steps), CLOSED)


def _strong_losses(network: nn.Module, batch: StepsAndPlaces) -> Tensor:
    assert isinstance(network, StrongText)
    return piece_nats(step_nats(network, batch.steps)) / batch.steps.valid.sum(1).clamp_min(1)


def _strong_loss(network: nn.Module, batch: StepsAndPlaces) -> Tensor:
    return _strong_losses(network, batch).mean()


_READ = ("inputs", "age", "recent", "recalled_place", "recalled_pitch", "recalled_duration")


def _strong_change_from(
    batch: StepsAndPlaces, step: int, rng: np.random.Generator
) -> StepsAndPlaces:
    rows, new = cycle(len(batch.place_BT), rng), {}
    for name in _READ:
        values = getattr(batch.steps, name).clone()
        values[:, step:] = values[rows, step:]
        new[name] = values
    return batch._replace(steps=replace(batch.steps, **new))


def _strong_swap_condition(batch: StepsAndPlaces, rng: np.random.Generator) -> StepsAndPlaces:
    rows, steps = cycle(len(batch.place_BT), rng), batch.steps
    told = {"prefix": steps.prefix[rows], "tonic": steps.tonic[rows]}
    return batch._replace(steps=replace(steps, **told))


def _strong_padded(batch: StepsAndPlaces, more: int) -> StepsAndPlaces:
    steps, new = batch.steps, {}
    length = steps.valid.shape[1]
    for field in fields(steps):
        values = getattr(steps, field.name)
        if values.ndim > 1 and values.shape[1] == length and field.name != "prefix":
            end = values[:, -1:].expand(-1, more, *values.shape[2:])
            values = torch.cat([values, torch.zeros_like(end) if field.name == "valid" else end], 1)
        new[field.name] = values
    end = batch.place_BT[:, -1:].expand(-1, more)
    return StepsAndPlaces(StepBatch(**new), torch.cat([batch.place_BT, end], 1))
