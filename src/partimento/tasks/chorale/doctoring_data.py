"""Chorale data as the doctor examines it: frames of four tokens, by part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.doctor.case import DataFacts
from partimento.music.corpora import CORPORA, corpus_path
from partimento.music.grid import canonical_splits, piece_grid, read_json
from partimento.tasks.chorale.api import SILENCE, VOCABULARY, tokens_of

LIMIT = 2000
"""Pieces that are looked at; more are drawn from."""


def data_facts(folder: Path, *, limit: int = LIMIT, seed: int = 0) -> DataFacts:
    """Facts of a file ``{part: [pieces]}`` or of hymns, of a folder with one such file, or of an
    installed corpus by its name.

    Of more than ``limit`` pieces so many are drawn with ``seed``.
    Raises DataError for another layout.
    """
    named = sorted(_pieces(_file(folder)).items())
    grids = [(f"{part}-{i}", part, grid) for part, some in named for i, grid in enumerate(some)]
    usable = [row for row in grids if len(row[2])]
    if not usable:
        raise DataError("there is no piece here", where=str(folder))
    chosen = usable
    if len(usable) > limit:
        places = np.random.default_rng(seed).choice(len(usable), limit, replace=False)
        chosen = [usable[i] for i in sorted(places.tolist())]
    parts = [part for _, part, _ in chosen]
    return DataFacts(
        inputs=[tokens_of(grid) for _, _, grid in chosen],
        split=parts if len(set(parts)) > 1 else (),
        vocabulary=VOCABULARY,
        pitch_tokens=(0, 127),
        rest_token=SILENCE,
        dropped=len(grids) - len(usable),
        names=[name for name, _, _ in chosen],
    )


def _file(folder: Path) -> Path:
    if not folder.exists() and str(folder) in CORPORA:
        return corpus_path(str(folder))
    if not folder.is_dir():
        return folder
    files = sorted(folder.glob("*.json"))
    if len(files) != 1:
        raise DataError(
            f"there are {len(files)} JSON files in this folder",
            where=str(folder),
            fix="Give the file itself, in the canonical form {part: [pieces]}",
        )
    return files[0]


def _pieces(path: Path) -> Mapping[str, list[np.ndarray]]:
    content: Any = read_json(path)
    listed = content.get("pieces") if isinstance(content, dict) else None
    if isinstance(listed, list) and all(isinstance(p, dict) and "grid" in p for p in listed):
        where = str(path)
        grids = [piece_grid(p["grid"], f"{where}, pieces[{i}]") for i, p in enumerate(listed)]
        return {"all": grids}
    return canonical_splits(content, str(path))
