"""A made-up task for the claim bench: classes that differ in their frames' course over time.

Shape suffixes: N clips, T frames, I bands, K classes, E numbers of a target.
"""

from __future__ import annotations

import numpy as np

from partimento.tasks.audio2visual.claims_training import ClaimTask

CLASSES, PER_CLASS, TEST_PER_CLASS = 10, 24, 16
FRAMES, BANDS, WIDTH = 8, 24, 96
COMMON_SHARE = 0.7
"""Mean cosine of two targets, about that of prompts under CLIP."""


def synthetic_bank(
    rng: np.random.Generator,
    classes: int = CLASSES,
    width: int = WIDTH,
    common_share: float = COMMON_SHARE,
) -> np.ndarray:
    """(K, E) float32 of root mean square 1, with mean cosine ``common_share``."""
    common_E = rng.normal(size=width)
    own_KE = rng.normal(size=(classes, width))
    rows = np.sqrt(common_share) * common_E + np.sqrt(1.0 - common_share) * own_KE
    rows *= np.sqrt(width) / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32)


def synthetic_task(
    seed: int,
    *,
    per_class: int = PER_CLASS,
    test_per_class: int = TEST_PER_CLASS,
    noise: float = 1.0,
) -> ClaimTask:
    """Clips of ten classes with overlapping frames, learnable but not at once."""
    rng = np.random.default_rng(seed)
    centres_KTI = rng.normal(size=(CLASSES, FRAMES, BANDS))
    each = per_class + test_per_class
    labels_N = np.repeat(np.arange(CLASSES), each)
    frames = centres_KTI[labels_N] * 0.5 + 0.5 * centres_KTI.mean(1)[labels_N][:, None]
    # Noise of a whole clip is what frames cannot average away.
    frames = frames + 0.25 * noise * rng.normal(size=(len(labels_N), 1, BANDS))
    frames = frames + noise * rng.normal(size=frames.shape)
    train_N = np.tile(np.arange(each) < per_class, CLASSES)
    kept = frames[train_N]
    frames = (frames - kept.mean((0, 1))) / kept.std((0, 1))
    return ClaimTask("synthetic", frames.astype(np.float32), labels_N, train_N, synthetic_bank(rng))
