"""The 19 perceptual dimensions of PercePiano (Park et al. 2024), in the order of its labels.

A score of 0 is the low pole, 1 the high one.  Four directions trap the reader: a high ``tempo`` is
slow, a high ``timbre_brightness`` dark, a high ``mood_valence`` dark, a high ``pedal_clarity``
blurred.  Where measured features tell the direction, tests check it on the data.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dimension:
    """One question to the listener: its name and its two poles."""

    name: str
    low: str
    high: str

    @property
    def words(self) -> str:
        """The name for people."""
        return self.name.replace("_", " ")

    def pole(self, score: float) -> str:
        """The pole that a score in 0..1 lies nearer to."""
        return self.high if score >= 0.5 else self.low


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("timing", "stable", "unstable"),
    Dimension("articulation_length", "short", "long"),
    Dimension("articulation_touch", "soft", "hard"),
    Dimension("pedal_amount", "sparse, dry", "saturated, wet"),
    Dimension("pedal_clarity", "clean", "blurred"),
    Dimension("timbre_variety", "even", "colourful"),
    Dimension("timbre_depth", "shallow", "rich"),
    Dimension("timbre_brightness", "bright", "dark"),
    Dimension("timbre_loudness", "soft", "loud"),
    Dimension("sophistication", "mellow", "raw"),
    Dimension("dynamic_range", "little", "large"),
    Dimension("tempo", "fast", "slow"),
    Dimension("space", "flat", "spacious"),
    Dimension("balance", "disproportionate", "balanced"),
    Dimension("drama", "pure", "dramatic"),
    Dimension("mood_valence", "optimistic", "dark"),
    Dimension("mood_energy", "low", "high"),
    Dimension("mood_imagination", "honest", "imaginative"),
    Dimension("interpretation", "unsatisfactory", "convincing"),
)
NAMES: tuple[str, ...] = tuple(dimension.name for dimension in DIMENSIONS)
MOSTLY_THE_MUSIC: tuple[str, ...] = ("timbre_brightness", "mood_valence")
"""Dimensions whose scores say more about the piece than about who plays it."""
