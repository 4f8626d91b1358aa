"""What the source design learns from: frames of clips with their classes, and the targets.

Legend: N clips, K classes, T frames, D width, E... the shape of a target.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.core.errors import DataError
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.frames import (
    FrameEncoder,
    cached_frames,
    load_frame_encoder,
    pad_frames,
)
from partimento.tasks.audio2visual.hearing import Clip, read_folder
from partimento.tasks.audio2visual.source_config import SoundDataConfig
from partimento.tasks.audio2visual.source_model import FrameBatch

SAMPLING_PLUS = "Sampling+"


@dataclass(frozen=True)
class LabelledFrames:
    """Frames of N clips by encoder, each (T, D), and the clips' classes (N,) in ``labels``."""

    labels: tuple[str, ...]
    classes_N: np.ndarray
    frames: Mapping[str, Sequence[np.ndarray]] = field(repr=False)
    encoders: tuple[str, ...] = ()
    """What the encoders were named in the recipe."""

    def __len__(self) -> int:
        return len(self.classes_N)

    @property
    def widths(self) -> dict[str, int]:
        """Width of each encoder's frames."""
        return {name: rows[0].shape[1] for name, rows in self.frames.items()}

    def part(self, index: np.ndarray) -> LabelledFrames:
        """The clips at ``index`` (n,)."""
        places = index.tolist()
        frames = {name: [rows[i] for i in places] for name, rows in self.frames.items()}
        return LabelledFrames(self.labels, self.classes_N[index], frames, self.encoders)

    def batch(self, index: np.ndarray) -> FrameBatch:
        """Padded frames of the clips at ``index``."""
        return frame_batch(self.part(index).frames)

    def hash(self) -> str:
        """SHA-256 of classes and frames."""
        digest = sha256("\n".join(self.labels).encode() + self.classes_N.astype("<i8").tobytes())
        for name in sorted(self.frames):
            for rows in self.frames[name]:
                digest.update(f"{name}{rows.shape}".encode() + rows.astype("<f4").tobytes())
        return digest.hexdigest()


def frame_batch(frames: Mapping[str, Sequence[np.ndarray]]) -> FrameBatch:
    """Frames of clips by encoder, padded to the longest of each."""
    padded = {name: pad_frames(rows) for name, rows in frames.items()}
    return FrameBatch(
        {name: torch.from_numpy(values) for name, (values, _) in padded.items()},
        {name: torch.from_numpy(keep) for name, (_, keep) in padded.items()},
    )


@dataclass(frozen=True)
class Targets:
    """The classes' targets by head, (K, E...) float32 in the order of the labels."""

    tables: Mapping[str, Tensor]
    zscore: bool = True
    source: Mapping[str, Any] = field(default_factory=dict)
    """Where they come from, for the weights' metadata."""

    @classmethod
    def of_bank(
        cls, bank: PromptBank, labels: Sequence[str], heads: Sequence[str], *, zscore: bool = True
    ) -> Targets:
        """Rows of a prompt bank.  Raises InputFileError for a label that the bank has not."""
        rows = bank.rows(labels)
        arrays = {"clip": rows.clip_KE, "t5": rows.t5_KLE}
        tables = {h: torch.from_numpy(np.array(arrays[h], dtype=np.float32)) for h in heads}
        return cls(tables, zscore, {**dict(bank.meta), "hash": bank.hash})

    def mean(self, head: str, classes_N: np.ndarray) -> Tensor:
        """(E...): the mean target of clips, the best constant answer."""
        return self._moments(head, classes_N)[0]

    def statistics(self, head: str, classes_N: np.ndarray) -> tuple[Tensor, Tensor]:
        """Mean and scale of a head's values over clips; 0 and 1 without z-scores.

        A value that is the same for all classes has a scale near 0.
        """
        if not self.zscore:
            table = self.tables[head]
            return torch.zeros_like(table[0]), torch.ones_like(table[0])
        return self._moments(head, classes_N)

    def _moments(self, head: str, classes_N: np.ndarray) -> tuple[Tensor, Tensor]:
        table = self.tables[head].double()
        counts = torch.bincount(torch.from_numpy(classes_N), minlength=len(table)).double()
        share = (counts / counts.sum()).reshape(-1, *[1] * (table.ndim - 1))
        mean = (table * share).sum(0)
        spread = ((table - mean).square() * share).sum(0).sqrt()
        # Differences below float16's resolution are noise of the bank's file, and what is predicted
        # for a number that never changes must not count: hence a small scale for it, not 1.
        floor = max(1e-3 * float(table.abs().max()), 1e-9)
        return mean.float(), spread.clamp_min(floor).float()


def read_parts(
    data: SoundDataConfig,
    heads: Sequence[str],
    progress: Callable[[int, int], None] | None = None,
) -> tuple[LabelledFrames, LabelledFrames, Targets]:
    """Training clips, validation clips and targets that a recipe names.

    Raises DataError where a fold or class has no clip, InputFileError for a bad file.
    """
    clips = read_folder(data.csv, data.audio)
    folds = (*data.train_folds, *data.valid_folds)
    missing = sorted(set(folds) - {clip.fold for clip in clips})
    if missing:
        raise DataError(f"there is no clip of fold {missing[0]}", where=data.csv)
    labels = data.classes or tuple(sorted({clip.category for clip in clips}))
    unknown = sorted(set(labels) - {clip.category for clip in clips})
    if unknown:
        raise DataError(f"there is no clip of the class {unknown[0]!r}", where=data.csv)
    chosen = [clip for clip in clips if clip.fold in folds and clip.category in labels]
    encoders = [load_frame_encoder(spec, cls_only=data.cls_only) for spec in data.encoders]
    if len({encoder.name for encoder in encoders}) < len(encoders):
        raise DataError("an audio encoder is named twice", where="data.encoders")
    if data.leave_out_sampling:
        held = data.valid_folds
        chosen = [c for c in chosen if c.fold in held or SAMPLING_PLUS not in c.licence]
    heard = hear(chosen, labels, encoders, data, progress)
    in_training = np.array([clip.fold in data.train_folds for clip in chosen])
    targets = Targets.of_bank(PromptBank.load(data.bank), labels, heads, zscore=data.zscore)
    parts = heard.part(np.flatnonzero(in_training)), heard.part(np.flatnonzero(~in_training))
    return *parts, targets


def hear(
    clips: Sequence[Clip],
    labels: Sequence[str],
    encoders: Sequence[FrameEncoder],
    data: SoundDataConfig,
    progress: Callable[[int, int], None] | None = None,
) -> LabelledFrames:
    """Frames of clips by every encoder, kept in the cache that ``data`` names."""
    frames: dict[str, list[np.ndarray]] = {encoder.name: [] for encoder in encoders}
    for number, clip in enumerate(clips):
        # Several encoders, one reading; none where all frames are kept.
        sound = lru_cache(maxsize=1)(clip.sound)
        for encoder in encoders:
            found = cached_frames(encoder, clip.path, sound, data.cache)
            frames[encoder.name].append(found)
        if progress is not None:
            progress(number + 1, len(clips))
    classes_N = np.array([labels.index(clip.category) for clip in clips], dtype=np.int64)
    return LabelledFrames(tuple(labels), classes_N, frames, data.encoders)
