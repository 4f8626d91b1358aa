"""``bench piano``: all measurements in one run, as figures, a table and plots."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from partimento.core.errors import DataError, InputFileError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.nn.decoder import Decoder
from partimento.nn.kernels.native import read_speed
from partimento.render.plots import lines_svg
from partimento.tasks.piano.bench.decoding import (
    Bench,
    Effort,
    measure_batches,
    measure_language,
    measure_lengths,
    measure_threads,
)
from partimento.tasks.piano.bench.files import measure_files, midi_files
from partimento.tasks.piano.bench.rivals import Shape, gpt2_language, llama_language
from partimento.tasks.piano.bench.timing import machine
from partimento.tasks.piano.bench.training import measure_skew, measure_training
from partimento.tasks.piano.loading import DEFAULT_WEIGHTS, load_piano

SHIPPED = Shape(width=320, layers=8, heads=5, feedforward=864, context=1024)
"""Stands in for the shipped model where its weights are not there; speed depends on shape only."""
PUBLISHED = Shape(width=512, layers=6, heads=8, feedforward=2048, context=2048)
"""The GPT-2 shape of 20 million parameters that published figures are for."""
TINY = Shape(width=64, layers=2, heads=2, feedforward=96, context=96)
LARGER_THAN_CACHES = 256_000_000


def bench_piano(
    *,
    data: str | Path | None = None,
    out: str | Path | None = None,
    weights: str | Path = DEFAULT_WEIGHTS,
    quick: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure decoding, training, attention, tokenising and parsing, each beside its rivals.

    ``data`` is a folder of MIDI files to tokenise (default: drawn ones); ``out`` a folder for
    ``bench.json`` and the plots; ``quick`` measures tiny models once, to see that all of it runs.
    Libraries that are not installed are reported with null and the reason.  Every ratio is the
    median over rounds in which all jobs ran one after the other on one thread.

    Raises DataError when ``data`` holds no MIDI file.
    """
    effort = Effort(1, 8, 3, 8) if quick else Effort(5, 48, 4, 32)
    generator = torch.Generator().manual_seed(seed)
    shipped = Bench(_shipped(weights, quick, generator), generator)
    published_shape = replace(TINY, vocabulary=391) if quick else PUBLISHED
    published = Bench(gpt2_language(published_shape, generator), generator)
    sizes = (1, 2) if quick else (1, 2, 4, 8, 16)
    length = 32 if quick else 512
    rounds = 1 if quick else 3
    shape = shipped.language.shape
    jobs: dict[str, Callable[[], Any]] = {
        "machine": machine,
        "memory": lambda: _memory(quick),
        "shipped": lambda: measure_language(shipped, effort),
        "published": lambda: measure_language(published, replace(effort, rounds=rounds)),
        "by_length": lambda: measure_lengths(shipped, replace(effort, rounds=rounds)),
        "by_batch": lambda: measure_batches(shipped, replace(effort, rounds=rounds), sizes),
        "by_threads": lambda: measure_threads(
            shipped, replace(effort, rounds=rounds), 1 if quick else os.cpu_count() or 1
        ),
        "training": lambda: measure_training(shape, 1, length, rounds, generator),
        "relative_attention": lambda: measure_skew(length, 2 * rounds, generator),
        "files": lambda: _files(data, quick, seed, rounds),
    }
    report: dict[str, Any] = {}
    for done, (name, job) in enumerate(jobs.items()):
        if progress:
            progress(done, len(jobs), name)
        report[name] = job()
    report["machine"]["load_average_at_the_end"] = machine()["load_average"]
    if out is not None:
        write_report(report, Path(out))
    return report


def _shipped(weights: str | Path, quick: bool, generator: torch.Generator) -> Any:
    """The language model around the shipped decoder, or around one of its shape."""
    if not quick:
        try:
            decoder = getattr(getattr(load_piano(weights), "network", None), "decoder", None)
        except InputFileError:
            if weights != DEFAULT_WEIGHTS:
                raise
            decoder = None
        if isinstance(decoder, Decoder):
            return llama_language(decoder, shape_of(decoder), generator)
    shape = TINY if quick else SHIPPED
    decoder = Decoder(
        width=shape.width,
        layers=shape.layers,
        heads=shape.heads,
        feedforward=shape.feedforward,
        max_length=shape.context,
    )
    return llama_language(decoder, shape, generator)


def shape_of(decoder: Decoder) -> Shape:
    """Read a decoder's size off its plan."""
    from partimento.nn.decoder_plan import plan_of

    plan = plan_of(decoder)
    hidden = plan.layers[0].down.weight.shape[1]
    return Shape(plan.width, len(plan.layers), plan.heads, hidden, plan.max_length)


def _memory(quick: bool) -> dict[str, float]:
    """Gigabytes a second that one core reads: a buffer that fits the caches, and a larger one."""
    sizes = {"10_megabytes": 10_000_000, "40_megabytes": 40_000_000}
    if not quick:
        sizes["256_megabytes"] = LARGER_THAN_CACHES
    return {f"{name}_gb_per_second": read_speed(size) / 1e9 for name, size in sizes.items()}


def _files(data: str | Path | None, quick: bool, seed: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        draw = np.random.default_rng(seed)
        count, notes = (2, 100) if quick else (20, 3000)
        place = None if data is None else Path(data)
        files = midi_files(place, Path(folder), count, notes, draw)
        if not files:
            raise DataError("there is no MIDI file in this folder", where=str(data))
        return measure_files(files, rounds)


def write_report(report: dict[str, Any], folder: Path) -> None:
    """``bench.json``, ``bench.md`` and a plot of each cost."""
    write_atomic(folder / "bench.json", json.dumps(plain(report), indent=2))
    write_atomic(folder / "bench.md", markdown(report))
    axes = {"by_length": "positions", "by_batch": "rows side by side", "by_threads": "threads"}
    for name, label in axes.items():
        svg = lines_svg(
            report[name],
            title=f"Decoding speed {name.replace('_', ' ')}",
            x_label=label,
            y_label="tokens per second",
            log_y=True,
        )
        write_atomic(folder / f"{name}.svg", svg)


def markdown(report: dict[str, Any]) -> str:
    """The decoding figures as tables."""
    parts = []
    for model in ("shipped", "published"):
        shape = report[model]["shape"]
        parts.append(
            f"## {model}: {shape['blocks']} blocks, width {shape['width']}, "
            f"{shape['layers']} layers, context {shape['context']}\n"
        )
        parts.append("| path | short, tokens/s | x | of limit | full, tokens/s | x | of limit |")
        parts.append("|---|---|---|---|---|---|---|")
        short, full = (report[model][place]["paths"] for place in ("short", "full"))
        for name in short:
            cells = [_cell(row, key) for row in (short[name], full[name]) for key in _COLUMNS]
            parts.append(f"| {name} | {' | '.join(cells)} |")
        parts.append("")
    return "\n".join(parts)


_COLUMNS = ("tokens_per_second", "times_transformers", "share_of_limit")


def _cell(row: dict[str, Any], key: str) -> str:
    value = row.get(key)
    if value is None:
        return "-"
    return f"{100 * value:.0f} %" if key == "share_of_limit" else f"{value:.3g}"
