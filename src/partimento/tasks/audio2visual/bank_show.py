"""What is in a prompt bank, for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from partimento.tasks.audio2visual.bank import BUILTIN, PromptBank
from partimento.tasks.audio2visual.concepts import CONCEPTS


def show_bank(bank: str | Path = BUILTIN) -> dict[str, Any]:
    """Encoders, sizes, concepts with their prompts, and how near each other these lie.

    Per concept: the one whose pooled embedding is nearest, and the cosine.  ``missing`` are the
    concepts of the shipped model that the bank lacks.

    Raises InputFileError for a file that is no bank.
    """
    opened = PromptBank.load(bank)
    cosine_KK = _cosines(opened.clip_KE)
    count = len(opened)
    others = cosine_KK[~np.eye(count, dtype=bool)]
    masked_KK = np.where(np.eye(count, dtype=bool), -np.inf, cosine_KK)
    nearest_K = masked_KK.argmax(axis=1)
    rows = [
        {
            "name": name,
            "prompt": prompt,
            "t5_tokens": int(opened.t5_counts_K[k]),
            "nearest": opened.names[nearest_K[k]] if count > 1 else None,
            "cosine": float(masked_KK[k].max()) if count > 1 else None,
        }
        for k, (name, prompt) in enumerate(zip(opened.names, opened.prompts, strict=True))
    ]
    return {
        "bank": Path(bank).name,
        "hash": opened.hash,
        "meta": dict(opened.meta),
        "concepts": count,
        "clip": list(opened.clip_KE.shape),
        "t5": list(opened.t5_KLE.shape),
        "clip_tokens": None if opened.clip_tokens_KLE is None else [*opened.clip_tokens_KLE.shape],
        "mean_cosine": float(others.mean()) if count > 1 else None,
        "missing": [name for name in CONCEPTS if name not in opened.names],
        "rows": rows,
    }


def _cosines(rows_KE: np.ndarray) -> np.ndarray:
    """(K, K) cosines; a row of zeros has cosine 0 with all."""
    values_KE = rows_KE.astype(np.float64)
    length_K1 = np.linalg.norm(values_KE, axis=1, keepdims=True)
    unit_KE = values_KE / np.where(length_K1 > 0, length_K1, 1.0)
    cosine_KK: np.ndarray = unit_KE @ unit_KE.T
    return cosine_KK
