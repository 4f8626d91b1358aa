"""Networks that score performances as the doctor's patients.

Shape suffixes: B clips, N notes of all clips together, F columns, K 19 dimensions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args

import numpy as np
import torch
from torch import Tensor, nn

from partimento.core.checkpoint import read_meta, resolve_weights
from partimento.core.errors import DataError
from partimento.doctor.case import Case, Probe
from partimento.doctor.conditioning import SHUFFLED
from partimento.doctor.probe_parts import cycle, evenly, in_batches
from partimento.music.critique_columns import FEATURE_SETS
from partimento.music.percepiano import Clip
from partimento.tasks.critique.config import Level
from partimento.tasks.critique.data import FeatureSet, find_clips, read_features
from partimento.tasks.critique.diagnostics import TAPS, shuffle_groups
from partimento.tasks.critique.folds import Protocol, splits
from partimento.tasks.critique.model import ClipNetwork
from partimento.tasks.critique.network import TrainedNetwork, load_network
from partimento.tasks.critique.notes import NoteBatch, PaddedNotes, gather, number_notes

TOGETHER = 16
PLAYED = ("performance", "raw", "midi")
"""Groups of columns that know how a note was played."""


class ClipsAndLabels(NamedTuple):
    """Clips as the network reads them, and their labels (B, 19)."""

    notes: NoteBatch | PaddedNotes
    labels_BK: Tensor


def probe_of(
    weights: str | Path,
    data: str | Path,
    *,
    examples: int = 32,
    labels: str | Path | None = None,
    cache: str | Path | None = None,
    seed: int = 0,
) -> Case:
    """Weights of a network of clips with clips that it was validated on.

    data: a folder in the layout of PercePiano, or ``percepiano``.  Weights that do not name their
    fold get clips from everywhere.  Input channel 0 is how the clips were played, channel 1 (where
    the network reads it) the score.

    Raises DataError for other weights and for data without two labelled clips.
    """
    trained = load_network(weights)
    meta = read_meta(resolve_weights(weights))
    clips, values = find_clips(str(data), None if labels is None else str(labels))
    held = _held_out(clips, trained.split)
    chosen = [held[i] for i in evenly(len(held), examples)]
    if len(chosen) < 2:
        raise DataError("the doctor needs two clips to swap", where=str(data))
    feature_set = _feature_set(trained, str(weights))
    features = read_features([clips[i] for i in chosen], feature_set, cache)
    rows = [
        (trained.standard.apply(one), values[i]) for one, i in zip(features, chosen, strict=True)
    ]
    return Case(
        name=f"{weights} on {Path(data).name}",
        task="critique",
        kind="regression",
        config={"model": meta.config["network"], "data": {"feature_set": feature_set}},
        probe=clip_probe(trained.network, feature_set, rows),
        seed=seed,
    )


def _feature_set(trained: TrainedNetwork, where: str) -> FeatureSet:
    if trained.feature_set not in get_args(FeatureSet):
        raise DataError(f"there is no feature set {trained.feature_set!r}", where=where)
    return cast(FeatureSet, trained.feature_set)


def _held_out(clips: Sequence[Clip], split: Mapping[str, Any]) -> list[int]:
    """Places of the clips that the weights were validated on; all where that is not known."""
    protocol, fold = split.get("protocol"), split.get("fold")
    if protocol not in get_args(Protocol) or not isinstance(fold, int):
        return list(range(len(clips)))
    folds = splits(clips, cast(Protocol, protocol), int(split.get("split_seed", 0)))
    found: list[int] = folds[fold].valid.tolist() if fold < len(folds) else []
    return found if len(found) > 1 else list(range(len(clips)))


def clip_probe(
    network: ClipNetwork, feature_set: str, rows: Sequence[tuple[Any, np.ndarray]]
) -> Probe:
    """Standardised clips (NoteFeatures, labels) of a feature set as a probe."""

    def join(some: Sequence[tuple[Any, np.ndarray]]) -> ClipsAndLabels:
        values = np.stack([label for _, label in some]).astype(np.float32)
        return ClipsAndLabels(gather([one for one, _ in some]), torch.from_numpy(values))

    groups = channel_columns(feature_set)
    config = network.config
    taps = [TAPS["clip"], *(TAPS[n] for n in ("beat", "measure") if getattr(config, n))]
    return Probe(
        model=network,
        batches=in_batches(rows, TOGETHER, join),
        outputs=lambda model, batch: model(batch.notes),
        targets=lambda batch: batch.labels_BK,
        loss=lambda model, batch: _losses(model, batch).mean(),
        example_losses=_losses,
        unit="mean squared error",
        change_channel=partial(_change_channel, groups),
        channels=len(groups),
        swap_inputs=lambda batch, rng: batch._replace(
            notes=clips_of(batch.notes, cycle(len(batch.labels_BK), rng).tolist())
        ),
        part=lambda batch, chosen: ClipsAndLabels(
            clips_of(batch.notes, chosen), batch.labels_BK[list(chosen)]
        ),
        padded=lambda batch, more: batch._replace(notes=_padded(batch.notes, more)),
        levels=levels_of(config.levels),
        attention_taps=taps,
    )


def _losses(model: nn.Module, batch: ClipsAndLabels) -> Tensor:
    found: Tensor = (model(batch.notes) - batch.labels_BK).square().mean(1)
    return found


# -- inputs ---------------------------------------------------------------------------------------


def channel_columns(feature_set: str) -> list[list[int]]:
    """Places of the played columns, which every set should have, and of the score's if any."""
    groups = [column.group for column in FEATURE_SETS[feature_set]]
    played = [place for place, group in enumerate(groups) if group in PLAYED]
    written = [place for place, group in enumerate(groups) if group not in PLAYED]
    return [played, written] if written else [played]


