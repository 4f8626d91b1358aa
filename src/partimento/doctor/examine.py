"""Run the checks on a case, and put the findings in the order in which to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from partimento.doctor.case import Case
from partimento.doctor.causes import causes_first
from partimento.doctor.checks import Check, all_checks
from partimento.doctor.finding import Finding, worst

EXIT_SEVERE = 1
"""Exit code of a command with a severe finding."""


@dataclass(frozen=True, slots=True)
class Examination:
    """All findings, causes first; what was looked at, and what could not be."""

    name: str
    findings: tuple[Finding, ...]
    done: tuple[str, ...]
    """Names of the checks that were run."""
    not_done: tuple[tuple[str, str], ...]
    """Check -> why not: what the case lacks, or the error of a probe without its taps."""

    @property
    def exit_code(self) -> int:
        """1 when a finding is severe, else 0."""
        return EXIT_SEVERE if worst(self.findings) == "severe" else 0

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "name": self.name,
            "findings": [finding.to_dict() for finding in self.findings],
            "done": list(self.done),
            "not_done": [{"check": name, "why": why} for name, why in self.not_done],
        }


def examine(case: Case, checks: Sequence[Check] | None = None) -> Examination:
    """All findings of a case.

    A probe that finds no tap is an error (LookupError) and not a healthy zero: where the case says
    that the model has taps and it records none, the error goes through.
    """
    findings: list[Finding] = []
    done, not_done = [], []
    known = list(all_checks() if checks is None else checks)
    for check in known:
        missing = check.missing(case)
        if missing:
            not_done.append((check.name, f"needs {missing}"))
            continue
        findings += check.run(case)
        done.append(check.name)
    return Examination(
        case.name, tuple(causes_first(findings, known)), tuple(done), tuple(not_done)
    )
