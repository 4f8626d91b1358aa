"""Checkpoints: one ``.safetensors`` file that tells what it is.

The header of the file carries the model's class, its configuration, vocabulary, the hash of its
training data, its metrics and its card, as JSON.  Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from partimento.core.config import Config, close_matches
from partimento.core.errors import InputFileError
from partimento.core.files import atomic_path
from partimento.core.limits import (
    CHECKPOINT_BYTES,
    CHECKPOINT_HEADER_BYTES,
    check_regular,
    size_text,
)

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

FORMAT_VERSION = 1
_METADATA_KEY = "partimento"


class Card(Config):
    """What a user must know about a set of weights."""

    name: str
    """Short name, also the file's name."""
    task: str
    """The slice that the model belongs to, such as ``chorale``."""
    summary: str
    """One sentence."""
    licence: str
    """Licence of the weights."""
    trained_on: list[str]
    """Each data set with its source and licence."""
    recipe: str
    """The recipe file that trains it again."""
    parameters: int = Field(ge=0)
    """Number of parameters."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Measured figures; each name ends in its unit."""
    notes: str = ""
    """Limits and known faults."""


class CheckpointMeta(Config):
    """Everything in a checkpoint but the tensors."""

    format_version: int = FORMAT_VERSION
    """Version of this layout."""
    model_class: str
    """``module:class`` of the network, for information; it is never imported from here."""
    config: dict[str, Any]
    """The model's configuration, enough to build it."""
    vocabulary: dict[str, Any] = Field(default_factory=dict)
    """Tokens of the model."""
    data_hash: str = ""
    """SHA-256 of the training data."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Figures at the time of saving."""
    card: Card
    """The card."""


def save_checkpoint(path: str | Path, tensors: Mapping[str, Tensor], meta: CheckpointMeta) -> None:
    """Write ``tensors`` and ``meta`` to one safetensors file, atomically."""
    from safetensors.torch import save_file

    # clone(): tied weights share memory, which the format refuses.
    owned = {name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()}
    # One key: safetensors writes several in an order that changes from call to call.
    header = {_METADATA_KEY: meta.model_dump_json()}
    with atomic_path(path) as temporary:
        save_file(owned, temporary, metadata=header)


def load_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], CheckpointMeta]:
    """Tensors (on the CPU) and metadata of a checkpoint.

    Raises InputFileError for a file that is missing, larger than 1 GB, no safetensors file,
    damaged, or not written by this package.
    """
    meta = read_meta(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(str(path)), meta
    except (SafetensorError, ValueError, KeyError, OSError) as error:
        raise InputFileError(f"this checkpoint is damaged ({error})", where=str(path)) from error


def load_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], CheckpointMeta]:
    """As :func:`load_checkpoint`, but as NumPy arrays and without importing torch.

    Raises InputFileError as :func:`load_checkpoint` does, and for numbers that NumPy does not have
    (bfloat16).
    """
    meta = read_meta(path)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(str(path)), meta
    except (SafetensorError, TypeError, ValueError, KeyError, OSError) as error:
        raise InputFileError(f"this checkpoint is damaged ({error})", where=str(path)) from error


def read_meta(path: str | Path) -> CheckpointMeta:
    """The metadata of a checkpoint, read from its header without torch.

    Raises InputFileError as :func:`load_checkpoint` does.
    """
    path = Path(path)
    metadata = read_header(path).get("__metadata__")
    text = metadata.get(_METADATA_KEY) if isinstance(metadata, dict) else None
    if not isinstance(text, str):
        raise InputFileError(
            "this safetensors file was not written by partimento: it has no card",
            where=str(path),
            fix="Use a shipped name or a file from `partimento train`",
        )
    try:
        meta = CheckpointMeta.model_validate_json(text)
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise InputFileError(
            f"the metadata of this checkpoint is not valid (field {field or 'unknown'})",
            where=str(path),
        ) from error
    if meta.format_version > FORMAT_VERSION:
        raise InputFileError(
            f"this checkpoint has format {meta.format_version}, newer than the {FORMAT_VERSION} "
            "known here",
            where=str(path),
            fix="Update partimento",
        )
    return meta


def read_header(path: Path) -> dict[str, Any]:
    """The JSON header of a safetensors file: 8 bytes of length, then the text."""
    size = check_regular(path)
    if size > CHECKPOINT_BYTES:
        raise InputFileError(
            f"this checkpoint is larger than {size_text(CHECKPOINT_BYTES)}", where=str(path)
        )
    with path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= min(CHECKPOINT_HEADER_BYTES, size - 8):
            raise _not_safetensors(path, start)
        text = stream.read(length)
    try:
        header = json.loads(text)
    except (ValueError, RecursionError):
        raise _not_safetensors(path, start) from None
    if not isinstance(header, dict):
        raise _not_safetensors(path, start)
    return header


def _not_safetensors(path: Path, start: bytes) -> InputFileError:
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        fix = "It looks like a pickled PyTorch file; those can run code and are never opened"
    else:
        fix = "Give a shipped name or a .safetensors file"
    return InputFileError("this is no safetensors checkpoint", where=str(path), fix=fix)


def shipped_weights() -> dict[str, Path]:
    """The weights inside the package: name -> file."""
    folder = Path(str(resources.files("partimento"))) / "weights"
    return {file.stem: file for file in sorted(folder.glob("*.safetensors"))}


def resolve_weights(name_or_path: str | Path) -> Path:
    """The checkpoint meant by a shipped name, a file, or a folder with ``model.safetensors``.

    Raises InputFileError listing the shipped names when there is none.
    """
    shipped = shipped_weights()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    path = Path(name_or_path)
    if path.is_dir():
        path = path / "model.safetensors"
    if path.is_file():
        return path
    raise InputFileError(
        f"no weights are known under {str(name_or_path)!r}: "
        f"{close_matches(str(name_or_path), shipped)}",
        where="--weights",
        fix="Give a shipped name (`partimento models list`), a .safetensors file or a folder that "
        "holds model.safetensors",
    )