def _change_channel(
    groups: Sequence[Sequence[int]], batch: ClipsAndLabels, channel: int, rng: np.random.Generator
) -> ClipsAndLabels:
    """The columns of a group taken from other notes of the batch."""
    notes = batch.notes
    assert isinstance(notes, NoteBatch)
    values, columns = notes.values_NF.clone(), list(groups[channel])
    if columns:
        order = torch.from_numpy(rng.permutation(len(values)))
        values[:, columns] = values[order][:, columns]
    return batch._replace(notes=notes._replace(values_NF=values))


def clips_of(notes: NoteBatch | PaddedNotes, chosen: Sequence[int]) -> NoteBatch:
    """Some clips of a batch, in the order given."""
    whole = notes.unpadded() if isinstance(notes, PaddedNotes) else notes
    places = [(whole.clip_N == clip).nonzero()[:, 0] for clip in chosen]
    rows = torch.cat(places)
    lengths = torch.tensor([len(place) for place in places])
    return number_notes(
        whole.values_NF[rows],
        torch.arange(len(places)).repeat_interleave(lengths),
        whole.voice_N[rows],
        whole.beat_N[rows],
        whole.measure_N[rows],
        clips=len(places),
    )


def _padded(notes: NoteBatch | PaddedNotes, more: int) -> PaddedNotes:
    """The clips beside each other, with ``more`` steps of ones behind the longest."""
    assert isinstance(notes, NoteBatch)
    lengths = torch.bincount(notes.clip_N, minlength=notes.clips)
    steps = int(lengths.max()) + more
    real_BT = torch.arange(steps) < lengths[:, None]
    values = torch.ones(notes.clips, steps, notes.values_NF.shape[1])
    values[real_BT] = notes.values_NF
    voice, beat, measure = torch.zeros(3, notes.clips, steps, dtype=torch.int64)
    voice[real_BT], beat[real_BT], measure[real_BT] = notes.voice_N, notes.beat_N, notes.measure_N
    return PaddedNotes(values, voice, beat, measure, lengths)


# -- levels ---------------------------------------------------------------------------------------


def levels_of(levels: Sequence[Level]) -> dict[str, Callable[[nn.Module], Any]]:
    """Context managers that silence each level, and that draw the groups of a level at random.

    Empty for a network with one level.
    """
    if len(levels) < 2:
        return {}
    found: dict[str, Callable[[nn.Module], Any]] = {
        level: partial(_silenced, level=level) for level in levels
    }
    for level in levels:
        if level in ("beat", "measure"):
            found[level + SHUFFLED] = partial(_shuffled, level=level)
    return found


@contextmanager
def _silenced(model: nn.Module, *, level: Level) -> Iterator[None]:
    hook = model.register_forward_pre_hook(lambda _, inputs: (inputs[0], (level,)))
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def _shuffled(model: nn.Module, *, level: Level) -> Iterator[None]:
    rng = np.random.default_rng(0)
    hook = model.register_forward_pre_hook(
        lambda _, inputs: (shuffle_groups(inputs[0], level, rng), *inputs[1:])
    )
    try:
        yield
    finally:
        hook.remove()
