"""Figures of a chorale model on canonical grids: likelihood, floors, harmonised sopranos."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import DataError
from partimento.core.progress import Progress
from partimento.music.fermatas import fermatas_for
from partimento.music.grid import SILENCE, UNKNOWN, canonical_splits, load_canonical, read_json
from partimento.music.grid_measures import measure_grids
from partimento.music.keys import Key, detect_key
from partimento.music.rules import RuleMode
from partimento.tasks.chorale.api import CHANNELS, truth_nll
from partimento.tasks.chorale.filling import fill_one, predicted_fermatas
from partimento.tasks.chorale.floors import floors, shipped_floors
from partimento.tasks.chorale.loading import DEFAULT_WEIGHTS, load_drawing
from partimento.tasks.chorale.networks import load_network


def evaluate_likelihood(
    data: str | Path,
    split: str = "valid",
    weights: str | Path = DEFAULT_WEIGHTS,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Chronological likelihood of every piece of a split, whole pieces, no metadata.

    ``data`` is the canonical form (split -> pieces -> frames of [S, A, T, B], -1 silence).  One
    frame is a 16th note of four voices.  The voices of a frame are scored one after the other,
    each given the frames before and the voices already scored; never a later frame.  All means
    are over frames (pooled).  ``atb_given_s_nats_per_frame`` shows the model the whole soprano,
    and is None for models that cannot look ahead.

    Raises DataError for a file without this split, InputFileError for weights that do not load.
    """
    grids = _grids(data, split)
    model = load_network(weights, device)
    total, frames = np.zeros(4), 0
    for i, grid in enumerate(grids):
        total += truth_nll(model.step_log_probs(grid), grid).sum(axis=0)
        frames += len(grid)
        if progress is not None:
            progress(i + 1, len(grids), "pieces")
    per_frame = float(total.sum() / frames)
    return {
        "task": "likelihood",
        "split": split,
        "weights": Path(weights).stem,
        "pieces": len(grids),
        "frames": frames,
        "nats_per_frame": per_frame,
        "nats_per_note": per_frame / 4,
        "bits_per_note": per_frame / 4 / math.log(2),
        "perplexity_per_note": math.exp(per_frame / 4),
        "per_voice": {n: float(x) for n, x in zip(CHANNELS, total / frames, strict=True)},
        "melodic_nats_per_frame": float(total[0] / frames),
        "harmonic_nats_per_frame": float(total[1:].sum() / frames),
        "atb_given_s_nats_per_frame": _atb_given_s(model, grids),
        "floors": _floors(data, grids),
        "units": {
            "frame": "one 16th note of four voices",
            "per_voice": "nats per frame of that voice",
        },
    }


def _grids(data: str | Path, split: str) -> list[np.ndarray]:
    grids = load_canonical(data, split)
    if not grids:
        raise DataError(f"the split {split!r} has no pieces", where=str(data))
    return grids


def _atb_given_s(model: Any, grids: Sequence[np.ndarray]) -> float | None:
    """Nats per frame of alto, tenor and bass when the whole soprano is known."""
    if not hasattr(model, "given_nll"):
        return None
    given = np.array([True, False, False, False])
    total = sum(model.given_nll(grid, np.tile(given, (len(grid), 1))).sum() for grid in grids)
    return float(total / sum(len(g) for g in grids))


def _floors(data: str | Path, grids: list[np.ndarray]) -> dict[str, float]:
    """Floors fitted on the file's own training part, or the shipped tables where it has none."""
    splits = canonical_splits(read_json(data), str(data))
    if splits.get("train"):
        return floors(splits["train"], grids)
    return shipped_floors().measure(grids)


