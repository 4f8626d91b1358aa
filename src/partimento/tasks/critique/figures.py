"""The figures of a set of predictions, the same for a critic, a reference and a simple predictor.

All take a :class:`Bench`: the clips with what is known about them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.music.percepiano import Clip, Ratings
from partimento.tasks.critique import metrics
from partimento.tasks.critique.ceiling import ceiling, split_half


@dataclass(frozen=True, slots=True)
class Bench:
    """N clips with their labels (N, 19), and what else is known of them.

    ``deviations`` (N, 19) of the raters and ``errors`` (N, 19), the standard errors of the labels;
    ``groups`` (N,) of clips that share notes; ``notes`` (N,) played, 0 where that is not known.
    """

    clips: tuple[Clip, ...]
    labels: np.ndarray
    groups: np.ndarray
    deviations: np.ndarray | None = None
    errors: np.ndarray | None = None
    ratings: Ratings | None = None
    notes: np.ndarray | None = None

    @property
    def human(self) -> np.ndarray:
        """(N,) bool: no deadpan renditions."""
        return np.array([not clip.deadpan for clip in self.clips], dtype=bool)

    @property
    def passages(self) -> list[str]:
        """Names of the passages."""
        return [clip.passage for clip in self.clips]


@dataclass(frozen=True, slots=True)
class Foretold:
    """Predictions (n, 19) of the clips ``index`` (n,) of one test set."""

    index: np.ndarray
    predicted: np.ndarray


def basic(bench: Bench, tests: Sequence[Foretold]) -> dict[str, Any]:
    """Mean R2, human-only R2, squared error and range accuracy, each the mean over the test sets.

    Range accuracy only where the deviations of the raters are known.
    """
    human = bench.human
    figures: dict[str, Any] = {
        "r2_mean": _over(tests, lambda t: metrics.r2_mean(bench.labels[t.index], t.predicted)),
        "r2_human_only": _over(
            tests,
            lambda t: metrics.r2_mean(
                bench.labels[t.index[human[t.index]]], t.predicted[human[t.index]]
            ),
        ),
        "mse": _over(tests, lambda t: metrics.mse(bench.labels[t.index], t.predicted)),
    }
    if bench.deviations is not None:
        ranges = [
            metrics.ranges_table(bench.labels[t.index], t.predicted, bench.deviations[t.index])
            for t in tests
        ]
        figures["ra"] = {
            k: metrics.mean_of(np.array([table[k] for table in ranges])) for k in ranges[0]
        }
    return figures


def full(bench: Bench, tests: Sequence[Foretold], generator: np.random.Generator) -> dict[str, Any]:
    """:func:`basic` with intervals, order of pairs, dimensions, lengths and works."""
    everything = [(bench.labels[t.index], t.predicted, t.index) for t in tests]
    result: dict[str, Any] = basic(bench, tests)
    result["r2_interval_95"] = metrics.r2_interval(everything, bench.groups, generator)
    result.update(_pairs(bench, tests, generator))
    result["per_dimension"] = _dimensions(bench, tests)
    result["per_length"] = _by(bench, tests, _lengths(bench))
    result["per_bars"] = _by(bench, tests, [f"{clip.bars} bars" for clip in bench.clips])
    result["per_work"] = _by(bench, tests, [clip.work for clip in bench.clips])
    result["n"] = sum(len(t.index) for t in tests)
    return result


def _over(tests: Sequence[Foretold], figure: Callable[[Foretold], float]) -> float:
    return metrics.mean_of(np.array([figure(test) for test in tests]))


def _pairs(
    bench: Bench, tests: Sequence[Foretold], generator: np.random.Generator
) -> dict[str, Any]:
    """Pair accuracy; the first test set of several gives the interval only if it is the only one.

    ``pair_accuracy_clear`` counts pairs whose labels differ by more than the raters' error.
    """
    passages = np.array(bench.passages, dtype=str)
    rows = [_pair_row(bench, test, passages, None) for test in tests]
    result: dict[str, Any] = {"pair_accuracy": metrics.mean_of(_known_mean(rows))}
    if bench.errors is not None:
        clear = [_pair_row(bench, test, passages, bench.errors) for test in tests]
        result["pair_accuracy_clear"] = metrics.mean_of(_known_mean(clear))
    if len(tests) == 1:
        (test,) = tests
        labels, names = bench.labels[test.index], passages[test.index].tolist()
        result["pair_interval_95"] = metrics.pair_interval(
            labels, test.predicted, names, bench.groups[test.index], generator
        )
    return result


def _pair_row(
    bench: Bench, test: Foretold, passages: np.ndarray, errors: np.ndarray | None
) -> np.ndarray:
    own = None if errors is None else errors[test.index]
    names = passages[test.index].tolist()
    return metrics.pair_accuracy(bench.labels[test.index], test.predicted, names, own)


def _known_mean(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Mean (D,) over test sets of what is known."""
    table = np.stack(rows)
    return np.array([metrics.mean_of(table[:, d]) for d in range(table.shape[1])])


