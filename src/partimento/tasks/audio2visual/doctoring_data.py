"""Labelled recordings as the doctor examines them: statistics of each sound, and its target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partimento.core.errors import DataError, PartimentoError
from partimento.doctor.case import DataFacts
from partimento.music.sound_statistics import sound_statistics
from partimento.tasks.audio2visual.bank import BUILTIN, PromptBank
from partimento.tasks.audio2visual.hearing import Clip, read_folder

LIMIT = 1000
"""Clips that are heard; of more so many are drawn.  A clip takes about 0.03 s."""


def data_facts(
    folder: Path,
    *,
    audio: Path | None = None,
    bank: str = BUILTIN,
    valid_fold: int | None = None,
    limit: int = LIMIT,
    seed: int = 0,
) -> DataFacts:
    """Facts of a table of clips with its sounds: a folder with both, or the table itself.

    The fold ``valid_fold`` (default: the last one) is held out.  Labels are the targets of the
    classes in a prompt bank, or class numbers where the bank does not know the classes.
    Raises DataError for another layout, InputFileError for a bank that is none.
    """
    table = _table(folder)
    clips = list(read_folder(table, table.parent / "audio" if audio is None else audio))
    if len(clips) > limit:
        places = np.random.default_rng(seed).choice(len(clips), limit, replace=False)
        clips = [clips[i] for i in sorted(places.tolist())]
    heard = [(clip, _statistics(clip)) for clip in clips]
    kept = [(clip, found) for clip, found in heard if found is not None]
    if not kept:
        raise DataError("none of these clips can be heard", where=str(folder))
    folds = {clip.fold for clip in clips}
    held = max(folds) if valid_fold is None else valid_fold
    if valid_fold is not None and valid_fold not in folds:
        raise DataError(f"there is no clip of fold {valid_fold}", where=str(table))
    classes = [clip.category for clip, _ in kept]
    return DataFacts(
        inputs=[found for _, found in kept],
        labels=_targets(classes, bank),
        split=["valid" if clip.fold == held else "train" for clip, _ in kept]
        if len(folds) > 1
        else (),
        groups={"recording": [clip.source for clip, _ in kept]},
        classes=classes,
        dropped=len(clips) - len(kept),
        names=[clip.filename for clip, _ in kept],
    )


def _table(folder: Path) -> Path:
    if folder.suffix.lower() == ".csv":
        return folder
    found = sorted(folder.glob("*.csv")) if folder.is_dir() else []
    if len(found) != 1:
        raise DataError(
            f"there are {len(found)} CSV tables in this folder",
            where=str(folder),
            fix="Give the table of the clips itself",
        )
    return found[0]


def _statistics(clip: Clip) -> np.ndarray | None:
    try:
        return sound_statistics(clip.sound().samples_N)
    except PartimentoError:
        return None


def _targets(classes: Sequence[str], bank: str) -> np.ndarray:
    """(N, 768) CLIP side of the bank, or (N,) numbers of the classes."""
    loaded = PromptBank.load(bank)
    names = sorted(set(classes))
    place = [names.index(name) for name in classes]
    if not set(names) <= set(loaded.names):
        return np.array(place, dtype=np.int64)
    return np.asarray(loaded.rows(names).clip_KE, dtype=np.float64)[place]
