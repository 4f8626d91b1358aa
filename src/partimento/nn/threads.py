"""How many cores PyTorch uses inside a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread(threads: int = 1) -> Iterator[None]:
    """PyTorch on ``threads`` cores, one by default; the number of before comes back afterwards.

    A step of a small decoder is so short that a second thread only waits for the first, and on a
    busy machine waits long: ten times slower, measured.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
