"""The commands around semantic tokens: fit them and say how good they are, explain them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.core.progress import Progress
from partimento.tasks.text2midi.embedding import Encoder, parsed_attributes
from partimento.tasks.text2midi.interface import CorpusPiece
from partimento.tasks.text2midi.semantic import PREFIX, SemanticTokens
from partimento.tasks.text2midi.semantic_captions import (
    Captioned,
    checked_pieces,
    corpus_captions,
    read_captions,
)

ATTRIBUTE_WEIGHT = 0.7
"""Default part of the parsed attributes: on the training part it gave the largest sum of
silhouette and stability of 0, 0.3, 0.5 and 0.7; more would leave the words without a say."""
PARAPHRASES = 5
_REMEMBERED = 100_000


def fit_semantic(
    data: Sequence[str | Path] = (),
    out: str | Path | None = None,
    k: int | str = "auto",
    *,
    captions: str | Path | None = None,
    encoder: str = "tfidf",
    attribute_weight: float | int = ATTRIBUTE_WEIGHT,
    average: bool = True,
    residual_k: int = 16,
    dim: int = 64,
    paraphrases: int = PARAPHRASES,
    compare: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit semantic tokens on the training part of corpora, or on a file of captions.

    ``k``: a number, or ``auto``.  ``encoder``: ``tfidf``, or the folder of a sentence-transformers
    model.  ``compare``: also measure the other ways (words alone, single captions) at the chosen
    k.  Writes ``out`` (safetensors) if given, and returns the report.

    Raises ConfigError for impossible options; otherwise as :func:`read_captions`,
    :func:`~partimento.tasks.text2midi.corpus.read_corpus` and
    :func:`~partimento.tasks.text2midi.semantic_fit.fit_tokens`.
    """
    from partimento.tasks.text2midi.semantic_fit import FitOptions

    if bool(data) == (captions is not None):
        raise ConfigError(
            "either corpora or a file of captions is needed", where="--data and --captions"
        )
    options = FitOptions(
        k=checked_k(k), residual_k=residual_k, dim=dim, seed=seed,
        attribute_weight=float(attribute_weight), average=average, encoder=opened(encoder),
        parse=lru_cache(_REMEMBERED)(parsed_attributes),
    )  # fmt: skip
    if captions is not None:
        described, sources = read_captions(captions), [Path(captions).name]
    else:
        pieces = training_pieces(data, progress)
        described = corpus_captions(pieces, paraphrases, seed, progress)
        sources = data_lines(pieces)
    found, report = fit_described(described, options, compare=compare, progress=progress)
    if out is not None:
        save_tokens(Path(out), found, sources)
        report |= {"file": str(out), "bytes": Path(out).stat().st_size}
    return report


def fit_described(
    described: Sequence[Captioned],
    options: Any,
    *,
    compare: bool = False,
    progress: Progress | None = None,
) -> tuple[SemanticTokens, dict[str, Any]]:
    """Fit, and report; ``options`` are the ``FitOptions`` of semantic_fit."""
    from partimento.tasks.text2midi.semantic_fit import fit_tokens

    texts = [one.paraphrases for one in described]
    restated = [one.restated for one in described] if described[0].restated else []
    found = fit_tokens(texts, options, progress, restated=restated)
    figures = dict(found.figures)
    if compare:
        figures["ways"] = compare_ways(texts, restated, replace(options, k=found.k))
    given = [one.token for one in described]
    if all(given):
        figures["agreement_with_given_tokens"] = _agreement(found, described)
    found = replace(found, figures=figures)
    return found, explain_tokens(found)


def compare_ways(
    texts: Sequence[Sequence[str]], restated: Sequence[Sequence[str]], options: Any
) -> list[dict[str, Any]]:
    """Silhouette and stability of every way at one k: with and without attributes and means.

    Silhouettes of different spaces are not strictly comparable; stabilities are.
    """
    from partimento.tasks.text2midi.semantic_fit import EmbeddedCaptions, compare_k, fit_encoder

    every = [
        [*said, *other] for said, other in zip(texts, restated or [()] * len(texts), strict=True)
    ]
    words = options.encoder or fit_encoder(every, replace(options, attribute_weight=0.0))
    rows = []
    for weight in sorted({0.0, 0.3, 0.5, 0.7, options.attribute_weight}):
        one = replace(options, encoder=words, attribute_weight=weight)
        table = EmbeddedCaptions.of(fit_encoder(every, one), texts, restated)
        for average in (False, True):
            (row,) = compare_k(table, replace(one, average=average), (options.k,))
            rows.append({"attribute_weight": weight, "average": average, **row})
    return rows


