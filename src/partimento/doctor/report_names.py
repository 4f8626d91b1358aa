"""What numbers are called in reports, and how they are written.

A figure in somebody's report is found by its name (``ppl``, ``Perplexity``, ``valid_perplexity``
are one thing) and read with its unit (``78.5 %``, ``2.97 M``, ``12 MB``, ``1 h 20 min``).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

Kind = Literal["number", "share", "count", "bytes", "seconds", "word"]

LEXICON: Mapping[str, tuple[Kind, tuple[str, ...]]] = {
    "reference_loss": (
        "number",
        ("reference loss", "paper loss", "published loss", "target loss", "loss of the paper",
         "loss in the paper", "baseline loss", "expected loss", "loss reference", "loss paper"),
    ),
    "loss": (
        "number",
        ("loss", "cross entropy", "crossentropy", "nll", "negative log likelihood", "ce", "xent",
         "ce loss", "cross entropy loss", "nll loss"),
    ),
    "mse": ("number", ("mse", "mean squared error", "mse loss")),
    "constant_mse": (
        "number",
        ("constant mse", "mean target mse", "constant loss", "mean predictor mse",
         "loss of a constant", "constant predictor", "mean predictor"),
    ),
    "perplexity": ("number", ("perplexity", "ppl", "pplx")),
    "accuracy": (
        "share",
        ("accuracy", "acc", "top 1", "top1", "top 1 accuracy", "top1 accuracy", "token accuracy",
         "accuracy top 1"),
    ),
    "vocabulary": (
        "count",
        ("vocabulary", "vocab", "vocab size", "vocabulary size", "tokens in the vocabulary",
         "n vocab", "num tokens"),
    ),
    "live_tokens": (
        "count",
        ("live tokens", "tokens used", "used tokens", "tokens that occur", "distinct tokens",
         "unique tokens", "live tokens in training"),
    ),
    "voices": ("count", ("voices", "channels", "parts", "number of voices", "n channels")),
    "tokens_per_note": ("number", ("tokens per note", "tokens a note")),
    "unit": ("word", ("unit", "loss unit", "unit of the loss", "reduction", "loss reduction")),
    "padding": (
        "share", ("padding", "padding share", "pad share", "share of padding", "padded tokens")
    ),
    "samples": (
        "count",
        ("samples", "training samples", "examples", "training examples", "sequences",
         "training sequences", "train size", "dataset size", "data set size", "pieces", "clips",
         "number of samples", "num samples", "n train", "training set"),
    ),
    "batch": ("count", ("batch", "batch size", "batchsize", "bs", "train batch size")),
    "accumulate": (
        "count",
        ("accumulate", "accumulation", "gradient accumulation", "accumulation steps",
         "gradient accumulation steps", "grad accum", "accumulate grad batches"),
    ),
    "epochs": (
        "count", ("epochs", "max epochs", "num epochs", "number of epochs", "num train epochs")
    ),
    "steps": (
        "count",
        ("steps", "total steps", "training steps", "optimiser steps", "optimizer steps",
         "iterations", "updates", "max steps", "global step", "number of steps"),
    ),
    "warmup_steps": (
        "count", ("warmup", "warm up", "warmup steps", "warm up steps", "num warmup steps")
    ),
    "evaluate_every": (
        "count",
        ("evaluate every", "eval every", "eval steps", "evaluation steps", "validate every",
         "evaluation interval", "eval interval", "validate steps", "val check interval",
         "evaluation every", "save steps"),
    ),
    "evaluations": ("count", ("evaluations", "number of evaluations", "validations")),
    "seconds": (
        "seconds",
        ("time", "training time", "wall time", "duration", "train runtime", "elapsed",
         "elapsed sec", "seconds", "wall clock"),
    ),
    "step_seconds": (
        "seconds", ("time per step", "step time", "seconds per step", "seconds a step")
    ),
    "steps_per_second": (
        "number", ("steps per second", "it s", "train steps per second", "iterations per second")
    ),
    "samples_per_second": (
        "number", ("samples per second", "train samples per second", "throughput")
    ),
    "parameters": (
        "count",
        ("parameters", "params", "number of parameters", "num params", "parameter count",
         "trainable parameters", "total parameters", "model parameters", "weights"),
    ),
    "size_bytes": (
        "bytes",
        ("size", "file size", "model size", "checkpoint size", "size on disk", "size bytes",
         "checkpoint", "file"),
    ),
    "precision": ("word", ("precision", "dtype", "data type", "number format")),
    "lr": (
        "number",
        ("lr", "learning rate", "peak learning rate", "max lr", "peak lr",
         "maximum learning rate", "initial learning rate"),
    ),
    "uniform": ("number", ("uniform", "uniform floor", "loss of uniform")),
    "unigram": ("number", ("unigram", "unigram floor", "unigram loss")),
    "bigram": ("number", ("bigram", "bigram floor", "bigram loss")),
    "repeat_previous": ("number", ("repeat previous", "repeat", "hold model")),
    "model": ("word", ("model", "name", "run", "experiment", "configuration")),
}  # fmt: skip
"""Canonical name -> what kind of value it has, and what people call it."""

SCOPES: Mapping[str, tuple[str, ...]] = {
    "train": ("train", "training", "tr"),
    "valid": ("valid", "validation", "val", "dev", "eval", "evaluation", "held out"),
    "test": ("test", "testing"),
}
"""Part of the data -> what it is called in front of (or behind) a figure."""

SCOPED = ("loss", "perplexity", "accuracy", "mse", "reference_loss")
"""Figures that there may be one of for every part of the data."""

_CALLED = {words: name for name, (_, called) in LEXICON.items() for words in called}
_SCOPE_OF = {word: scope for scope, called in SCOPES.items() for word in called}
_NUMBER = r"[-+]?(?:\d{1,3}(?:[,'\u2009 _]\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+"
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "thousand": 1e3, "million": 1e6,
           "billion": 1e9, "mio": 1e6}  # fmt: skip
_BYTES = {"b": 1, "byte": 1, "bytes": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10,
          "mib": 2**20, "gib": 2**30, "k": 1e3, "m": 1e6, "g": 1e9}  # fmt: skip
_SECONDS = {"s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "min": 60, "mins": 60,
            "minute": 60, "minutes": 60, "m": 60, "h": 3600, "hr": 3600, "hrs": 3600,
            "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
            "ms": 1e-3}  # fmt: skip
_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "eight": 8, "ten": 10}
_PER = re.compile(r"\b(nats?|bits?|perplexity|ppl)\s+(?:per|a|/)\s+(token|note|frame|event|step)\b")


def words_of(name: str) -> str:
    """A name in lower-case words.

    >>> words_of("Valid_Loss (nats/token)")
    'valid loss nats per token'
    """
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    plain = split.lower().replace("/", " per ").replace("cross-entropy", "cross entropy")
    return re.sub(r"[^a-z0-9]+", " ", plain).strip()


def canonical(name: str) -> tuple[str, str, str] | None:
    """(scope, canonical name, unit) of a written name; None for a name that is not known.

    Scope and unit are empty where the name does not tell them.

    >>> canonical("valid_perplexity")
    ('valid', 'perplexity', '')
    >>> canonical("train nats per frame")
    ('train', 'loss', 'nats per frame')
    """
    words = words_of(name)
    if words in _CALLED:
        return "", _CALLED[words], ""
    unit = _PER.search(words)
    rest = words.replace(unit.group(0), " ").strip() if unit else words
    scope, rest = _without_scope(rest, bool(unit))
    found = _CALLED.get(rest)
    if unit:
        is_ppl = unit.group(1) in ("perplexity", "ppl")
        if rest not in ("", "loss", "perplexity") and found not in ("loss", "reference_loss"):
            return None
        word = "perplexity" if is_ppl else f"{unit.group(1).rstrip('s')}s"
        return scope, found or "loss", f"{word} per {unit.group(2)}"
    if found is None:
        return None
    # "training steps" are steps of the run; "training loss" is the loss on that part.
    return (scope, found, "") if found in SCOPED or not scope else ("", found, "")


def _without_scope(words: str, bare: bool) -> tuple[str, str]:
    """The part of the data that a name speaks of, and the rest; ``bare``: the rest may be empty."""
    parts = words.split()
    for place in (0, -1):
        if (len(parts) > 1 or bare) and parts and parts[place] in _SCOPE_OF:
            scope = _SCOPE_OF[parts.pop(place)]
            return scope, " ".join(part for part in parts if part not in ("set", "on"))
    return "", words


def value_of(name: str, written: Any) -> float | str | None:
    """The value of a canonical name: a number in its base unit, or a word; None for neither.

    Shares become 0 to 1, sizes bytes, times seconds.

    >>> value_of("accuracy", "78.5 %"), value_of("parameters", "2.97 M")
    (0.785, 2970000.0)
    """
    kind = LEXICON[name][0]
    if kind == "word":
        return str(written) if isinstance(written, str) else None
    if isinstance(written, bool) or written is None:
        return None
    if isinstance(written, int | float):
        number = float(written)
        if kind == "share" and 1.0 < number <= 100.0:
            number /= 100.0
        return number if math.isfinite(number) else None
    return _written_value(kind, str(written))


def _written_value(kind: Kind, text: str) -> float | None:
    text = re.sub(r"[*`~≈]|\babout\b|\bapprox\.?\b", " ", text.strip().lower()).strip()
    if kind == "seconds":
        return _duration(text)
    match = re.match(rf"({_NUMBER})\s*(%|[a-z]+)?", text, re.IGNORECASE)
    if match is None:
        first = text.split()[0] if text.split() else ""
        return float(_WORDS[first]) if first in _WORDS else None
    number = float(re.sub(r"[,'\u2009 _]", "", match.group(1)))
    suffix = match.group(2) or ""
    if kind == "bytes":
        return number * _BYTES.get(suffix, 1)
    if kind == "share":
        return number / 100.0 if suffix == "%" or 1.0 < number <= 100.0 else number
    return number * _SCALES.get(suffix, 1.0)


def _duration(text: str) -> float | None:
    clock = re.match(r"(\d+):(\d\d)(?::(\d\d))?$", text)
    if clock:
        first, second, third = (int(part or 0) for part in clock.groups())
        # m:ss or h:mm:ss
        return float(
            first * 60 + second if clock[3] is None else (first * 60 + second) * 60 + third
        )
    parts = re.findall(rf"({_NUMBER})\s*([a-z]+)?", text)
    if not parts:
        return None
    known = [(float(re.sub(r"[,'\u2009 _]", "", n)), _SECONDS.get(u)) for n, u in parts]
    if any(unit is None for _, unit in known):
        return known[0][0] if not parts[0][1] else None
    return sum(number * (unit or 1) for number, unit in known)


def decimals(value: float) -> int:
    """Digits behind the point with which a number was written, as far as a float tells.

    >>> decimals(2.12), decimals(8.3)
    (2, 1)
    """
    text = repr(float(value))
    if "e" in text or "." not in text:
        return 0
    tail = text.partition(".")[2]
    return 0 if tail == "0" else len(tail)
