"""Pieces for the strong model: grids with what is known about metre, fermatas and key.

All times are frames of one 16th.  Reads the canonical form, the rich form, hymns and synthetic
chorales (see ``docs/data.md``); everything random takes a generator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.music.fermatas import MIN_AGREEMENT, align, rich_grid
from partimento.music.grid import load_canonical, read_json, transpose_grid
from partimento.tasks.chorale.frames import (
    FERMATA_UNKNOWN,
    HIGH,
    LOW,
    PHASES,
    SILENCE_TOKEN,
    FrameBatch,
)

BACH, HYMN, SYNTHETIC = 0, 1, 2


@dataclass(frozen=True)
class Piece:
    """One piece: ``grid`` (T, 4) MIDI pitches, -1 silence; metadata per frame or None."""

    name: str
    grid: np.ndarray
    style: int = BACH
    phase: np.ndarray | None = None
    fermata: np.ndarray | None = None
    key: int = 0


def key_index(fifths: int, minor: bool) -> int:
    """Class of a key signature and mode: 0 unknown, 1..30."""
    return 1 + int(np.clip(fifths, -7, 7)) + 7 + 15 * int(minor)


def bar_phase(frames: int, measures16: Sequence[int], pickup16: int, bar16: int) -> np.ndarray:
    """16ths since the (virtual) start of the bar, for every frame; the pickup ends a bar."""
    starts = np.asarray(measures16 if len(measures16) else [0])
    t = np.arange(frames)
    i = np.clip(np.searchsorted(starts, t, side="right") - 1, 0, None)
    phase = t - starts[i]
    if pickup16:
        phase = np.where(i == 0, phase + bar16 - pickup16, phase)
    return np.minimum(phase, PHASES - 1)


def with_metadata(piece: Piece, rich: Mapping[str, Any]) -> tuple[float, Piece]:
    """Metre, fermatas and key of a rich encoding laid on a canonical piece, and the agreement.

    The canonical grid may unfold repeats and be transposed; see :mod:`partimento.music.fermatas`.
    """
    source, fermata = rich_grid(rich)
    place, agreement = align(piece.grid, source)
    beats, beat_type = map(int, rich["time"][0][1].split("/"))
    bar16 = 16 * beats // beat_type
    phase = bar_phase(len(source), rich["measures16"], rich["pickup16"], bar16)[place]
    sure = agreement >= MIN_AGREEMENT
    shift = round(float(np.median((piece.grid - source[place])[sure]))) if sure.any() else 0
    key = transpose_key(key_index(rich["sharps"], rich["mode"] == "minor"), shift)
    known = Piece(
        piece.name,
        piece.grid,
        piece.style,
        np.where(sure, phase, PHASES + np.arange(len(place)) % 16),
        np.where(sure, fermata[place], False).astype(np.int64),
        key,
    )
    return float(agreement.mean()), known


def transpose_key(key: int, semitones: int) -> int:
    """Class of the key signature after a transposition; unknown stays unknown."""
    if not key:
        return 0
    minor, fifths = divmod(key - 1, 15)
    return key_index((fifths - 7 + 7 * semitones + 5) % 12 - 5, bool(minor))


def canonical_pieces(path: Path, split: str, rich: Path | None = None) -> list[Piece]:
    """Pieces of one split, with metadata where a piece of the rich file agrees well enough."""
    grids = load_canonical(path, split)
    best = [(MIN_AGREEMENT, Piece(f"{split}-{i}", grid)) for i, grid in enumerate(grids)]
    for encoding in read_json(rich)["pieces"] if rich else []:
        for name, index in encoding["jsb"]:
            if name == split:
                found = with_metadata(best[index][1], encoding)
                best[index] = max(best[index], found, key=lambda pair: pair[0])
    return [piece for _, piece in best]


def usable(grid: np.ndarray) -> bool:
    """Whether every pitch fits the vocabulary and the piece is worth learning from."""
    pitched = grid[grid >= 0]
    return len(grid) >= 32 and pitched.size > 0 and LOW <= pitched.min() <= pitched.max() <= HIGH


def hymn_pieces(path: Path) -> list[Piece]:
    """Open Hymnal pieces (style 1)."""
    pieces = read_json(path)["pieces"]
    found = [Piece(p["id"], np.asarray(p["grid"], dtype=np.int64), HYMN) for p in pieces]
    return [p for p in found if usable(p.grid)]


def synthetic_pieces(path: Path) -> list[Piece]:
    """JS Fakes pieces (style 2)."""
    pieces = read_json(path)["train"]
    found = [
        Piece(f"fake-{i}", np.asarray(p, dtype=np.int64), SYNTHETIC) for i, p in enumerate(pieces)
    ]
    return [p for p in found if usable(p.grid)]


def transpose(piece: Piece, semitones: int) -> Piece:
    """The piece in another key (metadata moves along)."""
    grid = transpose_grid(piece.grid, semitones)
    return replace(piece, grid=grid, key=transpose_key(piece.key, semitones))


@dataclass(frozen=True)
class Known:
    """Which metadata of a piece the model may see."""

    phase: bool = False
    fermata: bool = False
    key: bool = False


NOTHING_KNOWN = Known()
ALL_KNOWN = Known(True, True, True)


def draw_known(rng: np.random.Generator, share: float) -> Known:
    """Nothing with probability ``1 - share``, otherwise each field with probability 0.8."""
    if rng.random() >= share:
        return NOTHING_KNOWN
    return Known(*(bool(x) for x in rng.random(3) < 0.8))


def draw_given(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Random given cells (T, 4) for training: a voice, several voices, or all but a region."""
    given = np.zeros((frames, 4), dtype=bool)
    kind = rng.random()
    if kind < 0.55:
        given[:, 0] = True
    elif kind < 0.65:
        given[:, 3] = True
    elif kind < 0.85:
        given[:, rng.permutation(4)[: rng.integers(1, 4)]] = True
    else:
        given[:] = True
        start = int(rng.integers(0, max(1, frames - 8)))
        length = int(rng.integers(8, max(9, frames // 2)))
        voices = rng.permutation(4)[: rng.integers(1, 5)]
        given[start : start + length, voices] = False
    return given


def collate(
    pieces: Sequence[Piece], given: Iterable[np.ndarray | None], known: Iterable[Known]
) -> FrameBatch:
    """Pad pieces into one batch.

    ``given`` (T, 4) marks cells known in advance (None: none).  ``known`` says which metadata the
    model may see; without it the phase is ``frame mod 16``, the bar line unknown.
    """
    B, T = len(pieces), max(len(p.grid) for p in pieces)
    tokens = np.full((B, T, 4), SILENCE_TOKEN)
    mask = np.zeros((B, T, 4), dtype=bool)
    valid = np.zeros((B, T), dtype=bool)
    phase = np.tile(PHASES + np.arange(T) % 16, (B, 1))
    fermata = np.full((B, T), FERMATA_UNKNOWN)
    truth = np.full((B, T), FERMATA_UNKNOWN)
    key = np.zeros((B, T), dtype=np.int64)
    for b, (piece, cells, keep) in enumerate(zip(pieces, given, known, strict=True)):
        n = len(piece.grid)
        tokens[b, :n] = np.where(piece.grid >= 0, piece.grid - LOW, SILENCE_TOKEN)
        valid[b, :n] = True
        if cells is not None:
            mask[b, :n] = cells
        if keep.phase and piece.phase is not None:
            phase[b, :n] = piece.phase
        if piece.fermata is not None:
            truth[b, :n] = piece.fermata
        if keep.fermata and piece.fermata is not None:
            fermata[b, :n] = piece.fermata
        if keep.key:
            key[b, :n] = piece.key
    return FrameBatch(
        tokens_BTC=torch.from_numpy(tokens),
        given_BTC=torch.from_numpy(mask),
        phase_BT=torch.from_numpy(phase),
        fermata_BT=torch.from_numpy(fermata),
        key_BT=torch.from_numpy(key),
        style_B=torch.tensor([p.style for p in pieces]),
        valid_BT=torch.from_numpy(valid),
        fermata_truth_BT=torch.from_numpy(truth),
    )
