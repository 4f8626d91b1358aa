"""A tiny token model with a probe, for tests of checks that need a live one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from partimento.doctor.case import Case, Probe

VOICES, TOKENS, STEPS = 4, 12, 16


class Tiny(nn.Module):
    """The token before decides; four voices share one table."""

    def __init__(self, temperature: float | None = None) -> None:
        super().__init__()
        self.table = nn.Embedding(TOKENS, TOKENS)
        if temperature is not None:
            self.temperature = temperature

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table(tokens) / getattr(self, "temperature", 1.0)


class Deaf(Tiny):
    """Holds a temperature and does not use it."""

    def forward(self, tokens: Tensor) -> Tensor:
        return self.table(tokens)


def pieces(count: int, seed: int) -> list[np.ndarray]:
    """Rows (STEPS, VOICES): the next token is mostly the one after."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        rows = [rng.integers(0, TOKENS, VOICES)]
        for _ in range(STEPS - 1):
            free = rng.random(VOICES) < 0.2
            rows.append(np.where(free, rng.integers(0, TOKENS, VOICES), (rows[-1] + 1) % TOKENS))
        found.append(np.stack(rows).astype(np.int64))
    return found


def good(model: Tiny) -> Tiny:
    """The table that the pieces ask for."""
    with torch.no_grad():
        model.table.weight.fill_(np.log(0.2 / TOKENS))
        for token in range(TOKENS):
            model.table.weight[token, (token + 1) % TOKENS] = float(np.log(0.8 + 0.2 / TOKENS))
    return model


def nats(model: nn.Module, batch: Tensor) -> Tensor:
    """(B, T, C)."""
    logits = model(batch[:, :-1]).log_softmax(-1)
    return -logits.gather(-1, batch[:, 1:, :, None])[..., 0]


def probe(model: nn.Module, rows: Sequence[np.ndarray], **more: object) -> Probe:
    """All rows in one batch."""
    values: dict[str, object] = {
        "model": model,
        "batches": [torch.from_numpy(np.stack(rows))],
        "outputs": lambda m, b: m(b[:, :-1]),
        "targets": lambda b: b[:, 1:],
        "loss": lambda m, b: nats(m, b).mean(),
        "example_losses": lambda m, b: nats(m, b).mean((1, 2)),
        "unit": "nats per note",
        "channels": VOICES,
        **more,
    }
    return Probe(**values)  # type: ignore[arg-type]


def case(model: nn.Module, **more: object) -> Case:
    """With 60 pieces trained on and 20 held out."""
    values: dict[str, object] = {
        "probe": probe(model, pieces(20, 1)),
        "corpus": pieces(60, 0),
        "live_tokens": TOKENS,
        **more,
    }
    return Case(**values)  # type: ignore[arg-type]


def codes(findings: object) -> list[str]:
    """Codes of all findings above info, in order."""
    return [f.code for f in findings if f.severity != "info"]  # type: ignore[attr-defined]
