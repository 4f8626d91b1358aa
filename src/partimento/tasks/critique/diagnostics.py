"""What goes on inside a trained network: attention, collapse, and what each level contributes.

Every figure comes from the network's taps or from its own scores.  A network that does not have
what a figure needs is an error, never a zero.

Shape suffixes: N notes or beats, M groups, H heads, K 19 dimensions, n clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.core.errors import DataError
from partimento.music.critique_features import NoteFeatures
from partimento.music.dimensions import NAMES
from partimento.nn import tap
from partimento.nn.segments import segment_entropy
from partimento.tasks.critique.config import LEVELS, Level
from partimento.tasks.critique.data import (
    ClipDataConfig,
    LabelledClips,
    data_hash,
    read_labelled,
    read_parts,
)
from partimento.tasks.critique.metrics import mse, r2_mean
from partimento.tasks.critique.model import BEAT_TAP, CLIP_TAP, MEASURE_TAP
from partimento.tasks.critique.network import TrainedNetwork, load_network
from partimento.tasks.critique.notes import NoteBatch

TAPS: dict[str, str] = {"beat": BEAT_TAP, "measure": MEASURE_TAP, "clip": CLIP_TAP}
"""Attention by what it sums up into, and its tap."""
COLLAPSED = 0.25
"""Predictions that spread less than this share of their labels count as collapsed."""


def attention_entropy(
    trained: TrainedNetwork, clips: Sequence[NoteFeatures], attentions: Sequence[str] | None = None
) -> dict[str, dict[str, Any]]:
    """Entropy of the attention into beats, measures and clips, in two ways.

    ``within`` (and ``within_per_head``) is right: the weights that the network applies, with its
    temperature, inside each group of at least two rows, per head, divided by the logarithm of the
    group's size; then the mean over all groups of all clips.  ``groups`` counts these, ``size`` is
    their mean size.  ``whole_piece`` is the way that misled earlier replicas: logits without the
    temperature, a softmax over the whole clip padded to the longest one of its batch (padding has
    logit 0), heads averaged before the entropy, divided by the logarithm of the padded length.

    ``attentions`` None: all that the network has.

    Raises DataError for an attention that the network does not have.
    """
    taps = _listen(trained, clips)
    known = [name for name, tap_name in TAPS.items() if tap_name in taps[0]]
    wanted = known if attentions is None else list(attentions)
    if not wanted or set(wanted) - set(known):
        missing = ", ".join(sorted(set(wanted) - set(known))) or "of any kind"
        raise DataError(
            f"the network has no attention {missing} (it has: {', '.join(known) or 'none'})",
            where=trained.name,
        )
    return {name: _entropies(taps, TAPS[name]) for name in wanted}


def _listen(
    trained: TrainedNetwork, clips: Sequence[NoteFeatures]
) -> list[dict[str, list[Tensor]]]:
    """The taps of every batch, each with the clip of its notes, beats and bars."""
    if not clips:
        raise DataError("there is no clip to look at", where=trained.name)
    trained.network.eval()
    found = []
    with torch.no_grad():
        for notes in trained.batches(clips):
            with tap.listen() as taps:
                trained.network(notes)
            # The rows of an attention are notes, except that bars may be summed up from beats.
            for name in TAPS.values():
                if name in taps:
                    rows = len(taps[name][0])
                    of_note = rows == len(notes.clip_N) and not (
                        name == MEASURE_TAP and trained.network.config.beat
                    )
                    taps[f"{name}.clips"] = [notes.clip_N if of_note else notes.clip_of_beat]
            found.append(taps)
    return found


def _entropies(batches: Sequence[dict[str, list[Tensor]]], name: str) -> dict[str, Any]:
    within, sizes, whole = [], [], []
    for taps in batches:
        weights_NH = tap.require(taps, name)[0]
        group_N = tap.require(taps, f"{name}.groups")[0]
        logits_NH = tap.require(taps, f"{name}.logits")[0]
        groups = int(group_N.max()) + 1
        entropy_MH = segment_entropy(weights_NH, group_N, groups)
        chosen = ~entropy_MH[:, 0].isnan()
        within.append(entropy_MH[chosen])
        sizes.append(torch.bincount(group_N, minlength=groups)[chosen])
        whole += _whole_piece(logits_NH, tap.require(taps, f"{name}.clips")[0])
    entropy_MH, size_M = torch.cat(within).double(), torch.cat(sizes).double()
    known = len(entropy_MH) > 0
    return {
        "within": float(entropy_MH.mean()) if known else None,
        "within_per_head": entropy_MH.mean(0).tolist() if known else None,
        "groups": len(entropy_MH),
        "size": float(size_M.mean()) if known else None,
        "whole_piece": float(np.mean(whole)),
    }


def _whole_piece(logits_NH: Tensor, clip_N: Tensor) -> list[float]:
    """The misleading entropy of each clip of a batch."""
    lengths = torch.bincount(clip_N)
    longest = int(lengths.max())
    found = []
    for clip in range(len(lengths)):
        padded_TH = logits_NH.new_zeros(longest, logits_NH.shape[1])
        padded_TH[: int(lengths[clip])] = logits_NH[clip_N == clip]
        mean_T1 = padded_TH.softmax(0).mean(1, keepdim=True)
        together = torch.zeros(longest, dtype=torch.int64, device=clip_N.device)
        # A batch of one-note clips has no choice to measure.
        if longest > 1:
            found.append(float(segment_entropy(mean_T1, together, 1)))
    return found or [float("nan")]


def collapse(labels_nK: np.ndarray, predicted_nK: np.ndarray) -> list[dict[str, Any]]:
    """Per dimension: spread of the predictions over that of the labels, and their correlation.

    ``ratio`` near 0 with no correlation is collapse.  A least-squares fit has ``ratio`` equal to
    its correlation: a low ratio with as low a correlation is a network that knows little and says
    so; below it, one that says less than it knows.  None where the labels, or for the correlation
    the predictions, do not differ.
    """
    rows: list[dict[str, Any]] = []
    spread, foretold = labels_nK.std(axis=0), predicted_nK.std(axis=0)
    for k in range(labels_nK.shape[1]):
        ratio = float(foretold[k] / spread[k]) if spread[k] > 0 else None
        correlation = None
        if spread[k] > 0 and foretold[k] > 1e-9:
            correlation = float(np.corrcoef(labels_nK[:, k], predicted_nK[:, k])[0, 1])
        rows.append(
            {
                "dimension": NAMES[k],
                "label_sd": float(spread[k]),
                "predicted_sd": float(foretold[k]),
                "ratio": ratio,
                "correlation": correlation,
                "collapsed": ratio is not None and ratio < COLLAPSED,
            }
        )
    return rows


def contribution(
    trained: TrainedNetwork,
    clips: Sequence[NoteFeatures],
    labels_nK: np.ndarray,
    generator: np.random.Generator,
) -> dict[str, Any]:
    """What is lost when a level is silenced, or when its groups are drawn at random.

    ``zeroed``: the level's states are zeros where they are joined (other levels still build on
    it).  ``shuffled``: the notes of each clip are dealt out to its beats (or bars) at random, the
    sizes kept; a level whose groups do not matter loses nothing.  Both leave the weights as they
    are and so overstate a loss that training would make good: retraining without the level is what
    the ladder of recipes is for.  Each with ``r2_mean``, ``mse`` and ``r2_lost``.

    Raises DataError for a network without levels above the notes.
    """
    levels = trained.network.config.levels
    grouped = [level for level in levels if level in ("beat", "measure")]
    if len(levels) < 2:
        raise DataError(
            f"the network has the level {levels[0]} only: there is no hierarchy to take apart",
            where=trained.name,
        )
    batches = list(trained.batches(clips))
    whole = _score(labels_nK, _predict(trained, batches))
    zeroed = {level: _predict(trained, batches, without=(level,)) for level in levels}
    shuffled = {
        level: _predict(trained, [shuffle_groups(b, level, generator) for b in batches])
        for level in grouped
    }
    return {
        "whole": whole,
        "zeroed": {k: _score(labels_nK, v, whole["r2_mean"]) for k, v in zeroed.items()},
        "shuffled": {k: _score(labels_nK, v, whole["r2_mean"]) for k, v in shuffled.items()},
    }


@torch.no_grad()
def _predict(
    trained: TrainedNetwork, batches: Sequence[NoteBatch], without: Sequence[Level] = ()
) -> np.ndarray:
    trained.network.eval()
    return np.concatenate([trained.network(b, without).double().cpu().numpy() for b in batches])


def _score(
    labels: np.ndarray, predicted: np.ndarray, before: float | None = None
) -> dict[str, float]:
    found = {"r2_mean": r2_mean(labels, predicted), "mse": mse(labels, predicted)}
    return found if before is None else {**found, "r2_lost": before - found["r2_mean"]}


def shuffle_groups(notes: NoteBatch, level: str, generator: np.random.Generator) -> NoteBatch:
    """The batch with beats or bars drawn at random within each clip, their sizes kept.

    ``beat``: notes change their beat, and the bar with it.  ``measure``: beats keep their notes
    and change their bar.

    Raises ValueError for another level.
    """
    if level == "beat":
        beat_N = notes.beat_N[_within(notes.clip_N, generator)]
        return notes._replace(beat_N=beat_N, measure_N=notes.measure_of_beat[beat_N])
    if level != "measure":
        raise ValueError(f"{level} has no groups; {', '.join(LEVELS[2:])} have")
    bars = notes.measure_of_beat[_within(notes.clip_of_beat, generator)]
    return notes._replace(measure_of_beat=bars, measure_N=bars[notes.beat_N])


def _within(clip: Tensor, generator: np.random.Generator) -> Tensor:
    """A permutation of the rows that leaves each in its clip; rows lie clip by clip."""
    places = clip.cpu().numpy()
    order = np.lexsort((generator.random(len(places)), places))
    return torch.from_numpy(order).to(clip.device)


def inspect_critique(
    weights: str | Path,
    data: str | Path = "percepiano",
    labels: str | Path | None = None,
    *,
    part: str = "valid",
    cache: str | Path | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> dict[str, Any]:
    """Attention, collapse and the contribution of the levels of a trained network, as plain data.

    Measured on one part (``train``, ``valid``, ``test``) of the fold that the network learnt from,
    or on ``all`` clips of other data.  ``contribution`` is None for a network with one level.
    ``seed`` draws the shuffled groups.

    Raises DataError for weights of another kind, data without labels, an unknown part, and a part
    of data whose training clips are not those of the network: these could be any clips.
    """
    trained = load_network(weights, device)
    chosen = _chosen(trained, str(data), labels, cache, part)
    predicted = trained.predict(chosen.features)
    levels = trained.network.config.levels
    generator = np.random.default_rng(seed)
    return {
        "weights": trained.name,
        "parameters": sum(p.numel() for p in trained.network.parameters()),
        "levels": list(levels),
        "temperature": trained.network.config.attention_temperature,
        "split": dict(trained.split),
        "part": part,
        "n": len(chosen),
        "r2_mean": r2_mean(chosen.labels, predicted),
        "r2_human_only": r2_mean(chosen.labels[chosen.human], predicted[chosen.human]),
        "attention_entropy": attention_entropy(trained, chosen.features),
        "collapse": collapse(chosen.labels, predicted),
        "contribution": contribution(trained, chosen.features, chosen.labels, generator)
        if len(levels) > 1
        else None,
    }


def _chosen(
    trained: TrainedNetwork,
    data: str,
    labels: str | Path | None,
    cache: str | Path | None,
    part: str,
) -> LabelledClips:
    """The clips of a part."""
    if part not in ("train", "valid", "test", "all"):
        raise DataError(f"there is no part {part!r}", fix="Use train, valid, test or all")
    values = {
        "clips": data,
        "labels": None if labels is None else str(labels),
        "cache": None if cache is None else str(cache),
        "feature_set": trained.feature_set,
    }
    if part == "all":
        return read_labelled(ClipDataConfig.model_validate(values))[1]
    parts = read_parts(ClipDataConfig.model_validate({**values, **trained.split}))
    if not trained.split or data_hash(parts.train) != trained.data_hash:
        raise DataError(
            "these weights do not say which of these clips they learnt from",
            where=trained.name,
            fix="Use the part all, or the data that the weights were trained on",
        )
    found: LabelledClips = getattr(parts, part)
    return found
