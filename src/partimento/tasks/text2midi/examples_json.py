"""Training examples of the source as JSON, in and out without a change.

One example has the fields ``midi_file``, ``semantic_token_str``, ``midi_event_sequence`` and
``combined_sequence_for_amt``; others are kept as they are.  ``midi_file`` is a name only: nothing
here opens it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.core.limits import DATA_BYTES, read_limited
from partimento.music.amt_tokens import SEMANTIC, TIME_ON, semantic_token, text_of, tokens_of

FIELDS = ("midi_file", "semantic_token_str", "midi_event_sequence", "combined_sequence_for_amt")
MOST_EXAMPLES = 200_000
LONGEST_NAME = 4096
LONGEST_SEQUENCE = 4_000_000
"""Characters of one sequence."""


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One example; ``values`` is all of it exactly as it was read."""

    values: Mapping[str, Any]

    @property
    def midi_file(self) -> str:
        """Name of the file that the events come from."""
        return str(self.values["midi_file"])

    @property
    def semantic(self) -> str:
        """``SEMANTIC_TOKEN_k``."""
        return str(self.values["semantic_token_str"])

    @property
    def events(self) -> str:
        """The events as words with spaces, however they were written."""
        return _words(self.values["midi_event_sequence"])

    @property
    def combined(self) -> str:
        """Semantic token and events as words with spaces."""
        return _words(self.values["combined_sequence_for_amt"])


def example_of(
    midi_file: str, semantic: int, events: Sequence[int] | np.ndarray
) -> TrainingExample:
    """An example of tokens of scheme ``amt`` (without BOS, semantic token and EOS)."""
    token, words = text_of([semantic_token(semantic)]), text_of(events)
    values = (midi_file, token, words, f"{token} {words}")
    return TrainingExample(dict(zip(FIELDS, values, strict=True)))


def parsed(example: TrainingExample) -> tuple[int, np.ndarray]:
    """Number of the semantic token and event tokens (L,) of an example.

    Values that our tables lack are brought onto them, so that nothing is unknown.  Raises
    DataError for words of another scheme, and where the combined sequence says something else.
    """
    try:
        head = tokens_of(example.semantic)
        events = _plain(tokens_of(example.events))
        combined = tokens_of(example.combined)
    except ValueError as error:
        raise DataError(str(error), where=_place(example)) from None
    if len(head) != 1 or not SEMANTIC <= head[0] < TIME_ON:
        raise DataError(f"{example.semantic[:40]!r} is no semantic token", where=_place(example))
    if _plain(combined).tolist() != events.tolist() or head[0] not in combined:
        raise DataError(
            "combined_sequence_for_amt is not the semantic token with the events",
            where=_place(example),
        )
    return int(head[0]) - SEMANTIC, events


def read_examples(path: str | Path) -> list[TrainingExample]:
    """Examples of a JSON list, of a single JSON object, or of a file with one object a line.

    Raises InputFileError for a file that is missing or over 200 MB, DataError for another layout.
    """
    where = str(path)
    data = read_limited(path, DATA_BYTES)
    try:
        rows = _rows(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is no JSON ({error})", where=where) from None
    if len(rows) > MOST_EXAMPLES:
        raise DataError(f"more than {MOST_EXAMPLES} examples", where=where)
    return [TrainingExample(_checked(row, f"{where}, example {i}")) for i, row in enumerate(rows)]


def write_examples(path: str | Path, examples: Iterable[TrainingExample]) -> None:
    """Write examples as a JSON list, or one a line where the name ends in ``.jsonl``.

    Every value is written as it was read, whatever it is.
    """
    rows = [dict(example.values) for example in examples]
    if Path(path).suffix == ".jsonl":
        text = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        text = json.dumps(rows, indent=1) + "\n"
    write_atomic(path, text)


def _rows(text: str) -> list[Any]:
    lines = text.split("\n")
    if len(lines) > 1 and lines[0].rstrip().endswith("}") and lines[0].startswith("{"):
        return [_loads(line) for line in lines if line.strip()]
    found = _loads(text)
    return found if isinstance(found, list) else [found]


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _checked(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise DataError("an example is a JSON object", where=where)
    missing = [name for name in FIELDS if name not in row]
    if missing:
        raise DataError(f"fields are missing: {', '.join(missing)}", where=where)
    for name in FIELDS:
        value, listed = row[name], name in FIELDS[2:]
        words = listed and isinstance(value, list) and all(isinstance(w, str) for w in value)
        if not (isinstance(value, str) or words):
            raise DataError(f"{name} is no text{' or list of words' * listed}", where=where)
        longest = LONGEST_SEQUENCE if listed else LONGEST_NAME
        if (len(value) if isinstance(value, str) else sum(map(len, value))) > longest:
            raise DataError(f"{name} is longer than {longest} characters", where=where)
    return row


def _words(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(value)


def _plain(tokens: np.ndarray) -> np.ndarray:
    """Event tokens alone."""
    found: np.ndarray = tokens[tokens >= TIME_ON]
    return found


def _place(example: TrainingExample) -> str:
    return f"the example of {example.midi_file[:80]!r}"
