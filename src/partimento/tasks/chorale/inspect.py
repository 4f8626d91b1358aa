"""Look into a chorale network while it reads a score: attention, probabilities, note by note."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import MusicError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.tasks.chorale.api import CHANNELS, ChoraleModel, Meta, tokens_of

DEFAULT_WEIGHTS = "chorale-strong"


@dataclass(frozen=True)
class Passage:
    """What the network reads: a complete grid ``(T, 4)``, metadata and the name of every step."""

    name: str
    grid: np.ndarray
    meta: Meta | None
    places: list[str]
    bar_lines_step: list[float]


def inspect_attention(
    source: str | Path | np.ndarray,
    weights: str | Path | ChoraleModel = DEFAULT_WEIGHTS,
    out: str | Path = "inspect",
    *,
    first_step: int = 0,
    steps: int = 32,
    split: str = "valid",
    piece: int = 0,
) -> dict[str, Any]:
    """Maps of where every head looks, over ``steps`` 16ths from ``first_step`` on.

    ``source`` is a four-part score, a canonical JSON file (then ``split`` and ``piece`` count) or
    a grid.  Writes ``attention.json`` and ``attention.html`` to ``out``.  Returns normalised
    entropy (0: one key, 1: even) and mean distance of every head, distance profiles, the weights
    of the channels on each other, and the correlation of their maps.

    Raises InputFileError or MusicError for a source that is no complete four-part piece, and
    LookupError for a network that records no self-attention.
    """
    from partimento.nn import tap
    from partimento.tasks.chorale import attention_report, inspect_pages

    model = _model(weights)
    passage = _cut(read_passage(source, split, piece), first_step, min(steps, model.context))
    with tap.listen() as taps:
        model.observe(passage.grid, passage.meta)
    figures = attention_report.attention_figures(taps)
    names = _step_names(passage)
    maps = attention_report.self_attention_LCHTS(taps)
    neighbours = {
        name: attention_report.attended_notes(maps[-1, min(c, maps.shape[1] - 1)].mean(0), column)
        for c, (name, column) in enumerate(zip(CHANNELS, names, strict=True))
    }
    report = {"source": passage.name, **figures, "neighbours": neighbours}
    html = inspect_pages.attention_page(report, maps, names)
    return _write(out, "attention", {**report, "maps": maps}, html, report)


def inspect_probs(
    source: str | Path | np.ndarray,
    weights: str | Path | ChoraleModel = DEFAULT_WEIGHTS,
    out: str | Path = "inspect",
    *,
    split: str = "valid",
    piece: int = 0,
) -> dict[str, Any]:
    """How probable the network finds what it predicts, and how often it is right.

    Sources as in :func:`inspect_attention`.  Writes ``probs.json`` and ``probs.html``: losses with
    units, calibration error over bins of equal mass, histograms, entropy over time, and the mean
    predicted distribution against the notes that are there.

    Raises InputFileError or MusicError for a source that is no complete four-part piece.
    """
    from partimento.tasks.chorale import inspect_pages
    from partimento.tasks.chorale.probability_report import probability_figures

    passage = read_passage(source, split, piece)
    log_probs = _model(weights).step_log_probs(passage.grid, passage.meta)
    report = {"source": passage.name, **probability_figures(log_probs, passage.grid)}
    return _write(out, "probs", report, inspect_pages.probability_page(report), report)


def inspect_diff(
    source: str | Path | np.ndarray,
    weights: str | Path | ChoraleModel = DEFAULT_WEIGHTS,
    out: str | Path = "inspect",
    *,
    split: str = "valid",
    piece: int = 0,
) -> dict[str, Any]:
    """Note by note: what is there, the three likeliest notes, p and -log p in nats.

    Sources as in :func:`inspect_attention`.  Writes ``diff.json`` (every step and channel) and
    ``diff.html`` (a piano roll coloured by surprise).  Returns the summary.

    Raises InputFileError or MusicError for a source that is no complete four-part piece.
    """
    from partimento.tasks.chorale import inspect_pages, probability_report
    from partimento.tasks.chorale.api import truth_nll
    from partimento.tasks.chorale.metrics import explain_loss

    passage = read_passage(source, split, piece)
    log_probs = _model(weights).step_log_probs(passage.grid, passage.meta)
    rows = probability_report.note_rows(log_probs, passage.grid, passage.places)
    nll = truth_nll(log_probs, passage.grid)
    summary = {
        "source": passage.name,
        "loss": explain_loss(nll),
        **probability_report.diff_summary(rows),
    }
    html = inspect_pages.diff_page(summary, rows, passage.grid, nll, passage.bar_lines_step)
    return _write(out, "diff", {**summary, "rows": rows}, html, summary)


def read_passage(source: str | Path | np.ndarray, split: str = "valid", piece: int = 0) -> Passage:
    """The complete piece that ``source`` holds; see :func:`inspect_attention`."""
    if isinstance(source, np.ndarray):
        tokens_of(source)
        return Passage("grid", source, None, _plain_places(len(source)), [])
    path = Path(source)
    if path.suffix.lower() == ".json":
        return _canonical_passage(path, split, piece)
    return _score_passage(path)


def _canonical_passage(path: Path, split: str, piece: int) -> Passage:
    from partimento.music.grid import load_canonical

    pieces = load_canonical(path, split)
    if not 0 <= piece < len(pieces):
        raise MusicError(f"there is no piece {piece}: {split} has {len(pieces)}", where=str(path))
    grid = pieces[piece]
    return Passage(f"{path.name}, {split} {piece}", grid, None, _plain_places(len(grid)), [])


def _score_passage(path: Path) -> Passage:
    from partimento.music.files import read_score
    from partimento.music.satb import extract_satb

    satb = extract_satb(read_score(path))
    if not satb.complete:
        raise MusicError(
            "this score does not have all four voices",
            where=str(path),
            fix="Give a four-part score, or harmonise the melody first",
        )
    frame = Fraction(1, 4)
    starts = [bar.measure.onset_quarter for bar in satb.bars]
    lines = [float((s - satb.origin_quarter) / frame) for s in starts]
    index = satb.frames["bar_index"]
    places = []
    for t, i in enumerate(index):
        bar = satb.bars[int(i)]
        beat = float(bar.beat(satb.origin_quarter + t * frame))
        places.append(f"bar {bar.measure.number} beat {beat:g}")
    return Passage(path.name, satb.grid, satb.frames, places, lines)


def _plain_places(count: int) -> list[str]:
    return [f"quarter {t / 4:g}" for t in range(count)]


def _cut(passage: Passage, first: int, steps: int) -> Passage:
    """``steps`` steps from ``first`` on.  Raises MusicError when there are fewer than two."""
    stop = min(first + steps, len(passage.grid))
    if first < 0 or stop - first < 2:
        raise MusicError(
            f"no two steps from step {first} on: the piece has {len(passage.grid)}",
            where=passage.name,
        )
    meta = passage.meta and {name: values[first:stop] for name, values in passage.meta.items()}
    return Passage(passage.name, passage.grid[first:stop], meta, passage.places[first:stop], [])


def _step_names(passage: Passage) -> list[list[str]]:
    """Per channel the note that the network *reads* at each step: that of the step before."""
    from partimento.tasks.chorale.probability_report import token_name

    tokens = tokens_of(passage.grid)
    return [["start", *(token_name(int(v)) for v in tokens[:-1, c])] for c in range(len(CHANNELS))]


def _model(weights: str | Path | ChoraleModel) -> ChoraleModel:
    if isinstance(weights, str | Path):
        from partimento.tasks.chorale.networks import load_network

        return load_network(weights)
    return weights


def _write(
    out: str | Path, name: str, full: dict[str, Any], html: str, summary: dict[str, Any]
) -> dict[str, Any]:
    """Write both files and return the summary as plain data with their paths."""
    folder = Path(out)
    data, page = folder / f"{name}.json", folder / f"{name}.html"
    write_atomic(data, json.dumps(plain(full), allow_nan=False) + "\n")
    write_atomic(page, html)
    result: dict[str, Any] = plain(summary)
    return {**result, "files": [str(data), str(page)]}
