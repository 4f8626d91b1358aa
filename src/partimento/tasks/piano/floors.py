"""Floors: what models that know almost nothing reach on the 388 events, in nats.

A loss means little without them.  All are fitted on training performances and give the sum of
-ln p over the events of others; no grammar mask is applied.

``uniform``
    every event alike: ln 388 a token.
``unigram``, ``bigram``
    p(event), p(event | event before), 0.1 added to every count.
``trigram``
    p(event | two events before) by Witten-Bell interpolation (Bell, Cleary and Witten, *Text
    Compression*, 1990, method C) with the bigram: (count + types p2) / (total + types).

A performance begins with two start signs, which are never predicted; there is no end sign.

All four need one table only: how often each three events follow each other.  The table that ships
with the package was counted on the 668 training performances of ASAP (Foscarin et al. 2020;
n-ASAP, Peter et al. 2023; CC BY-NC-SA 4.0).  It holds counts, no music, and is not for commercial
use either.  ``python -m partimento.tasks.piano.floors --data TABLE.csv --out FILE`` makes it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from partimento.core.errors import DataError
from partimento.core.files import atomic_path
from partimento.music.events import EVENTS, encode_events

Tokens = NDArray[np.integer[Any]]

FLOOR_NAMES = ("uniform", "unigram", "bigram", "trigram")
TABLE_FILE = "piano-floors.npz"
SMOOTHING = 0.1
START = EVENTS
"""Sign before the first event."""
CONTEXTS = EVENTS + 1


@dataclass(frozen=True)
class FloorTable:
    """Counts of three events in a row.

    ``keys`` (M,) int64, sorted: (first * 389 + second) * 388 + third, where 388 as first or second
    is the start sign; ``counts`` (M,) int64.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def fit(cls, performances: Sequence[Tokens]) -> FloorTable:
        """Count training performances, each an array (L,) of events below 388."""
        keys = np.concatenate([np.zeros(0, np.int64), *map(_keys, performances)])
        if not len(keys):
            raise ValueError("floors need at least one event to be fitted on")
        found, counts = np.unique(keys, return_counts=True)
        return cls(found, counts.astype(np.int64))

    def measure(self, tokens: Tokens) -> dict[str, float]:
        """Total nats of one performance (L,) under every floor."""
        keys = _keys(tokens)
        second, third = keys // EVENTS % CONTEXTS, keys % EVENTS
        bigram = self._bigram[second, third]
        total = _looked_up(*self._contexts[:2], keys // EVENTS)
        types = _looked_up(self._contexts[0], self._contexts[2], keys // EVENTS)
        count = _looked_up(self.keys, self.counts, keys)
        # A context that was never seen has neither counts nor types: the bigram alone.
        trigram = np.where(
            total > 0, (count + types * bigram) / np.maximum(total + types, 1), bigram
        )
        return {
            "uniform": len(keys) * float(np.log(EVENTS)),
            "unigram": -float(np.log(self._unigram[third]).sum()),
            "bigram": -float(np.log(bigram).sum()),
            "trigram": -float(np.log(trigram).sum()),
        }

    def save(self, path: Path) -> None:
        """Write the table as a compressed ``.npz``: steps between keys, and counts, in bytes."""
        steps = np.diff(self.keys, prepend=0)
        arrays: dict[str, Any] = _short("steps", steps) | _short("counts", self.counts)
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, file: Path | IO[bytes]) -> FloorTable:
        """Read a table that :meth:`save` wrote.  Raises DataError for anything else."""
        try:
            with np.load(file, allow_pickle=False) as data:
                steps, counts = (_long(name, data) for name in ("steps", "counts"))
                keys = np.cumsum(steps)
                if len(keys) != len(counts) or keys[-1] >= CONTEXTS * CONTEXTS * EVENTS:
                    raise ValueError("keys and counts do not belong together")
        except (ValueError, KeyError, IndexError, OSError, EOFError, BadZipFile) as error:
            raise DataError(
                "is no table of floors",
                where=str(file),
                fix="make one with python -m partimento.tasks.piano.floors --data CSV --out IT",
            ) from error
        return cls(keys, counts)

    @cached_property
    def _pairs(self) -> NDArray[np.float64]:
        """Counts (389, 388) of an event after the one before."""
        pair = self.keys % (CONTEXTS * EVENTS)
        sums = np.bincount(pair, weights=self.counts, minlength=CONTEXTS * EVENTS)
        table: NDArray[np.float64] = sums.reshape(CONTEXTS, EVENTS).astype(np.float64)
        return table

    @cached_property
    def _unigram(self) -> NDArray[np.float64]:
        counts = self._pairs.sum(axis=0) + SMOOTHING
        result: NDArray[np.float64] = counts / counts.sum()
        return result

    @cached_property
    def _bigram(self) -> NDArray[np.float64]:
        counts = self._pairs + SMOOTHING
        result: NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
        return result

    @cached_property
    def _contexts(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Two events that occurred in a row; how often, and before how many different events."""
        context = self.keys // EVENTS
        first = np.flatnonzero(np.diff(context, prepend=-1))
        total = np.add.reduceat(self.counts, first)
        types = np.diff(np.append(first, len(context)))
        return context[first], total, types


def shipped_floors() -> FloorTable:
    """The table counted on the training part of ASAP (668 performances, 9.5 million events)."""
    with (resources.files("partimento") / "weights" / TABLE_FILE).open("rb") as file:
        return FloorTable.load(file)


def floors(train: Sequence[Tokens], evaluated: Sequence[Tokens]) -> dict[str, float]:
    """Nats per token of each floor fitted on one set of performances, measured on the other.

    Raises ValueError when either is empty.
    """
    table = FloorTable.fit(train)
    events = sum(len(tokens) for tokens in evaluated)
    if not events:
        raise ValueError("floors need at least one event to be measured on")
    parts = [table.measure(tokens) for tokens in evaluated]
    return {name: sum(part[name] for part in parts) / events for name in FLOOR_NAMES}


def _keys(tokens: Tokens) -> NDArray[np.int64]:
    """One number per event from itself and the two before."""
    line = np.concatenate([[START, START], np.asarray(tokens, dtype=np.int64)])
    if len(line) > 2 and (line[2:].min() < 0 or line[2:].max() >= EVENTS):
        raise ValueError("floors count the 388 events only: no padding, start or end")
    keys: NDArray[np.int64] = (line[:-2] * CONTEXTS + line[1:-1]) * EVENTS + line[2:]
    return keys


def _looked_up(
    keys: NDArray[np.int64], values: NDArray[np.int64], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The value of each wanted key, 0 where it is missing; ``keys`` is sorted."""
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)


def _short(name: str, values: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Numbers as bytes; those of 255 and more follow in a list of their own."""
    return {
        name: np.minimum(values, 255).astype(np.uint8),
        f"{name}_large": values[values >= 255].astype(np.uint32),
    }


def _long(name: str, data: Any) -> NDArray[np.int64]:
    """The numbers that :func:`_short` wrote."""
    values = data[name].astype(np.int64)
    values[values == 255] = data[f"{name}_large"]
    return values


def main(arguments: Sequence[str] | None = None) -> None:
    """Count the performances of one split and write the table."""
    from partimento.tasks.piano.corpus import choose_split, open_collection, read_collection

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder, or CSV with splits")
    parser.add_argument("--root", type=Path, help="where the files of the CSV lie")
    parser.add_argument("--split", default="train", help="part to count (default: train)")
    parser.add_argument("--out", type=Path, required=True, help="table to write (.npz)")
    options = parser.parse_args(arguments)
    collection = open_collection(options.data, options.root)
    chosen, _ = choose_split(collection, options.split, str(options.data))
    performances, unreadable = read_collection(chosen.entries)
    for one in unreadable:
        print(f"left out: {one.name}: {one.reason}")
    table = FloorTable.fit([encode_events(performed.notes) for performed in performances])
    table.save(options.out)
    print(
        f"{len(performances)} performances, {table.counts.sum()} events, "
        f"{len(table.keys)} kinds of three in a row: {options.out}"
    )


if __name__ == "__main__":
    main()
