"""Floors: what models that know almost nothing reach on the same targets, in nats per token.

A loss means little without them:

``uniform``
    every token of the vocabulary alike: ln V.
``uniform_live``
    every token that occurs in training alike.
``unigram``, ``bigram``
    p(token | channel), p(token | channel, token before), 0.1 added to every count.
``repeat_previous``
    hold the token before with the share that training shows, and else draw from the unigram of
    the moves.
``mean_target``
    for numbers: the squared error of answering the mean of the training targets.

Shape suffixes: T steps, C channels, K pairs (previous, present).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SMOOTHING = 0.1
"""Added to every count, over the live tokens and one place for all others."""


@dataclass(frozen=True, kw_only=True)
class Floors:
    """Nats per token of each floor; NaN where it is not known."""

    uniform: float = math.nan
    uniform_live: float = math.nan
    unigram: float = math.nan
    bigram: float = math.nan
    repeat_previous: float = math.nan
    live_tokens: int = 0

    def to_dict(self) -> dict[str, float]:
        """The floors that are known, by name, the highest first."""
        names = ("uniform", "uniform_live", "unigram", "bigram", "repeat_previous")
        known = {name: getattr(self, name) for name in names}
        kept = {name: value for name, value in known.items() if math.isfinite(value)}
        return dict(sorted(kept.items(), key=lambda item: -item[1]))


def token_floors(
    train: Sequence[np.ndarray],
    held_out: Sequence[np.ndarray],
    *,
    vocabulary: int | None = None,
    live_tokens: int | None = None,
    pad_token: int | None = None,
) -> Floors:
    """Floors fitted on training rows, measured on held-out rows.

    Rows: (T,) or (T, C) token numbers; channels have statistics of their own.  Padding counts
    neither in fitting nor in measuring, and a token behind it has no token before.

    Raises ValueError where either set holds no token.
    """
    fitted, wanted = _pairs(train, pad_token), _pairs(held_out, pad_token)
    if not len(fitted[0]) or not len(wanted[0]):
        raise ValueError("floors need tokens to be fitted on and tokens to be measured on")
    channel, last, token = fitted
    live = len(np.unique(token)) if live_tokens is None else live_tokens
    places = len(np.unique(token)) + 1
    return Floors(
        uniform=math.log(vocabulary) if vocabulary else math.nan,
        uniform_live=math.log(max(live, 1)),
        unigram=float(_smoothed((channel,), token, (wanted[0],), wanted[2], places).mean()),
        bigram=float(
            _smoothed((channel, last), token, (wanted[0], wanted[1]), wanted[2], places).mean()
        ),
        repeat_previous=_hold(fitted, wanted, places),
        live_tokens=live,
    )


def mean_target_floor(train: np.ndarray, held_out: np.ndarray) -> float:
    """Mean squared error of answering the mean of the training targets, (N, ...) both."""
    mean = np.asarray(train, dtype=np.float64).mean(0)
    return float(((np.asarray(held_out, dtype=np.float64) - mean) ** 2).mean())


Triples = tuple[np.ndarray, np.ndarray, np.ndarray]
"""(K,) channel, token before (-1 for none) and token."""


def _pairs(rows: Sequence[np.ndarray], pad: int | None) -> Triples:
    channels, lasts, tokens = [], [], []
    for row in rows:
        cells_TC = np.asarray(row).reshape(len(row), -1).astype(np.int64)
        last_TC = np.concatenate([np.full((1, cells_TC.shape[1]), -1), cells_TC])[:-1]
        if pad is not None:
            last_TC = np.where(last_TC == pad, -1, last_TC)
        kept_TC = np.ones_like(cells_TC, bool) if pad is None else cells_TC != pad
        channels.append(np.broadcast_to(np.arange(cells_TC.shape[1]), cells_TC.shape)[kept_TC])
        lasts.append(last_TC[kept_TC])
        tokens.append(cells_TC[kept_TC])
    empty = [np.zeros(0, dtype=np.int64)]
    joined = [np.concatenate(part or empty) for part in (channels, lasts, tokens)]
    return joined[0], joined[1], joined[2]


def _smoothed(
    context: Sequence[np.ndarray],
    token: np.ndarray,
    asked_context: Sequence[np.ndarray],
    asked: np.ndarray,
    places: int,
) -> np.ndarray:
    """(K,) -ln p(asked | its context) with added counts."""
    both = _count((*context, token), (*asked_context, asked))
    total = _count(context, asked_context)
    return np.asarray(-np.log((both + SMOOTHING) / (total + SMOOTHING * places)))


def _count(columns: Sequence[np.ndarray], asked: Sequence[np.ndarray]) -> np.ndarray:
    """How often each asked combination occurs among the rows of the columns."""
    low = min(
        int(min(c.min(initial=0), a.min(initial=0))) for c, a in zip(columns, asked, strict=True)
    )
    wide = 1 + max(
        int(max(c.max(initial=0), a.max(initial=0))) - low
        for c, a in zip(columns, asked, strict=True)
    )
    keys, counts = np.unique(_key(columns, low, wide), return_counts=True)
    wanted = _key(asked, low, wide)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, counts[place], 0).astype(np.float64)


def _key(columns: Sequence[np.ndarray], low: int, wide: int) -> np.ndarray:
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * wide + (column - low)
    return key


def _hold(fitted: Triples, wanted: Triples, places: int) -> float:
    """Hold or move by channel; a move, and a first token, come from the unigram of the moves."""
    channel, last, token = fitted
    held, seen = token == last, last >= 0
    count = _count((channel[held],), (wanted[0],)) if held.any() else np.zeros(len(wanted[0]))
    total = _count((channel[seen],), (wanted[0],)) if seen.any() else np.zeros(len(wanted[0]))
    hold = (count + SMOOTHING) / (total + 2 * SMOOTHING)
    if held.all():
        return float(-np.log(np.where(wanted[1] == wanted[2], hold, SMOOTHING / places)).mean())
    moves = np.exp(-_smoothed((channel[~held],), token[~held], wanted[:1], wanted[2], places))
    p = np.where(wanted[1] < 0, moves, np.where(wanted[1] == wanted[2], hold, (1.0 - hold) * moves))
    return float(-np.log(p).mean())
