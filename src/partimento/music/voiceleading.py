"""The voice-leading checker: textbook part writing, bar by bar.

:data:`RULES` explains every rule.  The choices that decide what is reported stand in the modules
that hold the checks: :mod:`motion_checks` (parallels and their kin), :mod:`line_checks` (leaps,
range, order and spacing), :mod:`leading_tones`.

What applies depends on the score: with two or three voices the rules for pairs hold, leading
tones need three voices, ranges and spacing need choir voices (four voices, or parts named soprano,
alto, tenor or bass), a single melody is checked for leaps.
"""

from __future__ import annotations

from partimento.music.leading_tones import check_leading_tones
from partimento.music.line_checks import check_lines
from partimento.music.motion_checks import check_motion
from partimento.music.score import Score
from partimento.music.textbook import RULES, Rule, Severity, VoiceLeadingFinding
from partimento.music.texture import texture_of

__all__ = ["RULES", "Rule", "Severity", "VoiceLeadingFinding", "check_score"]

_RULE_ORDER = {name: i for i, name in enumerate(RULES)}


def check_score(score: Score) -> list[VoiceLeadingFinding]:
    """All findings of a score with up to four voices, in the order of the music.

    Open score, closed score on two staves and chords are understood; of more than four lines the
    choir voices are taken (see :func:`~partimento.music.voices.assign_voices`).  Raises MusicError
    when there are no notes.
    """
    texture = texture_of(score)
    found = [*check_motion(texture), *check_lines(texture), *check_leading_tones(texture)]
    return sorted(found, key=lambda f: (f.onset_quarter, _RULE_ORDER[f.rule], f.voices))
