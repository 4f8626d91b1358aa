"""``evaluate critique``: a critic on labelled clips that it has never seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import ConfigError, DataError, PartimentoError
from partimento.core.progress import Progress
from partimento.music.percepiano import Clip, read_clips, read_labels
from partimento.tasks.critique.evaluation_data import labelled, make_bench, write_evaluation
from partimento.tasks.critique.figures import Bench, Foretold, basic, full, noise_ceiling
from partimento.tasks.critique.folds import Protocol
from partimento.tasks.critique.interface import ClipFiles
from partimento.tasks.critique.metrics import mean_of
from partimento.tasks.critique.simple import mean_predictor, others_of_passage

if TYPE_CHECKING:
    from partimento.tasks.critique.interface import Critic, Features


DEFAULT_WEIGHTS = "critique-strong"


def evaluate_critique(
    data: str | Path | None = None,
    labels: str | Path | None = None,
    *,
    deviation: str | Path | None = None,
    ratings: str | Path | None = None,
    weights: str | Path | Critic = DEFAULT_WEIGHTS,
    protocol: Protocol | None = None,
    seeds: int = 5,
    contestants: Sequence[str] | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a critic on labelled clips; or, with ``protocol``, models trained anew under it.

    See :func:`evaluate_clips`, for which ``data`` and ``labels`` are needed, and
    :func:`~partimento.tasks.critique.evaluate_protocol.evaluate_protocol`, for which ``seeds`` and
    ``contestants`` are.

    Raises ConfigError where ``data`` or ``labels`` is missing; else as those two.
    """
    if protocol is not None:
        from partimento.tasks.critique.evaluate_protocol import evaluate_protocol

        return evaluate_protocol(
            protocol,
            seeds=seeds,
            data=data,
            labels=labels,
            deviation=deviation,
            ratings=ratings,
            contestants=contestants,
            out=out,
            seed=seed,
            progress=progress,
        )
    if data is None or labels is None:
        raise ConfigError(
            "there is nothing to measure on",
            where="--data" if data is None else "--labels",
            fix="Give --data and --labels for a critic, or --protocol for models trained anew",
        )
    return evaluate_clips(
        data,
        labels,
        deviation=deviation,
        ratings=ratings,
        weights=weights,
        out=out,
        seed=seed,
        progress=progress,
    )


def evaluate_clips(
    data: str | Path,
    labels: str | Path,
    *,
    deviation: str | Path | None = None,
    ratings: str | Path | None = None,
    weights: str | Path | Critic = DEFAULT_WEIGHTS,
    out: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a critic on labelled clips, with or without scores.

    ``data`` is a folder with ``performances/`` and, where there are, ``score_xml/`` and
    ``score_midi/``; ``labels`` a JSON key -> 19 means in 0..1; ``deviation`` the same of the
    raters' deviations, for the range accuracy; ``ratings`` the rater rows, for the noise ceiling.
    ``mean_predictor`` gives every clip the mean label that the critic learnt from;
    ``passage_mean_predictor`` the mean label of the other performances of its passage here (it is
    told the answers, so it is a measure of what the music alone explains, no model).
    ``interval_share`` is the share of the labels inside the critic's intervals.  Intervals are
    bootstraps over groups of clips that share notes, drawn with ``seed``.

    Raises DataError when no clip has a label and can be read, InputFileError for weights that do
    not load.
    """
    clips, skipped = labelled(read_clips(data), read_labels(labels), str(labels))
    critic = _critic(weights)
    read, failed, told = _features(critic, clips, progress)
    kept = [clip for clip in clips if clip.key in read]
    skipped += failed
    if not kept:
        reason = failed[0]["reason"] if failed else "no performance has a label"
        raise DataError("no clip can be measured", where=str(data), fix=f"The first: {reason}")
    bench = make_bench(kept, labels, deviation, ratings, np.array([_notes(clip) for clip in kept]))
    generator = np.random.default_rng(seed)
    verdicts = critic.judge([read[clip.key] for clip in kept])
    mean, low, high = (
        np.stack([getattr(verdict, part) for verdict in verdicts])
        for part in ("mean", "low", "high")
    )
    everything = np.arange(len(kept))
    tests = [Foretold(everything, mean)]
    others, known = others_of_passage(bench.labels, bench.passages)
    inside = (bench.labels >= low) & (bench.labels <= high)
    report = {
        "weights": critic.name,
        **full(bench, tests, generator),
        "mean_predictor": _beside(
            bench, everything, mean_predictor(critic.scores_of_learnt(), len(kept))
        ),
        "passage_mean_predictor": {
            **_beside(bench, everything, others),
            "clips_with_others": int(known.sum()),
        },
        "ceiling": noise_ceiling(bench, generator),
        "interval_share": float(inside.mean()),
        "interval_promised": mean_of(np.array([verdict.coverage for verdict in verdicts])),
        "abstained_share": mean_of(
            np.array([len(v.abstained) / bench.labels.shape[1] for v in verdicts])
        ),
        "score_match": _matches([read[clip.key] for clip in kept]),
        "passages": len(set(bench.passages)),
        "groups": len(np.unique(bench.groups)),
        "notices": told,
        "skipped": skipped,
    }
    return report if out is None else write_evaluation(Path(out), report)


def _critic(weights: str | Path | Critic) -> Critic:
    if not isinstance(weights, str | Path):
        return weights
    from partimento.tasks.critique.loading import load_critic

    return load_critic(weights)


def _features(
    critic: Critic, clips: Sequence[Clip], progress: Progress | None
) -> tuple[dict[str, Features], list[dict[str, str]], list[str]]:
    """Statistics by key, why some clips have none, and what there is to say about the scores."""
    read: dict[str, Features] = {}
    failed, told = [], []
    for done, clip in enumerate(clips):
        if progress is not None:
            progress(done, len(clips), "clips")
        try:
            read[clip.key], notices = _read(critic, clip)
            told += notices
        except PartimentoError as error:
            failed.append({"clip": clip.key, "reason": error.text})
    if progress is not None:
        progress(len(clips), len(clips), "clips")
    return read, failed, told


def _read(critic: Critic, clip: Clip) -> tuple[Features, list[str]]:
    """With the score; from the performance alone where the score cannot be read.

    A score that does not match is left aside by the critic itself.
    """
    try:
        found = critic.features(ClipFiles(clip.performance, clip.score, clip.score_midi))
    except PartimentoError as error:
        if clip.score is None and clip.score_midi is None:
            raise
        found = critic.features(ClipFiles(clip.performance))
        return found, [f"{clip.key}: without its score ({error.what})"]
    return found, [f"{clip.key}: {warning}" for warning in found.warnings]


def _notes(clip: Clip) -> int:
    from partimento.music.performance import read_performance

    try:
        return len(read_performance(clip.performance))
    except PartimentoError:
        return 0


def _beside(bench: Bench, index: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    return basic(bench, [Foretold(index, predicted)])


def _matches(found: Sequence[Features]) -> dict[str, Any]:
    """How well the scores that were used match: their number, mean and least share."""
    known = [one.score_match for one in found if one.score_match is not None]
    values = np.array([value for value in known if np.isfinite(value)])
    if not values.size:
        return {"clips_with_score": 0}
    return {
        "clips_with_score": int(values.size),
        "mean": float(values.mean()),
        "lowest": float(values.min()),
    }
