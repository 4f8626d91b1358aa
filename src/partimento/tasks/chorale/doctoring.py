"""Chorale networks as the doctor's patients.

Shape suffixes: B pieces or windows, T frames, C four channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.core.checkpoint import read_meta, resolve_weights
from partimento.core.errors import DataError
from partimento.doctor.case import Case, Probe
from partimento.doctor.probe_parts import cycle, evenly, in_batches, mean_over, redrawn, rows_of
from partimento.music.corpora import CORPORA, corpus_path
from partimento.music.grid import canonical_splits, read_json
from partimento.nn.losses import token_nll
from partimento.tasks.chorale.api import SILENCE, tokens_of
from partimento.tasks.chorale.data import Windows, cut_windows
from partimento.tasks.chorale.ensemble import ChoraleEnsemble
from partimento.tasks.chorale.frames import PITCHES, FrameBatch
from partimento.tasks.chorale.model import HarmonicNetwork
from partimento.tasks.chorale.networks import load_network
from partimento.tasks.chorale.pieces import NOTHING_KNOWN, Piece, collate
from partimento.tasks.chorale.strong import ChoraleTransformer, masked_nll

FRAMES = 40
SPARE = 8
"""Frames of the window of the source network that stay free for padding."""
TOGETHER = 8
UNIT = "nats per note"


class FramesAndTruth(NamedTuple):
    """What the strong model reads, and what it should say: tokens (B, T, C)."""

    frames: FrameBatch
    truth_BTC: Tensor


def probe_of(
    weights: str | Path,
    data: str | Path,
    *,
    examples: int = 16,
    split: str | None = None,
    seed: int = 0,
) -> Case:
    """Weights of the source or the strong design with held-out pieces.

    data: what ``doctor data chorale`` takes.  Of an ensemble the first member is examined.
    ``split`` None: ``valid`` where there is one.

    Raises InputFileError for other weights, DataError for data without two pieces.
    """
    network = load_network(weights)
    meta = read_meta(resolve_weights(weights))
    grids = _grids(Path(data), split, examples)
    rng = np.random.default_rng(seed)
    if isinstance(network, HarmonicNetwork):
        probe = source_probe(network, grids, rng)
    elif isinstance(network, ChoraleTransformer | ChoraleEnsemble):
        # The members of an ensemble are of one design; the first one draws the notes.
        one = network.lead if isinstance(network, ChoraleEnsemble) else network
        probe = strong_probe(one, grids, rng)
    else:
        raise DataError(f"{type(network).__name__} is no network of the chorale slice")
    return Case(
        name=f"{weights} on {Path(data).name}",
        task="chorale",
        kind="tokens",
        config={"model": dict(meta.config)},
        probe=probe,
        seed=seed,
    )


def _file(data: Path) -> Path:
    """The canonical file that is meant.  Raises DataError for a folder with several or none."""
    if not data.exists() and str(data) in CORPORA:
        return corpus_path(str(data))
    files = sorted(data.glob("*.json")) if data.is_dir() else [data]
    if len(files) != 1:
        raise DataError(
            f"there are {len(files)} JSON files in this folder",
            where=str(data),
            fix="Give the file itself, in the canonical form {part: [pieces]}",
        )
    return files[0]


def _grids(data: Path, split: str | None, examples: int) -> list[np.ndarray]:
    file = _file(data)
    parts = canonical_splits(read_json(file), str(file))
    chosen = split or ("valid" if "valid" in parts else next(iter(parts)))
    if chosen not in parts:
        raise DataError(
            f"there is no split {chosen!r} (it has: {', '.join(parts)})", where=str(data)
        )
    usable = [grid for grid in parts[chosen] if len(grid) > 1]
    if len(usable) < 2:
        raise DataError("the doctor needs two pieces to swap", where=str(data))
    return [usable[i] for i in evenly(len(usable), examples)]


# -- the source network ---------------------------------------------------------------------------


def source_probe(
    network: HarmonicNetwork, grids: Sequence[np.ndarray], rng: np.random.Generator
) -> Probe:
    """Windows of the four-channel network, one from every piece."""
    tokens = [tokens_of(grid) for grid in grids]
    length = max(2, min(FRAMES, network.context - SPARE))
    starts = [int(rng.integers(0, max(1, len(piece) - length + 1))) for piece in tokens]
    rows = list(enumerate(starts))
    batches = in_batches(rows, TOGETHER, lambda some: cut_windows(tokens, np.asarray(some), length))
    live = np.unique(np.concatenate([piece.ravel() for piece in tokens]))
    taps = ["self_attention"]
    if network.config.cross_channel:
        taps.append("cross_channel_attention")
    return Probe(
        model=network,
        batches=batches,
        outputs=lambda model, batch: model(batch.input_BTC),
        targets=lambda batch: batch.target_BTC,
        loss=_source_loss,
        example_losses=_source_losses,
        unit=UNIT,
        mask=lambda batch: batch.keep_BT[..., None].expand_as(batch.target_BTC),
        steps=length,
        causal=True,
        change_from=partial(_source_change_from, live),
        change_channel=partial(_source_change_channel, live),
        channels=4,
        channel_of_output=lambda outputs, channel: outputs[:, :, channel],
        swap_inputs=lambda batch, draw: batch._replace(
            input_BTC=batch.input_BTC[cycle(len(batch.input_BTC), draw)]
        ),
        part=rows_of,
        padded=_source_padded,
        attention_taps=taps,
    )


def _source_losses(model: nn.Module, batch: Windows) -> Tensor:
    nll_BTC = token_nll(model(batch.input_BTC), batch.target_BTC)
    return mean_over(nll_BTC, batch.keep_BT[..., None].expand_as(nll_BTC))


def _source_loss(model: nn.Module, batch: Windows) -> Tensor:
    return _source_losses(model, batch).mean()


def _source_change_from(
    live: np.ndarray, batch: Windows, step: int, rng: np.random.Generator
) -> Windows:
    changed = batch.input_BTC.clone()
    changed[:, step:] = redrawn(changed[:, step:], live, rng)
    return batch._replace(input_BTC=changed)


def _source_change_channel(
    live: np.ndarray, batch: Windows, channel: int, rng: np.random.Generator
) -> Windows:
    changed = batch.input_BTC.clone()
    changed[..., channel] = redrawn(changed[..., channel], live, rng)
    return batch._replace(input_BTC=changed)


def _source_padded(batch: Windows, more: int) -> Windows:
    B, _, C = batch.input_BTC.shape
    empty = torch.full((B, more, C), SILENCE)
    return Windows(
        torch.cat([batch.input_BTC, empty], 1),
        torch.cat([batch.target_BTC, empty], 1),
        torch.cat([batch.keep_BT, torch.zeros(B, more, dtype=torch.bool)], 1),
    )


# -- the strong network ---------------------------------------------------------------------------


def strong_probe(
    network: ChoraleTransformer,
    grids: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> Probe:
    """Passages of the pieces in order of time, nothing known but the frames before."""
    starts = [int(rng.integers(0, max(1, len(grid) - FRAMES + 1))) for grid in grids]
    cut = [grid[start : start + FRAMES] for grid, start in zip(grids, starts, strict=True)]

    def join(some: Sequence[np.ndarray]) -> FramesAndTruth:
        unknown = [NOTHING_KNOWN] * len(some)
        frames = collate([Piece("", grid) for grid in some], [None] * len(some), unknown)
        return FramesAndTruth(frames, frames.tokens_BTC)

    batches = in_batches(cut, TOGETHER, join)
    live = np.arange(PITCHES)
    return Probe(
        model=network,
        batches=batches,
        outputs=lambda model, batch: model(batch.frames),
        targets=lambda batch: batch.truth_BTC,
        loss=lambda model, batch: _strong_losses(model, batch).mean(),
        example_losses=_strong_losses,
        unit=UNIT,
        mask=lambda batch: batch.frames.valid_BT[..., None].expand_as(batch.truth_BTC),
        steps=FRAMES,
        causal=True,
        change_from=partial(_strong_change_from, live),
        change_channel=partial(_strong_change_channel, live),
        channels=4,
        channel_of_output=lambda outputs, channel: outputs[:, :, channel],
        swap_inputs=_strong_swap,
        part=rows_of,
        padded=_strong_padded,
        attention_taps=("self_attention",),
    )


def _strong_losses(model: nn.Module, batch: FramesAndTruth) -> Tensor:
    truth = replace(batch.frames, tokens_BTC=batch.truth_BTC)
    nll_BTC = masked_nll(model(batch.frames), truth)
    return mean_over(nll_BTC, batch.frames.valid_BT[..., None].expand_as(nll_BTC))


def _with_tokens(batch: FramesAndTruth, tokens_BTC: Tensor) -> FramesAndTruth:
    return batch._replace(frames=replace(batch.frames, tokens_BTC=tokens_BTC))


def _strong_change_from(
    live: np.ndarray, batch: FramesAndTruth, step: int, rng: np.random.Generator
) -> FramesAndTruth:
    changed = batch.frames.tokens_BTC.clone()
    changed[:, step:] = redrawn(changed[:, step:], live, rng)
    return _with_tokens(batch, changed)


def _strong_change_channel(
    live: np.ndarray, batch: FramesAndTruth, channel: int, rng: np.random.Generator
) -> FramesAndTruth:
    changed = batch.frames.tokens_BTC.clone()
    changed[..., channel] = redrawn(changed[..., channel], live, rng)
    return _with_tokens(batch, changed)


def _strong_swap(batch: FramesAndTruth, rng: np.random.Generator) -> FramesAndTruth:
    tokens = batch.frames.tokens_BTC
    return _with_tokens(batch, tokens[cycle(len(tokens), rng)])


def _strong_padded(batch: FramesAndTruth, more: int) -> FramesAndTruth:
    frames = batch.frames

    def longer(values: Tensor) -> Tensor:
        """The last frame again; of a mask, false."""
        end = values[:, -1:].expand(-1, more, *values.shape[2:])
        return torch.cat([values, torch.zeros_like(end) if end.dtype == torch.bool else end], 1)

    names = ("tokens_BTC", "given_BTC", "phase_BT", "fermata_BT", "key_BT", "valid_BT")
    grown: dict[str, Any] = {name: longer(getattr(frames, name)) for name in names}
    truth = frames.fermata_truth_BT
    grown["fermata_truth_BT"] = None if truth is None else longer(truth)
    return FramesAndTruth(replace(frames, **grown), longer(batch.truth_BTC))
