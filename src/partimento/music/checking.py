"""The checker for teachers: a score in, a list of voice-leading findings out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partimento.music.files import read_score
from partimento.music.score import Score
from partimento.music.voiceleading import VoiceLeadingFinding, check_score


def finding_row(finding: VoiceLeadingFinding) -> dict[str, Any]:
    """A finding as JSON data: rule, severity, bar, beat, onset_quarter, voices, message."""
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "bar": finding.bar,
        "beat": float(finding.beat),
        "onset_quarter": float(finding.onset_quarter),
        "voices": list(finding.voices),
        "message": finding.message,
    }


@dataclass(frozen=True)
class CheckReport:
    """The findings of one score, in the order of the music."""

    source: str
    findings: tuple[VoiceLeadingFinding, ...]
    warnings: tuple[str, ...] = ()

    def report(self) -> list[dict[str, Any]]:
        """One row per finding, see :func:`finding_row`."""
        return [finding_row(finding) for finding in self.findings]

    def counts(self) -> dict[str, int]:
        """How often each rule was broken."""
        rules = [finding.rule for finding in self.findings]
        return {rule: rules.count(rule) for rule in sorted(set(rules))}


def check(source: str | Path | Score) -> CheckReport:
    """Check the voice leading of a four-part score.

    Raises InputFileError when the file cannot be read and MusicError when it is no score in
    parts.
    """
    score = source if isinstance(source, Score) else read_score(source)
    name = score.title if isinstance(source, Score) else str(source)
    return CheckReport(name, tuple(check_score(score)), score.warnings)
