"""Models of transformers and diffusers from the user's own folders: offline, never unpickled."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from partimento.core.errors import InputFileError, MissingExtraError, PartimentoError
from partimento.core.limits import CONFIG_BYTES, read_limited

_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
}
_MOST_FILES = 1000
_PIECE = 1 << 20


def optional(name: str) -> Any:
    """The package ``transformers`` or ``diffusers``.

    Raises MissingExtraError where it is not installed.
    """
    try:
        with offline():
            return import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"models of your own need the package {name} ({short(error)})",
            fix="Install it with `pip install partimento[images]`, or use the backend draw and the "
            "bank builtin, which need none",
        ) from error


@contextmanager
def offline() -> Iterator[None]:
    """The Hugging Face libraries neither download nor report; the environment is put back after."""
    before = {name: os.environ.get(name) for name in _OFFLINE}
    os.environ.update(_OFFLINE)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def loading(folder: Path, what: str) -> Iterator[None]:
    """Make every error of the libraries on a foreign folder one clear InputFileError."""
    try:
        yield
    except PartimentoError:
        raise
    except Exception as error:  # the boundary: whatever they raise, this model caused it
        raise InputFileError(
            f"this folder holds no usable {what} ({short(error)})",
            where=str(folder),
            fix="It needs the files of `save_pretrained`, with weights as .safetensors",
        ) from error


def pretrained(package: Any, name: str, folder: Path, **options: Any) -> Any:
    """The model of class ``name`` from a folder: .safetensors alone, no code of the folder's own.

    Raises InputFileError where tensors are missing: the libraries would fill them with noise.
    """
    log = package.utils.logging
    shown = log.is_progress_bar_enabled()
    log.disable_progress_bar()
    try:
        model, report = getattr(package, name).from_pretrained(
            str(folder),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    finally:
        if shown:
            log.enable_progress_bar()
    missing = sorted(report["missing_keys"])
    if missing:
        raise InputFileError(
            f"the weights lack {len(missing)} tensors of {name}, such as {missing[0]}",
            where=str(folder),
            fix="Give the folder of the whole model",
        )
    return model.eval()


def short(error: BaseException) -> str:
    """The first line of an error, without a final full stop, at most 200 characters."""
    lines = str(error).strip().splitlines()
    return (
        f"{type(error).__name__}: {lines[0]}"[:200].rstrip(".") if lines else type(error).__name__
    )


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file of a model's folder.

    Raises InputFileError where there is none.
    """
    try:
        found = json.loads(read_limited(path, CONFIG_BYTES))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InputFileError("this file is no JSON object", where=str(path))
    return found


def hash_of_folder(folder: Path) -> str:
    """SHA-256 of names and bytes of the configuration and weights, in the order of their names.

    Raises InputFileError for a folder of more than a thousand files.
    """
    files = sorted(p for p in folder.iterdir() if p.suffix in {".json", ".safetensors"})
    if len(files) > _MOST_FILES:
        raise InputFileError(f"a model has at most {_MOST_FILES} files", where=str(folder))
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\n".encode())
        with file.open("rb") as stream:
            while block := stream.read(_PIECE):
                digest.update(block)
    return digest.hexdigest()
