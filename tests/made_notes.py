"""Clips made up note by note, for networks that read them."""

from __future__ import annotations

import numpy as np

from partimento.music.critique_columns import FEATURE_SETS
from partimento.music.critique_features import NoteFeatures
from partimento.tasks.critique.data import LabelledClips


def made_clip(seed: int, notes: int = 40, feature_set: str = "full101") -> NoteFeatures:
    """A clip whose notes come four to a beat and twelve to a bar, in three voices."""
    rng = np.random.default_rng(seed)
    names = tuple(column.name for column in FEATURE_SETS[feature_set])
    beat = np.sort(rng.integers(0, max(1, notes // 4), notes))
    return NoteFeatures(
        columns=names,
        values=rng.normal(size=(notes, len(names))).astype(np.float32),
        beat=beat,
        measure=beat // 3,
        voice=rng.integers(1, 4, notes),
        onset_sec=np.arange(notes, dtype=np.float64),
        pitch=rng.integers(40, 90, notes),
        score_match=1.0,
    )


def made_clips(count: int, seed: int = 0, feature_set: str = "full101") -> LabelledClips:
    """Clips of 12 to 40 notes; their first columns, averaged, say what the labels are."""
    rng = np.random.default_rng(seed)
    features, labels = [], []
    for k in range(count):
        clip = made_clip(1000 * seed + k, int(rng.integers(12, 41)), feature_set)
        shift = rng.normal(size=19)
        clip.values[:, :19] += shift.astype(np.float32)
        features.append(clip)
        labels.append(1 / (1 + np.exp(-0.6 * shift)))
    human = np.arange(count) % 4 > 0
    keys = tuple(f"clip{k}" for k in range(count))
    return LabelledClips(keys, tuple(features), np.array(labels), human)
