"""Which finding to read first: what explains what, beyond what each check says of itself.

A check knows its neighbours; this table holds what crosses the modules.  Chosen on seeds 100 to 104
of the self-test.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from partimento.doctor.checks import Check
from partimento.doctor.finding import Finding, in_order

_NOTHING_LEARNT = (
    "M2.batch", "M3.blind-input", "R2.collapse", "R2.rank", "R9.dead-conditioning",
    "R11.idle-level", "T1.no-diversity", "T1.worse-than-constant", "T2.input-ignored",
    "T3.ridge-gap", "R12.calibration", "R12.overconfident", "U1.worse-than-floor",
)  # fmt: skip
"""What any network shows that is not trained, whatever kept it from it.

Outputs that hardly spread make rounding look like a dependence on the batch.
"""
CROSSING: dict[str, tuple[str, ...]] = {
    "R6.not-finite": (*_NOTHING_LEARNT, "R3.dead-units", "R3.exploding", "R3.vanishing",
                      "R3.update-ratio", "U2.evaluations"),
    "D4.range": ("R6.not-finite", *_NOTHING_LEARNT),
    "R3.dead-units": (*_NOTHING_LEARNT, "R3.update-ratio"),
    "R3.saturated": (*_NOTHING_LEARNT, "R3.dead-units", "R3.update-ratio"),
    "R3.vanishing": _NOTHING_LEARNT,
    "R3.exploding": _NOTHING_LEARNT,
    "M4.initial-spread": (*_NOTHING_LEARNT, "R3.saturated", "R3.dead-units"),
    "R6.underfit": ("T2.input-ignored", "R9.dead-conditioning"),
    "T2.input-ignored": ("R3.dead-units",),
    "R2.collapse": ("M2.batch", "R9.dead-conditioning", "T2.input-ignored"),
    "M2.padding": ("M2.batch",),
    "R6.overfit": ("D4.dead-tokens", "R12.calibration"),
    "R6.oscillation": ("R12.calibration", "R12.overconfident"),
    "T7.too-few-steps": ("U2.evaluations", "U2.warm-up-share", "R10.steps-not-batch"),
    "R10.steps-not-batch": ("U2.evaluations", "T3.ridge-gap"),
    "R4.conflict": ("T3.ridge-gap", "R6.underfit"),
    "D3.imbalance": ("T3.ridge-gap",),
}  # fmt: skip
NOT_CAUSES = {
    ("M2.batch", "M2.padding"),
    ("R3.dead-units", "T2.input-ignored"),
    ("D4.dead-tokens", "R6.overfit"),
    ("M3.blind-input", "D1.duplicate-inputs"),
}
"""Pairs (cause, symptom) that a check says of itself and that are taken back here."""
STAGES = ("U2", "U1", "C", "M7", "M8", "R7", "R8", "D", "T4", "T6", "M1", "M2", "M5", "M6", "M4",
          "M3.blind-channel", "R3", "R6.not", "M3", "T7", "R10", "R4", "R1", "R9", "R11", "T",
          "R6", "R2", "R5", "R12", "R13")  # fmt: skip
"""Beginnings of codes from what is done first to what is seen last; ties go to the earlier."""


def causes_first(findings: Iterable[Finding], checks: Sequence[Check]) -> list[Finding]:
    """What explains others before what is explained, then severe before warning, information last.

    A symptom may be worse than its cause: a model that ignores its inputs because its units died is
    read in that order.  Only a cause that is at least a warning makes symptoms of others; what
    explain each other stay in the order of severity, stage and confidence.
    """
    found = in_order(findings)
    explains = _explains(checks)
    causes = {finding.code for finding in found if finding.severity != "info"}
    symptoms = {
        symptom
        for code in causes
        for symptom in explains.get(code, ())
        if symptom != code and not (symptom in causes and code in explains.get(symptom, ()))
    }
    return sorted(
        found,
        key=lambda f: (f.severity == "info", f.code in symptoms, f.order[0], stage(f.code)),
    )


def _explains(checks: Sequence[Check]) -> dict[str, set[str]]:
    table: dict[str, set[str]] = {}
    for known in (known for check in checks for known in check.known):
        table.setdefault(known.code, set()).update(known.explains)
    for code, symptoms in CROSSING.items():
        table.setdefault(code, set()).update(symptoms)
    for code, symptom in NOT_CAUSES:
        table.get(code, set()).discard(symptom)
    return table


def stage(code: str) -> int:
    """Place of a code in the order of work; unknown ones last."""
    fitting = [n for n, start in enumerate(STAGES) if code.startswith(start)]
    # The longest beginning decides: "R6.not" before "R6", "R10" before "R1".
    return max(fitting, key=lambda n: len(STAGES[n]), default=len(STAGES))
