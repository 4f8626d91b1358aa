"""What the doctor found, as data for a page: titles, bars, evidence, words, maps by depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from partimento.doctor.case import Watched
    from partimento.doctor.examine import Examination
    from partimento.doctor.finding import Finding

MOST_SVG = 80_000
"""Characters of a drawing that goes to the page; larger ones stand in the report only."""
MOST_STEPS = 60
_TINY = 1e-30
_SHOWN: tuple[tuple[str, str, bool], ...] = (
    ("gradient_norms_SP", "Gradient norm", True),
    ("update_ratios_SP", "Size of the update against the weights", True),
    ("dead_SP", "Share of dead units", False),
    ("saturated_SP", "Share of saturated values", False),
)


def examination_data(found: Examination) -> dict[str, Any]:
    """An examination for a page: findings with titles and evidence, what was checked, words."""
    from partimento.doctor.report import counts, counts_text

    return {
        "counts": counts(found.findings),
        "summary": counts_text(found.findings),
        "findings": findings_data(found.findings),
        "done": len(found.done),
        "not_done": [{"check": name, "why": why} for name, why in found.not_done],
        "words": words_data(found.findings),
    }


def findings_data(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings in their order, with what a reader needs beside the figures."""
    from partimento.doctor.report import change_of, known_findings
    from partimento.doctor.report_page import measured_svg

    known = known_findings()
    rows = []
    for one in findings:
        about = known.get(one.code)
        rows.append(
            {
                **one.to_dict(),
                "title": about.title if about else one.code,
                "meaning": about.meaning if about else "",
                "explains": [c for c in (about.explains if about else ()) if c != one.code],
                "bar": measured_svg(one),
                "change": change_of(one),
                "evidence": evidence_data(one),
            }
        )
    return rows


def evidence_data(finding: Finding) -> list[dict[str, Any]]:
    """Tables, drawings and facts of one finding."""
    from partimento.doctor.evidence import evidence_parts

    return [row for part in evidence_parts(finding.evidence) for row in _part(part)]


def _part(part: Any) -> list[dict[str, Any]]:
    from partimento.render.page import FactsSection, FigureSection, TableSection, TextSection

    if isinstance(part, FigureSection):
        return [
            {"kind": "drawing", "svg": one.svg, "caption": one.caption}
            for one in part.figures
            if len(one.svg) <= MOST_SVG
        ]
    if isinstance(part, TableSection):
        rows = [list(row) for row in part.rows]
        about = {"name": part.heading, "caption": part.caption}
        return [{"kind": "table", **about, "columns": list(part.columns), "rows": rows}]
    if isinstance(part, FactsSection):
        return [{"kind": "facts", "facts": [[one.term, one.text] for one in part.facts]}]
    assert isinstance(part, TextSection)
    return [{"kind": "text", "paragraphs": list(part.paragraphs)}]


def words_data(findings: Sequence[Finding]) -> list[list[str]]:
    """The terms that the findings use, each with its meaning."""
    from partimento.doctor.glossary import WORDS, words_in

    texts = [text for f in findings for text in (f.claim, f.unit, f.control, f.remedy)]
    return [[term, WORDS[term]] for term in words_in(texts)]


def depth_data(watched: Watched | None) -> list[dict[str, Any]]:
    """Maps of the network by depth: one row a block, one column a recorded step.

    Values of wide range are logarithms to the base 10; None where there was nothing to measure.
    """
    if watched is None or not len(watched.steps_S):
        return []
    count = len(watched.steps_S)
    kept = np.unique(np.linspace(0, count - 1, min(count, MOST_STEPS)).round().astype(int))
    maps = []
    for name, title, log in _SHOWN:
        values = np.asarray(getattr(watched, name), dtype=np.float64)[kept].T
        if log:
            values = np.where(values > 0.0, np.log10(np.maximum(values, _TINY)), np.nan)
        if not np.isfinite(values).any() or (not log and not np.nanmax(values)):
            continue
        maps.append(
            {
                "title": f"{title}, powers of ten" if log else title,
                "rows": list(watched.blocks),
                "columns": [int(step) for step in np.asarray(watched.steps_S)[kept]],
                "values": [[_short(v) for v in row] for row in values],
            }
        )
    return maps


def _short(value: float) -> float | None:
    return round(float(value), 3) if np.isfinite(value) else None
