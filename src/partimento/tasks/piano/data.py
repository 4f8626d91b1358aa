"""What the event models learn from: performances as tokens, crops of them, validation windows.

Legend: B crops, T positions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from partimento.core.config import Config
from partimento.core.errors import DataError
from partimento.music.corpora_piano import PIANO_CORPORA, piano_corpus_table
from partimento.music.event_grammar import allowed_masks
from partimento.music.events import EOS, PAD, SOS, TickNotes, encode_events
from partimento.music.leaks import leaks
from partimento.music.performance_augment import Augmentation, augment
from partimento.tasks.piano.corpus import Collection, open_collection, read_collection


class EventDataConfig(Config):
    """Performances, how they are varied, and what of them is validated on."""

    performances: str = Field(
        "asap",
        description="asap or mutopia: what `partimento data add` has installed; "
        "or a folder of MIDI files, or a CSV that names them",
    )
    root: str | None = Field(None, description="folder that paths of the CSV start from")
    train_split: str = Field("train", description="name of the part to train on")
    valid_split: str = Field("validation", description="name of the part to validate on")
    valid_per_piece: int = Field(2, ge=1, description="performances of one piece validated at most")
    valid_windows: int | None = Field(
        48, ge=1, description="windows scored while training, spread over all; null: every event"
    )
    epoch_crops: int | None = Field(
        None, ge=1, description="crops that are called an epoch; null: every event once"
    )
    check_leaks: bool = Field(True, description="refuse works that are in both parts")
    transpose: int = Field(0, ge=0, le=11, description="largest transposition in semitones")
    transpose_probability: float = Field(0.3, ge=0, le=1, description="share of crops transposed")
    stretch: float = Field(0.0, ge=0, le=0.5, description="largest change of duration, as a share")
    stretch_probability: float = Field(1.0, ge=0, le=1, description="share of crops stretched")
    velocity: int = Field(0, ge=0, le=8, description="largest shift of velocity, in bins of 4")
    velocity_probability: float = Field(1.0, ge=0, le=1, description="share of crops shifted")

    @property
    def augmentation(self) -> Augmentation:
        """The variations as the music layer wants them."""
        names = ("transpose", "stretch", "velocity")
        chosen = {name: getattr(self, name) for name in names}
        shares = {f"{n}_probability": getattr(self, f"{n}_probability") for n in names}
        return Augmentation(**chosen, **shares)


class Crops(NamedTuple):
    """A batch: tokens (B, T) int64 to read, those to foretell, and which of these are real."""

    input_BT: Tensor
    target_BT: Tensor
    keep_BT: Tensor


@dataclass(frozen=True)
class Take:
    """One performance: its name, its piece, its notes."""

    name: str
    piece: str
    notes: TickNotes

    @cached_property
    def sequence(self) -> np.ndarray:
        """Start, events, end: int16 (L + 2,)."""
        return framed(self.notes)


def framed(notes: TickNotes) -> np.ndarray:
    """Start, the events of the notes, end: int16 (L + 2,)."""
    return np.concatenate([[SOS], encode_events(notes), [EOS]]).astype(np.int16)


def find_collection(performances: str, root: str | None = None) -> Collection:
    """The performances that a recipe names: an installed corpus, a folder, or a table.

    Raises DataError when they are not there.
    """
    if performances in PIANO_CORPORA:
        return open_collection(piano_corpus_table(performances))
    return open_collection(performances, root)


def read_takes(data: EventDataConfig, split: str, per_piece: int | None = None) -> list[Take]:
    """Performances of one part, sorted by name; at most ``per_piece`` of a piece, the first ones.

    Raises DataError when there are none, or one of them cannot be read.
    """
    collection = find_collection(data.performances, data.root)
    entries = [entry for entry in collection.entries if entry.split == split]
    if not entries:
        raise DataError(
            f"no performances are in the part {split!r} "
            f"(parts: {', '.join(collection.splits) or 'none'})",
            where=data.performances,
            fix="Name the parts with data.train_split and data.valid_split",
        )
    read, bad = read_collection(entries, per_piece)
    if bad or not read:
        reason = f"{bad[0].name}: {bad[0].reason}" if bad else "they hold no notes"
        raise DataError(
            f"{len(bad)} of the {len(entries)} performances of {split!r} cannot be read ({reason})",
            where=data.performances,
        )
    return [Take(p.entry.name, p.entry.piece, p.notes) for p in read]


def refuse_leaks(train: Sequence[Take], valid: Sequence[Take]) -> None:
    """Raise DataError when a work is in both parts, found by the notes and not by the names."""
    found = leaks({t.name: t.notes for t in train}, {t.name: t.notes for t in valid})
    if found:
        worst = found[0]
        raise DataError(
            f"{len(found)} pairs of performances of one work are in training and validation, "
            f"such as {worst.train} and {worst.valid} ({worst.containment:.2f} of their 6-grams)",
            where="data",
            fix="Split by work (`partimento data split`), or set data.check_leaks to false",
        )


def data_hash(takes: Sequence[Take]) -> str:
    """SHA-256 of the events of all performances in order."""
    digest = hashlib.sha256()
    for take in takes:
        digest.update(len(take.sequence).to_bytes(4, "little"))
        digest.update(take.sequence.astype("<i2").tobytes())
    return digest.hexdigest()


def cut_crops(
    takes: Sequence[Take],
    rows: np.ndarray,
    length: int,
    plan: Augmentation = Augmentation(),  # noqa: B008  (frozen)
    rng: np.random.Generator | None = None,
) -> Crops:
    """Crops of ``rows`` (piece, start), see :func:`partimento.training.samplers.epoch_windows`.

    Position t of a piece reads its token t and foretells token t + 1.  A crop that begins before
    its piece is moved to the beginning and loses its end instead.  With ``rng`` every crop is cut
    from a variation of its own, at the same share of its length.
    """
    inputs = np.full((len(rows), length), PAD, dtype=np.int64)
    targets = np.full((len(rows), length), PAD, dtype=np.int64)
    for row, (piece, begin) in enumerate(rows.tolist()):
        plain = takes[piece].sequence
        sequence = plain if rng is None else framed(augment(takes[piece].notes, plan, rng))
        start, stop = max(0, begin), begin + length
        if len(sequence) != len(plain):
            start = start * (len(sequence) - 1) // (len(plain) - 1)
            stop = start + stop - max(0, begin)
        part = sequence[start : stop + 1]
        inputs[row, : len(part) - 1] = part[:-1]
        targets[row, : len(part) - 1] = part[1:]
    keep = targets != PAD
    return Crops(*(torch.from_numpy(a) for a in (inputs, targets, keep)))


@dataclass(frozen=True)
class Window:
    """Tokens (T + 1,) of a validation window; targets from ``first`` on are scored.

    ``allowed`` (T, 391) packed bits: what the grammar lets follow each position.
    """

    tokens: np.ndarray
    first: int
    allowed: np.ndarray


def validation_windows(takes: Sequence[Take], length: int, count: int | None) -> list[Window]:
    """Windows that slide by half their length, so that each event but the first is scored once.

    After the first window of a piece only the second half is scored: every event there has at
    least half a window before it.  The end of a piece is not scored.  ``count`` windows are
    picked at equal distances from all of them.
    """
    half = length // 2
    places = []
    for take in takes:
        events = len(take.sequence) - 2
        starts = range(0, max(1, events - length + half), half)
        places += [(take, start, half if start else 0) for start in starts]
    if count is not None and count < len(places):
        places = [places[i * len(places) // count] for i in range(count)]
    return [_window(take, start, first, length) for take, start, first in places]


def _window(take: Take, start: int, first: int, length: int) -> Window:
    events = take.sequence[1:-1]
    stop = min(start + length, len(events))
    # The state of the grammar depends on everything before.
    allowed = np.asarray(allowed_masks(events[:stop]))[start:stop]
    return Window(take.sequence[start : stop + 1], first, np.packbits(allowed, axis=1))
