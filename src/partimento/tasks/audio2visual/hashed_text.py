"""A text encoder of our own without weights: hashed words and letters, randomly projected.

It knows no meaning, only spelling: sentences that share words lie near each other.  Its vectors
have the shapes and roughly the geometry of CLIP's and T5's (a large common mean, so that different
prompts have cosines of about 0.7), which is what everything that works on a bank needs until the
user's own encoders fill one.

Shape suffixes: K prompts, L tokens, E dimensions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

NAME = "hashed words and letters (no trained text encoder)"
COMMON_SHARE = 0.62
"""Part of the squared length that all sentences have in common."""
CLIP_SCALE = 1.0
TOKEN_SCALE = 0.15
"""Root mean square of one number: CLIP's pooled vector leaves a layer norm; T5's are small."""
END, PAD = "</s>", "<pad>"
_PIECE = re.compile(r"[^\W_]+", re.UNICODE)
_SMALL = frozenset(
    ("a", "an", "and", "at", "for", "from", "in", "into", "its", "of", "on", "the", "to")
)
SMALL_WORD = 0.2
"""Weight of a small word beside 1 for the others."""
WHOLE = 1.0
"""Weight of the text as a whole: the sum of its words alone would make embeddings of sentences
built from the same parts depend on each other linearly, as no trained encoder does."""
LETTERS = 0.35
"""Weight of all letter triples of a word together beside 1 for the word."""


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, in order."""
    return _PIECE.findall(text.casefold())


def signs(feature: str, size: int) -> np.ndarray:
    """(size,) float64 of +1 and -1 drawn by SHAKE-256 of ``feature``.

    Sums of such vectors keep scalar products: Achlioptas, "Database-friendly random projections",
    2003.  A hash instead of a generator gives the same numbers with every version of NumPy.
    """
    raw = hashlib.shake_256(feature.encode()).digest((size + 7) // 8)
    bits = np.unpackbits(np.frombuffer(raw, dtype=np.uint8))[:size]
    return bits.astype(np.float64) * 2.0 - 1.0


def pooled(prompts: Sequence[str], size: int) -> np.ndarray:
    """One vector per sentence: (K, size) float64, root mean square :data:`CLIP_SCALE`."""
    common_E = signs("common pooled", size)
    own_KE = np.stack([_bag(words_of(prompt), size, "pooled") for prompt in prompts])
    return _blend(common_E, own_KE) * CLIP_SCALE


def tokens(prompts: Sequence[str], length: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One vector per word and one for the end: (K, length, size) float64, and counts (K,) int64.

    Too many words are cut, the end stays, as in T5's tokenizer; the rest is the padding's vector.
    """
    found_KLE = np.empty((len(prompts), length, size))
    counts_K = np.empty(len(prompts), dtype=np.int64)
    common_E = signs("common tokens", size)
    for k, prompt in enumerate(prompts):
        words = [*words_of(prompt)[: length - 1], END]
        counts_K[k] = len(words)
        words += [PAD] * (length - len(words))
        context_E = _unit(_bag(words_of(prompt), size, "context"))
        own_LE = np.stack([_token(word, context_E, size) for word in words])
        found_KLE[k] = _blend(common_E, own_LE) * TOKEN_SCALE
    return found_KLE, counts_K


def _token(word: str, context_E: np.ndarray, size: int) -> np.ndarray:
    """A word's own direction and that of its sentence; padding has no sentence."""
    own_E = _unit(_bag([word], size, "token"))
    return own_E if word == PAD else own_E + 0.7 * context_E


def _bag(words: Sequence[str], size: int, purpose: str) -> np.ndarray:
    """Sum of the directions of the whole, all words, their letter triples and pairs of words."""
    total_E = WHOLE * signs(f"{purpose} whole {' '.join(words)}", size) * bool(words)
    for word in words:
        weight = SMALL_WORD if word in _SMALL else 1.0
        total_E += weight * signs(f"{purpose} word {word}", size)
        edged = f"^{word}$"
        triples = [edged[i : i + 3] for i in range(len(edged) - 2)]
        share = weight * LETTERS / np.sqrt(len(triples))
        for triple in triples:
            total_E += share * signs(f"{purpose} letters {triple}", size)
    for one, two in pairwise(words):
        if not {one, two} & _SMALL:
            total_E += 0.5 * signs(f"{purpose} pair {one} {two}", size)
    return total_E


def _blend(common_E: np.ndarray, own_NE: np.ndarray) -> np.ndarray:
    """Common and own directions with fixed shares of a root mean square of 1."""
    size = len(common_E)
    own_NE = np.stack([_unit(row) for row in own_NE]) * np.sqrt(size)
    blended_NE: np.ndarray = np.sqrt(COMMON_SHARE) * common_E + np.sqrt(1.0 - COMMON_SHARE) * own_NE
    return blended_NE


def _unit(vector_E: np.ndarray) -> np.ndarray:
    """Length 1; a sentence without any word stays 0."""
    length = float(np.linalg.norm(vector_E))
    return vector_E / length if length else vector_E
