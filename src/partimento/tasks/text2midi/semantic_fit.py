"""Fit semantic tokens: a text encoder and codebooks, on descriptions of training pieces.

Shape suffixes: N texts, P pieces, M texts of a piece, V terms, D dimensions, K clusters,
E dimensions of the encoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import Any, Literal

import numpy as np

from partimento.core.errors import ConfigError, DataError, MissingExtraError
from partimento.core.progress import Progress
from partimento.tasks.text2midi.attribute_vector import KIND_GROUPS, layout
from partimento.tasks.text2midi.embedding import (
    AttributeEncoder,
    Encoder,
    Parse,
    TfidfEncoder,
    grams_of,
    parsed_attributes,
)
from partimento.tasks.text2midi.semantic import Cluster, SemanticTokens, distances

CANDIDATES = (8, 10, 12, 16, 20, 24, 28, 32)
"""Numbers of clusters that ``auto`` chooses from."""
INNER_SHARE = 0.2
"""Share of the training pieces on which numbers of clusters are compared."""
SILHOUETTE_PIECES = 2000
STARTS = 2
"""Random beginnings of K-means, of which the best is kept."""
EXAMPLES, TERMS = 3, 8
LONGEST_EXAMPLE = 200


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How to fit.

    ``k`` clusters, or ``auto``; ``residual_k`` clusters of what is left; ``dim`` dimensions of the
    SVD over at most ``terms`` terms that are in ``least`` texts.  ``attribute_weight``: part of
    the squared distance that the parsed attributes have (0: words alone).  ``average``: clusters
    of the mean over all texts of a piece instead of single ones.  ``encoder``: use this one
    for words.
    """

    k: int | Literal["auto"] = 20
    residual_k: int = 16
    dim: int = 64
    seed: int = 0
    attribute_weight: float = 0.0
    average: bool = True
    terms: int = 2500
    least: int = 2
    encoder: Encoder | None = None
    parse: Parse = parsed_attributes


def fit_tokens(
    captions: Sequence[str] | Sequence[Sequence[str]],
    options: FitOptions,
    progress: Progress | None = None,
    *,
    restated: Sequence[Sequence[str]] = (),
) -> SemanticTokens:
    """Encoder and codebooks from captions, one or several (paraphrases) for each piece.

    ``restated``: further captions of each piece that say other facts.  ``figures["rows"]`` tells
    how often two of a piece get one token, on pieces left out of the clustering.

    Raises ConfigError for impossible numbers, DataError for too few texts.
    """
    pieces = [[c] if isinstance(c, str) else list(c) for c in captions]
    _check(pieces, options)
    texts = [[*said, *other] for said, other in zip(pieces, restated or repeat(()), strict=False)]
    encoder = fit_encoder(texts, options)
    if progress is not None:
        progress(1, 3, "embedding")
    table = EmbeddedCaptions.of(encoder, pieces, restated)
    chosen = compare_k(table, options, CANDIDATES if options.k == "auto" else (options.k,))
    if progress is not None:
        progress(2, 3, "clusters")
    options = replace(options, k=best_k(chosen))
    found = _codebooks(encoder, table, options)
    figures = {"rows": chosen, "chosen_by": CHOICE, **_edges(found, table)}
    figures |= {"pieces": len(pieces), "captions": len(table.texts), "seed": options.seed}
    figures |= {"average": options.average, "attribute_weight": options.attribute_weight}
    return replace(found, figures=figures)


CHOICE = "largest sum of silhouette and chance-corrected paraphrase stability"


