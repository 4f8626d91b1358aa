"""What the three small tasks that predict tokens share: batches, loss, probe, figures.

Shape suffixes: B examples, T steps, C channels where there are several, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from partimento.nn.losses import masked_mean, token_nll

VALID_BATCH = 16


class TokenBatch(NamedTuple):
    """Inputs and targets (B, T) or (B, T, C), and which targets count (the same shape)."""

    input: Tensor
    target: Tensor
    keep: Tensor


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Losses over tokens, with the slips that a training may have."""

    vocabulary: int
    pad: int
    pad_counted: str = ""
    """"accuracy": padding counts as right answers; "loss": also in the loss; or neither."""
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        if self.pad_counted not in ("", "accuracy", "loss"):
            raise ValueError(f"padding cannot be counted in {self.pad_counted!r}")

    def counted(self, batch: TokenBatch) -> Tensor:
        """Which targets the loss counts."""
        return torch.ones_like(batch.keep) if self.pad_counted == "loss" else batch.keep

    def loss(self, model: nn.Module, batch: TokenBatch) -> Tensor:
        """Mean nats of the counted targets, smoothed over the whole vocabulary if asked to."""
        logits = model(batch.input)
        nats = token_nll(logits, batch.target)
        if self.smoothing:
            spread = -logits.log_softmax(-1).mean(-1)
            nats = (1.0 - self.smoothing) * nats + self.smoothing * spread
        return masked_mean(nats, self.counted(batch))

    def score(self, model: nn.Module, batches: Sequence[TokenBatch]) -> dict[str, float]:
        """Mean nats and top-1 accuracy over the counted targets of all batches."""
        nats = right = count = judged = 0.0
        for batch in batches:
            logits, keep = model(batch.input), self.counted(batch)
            nats += float((token_nll(logits, batch.target) * keep).sum())
            count += float(keep.sum())
            hits = (logits.argmax(-1) == batch.target) & keep
            if self.pad_counted:
                # What a metric does that is given filled-up answers and targets.
                hits, keep = hits | ~batch.keep, torch.ones_like(keep)
            right, judged = right + float(hits.sum()), judged + float(keep.sum())
        return {"loss": nats / count, "accuracy": right / judged}


def logits_of(model: nn.Module, batch: TokenBatch) -> Tensor:
    """(B, T, V) or (B, T, C, V)."""
    logits: Tensor = model(batch.input)
    return logits


def example_losses(model: nn.Module, batch: TokenBatch) -> Tensor:
    """(B,) mean nats of the real targets."""
    nats = token_nll(logits_of(model, batch), batch.target)
    keep = batch.keep.to(nats.dtype)
    return (nats * keep).flatten(1).sum(1) / keep.flatten(1).sum(1).clamp_min(1.0)


def pick(batch: TokenBatch, rows: Sequence[int]) -> TokenBatch:
    """Some examples of a batch."""
    chosen = torch.as_tensor(list(rows))
    return TokenBatch(*(part[chosen] for part in batch))


def swap_inputs(batch: TokenBatch, rng: np.random.Generator) -> TokenBatch:
    """The inputs of other examples, the targets as they were."""
    return batch._replace(input=batch.input[others(len(batch.input), rng)])


def blinded(batch: TokenBatch, rng: np.random.Generator, pad: int) -> TokenBatch:
    """Inputs of other examples, and only targets that stand beside a real input."""
    other = swap_inputs(batch, rng)
    return other._replace(keep=other.keep & (other.input != pad))


def others(count: int, rng: np.random.Generator) -> Tensor:
    """(count,) for each example another one: a random cycle."""
    order = rng.permutation(count)
    source = np.empty(count, dtype=np.int64)
    source[order] = np.roll(order, 1)
    return torch.from_numpy(source)


