"""More like this: the training pieces whose descriptions are nearest, with their provenance.

The index that ships with the package holds facts alone: titles, composers, licences, attributes
and the place of a description.  No notes.
``python -m partimento.tasks.text2midi.retrieval --data DIR --semantic FILE --out FILE`` makes it.

Shape suffixes: N pieces, E dimensions of the encoder, A attribute values.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache
from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from partimento.core.errors import InputFileError
from partimento.core.files import atomic_path
from partimento.core.limits import MEGABYTE, read_limited
from partimento.music.attributes import Attributes
from partimento.tasks.text2midi.attribute_vector import indicator, layout, wanted
from partimento.tasks.text2midi.embedding import (
    TfidfEncoder,
    parsed_attributes,
    unit,
    words_of,
)
from partimento.tasks.text2midi.interface import CorpusPiece
from partimento.tasks.text2midi.semantic_captions import BARS

INDEX_FILE = "text2midi-index.npz"
INDEX_BYTES = 4 * MEGABYTE
UNPACKED_BYTES = 64 * MEGABYTE
MOST_PIECES = 100_000
STATED_SHARE = 0.7
"""Part that the attributes have in the similarity of a text; the words have the rest."""
NAME_SHARE = 0.5
"""What a title or composer named in the text adds at most."""
FEWEST_LETTERS = 4
"""Shorter words of titles name nothing."""
_COMMON = frozenset(
    (
        *("with", "from", "that", "this", "like", "piece", "music", "tune", "song"),
        *("major", "minor", "time", "slow", "fast"),
    )
)
_SMALL_TO_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COLUMNS = ("id", "title", "composer", "licence", "source")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A training piece near to what was asked.

    ``similarity`` is 1 for a piece that has all that is stated, in the same words; a title or
    composer named in the text adds up to a half.  ``why`` names what agrees.
    """

    id: str
    title: str
    composer: str
    licence: str
    source: str
    similarity: float
    why: str

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "similarity": round(self.similarity, 3)}


