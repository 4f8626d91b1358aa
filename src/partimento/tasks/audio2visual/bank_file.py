"""A prompt bank as one .safetensors file, checked before a byte of its numbers is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from partimento.core.checkpoint import read_header
from partimento.core.errors import InputFileError
from partimento.core.files import atomic_path
from partimento.tasks.audio2visual.bank import (
    CLIP_LENGTH,
    CLIP_WIDTH,
    MOST_CONCEPTS,
    T5_LENGTH,
    T5_WIDTH,
    Embedded,
    PromptBank,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT_VERSION = 1
METADATA_KEY = "partimento_bank"
EMPTY = "empty."
"""In front of the names of the tensors of the empty prompt."""
LONGEST_PROMPT = 2000
"""Characters of a prompt or a name in a file."""


def save_bank(bank: PromptBank, path: str | Path) -> None:
    """Write ``bank`` to one file, atomically; float16, 141 kB a concept (259 with CLIP tokens)."""
    from safetensors.numpy import save_file

    arrays = {"clip": bank.clip_KE, "t5": bank.t5_KLE, "clip_tokens": bank.clip_tokens_KLE}
    if bank.empty is not None:
        arrays |= {f"{EMPTY}{name}": getattr(bank.empty, name) for name in arrays}
    header = {
        "format_version": FORMAT_VERSION,
        "names": list(bank.names),
        "prompts": list(bank.prompts),
        "t5_counts": [int(n) for n in bank.t5_counts_K],
        "meta": dict(bank.meta),
    }
    if bank.empty is not None:
        header["empty_t5_count"] = int(bank.empty.t5_mask.sum())
    owned = {
        name: np.ascontiguousarray(array, dtype="<f2")
        for name, array in arrays.items()
        if array is not None
    }
    with atomic_path(path) as temporary:
        save_file(owned, temporary, metadata={METADATA_KEY: json.dumps(header, sort_keys=True)})


def load_bank(path: str | Path) -> PromptBank:
    """The bank in a file.

    Raises InputFileError for a file that is missing, larger than 1 GB, damaged, or no bank: names,
    prompts and sizes are checked against each other before the numbers are read.
    """
    path = Path(path)
    header = read_header(path)
    story = _story(header, path)
    _check_tensors(header, len(story["names"]), path)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(str(path))
        return PromptBank(
            tuple(story["names"]),
            tuple(story["prompts"]),
            arrays["clip"].astype(np.float32),
            arrays["t5"],
            np.array(story["t5_counts"], dtype=np.int64),
            arrays.get("clip_tokens"),
            _empty(arrays, story.get("empty_t5_count", 1)),
            {**story["meta"], "source": path.name},
        )
    except (SafetensorError, TypeError, ValueError, KeyError, OSError) as error:
        raise InputFileError(f"this prompt bank is damaged ({error})", where=str(path)) from error


def _empty(arrays: Mapping[str, np.ndarray], count: int) -> Embedded | None:
    """What the file holds of the empty prompt."""
    if f"{EMPTY}clip" not in arrays:
        return None
    words = arrays.get(f"{EMPTY}clip_tokens")
    return Embedded(
        clip=arrays[f"{EMPTY}clip"].astype(np.float32),
        t5=arrays[f"{EMPTY}t5"].astype(np.float32),
        t5_mask=np.arange(T5_LENGTH)[None] < count,
        clip_tokens=None if words is None else words.astype(np.float32),
    )


def _story(header: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """The checked text part of a bank."""
    metadata = header.get("__metadata__")
    text = metadata.get(METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise InputFileError(
            "this safetensors file is no prompt bank",
            where=str(path),
            fix="Make one with `partimento bank build`, or give the name builtin",
        )
    try:
        story = json.loads(text)
    except (ValueError, RecursionError):
        story = None
    fault = _fault(story)
    if fault:
        raise InputFileError(f"this prompt bank is damaged ({fault})", where=str(path))
    checked: dict[str, Any] = story
    return checked


def _fault(story: Any) -> str:
    """What is wrong with the text part; nothing if it is right."""
    if not isinstance(story, dict) or not isinstance(story.get("meta"), dict):
        return "its description cannot be read"
    version = story.get("format_version")
    if version != FORMAT_VERSION:
        return f"format {version!r}; known here is {FORMAT_VERSION}"
    names, prompts, counts = story.get("names"), story.get("prompts"), story.get("t5_counts")
    if not _texts(names) or not _texts(prompts) or len(names) != len(prompts):
        return "names and prompts must be two lists of texts of equal length"
    if not isinstance(counts, list) or len(counts) != len(names):
        return "one token count is needed for each name"
    counts = [*counts, story.get("empty_t5_count", 1)]
    if not all(type(n) is int and 1 <= n <= T5_LENGTH for n in counts):
        return f"token counts must be whole numbers from 1 to {T5_LENGTH}"
    return ""


def _texts(values: Any) -> TypeGuard[list[str]]:
    return (
        isinstance(values, list)
        and 0 < len(values) <= MOST_CONCEPTS
        and all(isinstance(v, str) and len(v) <= LONGEST_PROMPT for v in values)
    )


def _check_tensors(header: Mapping[str, Any], count: int, path: Path) -> None:
    """Raise InputFileError unless the header promises the arrays of ``count`` concepts."""
    rows: dict[str, Sequence[int]] = {
        "clip": (CLIP_WIDTH,),
        "t5": (T5_LENGTH, T5_WIDTH),
        "clip_tokens": (CLIP_LENGTH, CLIP_WIDTH),
    }
    shapes = {name: [count, *row] for name, row in rows.items()}
    shapes |= {f"{EMPTY}{name}": [1, *row] for name, row in rows.items()}
    stored = {name: entry for name, entry in header.items() if name != "__metadata__"}
    for name in dict.fromkeys(("clip", "t5", *stored)):
        entry = stored.get(name)
        if name not in shapes or not isinstance(entry, dict):
            fault = f"it has no tensor {name}" if name in shapes else "it holds another tensor"
            raise InputFileError(f"this prompt bank is damaged ({fault})", where=str(path))
        if entry.get("shape") != shapes[name] or entry.get("dtype") != "F16":
            raise InputFileError(
                f"this prompt bank is damaged (tensor {name} must be float16 of the shape "
                f"{tuple(shapes[name])})",
                where=str(path),
            )
