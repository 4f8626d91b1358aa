"""One run of a small task, examined: what is kept of it, as plain data that processes can hand on.

The case itself (a live model with its data) is thrown away, so that hundreds of runs fit in memory.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from partimento.core.plain import plain
from partimento.doctor.case import Case
from partimento.doctor.checks import Check
from partimento.doctor.examine import examine
from partimento.doctor.finding import Finding
from partimento.doctor.settings import flat
from partimento.selftest.baselines import RULE_SETS, fired_rules
from partimento.selftest.interface import SmallTask
from partimento.selftest.rules import Fired

ALARMS = ("warning", "severe")
"""Severities that count as an alarm: on a healthy run each is a false one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A run that is wanted: the same request is made only once."""

    task: str
    settings: tuple[tuple[str, Any], ...]
    """Settings that are not the healthy ones, sorted by name."""
    seed: int

    @classmethod
    def of(cls, task: str, settings: Mapping[str, Any], seed: int) -> Request:
        """A request for these settings, in whatever order."""
        return cls(task=task, settings=tuple(sorted(settings.items())), seed=seed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is known of one run."""

    figure: float
    """Held-out quality, higher is better."""
    untrained: float
    """The same figure of the model before training: chance; NaN where it is not known."""
    findings: tuple[Finding, ...]
    """In the order in which to read them."""
    fired: Mapping[str, tuple[Fired, ...]]
    """Baseline -> its rules that fired, the first one first."""
    config: Mapping[str, Any]
    """The settings of the run, flat."""
    train_sec: float
    examine_sec: float
    not_done: tuple[tuple[str, str], ...] = ()
    """Check -> what it lacked."""
    error: str = ""
    """What broke the run or its examination; such a run counts as not detected."""

    @property
    def alarms(self) -> tuple[Finding, ...]:
        """Findings that are warnings or worse."""
        return tuple(finding for finding in self.findings if finding.severity in ALARMS)

    @property
    def first(self) -> Finding | None:
        """The first finding of all."""
        return self.findings[0] if self.findings else None

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the findings in order, each once."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))


def broken(error: str, seconds: float = 0.0) -> Outcome:
    """The outcome of a run that raised an error: nothing found, nothing fired."""
    return Outcome(
        figure=float("nan"),
        untrained=float("nan"),
        findings=(),
        fired=dict.fromkeys(RULE_SETS, ()),
        config={},
        train_sec=seconds,
        examine_sec=0.0,
        error=error,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a run needs: the small tasks by name, and the checks (None: all of the doctor's)."""

    tasks: Mapping[str, SmallTask]
    checks: Sequence[Check] | None = None
    rethrow: bool = False
    """Let errors through (for tests and for finding out what broke)."""


def run_one(bench: Bench, request: Request) -> Outcome:
    """Train, examine, and run the baselines on the same case.

    An error does not end the suite: it is kept as text in the outcome and shown in the report.
    """
    began = time.perf_counter()
    try:
        return _outcome(bench, request)
    except Exception as error:
        if bench.rethrow:
            raise
        text = f"{type(error).__name__}: {error}"
        return broken(text, time.perf_counter() - began)


def _outcome(bench: Bench, request: Request) -> Outcome:
    task = bench.tasks[request.task]
    began = time.perf_counter()
    case = task.run(dict(request.settings), request.seed)
    trained = time.perf_counter()
    found = examine(case, bench.checks)
    examined = time.perf_counter()
    return Outcome(
        figure=float(task.figure(case)),
        untrained=_untrained(task, case),
        findings=tuple(Finding.from_dict(finding.to_dict()) for finding in found.findings),
        fired={name: fired_rules(case, name) for name in RULE_SETS},
        config=plain(flat(case.config)),
        train_sec=trained - began,
        examine_sec=examined - trained,
        not_done=found.not_done,
    )


def _untrained(task: SmallTask, case: Case) -> float:
    """The figure of the model before training, where the case still has it."""
    if case.initial is None:
        return float("nan")
    return float(task.figure(replace(case, probe=case.initial)))
