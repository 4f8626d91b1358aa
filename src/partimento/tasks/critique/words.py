"""Scores in words that a teacher understands, as sure as the intervals allow and no surer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.music.dimensions import DIMENSIONS, MOSTLY_THE_MUSIC, Dimension

CLEARLY, PROBABLY, TYPICAL, UNSURE = "clearly", "probably", "typical", "unsure"
PROBABLE_SHARE = 0.25
"""A score in the outer quarter of the learnt ones is probably apart from most."""
USELESS_WIDTH = 0.9
"""An interval as wide as this share of the middle 90 % of all learnt scores tells nothing."""
NO_DIFFERENCE = 0.15
"""A difference smaller than this share of its interval is not worth a word."""
_TOLD = 4
"""So many dimensions of a kind are named in the summary; the table has them all."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A score in its place among those that the critic learnt from.

    ``percentile``: share of them below it, 0 to 100.  ``sureness`` is one of the four words of
    this module; ``pole`` is where the score leans.
    """

    sureness: str
    pole: str
    percentile: float

    @property
    def text(self) -> str:
        """Such as ``clearly slow``."""
        if self.sureness == TYPICAL:
            return "like most"
        if self.sureness == UNSURE:
            return "cannot be told"
        return f"{self.sureness} {self.pole}"


def read_score(
    dimension: Dimension, mean: float, low: float, high: float, learnt: np.ndarray
) -> Reading:
    """A score with its interval beside the learnt scores (N,) of the same dimension."""
    below = float((learnt < mean).mean() + 0.5 * (learnt == mean).mean())
    bottom, middle, top = (float(q) for q in np.quantile(learnt, (0.05, 0.5, 0.95)))
    pole = pole_of(mean - middle, dimension)
    if low > middle or high < middle:
        sureness = CLEARLY
    elif high - low > USELESS_WIDTH * (top - bottom):
        sureness = UNSURE
    elif min(below, 1 - below) <= PROBABLE_SHARE:
        sureness = PROBABLY
    else:
        sureness = TYPICAL
    return Reading(sureness, pole, round(100 * below, 1))


def summary(
    readings: Mapping[str, Reading],
    drivers: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    *,
    learnt: int,
    abstained: Mapping[str, str],
    coverage: float,
) -> str:
    """One paragraph: what stands out, what may, what drives it, what cannot be told."""
    clear = _ranked(readings, CLEARLY)
    maybe = _ranked(readings, PROBABLY)
    parts = [_opening(clear, maybe, readings, learnt)]
    lead = next(iter(clear or maybe), None)
    if lead is not None:
        parts.append(_because(lead, readings[lead], drivers.get(lead, {})))
    calm = sum(reading.sureness == TYPICAL for reading in readings.values())
    if calm and (clear or maybe):
        parts.append(f"In {_counted(calm)} it sounds like most.")
    unsure = [name for name, reading in readings.items() if reading.sureness == UNSURE]
    if unsure:
        parts.append(f"Nothing can be told of {_listed([_plain(n) for n in unsure])}.")
    if abstained:
        parts.append(f"No score is given for {_listed([_plain(n) for n in abstained])}.")
    parts.append(_reliance(coverage))
    return " ".join(part for part in parts if part)


def _opening(
    clear: Sequence[str], maybe: Sequence[str], readings: Mapping[str, Reading], learnt: int
) -> str:
    start = f"Beside the {learnt} performances that the critic learnt from, this one sounds"
    if not clear and not maybe:
        return f"{start} like most, as far as can be told."
    said = []
    if clear:
        said.append(f"clearly {_named(clear, readings)}")
    if maybe:
        said.append(f"perhaps {_named(maybe, readings)}")
    return f"{start} {'; '.join(said)}."


def _named(names: Sequence[str], readings: Mapping[str, Reading]) -> str:
    said = [f"{readings[name].pole} ({_plain(name)})" for name in names[:_TOLD]]
    more = len(names) - _TOLD
    return _listed([*said, f"{more} more in the table"] if more > 0 else said)


def _because(
    name: str, reading: Reading, drivers: Mapping[str, Sequence[Mapping[str, Any]]]
) -> str:
    """What pushes the leading dimension to where it is."""
    up = reading.percentile >= 50
    groups = [g["name"] for g in drivers.get("groups", ()) if (g["effect"] > 0) == up]
    bars = [b["where"] for b in drivers.get("bars", ()) if (b["effect"] > 0) == up]
    if not groups:
        return ""
    where = f", most of all in {_listed([str(bars[0])])}" if bars else ""
    kinds = _listed([_plain(str(g)) for g in groups[:2]])
    return f"It sounds {reading.pole} above all because of {kinds}{where}."


def _reliance(coverage: float) -> str:
    sureness = f"about {round(100 * coverage)} in 100 intervals hold"
    return (
        f"The score is what listeners would say on average: {sureness} the listeners' mean, and "
        "single listeners differ more than that."
    )


def caveats(*, familiar: bool, compared: bool, shown: Sequence[str]) -> list[str]:
    """What the reader must know before believing a score."""
    said = []
    if not familiar:
        beside = (
            "the order among the given performances is worth more than each number"
            if compared
            else "give several performances of this passage to have them compared"
        )
        said.append(
            "The critic has not heard this music, or nothing like it. Performances of unknown "
            f"works can be ranked, not graded: {beside}."
        )
    mostly = [name for name in MOSTLY_THE_MUSIC if name in shown]
    if mostly:
        said.append(
            f"{_listed([_plain(n) for n in mostly]).capitalize()} tell more about the music than "
            "about who plays it."
        )
    said.append(DIRECTION_TRAPS)
    return said


DIRECTION_TRAPS = (
    "Mind the directions: a high score means slow in tempo, dark in timbre brightness, dark in "
    "mood valence, blurred in pedal clarity."
)


def difference_text(differences: Mapping[str, Mapping[str, Any]], first: str, second: str) -> str:
    """One paragraph on two performances, from the report's differences (first minus second)."""
    poles = {d.name: d for d in DIMENSIONS}
    clear = [name for name, row in differences.items() if row["clear"]]
    clear.sort(key=lambda name: -abs(differences[name]["mean"]))
    if not clear:
        return (
            f"Between {first} and {second} no difference is larger than what the critic may err by."
        )
    said = []
    for name in clear[:_TOLD]:
        row = differences[name]
        reason = f", from {_listed([_plain(g['name']) for g in row['explained_by'][:2]])}"
        tail = reason if row["explained_by"] else ""
        pole = pole_of(row["mean"], poles[name])
        said.append(f"towards {pole} ({_plain(name)}{tail})")
    rest = len(clear) - _TOLD
    more = f" {_counted(rest).capitalize()} more differ clearly." if rest > 0 else ""
    return f"Beside {second}, {first} lies clearly {_listed(said)}.{more}"