def evaluate_harmonize(
    data: str | Path,
    split: str = "valid",
    weights: str | Path = DEFAULT_WEIGHTS,
    *,
    n: int = 1,
    seed: int = 0,
    mode: RuleMode = "strict",
    limit: int | None = None,
    rich: str | Path | None = None,
    temperature: float = 0.6,
    top_p: float = 0.9,
    device: str = "cpu",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Harmonise every soprano of a split and measure the result beside the reference.

    Measures and units: :mod:`partimento.music.grid_measures`.  ``rich`` (the rich form of the
    same pieces) tells where fermatas are; the model then sees them, and root positions are
    counted there.  Where it is not given the model guesses phrase ends from the soprano;
    ``fermatas_known`` counts the pieces where it was given, and ``root_at_fermata`` has those only.
    ``root_at_guessed_fermata`` is at the guesses: in the modes with rules the decoder forces root
    positions just there, so it says nothing about quality.  ``seconds_per_chorale`` is wall time
    without loading the weights.
    """
    grids = _grids(data, split)[:limit]
    model = load_drawing(weights, device)
    marks = _fermatas(grids, split, rich)
    made: list[np.ndarray] = []
    kept = cells = 0
    seconds = 0.0
    for i, grid in enumerate(grids):
        for k in range(n):
            start = time.perf_counter()
            filled = harmonize_grid(model, grid, marks[i], mode, seed + k, (temperature, top_p))
            seconds += time.perf_counter() - start
            made.append(filled)
            kept += int((filled[:, 0] == grid[:, 0]).sum())
            cells += len(grid)
        if progress is not None:
            progress(i + 1, len(grids), "chorales")
    repeated = [mark for mark in marks for _ in range(n)]
    guesses = [guessed_fermatas(model, grid) for grid in grids]
    at_guess = measure_grids(made, [guess for guess in guesses for _ in range(n)])
    reference = measure_grids(grids, marks)
    reference["root_at_guessed_fermata"] = measure_grids(grids, guesses)["root_at_fermata"]
    return {
        "task": "harmonize",
        "split": split,
        "weights": Path(weights).stem,
        "mode": mode,
        "seed": seed,
        "chorales": len(made),
        "preserved_input": kept / cells,
        "fermatas_known": sum(mark is not None for mark in marks),
        "seconds_per_chorale": seconds / len(made),
        **measure_grids(made, repeated),
        "root_at_guessed_fermata": at_guess["root_at_fermata"],
        "reference": reference,
        "units": "rate = 100 * count / of; definitions in partimento.music.grid_measures",
    }


def soprano_only(grid: np.ndarray) -> np.ndarray:
    """The grid (T, 4) with all but the soprano open; silent where the soprano is."""
    result = np.full_like(grid, UNKNOWN)
    result[:, 0] = grid[:, 0]
    result[grid[:, 0] < 0] = SILENCE
    return result


def guessed_fermatas(model: Any, grid: np.ndarray) -> np.ndarray | None:
    """Bool (T,): where the model hears phrase ends in the soprano."""
    minor = soprano_key(grid[:, 0]).mode == "minor"
    guess = predicted_fermatas(model, soprano_only(grid), {}, minor)
    return None if guess is None else guess.astype(bool)


def harmonize_grid(
    model: Any,
    grid: np.ndarray,
    fermata_T: np.ndarray | None,
    mode: RuleMode,
    seed: int,
    sampling: tuple[float, float],
) -> np.ndarray:
    """Alto, tenor and bass for the soprano of a grid (T, 4); silent where the soprano is."""
    meta = {} if fermata_T is None else {"fermata": fermata_T.astype(np.int64)}
    key = soprano_key(grid[:, 0])
    return fill_one(model, soprano_only(grid), meta, key, mode, seed, sampling)[0]


def soprano_key(melody: np.ndarray) -> Key:
    """Key of a melody by its pitch classes, weighted by duration."""
    return detect_key(np.bincount(melody[melody >= 0] % 12, minlength=12).astype(float))


def _fermatas(
    grids: list[np.ndarray], split: str, rich: str | Path | None
) -> list[np.ndarray | None]:
    if rich is None:
        return [None] * len(grids)
    content = read_json(rich)
    if not isinstance(content, dict) or "pieces" not in content:
        raise DataError("this is not the rich form of the chorales", where=str(rich))
    return fermatas_for(grids, split, content["pieces"])
