"""A node of a federation: its own clips, its own training, and the answers it gives.

What leaves a node is sums of statistics (before the first round), and then per round the change of
the adapter; with ``standalone`` only scores of public held-out clips, with ``distilled`` also the
mean scores of each of its classes.  Neither clips nor embeddings of clips ever do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from partimento.core.errors import DataError
from partimento.music.audio import read_sound
from partimento.tasks.audio2visual.federation_adapter import (
    LocalTraining,
    scores,
    train_locally,
)
from partimento.tasks.audio2visual.federation_config import (
    ClipTable,
    Federation,
    NodeConfig,
)
from partimento.tasks.audio2visual.federation_embedding import WIDTH, embed
from partimento.tasks.audio2visual.hearing import read_folder
from partimento.tasks.audio2visual.made_sounds import LABELS, made_sound
from partimento.training.federated_exchange import Numbers, Request
from partimento.training.federated_rules import Arrays, as_float16, as_float32

STATISTICS = ("mean_D", "std_D")
"""Arrays that stand beside the adapter's in every request to train."""


_MADE = 8
"""Sounds of each class and fold, as many as ESC-10 has."""


@dataclass(frozen=True)
class Heard:
    """Clips as statistics: ``x_ND`` (N, 228) float32 and ``label_N``, places in the classes."""

    x_ND: np.ndarray
    label_N: np.ndarray


def read_clips(table: ClipTable, classes: Sequence[str], own: Sequence[str]) -> Heard:
    """The clips of ``own`` classes in the table's folds; labels are places in ``classes``.

    Raises InputFileError or DataError for what cannot be read, and where there are no such clips.
    """
    if table.made:
        return _made_clips(table.folds, classes, own)
    clips = [
        clip
        for clip in read_folder(table.csv, table.audio)
        if clip.fold in table.folds and clip.category in own
    ]
    missing = sorted(set(own) - {clip.category for clip in clips})
    if missing:
        raise DataError(
            f"folds {', '.join(map(str, table.folds))} have no clip of {missing[0]!r}",
            where=table.csv,
        )
    place = {name: n for n, name in enumerate(classes)}
    return Heard(
        np.stack([_embedded(clip.path, clip.path.stat().st_mtime_ns) for clip in clips]),
        np.array([place[clip.category] for clip in clips]),
    )


def _made_clips(folds: Sequence[int], classes: Sequence[str], own: Sequence[str]) -> Heard:
    """Eight sounds made by rule of each class and fold.

    Raises DataError for a class that is not among those that can be made.
    """
    odd = sorted(set(own) - set(LABELS))
    if odd:
        raise DataError(f"no sounds of the class {odd[0]!r} can be made by rule")
    wanted = [(name, fold, n) for name in own for fold in folds for n in range(_MADE)]
    return Heard(
        np.stack([embed(made_sound(name, 100 * fold + n, 2.0)) for name, fold, n in wanted]),
        np.array([list(classes).index(name) for name, _, _ in wanted]),
    )


@lru_cache(maxsize=4096)
def _embedded(path: Path, changed_ns: int) -> np.ndarray:
    """A clip's statistics; ``changed_ns`` makes a file written anew be heard anew."""
    return embed(read_sound(path, guarded=False))


