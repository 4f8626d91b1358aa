"""The prompt bank: what every concept's sentence is in the space of CLIP and of T5.

A model says how much of each concept a sound has; the bank turns that into embeddings that an
image model takes.  A new text encoder is a new bank, and nothing is trained again.

Shape suffixes: B sounds, K concepts, L tokens, E dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import InputFileError
from partimento.tasks.audio2visual import hashed_text
from partimento.tasks.audio2visual.concepts import CONCEPTS, PROMPTS

CLIP_WIDTH = 768
"""Width of CLIP ViT-L/14's text side: pooled, and of each token."""
T5_LENGTH = 17
T5_WIDTH = 4096
"""Tokens kept of a prompt, and width of T5-XXL's encoder."""
CLIP_LENGTH = 77
BUILTIN = "builtin"
"""Name of the bank that needs no file."""
MOST_CONCEPTS = 2048


@dataclass(frozen=True, slots=True)
class Embedded:
    """Sounds in text space, as image models take them.

    ``clip`` (B, 768) pooled and ``t5`` (B, 17, 4096) tokens, float32; ``t5_mask`` (B, 17) bool,
    True for the tokens that are no padding; ``clip_tokens`` (B, 77, 768) float32, where the bank
    has them; ``empty`` is what the bank's encoders make of no words at all (B = 1), from which
    classifier-free guidance leads away.
    """

    clip: np.ndarray
    t5: np.ndarray
    t5_mask: np.ndarray
    clip_tokens: np.ndarray | None = None
    empty: Embedded | None = None

    def __len__(self) -> int:
        """How many sounds, B."""
        return len(self.clip)


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of every number of an embedding over the concepts."""

    mean: np.ndarray
    std: np.ndarray
    """1 where a number is the same for all concepts, so that nothing is divided by 0."""

    def z_scores(self, values: np.ndarray) -> np.ndarray:
        """``(values - mean) / std``, float32."""
        return ((values - self.mean) / self.std).astype(np.float32)

    def restore(self, scores: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`z_scores`, float32."""
        return (scores * self.std + self.mean).astype(np.float32)


