"""``evaluate critique --protocol``: models trained and measured fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.music.corpora_percepiano import percepiano_dir
from partimento.music.percepiano import DEVIATIONS, LABELS, RATINGS, read_clips, read_labels
from partimento.tasks.critique.contestants import contestant, known_contestants
from partimento.tasks.critique.evaluation_data import labelled, make_bench, write_evaluation
from partimento.tasks.critique.figures import Bench, Foretold, basic, full, noise_ceiling
from partimento.tasks.critique.folds import Protocol
from partimento.tasks.critique.metrics import mean_of, r2_mean
from partimento.tasks.critique.protocols import ProtocolRun, run_protocol
from partimento.tasks.critique.simple import mean_by_name, mean_predictor
from partimento.tasks.critique.statistics_table import StatisticsTable, statistics_table


def evaluate_protocol(
    protocol: Protocol,
    *,
    seeds: int = 5,
    data: str | Path | None = None,
    labels: str | Path | None = None,
    deviation: str | Path | None = None,
    ratings: str | Path | None = None,
    contestants: Sequence[str] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train and measure models under a protocol, beside everything they must be measured against.

    ``data`` is a folder with the clips and their tables (default: the installed corpus
    ``percepiano``); labels, deviations and ratings are looked for in it.  ``contestants`` are
    names of :data:`~partimento.tasks.critique.contestants.CONTESTANTS` (None: all).  With ``out``
    statistics and folds are kept there, and a stopped run goes on; the figures and a page are
    written there too.

    Raises ConfigError for an unknown contestant, DataError for a folder without labels and for
    clips that cannot be parted so.
    """
    names = known_contestants(contestants)
    bench, table = _protocol_data(data, (labels, deviation, ratings), out, progress)
    runs = []
    for name in names:
        made = contestant(name, bench, table)
        runs.append(
            run_protocol(
                made.make,
                bench.clips,
                bench.labels,
                protocol,
                seeds,
                name=Path(name).stem,
                version=made.version,
                learns_valid=made.learns_valid,
                out=out,
                groups_N=bench.groups,
                progress=progress,
            )
        )
    report = protocol_report(bench, runs, np.random.default_rng(seed), table)
    return report if out is None else write_evaluation(Path(out) / protocol, report)


def _protocol_data(
    data: str | Path | None,
    files: tuple[str | Path | None, str | Path | None, str | Path | None],
    out: str | Path | None,
    progress: Progress | None,
) -> tuple[Bench, StatisticsTable]:
    """Labelled clips that can be read, with their statistics."""
    folder = percepiano_dir() if data is None else Path(data)
    labels, deviation, ratings = (
        given if given is not None else _beside_the_clips(folder, name)
        for given, name in zip(files, (LABELS, DEVIATIONS, RATINGS), strict=True)
    )
    if labels is None:
        raise DataError(f"there is no {LABELS} here", where=str(folder), fix="Give --labels")
    clips, _ = labelled(read_clips(folder), read_labels(labels), str(labels))
    cache = None if out is None else Path(out) / "statistics"
    table = statistics_table(clips, cache=cache, progress=progress)
    if table.failed:
        clips = [clip for clip in clips if clip.key not in table.failed]
        table = statistics_table(clips, cache=cache)
    return make_bench(clips, labels, deviation, ratings, table.notes), table


def _beside_the_clips(folder: Path, name: str) -> Path | None:
    return folder / name if (folder / name).is_file() else None


def protocol_report(
    bench: Bench,
    runs: Sequence[ProtocolRun],
    generator: np.random.Generator,
    table: StatisticsTable | None = None,
) -> dict[str, Any]:
    """The figures of every model under one protocol, and what they stand beside.

    ``r2_mean`` is the mean over the test sets; ``r2_sd_over_seeds`` the standard deviation over
    the seeds of the mean of each seed's test sets; ``r2_pooled`` takes the test sets of a seed as
    one, so that the differences between them count as well.  The simple predictors know, for each
    test set, the clips that the models learnt from or were selected on.
    """
    first = runs[0]
    report: dict[str, Any] = {
        "protocol": first.protocol,
        "seeds": len({test.seed for test in first.tests}),
        "clips": len(bench.clips),
        "groups": len(np.unique(bench.groups)),
        "ceiling": noise_ceiling(bench, generator),
        **_simple(bench, first),
        "models": {run.name: _model(bench, run, generator, table) for run in runs},
    }
    return report


def _model(
    bench: Bench, run: ProtocolRun, generator: np.random.Generator, table: StatisticsTable | None
) -> dict[str, Any]:
    tests = [Foretold(test.index, test.predicted) for test in run.tests]
    figures = full(bench, tests, generator)
    per_seed = {}
    for seed in dict.fromkeys(test.seed for test in run.tests):
        own = [Foretold(test.index, test.predicted) for test in run.tests if test.seed == seed]
        pooled = r2_mean(
            bench.labels[np.concatenate([one.index for one in own])],
            np.concatenate([one.predicted for one in own]),
        )
        per_seed[str(seed)] = {**basic(bench, own), "r2_pooled": pooled}
    figures["r2_pooled"] = mean_of(np.array([row["r2_pooled"] for row in per_seed.values()]))
    spread = np.array([row["r2_mean"] for row in per_seed.values()])
    figures["r2_sd_over_seeds"] = float(spread.std(ddof=1)) if len(spread) > 1 else None
    figures["per_seed"] = per_seed
    figures["per_test"] = [
        {"seed": test.seed, "test": test.name, "n": len(test.index), **basic(bench, [one])}
        for test, one in zip(run.tests, tests, strict=True)
    ]
    figures["folds"] = [
        {**row, **_ranges(table, result.fold.train)}
        if table is not None and row["beats"] is None
        else row
        for row, result in zip(run.fold_table(bench.labels), run.folds, strict=True)
    ]
    return figures


def _ranges(table: StatisticsTable, train: np.ndarray) -> dict[str, Any]:
    """Lowest and highest number of beats and measures of the training clips with a score."""
    found: dict[str, Any] = {}
    for name in ("beats", "measures"):
        counts = getattr(table, name)[train]
        counts = counts[counts > 0]
        found[name] = [int(counts.min()), int(counts.max())] if counts.size else None
    return found


def _simple(bench: Bench, run: ProtocolRun) -> dict[str, Any]:
    """Mean, passage-mean and performer-mean predictors on the test sets of a run."""
    passages = bench.passages
    performers = [clip.performer for clip in bench.clips]
    tests = run.tests
    mean = [
        Foretold(test.index, mean_predictor(bench.labels[test.known], len(test.index)))
        for test in tests
    ]
    result: dict[str, Any] = {"mean_predictor": basic(bench, mean)}
    for name, names in (("passage", passages), ("performer", performers)):
        found, known = [], 0
        for test in tests:
            learnt = [names[int(i)] for i in test.known]
            asked = [names[int(i)] for i in test.index]
            predicted, seen = mean_by_name(bench.labels[test.known], learnt, asked)
            found.append(Foretold(test.index, predicted))
            known += int(seen.sum())
        share = known / max(1, sum(len(test.index) for test in tests))
        result[f"{name}_mean_predictor"] = {**basic(bench, found), "known_share": share}
    return result
