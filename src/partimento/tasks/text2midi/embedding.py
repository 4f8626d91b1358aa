"""Texts as vectors, in NumPy: TF-IDF with truncated SVD, and attributes beside it.

The weights come from scikit-learn (:mod:`partimento.tasks.text2midi.semantic_fit`); using them
needs NumPy alone.

Shape suffixes: N texts, V terms, D dimensions of the SVD, A attribute values, E of both together.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import numpy as np

from partimento.core.errors import InputFileError
from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.attribute_vector import wanted

TOKEN_PATTERN = r"\d+/\d+|\w+[#♯♭]?"
"""Words; meters such as 6/8 stay whole, and keys of one letter count."""
MOST_TERMS = 100_000
MOST_DIMENSIONS = 4096
LONGEST_TEXT = 20_000
"""Characters of a text that are read."""
_WORD = re.compile(TOKEN_PATTERN)

Parse = Callable[[str], Attributes]


@runtime_checkable
class Encoder(Protocol):
    """What makes vectors of texts."""

    @property
    def hash(self) -> str:
        """SHA-256 of all that the vectors depend on."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, E) of length 1; of length 0 for a text of which nothing is known."""
        ...

    def terms_near(self, direction_E: np.ndarray, count: int) -> list[str]:
        """The words, or attribute values, that a direction in the space stands for most."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Numbers to store."""
        ...

    def meta(self) -> dict[str, Any]:
        """Everything else to store, as JSON data."""
        ...


def words_of(text: str) -> list[str]:
    """Words in small letters without accents, in order."""
    plain = text[:LONGEST_TEXT].lower()
    if not plain.isascii():
        apart = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in apart if not unicodedata.combining(c))
    return _WORD.findall(plain)


def grams_of(text: str) -> list[str]:
    """All words and all pairs of neighbours."""
    words = words_of(text)
    return words + [f"{one} {two}" for one, two in pairwise(words)]