@dataclass(frozen=True)
class PromptBank:
    """Text embeddings of K concepts.

    ``clip_KE`` (K, 768) float32, its values representable in float16; ``t5_KLE`` (K, 17, 4096)
    float16; ``t5_counts_K`` (K,) int64, tokens before the padding, the end included;
    ``clip_tokens_KLE`` (K, 77, 768) float16 or None; ``empty`` what the encoders make of the empty
    prompt; ``meta`` tells the encoders.

    Raises ValueError for shapes and numbers that do not belong together.
    """

    names: tuple[str, ...]
    prompts: tuple[str, ...]
    clip_KE: np.ndarray = field(repr=False)
    t5_KLE: np.ndarray = field(repr=False)
    t5_counts_K: np.ndarray = field(repr=False)
    clip_tokens_KLE: np.ndarray | None = field(default=None, repr=False)
    empty: Embedded | None = field(default=None, repr=False)
    meta: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.names)
        if not 0 < count <= MOST_CONCEPTS or len(self.prompts) != count:
            raise ValueError(f"{count} names and {len(self.prompts)} prompts make no bank")
        if len(set(self.names)) != count:
            raise ValueError("a name of a concept comes twice")
        _check_arrays(count, self.clip_KE, self.t5_KLE, self.clip_tokens_KLE)
        if self.t5_counts_K.shape != (count,):
            raise ValueError(f"t5_counts has the shape {self.t5_counts_K.shape}, not {(count,)}")
        if self.t5_counts_K.min() < 1 or self.t5_counts_K.max() > T5_LENGTH:
            raise ValueError(f"t5_counts must be from 1 to {T5_LENGTH}")
        if self.empty is not None:
            _check_arrays(1, self.empty.clip, self.empty.t5, self.empty.clip_tokens)
            if (self.empty.clip_tokens is None) != (self.clip_tokens_KLE is None):
                raise ValueError("CLIP tokens are needed for the empty prompt as for the others")

    @classmethod
    def builtin(
        cls, prompts: Sequence[str] = PROMPTS, names: Sequence[str] = CONCEPTS
    ) -> PromptBank:
        """The bank of our own hashed text encoder: no weights, no file, always the same.

        See :mod:`partimento.tasks.audio2visual.hashed_text`; ``meta`` says so too.
        """
        return _builtin(tuple(prompts), tuple(names))

    @classmethod
    def load(cls, path_or_name: str | Path = BUILTIN) -> PromptBank:
        """The bank of a file, or the built-in one under the name ``builtin``.

        Raises InputFileError for a file that is missing, too large, damaged or no bank.
        """
        from partimento.tasks.audio2visual.bank_file import load_bank

        return cls.builtin() if str(path_or_name) == BUILTIN else load_bank(path_or_name)

    def save(self, path: str | Path) -> None:
        """Write one .safetensors file, numbers as float16, atomically."""
        from partimento.tasks.audio2visual.bank_file import save_bank

        save_bank(self, path)

    def __len__(self) -> int:
        """How many concepts, K."""
        return len(self.names)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of names, prompts and all numbers."""
        digest = sha256("\n".join((*self.names, *self.prompts)).encode())
        digest.update(self.clip_KE.astype("<f2").tobytes())
        digest.update(np.ascontiguousarray(self.t5_KLE, dtype="<f2").tobytes())
        digest.update(self.t5_counts_K.astype("<i8").tobytes())
        for array in (self.clip_tokens_KLE, *(_arrays(self.empty) if self.empty else ())):
            if array is not None:
                digest.update(np.ascontiguousarray(array, dtype="<f2").tobytes())
        return digest.hexdigest()

    @cached_property
    def clip_scale(self) -> Scale:
        """Mean and standard deviation (768,) of the pooled embeddings."""
        return _scale(self.clip_KE)

    @cached_property
    def t5_scale(self) -> Scale:
        """Mean and standard deviation (17, 4096) of the tokens."""
        return _scale(self.t5_KLE)

    @cached_property
    def t5_mask_KL(self) -> np.ndarray:
        """(K, 17) bool: True for the tokens that are no padding."""
        return np.arange(T5_LENGTH) < self.t5_counts_K[:, None]

    def rows(self, names: Sequence[str]) -> PromptBank:
        """The bank of ``names`` alone, in their order.

        Raises InputFileError where one is not in the bank.
        """
        place = {name: i for i, name in enumerate(self.names)}
        missing = [name for name in names if name not in place]
        if missing:
            raise InputFileError(
                f"the prompt bank has no concept {missing[0]!r}",
                where=str(self.meta.get("source", "bank")),
                fix="Build it again with `partimento bank build`",
            )
        if tuple(names) == self.names:
            return self
        index = [place[name] for name in names]
        words = self.clip_tokens_KLE
        return PromptBank(
            tuple(names),
            tuple(self.prompts[i] for i in index),
            self.clip_KE[index],
            self.t5_KLE[index],
            self.t5_counts_K[index],
            None if words is None else words[index],
            self.empty,
            self.meta,
        )


def project(weights_BK: np.ndarray, bank: PromptBank) -> Embedded:
    """Embeddings of sounds from how much of each concept they have: the closed form.

    ``mean + weights @ (bank - mean)``, the mean over the bank's rows.  Every target of a regression
    is one of these rows, so ridge regression of the embeddings is ridge regression of the weights
    followed by this product: no matter how wide the embedding, only K numbers are learnt.

    weights_BK: (B, K) finite, K the bank's concepts in its order; a row of sum 1 gives a plain
    weighted mean.  A token is no padding where the prompts that have it weigh more than half.

    Raises ValueError for weights of another shape or that are not finite.
    """
    weights_BK = np.asarray(weights_BK, dtype=np.float32)
    if weights_BK.ndim != 2 or weights_BK.shape[1] != len(bank):
        raise ValueError(f"weights of shape {weights_BK.shape} do not fit {len(bank)} concepts")
    if not np.isfinite(weights_BK).all():
        raise ValueError("weights hold NaN or infinite numbers")
    mask_BL = _blend(weights_BK, bank.t5_mask_KL.astype(np.float32)) > 0.5
    mask_BL[:, 0] = True
    words = bank.clip_tokens_KLE
    return Embedded(
        clip=_blend(weights_BK, bank.clip_KE),
        t5=_blend(weights_BK, bank.t5_KLE),
        t5_mask=mask_BL,
        clip_tokens=None if words is None else _blend(weights_BK, words),
        empty=bank.empty,
    )


def _check_arrays(
    count: int, clip: np.ndarray, t5: np.ndarray, clip_tokens: np.ndarray | None
) -> None:
    """Raise ValueError unless the arrays are finite and have the shapes of ``count`` prompts."""
    wanted = {
        "clip": (clip, (count, CLIP_WIDTH)),
        "t5": (t5, (count, T5_LENGTH, T5_WIDTH)),
        "clip_tokens": (clip_tokens, (count, CLIP_LENGTH, CLIP_WIDTH)),
    }
    for name, (array, shape) in wanted.items():
        if array is not None and array.shape != shape:
            raise ValueError(f"{name} has the shape {array.shape}, not {shape}")
        if array is not None and not np.isfinite(array).all():
            raise ValueError(f"{name} holds NaN or infinite numbers")


def _arrays(embedded: Embedded) -> tuple[np.ndarray | None, ...]:
    return embedded.clip, embedded.t5, embedded.t5_mask, embedded.clip_tokens


def _blend(weights_BK: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``mean + weights @ (rows - mean)`` for rows (K, ...): (B, ...) float32."""
    flat_KE = rows.reshape(len(rows), -1).astype(np.float32)
    mean_E = flat_KE.mean(axis=0)
    blended_BE = mean_E + weights_BK @ (flat_KE - mean_E)
    return blended_BE.astype(np.float32).reshape(len(weights_BK), *rows.shape[1:])


