"""Batches of sequences of similar length, so that little of them is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def bucketed_batches(
    lengths: Sequence[int] | np.ndarray, size: int, pool: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Indices of every sequence once, in batches of ``size`` (the last of a pool may be smaller).

    Sequences are shuffled, sorted by length within pools of ``pool`` batches, cut into batches, and
    the batches shuffled: neighbours in length meet, yet not the same ones in every epoch.  The
    order depends on the generator alone.

    Raises ValueError for a size or pool below 1.
    """
    if size < 1 or pool < 1:
        raise ValueError(f"batches of {size} in pools of {pool}")
    lengths = np.asarray(lengths)
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), size * pool):
        chosen = order[start : start + size * pool]
        chosen = chosen[np.argsort(lengths[chosen], kind="stable")]
        batches += [chosen[i : i + size] for i in range(0, len(chosen), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


def padding_share(lengths: Sequence[int] | np.ndarray, batches: Sequence[np.ndarray]) -> float:
    """Share of the cells of all batches that is padding; 0 without batches."""
    lengths = np.asarray(lengths)
    cells = sum(len(batch) * int(lengths[batch].max()) for batch in batches)
    real = sum(int(lengths[batch].sum()) for batch in batches)
    return 1.0 - real / cells if cells else 0.0