def _dimensions(bench: Bench, tests: Sequence[Foretold]) -> dict[str, dict[str, Any]]:
    passages = np.array(bench.passages, dtype=str)
    human = bench.human
    columns = {
        "r2": _known_mean(
            [metrics.r2_per_dimension(bench.labels[t.index], t.predicted) for t in tests]
        ),
        "r2_human_only": _known_mean(
            [
                metrics.r2_per_dimension(
                    bench.labels[t.index[human[t.index]]], t.predicted[human[t.index]]
                )
                for t in tests
            ]
        ),
        "mse": _known_mean(
            [((bench.labels[t.index] - t.predicted) ** 2).mean(axis=0) for t in tests]
        ),
        "pair_accuracy": _known_mean([_pair_row(bench, t, passages, None) for t in tests]),
    }
    if bench.errors is not None:
        columns["ceiling"] = ceiling(bench.labels, bench.errors)
    return metrics.dimension_table(columns)


def _lengths(bench: Bench) -> list[str]:
    if bench.notes is None:
        return []
    return [metrics.length_band(int(count)) for count in bench.notes]


def _by(
    bench: Bench, tests: Sequence[Foretold], kinds: Sequence[str]
) -> dict[str, dict[str, float | int]]:
    """Figures by kind of clip over all test sets, each against the kind's own mean."""
    if not kinds:
        return {}
    index = np.concatenate([t.index for t in tests])
    predicted = np.concatenate([t.predicted for t in tests])
    own = [kinds[int(i)] for i in index]
    table = metrics.by_kind(bench.labels[index], predicted, own)
    return {kind: table[kind] for kind in sorted(table, key=_natural)}


def _natural(text: str) -> tuple[int, str]:
    """Kinds that begin with a number in its order, before the others."""
    head = text.split("-")[0].split(" ")[0]
    return (int(head) if head.isdigit() else 1 << 30, text)


def noise_ceiling(bench: Bench, generator: np.random.Generator) -> dict[str, Any] | None:
    """The largest mean R2 that the raters' noise leaves, from their rows where they are known.

    ``source`` says from what; None without ratings and deviations.
    """
    if bench.errors is None:
        return None
    human = bench.human
    result: dict[str, Any] = {
        "r2_mean": metrics.mean_of(ceiling(bench.labels, bench.errors)),
        "r2_human_only": metrics.mean_of(ceiling(bench.labels[human], bench.errors[human])),
        "source": "deviations of the raters",
    }
    if bench.ratings is not None:
        keys = [clip.key for clip in bench.clips]
        halves = split_half(bench.ratings, keys, generator)
        result["split_half"] = metrics.mean_of(halves)
        result["source"] = "rows of the raters, several by one rater counted as one"
    return result