@dataclass(frozen=True)
class EmbeddedCaptions:
    """All texts (N) with their vectors (N, E) and the number of the piece of each (N,).

    ``said_N``: the text is one of the piece's paraphrases, which say the same facts; the others
    restate it with other facts.
    """

    texts: list[str]
    vectors_NE: np.ndarray
    piece_N: np.ndarray
    said_N: np.ndarray

    @classmethod
    def of(
        cls,
        encoder: Encoder,
        pieces: Sequence[Sequence[str]],
        restated: Sequence[Sequence[str]] = (),
    ) -> EmbeddedCaptions:
        """Embed the texts of every piece."""
        rows = [
            (text, i, said)
            for i in range(len(pieces))
            for of_piece, said in ((pieces, True), (restated, False))
            for text in (of_piece[i] if of_piece else ())
        ]
        texts = [row[0] for row in rows]
        columns = (np.array([row[1] for row in rows]), np.array([row[2] for row in rows]))
        return cls(texts, encoder.embed(texts), *columns)

    def part(self, chosen: np.ndarray) -> EmbeddedCaptions:
        """The texts of some pieces, which are numbered anew."""
        keep = np.flatnonzero(np.isin(self.piece_N, chosen))
        number = np.unique(self.piece_N[keep], return_inverse=True)[1]
        texts = [self.texts[i] for i in keep]
        return EmbeddedCaptions(texts, self.vectors_NE[keep], number, self.said_N[keep])

    def means(self) -> np.ndarray:
        """(P, E) mean vector of each piece: its paraphrases together weigh as one restatement."""
        said = np.bincount(self.piece_N, weights=self.said_N)
        weight_N = np.where(self.said_N, 1.0 / np.maximum(said, 1)[self.piece_N], 1.0)
        total = np.zeros((len(said), self.vectors_NE.shape[1]))
        np.add.at(total, self.piece_N, weight_N[:, None] * self.vectors_NE)
        mean: np.ndarray = total / np.bincount(self.piece_N, weights=weight_N)[:, None]
        return mean


def fit_encoder(pieces: Sequence[Sequence[str]], options: FitOptions) -> Encoder:
    """The encoder of words, with attributes beside it if they have weight."""
    words = options.encoder
    if words is None:
        words = fit_tfidf([text for piece in pieces for text in piece], options)
    if not options.attribute_weight:
        return words
    texts = [text for piece in pieces for text in piece]
    weight = float(options.attribute_weight)
    return AttributeEncoder.fit(words, layout(KIND_GROUPS), texts, weight, options.parse)


def fit_tfidf(texts: Sequence[str], options: FitOptions) -> TfidfEncoder:
    """Vocabulary, idf and singular directions by scikit-learn, rounded to what is stored.

    Fewer dimensions come out where there are fewer terms or texts.  Raises DataError for texts
    without a word in common.
    """
    decomposition, feature = _sklearn("decomposition"), _sklearn("feature_extraction.text")
    vectorizer = feature.TfidfVectorizer(
        analyzer=grams_of,
        sublinear_tf=True,
        vocabulary=vocabulary(texts, options),
    )
    try:
        matrix_NV = vectorizer.fit_transform(texts)
    except ValueError as error:
        raise DataError(
            "these captions have no words in common", fix="Give more captions, in sentences"
        ) from error
    dim = min(options.dim, *(side - 1 for side in matrix_NV.shape))
    if dim < 1:
        raise DataError("these captions are too few, or too much alike, to be told apart")
    svd = decomposition.TruncatedSVD(dim, n_iter=7, random_state=options.seed)
    svd.fit(matrix_NV)
    return TfidfEncoder(
        tuple(str(t) for t in vectorizer.get_feature_names_out()),
        vectorizer.idf_.astype(np.float32),
        svd.components_.T.astype(np.float16),
    )


def vocabulary(texts: Sequence[str], options: FitOptions) -> list[str]:
    """At most ``terms`` terms of at least ``least`` texts, in order of the alphabet.

    Words come before pairs, and in each the frequent before the rare: the name of a rare dance is
    worth more than a frequent pair.
    """
    count = Counter(gram for text in texts for gram in set(grams_of(text)))
    found = [g for g, n in count.items() if n >= min(options.least, len(texts))]
    found.sort(key=lambda g: (" " in g, -count[g], g))
    return sorted(found[: options.terms])