class SoundNode:
    """A node; :meth:`answer` is all that a server can make it do.

    ``held_out`` are the public clips on which a node that keeps its adapter is judged.
    """

    def __init__(self, config: NodeConfig, clips: Heard, classes: int, held_out: Heard) -> None:
        self.name = config.name
        self._config, self._clips, self._classes = config, clips, classes
        self._held_out = held_out
        self._own: Arrays = {}

    @property
    def adapter(self) -> Arrays:
        """The node's own adapter, where it keeps one (standalone, distilled)."""
        return self._own

    def restore(self, adapter: Arrays) -> None:
        """Go on with an adapter that was kept elsewhere between two messages."""
        self._own = as_float32(adapter)

    def answer(self, request: Request) -> tuple[Arrays, Numbers]:
        """``count``: sums; ``train``: the change of the adapter; ``keep``: scores alone.

        Raises ValueError for any other request.
        """
        kinds: dict[str, Callable[[Request], tuple[Arrays, Numbers]]] = {
            "count": self._count,
            "train": self._train,
            "keep": self._keep,
        }
        if request.kind not in kinds:
            raise ValueError(f"a node does not understand {request.kind!r}")
        return kinds[request.kind](request)

    def _count(self, request: Request) -> tuple[Arrays, Numbers]:
        """Sums from which the server makes mean and spread of all clips together."""
        x_ND = self._clips.x_ND.astype(np.float64)
        sums = {"sum_D": x_ND.sum(0), "squares_D": (x_ND**2).sum(0)}
        return sums, {"clips": float(len(x_ND))}

    def _train(self, request: Request) -> tuple[Arrays, Numbers]:
        received = as_float32(request.arrays)
        start = {n: a for n, a in received.items() if n not in STATISTICS}
        new, loss = self._fit(start, received, request)
        # The change is smaller than the weights: in float16 it keeps more of its digits.
        change = as_float16({name: new[name] - start[name] for name in start})
        return change, {"clips": float(len(self._clips.label_N)), "loss": loss}

    def _keep(self, request: Request) -> tuple[Arrays, Numbers]:
        """Train the node's own adapter; its scores on the held-out clips go out."""
        received = as_float32(request.arrays)
        aside = (*STATISTICS, "table_KK")
        start = self._own or {n: a for n, a in received.items() if n not in aside}
        self._own, loss = self._fit(start, received, request, received.get("table_KK"))
        arrays = {"scores_NK": scores(self._own, _standard(self._held_out.x_ND, received))}
        if request.numbers.get("distil", 0.0) > 0:
            own_NK = scores(self._own, _standard(self._clips.x_ND, received))
            arrays["class_scores_KK"] = self._class_means(own_NK)
        return as_float16(arrays), {"clips": float(len(self._clips.label_N)), "loss": loss}

    def _fit(
        self, start: Arrays, received: Arrays, request: Request, table_KK: np.ndarray | None = None
    ) -> tuple[Arrays, float]:
        numbers = request.numbers
        how = LocalTraining(
            self._config.local_epochs,
            self._config.batch_size,
            numbers["rate"],
            numbers.get("mu", 0.0),
            numbers.get("distil", 0.0),
        )
        rng = np.random.default_rng([self._config.seed, request.round_number])
        x_ND = _standard(self._clips.x_ND, received)
        return train_locally(start, x_ND, self._clips.label_N, how, rng, table_KK)

    def _class_means(self, score_NK: np.ndarray) -> np.ndarray:
        """(K, K) mean scores of the clips of each class; zeros for classes that are not here."""
        table_KK = np.zeros((self._classes, self._classes), np.float32)
        for label in np.unique(self._clips.label_N):
            table_KK[label] = score_NK[self._clips.label_N == label].mean(0)
        return table_KK


def _standard(x_ND: np.ndarray, received: Arrays) -> np.ndarray:
    """Statistics less the federation's mean, in its spreads."""
    if received["mean_D"].shape != (WIDTH,):
        raise ValueError(f"the mean has the shape {received['mean_D'].shape}, not {(WIDTH,)}")
    return (x_ND - received["mean_D"]) / received["std_D"]


def node_of(federation: Federation, name: str, folder: Path | None = None) -> SoundNode:
    """The node ``name`` with its clips read; ``folder`` keeps their statistics between messages."""
    config = next(node for node in federation.nodes if node.name == name)
    classes = federation.classes
    clips = _cached(config.data, classes, config.classes, folder, "own")
    held_out = _cached(federation.recipe.evaluation, classes, classes, folder, "held_out")
    return SoundNode(config, clips, len(classes), held_out)


def _cached(
    table: ClipTable, classes: Sequence[str], own: Sequence[str], folder: Path | None, name: str
) -> Heard:
    file = None if folder is None else folder / f"{name}.npz"
    if file is not None and file.is_file():
        with np.load(file, allow_pickle=False) as kept:
            return Heard(kept["x_ND"], kept["label_N"])
    heard = read_clips(table, classes, own)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, x_ND=heard.x_ND, label_N=heard.label_N)
    return heard
