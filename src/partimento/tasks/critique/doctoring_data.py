"""PercePiano as the doctor examines it: columns per note, labels, raters, and who shares what."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partimento.core.errors import ConfigError
from partimento.doctor.case import DataFacts
from partimento.music.corpora_percepiano import PERCEPIANO, percepiano_dir
from partimento.music.critique_columns import FEATURE_SETS
from partimento.music.critique_features import Standard
from partimento.music.percepiano import RATINGS, Clip, passage_groups, read_ratings
from partimento.tasks.critique.data import FeatureSet, find_clips, read_features
from partimento.tasks.critique.folds import PROTOCOLS, Fold, Protocol, splits

SCORE_ONLY = "score-only"
"""The columns that know the score and not the performance; as the earlier replicas had it."""
LIMIT = 1000
"""Clips that are looked at; of more whole passages are drawn.  A new clip takes 0.2 s."""


def data_facts(
    folder: Path,
    *,
    features: str = "full101",
    labels: Path | None = None,
    protocol: str = "passage",
    fold: int = 0,
    limit: int = LIMIT,
    seed: int = 0,
    cache: Path | None = None,
) -> DataFacts:
    """Facts of clips in the layout of PercePiano, parted by a protocol's fold.

    ``features``: a feature set, or ``score-only`` for ``score79``.  Columns are standardised by
    the training clips, as the networks see them.  Clips without a label count as dropped.
    Raises DataError where no clip has a label, ConfigError for options that do not exist.
    """
    source = percepiano_dir() if _installed(folder) else folder
    clips, values = find_clips(str(source), None if labels is None else str(labels))
    fold_of = _fold(clips, protocol, fold, seed)
    kept = _whole_passages(clips, limit, seed)
    part = _parts(fold_of, len(clips))
    columns = read_features([clips[i] for i in kept], _feature_set(features), cache)
    train = [one for one, i in zip(columns, kept, strict=True) if part[i] == "train"]
    standard = Standard.fit(train or columns)
    groups = passage_groups(clips)
    return DataFacts(
        inputs=[standard.apply(one).values for one in columns],
        labels=values[kept],
        split=[part[i] for i in kept],
        groups={
            "passage": [clips[i].passage for i in kept],
            "notes": [f"group {groups[i]}" for i in kept],
            "performer": ["" if clips[i].deadpan else clips[i].performer for i in kept],
            "work": [clips[i].work for i in kept],
        },
        classes=[clips[i].work for i in kept],
        rater_labels=_answers(source, [clips[i] for i in kept]),
        names=[clips[i].key for i in kept],
    )


def _installed(folder: Path) -> bool:
    return str(folder) == PERCEPIANO and not folder.exists()


def _feature_set(name: str) -> FeatureSet:
    wanted = "score79" if name == SCORE_ONLY else name
    for known in ("score79", "full101", "performance", "midi"):
        if wanted == known:
            return known
    names = ", ".join([SCORE_ONLY, *FEATURE_SETS])
    raise ConfigError(f"there is no feature set {name!r}", where="--features", fix=f"Give {names}")


def _fold(clips: Sequence[Clip], protocol: str, number: int, seed: int) -> Fold:
    chosen: Protocol
    for chosen in ("passage", "performer", "groups", "work"):
        if protocol == chosen:
            break
    else:
        names = ", ".join(PROTOCOLS)
        raise ConfigError(f"there is no protocol {protocol!r}", where="--protocol",
                          fix=f"Give {names}")  # fmt: skip
    folds = splits(clips, chosen, seed)
    if number >= len(folds):
        raise ConfigError(f"there are folds 0 to {len(folds) - 1}, not {number}", where="--fold")
    return folds[number]


def _parts(fold: Fold, count: int) -> list[str]:
    part = [""] * count
    for name, places in (("train", fold.train), ("valid", fold.valid), ("test", fold.test)):
        for place in places.tolist():
            part[place] = name
    return part


def _whole_passages(clips: Sequence[Clip], limit: int, seed: int) -> list[int]:
    """Places of at most about ``limit`` clips: passages in random order while they fit."""
    if len(clips) <= limit:
        return list(range(len(clips)))
    members: dict[str, list[int]] = {}
    for place, clip in enumerate(clips):
        members.setdefault(clip.passage, []).append(place)
    names, kept = sorted(members), list[int]()
    for i in np.random.default_rng(seed).permutation(len(names)).tolist():
        if not kept or len(kept) + len(members[names[i]]) <= limit:
            kept += members[names[i]]
    return sorted(kept)


def _answers(source: Path, clips: Sequence[Clip]) -> list[np.ndarray]:
    """The mean answer of each rater of each clip: matrices (raters, 19); none without a table.

    Raters answered for a clip several times, often alike: these are no independent answers.
    """
    if not (source / RATINGS).is_file():
        return []
    ratings = read_ratings(source / RATINGS)
    wanted = {clip.key: place for place, clip in enumerate(clips)}
    rows: list[dict[str, list[np.ndarray]]] = [{} for _ in clips]
    for key, rater, values in zip(ratings.clips, ratings.raters, ratings.values, strict=True):
        if key in wanted:
            rows[wanted[key]].setdefault(rater, []).append(values)
    empty = np.zeros((0, ratings.values.shape[1]))
    return [
        np.stack([_mean(np.stack(one)) for one in raters.values()]) if raters else empty
        for raters in rows
    ]


def _mean(values: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    count = known.sum(axis=0)
    return np.where(
        count > 0, np.where(known, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan
    )