def compare_k(
    table: EmbeddedCaptions, options: FitOptions, numbers: Sequence[int]
) -> list[dict[str, Any]]:
    """One row for each number of clusters, fitted without a fifth of the pieces, measured on it.

    ``silhouette`` (Rousseeuw 1987) of the left-out texts; ``same``: share of pairs of paraphrases
    in one cluster; ``chance``: share of pairs of any two texts; ``stability``: (same - chance) /
    (1 - chance); ``kept_bits``: mutual information of the tokens of two paraphrases, with the
    correction of Miller (1955).  ``restated_same``, ``_stability``, ``_bits``: the same of texts
    that say other facts of one piece.  None where no piece has two texts.
    """
    pieces = int(table.piece_N.max()) + 1
    order = np.random.default_rng([options.seed, 1]).permutation(pieces)
    # With too few pieces to leave some out, all are used for both.
    cut = round(INNER_SHARE * pieces) if pieces >= 50 else 0
    rest = table.part(order[cut:])
    left = table.part(order[:cut]) if cut else table
    points = _points(rest, options)
    rows = []
    for k in (n for n in numbers if n < len(points)):
        centroids = kmeans(points, k, options.seed)
        rows.append({"k": k, **_measured(left, centroids, options.seed)})
    if not rows:
        raise DataError(
            f"{len(points)} texts are too few for {min(numbers)} clusters",
            fix="Give more captions or a smaller -k",
        )
    return rows


def _measured(left: EmbeddedCaptions, centroids: np.ndarray, seed: int) -> dict[str, Any]:
    """Figures of one clustering on pieces left out."""
    token_N = distances(left.vectors_NE, centroids).argmin(axis=1)
    said, k = left.said_N, len(centroids)
    again = stability(token_N[~said], left.piece_N[~said], k)
    return {
        "silhouette": _silhouette(left.vectors_NE[said], token_N[said], seed),
        **stability(token_N[said], left.piece_N[said], k),
        "restated_same": again["same"],
        "restated_stability": again["stability"],
        "restated_bits": again["kept_bits"],
    }


def best_k(rows: Sequence[dict[str, Any]]) -> int:
    """The number of clusters with the largest sum of silhouette and stability."""
    return int(max(rows, key=lambda r: (r["silhouette"] + (r["stability"] or 0.0), r["k"]))["k"])


def stability(token_N: np.ndarray, piece_N: np.ndarray, k: int) -> dict[str, float | None]:
    """How well tokens survive a paraphrase; see :func:`compare_k` for the names."""
    joint_KK = np.zeros((k, k))
    for piece in np.split(token_N, np.flatnonzero(np.diff(piece_N)) + 1):
        count = np.bincount(piece, minlength=k).astype(np.float64)
        pairs = len(piece) * (len(piece) - 1)
        if pairs:
            # Every piece counts once, however many texts it has.
            joint_KK += (np.outer(count, count) - np.diag(count)) / pairs
    total = joint_KK.sum()
    if not total:
        return {"same": None, "chance": None, "stability": None, "kept_bits": None}
    share_KK = joint_KK / total
    margin_K = share_KK.sum(axis=1)
    same, chance = float(np.trace(share_KK)), float((margin_K**2).sum())
    expected = np.outer(margin_K, margin_K)
    seen = share_KK > 0
    bits = float((share_KK[seen] * np.log2(share_KK[seen] / expected[seen])).sum())
    # Miller (1955): sampling alone makes tables look dependent.
    cells = (int(seen.sum()) - 2 * int((margin_K > 0).sum()) + 1) / (2 * total * np.log(2))
    return {
        "same": same,
        "chance": chance,
        "stability": (same - chance) / (1 - chance) if chance < 1 else 0.0,
        "kept_bits": max(0.0, bits - max(0.0, float(cells))),
    }


def kmeans(points_NE: np.ndarray, k: int, seed: int) -> np.ndarray:
    """(K, E) centroids of Lloyd's K-means from k-means++ starts, rounded to float16."""
    cluster = _sklearn("cluster")
    found = cluster.KMeans(k, n_init=STARTS, random_state=seed).fit(points_NE)
    centroids: np.ndarray = found.cluster_centers_.astype(np.float16)
    return centroids


