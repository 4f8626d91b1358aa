"""What a part of a model is worth: silenced, fed with other examples' values, or trained without.

A part that is silenced in a model that was trained with it looks worth more than it is, for the
rest never learnt to do without; feeding it with another example's values shows whether what
it says matters; only a training without it tells what it is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from partimento.doctor.case import Probe
from partimento.doctor.probing import undisturbed

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Ablated:
    """Loss with a part as it is and without it, over the same examples."""

    part: str
    how: str
    """"zeroed" or "shuffled"."""
    whole: float
    without: float
    difference: float
    """``without`` minus ``whole``: what is lost, in ``unit``."""
    low: float
    high: float
    examples: int
    unit: str

    @property
    def matters(self) -> bool:
        """Whether the interval lies above zero."""
        return self.low > 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {**asdict(self), "matters": self.matters}


def parts_of(probe: Probe) -> list[tuple[str, str]]:
    """Every (part, how) that can be taken away: levels, channels, the conditioning, the inputs."""
    found = [(level, "zeroed") for level in probe.levels]
    if probe.change_channel is not None:
        found += [(f"channel {number}", "shuffled") for number in range(probe.channels)]
    if probe.swap_condition is not None:
        found.append(("conditioning", "shuffled"))
    if probe.swap_inputs is not None:
        found.append(("inputs", "shuffled"))
    return found


def ablate_probe(probe: Probe, rng: np.random.Generator, drop: Sequence[str] = ()) -> list[Ablated]:
    """Take the named parts away, or every part there is, one at a time.

    Intervals are of the mean difference over examples, 95 %, by resampling examples.
    Raises LookupError for a part that the model does not have, and for a probe that cannot tell
    the examples' losses apart.
    """
    known = dict(parts_of(probe))
    unknown = [name for name in drop if name not in known]
    if unknown:
        raise LookupError(
            f"the model has no part {unknown[0]!r} (it has: {', '.join(known) or 'none'})"
        )
    whole = _losses(probe, lambda batch: batch)
    rows = []
    for name in drop or known:
        if name in probe.levels:
            with undisturbed(probe.model), probe.levels[name](probe.model):
                without = _losses(probe, lambda batch: batch)
        else:
            without = _losses(probe, _changed(probe, name, rng))
        rows.append(_row(name, known[name], whole, without, probe.unit, rng))
    return rows


def _changed(probe: Probe, name: str, rng: np.random.Generator) -> Callable[[Any], Any]:
    if name.startswith("channel ") and probe.change_channel is not None:
        change_channel, channel = probe.change_channel, int(name.removeprefix("channel "))
        return lambda batch: change_channel(batch, channel, rng)
    change = probe.swap_condition if name == "conditioning" else probe.swap_inputs
    if change is None:
        raise LookupError(f"the model has no {name} to shuffle")
    chosen = change
    return lambda batch: chosen(batch, rng)


def _losses(probe: Probe, change: Callable[[Any], Any]) -> np.ndarray:
    """(N,) loss of every example of the probe's batches, after the change."""
    if probe.example_losses is None:
        raise LookupError("the probe cannot tell the examples' losses apart")
    with undisturbed(probe.model):
        rows = [probe.example_losses(probe.model, change(batch)) for batch in probe.batches]
    return torch.cat([row.double().reshape(-1) for row in rows]).numpy()


def _row(
    name: str, how: str, whole: np.ndarray, without: np.ndarray, unit: str,
    rng: np.random.Generator,
) -> Ablated:  # fmt: skip
    away = without - whole
    drawn = rng.integers(len(away), size=(_RESAMPLES, len(away)))
    low, high = np.quantile(away[drawn].mean(1), [0.025, 0.975])
    return Ablated(
        name, how, float(whole.mean()), float(without.mean()), float(away.mean()),
        float(low), float(high), len(away), unit,
    )  # fmt: skip
