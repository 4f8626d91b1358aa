"""Running a protocol: models trained fold by fold, what they foretell kept on disk.

A stopped run goes on where it was: every fold has one ``.npz`` and one ``.json`` in the folder,
and they count only for the same clips, labels, fold and predictor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, runtime_checkable
from typing import Protocol as Interface

import numpy as np

from partimento.core.files import atomic_path, write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.music.percepiano import Clip, passage_groups
from partimento.tasks.critique.folds import PROTOCOLS, Fold, Protocol, splits
from partimento.tasks.critique.metrics import mse, r2_mean

__all__ = ["PROTOCOLS", "FoldResult", "ProtocolRun", "Test", "run_protocol", "splits"]


@runtime_checkable
class Fitted(Interface):
    """A trained model: scores (n, 19) of clips by index, and facts for the per-fold table."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """``epochs``, ``best_epoch``, ``beats`` and ``measures`` ([lowest, highest]) and others."""
        ...

    def predict(self, index: np.ndarray) -> np.ndarray:
        """Scores of the clips."""
        ...


@runtime_checkable
class Predictor(Interface):
    """Something that learns from labelled clips, given by their indices.

    It must learn from ``train`` only, and choose (epochs, settings) by ``valid`` only; one that
    needs no choice may learn from both.
    """

    def fit(self, train: np.ndarray, valid: np.ndarray) -> Fitted:
        """A model trained on ``train`` and selected on ``valid``."""
        ...


@dataclass(frozen=True, slots=True)
class FoldResult:
    """One trained model: its predictions (n, 19) of its validation and test part, and its facts.

    ``learns_valid``: it learnt from the validation part, so what it says of that tells nothing.
    """

    seed: int
    fold: Fold
    valid_predicted: np.ndarray
    test_predicted: np.ndarray
    facts: dict[str, Any] = field(default_factory=dict)
    learns_valid: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """A test part of one seed: the mean of the predictions of its models (n, 19).

    ``index`` (n,) are its clips, ``known`` (k,) those that any of the models learnt from or was
    selected on.
    """

    seed: int
    name: str
    index: np.ndarray
    known: np.ndarray
    predicted: np.ndarray


@dataclass(frozen=True, slots=True)
class ProtocolRun:
    """Everything that a predictor foretold under a protocol."""

    name: str
    protocol: str
    folds: tuple[FoldResult, ...]
    tests: tuple[Test, ...]

    def fold_table(self, labels_ND: np.ndarray) -> list[dict[str, Any]]:
        """One row per model: sizes, validation and test R2 and squared error, facts."""
        return [_fold_row(result, labels_ND) for result in self.folds]


def _fold_row(result: FoldResult, labels: np.ndarray) -> dict[str, Any]:
    fold, seen = result.fold, result.learns_valid
    valid, test = labels[fold.valid], labels[fold.test]
    return {
        "seed": result.seed,
        "fold": fold.name,
        "train": len(fold.train),
        "valid": len(fold.valid),
        "test": len(fold.test),
        "epochs": None,
        "best_epoch": None,
        "valid_r2": None if seen else r2_mean(valid, result.valid_predicted),
        "valid_mse": None if seen else mse(valid, result.valid_predicted),
        "test_r2": r2_mean(test, result.test_predicted),
        "test_mse": mse(test, result.test_predicted),
        "beats": None,
        "measures": None,
        **result.facts,
    }


def run_protocol(
    make_predictor: Callable[[int], Predictor],
    clips: Sequence[Clip],
    labels_ND: np.ndarray,
    protocol: Protocol,
    seeds: int | Sequence[int],
    *,
    name: str = "model",
    version: str = "",
    learns_valid: bool = False,
    out: str | Path | None = None,
    groups_N: np.ndarray | None = None,
    progress: Progress | None = None,
) -> ProtocolRun:
    """Train and measure a predictor on every fold of a protocol.

    ``make_predictor`` gets a number for its randomness, another one for every fold.  ``seeds`` is
    how many (0, 1, ...), or which.  With ``out`` every fold is kept in
    ``out/protocol/name/seed-S_FOLD.*`` and not trained again; ``version`` names what else makes
    the predictor what it is (its settings, its features), so that a change is not mistaken for it.
    ``learns_valid``: the predictor learns from the validation parts too.

    Raises DataError for clips that cannot be parted so, ValueError for predictions of another
    shape.
    """
    groups = passage_groups(clips) if groups_N is None else groups_N
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    jobs = [(s, f) for s in numbers for f in splits(clips, protocol, s, groups_N=groups)]
    folder = None if out is None else Path(out) / protocol / name
    keys = [clip.key for clip in clips]
    results = []
    for done, (seed, fold) in enumerate(jobs):
        if progress is not None:
            progress(done, len(jobs), f"{name}: seed {seed}, {fold.name}")
        number = seed * 1000 + len([1 for s, _ in jobs[:done] if s == seed])
        place = _Place.of(folder, seed, fold, keys, labels_ND, f"{name} {version}")
        result = place.load(seed, fold)
        if result is None:
            result = _trained(make_predictor(number), seed, fold, labels_ND.shape[1])
            place.store(result)
        results.append(replace(result, learns_valid=learns_valid))
    if progress is not None:
        progress(len(jobs), len(jobs), name)
    return ProtocolRun(name, protocol, tuple(results), tuple(_tests(results)))


def _trained(predictor: Predictor, seed: int, fold: Fold, dimensions: int) -> FoldResult:
    fitted = predictor.fit(fold.train, fold.valid)
    found = []
    for index in (fold.valid, fold.test):
        predicted = np.asarray(fitted.predict(index), dtype=np.float64)
        if predicted.shape != (len(index), dimensions) or not np.isfinite(predicted).all():
            raise ValueError(
                f"predictions of shape {predicted.shape} or not finite, for {len(index)} clips"
            )
        found.append(predicted)
    return FoldResult(seed, fold, found[0], found[1], dict(plain(fitted.facts)))


def _tests(results: Sequence[FoldResult]) -> list[Test]:
    """The mean over the models that share a test part."""
    shared: dict[tuple[int, str], list[FoldResult]] = {}
    for result in results:
        shared.setdefault((result.seed, result.fold.test_name), []).append(result)
    return [
        Test(
            seed,
            name,
            members[0].fold.test,
            np.unique(np.concatenate([np.r_[m.fold.train, m.fold.valid] for m in members])),
            np.mean([m.test_predicted for m in members], axis=0),
        )
        for (seed, name), members in shared.items()
    ]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the result of a fold is kept, and the fingerprint that it must bear."""

    path: Path | None
    fingerprint: str

    @classmethod
    def of(
        cls,
        folder: Path | None,
        seed: int,
        fold: Fold,
        keys: Sequence[str],
        labels: np.ndarray,
        version: str,
    ) -> _Place:
        digest = hashlib.sha256(f"{version}\n{seed}\n".encode())
        digest.update("\n".join(keys).encode())
        digest.update(np.ascontiguousarray(labels, dtype="<f8").tobytes())
        for part in (fold.train, fold.valid, fold.test):
            digest.update(b"|" + part.astype("<i8").tobytes())
        path = None if folder is None else folder / f"seed-{seed}_{fold.name}.npz"
        return cls(path, digest.hexdigest())

    def load(self, seed: int, fold: Fold) -> FoldResult | None:
        """What was kept; None where there is nothing, or something else, or half of it."""
        if self.path is None:
            return None
        try:
            head = json.loads(self.path.with_suffix(".json").read_text(encoding="utf-8"))
            if head["fingerprint"] != self.fingerprint:
                return None
            with np.load(self.path, allow_pickle=False) as stored:
                valid, test = stored["valid"], stored["test"]
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            return None
        if len(valid) != len(fold.valid) or len(test) != len(fold.test):
            return None
        return FoldResult(seed, fold, valid, test, dict(head["facts"]))

    def store(self, result: FoldResult) -> None:
        """Keep a result; its JSON, which makes it count, comes last."""
        if self.path is None:
            return
        with atomic_path(self.path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, valid=result.valid_predicted, test=result.test_predicted)
        head = {"fingerprint": self.fingerprint, "facts": result.facts}
        write_atomic(self.path.with_suffix(".json"), json.dumps(plain(head), indent=2) + "\n")