def _codebooks(encoder: Encoder, table: EmbeddedCaptions, options: FitOptions) -> SemanticTokens:
    """Both codebooks on all pieces, and what describes their clusters."""
    points = _points(table, options)
    centroids = kmeans(points, int(options.k), options.seed)
    first = distances(points, centroids).argmin(axis=1)
    left = points - centroids.astype(np.float64)[first]
    different = len(np.unique(left, axis=0))
    residual = kmeans(left, min(options.residual_k, different), options.seed + 1)
    away_NK = distances(table.vectors_NE, centroids)
    sizes = np.bincount(away_NK.argmin(axis=1), minlength=len(centroids))
    # Terms tell a cluster from the others, not from silence.
    usual = points.mean(axis=0)
    clusters = tuple(
        Cluster(
            int(sizes[i]),
            _nearest_texts(table, away_NK, i),
            tuple(encoder.terms_near(centroid.astype(np.float64) - usual, TERMS)),
        )
        for i, centroid in enumerate(centroids)
    )
    return SemanticTokens(encoder, centroids, residual, clusters)


def _nearest_texts(table: EmbeddedCaptions, away_NK: np.ndarray, cluster: int) -> tuple[str, ...]:
    """The texts of a cluster nearest to its centroid, of one piece each."""
    mine = np.flatnonzero(away_NK.argmin(axis=1) == cluster)
    found: list[str] = []
    seen: set[int] = set()
    for i in mine[np.argsort(away_NK[mine, cluster], kind="stable")]:
        if len(found) < EXAMPLES and int(table.piece_N[i]) not in seen:
            seen.add(int(table.piece_N[i]))
            found.append(table.texts[i][:LONGEST_EXAMPLE])
    return tuple(found)


def _edges(found: SemanticTokens, table: EmbeddedCaptions) -> dict[str, float]:
    """From which margin and distance on a text is ordinary."""
    away_NK = np.sort(distances(table.vectors_NE, found.centroids_KE), axis=1)
    second = away_NK[:, min(1, away_NK.shape[1] - 1)]
    return {
        "margin_p10": float(np.quantile(second - away_NK[:, 0], 0.1)),
        "distance_p99": float(np.quantile(away_NK[:, 0], 0.99)),
    }


def _points(table: EmbeddedCaptions, options: FitOptions) -> np.ndarray:
    return table.means() if options.average else table.vectors_NE


def _silhouette(vectors_NE: np.ndarray, token_N: np.ndarray, seed: int) -> float:
    """Mean silhouette of at most :data:`SILHOUETTE_PIECES` texts; 0 for a single cluster."""
    rng = np.random.default_rng([seed, 2])
    keep = rng.permutation(len(token_N))[:SILHOUETTE_PIECES]
    kinds = len(np.unique(token_N[keep]))
    if not 1 < kinds < len(keep):
        return 0.0
    return float(_sklearn("metrics").silhouette_score(vectors_NE[keep], token_N[keep]))


def _sklearn(module: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"sklearn.{module}")
    except ImportError as error:
        raise MissingExtraError(
            "fitting semantic tokens needs scikit-learn",
            fix="Install it with `pip install partimento[train]`",
        ) from error


def _check(pieces: Sequence[Sequence[str]], options: FitOptions) -> None:
    if len(pieces) < 3 or not all(pieces):
        raise DataError("semantic tokens need three pieces with captions at least")
    if options.k != "auto" and options.k < 1:
        raise ConfigError("there must be one cluster at least", where="-k")
    if options.residual_k < 1 or options.dim < 1:
        raise ConfigError("the residual clusters and dimensions must be 1 or more")
    if not 0 <= options.attribute_weight < 1:
        raise ConfigError(
            f"a weight of {options.attribute_weight:g} of the attributes is not possible",
            fix="Use 0 (words alone) up to below 1",
        )
