"""What a weights file tells about itself, read without running anything that is in it."""

from __future__ import annotations

import io
import json
import math
import pickletools
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from partimento.core.checkpoint import read_header
from partimento.core.errors import InputFileError
from partimento.core.limits import check_regular

PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".pickle", ".joblib")
LARGEST_PICKLE = 50_000_000
"""Bytes of a pickle program that are looked through; tensors lie outside of it."""
HARMLESS = ("torch", "torch._utils", "torch.serialization", "torch._tensor", "collections",
            "numpy", "numpy.core.multiarray", "numpy._core.multiarray", "numpy.dtypes", "_codecs",
            "torch.nn.parameter", "torch.storage")  # fmt: skip
_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1,
          "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "U16": 2, "U32": 4, "U64": 8}  # fmt: skip


_PROTOCOLS = (b"\x02", b"\x03", b"\x04", b"\x05")
"""The second byte of a pickle that tells its protocol."""


def is_pickle(path: str | Path) -> bool:
    """Whether a file is one that is unpickled, by its first bytes or, unreadable, by its name."""
    file = Path(path)
    try:
        with file.open("rb") as stream:
            start = stream.read(9)
    except OSError:
        return file.suffix.lower() in PICKLES
    # A safetensors file begins with the length of its JSON, whose lowest byte may be anything.
    if start[8:] == b"{":
        return False
    return start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in _PROTOCOLS)


def checkpoint_facts(path: str | Path) -> dict[str, Any]:
    """Facts of a file for :class:`partimento.doctor.case.Case`.

    path, size_bytes, tensors (name -> shape), dtypes, tensor_bytes, parameters and model_class,
    config, vocabulary as its own metadata tell; ``globals`` for a pickle: what it would import.

    Raises InputFileError for a file that is missing, damaged or neither.
    """
    file = Path(path)
    size = check_regular(file)
    if is_pickle(file):
        return {
            "path": str(path),
            "size_bytes": size,
            "pickle": True,
            "globals": pickled_names(file),
        }
    header = read_header(file)
    metadata = header.pop("__metadata__", None) or {}
    for name, entry in header.items():
        if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= set(entry):
            raise InputFileError(
                f"the header of this checkpoint is damaged (tensor {name!r})", where=str(path)
            )
    told = _told(metadata)
    card = told.get("card") if isinstance(told.get("card"), dict) else {}
    with file.open("rb") as stream:
        header_bytes = 8 + struct.unpack("<Q", stream.read(8))[0]
    return {
        "path": str(path),
        "size_bytes": size,
        "pickle": False,
        "tensors": {name: list(entry["shape"]) for name, entry in header.items()},
        "dtypes": {name: str(entry["dtype"]) for name, entry in header.items()},
        "data_bytes": size - header_bytes,
        "told_bytes": max((e["data_offsets"][1] for e in header.values()), default=0),
        "tensor_bytes": sum(
            _BYTES.get(str(e["dtype"]), 0) * math.prod(e["shape"]) for e in header.values()
        ),
        "parameters": (card or {}).get("parameters"),
        "model_class": told.get("model_class", ""),
        "config": told.get("config", {}),
        "vocabulary": told.get("vocabulary", {}),
        "task": (card or {}).get("task", ""),
        "name": (card or {}).get("name", ""),
    }


def _told(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The first JSON object among the metadata: ours, or somebody else's."""
    for key in ("partimento", *metadata):
        try:
            values = json.loads(metadata.get(key, ""))
        except (TypeError, ValueError):
            continue
        if isinstance(values, dict):
            return values
    return {}


def pickled_names(path: Path) -> list[str]:
    """``module.name`` of everything that unpickling the file would import, sorted.

    The program is read, never run.  Raises InputFileError for a damaged archive.
    """
    names: set[str] = set()
    for program in _programs(path):
        names |= set(_imports(program))
    return sorted(names)


def suspicious(names: list[str]) -> list[str]:
    """Those that weights do not need: they can run code."""
    return [name for name in names if name.rpartition(".")[0] not in HARMLESS]


def _programs(path: Path) -> Iterator[bytes]:
    """Pickle programs in a file: itself, or the members of a zip archive that are one."""
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as stream:
                yield stream.read(LARGEST_PICKLE)
            return
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.filename.endswith((".pkl", ".pickle")):
                    with archive.open(entry) as stream:
                        yield stream.read(LARGEST_PICKLE)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputFileError(f"this archive is damaged ({error})", where=str(path)) from error


def _imports(program: bytes) -> Iterator[str]:
    """Names that the GLOBAL and STACK_GLOBAL operations of a program import."""
    strings: list[str] = []
    memo: dict[int, str] = {}
    last = ""
    try:
        for code, argument, _ in pickletools.genops(io.BytesIO(program)):
            if code.name in ("GLOBAL", "INST"):
                yield str(argument).replace(" ", ".")
            elif code.name == "STACK_GLOBAL":
                yield ".".join(strings[-2:]) if len(strings) > 1 else "unknown.unknown"
            elif "UNICODE" in code.name or code.name in ("STRING", "BINSTRING", "SHORT_BINSTRING"):
                last = str(argument)
                strings.append(last)
            elif code.name == "MEMOIZE":
                memo[len(memo)] = last
            elif "PUT" in code.name:
                memo[int(str(argument))] = last
            elif "GET" in code.name:
                strings.append(memo.get(int(str(argument)), ""))
    except (ValueError, IndexError, UnicodeDecodeError):
        return  # cut off or no pickle: what was read counts
