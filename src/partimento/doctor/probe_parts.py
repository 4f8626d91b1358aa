"""Pieces of probes that several adaptors share: other examples, parts of batches, file facts.

Shape suffixes: B examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor


def cycle(count: int, rng: np.random.Generator) -> Tensor:
    """(B,) for each example another one: a random cycle, so that nobody keeps its own.

    One example has nobody to swap with and keeps its own.
    """
    order = rng.permutation(count)
    source = np.empty(count, dtype=np.int64)
    source[order] = np.roll(order, 1)
    return torch.from_numpy(source)


def rows_of(batch: Any, rows: Sequence[int] | Tensor) -> Any:
    """Some examples of a batch of tensors: a tensor, a mapping, a tuple or a dataclass of them.

    Raises TypeError for anything else.
    """
    if isinstance(batch, Tensor):
        return batch[torch.as_tensor(rows)]
    if batch is None:
        return None
    if isinstance(batch, Mapping):
        return {key: rows_of(value, rows) for key, value in batch.items()}
    if isinstance(batch, tuple):
        parts = [rows_of(value, rows) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)
    if is_dataclass(batch) and not isinstance(batch, type):
        return type(batch)(**{f.name: rows_of(getattr(batch, f.name), rows) for f in fields(batch)})
    raise TypeError(f"a batch of {type(batch).__name__} cannot be taken apart")


def redrawn(
    column: Tensor, choices: np.ndarray, rng: np.random.Generator, keep: Tensor | None = None
) -> Tensor:
    """Numbers like ``column`` drawn anew among ``choices``; where ``keep`` is true as they were."""
    drawn = torch.from_numpy(rng.choice(choices, size=tuple(column.shape)).astype(np.int64))
    return drawn if keep is None else torch.where(keep, column, drawn)


def evenly(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` of ``count`` places, evenly spread.

    >>> evenly(10, 3)
    [0, 4, 9]
    """
    if count <= wanted:
        return list(range(count))
    return sorted({round(place) for place in np.linspace(0, count - 1, wanted).tolist()})


def mean_over(losses: Tensor, keep: Tensor) -> Tensor:
    """(B,) mean of the losses (B, ...) that count; 0 for an example without any."""
    total = (losses * keep).flatten(1).sum(1)
    found: Tensor = total / keep.flatten(1).sum(1).clamp_min(1)
    return found


def in_batches(
    examples: Sequence[Any], size: int, join: Callable[[Sequence[Any]], Any]
) -> list[Any]:
    """Examples side by side, ``size`` in a batch; a last batch of one joins the one before it."""
    starts = list(range(0, len(examples), size))
    if len(starts) > 1 and len(examples) - starts[-1] < 2:
        starts.pop()
    ends = [*starts[1:], len(examples)]
    return [join(examples[start:end]) for start, end in zip(starts, ends, strict=True)]
