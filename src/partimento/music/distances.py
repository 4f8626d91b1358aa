"""How far two samples, or two histograms, are from each other.  numpy only."""

from __future__ import annotations

import numpy as np

GRID_POINTS = 512
_TINY = 1e-12


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance by which the sorted sample ``a`` is moved to become ``b``, in their unit.

    The area between the two distribution functions.  Raises ValueError for an empty sample.
    """
    a, b = np.sort(np.asarray(a, dtype=np.float64)), np.sort(np.asarray(b, dtype=np.float64))
    if not len(a) or not len(b):
        raise ValueError("the distance of an empty sample")
    places = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, places[:-1], side="right") / len(a)
    below_b = np.searchsorted(b, places[:-1], side="right") / len(b)
    return float((np.abs(below_a - below_b) * np.diff(places)).sum())


def histogram_overlap(p: np.ndarray, q: np.ndarray) -> float:
    """Shared area of two histograms: 1 where they agree, 0 where they have nothing in common."""
    return float(np.minimum(_normalised(p), _normalised(q)).sum())


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen-Shannon divergence of two histograms in bits: 0 (equal) to 1 (disjoint)."""
    p, q = _normalised(p), _normalised(q)
    middle = (p + q) / 2
    return max(0.0, (_relative(p, middle) + _relative(q, middle)) / 2)


def density(sample: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Gaussian kernel density of a sample on an even grid, summing to one over its points.

    The bandwidth is Scott's: standard deviation times n^(-1/5), and one step of the grid at least.
    """
    sample = np.asarray(sample, dtype=np.float64)
    spread = float(sample.std(ddof=1)) if len(sample) > 1 else 0.0
    width = max(spread * len(sample) ** -0.2, float(grid[1] - grid[0]))
    # Counting the sample into the grid first makes the cost independent of its size.
    step = float(grid[1] - grid[0])
    place = np.clip(np.round((sample - grid[0]) / step).astype(int), 0, len(grid) - 1)
    counts = np.bincount(place, minlength=len(grid)).astype(np.float64)
    kernel = np.exp(-0.5 * ((grid[:, None] - grid[None, :]) / width) ** 2)
    smooth: np.ndarray = kernel @ counts
    return smooth / smooth.sum()


def density_overlap(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Overlapping area, and Kullback-Leibler divergence of ``a`` from ``b`` in nats, of densities.

    Both samples become kernel densities on one grid.  Raises ValueError for an empty sample.
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if not len(a) or not len(b):
        raise ValueError("the distance of an empty sample")
    low, high = min(a.min(), b.min()), max(a.max(), b.max())
    margin = 0.5 * (high - low) if high > low else 1.0
    grid = np.linspace(low - margin, high + margin, GRID_POINTS)
    p, q = density(a, grid), density(b, grid)
    smoothed = (q + _TINY) / (q + _TINY).sum()
    return float(np.minimum(p, q).sum()), max(0.0, _relative(p, smoothed) * float(np.log(2)))


def set_distance(generated: np.ndarray, reference: np.ndarray) -> dict[str, float] | None:
    """Is a set of pieces as far from another as the pieces of that one are from each other?

    Yang and Lerch 2020, *On the evaluation of generative models in music*: the distances between
    generated and reference pieces against the distances among the reference pieces, as densities.
    ``generated`` (G, F) and ``reference`` (R, F) hold one feature of F values per piece.  Returns
    ``overlap`` (1 at best) and ``kl`` (0 at best); None with fewer than three reference pieces.
    """
    if len(reference) < 3 or not len(generated):
        return None
    generated, reference = _two_axes(generated), _two_axes(reference)
    upper = np.triu_indices(len(reference), 1)
    intra = _distances(reference, reference)[upper]
    inter = _distances(generated, reference).ravel()
    overlap, kl = density_overlap(intra, inter)
    return {"overlap": overlap, "kl": kl}


def _two_axes(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    return values.reshape(len(values), -1)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Euclidean distances (A, B) of rows."""
    return np.sqrt(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2))


def _normalised(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    total = float(values.sum())
    if total <= 0 or (values < 0).any():
        raise ValueError("a histogram needs counts that are not negative, and one at least")
    return values / total


def _relative(p: np.ndarray, q: np.ndarray) -> float:
    """Kullback-Leibler divergence in bits; q is positive wherever p is."""
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())
