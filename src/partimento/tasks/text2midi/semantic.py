"""Semantic tokens: which of k clusters of descriptions a text belongs to.

Shape suffixes: N texts, K clusters, R residual clusters, E dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partimento.core.checkpoint import read_meta, resolve_weights
from partimento.core.errors import InputFileError
from partimento.tasks.text2midi.embedding import Encoder, restored_encoder

MOST_CLUSTERS = 4096
STORED = ("centroids", "residual")
PREFIX = "semantic."
"""In front of the names of arrays in a file."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is known of a cluster: how many texts were in it, its nearest texts, its terms."""

    size: int
    examples: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assigned:
    """Where one text lies.

    ``distance`` to its centroid and ``second_distance`` to the runner-up (Euclidean, vectors of
    length 1); ``margin`` is the difference.  ``borderline``: the margin is smaller than that of
    nine in ten training texts.  ``outlier``: farther away than 99 of 100.  ``known``: something
    of the text was understood.
    """

    token: int
    residual: int
    distance: float
    runner_up: int
    second_distance: float
    known: bool
    borderline: bool
    outlier: bool

    @property
    def margin(self) -> float:
        """How much farther the runner-up is."""
        return self.second_distance - self.distance


@dataclass(frozen=True)
class SemanticTokens:
    """An encoder and two codebooks: clusters, and clusters of what is left after the first.

    ``centroids_KE`` and ``residual_RE`` are float16, exactly as stored.  ``clusters`` describe the
    first codebook; ``figures`` hold what was measured while fitting.
    """

    encoder: Encoder
    centroids_KE: np.ndarray
    residual_RE: np.ndarray
    clusters: tuple[Cluster, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        captions: Sequence[str] | Sequence[Sequence[str]],
        k: int | Literal["auto"] = 20,
        residual_k: int = 16,
        dim: int = 64,
        seed: int = 0,
        *,
        attribute_weight: float = 0.0,
        average: bool = True,
    ) -> SemanticTokens:
        """Fit on captions, or on several paraphrases of each piece; needs scikit-learn.

        See :func:`partimento.tasks.text2midi.semantic_fit.fit_tokens`.
        """
        from partimento.tasks.text2midi.semantic_fit import FitOptions, fit_tokens

        options = FitOptions(
            k=k,
            residual_k=residual_k,
            dim=dim,
            seed=seed,
            attribute_weight=attribute_weight,
            average=average,
        )
        return fit_tokens(captions, options)

    @property
    def k(self) -> int:
        """How many semantic tokens there are."""
        return len(self.centroids_KE)

    @property
    def encoder_hash(self) -> str:
        """SHA-256 of the text encoder."""
        return self.encoder.hash

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, E) of length 1, or 0 for a text of which nothing is known."""
        return self.encoder.embed(texts)

    def encode(self, text: str) -> tuple[int, int]:
        """Numbers of the semantic token and of the residual one."""
        (row,) = self.encode_many([text])
        return int(row[0]), int(row[1])

    def encode_many(self, texts: Sequence[str]) -> np.ndarray:
        """(N, 2) int64 numbers of both tokens of every text."""
        return self.assign(self.embed(texts))

    def assign(self, vectors_NE: np.ndarray) -> np.ndarray:
        """(N, 2) int64 numbers of both tokens of vectors."""
        first_N = distances(vectors_NE, self.centroids_KE).argmin(axis=1)
        left_NE = vectors_NE - self.centroids_KE.astype(np.float64)[first_N]
        second_N = distances(left_NE, self.residual_RE).argmin(axis=1)
        return np.stack([first_N, second_N], axis=1).astype(np.int64)

    def explain(self, text: str) -> Assigned:
        """Token, distance, runner-up and how far to trust it."""
        vector_1E = self.embed([text])
        away_K = distances(vector_1E, self.centroids_KE)[0]
        order = np.argsort(away_K, kind="stable")
        first, second = int(order[0]), int(order[min(1, len(order) - 1)])
        near, next_near = float(away_K[first]), float(away_K[second])
        edges = self.figures
        return Assigned(
            token=first,
            residual=int(self.assign(vector_1E)[0, 1]),
            distance=near,
            runner_up=second,
            second_distance=next_near,
            known=bool(np.any(vector_1E)),
            borderline=next_near - near < float(edges.get("margin_p10", 0.0)),
            outlier=near > float(edges.get("distance_p99", np.inf)),
        )

    def check_encoder(self, encoder_hash: str) -> None:
        """Raise InputFileError unless this is the encoder that something was made with."""
        if encoder_hash != self.encoder_hash:
            raise InputFileError(
                "the text encoder is not the one that these semantic tokens were made with "
                f"({self.encoder_hash[:12]}, not {encoder_hash[:12]})",
                fix="Give the encoder of the fit, or fit again",
            )

    def arrays(self) -> dict[str, np.ndarray]:
        """Numbers to store: those of the encoder, ``centroids`` and ``residual``."""
        return {
            **self.encoder.arrays(),
            "centroids": self.centroids_KE,
            "residual": self.residual_RE,
        }

    def meta(self) -> dict[str, Any]:
        """Everything else to store, as JSON data."""
        return {
            "encoder": self.encoder.meta(),
            "encoder_hash": self.encoder_hash,
            "sizes": [c.size for c in self.clusters],
            "examples": [list(c.examples) for c in self.clusters],
            "cluster_terms": [list(c.terms) for c in self.clusters],
            "figures": dict(self.figures),
        }

    @classmethod
    def from_parts(
        cls,
        arrays: Mapping[str, np.ndarray],
        meta: Mapping[str, Any],
        *,
        words: Encoder | None = None,
    ) -> SemanticTokens:
        """What :meth:`arrays` and :meth:`meta` gave.

        ``words`` replaces the stored encoder of words, as a sentence-transformers model that lies
        elsewhere now.  Raises InputFileError for parts that do not belong together, and for an
        encoder with another hash than the stored one.
        """
        encoder = restored_encoder(arrays, meta.get("encoder"), words)
        sides = encoder.embed([""]).shape[1]
        first, second = (_book(arrays, name, sides) for name in STORED)
        found = cls(encoder, first, second, _clusters(meta, len(first)), _figures(meta))
        found.check_encoder(str(meta.get("encoder_hash")))
        return found

    @classmethod
    def load(cls, source: str | Path, *, words: Encoder | None = None) -> SemanticTokens:
        """From a file of ``partimento semantic fit``, or weights that hold semantic tokens.

        Raises InputFileError as :func:`partimento.core.checkpoint.load_arrays` and
        :meth:`from_parts` do, and where there are none in the file.
        """
        path = resolve_weights(source)
        return cls.from_parts(_stored_arrays(path), _stored_meta(path), words=words)


def distances(vectors_NE: np.ndarray, centroids_KE: np.ndarray) -> np.ndarray:
    """Euclidean distances (N, K) in float64."""
    centroids = centroids_KE.astype(np.float64)
    square = (vectors_NE**2).sum(1)[:, None] + (centroids**2).sum(1) - 2 * vectors_NE @ centroids.T
    found: np.ndarray = np.sqrt(np.maximum(square, 0.0))
    return found


def _stored_meta(path: Path) -> Mapping[str, Any]:
    """What a checkpoint says of its semantic tokens.  Raises InputFileError without any."""
    stored = read_meta(path).vocabulary.get("semantic")
    if not isinstance(stored, Mapping):
        raise InputFileError(
            "this file holds no semantic tokens",
            where=str(path),
            fix="Make some with `partimento semantic fit`",
        )
    return stored


def _stored_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of the semantic tokens alone: a network beside them may have other numbers."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="numpy") as file:
            names = [name for name in list(file.keys()) if name.startswith(PREFIX)]
            return {name.removeprefix(PREFIX): file.get_tensor(name) for name in names}
    except (SafetensorError, TypeError, ValueError, KeyError, OSError) as error:
        raise InputFileError(f"this file is damaged ({error})", where=str(path)) from error


def _book(arrays: Mapping[str, np.ndarray], name: str, sides: int) -> np.ndarray:
    """A codebook of vectors of ``sides`` numbers.  Raises InputFileError."""
    book = arrays.get(name)
    if (
        book is None
        or book.ndim != 2
        or book.shape[1] != sides
        or not 0 < len(book) <= MOST_CLUSTERS
        or not np.isfinite(book).all()
    ):
        raise InputFileError(f"the semantic tokens' array {name!r} is missing or damaged")
    return book.astype(np.float16)


def _clusters(meta: Mapping[str, Any], count: int) -> tuple[Cluster, ...]:
    columns = [meta.get(name) for name in ("sizes", "examples", "cluster_terms")]
    if not all(isinstance(c, list) and len(c) == count for c in columns):
        raise InputFileError("the descriptions of the semantic tokens do not fit their number")
    try:
        return tuple(
            Cluster(int(size), tuple(map(str, texts)), tuple(map(str, terms)))
            for size, texts, terms in zip(*columns, strict=True)  # type: ignore[arg-type]
        )
    except (TypeError, ValueError) as error:
        raise InputFileError("the descriptions of the semantic tokens are damaged") from error


def _figures(meta: Mapping[str, Any]) -> dict[str, Any]:
    figures = meta.get("figures")
    if not isinstance(figures, Mapping):
        raise InputFileError("the figures of the semantic tokens are damaged")
    for name in ("margin_p10", "distance_p99"):
        if not isinstance(figures.get(name, 0.0), float | int):
            raise InputFileError(f"the figure {name} of the semantic tokens is no number")
    return dict(figures)
