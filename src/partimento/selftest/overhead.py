"""What watching costs: training steps with and without the monitor, in one run, in turn."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

import numpy as np
from torch.optim import AdamW

from partimento.doctor.case import Probe
from partimento.doctor.monitor import Monitor

STEPS = 50
"""Steps between two changes of side; a multiple of the monitor's default frequency."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """Processor time with the monitor over that without, less 1."""

    share: float
    """Median over pairs of neighbouring stretches."""
    low: float
    """Lower quartile."""
    high: float
    step_ms: float
    """Median step without the monitor."""
    pairs: int

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {name: getattr(self, name) for name in self.__slots__}


def overhead_of(probe: Probe, *, pairs: int = 8) -> Overhead:
    """Cost of the monitor at its default frequency on a copy of a small task's model.

    Stretches of :data:`STEPS` training steps are timed by turns without and with the monitor, in
    processor time, so that neither other programs nor a slow start fall on one side only.  The
    models are tiny; on larger ones a step costs more and the monitor the same few reductions.
    """
    plain, watched = copy.deepcopy(probe.model), copy.deepcopy(probe.model)
    _stretch(probe, plain, watch=False)  # the first steps of a process are slow ones
    off: list[float] = []
    on: list[float] = []
    for pair in range(pairs):
        order = ((plain, False, off), (watched, True, on))
        for model, watch, times in order if pair % 2 == 0 else reversed(order):
            times.append(_stretch(probe, model, watch=watch))
    ratios = np.array(on) / np.array(off) - 1.0
    low, share, high = (float(v) for v in np.quantile(ratios, (0.25, 0.5, 0.75)))
    return Overhead(share, low, high, float(np.median(off)) / STEPS * 1e3, pairs)


def _stretch(probe: Probe, model: Any, *, watch: bool) -> float:
    """Seconds of processor time for so many training steps."""
    model.train()
    optimizer = AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    monitor = Monitor(model) if watch else None
    began = time.process_time()
    for step, batch in enumerate(islice(cycle(probe.batches), STEPS)):
        if monitor is not None:
            monitor.before_step(step)
        optimizer.zero_grad()
        loss = probe.loss(model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        if monitor is not None:
            monitor.after_backward(loss, optimizer)
        optimizer.step()
        if monitor is not None:
            monitor.after_step()
    return time.process_time() - began
