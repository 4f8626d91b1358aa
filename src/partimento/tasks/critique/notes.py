"""Batches of clips as the networks read them: the notes of all clips in one table, or padded.

Shape suffixes: N notes of all clips together, B clips, T notes of the longest clip, F columns,
M beats or bars of all clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from partimento.music.critique_features import NoteFeatures


class NoteBatch(NamedTuple):
    """Clips one after the other.

    ``values_NF`` float32; ``clip_N``, ``voice_N``, ``beat_N`` and ``measure_N`` number the clip,
    voice, beat and bar of each note, each voice, beat and bar belonging to one clip of the batch.
    ``clip_of_beat``, ``measure_of_beat`` and ``clip_of_measure`` say where these belong.
    """

    values_NF: Tensor
    clip_N: Tensor
    voice_N: Tensor
    beat_N: Tensor
    measure_N: Tensor
    clip_of_beat: Tensor
    measure_of_beat: Tensor
    clip_of_measure: Tensor
    clips: int

    @property
    def beats(self) -> int:
        """Beats of all clips."""
        return len(self.clip_of_beat)

    @property
    def measures(self) -> int:
        """Bars of all clips."""
        return len(self.clip_of_measure)


class PaddedNotes(NamedTuple):
    """Clips beside each other: ``values_BTF``; ``voice_BT``, ``beat_BT``, ``measure_BT`` as in the
    clip; ``length_B`` notes of each, behind which anything may stand.
    """

    values_BTF: Tensor
    voice_BT: Tensor
    beat_BT: Tensor
    measure_BT: Tensor
    length_B: Tensor

    def unpadded(self) -> NoteBatch:
        """The notes alone."""
        steps = torch.arange(self.values_BTF.shape[1], device=self.length_B.device)
        real_BT = steps < self.length_B[:, None]
        return number_notes(
            self.values_BTF[real_BT],
            real_BT.nonzero()[:, 0],
            self.voice_BT[real_BT],
            self.beat_BT[real_BT],
            self.measure_BT[real_BT],
            clips=len(self.length_B),
        )


def number_notes(
    values_NF: Tensor,
    clip_N: Tensor,
    voice_N: Tensor,
    beat_N: Tensor,
    measure_N: Tensor,
    clips: int,
) -> NoteBatch:
    """A batch from voices, beats and bars that are numbered within their clips.

    A beat that is in two bars (a change of metre) counts as two.
    """
    voice, _ = _numbered(clip_N, voice_N)
    measure, note_of_measure = _numbered(clip_N, measure_N)
    beat, note_of_beat = _numbered(measure, beat_N)
    return NoteBatch(
        values_NF=values_NF,
        clip_N=clip_N,
        voice_N=voice,
        beat_N=beat,
        measure_N=measure,
        clip_of_beat=clip_N[note_of_beat],
        measure_of_beat=measure[note_of_beat],
        clip_of_measure=clip_N[note_of_measure],
        clips=clips,
    )


def _numbered(outer_N: Tensor, inner_N: Tensor) -> tuple[Tensor, Tensor]:
    """Pairs numbered in rising order: the number of each row, and a row that has each number."""
    lowest = inner_N.min()
    keys = outer_N * (inner_N.max() - lowest + 1) + inner_N - lowest
    found, number_N = torch.unique(keys, return_inverse=True)
    rows = torch.arange(len(keys), device=keys.device)
    # Of several rows with one number any will do; the first makes it the same everywhere.
    first = rows.new_full((len(found),), len(keys)).scatter_reduce(0, number_N, rows, "amin")
    return number_N, first


def gather(clips: Sequence[NoteFeatures]) -> NoteBatch:
    """The notes of clips, whose values are standardised already, as one batch.

    Raises ValueError for no clip and for a clip without notes.
    """
    _check(clips)
    lengths = torch.tensor([len(clip) for clip in clips])

    def joined(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.concatenate(arrays))

    return number_notes(
        joined([clip.values for clip in clips]),
        torch.arange(len(clips)).repeat_interleave(lengths),
        joined([clip.voice for clip in clips]),
        joined([clip.beat for clip in clips]),
        joined([clip.measure for clip in clips]),
        clips=len(clips),
    )


def pad(clips: Sequence[NoteFeatures], length: int | None = None) -> PaddedNotes:
    """The notes of clips beside each other, zeros behind; ``length`` of at least the longest.

    Raises ValueError for no clip, a clip without notes, and a ``length`` that is too short.
    """
    _check(clips)
    longest = max(len(clip) for clip in clips)
    steps = longest if length is None else length
    if steps < longest:
        raise ValueError(f"a clip of {longest} notes does not fit into {steps}")
    values = torch.zeros(len(clips), steps, clips[0].values.shape[1])
    voice, beat, measure = torch.zeros(3, len(clips), steps, dtype=torch.int64)
    for row, clip in enumerate(clips):
        real = slice(len(clip))
        values[row, real] = torch.from_numpy(clip.values)
        voice[row, real] = torch.from_numpy(clip.voice)
        beat[row, real] = torch.from_numpy(clip.beat)
        measure[row, real] = torch.from_numpy(clip.measure)
    lengths = torch.tensor([len(clip) for clip in clips])
    return PaddedNotes(values, voice, beat, measure, lengths)


def _check(clips: Sequence[NoteFeatures]) -> None:
    if not clips or any(len(clip) == 0 for clip in clips):
        raise ValueError("a batch needs clips, and every clip notes")
