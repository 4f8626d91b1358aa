"""Figures about attention weights, from what the taps of a chorale network recorded.

Legend: L layers, C four channels, H heads, T steps (queries), S steps (keys).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from partimento.nn import tap
from partimento.tasks.chorale.api import CHANNELS


def self_attention_LCHTS(taps: Mapping[str, Sequence[Tensor]]) -> np.ndarray:
    """Weights of all layers as one array; a network without a channel axis gets one of size 1.

    Raises LookupError when the network recorded none.
    """
    layers = []
    for tensor in tap.require({k: list(v) for k, v in taps.items()}, "self_attention"):
        weights = tensor[0].float().cpu().numpy()
        layers.append(weights[None] if weights.ndim == 3 else weights)
    return np.stack(layers)


def channel_weights_LCS(taps: Mapping[str, Sequence[Tensor]]) -> np.ndarray | None:
    """How much each channel (row) looks at each (column), mean over steps and heads.

    ``(L, 4, 4)``, rows sum to 1; None when the network has no attention across channels.
    """
    tensors = taps.get("cross_channel_attention")
    if not tensors:
        return None
    return np.stack([t.float().cpu().numpy().mean(axis=(0, 1, 2)) for t in tensors])


def normalised_entropy(weights_TS: np.ndarray) -> np.ndarray:
    """Entropy ``(..., T)`` of each row, divided by the log of the number of visible keys.

    0 is one key only, 1 is even attention.  Visible keys are those with a weight above 0 (a mask
    gives exact zeros); a row that sees one key has no choice and counts as not a number.
    """
    weights = np.asarray(weights_TS, dtype=np.float64)
    safe = np.where(weights > 0, weights, 1.0)
    entropy = -(weights * np.log(safe)).sum(-1)
    visible = (weights > 0).sum(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(visible > 1, entropy / np.log(visible), np.nan)


def distance_profile(weights_TS: np.ndarray, longest: int) -> np.ndarray:
    """Mean weight ``(..., longest + 1)`` given to the key so many steps before the query.

    Only queries that have such a key count, so a profile of even attention falls with distance.
    """
    steps = weights_TS.shape[-1]
    columns = [
        np.diagonal(weights_TS, -d, axis1=-2, axis2=-1).mean(-1)
        if d < steps
        else np.zeros(weights_TS.shape[:-2])
        for d in range(longest + 1)
    ]
    return np.stack(columns, -1)


def mean_distance(weights_TS: np.ndarray) -> float:
    """Mean distance in steps between a query and what it looks at."""
    steps = weights_TS.shape[-1]
    distance_TS = np.abs(np.arange(steps)[:, None] - np.arange(steps)[None, :])
    return float((weights_TS * distance_TS).sum(-1).mean())


def channel_correlation(weights_CHTS: np.ndarray) -> np.ndarray | None:
    """Pearson correlation ``(C, C)`` between the attention maps of the channels of one layer.

    Heads are averaged, and only visible pairs of steps count.  None for a single channel.
    """
    maps = weights_CHTS.mean(axis=1)
    if len(maps) < 2:
        return None
    visible = (maps > 0).any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.corrcoef(maps[:, visible])


def attended_notes(
    weights_TS: np.ndarray, names: Sequence[str], count: int = 3
) -> list[dict[str, Any]]:
    """For every step the ``count`` earlier steps it looks at most, with the notes there."""
    rows = []
    for step, row in enumerate(weights_TS):
        best = np.argsort(-row, kind="stable")[:count]
        looked = [
            {"step": int(s), "note": names[s], "weight": round(float(row[s]), 4)}
            for s in best
            if row[s] > 0
        ]
        rows.append({"step": step, "note": names[step], "looks_at": looked})
    return rows


def attention_figures(taps: Mapping[str, Sequence[Tensor]]) -> dict[str, Any]:
    """Everything but the maps themselves, as plain numbers per layer, channel and head."""
    weights = self_attention_LCHTS(taps)
    layers, channels, heads, steps, _ = weights.shape
    entropy = np.nanmean(normalised_entropy(weights), axis=-1) if steps > 1 else None
    names = CHANNELS if channels == len(CHANNELS) else ("all",) * channels
    table = []
    for layer in range(layers):
        for c in range(channels):
            for h in range(heads):
                one = weights[layer, c, h]
                table.append(
                    {
                        "layer": layer,
                        "channel": names[c],
                        "head": h,
                        "normalised_entropy": None if entropy is None else entropy[layer, c, h],
                        "mean_distance_steps": mean_distance(one),
                        "distance_profile": distance_profile(one, steps - 1),
                    }
                )
    across = channel_weights_LCS(taps)
    return {
        "layers": layers,
        "heads": heads,
        "steps": steps,
        "self_attention": table,
        "cross_channel": None if across is None else across,
        "channel_correlation": [channel_correlation(layer) for layer in weights],
    }
