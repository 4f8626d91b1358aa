"""``evaluate text2midi``: what a prompt tells a model, or what the model makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partimento.core.errors import ConfigError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress

if TYPE_CHECKING:
    from partimento.tasks.text2midi.interface import TextModel

DEFAULT_WEIGHTS = "text2midi-strong"
DEFAULT_BARS = 16
DEFAULT_GUIDANCE = 1.5


def evaluate_text2midi(
    data: str | Path | None = None,
    *,
    weights: str | Path | TextModel = DEFAULT_WEIGHTS,
    generate: int | None = None,
    bars: int = DEFAULT_BARS,
    guidance: float = DEFAULT_GUIDANCE,
    limit: int | None = None,
    part: str | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a text model on pieces, or with ``generate`` measure so many pieces of its own.

    ``data`` is a folder or archive in the layout of the tunes (tunes.json and midi) or of Mutopia
    (pieces.json and midi).  Without ``generate`` all of it is measured, or its ``part`` train or
    valid in our split; at most ``limit`` excerpts of ``bars`` bars.  See
    :func:`~partimento.tasks.text2midi.evaluate_likelihood.evaluate_likelihood` and
    :func:`~partimento.tasks.text2midi.evaluate_generation.evaluate_generation`, which ``guidance``
    is for.  ``out`` is a page (.html) to write, with the figures beside it as JSON.

    Raises ConfigError where neither data nor a number of pieces is given, DataError for data that
    cannot be read.
    """
    if data is None and generate is None:
        raise ConfigError(
            "there is nothing to measure on",
            where="--data",
            fix="Give --data, or --generate 100 to measure music that the model makes",
        )
    if part not in (None, "train", "valid"):
        raise ConfigError(f"there is no part {part!r}", where="--part", fix="It is train or valid")
    model = _model(weights)
    if generate is None:
        report = _likelihood(model, data, bars, limit, part, seed, progress)
    else:
        from partimento.tasks.text2midi.evaluate_generation import evaluate_generation

        report = evaluate_generation(
            model,
            generate,
            data=data,
            bars=bars,
            guidance=guidance,
            seed=seed,
            progress=progress,
        )
    report = {"weights": model.name, **report}
    return report if out is None else _write(Path(out), report)


def _model(weights: str | Path | TextModel) -> TextModel:
    if not isinstance(weights, str | Path):
        return weights
    from partimento.tasks.text2midi.loading import load_text_model

    return load_text_model(weights)


def _likelihood(
    model: TextModel,
    data: str | Path | None,
    bars: int,
    limit: int | None,
    part: str | None,
    seed: int,
    progress: Progress | None,
) -> dict[str, Any]:
    from partimento.tasks.text2midi.corpus import read_corpus
    from partimento.tasks.text2midi.evaluate_likelihood import EXCERPTS, evaluate_likelihood
    from partimento.tasks.text2midi.evaluation_data import prompted_excerpts

    assert data is not None
    pieces = read_corpus(data, part, progress=progress)
    prompts = prompted_excerpts(
        pieces, model, bars=bars, limit=limit or EXCERPTS, seed=seed, progress=progress
    )
    figures = evaluate_likelihood(model, prompts, seed=seed, progress=progress)
    return {"part": part or "all", "pieces_in_data": len(pieces), "bars": bars, **figures}


def _write(page: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Write page and figures; the report with the files' paths."""
    from partimento.tasks.text2midi.evaluation_page import evaluation_html

    data = page.with_suffix(".json")
    write_atomic(data, json.dumps(plain(report), indent=2, allow_nan=False) + "\n")
    write_atomic(page, evaluation_html(report))
    return {**report, "files": [str(data), str(page)]}
