"""What the doctor says about a run, a model, a data set or a report: findings, worst first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from partimento.core.plain import plain

Severity = Literal["info", "warning", "severe"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Rising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One claim that holds up: what was measured, against what, and what rules out innocence.

    Raises ValueError for an unknown severity, an empty code or claim, or a confidence that is not
    between 0 and 1.
    """

    code: str
    """Short and stable, such as "R2.collapse"."""
    severity: Severity
    claim: str
    """One sentence."""
    measured: float
    unit: str
    """Of ``measured`` and ``threshold``."""
    threshold: float | None
    """None where the finding compares with nothing."""
    source: str
    """Where the threshold comes from."""
    confidence: float
    """Probability that the claim is right, 0 to 1."""
    control: str
    """What was done to rule out the innocent explanation."""
    remedy: str
    """A command or a change of configuration that exists."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Tables and figures by name, as JSON data."""

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity {self.severity!r} is none of {', '.join(SEVERITIES)}")
        if not self.code or not self.claim:
            raise ValueError("a finding has a code and a claim")
        if not 0.0 <= self.confidence <= 1.0:  # false for NaN as well
            raise ValueError(f"confidence {self.confidence} is not between 0 and 1")

    @property
    def order(self) -> tuple[int, float, str]:
        """Key for sorting: severe first, then the surest, then by code."""
        return -SEVERITIES.index(self.severity), -self.confidence, self.code

    def to_dict(self) -> dict[str, Any]:
        """JSON form: every field, under its name."""
        return {one.name: plain(getattr(self, one.name)) for one in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """Inverse of :meth:`to_dict`.

        Raises ValueError for fields that are missing or unknown, or values that do not fit.
        """
        names = {one.name for one in fields(cls)}
        if set(values) != names:
            odd = ", ".join(sorted(set(values) ^ names))
            raise ValueError(f"these fields of a finding are missing or unknown: {odd}")
        if values["severity"] not in SEVERITIES:
            raise ValueError(f"severity {values['severity']!r} is none of {', '.join(SEVERITIES)}")
        numbers = {"measured": float(values["measured"]), "confidence": float(values["confidence"])}
        threshold = None if values["threshold"] is None else float(values["threshold"])
        return cls(**{**values, **numbers, "threshold": threshold})


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Findings sorted by severity, then confidence, both falling."""
    return sorted(findings, key=lambda finding: finding.order)


def worst(findings: Iterable[Finding]) -> Severity | None:
    """The highest severity; None where nothing was found."""
    return max((f.severity for f in findings), key=SEVERITIES.index, default=None)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a check returns: a figure beside its threshold, before anybody judges its weight."""

    measured: float
    unit: str
    threshold: float
    source: str
    """Where the threshold comes from."""
    bad_when: Literal["above", "below"]
    """The side of the threshold on which something is wrong."""
    says: str
    """One plain sentence with the figures."""

    @property
    def bad(self) -> bool:
        """True on the wrong side of the threshold, and for a figure that is not a number."""
        if math.isnan(self.measured):
            return True
        if self.bad_when == "above":
            return self.measured > self.threshold
        return self.measured < self.threshold

    @property
    def details(self) -> dict[str, Any]:
        """The figures that only this check has, by name, as JSON data."""
        common = {one.name for one in fields(Measured)}
        return {
            one.name: plain(getattr(self, one.name))
            for one in fields(self)
            if one.name not in common
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON form: all fields, and ``bad``."""
        return {one.name: plain(getattr(self, one.name)) for one in fields(self)} | {
            "bad": self.bad
        }

    def finding(
        self, *, code: str, severity: Severity, confidence: float, control: str, remedy: str
    ) -> Finding:
        """A finding with these figures; its evidence is :attr:`details`."""
        return Finding(
            code=code,
            severity=severity,
            claim=self.says,
            measured=self.measured,
            unit=self.unit,
            threshold=self.threshold,
            source=self.source,
            confidence=confidence,
            control=control,
            remedy=remedy,
            evidence=self.details,
        )
