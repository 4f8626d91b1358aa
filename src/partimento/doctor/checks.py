"""Checks: which findings there are, what each needs, and the one table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from partimento.doctor.case import Case
from partimento.doctor.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding that a check can make; docs/findings.md is written from these."""

    code: str
    """As in the finding, such as "R2.collapse"."""
    title: str
    meaning: str
    threshold: str
    """In words, with the unit."""
    source: str
    """Paper, definition, or the seeds on which it was fixed."""
    evidence: str
    remedy: str
    explains: tuple[str, ...] = ()
    """Codes of findings that are symptoms of this one where both are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check: what it may find, which parts of a case it needs, and the work."""

    name: str
    known: tuple[Known, ...]
    needs: tuple[str, ...]
    """Names of fields of Case that must be there (``probe.swap_condition`` reaches into one)."""
    run: Callable[[Case], Iterable[Finding]]

    def missing(self, case: Case) -> str:
        """The first part that the case lacks; empty when it has all."""
        for need in self.needs:
            part: object = case
            for name in need.split("."):
                part = getattr(part, name, None)
                if part is None or (hasattr(part, "__len__") and not len(part)):
                    return need
        return ""


MODULES = (
    "units", "report_arithmetic", "data_checks", "model_checks", "training_checks",
    "attention_checks", "recipe_checks", "sample_checks", "target_checks", "configuration",
)  # fmt: skip
"""Modules of this package with a tuple CHECKS."""


def all_checks() -> tuple[Check, ...]:
    """Every check, in the order of the modules."""
    return tuple(
        check for module in MODULES for check in import_module(f"partimento.doctor.{module}").CHECKS
    )
