"""The rules of part writing that the checker knows, and what a finding looks like."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as a teacher would put it.

    ``severity``: ``error`` is wrong in every school style, ``warning`` needs a reason, ``info`` is
    common in Bach and only worth a look.
    """

    name: str
    severity: Severity
    explanation: str


@dataclass(frozen=True, slots=True)
class VoiceLeadingFinding:
    """One place where a rule is broken.

    ``bar`` is the printed bar number ("0" is a pickup), ``beat`` counts from 1 in beats of the
    meter (dotted quarters in 6/8), ``onset_quarter`` in quarters from the start of the score: the
    moment of the second chord or note where the finding is a motion.
    """

    rule: str
    severity: Severity
    bar: str
    beat: Fraction
    onset_quarter: Fraction
    voices: tuple[str, ...]
    message: str


_ALL_RULES = (
    Rule(
        "parallel-fifths",
        "error",
        "Two voices move in the same direction from one perfect fifth to another; they lose their "
        "independence. A fifth that is repeated, and motion between a diminished and a perfect "
        "fifth, is allowed.",
    ),
    Rule(
        "parallel-octaves",
        "error",
        "Two voices move in the same direction from one octave to another; one voice seems to "
        "vanish. One voice leaping an octave while the other stays is allowed.",
    ),
    Rule(
        "parallel-unisons",
        "error",
        "Two voices move together on the same pitch; one voice vanishes.",
    ),
    Rule(
        "contrary-fifths",
        "warning",
        "Two voices go from one fifth to another in opposite directions (fifth to twelfth): "
        "parallel fifths in disguise, best kept to inner voices at cadences.",
    ),
    Rule(
        "contrary-octaves",
        "warning",
        "Two voices go from one octave or unison to another in opposite directions: parallel "
        "octaves in disguise, tolerated at a final cadence.",
    ),
    Rule(
        "direct-fifths",
        "warning",
        "The outer voices reach a perfect fifth in the same direction while the top voice leaps; "
        "let the top voice move by step or in the other direction.",
    ),
    Rule(
        "direct-octaves",
        "warning",
        "The outer voices reach an octave in the same direction while the top voice leaps; let the "
        "top voice move by step or in the other direction.",
    ),
    Rule(
        "voice-crossing",
        "warning",
        "A voice sings above the next higher voice; keep soprano, alto, tenor, bass in order.",
    ),
    Rule(
        "voice-overlap",
        "info",
        "A voice moves past the note that its neighbour just left; the ear may follow the wrong "
        "voice.",
    ),
    Rule(
        "spacing",
        "warning",
        "More than an octave between soprano and alto, or between alto and tenor; only tenor and "
        "bass may stand further apart.",
    ),
    Rule("range", "warning", "A note lies outside what this voice can sing comfortably."),
    Rule(
        "augmented-leap",
        "error",
        "A voice leaps by an augmented interval, which is hard to sing; turn it into its "
        "diminished inversion or go through a chord that explains it.",
    ),
    Rule(
        "diminished-leap",
        "warning",
        "A voice leaps by a diminished interval and does not turn back by step.",
    ),
    Rule(
        "large-leap",
        "warning",
        "A voice leaps by a seventh or by more than an octave.",
    ),
    Rule(
        "unresolved-leading-tone",
        "warning",
        "The leading tone of a dominant chord does not rise to the tonic when the tonic chord "
        "comes. In an inner voice it may fall a third to complete the chord, as in Bach, and "
        "another voice may take the tonic for it.",
    ),
    Rule(
        "doubled-leading-tone",
        "error",
        "Two voices have the leading tone of a dominant chord; both want to rise to the tonic, "
        "which gives parallel octaves. Double the root instead.",
    ),
)

RULES: dict[str, Rule] = {rule.name: rule for rule in _ALL_RULES}
"""Every rule by its name."""