def _scale(rows: np.ndarray) -> Scale:
    values = rows.astype(np.float64)
    mean, std = values.mean(axis=0), values.std(axis=0)
    # Below float16's resolution a difference is noise; dividing by it would make it a target.
    floor = 1e-3 * max(float(np.abs(values).max()), 1e-6)
    std = np.where(std > floor, std, 1.0)
    return Scale(mean.astype(np.float32), std.astype(np.float32))


@lru_cache(maxsize=4)
def _builtin(prompts: tuple[str, ...], names: tuple[str, ...]) -> PromptBank:
    clip_KE, t5_KLE, counts_K = _hashed(prompts)
    meta = {"source": BUILTIN, "clip_encoder": hashed_text.NAME, "t5_encoder": hashed_text.NAME}
    return PromptBank(names, prompts, clip_KE, t5_KLE, counts_K, None, _hashed_nothing(), meta)


@lru_cache(maxsize=1)
def _hashed_nothing() -> Embedded:
    clip_1E, t5_1LE, count_1 = _hashed([""])
    mask_1L = np.arange(T5_LENGTH) < count_1[:, None]
    return Embedded(clip_1E, t5_1LE.astype(np.float32), mask_1L)


def _hashed(prompts: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pooled (K, 768) float32, tokens (K, 17, 4096) float16, counts (K,) of our own encoder."""
    clip_KE = hashed_text.pooled(prompts, CLIP_WIDTH).astype(np.float16).astype(np.float32)
    t5_KLE, counts_K = hashed_text.tokens(prompts, T5_LENGTH, T5_WIDTH)
    half_KLE = t5_KLE.astype(np.float16)
    for array in (clip_KE, half_KLE, counts_K):
        # Every caller shares them.
        array.setflags(write=False)
    return clip_KE, half_KLE, counts_K
