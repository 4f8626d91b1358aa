"""ESC-10 as a task for the claim bench: frames without any trained encoder, prompts as targets.

Shape suffixes: T frames, I bands, as in :mod:`.claims_training`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from partimento.core.errors import DataError
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.claims_training import ClaimTask
from partimento.tasks.audio2visual.concepts import SOUNDS
from partimento.tasks.audio2visual.frames import LogMelFrames
from partimento.tasks.audio2visual.hearing import read_folder

TABLE, AUDIO = "esc10.csv", "audio"
FRAMES = 10
"""Of a clip, each the mean of as many equal parts: enough for these claims, and quick."""
TEST_FOLDS = frozenset((4,))


def esc_task(
    data: str | Path,
    bank: PromptBank,
    progress: Callable[[int, int, str], None] | None = None,
) -> ClaimTask:
    """The clips of a folder that holds ``esc10.csv`` and ``audio``; fold 4 measures.

    Raises DataError where a fold or a class is missing, and what reading a table or sound raises.
    """
    folder = Path(data)
    clips = read_folder(folder / TABLE, folder / AUDIO)
    unknown = sorted(set(clips.labels) - set(SOUNDS))
    if unknown:
        raise DataError(f"{unknown[0]!r} is no class of ESC-10", where=str(folder / TABLE))
    labels_N = np.array([SOUNDS.index(label) for label in clips.labels])
    train_N = np.array([clip.fold not in TEST_FOLDS for clip in clips])
    for name, side in (("4", labels_N[~train_N]), ("another fold than 4", labels_N[train_N])):
        missing = sorted(set(range(len(SOUNDS))) - set(side.tolist()))
        if missing:
            raise DataError(
                f"no clip of {SOUNDS[missing[0]]!r} is in fold {name}"
                if name == "4"
                else f"no clip of {SOUNDS[missing[0]]!r} is in {name}",
                where=str(folder / TABLE),
            )
    encoder, rows = LogMelFrames(), []
    for place, clip in enumerate(clips):
        rows.append(_parts(encoder.frames(clip.sound())))
        if progress:
            progress(place + 1, len(clips), "clips")
    frames = np.stack(rows)
    kept = frames[train_N]
    frames = (frames - kept.mean((0, 1))) / np.maximum(kept.std((0, 1)), 1e-3)
    targets_KE = np.array(bank.rows(SOUNDS).clip_KE, dtype=np.float32)
    return ClaimTask("ESC-10", frames.astype(np.float32), labels_N, train_N, targets_KE)


def _parts(frames_TI: np.ndarray) -> np.ndarray:
    """(:data:`FRAMES`, I): means of equal parts; a shorter clip is repeated to that length."""
    if len(frames_TI) < FRAMES:
        frames_TI = np.repeat(frames_TI, -(-FRAMES // len(frames_TI)), axis=0)
    return np.stack([part.mean(0) for part in np.array_split(frames_TI, FRAMES)])
