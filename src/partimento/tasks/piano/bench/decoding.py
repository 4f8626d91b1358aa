"""Decoding speed of every path beside other libraries, and beside the limit of memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from partimento.nn.decoding import DecodingPath
from partimento.nn.kernels.native import instruction_set, read_speed
from partimento.nn.quantised import PRECISIONS, WEIGHT_BYTES, Precision
from partimento.nn.threads import one_thread
from partimento.tasks.piano.bench import rivals
from partimento.tasks.piano.bench.rivals import Language, OwnLoop
from partimento.tasks.piano.bench.timing import Job, Times, interleaved, seconds_each

TRANSFORMERS, UNCACHED, X_TRANSFORMERS = (
    "transformers",
    "transformers without cache",
    "x-transformers",
)
MISSING = "{} is not installed; it comes with the extra partimento[bench]"


@dataclass(frozen=True)
class Effort:
    """How long to measure."""

    rounds: int
    tokens: int
    uncached_tokens: int
    short: int
    """Positions of the prompt in the short context."""


class Bench:
    """One language model in all the libraries, each made when it is first needed."""

    def __init__(self, language: Language, generator: torch.Generator) -> None:
        self.language, self.generator = language, generator
        self.own = cache(self._own)
        self.hugging_face = cache(self._hugging_face)
        self.x_transformers = cache(self._x_transformers)

    def _own(self, path: DecodingPath, precision: Precision, batch: int) -> OwnLoop:
        return OwnLoop(self.language, precision, path, batch)

    def _hugging_face(self) -> Any:
        """The model, or why there is none."""
        try:
            return rivals.hugging_face(self.language)
        except ImportError:
            return MISSING.format(TRANSFORMERS)

    def _x_transformers(self) -> Any:
        try:
            return rivals.x_transformers(self.language.shape)
        except ImportError:
            return MISSING.format(X_TRANSFORMERS)

    def prompt(self, length: int, batch: int = 1) -> Tensor:
        """Drawn tokens (batch, length)."""
        vocabulary = self.language.shape.vocabulary
        return torch.randint(vocabulary, (batch, length), generator=self.generator)

    def own_job(
        self, path: DecodingPath, precision: Precision, prompt_BT: Tensor, count: int
    ) -> Job | str:
        """Seconds a token of one of our paths; the text says why it cannot run."""
        if path == "native" and instruction_set() == "none":
            return "no C compiler was found"
        loop = self.own(path, precision, len(prompt_BT))
        return lambda: _timed(loop, prompt_BT, count)

    def transformers_job(self, prompt_BT: Tensor, count: int, cached: bool = True) -> Job | str:
        """Seconds a token of transformers' ``generate``."""
        model = self.hugging_face()
        if isinstance(model, str):
            return model
        return lambda: rivals.generate(model, prompt_BT, count, cached)[1]

    def x_job(self, prompt_BT: Tensor, count: int) -> Job | str:
        """Seconds a token of x-transformers."""
        model = self.x_transformers()
        if isinstance(model, str):
            return model
        return lambda: rivals.generate_x(model, prompt_BT, count)


def _timed(loop: OwnLoop, prompt_BT: Tensor, count: int) -> float:
    token_B = loop.read(prompt_BT)
    return seconds_each(lambda: loop.go_on(token_B, count), count)


def paths() -> list[tuple[DecodingPath, Precision]]:
    """Our paths on a CPU: compiled and PyTorch, each in three precisions."""
    return [(path, precision) for path in ("native", "torch") for precision in PRECISIONS]


@torch.no_grad()
def measure_language(bench: Bench, effort: Effort) -> dict[str, Any]:
    """Tokens a second at short and at full context, ratios, share of memory's limit."""
    shape = bench.language.shape
    full = shape.context - effort.tokens - 1
    report: dict[str, Any] = {"shape": vars(shape) | {"blocks": bench.language.kind}}
    for name, length in (("short", effort.short), ("full", full)):
        prompt = bench.prompt(length)
        report[name] = {"positions": length, **_at(bench, prompt, effort)}
    report["same_greedy_tokens"] = _same_tokens(bench, effort)
    return report


def _at(bench: Bench, prompt_BT: Tensor, effort: Effort) -> dict[str, Any]:
    jobs: dict[str, Job | str] = {
        TRANSFORMERS: bench.transformers_job(prompt_BT, effort.tokens),
        X_TRANSFORMERS: bench.x_job(prompt_BT, effort.tokens),
    }
    for path, precision in paths():
        jobs[f"{path} {precision}"] = bench.own_job(path, precision, prompt_BT, effort.tokens)
    with one_thread():
        times = interleaved(jobs, effort.rounds)
        slow = bench.transformers_job(prompt_BT, effort.uncached_tokens, cached=False)
        uncached = interleaved({UNCACHED: slow}, 1)
        limits = _limits(bench, prompt_BT, effort)
    rows = {name: _row(times, name) | limits.get(name, {}) for name in jobs}
    return {"paths": rows | {UNCACHED: _row(uncached, UNCACHED)}}