@dataclass(frozen=True)
class Index:
    """Pieces to be found.

    ``rows`` (N) of id, title, composer, licence, source; ``words_NE`` int8 vectors of long
    descriptions, 127 for 1; ``facts_NA`` bool, the values of ``names`` that a piece has.
    """

    encoder: TfidfEncoder
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words_NE: np.ndarray
    facts_NA: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    def nearest(self, asked: str | Attributes, count: int = 5) -> list[Neighbour]:
        """The ``count`` nearest pieces, the nearest first; equal ones in the order of their ids.

        Of a text both the attributes understood and the words count, and titles or composers that
        it names.  Nothing where nothing of it is known.  Raises ValueError for a negative count.
        """
        if count < 0:
            raise ValueError(f"a count of {count} is not possible")
        attributes = parsed_attributes(asked) if isinstance(asked, str) else asked
        wanted_A = wanted(attributes, self.names)
        stated = len({name.partition("=")[0] for name in self._named(wanted_A > 0)})
        score_N = self.facts_NA @ wanted_A / max(1, stated)
        named_N = np.zeros(len(self))
        if isinstance(asked, str):
            words_N = self._vectors @ self.encoder.embed([asked])[0]
            # Vectors have length 1 even where most of the text is not known.
            words_N = words_N * self.encoder.known_share(asked)
            score_N = STATED_SHARE * score_N + (1 - STATED_SHARE) * words_N if stated else words_N
            named_N = self._naming(asked)
            score_N = score_N + NAME_SHARE * named_N
        if not np.any(score_N):
            return []
        # Rounded, so that the order does not hang on the last bits of a sum.
        order = np.argsort(-np.round(score_N, 6), kind="stable")[:count]
        return [self._found(int(i), wanted_A, float(score_N[i]), bool(named_N[i])) for i in order]

    def save(self, path: str | Path) -> None:
        """Write one compressed ``.npz``; the same index gives the same bytes."""
        text = {"names": list(self.names), "rows": [list(row) for row in self.rows]}
        text |= {"terms": list(self.encoder.terms), "encoder_hash": self.encoder.hash}
        arrays: dict[str, Any] = {
            "text": np.frombuffer(json.dumps(text, ensure_ascii=False).encode(), dtype=np.uint8),
            "words": self.words_NE,
            "facts": np.packbits(self.facts_NA, axis=1),
            **self.encoder.arrays(),
        }
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Index:
        """Read what :meth:`save` wrote.  Raises InputFileError for anything else."""
        try:
            return cls._restored(read_limited(path, INDEX_BYTES))
        except (ValueError, KeyError, TypeError, OSError, EOFError, BadZipFile) as error:
            raise InputFileError(
                f"this is no index of pieces ({error})",
                where=str(path),
                fix="Take the one that ships with partimento, or build it again",
            ) from error

    @classmethod
    def _restored(cls, data: bytes) -> Index:
        with ZipFile(BytesIO(data)) as archive:
            if sum(one.file_size for one in archive.infolist()) > UNPACKED_BYTES:
                raise ValueError("it unpacks to more than is allowed")
        with np.load(BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        text = json.loads(arrays["text"].tobytes())
        encoder = TfidfEncoder.restored(arrays, text)
        names = tuple(map(str, text["names"]))
        rows = tuple(tuple(map(str, row)) for row in text["rows"])
        words, facts = arrays["words"], arrays["facts"]
        width = encoder.components_VD.shape[1]
        if (
            not 0 < len(rows) <= MOST_PIECES
            or any(len(row) != len(_COLUMNS) for row in rows)
            or words.dtype != np.int8
            or words.shape != (len(rows), width)
            or facts.dtype != np.uint8
            or facts.shape != (len(rows), -(-len(names) // 8))
        ):
            raise ValueError("its parts do not belong together")
        if text["encoder_hash"] != encoder.hash:
            raise ValueError("its text encoder is another one")
        bits = np.unpackbits(facts, axis=1, count=len(names)).astype(bool)
        return cls(encoder, names, rows, words, bits)

    @cached_property
    def _vectors(self) -> np.ndarray:
        return unit(self.words_NE.astype(np.float64))

    @cached_property
    def _name_words(self) -> list[tuple[frozenset[str], frozenset[str]]]:
        """Words of the title, and of the composer, of every piece; "waltz" names no piece."""
        usual = frozenset(self.encoder.terms)
        return [(_name_words(row[1]) - usual, _name_words(row[2]) - usual) for row in self.rows]

    def _naming(self, text: str) -> np.ndarray:
        """(N,) how much of the title or the composer's name stands in the text, 0 to 1."""
        said = frozenset(words_of(text)) - _COMMON
        found = np.zeros(len(self))
        for i, (title, composer) in enumerate(self._name_words):
            shares = [len(said & name) / len(name) for name in (title, composer) if name]
            found[i] = max((s for s in shares if s >= 0.5), default=0.0)
        return found

    def _named(self, chosen_A: np.ndarray) -> list[str]:
        return [self.names[i] for i in np.flatnonzero(chosen_A)]

    def _found(self, i: int, wanted_A: np.ndarray, score: float, named: bool) -> Neighbour:
        # Whole values only: half right is no reason.
        agree = self._named(self.facts_NA[i] & (wanted_A > 0) & self._asked(wanted_A))
        reasons = [_reason(name) for name in agree if not name.startswith("family=")]
        if named:
            reasons.insert(0, "named in the text")
        name, title, composer, licence, source = self.rows[i]
        why = ", ".join(reasons) or "similar words"
        return Neighbour(name, title, composer, licence, source, score, why)

    def _asked(self, wanted_A: np.ndarray) -> np.ndarray:
        """(A,) the values asked for themselves, not those next to them."""
        best = dict.fromkeys(self._groups, 0.0)
        for group, weight in zip(self._groups, wanted_A, strict=True):
            best[group] = max(best[group], float(weight))
        return np.array(
            [0 < w >= best[g] for g, w in zip(self._groups, wanted_A, strict=True)], dtype=bool
        )

    @cached_property
    def _groups(self) -> list[str]:
        return [name.partition("=")[0] for name in self.names]


def build_index(pieces: Sequence[CorpusPiece], encoder: TfidfEncoder, seed: int = 0) -> Index:
    """An index of training pieces, each by the attributes and a long caption of its beginning.

    Pieces without an excerpt, and of a licence that does not let facts be shared on, are left
    out.  Raises ValueError where none is left.
    """
    from dataclasses import replace

    from partimento.music.attributes import measure
    from partimento.tasks.text2midi.captions import caption
    from partimento.tasks.text2midi.corpus import excerpts

    names = layout()
    rows, texts, facts = [], [], []
    for piece in sorted(pieces, key=lambda p: p.id):
        every = excerpts(piece, BARS)
        if not every:
            continue
        rng = np.random.default_rng([seed, *piece.id.encode()])
        measured = replace(measure(every[0].music), style=piece.about.get("style") or None)
        texts.append(caption(measured, piece.about, rng, "long"))
        facts.append(indicator(measured, names) > 0)
        about = piece.about
        row = (piece.id, about.get("title", ""), piece.composer, about.get("licence", ""))
        rows.append((*row, piece.source))
    if not rows:
        raise ValueError("an index needs a piece with notes")
    words = np.round(127 * encoder.embed(texts)).astype(np.int8)
    return Index(encoder, names, tuple(rows), words, np.stack(facts))


@lru_cache(maxsize=1)
def shipped_index() -> Index | None:
    """The index of the training pieces that ships with the package; None where it was left out."""
    path = Path(str(resources.files("partimento"))) / "weights" / INDEX_FILE
    return Index.load(path) if path.is_file() else None


def _name_words(name: str) -> frozenset[str]:
    """Words of a name that can be told in a text: ``BachJS`` is Bach."""
    apart = _SMALL_TO_CAPITAL.sub(" ", name)
    return frozenset(w for w in words_of(apart) if len(w) >= FEWEST_LETTERS) - _COMMON


def _reason(name: str) -> str:
    """``mode=minor`` in words."""
    group, _, value = name.partition("=")
    plain = {"tempo_word": "tempo", "instruments": "with"}.get(group, group)
    return value if group == "key" else f"{plain} {value}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the index of the training part of corpora and write it."""
    from partimento.tasks.text2midi.embedding import AttributeEncoder
    from partimento.tasks.text2midi.semantic import SemanticTokens
    from partimento.tasks.text2midi.semantic_report import training_pieces

    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, action="append", required=True, help="corpus")
    parser.add_argument("--semantic", required=True, help="file of semantic tokens, or weights")
    parser.add_argument("--out", type=Path, required=True, help="index to write (.npz)")
    options = parser.parse_args(arguments)
    encoder = SemanticTokens.load(options.semantic).encoder
    words = encoder.words if isinstance(encoder, AttributeEncoder) else encoder
    if not isinstance(words, TfidfEncoder):
        parser.error("an index needs semantic tokens with the encoder tfidf")
    index = build_index(training_pieces(options.data), words)
    index.save(options.out)
    print(f"{len(index)} pieces, {options.out.stat().st_size} bytes: {options.out}")


if __name__ == "__main__":
    main()
