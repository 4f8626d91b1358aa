"""Mood of a piece as far as its notes tell it: arousal from density, valence hedged from mode.

Against the judgements of listeners density gave a balanced accuracy of 0.81 for arousal and mode
one of 0.66 for valence (figures of the specification; chance is 0.5).  So arousal is stated, while
valence always comes with how sure it is, and is None where the mode itself is doubtful.
Source of the two dimensions: Russell, "A circumplex model of affect", J. Pers. Soc. Psych. 39(6),
1980.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from partimento.music.attributes import (
    LEVEL_EDGES,
    key_profiles,
    level,
    measured_numbers,
    pitch_class_weights,
)
from partimento.music.barpiece import BarPiece
from partimento.music.keys import ALL_KEYS

AROUSAL_ACCURACY = 0.81
VALENCE_ACCURACY = 0.66
"""Balanced accuracies against listeners: no confidence is given above them."""
UNSURE = 0.55
"""Valence less sure than this is not said."""
_MODE_SLOPE = 43.0
"""Log odds of major for a margin of 1, by logistic regression on the K: fields of the training
tunes.  Its constant is left out: nine of ten tunes are major."""


@dataclass(frozen=True, slots=True)
class Mood:
    """``arousal`` low, medium or high; ``valence`` low, high or None; how likely each is right.

    ``confidence`` is of valence, 0.5 for a guess; ``arousal_confidence`` is of arousal.
    """

    valence: str | None
    arousal: str
    confidence: float
    arousal_confidence: float

    def to_dict(self) -> dict[str, str | float | None]:
        """For JSON."""
        return asdict(self)


def mood(piece: BarPiece) -> Mood:
    """Arousal from notes a second; valence high for clear major, low for clear minor.

    Where a file states no tempo, its density, and so its arousal, is no more than a guess.  Raises
    ValueError for a piece without notes.
    """
    if not len(piece):
        raise ValueError("a piece without notes has no mood")
    number = measured_numbers(piece)["arousal"]
    margin = mode_margin(piece)
    sure = 1.0 / (1.0 + float(np.exp(-_MODE_SLOPE * abs(margin))))
    confidence = VALENCE_ACCURACY * sure + (1.0 - VALENCE_ACCURACY) * (1.0 - sure)
    valence = None if confidence < UNSURE else ("high" if margin > 0 else "low")
    return Mood(valence, level("arousal", number), confidence, _arousal_confidence(piece, number))


def mode_margin(piece: BarPiece) -> float:
    """How much more of the best major profile is in the pitch classes than of the best minor one.

    Projections of the distribution on the centred profiles of Albrecht and Shanahan; 0 where all
    pitch classes are alike, which the distances of key finding would call minor.
    """
    weights = pitch_class_weights(piece)
    centred = key_profiles() - 1.0 / 12.0
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    likeness = centred @ (weights / max(1e-9, weights.sum()) - 1.0 / 12.0)
    minor = np.array([key.mode == "minor" for key in ALL_KEYS])
    return float(likeness[~minor].max() - likeness[minor].max())


def _arousal_confidence(piece: BarPiece, number: float) -> float:
    """0.5 at the edge of a level, up to :data:`AROUSAL_ACCURACY` half an octave away from it."""
    away = min(abs(float(np.log2(max(number, 1e-6) / edge))) for edge in LEVEL_EDGES["arousal"])
    sure = AROUSAL_ACCURACY if piece.tempo_stated else 0.5
    return 0.5 + (sure - 0.5) * min(1.0, 2.0 * away)
