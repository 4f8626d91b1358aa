"""Drawing from logits: temperature, top-k and top-p combined.

Shape suffixes: B rows, V classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

MASKED = -torch.inf


@dataclass(frozen=True, slots=True)
class Sampling:
    """How freely to draw.

    ``temperature`` divides the logits (0: always the likeliest); of the classes the ``top_k``
    likeliest are kept, and of these the fewest whose probabilities add up to ``top_p`` (Holtzman
    et al. 2020), the one that crosses it included.  None switches a filter off.

    Raises ValueError for values that no distribution has.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.temperature <= 100:
            raise ValueError(f"a temperature of {self.temperature}; it goes from 0 to 100")
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f"top-k of {self.top_k} keeps nothing; it is 1 or more")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f"a top-p of {self.top_p}; it lies above 0 and at most at 1")

    @property
    def label(self) -> str:
        """Short text for file names: ``t0.8_k10_p0.92``."""
        k = "" if self.top_k is None else f"_k{self.top_k}"
        p = "" if self.top_p is None else f"_p{self.top_p:g}"
        return f"t{self.temperature:g}{k}{p}"


PRESETS: dict[str, Sampling] = {
    "deterministic": Sampling(0.7, 5, 0.85),
    "balanced": Sampling(0.8, 10, 0.92),
    "creative": Sampling(1.1, 15, 0.95),
    "long": Sampling(0.8, 8, 0.9),
}
"""The source's styles; ``long`` is meant for 2048 events from a primer of 200."""


def preset(
    style: str,
    *,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Sampling:
    """A style with single values replaced.  Raises ValueError for an unknown style."""
    if style not in PRESETS:
        raise ValueError(f"there is no style {style!r}; there are {', '.join(PRESETS)}")
    base = PRESETS[style]
    return Sampling(
        base.temperature if temperature is None else temperature,
        base.top_k if top_k is None else top_k,
        base.top_p if top_p is None else top_p,
    )


def sweep(base: Sampling, temperatures: Sequence[float]) -> list[Sampling]:
    """The same filters at several temperatures."""
    return [replace(base, temperature=float(t)) for t in temperatures]


def filter_logits(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    """Logits after temperature, then top-k, then top-p of what is left; others at -inf.

    Classes at -inf stay there; at least one class of each row is kept.  At temperature 0 the first
    of the likeliest is all that remains.
    """
    if sampling.temperature == 0:
        best = logits_BV.argmax(-1, keepdim=True)
        kept = torch.full_like(logits_BV, MASKED)
        return kept.scatter(-1, best, 0.0)
    logits_BV = logits_BV / sampling.temperature
    classes = logits_BV.shape[-1]
    if sampling.top_k is not None and sampling.top_k < classes:
        # Ties at the border are cut by rank, so that exactly k classes stay.
        best = logits_BV.topk(sampling.top_k, -1).indices
        drop = torch.ones_like(logits_BV, dtype=torch.bool).scatter(-1, best, False)
        logits_BV = logits_BV.masked_fill(drop, MASKED)
    if sampling.top_p is not None and sampling.top_p < 1:
        shares, order = logits_BV.softmax(-1).sort(dim=-1, descending=True, stable=True)
        # What stands before a class decides, so that the class that crosses p is kept.
        before = shares.cumsum(-1) - shares
        late = before >= sampling.top_p
        late[..., 0] = False
        drop = torch.zeros_like(late).scatter(-1, order, late)
        logits_BV = logits_BV.masked_fill(drop, MASKED)
    return logits_BV


def draw(logits_BV: Tensor, sampling: Sampling, generator: torch.Generator) -> Tensor:
    """One class of each row (B,), drawn with the generator.

    Raises ValueError when a row has no class left.
    """
    if bool(torch.isneginf(logits_BV).all(-1).any()):
        raise ValueError("every class of a row is masked")
    filtered = filter_logits(logits_BV, sampling)
    if sampling.temperature == 0:
        return filtered.argmax(-1)
    return torch.multinomial(filtered.softmax(-1), 1, generator=generator)[:, 0]


def pick(logits_BV: np.ndarray, sampling: Sampling, uniform_B: np.ndarray) -> np.ndarray:
    """:func:`draw` for few rows without PyTorch's cost: classes (B,) from uniform numbers in 0..1.

    Of ties at the border of top-k the lower classes stay.  Raises ValueError when a row has no
    class left.
    """
    best = logits_BV.max(1)
    if (best == -np.inf).any():
        raise ValueError("every class of a row is masked")
    if sampling.temperature == 0:
        greedy: np.ndarray = logits_BV.argmax(1)
        return greedy
    share = np.exp((logits_BV - best[:, None]).astype(np.float64) / sampling.temperature)
    order = np.argsort(-share, axis=1, kind="stable")[:, : sampling.top_k]
    rows = np.arange(len(share))
    share = share[rows[:, None], order]
    passed = share.cumsum(1)
    if sampling.top_p is not None and sampling.top_p < 1:
        # What stands before a class decides, so that the class that crosses p is kept.
        kept = (passed - share < sampling.top_p * passed[:, -1:]).sum(1)
        total = passed[rows, np.maximum(kept, 1) - 1]
    else:
        total = passed[:, -1]
    place = (passed <= (uniform_B * total)[:, None]).sum(1)
    # A number just below 1 may be rounded up to the total, which lies in the last class kept.
    found: np.ndarray = order[rows, np.minimum(place, (passed < total[:, None]).sum(1))]
    return found