@dataclass(frozen=True)
class TfidfEncoder:
    """TF-IDF with 1 + ln(count) and length 1, then the leading singular directions, length 1.

    Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988; Deerwester
    et al., "Indexing by latent semantic analysis", 1990.  ``terms`` (V) words and pairs,
    ``idf_V`` float32, ``components_VD`` float16: exactly as stored.
    """

    terms: tuple[str, ...]
    idf_V: np.ndarray
    components_VD: np.ndarray

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, D)."""
        return unit(np.stack([self._one(text) for text in texts])) if texts else self._none

    def weights(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Places (K,) in ``terms`` and TF-IDF weights (K,) of the terms in a text."""
        counts = Counter(i for g in grams_of(text) if (i := self._place.get(g)) is not None)
        places = np.fromiter(counts, dtype=np.int64, count=len(counts))
        tf = 1.0 + np.log(np.fromiter(counts.values(), dtype=np.float64, count=len(counts)))
        weight = tf * self.idf_V[places].astype(np.float64)
        length = float(np.sqrt((weight**2).sum()))
        return places, weight / length if length else weight

    def known_share(self, text: str) -> float:
        """Share of the words of a text that are in the vocabulary."""
        words = words_of(text)
        return sum(w in self._place for w in words) / len(words) if words else 0.0

    def terms_near(self, direction_E: np.ndarray, count: int) -> list[str]:
        """Terms of the largest scalar product; a pair only where neither word is listed."""
        score_V = self.components_VD.astype(np.float64) @ direction_E
        return _distinct([self.terms[i] for i in np.argsort(-score_V, kind="stable")], count)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of vocabulary, idf and components."""
        digest = hashlib.sha256("\n".join(self.terms).encode())
        digest.update(np.ascontiguousarray(self.idf_V, dtype="<f4").tobytes())
        digest.update(np.ascontiguousarray(self.components_VD, dtype="<f2").tobytes())
        return digest.hexdigest()

    def arrays(self) -> dict[str, np.ndarray]:
        """``idf`` and ``components``."""
        return {"idf": self.idf_V, "components": self.components_VD}

    def meta(self) -> dict[str, Any]:
        """Kind and vocabulary."""
        return {"kind": "tfidf", "terms": list(self.terms)}

    @classmethod
    def restored(cls, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> TfidfEncoder:
        """What was stored.  Raises InputFileError for parts that do not belong together."""
        terms, idf, components = meta.get("terms"), arrays.get("idf"), arrays.get("components")
        if (
            not isinstance(terms, list)
            or not all(isinstance(t, str) for t in terms)
            or idf is None
            or components is None
            or components.ndim != 2
            or not idf.shape == components.shape[:1] == (len(terms),)
            or not 0 < len(terms) <= MOST_TERMS
            or not 0 < components.shape[1] <= MOST_DIMENSIONS
            or not (np.isfinite(idf).all() and np.isfinite(components).all())
        ):
            raise InputFileError("the text encoder's vocabulary and numbers do not fit together")
        return cls(tuple(terms), idf.astype(np.float32), components.astype(np.float16))

    @cached_property
    def _place(self) -> dict[str, int]:
        return {term: i for i, term in enumerate(self.terms)}

    @cached_property
    def _rows_VD(self) -> np.ndarray:
        return self.components_VD.astype(np.float64)

    @property
    def _none(self) -> np.ndarray:
        return np.zeros((0, self.components_VD.shape[1]))

    def _one(self, text: str) -> np.ndarray:
        places, weights = self.weights(text)
        found: np.ndarray = weights @ self._rows_VD[places]
        return found


@dataclass(frozen=True)
class AttributeEncoder:
    """The attributes that a text states, as further dimensions beside another encoder's.

    A stated attribute gives its value less ``mean_A``, the mean over the training texts that state
    it; an unstated one gives zeros.  So what nearly all pieces share says little, and saying
    nothing is saying the usual.  Squared distances are ``weight`` parts attributes, 1 - ``weight``
    parts words; ``scale`` makes both alike on average.  ``names`` (A) is the layout of
    :mod:`partimento.tasks.text2midi.attribute_vector`; ``parse`` understands texts.
    """

    words: Encoder
    names: tuple[str, ...]
    mean_A: np.ndarray
    scale: float
    weight: float
    parse: Parse

    @classmethod
    def fit(
        cls, words: Encoder, names: tuple[str, ...], texts: Sequence[str], weight: float,
        parse: Parse,
    ) -> AttributeEncoder:  # fmt: skip
        """Means and scale of training texts.  A scale of 1 where no text states anything."""
        stated_NA = np.stack([wanted(parse(text), names) for text in texts])
        said_NA = _said(stated_NA, names)
        mean_A = (stated_NA.sum(axis=0) / np.maximum(said_NA.sum(axis=0), 1)).astype(np.float32)
        centred_NA = stated_NA - said_NA * mean_A
        scale = float(np.sqrt((centred_NA**2).sum(axis=1).mean())) or 1.0
        return cls(words, names, mean_A, scale, weight, parse)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, D + A); only the words' part has length 1, times its share."""
        words_ND = self.words.embed(texts)
        if not texts:
            return np.zeros((0, words_ND.shape[1] + len(self.names)))
        stated_NA = np.stack([wanted(self.parse(text), self.names) for text in texts])
        centred_NA = (stated_NA - _said(stated_NA, self.names) * self.mean_A) / self.scale
        parts = (np.sqrt(1 - self.weight) * words_ND, np.sqrt(self.weight) * centred_NA)
        return np.concatenate(parts, axis=1)

    def terms_near(self, direction_E: np.ndarray, count: int) -> list[str]:
        """Attribute values first, as ``mode=minor``, then words: half of each."""
        of_words, of_names = np.split(direction_E, [len(direction_E) - len(self.names)])
        order = np.argsort(-of_names, kind="stable")[: count // 2]
        stated = [self.names[i] for i in order if of_names[i] > 0]
        return [*stated, *self.words.terms_near(of_words, count - len(stated))]

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the words' hash, the layout, means, scale and weight."""
        text = "\n".join((self.words.hash, *self.names, repr(self.scale), repr(self.weight)))
        digest = hashlib.sha256(text.encode())
        digest.update(np.ascontiguousarray(self.mean_A, dtype="<f4").tobytes())
        return digest.hexdigest()

    def arrays(self) -> dict[str, np.ndarray]:
        """``attribute_mean``, and those of the words' encoder."""
        return {"attribute_mean": self.mean_A, **self.words.arrays()}

    def meta(self) -> dict[str, Any]:
        """Kind, layout, scale, weight, and the words' encoder."""
        return {
            "kind": "attributes",
            "names": list(self.names),
            "scale": self.scale,
            "weight": self.weight,
            "words": self.words.meta(),
        }

    @classmethod
    def restored(
        cls, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any], words: Encoder
    ) -> AttributeEncoder:
        """What was stored, beside ``words``.  Raises InputFileError for damaged parts."""
        names, weight, scale = meta.get("names"), meta.get("weight"), meta.get("scale")
        mean = arrays.get("attribute_mean")
        if (
            not isinstance(names, list)
            or not all(isinstance(n, str) for n in names)
            or not isinstance(weight, float)
            or not isinstance(scale, float)
            or not 0 < weight < 1
            or not 0 < scale < np.inf
            or mean is None
            or mean.shape != (len(names),)
            or not np.isfinite(mean).all()
        ):
            raise InputFileError("the text encoder's table of attributes is damaged")
        return cls(words, tuple(names), mean.astype(np.float32), scale, weight, parsed_attributes)


