"""Taps: layers publish what they compute; nothing happens unless a probe listens.

A layer calls ``tap.record("self_attention", weights)``.  A probe opens a :func:`listen` block and
finds the tensors there.  Models therefore never know who watches them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_listener: ContextVar[dict[str, list[Tensor]] | None] = ContextVar("listener", default=None)


def listening() -> bool:
    """Whether a probe listens; layers use it to take a slower path that shows its weights."""
    return _listener.get() is not None


def record(name: str, value: Tensor) -> None:
    """Hand ``value`` to the listening probe (detached); a no-op when nobody listens."""
    taps = _listener.get()
    if taps is not None:
        taps.setdefault(name, []).append(value.detach())


@contextmanager
def listen() -> Iterator[dict[str, list[Tensor]]]:
    """Collect all records made inside the block: name -> tensors in call order."""
    taps: dict[str, list[Tensor]] = {}
    token = _listener.set(taps)
    try:
        yield taps
    finally:
        _listener.reset(token)


def require(taps: dict[str, list[Tensor]], name: str) -> list[Tensor]:
    """The tensors under ``name``.

    Raises LookupError when the model never recorded it: a probe must not report zeros for a
    layer that is not there.
    """
    if not taps.get(name):
        known = ", ".join(sorted(taps)) or "none"
        raise LookupError(f"the model records no tap {name!r} (it recorded: {known})")
    return taps[name]
