"""What the source design learns from: a text's cluster, then the events of the piece.

Legend: B windows, L positions.
"""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from partimento.core.errors import DataError
from partimento.music.amt_tokens import (
    BOS,
    DURATION,
    EOS,
    PAD,
    SEMANTIC,
    TIME_ON,
    TYPES,
    encode_amt,
    quantise,
    semantic_token,
    token_types,
)
from partimento.music.attributes import measure
from partimento.tasks.text2midi.corpus import LEAST_NOTES, read_corpus, split_part
from partimento.tasks.text2midi.examples_json import (
    TrainingExample,
    example_of,
    parsed,
    read_examples,
)
from partimento.tasks.text2midi.source_config import SourceDataConfig

HEAD = 2
"""Tokens in front of the events: BOS and the semantic token."""
SEMANTIC_PREFIX = "semantic."
"""In front of the names of the codebook's arrays in a checkpoint."""


@runtime_checkable
class Codebook(Protocol):
    """What is needed of :class:`partimento.tasks.text2midi.semantic.SemanticTokens`."""

    def encode_many(self, texts: Sequence[str]) -> np.ndarray:
        """Cluster of every text, and of what is left of it: (N, 2)."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Numbers to store."""
        ...

    def meta(self) -> dict[str, Any]:
        """Everything else to store, as JSON data."""
        ...


@dataclass(frozen=True, slots=True)
class SourcePiece:
    """One sequence: ``events`` (L,) int64 with EOS, under the semantic token of its text.

    ``group`` joins near-duplicates.  ``semantic`` is -1 before clusters are known.
    """

    name: str
    group: str
    text: str
    semantic: int
    events: np.ndarray


class SourceBatch(NamedTuple):
    """Tokens (B, L) int64 to read, those to foretell (one later), and which of these count."""

    input_BL: Tensor
    target_BL: Tensor
    keep_BL: Tensor


def corpus_pieces(data: SourceDataConfig, part: str) -> list[SourcePiece]:
    """Every section of the corpora's pieces of one part with a caption, without clusters yet."""
    found = []
    for corpus in data.corpora:
        for piece in read_corpus(corpus, part):
            for number, section in enumerate(piece.sections):
                events = np.append(encode_amt(quantise(section)), EOS)
                if len(section) < LEAST_NOTES or len(events) < data.least_tokens:
                    continue
                name = piece.id if len(piece.sections) == 1 else f"{piece.id}#{number}"
                attributes = replace(measure(section), style=piece.about.get("style") or None)
                text = written_caption(attributes, piece.about, data.caption_seed, name)
                found.append(SourcePiece(name, piece.group, text, -1, events))
    return found


def written_caption(attributes: Any, about: Mapping[str, str], seed: int, name: str) -> str:
    """The caption of a piece: the same for the same seed and name."""
    from partimento.tasks.text2midi.captions import caption

    return caption(attributes, about, np.random.default_rng([seed, zlib.crc32(name.encode())]))


def example_pieces(data: SourceDataConfig, part: str) -> list[SourcePiece]:
    """Sequences of a file of training examples; the part is drawn by the name of the MIDI file."""
    found = []
    for example in read_examples(str(data.examples)):
        if split_part(example.midi_file) != part:
            continue
        semantic, events = parsed(example)
        if len(events) >= data.least_tokens:
            name = example.midi_file
            found.append(SourcePiece(name, name, "", semantic, np.append(events, EOS)))
    return found


def piece_example(piece: SourcePiece) -> TrainingExample:
    """A piece as a training example of the source."""
    return example_of(f"{piece.name}.mid", piece.semantic, piece.events[:-1])


def fit_codebook(pieces: Sequence[SourcePiece], clusters: int, seed: int) -> Codebook:
    """Clusters of the texts of training pieces."""
    from partimento.tasks.text2midi.semantic import SemanticTokens

    return SemanticTokens.fit([p.text for p in pieces], k=clusters, seed=seed)


def with_semantic(pieces: Sequence[SourcePiece], codebook: Codebook) -> list[SourcePiece]:
    """Every piece under the first semantic token of its text."""
    if not pieces:
        return []
    first = codebook.encode_many([p.text for p in pieces])[:, 0]
    return [replace(p, semantic=int(k)) for p, k in zip(pieces, first, strict=True)]


