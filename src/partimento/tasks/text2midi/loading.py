"""Weights of text2midi of any kind, by shipped name or path."""

from __future__ import annotations

from pathlib import Path

from partimento.core.checkpoint import load_checkpoint, resolve_weights
from partimento.core.errors import DataError
from partimento.tasks.text2midi.interface import TextModel

DEFAULT_WEIGHTS = "text2midi-strong"


def load_text_model(name_or_path: str | Path = DEFAULT_WEIGHTS) -> TextModel:
    """The model in a checkpoint, ready to score and to compose.

    Raises DataError when the weights are of another task, or made with other tables than this
    version's, and InputFileError for a bad file.
    """
    path = resolve_weights(name_or_path)
    tensors, meta = load_checkpoint(path)
    kind = meta.model_class.rpartition(":")[2]
    if kind == "StrongText":
        from partimento.tasks.text2midi.strong_weights import strong_model

        return strong_model(tensors, meta, str(path))
    if kind == "SourceTransformer":
        from partimento.tasks.text2midi.source_compose import load_source

        return load_source(path)
    raise DataError(
        f"these weights are of {meta.model_class}, which is no text-to-music model",
        where=str(path),
    )
