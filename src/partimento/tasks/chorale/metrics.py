"""Losses with their units.

One frame is one 16th-note step of four voices, which is four note tokens.  A loss *per frame* is
the sum over the four channels, a loss *per note* their mean: a factor of four lies between the two,
and the source project mixed them up.  Both are always given.
"""

from __future__ import annotations

import math

import numpy as np

from partimento.tasks.chorale.api import CHANNELS


def explain_loss(nll_T4: np.ndarray) -> dict[str, float]:
    """Figures of per-cell losses ``(T, 4)`` in nats.

    ``nats_per_frame`` (sum over channels), ``nats_per_note`` (mean over channels),
    ``bits_per_note``, ``perplexity_per_note`` (choices as likely as a fair die of so many sides),
    ``melodic_nats_per_frame`` (channel 1), ``harmonic_nats_per_frame`` (sum of channels 2-4),
    ``harmonic_nats_per_note`` (their mean), and ``<voice>_nats_per_frame``.

    Raises ValueError when there is no frame.
    """
    nll = np.asarray(nll_T4, dtype=np.float64)
    if nll.ndim != 2 or nll.shape[1] != 4 or len(nll) == 0:
        raise ValueError(f"losses have the shape (T > 0, 4), not {nll.shape}")
    voices = nll.mean(axis=0)
    return loss_figures([float(v) for v in voices])


def loss_figures(voice_nats: list[float]) -> dict[str, float]:
    """The figures of :func:`explain_loss` from the mean loss of each of the four voices."""
    per_frame = sum(voice_nats)
    per_note = per_frame / 4
    return {
        "nats_per_frame": per_frame,
        "nats_per_note": per_note,
        "bits_per_note": per_note / math.log(2),
        "perplexity_per_note": math.exp(min(per_note, 700.0)),
        "melodic_nats_per_frame": voice_nats[0],
        "harmonic_nats_per_frame": per_frame - voice_nats[0],
        "harmonic_nats_per_note": (per_frame - voice_nats[0]) / 3,
        **{f"{n}_nats_per_frame": v for n, v in zip(CHANNELS, voice_nats, strict=True)},
    }
