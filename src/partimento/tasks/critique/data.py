"""What the networks learn from: clips with labels, parted by a protocol, as columns per note."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from partimento.core.config import Config
from partimento.core.errors import ConfigError, DataError
from partimento.music.corpora_percepiano import PERCEPIANO, percepiano_dir
from partimento.music.corpora_place import corpus_dir
from partimento.music.critique_columns import FEATURE_SETS, needs_score
from partimento.music.critique_features import NoteFeatures, cached_features
from partimento.music.percepiano import LABELS, Clip, read_clips, read_labels
from partimento.tasks.critique.folds import splits

FeatureSet = Literal["score79", "full101", "performance", "midi"]
_WITH_SCORE: FeatureSet = "full101"
"""Holds the columns of every set that needs a score, so each clip is aligned once for all."""


class ClipDataConfig(Config):
    """Clips, their columns, and what of them is learnt from."""

    clips: str = Field(
        PERCEPIANO,
        description="percepiano: what `partimento data add` has installed; "
        "or a folder that holds performances/, score_xml/ and score_midi/",
    )
    labels: str | None = Field(
        None, description="JSON with the mean labels; null: labels_mean.json beside the clips"
    )
    feature_set: FeatureSet = Field("full101", description="columns per note")
    protocol: Literal["passage", "performer", "groups", "work"] = Field(
        "passage", description="how clips are parted into training, validation and test"
    )
    split_seed: int = Field(0, ge=0, description="seed of the parting")
    fold: int = Field(0, ge=0, description="which of its folds, counted from 0")
    cache: str | None = Field(
        None, description="folder where columns are kept; null: beside the installed corpora"
    )


@dataclass(frozen=True)
class LabelledClips:
    """Clips of one part: columns not yet standardised, labels (n, 19), whether a human played."""

    keys: tuple[str, ...]
    features: tuple[NoteFeatures, ...]
    labels: np.ndarray
    human: np.ndarray

    def __len__(self) -> int:
        return len(self.keys)

    def part(self, index: np.ndarray) -> LabelledClips:
        """The clips at ``index`` (n,)."""
        places = index.tolist()
        return LabelledClips(
            tuple(self.keys[i] for i in places),
            tuple(self.features[i] for i in places),
            self.labels[index],
            self.human[index],
        )


@dataclass(frozen=True)
class Parts:
    """The parts of one fold, and its name."""

    name: str
    train: LabelledClips
    valid: LabelledClips
    test: LabelledClips


def find_clips(clips: str, labels: str | None = None) -> tuple[list[Clip], np.ndarray]:
    """Clips that have labels, and these (N, 19).  Raises DataError where there are none."""
    folder = percepiano_dir() if clips == PERCEPIANO else Path(clips)
    table = read_labels(folder / LABELS if labels is None else labels)
    known = [clip for clip in read_clips(folder) if clip.key in table]
    if not known:
        raise DataError("none of the clips has a label", where=str(clips))
    return known, np.array([table[clip.key] for clip in known])


def read_features(
    clips: Sequence[Clip],
    feature_set: FeatureSet,
    cache: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[NoteFeatures]:
    """Columns of clips, kept in ``cache``; see :func:`ClipDataConfig.cache`.

    Raises InputFileError and MusicError for clips that cannot be read.
    """
    folder = corpus_dir().parent / "features" if cache is None else Path(cache)
    stored = _WITH_SCORE if needs_score(feature_set) else feature_set
    found = cached_features(clips, stored, folder, progress)
    return [pick_columns(features, feature_set) for features in found]


def pick_columns(features: NoteFeatures, feature_set: str) -> NoteFeatures:
    """The columns of a set out of more columns.

    Raises ValueError when one is missing.
    """
    names = tuple(column.name for column in FEATURE_SETS[feature_set])
    if features.columns == names:
        return features
    missing = set(names) - set(features.columns)
    if missing:
        raise ValueError(f"no column {', '.join(sorted(missing))}")
    places = [features.columns.index(name) for name in names]
    return replace(features, columns=names, values=features.values[:, places])


def read_labelled(data: ClipDataConfig) -> tuple[list[Clip], LabelledClips]:
    """All labelled clips that a recipe names, with their columns."""
    clips, labels = find_clips(data.clips, data.labels)
    features = read_features(clips, data.feature_set, data.cache)
    human = np.array([not clip.deadpan for clip in clips], dtype=bool)
    return clips, LabelledClips(tuple(c.key for c in clips), tuple(features), labels, human)


def read_parts(data: ClipDataConfig) -> Parts:
    """The fold that a recipe names.

    Raises ConfigError for a fold that the protocol does not have.
    """
    clips, everything = read_labelled(data)
    folds = splits(clips, data.protocol, data.split_seed)
    if data.fold >= len(folds):
        raise ConfigError(
            f"the protocol {data.protocol} has folds 0 to {len(folds) - 1} here, not {data.fold}",
            where="data.fold",
        )
    fold = folds[data.fold]
    return Parts(fold.name, *(everything.part(i) for i in (fold.train, fold.valid, fold.test)))


def data_hash(clips: LabelledClips) -> str:
    """SHA-256 of the columns and labels of clips in order."""
    digest = hashlib.sha256(np.ascontiguousarray(clips.labels, dtype="<f8").tobytes())
    for features in clips.features:
        digest.update(len(features).to_bytes(4, "little"))
        digest.update(np.ascontiguousarray(features.values, dtype="<f4").tobytes())
    return digest.hexdigest()
