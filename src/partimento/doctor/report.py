"""What an examination says: plain text for a terminal, and JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from partimento.core.plain import plain
from partimento.doctor.checks import Check, Known, all_checks
from partimento.doctor.examine import Examination
from partimento.doctor.finding import SEVERITIES, Finding

WIDTH = 96
_LABEL = 11


def known_findings(checks: Iterable[Check] | None = None) -> dict[str, Known]:
    """Code -> what is known of such findings, of all checks or the given ones."""
    chosen = all_checks() if checks is None else checks
    return {known.code: known for check in chosen for known in check.known}


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """Severity, worst first -> how many."""
    found = [finding.severity for finding in findings]
    return {severity: found.count(severity) for severity in reversed(SEVERITIES)}


def counts_text(findings: Iterable[Finding]) -> str:
    """Such as ``1 severe, 2 warnings``.

    >>> counts_text([])
    'nothing found'
    """
    words = {"severe": "severe", "warning": "warning", "info": "note"}
    parts = [
        f"{n} {words[severity]}{'s' if n > 1 and severity != 'severe' else ''}"
        for severity, n in counts(findings).items()
        if n
    ]
    return ", ".join(parts) or "nothing found"


def figure(value: float, unit: str = "") -> str:
    """A number as people write it, with its unit.

    >>> figure(1234567.0, "steps"), figure(0.00012345)
    ('1,234,567 steps', '0.0001234')
    """
    text = f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def compared(finding: Finding) -> str:
    """The figure beside its threshold, in words."""
    if finding.threshold is None:
        return figure(finding.measured, finding.unit)
    return f"{figure(finding.measured)} against {figure(finding.threshold)} ({finding.unit})"


def report_text(examination: Examination, known: Mapping[str, Known] | None = None) -> str:
    """Findings in the order in which to read them, then what was not looked at.

    ``known`` gives titles; without it codes stand alone.
    """
    titles = {} if known is None else known
    lines = [_headline(examination)]
    for number, finding in enumerate(examination.findings, start=1):
        lines += ["", *_finding_lines(number, finding, titles)]
    lines += _not_done_lines(examination)
    return "\n".join(lines)


def _headline(examination: Examination) -> str:
    name = f"{examination.name}: " if examination.name else ""
    missing = f", {len(examination.not_done)} not" if examination.not_done else ""
    return (
        f"{name}{counts_text(examination.findings)} ({len(examination.done)} checks made{missing})"
    )


def _finding_lines(number: int, finding: Finding, titles: Mapping[str, Known]) -> Iterator[str]:
    title = f"  {titles[finding.code].title}" if finding.code in titles else ""
    yield f"{number}  {finding.severity.upper()}  {finding.code}{title}"
    yield from _wrapped("", finding.claim)
    yield from _wrapped("measured", compared(finding))
    yield from _wrapped("threshold", finding.source)
    yield from _wrapped("control", finding.control)
    yield from _wrapped("sure", f"{finding.confidence:.0%}")
    yield from _wrapped("do this", finding.remedy)


def _wrapped(label: str, text: str) -> list[str]:
    first = f"   {label:<{_LABEL}}" if label else "   "
    rest = " " * len(first)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest) if text else []


def _not_done_lines(examination: Examination) -> list[str]:
    """Checks that were not made, together where the reason is the same."""
    if not examination.not_done:
        return []
    reasons: dict[str, list[str]] = {}
    for name, why in examination.not_done:
        reasons.setdefault(why, []).append(name)
    lines = ["", "not checked"]
    for why, names in sorted(reasons.items()):
        lines += textwrap.wrap(
            f"{why}: {', '.join(names)}", WIDTH, initial_indent="   ", subsequent_indent="     "
        )
    return lines


def report_dict(examination: Examination) -> dict[str, Any]:
    """JSON form: the examination, and its summary."""
    return {
        **examination.to_dict(),
        "counts": counts(examination.findings),
        "first": examination.findings[0].code if examination.findings else None,
        "exit_code": examination.exit_code,
    }


def change_of(finding: Finding) -> dict[str, Any]:
    """The change of settings that the finding proposes; empty where it proposes none."""
    change = finding.evidence.get("change", {})
    return dict(plain(change)) if isinstance(change, Mapping) else {}