def explain_semantic(
    source: str | Path, texts: Sequence[str] = (), *, encoder: str | None = None
) -> dict[str, Any]:
    """What the semantic tokens in a file or in shipped weights mean, and which ones texts get.

    ``encoder``: where a sentence-transformers model lies now, if it has moved.
    """
    words = None if encoder is None else opened(encoder)
    return explain_tokens(SemanticTokens.load(source, words=words), texts)


def explain_tokens(tokens: SemanticTokens, texts: Sequence[str] = ()) -> dict[str, Any]:
    """Sizes, terms and example texts of every token; token, margin and doubts of every text."""
    total = sum(c.size for c in tokens.clusters)
    return {
        "k": tokens.k,
        "residual_k": len(tokens.residual_RE),
        "encoder": tokens.encoder.meta()["kind"],
        "encoder_hash": tokens.encoder_hash,
        "dimensions": tokens.centroids_KE.shape[1],
        **tokens.figures,
        "tokens": [
            {
                "token": i,
                "size": c.size,
                "share": c.size / max(1, total),
                "terms": list(c.terms),
                "examples": list(c.examples),
            }
            for i, c in enumerate(tokens.clusters)
        ],
        "texts": [_explained(tokens, text) for text in texts],
    }


def _explained(tokens: SemanticTokens, text: str) -> dict[str, Any]:
    found = tokens.explain(text)
    terms = list(tokens.clusters[found.token].terms)
    return {"text": text, **asdict(found), "margin": found.margin, "terms": terms}


def save_tokens(path: Path, tokens: SemanticTokens, sources: Sequence[str]) -> None:
    """One safetensors file with card; the same tokens give the same bytes."""
    import torch

    arrays = {PREFIX + name: array for name, array in tokens.arrays().items()}
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    card = Card(
        name=path.stem,
        task="text2midi",
        summary=f"{tokens.k} semantic tokens of descriptions, and a residual codebook",
        licence="CC BY-SA 4.0",
        trained_on=list(sources),
        recipe="partimento semantic fit",
        parameters=sum(array.size for array in arrays.values()),
        notes="Fitted on captions written by rule from measured attributes; titles are not used.",
    )
    meta = CheckpointMeta(
        model_class="partimento.tasks.text2midi.semantic:SemanticTokens",
        config={"k": tokens.k, "residual_k": len(tokens.residual_RE)},
        vocabulary={"semantic": tokens.meta()},
        data_hash=digest.hexdigest(),
        card=card,
    )
    tensors = {n: torch.from_numpy(np.ascontiguousarray(array)) for n, array in arrays.items()}
    save_checkpoint(path, tensors, meta)


def training_pieces(
    data: Sequence[str | Path], progress: Progress | None = None
) -> list[CorpusPiece]:
    """The training part of corpora, as far as its licences let weights be shared."""
    from partimento.tasks.text2midi.corpus import read_corpus

    found = [piece for source in data for piece in read_corpus(source, "train", progress=progress)]
    if not found:
        raise DataError("there is no training piece in this data")
    return checked_pieces(found)


def data_lines(pieces: Sequence[CorpusPiece]) -> list[str]:
    """One line for the card for each source: how many pieces under which licences."""
    lines = []
    for source in sorted({p.source for p in pieces}):
        mine = [p.about.get("licence", "") for p in pieces if p.source == source]
        licences = ", ".join(f"{name} ({mine.count(name)})" for name in sorted(set(mine)))
        lines.append(f"{source}, training part, {len(mine)} pieces: {licences}")
    return lines


def checked_k(k: int | str) -> int | Literal["auto"]:
    """A number of clusters from what a user wrote.  Raises ConfigError."""
    if k == "auto":
        return "auto"
    try:
        number = int(k)
    except ValueError:
        number = 0
    if not 2 <= number <= 512:
        raise ConfigError(f"{str(k)[:20]!r} clusters are not possible", where="-k",
                          fix="Use auto, or 2 to 512")  # fmt: skip
    return number


def opened(encoder: str) -> Encoder | None:
    """The encoder of words: None for the default one, which is fitted."""
    if encoder == "tfidf":
        return None
    from partimento.tasks.text2midi.sentence_encoder import SentenceEncoder

    return SentenceEncoder.open(encoder)


def _agreement(found: SemanticTokens, described: Sequence[Captioned]) -> float:
    """Adjusted Rand index (Hubert and Arabie 1985) of the tokens of a file and ours."""
    from sklearn.metrics import adjusted_rand_score

    ours = found.encode_many([one.paraphrases[0] for one in described])[:, 0]
    return float(adjusted_rand_score([str(one.token) for one in described], ours))
