"""Where the descriptions come from that semantic tokens are fitted on: a corpus, or a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from partimento.core.errors import DataError, InputFileError
from partimento.core.limits import MEGABYTE, read_limited
from partimento.core.progress import Progress
from partimento.music.attributes import Attributes, measure
from partimento.tasks.text2midi.corpus import excerpts
from partimento.tasks.text2midi.interface import CorpusPiece

Length = Literal["short", "medium", "long"]

CAPTION_FILE_BYTES = 20 * MEGABYTE
MOST_CAPTIONS = 200_000
LONGEST_CAPTION = 2000
TEXT_FIELDS = ("caption", "text", "description", "prompt")
"""Fields of a JSON example that may hold its description."""
LIST_FIELDS = ("captions", "paraphrases")
TOKEN_FIELD = "semantic_token_str"
LENGTHS: tuple[Length, ...] = ("short", "medium", "long")
BARS = 16
RESTATED = 4


@dataclass(frozen=True, slots=True)
class Captioned:
    """A piece in words.

    ``paraphrases`` say the same facts in other words; ``restated`` are descriptions of the same
    music that each say other facts.  ``token`` is the semantic token that a file gave it.
    """

    name: str
    paraphrases: tuple[str, ...]
    restated: tuple[str, ...] = ()
    token: str | None = None


def corpus_captions(
    pieces: Sequence[CorpusPiece],
    count: int = 5,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Captioned]:
    """``count`` paraphrases, and four restatements, of one excerpt of 16 bars of each piece.

    Short, medium and long ones; half of them may name a mood.  Pieces without an excerpt are left
    out.
    """
    from partimento.tasks.text2midi.captions import caption, paraphrases

    found = []
    for done, piece in enumerate(pieces):
        # Each piece draws for itself, so that others do not change its captions.
        rng = np.random.default_rng([seed, *piece.id.encode()])
        attributes = excerpt_attributes(piece, rng)
        if attributes is not None:
            first, *rest = (LENGTHS[i] for i in rng.integers(len(LENGTHS), size=1 + RESTATED))
            said = paraphrases(attributes, piece.about, count, rng, first)
            other = tuple(caption(attributes, piece.about, rng, length) for length in rest)
            found.append(Captioned(piece.id, tuple(said), other))
        if progress is not None:
            progress(done + 1, len(pieces), "captions")
    return found


def excerpt_attributes(piece: CorpusPiece, rng: np.random.Generator) -> Attributes | None:
    """Attributes of one excerpt with the style that people gave; None where there is none."""
    every = excerpts(piece, BARS)
    if not every:
        return None
    found = measure(every[int(rng.integers(len(every)))].music)
    valence = {"major": "high", "minor": "low"}.get(found.mode or "")
    return replace(
        found,
        style=piece.about.get("style") or None,
        valence=valence if rng.random() < 0.5 else None,
    )


def read_captions(path: str | Path) -> list[Captioned]:
    """Descriptions from a file of at most 20 MB.

    A text file has one piece a line, its paraphrases set apart by tabs.  A ``.json`` (a list) or
    ``.jsonl`` file has objects with a description in ``caption``, ``text``, ``description`` or
    ``prompt``, or several in ``captions`` or ``paraphrases``; ``semantic_token_str`` is kept, so
    that old and new tokens can be compared.  Raises InputFileError for anything else.
    """
    path = Path(path)
    try:
        text = read_limited(path, CAPTION_FILE_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputFileError("this file is no UTF-8 text", where=str(path)) from error
    if path.suffix.lower() in (".json", ".jsonl"):
        rows = _json_rows(text, path)
        found = [_from_json(row, f"{path}, example {i + 1}") for i, row in enumerate(rows)]
    else:
        lines = [line.split("\t") for line in text.splitlines() if line.strip()]
        found = [
            Captioned(str(i + 1), tuple(c.strip() for c in line if c.strip()))
            for i, line in enumerate(lines)
        ]
    total = sum(len(one.paraphrases) for one in found)
    if not found or total > MOST_CAPTIONS:
        raise InputFileError(
            f"this file has {total} captions; 1 to {MOST_CAPTIONS:,} are possible", where=str(path)
        )
    if any(len(c) > LONGEST_CAPTION for one in found for c in one.paraphrases):
        raise InputFileError(
            f"a caption has more than {LONGEST_CAPTION} characters", where=str(path)
        )
    return found


def _json_rows(text: str, path: Path) -> list[Any]:
    try:
        if path.suffix.lower() == ".jsonl":
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        rows = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"this is no JSON ({error})", where=str(path)) from error
    if not isinstance(rows, list):
        raise InputFileError("this JSON is no list of examples", where=str(path))
    return rows


def _from_json(row: Any, where: str) -> Captioned:
    if isinstance(row, str) and row.strip():
        return Captioned(where, (row.strip(),))
    values: list[Any] = []
    if isinstance(row, dict):
        values = [row[name] for name in TEXT_FIELDS if name in row]
        for name in LIST_FIELDS:
            values += row[name] if isinstance(row.get(name), list) else []
    texts = tuple(dict.fromkeys(v.strip() for v in values if isinstance(v, str) and v.strip()))
    if not texts:
        raise InputFileError(
            "this example has no description",
            where=where,
            fix=f"Give one in a field {', '.join((*TEXT_FIELDS, *LIST_FIELDS))}",
        )
    token = row.get(TOKEN_FIELD)
    return Captioned(where, texts, token=token if isinstance(token, str) else None)


def checked_pieces(pieces: Sequence[CorpusPiece]) -> list[CorpusPiece]:
    """The pieces whose licence lets weights be shared: public domain, CC BY and CC BY-SA.

    Raises DataError where none is left.
    """
    kept = [p for p in pieces if is_permissive(p.about.get("licence", ""))]
    if not kept:
        raise DataError(
            "no piece of this data has a licence that allows weights to be shared",
            fix="Give data in the public domain, or under CC BY or CC BY-SA",
        )
    return kept


def is_permissive(licence: str) -> bool:
    """Whether a licence's name is one of public domain, CC0, CC BY or CC BY-SA.

    >>> is_permissive("Creative Commons Attribution-NonCommercial 4.0")
    False
    """
    name = licence.lower().replace("-", "").replace(" ", "")
    if any(word in name for word in ("noncommercial", "noderiv", "bync", "bynd")):
        return False
    return name.startswith(("publicdomain", "cc0", "ccby", "creativecommonsattribution"))
