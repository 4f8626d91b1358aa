"""The rule sets that the doctor is compared with, run on the very same case."""

from __future__ import annotations

from partimento.doctor.case import Case
from partimento.selftest.autotrainer import AUTOTRAINER
from partimento.selftest.debugger import DEBUGGER
from partimento.selftest.rules import Fired, Rule, fired_of

RULE_SETS: dict[str, tuple[Rule, ...]] = {"debugger": DEBUGGER, "autotrainer": AUTOTRAINER}
"""Amazon SageMaker Debugger's built-in rules, and the problems of AutoTrainer."""


def fired_rules(case: Case, baseline: str) -> tuple[Fired, ...]:
    """The rules of one baseline that fire on a case, the earliest first.

    Raises KeyError for a baseline that does not exist.
    """
    return fired_of(case, RULE_SETS[baseline])