def restored_encoder(
    arrays: Mapping[str, np.ndarray], meta: Any, words: Encoder | None = None
) -> Encoder:
    """The encoder that was stored; ``words`` replaces the one for words.

    Raises InputFileError for anything that no version of this wrote.
    """
    kind = meta.get("kind") if isinstance(meta, Mapping) else None
    if kind == "attributes":
        inner = restored_encoder(arrays, meta.get("words"), words)
        return AttributeEncoder.restored(arrays, meta, inner)
    if words is not None:
        return words
    if kind == "tfidf":
        return TfidfEncoder.restored(arrays, meta)
    if kind == "sentences":
        from partimento.tasks.text2midi.sentence_encoder import SentenceEncoder

        return SentenceEncoder.open(str(meta.get("model")))
    raise InputFileError("this kind of text encoder is not known here", fix="Update partimento")


def parsed_attributes(text: str) -> Attributes:
    """What the rule parser understands of a text."""
    from partimento.tasks.text2midi.parsing import parse

    return parse(text).attributes


def unit(vectors_NE: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of zeros stay."""
    length_N1 = np.sqrt((vectors_NE**2).sum(axis=-1, keepdims=True))
    found: np.ndarray = vectors_NE / np.where(length_N1 > 0, length_N1, 1.0)
    return found


def _said(stated_NA: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """(N, A) 1 for all values of the groups of which a row states something."""
    groups = [name.partition("=")[0] for name in names]
    said_NA = np.zeros_like(stated_NA)
    for group in dict.fromkeys(groups):
        mine = [i for i, other in enumerate(groups) if other == group]
        said_NA[:, mine] = np.any(stated_NA[:, mine] != 0, axis=1, keepdims=True)
    return said_NA


def _distinct(terms: Sequence[str], count: int) -> list[str]:
    """The first ``count`` terms that share no word with one before."""
    found: list[str] = []
    used: set[str] = set()
    for term in terms:
        parts = set(term.split())
        if not parts & used:
            found.append(term)
            used |= parts
        if len(found) == count:
            break
    return found
