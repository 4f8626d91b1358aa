"""What a federation's server computes: trust, averages, server optimisers.  numpy alone.

An update is what a node has changed, new minus old, by the names of the arrays.  The rules are
those of FedAvg (McMahan et al. 2017), FedAdam (Reddi et al. 2021, bias-corrected after Kingma and
Ba 2015) and, for nodes that do not answer, of MIFA (Gu et al. 2021): their last update stands in.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Arrays = dict[str, np.ndarray]
LARGEST_NORM = 1e3
"""No update of an adapter is longer than this, whatever the others send."""
NORM_RATIO = 10.0
"""How many times longer than the median of the others an update may be."""


def encode(arrays: Mapping[str, np.ndarray]) -> dict[str, bytes]:
    """Each array in numpy's own file format, as it travels."""
    packed = {}
    for name, array in arrays.items():
        stream = io.BytesIO()
        np.save(stream, array, allow_pickle=False)
        packed[name] = stream.getvalue()
    return packed


def decode(packed: Mapping[str, bytes]) -> Arrays:
    """The arrays again; ValueError for bytes that are none, or that would need pickle."""
    return {n: np.load(io.BytesIO(data), allow_pickle=False) for n, data in packed.items()}


def payload_bytes(arrays: Mapping[str, np.ndarray]) -> int:
    """How many bytes the arrays are on their way, headers included."""
    return sum(map(len, encode(arrays).values()))


def as_float16(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays as float16: half the bytes.

    What float16 cannot hold becomes infinite, and the other side refuses it.
    """
    with np.errstate(over="ignore"):
        return {name: np.asarray(array).astype(np.float16) for name, array in arrays.items()}


def as_float32(arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays as float32, to compute with."""
    return {name: np.asarray(array).astype(np.float32) for name, array in arrays.items()}


def length(arrays: Mapping[str, np.ndarray]) -> float:
    """Euclidean length of all numbers together; 0 for no arrays."""
    return float(np.sqrt(sum(float(np.sum(a.astype(np.float64) ** 2)) for a in arrays.values())))


def fault_of(update: Mapping[str, np.ndarray], like: Mapping[str, np.ndarray]) -> str:
    """Why an update cannot be used beside ``like``: names, shapes, kinds, NaN.  Empty: it can."""
    if set(update) != set(like):
        return f"arrays {sorted(update)[:6]} instead of {sorted(like)[:6]}"
    for name, array in like.items():
        sent = update[name]
        if sent.shape != array.shape:
            return f"{name} has the shape {sent.shape} instead of {array.shape}"
        if sent.dtype.kind != "f":
            return f"{name} holds {sent.dtype} instead of floating-point numbers"
        if not np.isfinite(sent).all():
            return f"{name} holds NaN or infinite numbers"
    return ""


def too_long(updates: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, str]:
    """Node -> why, for updates of absurd length beside the median of the others' lengths."""
    lengths = {node: length(update) for node, update in updates.items()}
    faults = {}
    for node, value in lengths.items():
        others = [lengths[n] for n in lengths if n != node]
        usual = float(np.median(others)) if others else np.inf
        bound = min(LARGEST_NORM, max(NORM_RATIO * usual, 1e-3))
        if value > bound:
            faults[node] = f"its length {value:.3g} is above {bound:.3g}"
    return faults


def weighted_mean(
    updates: Mapping[str, Mapping[str, np.ndarray]], weights: Mapping[str, float]
) -> Arrays:
    """Mean of the updates, float32, each with its node's weight (number of clips).

    Raises ValueError for no updates or weights that are not positive.
    """
    total = sum(weights[node] for node in updates)
    if not updates or min(weights[node] for node in updates) <= 0:
        raise ValueError("a mean needs updates, and positive weights")
    shares = {node: weights[node] / total for node in updates}
    names = next(iter(updates.values()))
    return {
        name: np.sum(
            [shares[n] * update[name].astype(np.float64) for n, update in updates.items()], axis=0
        ).astype(np.float32)
        for name in names
    }


@dataclass
class ServerRule:
    """How the server moves the weights once it has the mean of the updates.

    ``average``: all of the way, times ``rate``.  ``adam``: Adam with the mean as the gradient,
    ``rate * sqrt(1 - beta2^(t+1)) / (1 - beta1^(t+1)) * m / (sqrt(v) + tau)``.
    """

    kind: Literal["average", "adam"] = "average"
    rate: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.99
    tau: float = 1e-3
    _m: Arrays = field(default_factory=dict, repr=False)
    _v: Arrays = field(default_factory=dict, repr=False)

    def step(self, weights: Mapping[str, np.ndarray], mean: Arrays, round_number: int) -> Arrays:
        """The new weights, float32; ``round_number`` counts from 1."""
        if self.kind == "average":
            return {n: (w + self.rate * mean[n]).astype(np.float32) for n, w in weights.items()}
        power = round_number + 1.0
        rate = self.rate * np.sqrt(1.0 - self.beta2**power) / (1.0 - self.beta1**power)
        new = {}
        for name, array in weights.items():
            m = self._m.get(name, np.zeros_like(array))
            v = self._v.get(name, np.zeros_like(array))
            self._m[name] = self.beta1 * m + (1.0 - self.beta1) * mean[name]
            self._v[name] = self.beta2 * v + (1.0 - self.beta2) * mean[name] ** 2
            moved = rate * self._m[name] / (np.sqrt(self._v[name]) + self.tau)
            new[name] = (array + moved).astype(np.float32)
        return new