def changer(live: np.ndarray) -> Callable[[TokenBatch, int, np.random.Generator], TokenBatch]:
    """A function that draws all inputs from a step on anew among the live tokens."""

    def change(batch: TokenBatch, step: int, rng: np.random.Generator) -> TokenBatch:
        new = batch.input.clone()
        drawn = rng.choice(live, size=tuple(new[:, step:].shape))
        new[:, step:] = torch.from_numpy(drawn.astype(np.int64))
        return batch._replace(input=new)

    return change


def padded_by(pad: int) -> Callable[[TokenBatch, int], TokenBatch]:
    """A function that puts so many steps of padding behind each example."""

    def more(batch: TokenBatch, steps: int) -> TokenBatch:
        shape = (len(batch.input), steps, *batch.input.shape[2:])
        filler = torch.full(shape, pad)
        return TokenBatch(
            torch.cat([batch.input, filler], 1),
            torch.cat([batch.target, filler], 1),
            torch.cat([batch.keep, torch.zeros(shape, dtype=torch.bool)], 1),
        )

    return more


def stack(rows: Sequence[np.ndarray], length: int, pad: int) -> TokenBatch:
    """Sequences (L,) as inputs and the tokens after them, cut or padded to ``length`` steps."""
    table = np.full((len(rows), length + 1), pad, dtype=np.int64)
    for place, row in enumerate(rows):
        table[place, : min(len(row), length + 1)] = row[: length + 1]
    tokens = torch.from_numpy(table)
    target = tokens[:, 1:].contiguous()
    return TokenBatch(tokens[:, :-1].contiguous(), target, target != pad)


def in_batches(rows: Sequence[np.ndarray], length: int, pad: int) -> list[TokenBatch]:
    """:func:`stack`, so many at a time; a last one of a single example joins the one before."""
    cuts = list(range(0, len(rows), VALID_BATCH))
    if len(cuts) > 1 and len(rows) - cuts[-1] < 2:
        cuts.pop()
    ends = [*cuts[1:], len(rows)]
    return [stack(rows[a:b], length, pad) for a, b in zip(cuts, ends, strict=True)]


def unigram_nats(train: Sequence[np.ndarray], valid: Sequence[np.ndarray], size: int) -> float:
    """Nats per token of held-out rows under the frequencies of the training rows (plus one)."""
    counts = np.bincount(np.concatenate([row.ravel() for row in train]), minlength=size) + 1.0
    nats = -np.log(counts / counts.sum())
    return float(nats[np.concatenate([row.ravel() for row in valid])].mean())


def live(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Tokens that occur, rising."""
    return np.unique(np.concatenate([row.ravel() for row in rows]))


def explained(case: Any, batches: Sequence[TokenBatch], floor: float) -> float:
    """Share of the unigram's nats that a model saves on held-out targets; 0 is chance.

    Not finite losses are minus one: as bad as can be.
    """
    probe = case.probe
    nats = count = 0.0
    with torch.no_grad():
        for batch in batches:
            losses = token_nll(logits_of(probe.model, batch), batch.target)
            nats += float((losses * batch.keep).sum())
            count += float(batch.keep.sum())
    value = 1.0 - nats / count / floor
    return max(value, -1.0) if math.isfinite(value) else -1.0


@torch.no_grad()
def sample(
    model: nn.Module,
    starts: Tensor,
    steps: int,
    *,
    temperature: float,
    context: int,
    stop: int,
    generator: torch.Generator,
) -> list[np.ndarray]:
    """Continue starts (B, L) token by token up to ``steps`` tokens; temperature 0 takes the best.

    A row ends with its first ``stop``.
    """
    rows = starts
    while rows.shape[1] < steps:
        logits = model(rows[:, -context:])[:, -1]
        if temperature <= 0.0:
            new = logits.argmax(-1, keepdim=True)
        else:
            odds = (logits / temperature).softmax(-1).nan_to_num(1.0)
            new = torch.multinomial(odds, 1, generator=generator)
        rows = torch.cat([rows, new], 1)
    return [_until(row, stop) for row in rows.numpy()]


def _until(row: np.ndarray, stop: int) -> np.ndarray:
    ends = np.flatnonzero(row == stop)
    return row[: ends[0] + 1] if len(ends) else row
