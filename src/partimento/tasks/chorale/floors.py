"""Floors: what models that know almost nothing reach, in nats per frame of four voices.

A loss means little without them.  All are fitted on training grids (T, 4) of the 16th-note grid
and give the mean of -ln p over the frames, summed over the four voices:

``uniform``
    every symbol (pitch or silence) of the training part alike: 4 ln 47 on the chorales.
``unigram``
    p(symbol | voice).
``bigram``
    p(symbol | voice, symbol one frame before).
``repeat_previous``
    "hold, and now and then move": p(hold | voice, beat phase), and for a move
    p(symbol | voice, last symbol, it moves).  The beat phase is the frame number modulo 4.
``backoff``
    Witten-Bell back-off (Bell, Cleary and Witten, *Text Compression*, 1990, method C) over the
    contexts voice; + last symbol; + beat phase; + the soprano's symbol in the same frame (known
    when alto, tenor and bass are predicted, none for the soprano itself):
    p_k = (count + types p_{k-1}) / (total + types).

Unigram, bigram and both parts of ``repeat_previous`` add 0.1 to every count.  The first frame of
a piece counts too: its "last symbol" is a start sign.  A symbol that the training part lacks
shares one place, which only smoothing gives a probability; ``uniform`` has no such place.

On the canonical chorales (train to valid): 15.40, 10.44, 3.74, 2.84, 2.53.

All five need one table only: how often each (voice, last symbol, beat phase, soprano, symbol)
occurs.  ``python -m partimento.tasks.chorale.floors --data FILE --out TABLE.npz`` makes it, and the
table of the canonical training part ships with the package, so that any file can be measured.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from partimento.core.errors import DataError
from partimento.music.grid import STEPS_PER_QUARTER, load_canonical

Grid = NDArray[np.integer[Any]]

FLOOR_NAMES = ("uniform", "unigram", "bigram", "repeat_previous", "backoff")
TABLE_FILE = "chorale-floors.npz"
SMOOTHING = 0.1
PHASES = STEPS_PER_QUARTER


def floors(train_grids: Sequence[Grid], eval_grids: Sequence[Grid]) -> dict[str, float]:
    """Nats per frame of each floor (see the module) fitted on one set, measured on the other.

    Grids are int arrays (T, 4), -1 for silence.  Raises ValueError when either set is empty.
    """
    return FloorTable.fit(train_grids).measure(eval_grids)


def shipped_floors() -> FloorTable:
    """The table fitted on the canonical training part of the chorales (229 pieces)."""
    with (resources.files("partimento") / "weights" / TABLE_FILE).open("rb") as file:
        return FloorTable.load(file)


@dataclass(frozen=True)
class FloorTable:
    """Counts of events, and the five floors that follow from them.

    ``symbols``: the sorted symbols of the training part (MIDI pitches and -1), shape (V,).
    ``events``: rows (voice, last, phase, soprano, symbol) of symbol indices, shape (N, 5); V stands
    for an unseen symbol and V + 1 for "none" (start of the piece, soprano of the soprano).
    ``counts``: how often each row occurs, shape (N,).
    """

    symbols: NDArray[np.int64]
    events: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def fit(cls, grids: Sequence[Grid]) -> FloorTable:
        """Count the events of training grids."""
        cells = [np.asarray(g, dtype=np.int64).ravel() for g in grids]
        if not sum(len(c) for c in cells):
            raise ValueError("floors need at least one frame to be fitted on")
        symbols = np.unique(np.concatenate(cells))
        events, counts = np.unique(_events(grids, symbols), axis=0, return_counts=True)
        return cls(symbols, events, counts.astype(np.int64))

    def measure(self, grids: Sequence[Grid]) -> dict[str, float]:
        """Nats per frame of every floor on the given grids."""
        events = _events(grids, self.symbols)
        n_frames = len(events) // 4
        if not n_frames:
            raise ValueError("floors need at least one frame to be measured on")
        nats = {
            "unigram": self._smoothed((0,), events),
            "bigram": self._smoothed((0, 1), events),
            "repeat_previous": self._repeat_previous(events),
            "backoff": self._backoff(events),
        }
        result = {"uniform": 4.0 * float(np.log(len(self.symbols)))}
        return result | {name: float(n.sum()) / n_frames for name, n in nats.items()}

    def save(self, path: Path) -> None:
        """Write the table as a compressed ``.npz`` without pickled objects."""
        np.savez_compressed(
            path,
            symbols=self.symbols.astype(np.int8),
            events=self.events.astype(np.uint8).T,
            counts=self.counts.astype(np.uint32),
        )

    @classmethod
    def load(cls, file: Path | IO[bytes]) -> FloorTable:
        """Read a table that :meth:`save` wrote.  Raises DataError for anything else."""
        try:
            with np.load(file, allow_pickle=False) as data:
                columns = [data[k].astype(np.int64) for k in ("symbols", "events", "counts")]
        except (ValueError, KeyError, OSError, EOFError, BadZipFile) as error:
            raise DataError(
                "is no table of floors",
                where=str(file),
                fix="make one with python -m partimento.tasks.chorale.floors --data FILE --out IT",
            ) from error
        return cls(columns[0], columns[1].T.copy(), columns[2])

    @property
    def _places(self) -> int:
        """Symbols, the unseen one included."""
        return len(self.symbols) + 1

    def _smoothed(self, context: tuple[int, ...], events: NDArray[np.int64]) -> NDArray[np.float64]:
        """-ln p(symbol | context columns) with added counts, per event."""
        both = (*context, 4)
        count = self._counted(both, self.events, self.counts, events)
        total = self._counted(context, self.events, self.counts, events)
        return _cost((count + SMOOTHING) / (total + SMOOTHING * self._places))

    def _repeat_previous(self, events: NDArray[np.int64]) -> NDArray[np.float64]:
        """Hold or move by voice and phase, then the move; a first frame has the move only."""
        none = self._places
        moved, seen = self.events[:, 4] != self.events[:, 1], self.events[:, 1] != none
        held_counts = np.where(seen & ~moved, self.counts, 0)
        phase = (0, 2)
        held = self._counted(phase, self.events, held_counts, events)
        total = self._counted(phase, self.events, np.where(seen, self.counts, 0), events)
        p_hold = (held + SMOOTHING) / (total + 2 * SMOOTHING)
        moves = np.where(moved, self.counts, 0)
        count = self._counted((0, 1, 4), self.events, moves, events)
        total = self._counted((0, 1), self.events, moves, events)
        first = events[:, 1] == none
        choices = np.where(first, self._places, self._places - 1)
        p_move = (count + SMOOTHING) / (total + SMOOTHING * choices)
        holds = events[:, 4] == events[:, 1]
        return _cost(np.where(first, p_move, np.where(holds, p_hold, (1 - p_hold) * p_move)))

    def _backoff(self, events: NDArray[np.int64]) -> NDArray[np.float64]:
        """Witten-Bell over the growing contexts voice, last, phase, soprano."""
        p = np.full(len(events), 1.0 / self._places)
        ones = np.ones(len(self.events), dtype=np.int64)
        for n in range(1, 5):
            context = tuple(range(n))
            keys, rows = np.unique(self._key((*context, 4), self.events), return_index=True)
            types = self._counted(context, self.events[rows], ones[: len(keys)], events)
            count = self._counted((*context, 4), self.events, self.counts, events)
            total = self._counted(context, self.events, self.counts, events)
            p = np.where(total > 0, (count + types * p) / np.maximum(total + types, 1), p)
        return _cost(p)

    def _key(self, columns: tuple[int, ...], events: NDArray[np.int64]) -> NDArray[np.int64]:
        """One number per event from the chosen columns."""
        key = np.zeros(len(events), dtype=np.int64)
        for column in columns:
            key = key * (self._places + 1) + events[:, column]
        return key

    def _counted(
        self,
        columns: tuple[int, ...],
        table: NDArray[np.int64],
        weights: NDArray[np.int64],
        events: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Sum of ``weights`` of the table rows that agree with each event in the columns."""
        keys, inverse = np.unique(self._key(columns, table), return_inverse=True)
        sums = np.bincount(inverse, weights=weights, minlength=len(keys))
        wanted = self._key(columns, events)
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[place] == wanted, sums[place], 0.0)


