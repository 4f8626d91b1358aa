"""Checks for some cases only: what else a case must be, beyond having the parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from partimento.doctor.case import Case, Kind
from partimento.doctor.checks import Check

PREDICTS: dict[Kind, str] = {
    "tokens": "tokens",
    "regression": "numbers",
    "embedding": "vectors",
    "classification": "classes",
}


def _anything(case: Case) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NarrowCheck(Check):
    """A check for some kinds of models, or with a demand that no field of a case tells."""

    kinds: tuple[Kind, ...] = get_args(Kind)
    lacks: Callable[[Case], str] = _anything
    """What the case lacks, in words; empty where it lacks nothing."""

    def missing(self, case: Case) -> str:
        """The first thing that the case lacks; empty when it lacks nothing."""
        # Zero-argument super() fails in a class with slots made by the decorator on Python 3.11.
        found = Check.missing(self, case)
        if found:
            return found
        if case.kind not in self.kinds:
            return f"a model that predicts {' or '.join(PREDICTS[kind] for kind in self.kinds)}"
        return self.lacks(case)