def pole_of(lean: float, dimension: Dimension) -> str:
    """The high pole for a positive lean, the low one otherwise, as words of a sentence."""
    return (dimension.high if lean > 0 else dimension.low).replace(", ", " or ")


def difference_reading(mean: float, low: float, high: float, dimension: Dimension) -> str:
    """A difference with its interval in words."""
    if low > 0 or high < 0:
        return f"clearly towards {pole_of(mean, dimension)}"
    if abs(mean) < NO_DIFFERENCE * (high - low):
        return "at about the same place"
    return f"perhaps towards {pole_of(mean, dimension)}"


def rank_text(rank: int, of: int, dimension: Dimension) -> str:
    """Such as ``1 of 5 towards slow``."""
    return f"{rank} of {of} towards {dimension.high}"


def _ranked(readings: Mapping[str, Reading], sureness: str) -> list[str]:
    """Dimensions of one sureness, the farthest from the middle first."""
    names = [name for name, reading in readings.items() if reading.sureness == sureness]
    return sorted(names, key=lambda name: -abs(readings[name].percentile - 50))


def _plain(name: str) -> str:
    return name.replace("_", " ").replace(".", " ")


def _counted(count: int) -> str:
    return "one dimension" if count == 1 else f"{count} dimensions"


def _listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