def read_parts(
    data: SourceDataConfig, seed: int
) -> tuple[list[SourcePiece], list[SourcePiece], Codebook | None]:
    """Training and validation pieces, and the codebook, fitted on the former alone.

    Raises DataError when a part has no piece.
    """
    codebook: Codebook | None = None
    if data.examples is not None:
        train, valid = (example_pieces(data, part) for part in ("train", "valid"))
    else:
        train, valid = (corpus_pieces(data, part) for part in ("train", "valid"))
        if train:
            codebook = fit_codebook(train, data.clusters, seed)
            train, valid = (with_semantic(part, codebook) for part in (train, valid))
    if not train or not valid:
        raise DataError(
            f"{len(train)} pieces to learn from and {len(valid)} to validate are too few",
            fix="Give more pieces, or lower data.least_tokens",
        )
    return train, valid, codebook


# -- windows and batches ------------------------------------------------------------------------


def cut_windows(events: np.ndarray, positions: int) -> list[np.ndarray]:
    """Events cut into stretches that fit a context with their head, each ending with a note.

    The model reads all tokens of a window but the last, so that ``positions`` - 1 events fit.
    """
    room, windows, start = positions + 1 - HEAD, [], 0
    while start < len(events):
        end = min(start + room, len(events))
        if end < len(events):
            ends = np.flatnonzero(events[start:end] >= DURATION)
            end = start + int(ends[-1]) + 1 if len(ends) else end
        windows.append(events[start:end])
        start = end
    return windows


def framed(events: np.ndarray, semantic: int) -> np.ndarray:
    """BOS, the semantic token, the events."""
    return np.concatenate([[BOS, semantic_token(semantic)], events]).astype(np.int64)


def piece_windows(pieces: Sequence[SourcePiece], positions: int) -> list[np.ndarray]:
    """All windows of all pieces, framed."""
    return [
        framed(window, piece.semantic)
        for piece in pieces
        for window in cut_windows(piece.events, positions)
    ]


def collate(windows: Sequence[np.ndarray]) -> SourceBatch:
    """Framed windows as one batch: shifted by one, padded at the end.

    Padding does not count, nor the semantic token, which is given and not foretold.
    """
    longest = max(len(window) for window in windows)
    table = np.full((len(windows), longest), PAD, dtype=np.int64)
    for row, window in enumerate(windows):
        table[row, : len(window)] = window
    target = torch.from_numpy(table[:, 1:].copy())
    given = (target >= SEMANTIC) & (target < TIME_ON)
    return SourceBatch(torch.from_numpy(table[:, :-1].copy()), target, (target != PAD) & ~given)


def mean_nats(nats_BL: Tensor, keep_BL: Tensor) -> Tensor:
    """Nats per counted token."""
    return nats_BL.sum() / keep_BL.sum().clamp_min(1)


# -- statistics ---------------------------------------------------------------------------------


def statistics(pieces: Sequence[SourcePiece]) -> dict[str, Any]:
    """Figures of the sequences, all counted: lengths, tokens by type, sizes of the clusters."""
    lengths = np.array([len(p.events) + HEAD for p in pieces])
    if not len(lengths):
        return {"sequences": 0}
    kinds = np.concatenate([token_types(p.events) for p in pieces])
    quantiles = np.quantile(lengths, [0.05, 0.5, 0.95])
    clusters = Counter(p.semantic for p in pieces)
    within = (lengths >= 500) & (lengths <= 2000)
    return {
        "sequences": len(lengths),
        "groups": len({p.group for p in pieces}),
        "tokens": int(lengths.sum()),
        "length_tokens": {
            "shortest": int(lengths.min()),
            "p5": float(quantiles[0]),
            "median": float(quantiles[1]),
            "mean": float(lengths.mean()),
            "p95": float(quantiles[2]),
            "longest": int(lengths.max()),
        },
        "share_500_to_2000": float(within.mean()),
        "tokens_by_type": {name: int((kinds == i).sum()) for i, name in enumerate(TYPES)},
        "distinct_tokens": len(np.unique(np.concatenate([p.events for p in pieces]))),
        "cluster_sizes": {k: clusters[k] for k in sorted(clusters)},
        "cluster_entropy_bits": _entropy_bits(np.array(list(clusters.values()))),
    }


def _entropy_bits(counts: np.ndarray) -> float:
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum())


def sequences_hash(pieces: Sequence[SourcePiece]) -> str:
    """SHA-256 of all sequences in order."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(framed(piece.events, piece.semantic).astype("<i4").tobytes())
    return digest.hexdigest()
