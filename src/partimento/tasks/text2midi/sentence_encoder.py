"""Sentence embeddings by a local model of sentence-transformers; nothing is ever downloaded."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import InputFileError, MissingExtraError
from partimento.tasks.text2midi.embedding import LONGEST_TEXT, unit

MODEL_BYTES = 8_000_000_000
"""All files of a model together."""
MOST_FILES = 1000
_PIECE = 1 << 20


@dataclass(frozen=True)
class SentenceEncoder:
    """A model of sentence-transformers (Reimers and Gurevych 2019) in a local folder.

    ``hash`` is that of the folder's files, so that a codebook is refused with any other model.
    """

    model: str
    hash: str
    network: Any

    @classmethod
    def open(cls, folder: str | Path) -> SentenceEncoder:
        """Load a model from a folder.

        Raises InputFileError where the folder does not exist or holds no such model, and
        MissingExtraError without sentence-transformers.
        """
        path = Path(folder)
        if not path.is_dir():
            raise InputFileError(
                "there is no folder with a sentence-transformers model here",
                where=str(folder),
                fix="Give the path of a model that you have; none is downloaded",
            )
        digest = _hash_of_files(path)
        try:
            package = import_module("sentence_transformers")
        except ImportError as error:
            raise MissingExtraError(
                "this text encoder needs sentence-transformers",
                where=str(folder),
                fix="Install it with `pip install partimento[text]`, or use the encoder tfidf",
            ) from error
        try:
            # Code in a model's folder is not run, and its weights are never unpickled.
            network = package.SentenceTransformer(
                str(path),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise InputFileError(
                f"this folder is no usable sentence-transformers model ({error})",
                where=str(folder),
                fix="It needs modules.json, config.json and weights as .safetensors",
            ) from error
        return cls(str(path), digest, network)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors (N, E) of length 1."""
        if not texts:
            return np.zeros((0, int(self.network.get_sentence_embedding_dimension())))
        found = self.network.encode(
            [text[:LONGEST_TEXT] for text in texts],
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return unit(np.asarray(found, dtype=np.float64))

    def terms_near(self, direction_E: np.ndarray, count: int) -> list[str]:
        """None: the directions of such a space have no words."""
        return []

    def arrays(self) -> dict[str, np.ndarray]:
        """None: the model stays in its folder."""
        return {}

    def meta(self) -> dict[str, Any]:
        """Kind and folder."""
        return {"kind": "sentences", "model": self.model}


def _hash_of_files(folder: Path) -> str:
    """SHA-256 of names and bytes of all files, in the order of their names."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    if not files or len(files) > MOST_FILES or sum(map(os.path.getsize, files)) > MODEL_BYTES:
        raise InputFileError(
            f"a model has 1 to {MOST_FILES} files of {MODEL_BYTES // 10**9} GB at most",
            where=str(folder),
        )
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(folder).as_posix()}\n".encode())
        with file.open("rb") as stream:
            while block := stream.read(_PIECE):
                digest.update(block)
    return digest.hexdigest()
