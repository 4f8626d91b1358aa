"""Fill the unknown cells of a grid: drafts, the choice among them, and long pieces in segments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from partimento.core.progress import Progress
from partimento.music.grid import SILENCE, UNKNOWN, voice_runs
from partimento.music.keys import Key
from partimento.music.rules import RuleMode
from partimento.music.satb import Satb
from partimento.tasks.chorale.decode import Sampling, decode
from partimento.tasks.chorale.frames import single_batch
from partimento.tasks.chorale.guidance import Guide
from partimento.tasks.chorale.loading import load_drawing
from partimento.tasks.chorale.strong import ChoraleTransformer

CANDIDATES = 3
"""Drafts per alternative, in every mode; the likeliest (less the price of broken rules) is kept."""

SEGMENT_FRAMES, OVERLAP_FRAMES = 512, 128
"""Longer pieces are filled in segments of so many frames; see :func:`segments`."""

FERMATA_LOG_ODDS = -0.7
"""Least log-odds of a predicted fermata.  On the validation sopranos: precision 0.65 and recall
0.71 of frames, against 0.74 and 0.55 at 0."""

LONG_NOTE_FRAMES, LONG_NOTE_LOG_ODDS = 8, -2.0
"""Half notes and longer end a phrase on weaker evidence: Bach's chords that stand so long are under
a fermata in 83 of 100 cases."""

MIN_FERMATA_FRAMES = 2
"""A predicted fermata shorter than an eighth is none."""


def predicted_fermatas(
    model: ChoraleTransformer, grid: np.ndarray, meta: dict[str, np.ndarray], minor: bool
) -> np.ndarray | None:
    """Where phrases probably end in a piece without fermatas: 0 or 1 per frame (T,).

    Read off the model's fermata head.  None when no voice is given throughout the piece.  The end
    of the last note always counts: every chorale ends with a cadence.
    """
    given = grid != UNKNOWN
    sung = np.flatnonzero(given.all(axis=0) & (grid >= 0).any(axis=0))
    if not len(sung):
        return None
    line = grid[:, sung[0]]
    batch = single_batch(grid, given, meta, minor=minor)
    odds = model.fermata_logits(batch)[0].numpy()
    hot = (odds > FERMATA_LOG_ODDS) & (line >= 0)
    for start, length, cell in voice_runs(line):
        long = cell >= 0 and length >= LONG_NOTE_FRAMES
        if long and odds[start : start + length].mean() > LONG_NOTE_LOG_ODDS:
            hot[start : start + length] = True
    result = np.zeros(len(line), dtype=np.int64)
    for start, length, cell in voice_runs(np.where(hot, line, SILENCE)):
        if cell != SILENCE and length >= MIN_FERMATA_FRAMES:
            result[start : start + length] = 1
    end = int(np.flatnonzero(line >= 0)[-1]) + 1
    result[max(0, end - MIN_FERMATA_FRAMES) : end] = 1
    return result


def fill(
    satb: Satb,
    key: Key,
    mode: RuleMode,
    n: int,
    seed: int,
    sampling: tuple[float, float],
    weights: str,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[tuple[np.ndarray, float]]:
    """``n`` filled grids, in the pitch of ``satb.grid``, with the model's nats per filled cell."""
    model = load_drawing(weights, device)
    meta = dict(satb.frames)
    if not meta["fermata"].any():
        del meta["fermata"]
    return [
        fill_one(model, satb.grid, meta, key, mode, seed + i, sampling, progress) for i in range(n)
    ]


def fill_one(
    model: ChoraleTransformer,
    grid: np.ndarray,
    meta: dict[str, np.ndarray],
    key: Key,
    mode: RuleMode,
    seed: int,
    sampling: tuple[float, float],
    progress: Progress | None = None,
) -> tuple[np.ndarray, float]:
    """One filled grid; long pieces are filled segment by segment, each seeing what came before."""
    grid = grid.copy()
    if "fermata" not in meta:
        guessed = predicted_fermatas(model, grid, meta, key.mode == "minor")
        meta = meta if guessed is None else {**meta, "fermata": guessed}
    total, cells = 0.0, int((grid == UNKNOWN).sum())
    spans = segments(len(grid))
    for number, (start, first, last, stop) in enumerate(spans):
        window = grid[start:stop]
        part = {name: values[start:stop] for name, values in meta.items()}
        final = stop == len(grid)
        piece, nats = draft(model, window, part, key, mode, [seed, number], sampling, final)
        # What lies after ``last`` is written again by the next segment, which sees further ahead.
        unknown = grid[first:last] == UNKNOWN
        total += nats * unknown.sum() / max(1, (window == UNKNOWN).sum())
        grid[first:last][unknown] = piece[first - start : last - start][unknown]
        if progress is not None:
            progress(number + 1, len(spans), "segments")
    return grid, total / max(1, cells)


def segments(frames: int) -> list[tuple[int, int, int, int]]:
    """(start, first, last, stop) of every segment: it sees start..stop and keeps first..last.

    A long piece is cut so that each segment sees ``OVERLAP_FRAMES`` of what was written before and
    as many of what is given after.
    """
    if frames <= SEGMENT_FRAMES:
        return [(0, 0, frames, frames)]
    step = SEGMENT_FRAMES - 2 * OVERLAP_FRAMES
    return [
        (
            max(0, first - OVERLAP_FRAMES),
            first,
            min(frames, first + step),
            min(frames, first + step + OVERLAP_FRAMES),
        )
        for first in range(0, frames, step)
    ]


def draft(
    model: ChoraleTransformer,
    grid: np.ndarray,
    meta: dict[str, np.ndarray],
    key: Key,
    mode: RuleMode,
    seed: Sequence[int],
    sampling: tuple[float, float],
    final: bool,
) -> tuple[np.ndarray, float]:
    """The likeliest of a few drafts, (T, 4), and its negative log-probability in nats.

    ``final``: whether the grid reaches the end of the piece.
    """
    given = grid != UNKNOWN
    if given.all():
        return grid, 0.0
    batch = single_batch(grid, given, meta, minor=key.mode == "minor")
    rngs = [np.random.default_rng([*seed, i]) for i in range(CANDIDATES)]
    guide = Guide(mode, meta.get("fermata"), key, final=final, given=np.where(given, grid, -1))
    decoded = decode(model, batch, rngs, Sampling(*sampling), guide)
    best = int(np.argmax(decoded.log_probs - decoded.penalties))
    filled = np.where(given, grid, decoded.grids[best])
    return filled, -float(decoded.log_probs[best])
