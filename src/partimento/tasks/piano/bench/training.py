"""A training step of our decoder beside transformers and x-transformers; skewed attention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from partimento.nn.decoder import Decoder
from partimento.nn.skew import naive_relative_logits, relative_logits
from partimento.nn.threads import one_thread
from partimento.tasks.piano.bench import rivals
from partimento.tasks.piano.bench.decoding import MISSING
from partimento.tasks.piano.bench.rivals import Shape
from partimento.tasks.piano.bench.timing import Job, interleaved, seconds_each

LEARNING_RATE = 1e-4


class _OwnLanguage(nn.Module):
    """Embedding, decoder and head, as a language model trains."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.decoder = Decoder(
            width=shape.width,
            layers=shape.layers,
            heads=shape.heads,
            feedforward=shape.feedforward,
            max_length=shape.context,
        )
        self.head = nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Logits (B, T, V)."""
        return self.head(self.decoder(self.embedding(tokens_BT)))


def measure_training(
    shape: Shape, batch: int, length: int, rounds: int, generator: torch.Generator
) -> dict[str, Any]:
    """Tokens a second of forward, backward and AdamW on one core, fp32, no dropout."""
    tokens = torch.randint(shape.vocabulary, (batch, length + 1), generator=generator)
    models: dict[str, Callable[[], Any]] = {
        "partimento": lambda: _OwnLanguage(shape),
        "transformers llama": lambda: _hugging_face(shape, "llama"),
        "transformers gpt2": lambda: _hugging_face(shape, "gpt2"),
        "x-transformers": lambda: rivals.x_transformers(shape).net,
    }
    jobs = {name: _training_job(make, tokens) for name, make in models.items()}
    with one_thread():
        times = interleaved(jobs, rounds)
    rows: dict[str, Any] = {}
    for name in jobs:
        if name in times.failed:
            rows[name] = {"tokens_per_second": None, "reason": times.failed[name]}
            continue
        faster = times.faster("partimento", name)
        rows[name] = {"tokens_per_second": times.rate(name), "partimento_is_times_faster": faster}
    return {"batch": batch, "positions": length, "models": rows}


def measure_skew(
    length: int, rounds: int, generator: torch.Generator, heads: int = 4, width: int = 64
) -> dict[str, Any]:
    """Relative logits of one layer by the skew and by their naive twin, forward and backward."""
    query = torch.randn(1, heads, length, width, generator=generator, requires_grad=True)
    table = torch.randn(length, width, generator=generator, requires_grad=True)

    def job(logits: Callable[[Tensor, Tensor], Tensor]) -> Job:
        def step() -> None:
            logits(query, table).sum().backward()  # type: ignore[no-untyped-call]

        return lambda: seconds_each(step, 1)

    jobs = {"skewed": job(relative_logits), "naive": job(naive_relative_logits)}
    with one_thread():
        times = interleaved(jobs, rounds)
    return {
        "positions": length,
        "heads": heads,
        "skewed_ms": 1000 * (times.median("skewed") or 0.0),
        "naive_ms": 1000 * (times.median("naive") or 0.0),
        "skewed_is_times_faster": times.faster("skewed", "naive"),
        "naive_table_megabytes": 4 * length * length * width / 1e6,
        "skewed_table_megabytes": 4 * length * width / 1e6,
    }


def _hugging_face(shape: Shape, kind: str) -> Any:
    generator = torch.Generator().manual_seed(0)
    if kind == "gpt2":
        return rivals.hugging_face(rivals.gpt2_language(shape, generator))
    decoder = _OwnLanguage(shape).decoder
    return rivals.hugging_face(rivals.llama_language(decoder, shape, generator))


def _training_job(make: Callable[[], Any], tokens_BT: Tensor) -> Job | str:
    try:
        model = make().train()
    except ImportError as error:
        return MISSING.format(str(error.name).replace("_", "-"))
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    inputs, targets = tokens_BT[:, :-1].contiguous(), tokens_BT[:, 1:].reshape(-1)

    def step() -> None:
        output = model(inputs)
        logits = output if isinstance(output, Tensor) else output.logits
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        optimiser.zero_grad()

    step()
    return lambda: seconds_each(step, inputs.numel())
