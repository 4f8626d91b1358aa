"""Times that can be compared although the machine is shared: rounds in which every job runs once.

A job returns the seconds that one unit took (a token, a file, a step).  What else the machine does
slows a whole round, so ratios are taken within rounds, and their median counts.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Job = Callable[[], float]


@dataclass(frozen=True)
class Times:
    """Seconds a unit of each job, round by round."""

    seconds: dict[str, list[float]]
    failed: dict[str, str]
    """Jobs that could not run, and why."""

    def median(self, name: str) -> float | None:
        """Median seconds a unit; None where the job could not run."""
        values = self.seconds.get(name)
        return statistics.median(values) if values else None

    def rate(self, name: str) -> float | None:
        """Units a second."""
        seconds = self.median(name)
        return None if seconds is None else 1.0 / seconds

    def best_rate(self, name: str) -> float | None:
        """Units a second of the best round: the least disturbed one."""
        values = self.seconds.get(name)
        return 1.0 / min(values) if values else None

    def faster(self, name: str, than: str) -> float | None:
        """How many times as fast ``name`` is: the median over the rounds."""
        ours, theirs = self.seconds.get(name), self.seconds.get(than)
        if not ours or not theirs:
            return None
        return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def interleaved(jobs: Mapping[str, Job | str], rounds: int) -> Times:
    """Run every job once a round, after a round that does not count.

    A job given as text cannot run; the text is the reason.
    """
    failed = {name: job for name, job in jobs.items() if isinstance(job, str)}
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds + 1):
        for name, job in jobs.items():
            if not isinstance(job, str):
                seconds.setdefault(name, []).append(job())
    return Times({name: values[1:] for name, values in seconds.items()}, failed)


def seconds_each(work: Callable[[], Any], count: int) -> float:
    """Wall-clock seconds of one of the ``count`` units that ``work`` does."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) / count


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    import platform

    import torch

    from partimento.nn.kernels.native import instruction_set

    load = os.getloadavg() if hasattr(os, "getloadavg") else (None,) * 3
    return {
        "processor": _processor_name(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "kernel": instruction_set(),
        "load_average": list(load),
    }


def _processor_name() -> str:
    import platform

    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            names = (
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            )
            return next(names, platform.processor())
    except OSError:
        return platform.processor()
