"""Frame-by-frame decoding of the strong model: given cells stay, the others are drawn.

All alternatives of a piece are decoded in one batch with key-value caches.  Rules (voice leading,
ranges, cadences) enter as penalties in nats that are added before temperature and nucleus; they
never touch a given cell.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from partimento.nn.threads import one_thread
from partimento.tasks.chorale.frames import (
    LOW,
    MASK_TOKEN,
    MAX_AGE,
    ORDER,
    PITCHES,
    SILENCE_TOKEN,
    VOCABULARY,
    FrameBatch,
    PastFeatures,
)
from partimento.tasks.chorale.strong import (
    ChoraleTransformer,
    visible,
)


@runtime_checkable
class RulePenalties(Protocol):
    """What the decoder asks of a rule system."""

    def penalties(
        self, history: np.ndarray, now: np.ndarray, voice: int, frame: int
    ) -> np.ndarray | None:
        """Nats to subtract per token (V,); ``history`` (frame, 4) and ``now`` (4,) are MIDI.

        -1 is silence and -2 a voice of this frame that is not decided yet.
        """


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn: T = 0 is greedy; ``top_p`` keeps the token that crosses p."""

    temperature: float = 0.6
    top_p: float = 0.9


@dataclass
class Tracker:
    """Per-voice memory (B, C) that the frame features need."""

    token: Tensor
    base: Tensor
    age: Tensor
    before: Tensor

    @classmethod
    def empty(cls, batch: int) -> Tracker:
        """State before the first frame."""

        def full(value: int) -> Tensor:
            return torch.full((batch, 4), value)

        return cls(full(SILENCE_TOKEN), full(SILENCE_TOKEN), full(0), full(MASK_TOKEN))

    def features(self) -> PastFeatures:
        """As a one-frame (B, 1, C) feature set."""
        return PastFeatures(*(x[:, None] for x in (self.token, self.base, self.age, self.before)))

    def push(self, token: Tensor, first: bool) -> None:
        """Add a frame (B, C)."""
        same = (token == self.token) & (not first)
        if not first:
            self.before = torch.where(same, self.before, self.token)
        self.age = torch.where(same, self.age + 1, 1).clamp(max=MAX_AGE)
        self.base = torch.where(token < PITCHES, token, self.base)
        self.token = token


def draw(log_probs: np.ndarray, sampling: Sampling, rng: np.random.Generator) -> int:
    """One token from (V,) log-probabilities by temperature, then nucleus (Holtzman et al. 2020)."""
    if sampling.temperature <= 0:
        return int(np.argmax(log_probs))
    scaled = log_probs / sampling.temperature
    probs = np.exp(scaled - scaled.max())
    probs /= probs.sum()
    order = np.argsort(-probs, kind="stable")
    mass = np.cumsum(probs[order])
    keep = order[: int(np.searchsorted(mass, sampling.top_p)) + 1]
    kept = np.cumsum(probs[keep])
    return int(
        keep[np.searchsorted(kept, rng.random() * kept[-1], side="right").clip(0, len(keep) - 1)]
    )


@dataclass(frozen=True)
class Decoded:
    """``grids`` (B, T, 4) MIDI, -1 silence, and what the filled cells cost.

    ``log_probs`` (B,) is the model's log-likelihood in nats, ``penalties`` (B,) the price of the
    rules that were broken all the same.
    """

    grids: np.ndarray
    log_probs: np.ndarray
    penalties: np.ndarray


@torch.inference_mode()
@one_thread()
def decode(
    model: ChoraleTransformer,
    batch: FrameBatch,
    rngs: Sequence[np.random.Generator],
    sampling: Sampling,
    rules: RulePenalties | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Decoded:
    """Fill the cells that are not given, one alternative per generator.

    ``batch`` holds one piece (B = 1); it is repeated once per generator.
    """
    model.eval()
    B, T = len(rngs), batch.tokens_BTC.shape[1]
    state = model.start_decoding(batch, B)
    see = [visible(k, batch.given_BTC) for k in range(4)]
    given = batch.given_BTC[0].numpy()
    tokens = batch.tokens_BTC.expand(B, -1, -1).clone()
    tokens[~batch.given_BTC.expand(B, -1, -1)] = SILENCE_TOKEN
    grids = np.where(tokens.numpy() < PITCHES, tokens.numpy() + LOW, -1)
    total, price = np.zeros(B), np.zeros(B)
    tracker = Tracker.empty(B)
    for t in range(T):
        context = model.next_context(state, None if t == 0 else tracker.features())
        past = tracker.features()
        now = np.where(given[t], grids[:, t], -2)
        for k in ORDER:
            if given[t, k]:
                continue
            log_probs = model.voice_log_probs(
                k, context, past, tokens[:, t : t + 1], see[k][:, t : t + 1].expand(B, -1, -1)
            )
            table = log_probs[:, 0].numpy().astype(np.float64)
            for b in range(B):
                cost = rules.penalties(grids[b, :t], now[b], k, t) if rules else None
                scores = table[b] if cost is None else table[b] - cost
                token = draw(scores, sampling, rngs[b])
                total[b] += table[b, token]
                price[b] += 0.0 if cost is None else cost[token]
                tokens[b, t, k] = token
                now[b, k] = grids[b, t, k] = token + LOW if token < PITCHES else -1
        tracker.push(tokens[:, t], t == 0)
        if progress is not None and t % 16 == 0:
            progress(t, T, "notes")
    return Decoded(grids, total, price)


def tokens_of_midi(midi: np.ndarray) -> np.ndarray:
    """MIDI (…), -1 silence, to tokens."""
    return np.where(midi >= 0, midi - LOW, SILENCE_TOKEN)


def midi_axis() -> np.ndarray:
    """MIDI pitch of every token (V,); -1 for silence."""
    axis = np.arange(VOCABULARY) + LOW
    axis[SILENCE_TOKEN] = -1
    return axis
