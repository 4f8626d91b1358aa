"""Batches by class: shuffled, of one class each, or with the same number of several classes.

A sampler's epoch is a pure function of its seed and the epoch's number, as in :mod:`.samplers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from partimento.training.samplers import keyed_rng

Batching = Literal["shuffled", "homogeneous", "balanced"]


class ClassBatches:
    """Index arrays, one per batch; every item is met at least once an epoch.

    ``shuffled``: a random order, cut into batches.  ``homogeneous``: each batch from one class, the
    classes in random order (the source's "stratified" sampler).  ``balanced``: ``per_class`` items
    of each of ``batch_size / per_class`` classes; where the items of a class do not fill its last
    share, some of them are met twice, and once the smaller classes are used up, batches are
    smaller.

    Raises ValueError for no items, a batch below 1, or a balanced batch that is no multiple of
    ``per_class`` or needs more classes than there are.
    """

    def __init__(
        self,
        classes: Sequence[int] | np.ndarray,
        batch_size: int,
        batching: Batching = "shuffled",
        seed: int = 0,
        per_class: int = 1,
    ) -> None:
        self.classes = np.asarray(classes, dtype=np.int64)
        if not len(self.classes) or batch_size < 1 or per_class < 1:
            raise ValueError("a sampler needs items, and batches of at least one")
        self.batch_size, self.batching, self.seed = batch_size, batching, seed
        self.per_class, self.epoch = per_class, 0
        self.names = [int(c) for c in np.unique(self.classes)]
        if batching == "balanced":
            self._check_balance()

    def _check_balance(self) -> None:
        if self.batch_size % self.per_class:
            raise ValueError(
                f"a balanced batch of {self.batch_size} is no multiple of {self.per_class} a class"
            )
        wanted = self.batch_size // self.per_class
        if wanted > len(self.names):
            raise ValueError(
                f"a balanced batch of {self.batch_size} with {self.per_class} a class needs "
                f"{wanted} classes; there are {len(self.names)}"
            )

    def __len__(self) -> int:
        """Batches of an epoch; the same in every epoch."""
        if self.batching == "shuffled":
            return _up(len(self.classes), self.batch_size)
        sizes = [int((self.classes == c).sum()) for c in self.names]
        if self.batching == "homogeneous":
            return sum(_up(n, self.batch_size) for n in sizes)
        shares = [_up(n, self.per_class) for n in sizes]
        return max(_up(sum(shares), self.batch_size // self.per_class), *shares)

    def __iter__(self) -> Iterator[np.ndarray]:
        """The batches of the present epoch; the next call gives the next epoch."""
        epoch, self.epoch = self.epoch, self.epoch + 1
        return iter(self.batches(epoch))

    def batches(self, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch, in order."""
        rng = keyed_rng(self.seed, "class batches", epoch)
        if self.batching == "shuffled":
            return _cut(rng.permutation(len(self.classes)), self.batch_size)
        mixed = {c: rng.permutation(np.flatnonzero(self.classes == c)) for c in self.names}
        if self.batching == "balanced":
            return self._balanced(mixed, rng)
        found = [part for items in mixed.values() for part in _cut(items, self.batch_size)]
        return [found[i] for i in rng.permutation(len(found)).tolist()]

    def _balanced(self, mixed: dict[int, np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Shares of the classes dealt out, always from those that have most of them left."""
        left = {
            c: _cut(_filled(items, self.per_class), self.per_class) for c, items in mixed.items()
        }
        found = []
        while any(left.values()):
            order = rng.permutation(self.names).tolist()
            order.sort(key=lambda c: -len(left[c]))
            chosen = [c for c in order[: self.batch_size // self.per_class] if left[c]]
            found.append(np.concatenate([left[c].pop() for c in chosen]))
        return [found[i] for i in rng.permutation(len(found)).tolist()]


def _up(count: int, size: int) -> int:
    """How many shares of ``size`` hold ``count`` items."""
    return -(-count // size)


def _cut(items: np.ndarray, size: int) -> list[np.ndarray]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _filled(items: np.ndarray, size: int) -> np.ndarray:
    """The items, and as many of them again as the last share lacks."""
    return np.resize(items, _up(len(items), size) * size)
