"""Work that goes wrong in every way that foreign files can make it go wrong."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from partimento.core.errors import MusicError
from partimento.studio.bench import Bench
from partimento.studio.orders import Order


class Way(Order):
    """Which way."""

    way: str


def go_wrong(order: Way, bench: Bench) -> dict[str, Any]:
    """Do what the order says."""
    return {
        "die": _die, "exit": _exit, "hang": _hang, "raise": _raise, "blame": _blame,
        "print": _print, "eat": _eat, "write": _write, "count": _count,
        "halves": _halves, "numbers": _numbers,
    }[order.way](bench)  # fmt: skip


def _die(bench: Bench) -> dict[str, Any]:
    os.abort()


def _exit(bench: Bench) -> dict[str, Any]:
    sys.exit(3)


def _hang(bench: Bench) -> dict[str, Any]:
    time.sleep(1000)
    return {}


def _raise(bench: Bench) -> dict[str, Any]:
    raise ZeroDivisionError("no bars")


def _blame(bench: Bench) -> dict[str, Any]:
    raise MusicError("this has no melody", where=str(bench.path("upload:1")), fix="Give one")


def _print(bench: Bench) -> dict[str, Any]:
    print('{"id": 1, "result": "not the answer"}', flush=True)
    os.write(1, b"{broken\n")
    return {"said": "the answer"}


def _eat(bench: Bench) -> dict[str, Any]:
    return {"bytes": len(bytearray(20_000_000_000))}


def _write(bench: Bench) -> dict[str, Any]:
    (bench.folder / "one.txt").write_text("1")
    return {"title": "Written"}


def _count(bench: Bench) -> dict[str, Any]:
    for step in range(200):
        bench.tell(step, 200, "counting")
        time.sleep(0.05)
    return {}


def _halves(bench: Bench) -> dict[str, Any]:
    bench.tell(1, 1, "half a letter: \ud800")
    return {"title": "half a letter: \udfff"}


def _numbers(bench: Bench) -> dict[str, Any]:
    # Beyond what Python writes as text: this cannot even be told.
    return {"number": 10**5000}


def die_of_it(question: Order, bench: Bench) -> dict[str, Any]:
    """A parser that a foreign file kills."""
    return _die(bench)
