"""A sound file as the embeddings that image models take, and those in a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.checkpoint import read_header
from partimento.core.errors import InputFileError
from partimento.core.files import atomic_path
from partimento.tasks.audio2visual.bank import (
    BUILTIN,
    CLIP_LENGTH,
    CLIP_WIDTH,
    T5_LENGTH,
    T5_WIDTH,
    Embedded,
    PromptBank,
    project,
)
from partimento.tasks.audio2visual.concepts import CONCEPTS
from partimento.tasks.audio2visual.interface import Heard

METADATA_KEY = "partimento_embedding"
DEFAULT_WEIGHTS = "audio2visual"
MOST_SOUNDS = 1024
_SHAPES = {
    "clip": [CLIP_WIDTH],
    "t5": [T5_LENGTH, T5_WIDTH],
    "clip_tokens": [CLIP_LENGTH, CLIP_WIDTH],
}


@dataclass(frozen=True, slots=True)
class SoundEmbedding:
    """What was heard in a file, and where that lies in text space."""

    heard: Heard
    embedded: Embedded = field(repr=False)
    bank: str
    """The bank as it was named."""
    bank_hash: str
    encoders: tuple[str, str]
    """The bank's CLIP and T5."""
    warnings: tuple[str, ...] = ()
    """What had to be repaired or left out of the sound."""

    def to_dict(self) -> dict[str, Any]:
        """JSON form: what was heard, the bank and the shapes of the tensors."""
        return {
            **self.heard.to_dict(),
            "bank": self.bank,
            "bank_hash": self.bank_hash,
            "clip_encoder": self.encoders[0],
            "t5_encoder": self.encoders[1],
            "t5_tokens": int(self.embedded.t5_mask.sum()),
            "shapes": {name: list(array.shape) for name, array in _tensors(self.embedded).items()},
            "warnings": list(self.warnings),
        }

    def save(self, path: str | Path) -> None:
        """Write ``clip`` (1, 768) and ``t5`` (1, 17, 4096), float32, atomically as .safetensors.

        With a bank that has CLIP's tokens also ``clip_tokens`` (1, 77, 768).  The metadata under
        ``partimento_embedding`` is :meth:`to_dict` as JSON.
        """
        from safetensors.numpy import save_file

        header = {METADATA_KEY: json.dumps(self.to_dict(), sort_keys=True)}
        with atomic_path(path) as temporary:
            save_file(_tensors(self.embedded), temporary, metadata=header)


def embed(
    source: str | Path, *, bank: str | Path = BUILTIN, weights: str | Path = DEFAULT_WEIGHTS
) -> SoundEmbedding:
    """Hear a sound or music file and place it in the text space of ``bank``.

    source: .wav, .flac, .mp3, .ogg or .mid.  bank: a file of `bank build`, or ``builtin``.

    Raises InputFileError for a file that cannot be read, a damaged bank or unknown weights.
    """
    from partimento.tasks.audio2visual.hearing import read_any
    from partimento.tasks.audio2visual.loading import load_sound_model

    opened = PromptBank.load(bank)
    sound = read_any(source)
    (heard,) = load_sound_model(weights).listen([sound])
    encoders = (str(opened.meta.get("clip_encoder")), str(opened.meta.get("t5_encoder")))
    return SoundEmbedding(
        heard,
        embed_heard([heard], opened),
        Path(bank).name,
        opened.hash,
        encoders,
        tuple(sound.warnings),
    )


def embed_heard(heard: Sequence[Heard], bank: PromptBank) -> Embedded:
    """The embeddings of what was heard, B sounds.

    Raises InputFileError for a bank that lacks a concept of the model.
    """
    weights_BK = np.stack([one.weights_K for one in heard])
    return project(weights_BK, bank.rows(CONCEPTS))


def read_embedded(path: str | Path, *, bank: PromptBank | None = None) -> Embedded:
    """The embeddings that :meth:`SoundEmbedding.save` wrote, to be painted later.

    bank: the one that they were made with gives back the empty prompt, which guidance needs.

    Raises InputFileError for a file that is missing, damaged, or holds tensors of other shapes.
    """
    path = Path(path)
    header = read_header(path)
    count = _checked_count(header, path)
    tokens = _token_count(header)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(str(path))
    except (SafetensorError, TypeError, ValueError, KeyError, OSError) as error:
        raise InputFileError(f"this embedding is damaged ({error})", where=str(path)) from error
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise InputFileError("this embedding holds NaN or infinite numbers", where=str(path))
    return Embedded(
        arrays["clip"],
        arrays["t5"],
        np.broadcast_to(np.arange(T5_LENGTH) < tokens, (count, T5_LENGTH)),
        arrays.get("clip_tokens"),
        None if bank is None else bank.empty,
    )


def _checked_count(header: dict[str, Any], path: Path) -> int:
    """How many sounds, B, once all shapes are known to be right."""
    entries = {name: entry for name, entry in header.items() if name != "__metadata__"}
    shapes = {
        name: entry.get("shape") if isinstance(entry, dict) and entry.get("dtype") == "F32" else 0
        for name, entry in entries.items()
    }
    first = shapes.get("clip")
    count = first[0] if isinstance(first, list) and first else 0
    right = {name: [count, *shape] for name, shape in _SHAPES.items()}
    if (
        type(count) is not int
        or not 0 < count <= MOST_SOUNDS
        or "t5" not in shapes
        or any(shape != right.get(name) for name, shape in shapes.items())
    ):
        raise InputFileError(
            "this file holds no embedding: the tensors clip (B, 768) and t5 (B, 17, 4096) in "
            "float32 are needed",
            where=str(path),
            fix="Make it with `partimento embed`",
        )
    return count


def _token_count(header: dict[str, Any]) -> int:
    """T5 tokens before the padding; all of them where the file does not say."""
    metadata = header.get("__metadata__")
    try:
        story = json.loads(metadata[METADATA_KEY]) if isinstance(metadata, dict) else {}
        tokens = story["t5_tokens"]
    except (KeyError, TypeError, ValueError, RecursionError):
        return T5_LENGTH
    return tokens if type(tokens) is int and 1 <= tokens <= T5_LENGTH else T5_LENGTH


def _tensors(embedded: Embedded) -> dict[str, np.ndarray]:
    arrays = {"clip": embedded.clip, "t5": embedded.t5, "clip_tokens": embedded.clip_tokens}
    return {
        name: np.ascontiguousarray(array, dtype="<f4")
        for name, array in arrays.items()
        if array is not None
    }
