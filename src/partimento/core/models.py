"""What weights there are and what their cards say, read without torch."""

from __future__ import annotations

from typing import Any

from partimento.core.checkpoint import read_meta, resolve_weights, shipped_weights


def list_models() -> list[dict[str, Any]]:
    """One row per shipped set of weights: name, task, parameters, size in bytes, summary."""
    rows = []
    for name, path in shipped_weights().items():
        card = read_meta(path).card
        rows.append(
            {
                "name": name,
                "task": card.task,
                "parameters": card.parameters,
                "size_bytes": path.stat().st_size,
                "licence": card.licence,
                "summary": card.summary,
            }
        )
    return rows


def show_model(weights: str) -> dict[str, Any]:
    """Card, configuration and metrics of a shipped name, a checkpoint file or a folder.

    Raises InputFileError when there is none or the file is no checkpoint.
    """
    meta = read_meta(resolve_weights(weights))
    return {
        **meta.card.model_dump(mode="json"),
        "model_class": meta.model_class,
        "data_hash": meta.data_hash,
        "config": meta.config,
        "checkpoint_metrics": meta.metrics,
    }