def _row(times: Times, name: str) -> dict[str, Any]:
    if name in times.failed:
        return {"tokens_per_second": None, "reason": times.failed[name]}
    return {
        "tokens_per_second": times.rate(name),
        "best_tokens_per_second": times.best_rate(name),
        "times_transformers": times.faster(name, TRANSFORMERS),
    }


def _limits(bench: Bench, prompt_BT: Tensor, effort: Effort) -> dict[str, dict[str, Any]]:
    """Share that each of our paths reaches of the speed at which memory can be read.

    A step reads every weight and the whole cache once.  The limit reads a buffer of as many bytes
    again and again, so that a model which fits the processor's caches is measured against them.
    The quickest step, output head included, is compared with the quickest pass: both are what is
    possible when nothing else disturbs.
    """
    rows = {}
    head = bench.language.shape.width * bench.language.shape.vocabulary
    position = prompt_BT.shape[1] + effort.tokens // 2
    for path, precision in paths():
        if path == "native" and instruction_set() == "none":
            continue
        loop = bench.own(path, precision, 1)
        loop.read(prompt_BT)
        count = loop.decoder.bytes_read(position) + head * WEIGHT_BYTES[precision]
        before = read_speed(count)
        quickest = _quickest_step(loop, effort)
        limit = max(before, read_speed(count)) / count
        rows[f"{path} {precision}"] = {
            "megabytes_read": count / 1e6,
            "limit_steps_per_second": limit,
            "quickest_step_per_second": 1 / quickest,
            "share_of_limit": 1 / quickest / limit,
        }
    return rows


@torch.inference_mode()
def _quickest_step(loop: OwnLoop, effort: Effort) -> float:
    """Seconds of the quickest of ``rounds * tokens`` single steps after a prompt."""
    start = loop.decoder.position
    x_BD = loop.embedding[:1].contiguous()
    best = float("inf")
    for _ in range(effort.rounds):
        loop.decoder.rewind(start)
        for _ in range(effort.tokens):
            best = min(best, seconds_each(lambda: loop.head(loop.decoder.step(x_BD)), 1))
    return best


def _same_tokens(bench: Bench, effort: Effort) -> dict[str, Any]:
    """Whether each path's greedy tokens are those of transformers in fp32."""
    model = bench.hugging_face()
    prompt = bench.prompt(effort.short)
    if isinstance(model, str):
        return {"reason": model}
    wanted, _ = rivals.generate(model, prompt, effort.tokens, True)
    found = {}
    for path, precision in paths():
        if path == "native" and instruction_set() == "none":
            continue
        loop = bench.own(path, precision, 1)
        first = loop.read(prompt)
        tokens = torch.cat([first[:, None], loop.go_on(first, effort.tokens - 1)], 1)
        found[f"{path} {precision}"] = bool((tokens == wanted).all())
    return found


def measure_lengths(bench: Bench, effort: Effort) -> dict[str, list[tuple[int, float]]]:
    """Tokens a second at growing context."""
    context = bench.language.shape.context
    lengths = [n for n in (64, 128, 256, 512, 1024, 2048) if n < context - effort.tokens]
    return _curves(bench, effort, [(n, bench.prompt(n)) for n in lengths], lambda x, _: x)


def measure_batches(
    bench: Bench, effort: Effort, sizes: tuple[int, ...]
) -> dict[str, list[tuple[int, float]]]:
    """Tokens a second of all rows together."""
    prompts = [(n, bench.prompt(effort.short, n)) for n in sizes]
    return _curves(bench, effort, prompts, lambda rate, size: rate * size)


def _curves(
    bench: Bench,
    effort: Effort,
    prompts: list[tuple[int, Tensor]],
    value: Callable[[float, int], float],
) -> dict[str, list[tuple[int, float]]]:
    curves: dict[str, list[tuple[int, float]]] = {}
    wanted: list[tuple[DecodingPath, Precision]] = [("native", "int8"), ("torch", "int8")]
    for x, prompt in prompts:
        jobs: dict[str, Job | str] = {TRANSFORMERS: bench.transformers_job(prompt, effort.tokens)}
        for path, precision in wanted:
            jobs[f"{path} {precision}"] = bench.own_job(path, precision, prompt, effort.tokens)
        with one_thread():
            times = interleaved(jobs, effort.rounds)
        for name in jobs:
            if rate := times.rate(name):
                curves.setdefault(name, []).append((x, value(rate, x)))
    return curves


def measure_threads(bench: Bench, effort: Effort, most: int) -> dict[str, list[tuple[int, float]]]:
    """Tokens a second with more threads for PyTorch; the compiled kernel uses one."""
    curves: dict[str, list[tuple[int, float]]] = {}
    prompt = bench.prompt(effort.short)
    for threads in range(1, most + 1):
        jobs: dict[str, Job | str] = {TRANSFORMERS: bench.transformers_job(prompt, effort.tokens)}
        for precision in PRECISIONS:
            jobs[f"torch {precision}"] = bench.own_job("torch", precision, prompt, effort.tokens)
        with one_thread(threads):
            times = interleaved(jobs, effort.rounds)
        for name in jobs:
            if rate := times.rate(name):
                curves.setdefault(name, []).append((threads, rate))
    return curves