def _cost(p: NDArray[np.float64]) -> NDArray[np.float64]:
    result: NDArray[np.float64] = -np.log(p)
    return result


def _events(grids: Sequence[Grid], symbols: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows (voice, last, phase, soprano, symbol) of every cell, shape (cells, 5)."""
    unseen, none = len(symbols), len(symbols) + 1
    rows = [np.zeros((0, 5), dtype=np.int64)]
    for grid in grids:
        cells = np.asarray(grid, dtype=np.int64).reshape(-1, 4)
        if (cells < -1).any():
            raise ValueError("floors are measured on complete grids; a cell is still unknown")
        place = np.minimum(np.searchsorted(symbols, cells), unseen - 1)
        index = np.where(symbols[place] == cells, place, unseen)
        last = np.concatenate([np.full((1, 4), none), index])[: len(index)]
        phase = np.arange(len(index)) % PHASES
        for voice in range(4):
            soprano = index[:, 0] if voice else np.full(len(index), none)
            columns = (np.full(len(index), voice), last[:, voice], phase, soprano, index[:, voice])
            rows.append(np.stack(columns, axis=1))
    return np.concatenate(rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit the table on the ``train`` part of a canonical JSON file and write it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="canonical JSON file")
    parser.add_argument("--split", default="train", help="part to fit on (default: train)")
    parser.add_argument("--out", type=Path, required=True, help="table to write (.npz)")
    options = parser.parse_args(arguments)
    table = FloorTable.fit(load_canonical(options.data, options.split))
    table.save(options.out)
    print(f"{len(table.events)} kinds of events, {table.counts.sum()} in all: {options.out}")


if __name__ == "__main__":
    main()
