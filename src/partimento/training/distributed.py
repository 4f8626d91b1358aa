"""Several processes that train one network: started by ``torchrun``, each with its own batches.

Every process keeps the same weights.  The batches of a step are dealt out, each process adds up the
gradients of its own, and the sums over all processes make the step: the same mean as one process
with all batches.  Without ``torchrun`` there is one process and nothing happens here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

from partimento.core.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class World:
    """How many processes train together, and which one this is."""

    size: int = 1
    rank: int = 0

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def mine(self, batches: Sequence[T]) -> list[T]:
        """Batches of this process; some may have one more than others."""
        return list(batches[self.rank :: self.size])

    def add_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its sum over the processes; a missing one counts as zero."""
        if self.size == 1:
            return
        for parameter in parameters:
            if parameter.requires_grad:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                distributed.all_reduce(parameter.grad)

    def of_first(self, values: Mapping[str, float], device: torch.device) -> dict[str, float]:
        """The first process's figures everywhere, so that all decide alike."""
        if self.size == 1:
            return dict(values)
        table = torch.tensor(list(values.values()), dtype=_exact(device), device=device)
        distributed.broadcast(table, 0)
        return dict(zip(values, table.tolist(), strict=True))

    def highest(self, number: int, device: torch.device) -> int:
        """The largest of the processes' numbers."""
        if self.size == 1:
            return number
        found = torch.tensor([number], dtype=torch.int64, device=device)
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return int(found)

    def text_of_first(self, text: str, device: str = "cpu", longest: int = 4096) -> str:
        """A text of the first process everywhere.  Raises ValueError for one that is too long."""
        if self.size == 1:
            return text
        data = text.encode()
        if len(data) > longest:
            raise ValueError(f"a text of {len(data)} bytes; at most {longest}")
        table = torch.zeros(longest, dtype=torch.uint8)
        table[: len(data)] = torch.tensor(list(data), dtype=torch.uint8)
        table = table.to(device)
        distributed.broadcast(table, 0)
        return bytes(table.tolist()).rstrip(b"\0").decode()


def _exact(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64


def own_device(device: str) -> str:
    """``cuda`` becomes the GPU of this process's number on its machine; others stay.

    Raises ConfigError for one GPU by number, which several processes cannot share.
    """
    if _asked() == 1 or not device.startswith("cuda"):
        return device
    if device != "cuda":
        raise ConfigError(
            "several processes need a GPU each", where="--device", fix="Say --device cuda"
        )
    return f"cuda:{os.environ.get('LOCAL_RANK', '0')}"


@contextmanager
def world(device: str) -> Iterator[World]:
    """The processes that ``torchrun`` has started, connected while the block runs."""
    if _asked() == 1:
        yield World()
        return
    distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield World(distributed.get_world_size(), distributed.get_rank())
    finally:
        distributed.destroy_process_group()


def own_rank() -> int:
    """Number of this process among those that torchrun started, before they are connected."""
    return int(os.environ["RANK"]) if _asked() > 1 else 0


def _asked() -> int:
    """Processes that torchrun announces; 1 without it."""
    text = os.environ.get("WORLD_SIZE", "1")
    return int(text) if text.isdigit() and "RANK" in os.environ else 1
