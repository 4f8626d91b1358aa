"""Figures of a self-test: a row per fault and seed, rates with intervals, the baselines beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partimento.core.plain import plain
from partimento.selftest.baselines import RULE_SETS
from partimento.selftest.interface import Fault
from partimento.selftest.outcome import Outcome
from partimento.selftest.overhead import Overhead
from partimento.selftest.rates import Rate, poisson
from partimento.selftest.recovery import RULE, Noise, Treatment

GOALS = {"detection_rate": 0.90, "named_first_rate": 0.80}
"""At least; on seeds that chose no threshold."""
LIMITS = {"false_alarms_per_run": 0.05, "overhead": 0.05}
"""At most."""
RULES = {
    "detected": "a finding that is a warning or severe is made on the sick run; a baseline detects"
    " when any of its rules fires there",
    "beyond_twin": "the same, but findings and rules count only where the healthy twin of the same"
    " seed shows none of that name",
    "named_first": "the first finding is one of the codes that name the planted cause; for a"
    " baseline the rule that fired first is one that is made for this kind of fault",
    "false_alarms_per_run": "findings that are warnings or severe (baselines: rules that fire) on"
    " healthy runs, divided by these runs; exact Poisson interval",
    "recovered": RULE,
    "change_kind": "recipe: settings that stand in the recipe were changed; mend: a slip in code or"
    " data was taken out, which shows only that the finding names the right place",
    "intervals": "95 %, Wilson over runs; by_fault takes the faults as the independent units,"
    " since seeds of one fault are much alike",
    "overhead": "processor time of training steps with the monitor at its default frequency over"
    " that without, less 1; median of neighbouring stretches in one run, mean over the models",
}


@dataclass(frozen=True, slots=True)
class HealthyRow:
    """A run with nothing wrong."""

    task: str
    seed: int
    outcome: Outcome

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "task": self.task,
            "seed": self.seed,
            "figure": self.outcome.figure,
            "untrained": self.outcome.untrained,
            "alarms": [finding.to_dict() for finding in self.outcome.alarms],
            "codes": list(self.outcome.codes),
            "baselines": _fired_names(self.outcome),
            "train_sec": round(self.outcome.train_sec, 3),
            "examine_sec": round(self.outcome.examine_sec, 3),
            "error": self.outcome.error,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """A planted fault under one seed, its twin, and what the first finding's remedy did."""

    fault: Fault
    seed: int
    sick: Outcome
    twin: Outcome
    noise: Noise
    treatment: Treatment | None
    treated: Outcome | None
    recovered: bool

    @property
    def detected(self) -> bool:
        """Whether the doctor raises an alarm."""
        return bool(self.sick.alarms)

    @property
    def beyond_twin(self) -> bool:
        """Whether it raises one that the healthy twin does not show."""
        usual = {finding.code for finding in self.twin.alarms}
        return any(finding.code not in usual for finding in self.sick.alarms)

    @property
    def named_first(self) -> bool:
        """Whether the first finding names the planted cause."""
        return self.detected and self.sick.alarms[0].code in self.fault.codes

    @property
    def named(self) -> bool:
        """Whether any alarm names the planted cause."""
        return any(finding.code in self.fault.codes for finding in self.sick.alarms)

    @property
    def hurt(self) -> bool:
        """Whether the sick figure is below what is healthy up to the noise."""
        return not self.noise.holds(self.sick.figure)

    def baseline(self, name: str) -> dict[str, Any]:
        """What a baseline makes of the sick run."""
        fired = [one.rule for one in self.sick.fired[name]]
        usual = {one.rule for one in self.twin.fired[name]}
        return {
            "detected": bool(fired),
            "beyond_twin": any(rule not in usual for rule in fired),
            "first": fired[0] if fired else None,
            "named_first": bool(fired) and made_for(name, fired[0]) in self.fault.debugger,
            "fired": fired,
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        first = self.sick.first
        return {
            "fault": self.fault.name,
            "task": self.fault.task,
            "seed": self.seed,
            "what": self.fault.what,
            "diary": self.fault.diary,
            "causes": list(self.fault.codes),
            "detected": self.detected,
            "beyond_twin": self.beyond_twin,
            "named_first": self.named_first,
            "named": self.named,
            "first": None if first is None else first.code,
            "first_claim": None if first is None else first.claim,
            "codes": list(self.sick.codes),
            "alarms": [finding.code for finding in self.sick.alarms],
            "figure": {
                "sick": self.sick.figure,
                "healthy": self.twin.figure,
                "treated": None if self.treated is None else self.treated.figure,
                "healthy_mean": self.noise.mean,
                "margin": self.noise.margin,
            },
            "hurt": self.hurt,
            "remedy": None if first is None else first.remedy,
            "change": None if self.treatment is None else dict(self.treatment.change),
            "change_from": None if self.treatment is None else self.treatment.origin,
            "change_kind": None if self.treatment is None else self.treatment.kind,
            "recovered": self.recovered,
            "treated_alarms": None
            if self.treated is None
            else [finding.code for finding in self.treated.alarms],
            "baselines": {name: self.baseline(name) for name in RULE_SETS},
            "seconds": round(self.sick.train_sec + self.sick.examine_sec, 3),
            "not_done": dict(self.sick.not_done),
            "error": self.sick.error or (self.treated.error if self.treated else ""),
        }


def made_for(baseline: str, rule: str) -> str:
    """A rule as the table of faults names it: those of Debugger plain, others with their tool."""
    return rule if baseline == "debugger" else f"{baseline}.{rule}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """All figures of a self-test."""

    figures: dict[str, Any]
    rows: tuple[FaultRow, ...]
    healthy: tuple[HealthyRow, ...]

    @property
    def errors(self) -> list[str]:
        """Runs that broke, and with what."""
        return [
            f"{where}: {error}"
            for where, error in [
                *((f"{r.fault.name}, seed {r.seed}", r.to_dict()["error"]) for r in self.rows),
                *((f"healthy {r.task}, seed {r.seed}", r.outcome.error) for r in self.healthy),
            ]
            if error
        ]

    def to_dict(self) -> dict[str, Any]:
        """JSON form: the figures, the rows and the rules by which they were counted."""
        values: dict[str, Any] = plain(
            {
                **self.figures,
                "errors": self.errors,
                "rows": [row.to_dict() for row in self.rows],
                "healthy": [row.to_dict() for row in self.healthy],
                "rules": RULES,
            }
        )
        return values

    def text(self) -> str:
        """For people."""
        from partimento.selftest.summary_text import text_of

        return text_of(self.to_dict())


def summary(
    *,
    rows: Sequence[FaultRow],
    healthy: Sequence[HealthyRow],
    overheads: Mapping[str, Overhead],
    seeds: Sequence[int],
    threshold_seeds: Sequence[int],
    quick: bool,
) -> SelfTest:
    """Count everything."""
    alarms = sum(len(row.outcome.alarms) for row in healthy)
    detected = [row for row in rows if row.detected]
    hurt = [row for row in detected if row.hurt]
    share = float(np.mean([one.share for one in overheads.values()])) if overheads else None
    shared = sorted(set(seeds) & set(threshold_seeds))
    figures: dict[str, Any] = {
        "faults": len({row.fault.name for row in rows}),
        "sick_runs": len(rows),
        "detected": len(detected),
        "detection_rate": len(detected) / len(rows),
        "named_first_rate": sum(row.named_first for row in rows) / len(rows),
        "healthy_runs": len(healthy),
        "false_alarms": alarms,
        "false_alarms_per_run": alarms / len(healthy),
        "recovery_rate": Rate(sum(row.recovered for row in detected), len(detected)).share,
        "overhead": share,
        "intervals": _intervals(rows, healthy, detected, hurt),
        "seeds": list(seeds),
        "threshold_seeds": list(threshold_seeds),
        "purpose": _purpose(shared),
        "quick": quick,
        "overheads": {task: one.to_dict() for task, one in overheads.items()},
        "baselines": {name: _baseline(name, rows, healthy) for name in RULE_SETS},
        "worse_rows": _worse_rows(rows),
        "by_fault": _by_fault(rows),
    }
    figures["goals"] = _goals(figures)
    return SelfTest(figures=figures, rows=tuple(rows), healthy=tuple(healthy))


def _purpose(shared: Sequence[int]) -> str:
    if shared:
        names = ", ".join(map(str, shared))
        return f"no test: thresholds were fixed on seeds {names}, so these figures are too good"
    return "test: no threshold was fixed on these seeds"


def _goals(figures: Mapping[str, Any]) -> dict[str, Any]:
    """Each acceptance figure with its limit and whether it holds."""
    at_least = {name: (limit, figures[name] >= limit) for name, limit in GOALS.items()}
    at_most = {
        name: (limit, figures[name] is not None and figures[name] <= limit)
        for name, limit in LIMITS.items()
    }
    return {
        name: {"limit": limit, "holds": bool(holds)}
        for name, (limit, holds) in {**at_least, **at_most}.items()
    }


def _intervals(
    rows: Sequence[FaultRow],
    healthy: Sequence[HealthyRow],
    detected: Sequence[FaultRow],
    hurt: Sequence[FaultRow],
) -> dict[str, Any]:
    alarms = sum(len(row.outcome.alarms) for row in healthy)
    recipes = [row for row in detected if row.treatment and row.treatment.kind == "recipe"]
    counted = {
        "detection_rate": (rows, lambda row: row.detected),
        "detection_beyond_twin": (rows, lambda row: row.beyond_twin),
        "named_first_rate": (rows, lambda row: row.named_first),
        "named_rate": (rows, lambda row: row.named),
        "recovery_rate": (detected, lambda row: row.recovered),
        "recovery_rate_of_hurt": (hurt, lambda row: row.recovered),
        "recovery_rate_of_recipes": (recipes, lambda row: row.recovered),
        "remedy_offered_rate": (detected, lambda row: row.treatment is not None),
    }
    found: dict[str, Any] = {
        name: {**_rate(group, test).to_dict(), "by_fault": _faults(group, test).to_dict()}
        for name, (group, test) in counted.items()
    }
    found["false_alarms_per_run"] = {
        "count": alarms,
        "total": len(healthy),
        "interval": list(poisson(alarms, len(healthy))),
    }
    loud = Rate(sum(bool(row.outcome.alarms) for row in healthy), len(healthy))
    return {**found, "healthy_runs_with_alarm": loud.to_dict()}


def _rate(rows: Sequence[FaultRow], test: Callable[[FaultRow], bool]) -> Rate:
    return Rate(sum(map(test, rows)), len(rows))


def _faults(rows: Sequence[FaultRow], test: Callable[[FaultRow], bool]) -> Rate:
    """Faults for which the test holds in more than half of their runs."""
    names = {row.fault.name for row in rows}
    shares = [_rate([row for row in rows if row.fault.name == n], test).share for n in names]
    return Rate(sum(share > 0.5 for share in shares), len(names))


def _baseline(name: str, rows: Sequence[FaultRow], healthy: Sequence[HealthyRow]) -> dict[str, Any]:
    """The contract's figures of one baseline, counted by the same rules."""
    told = [row.baseline(name) for row in rows]
    counts = {
        key: Rate(sum(one[key] for one in told), len(told))
        for key in ("detected", "beyond_twin", "named_first")
    }
    alarms = sum(len(row.outcome.fired[name]) for row in healthy)
    return {
        "detected": counts["detected"].hits,
        "detection_rate": counts["detected"].share,
        "detection_beyond_twin": counts["beyond_twin"].share,
        "named_first_rate": counts["named_first"].share,
        "false_alarms": alarms,
        "false_alarms_per_run": alarms / len(healthy),
        "intervals": {
            **{key: list(rate.interval) for key, rate in counts.items()},
            "false_alarms_per_run": list(poisson(alarms, len(healthy))),
        },
        "rules": [_rule_row(name, rule.name, rows, healthy) for rule in RULE_SETS[name]],
        "thresholds": {rule.name: dict(rule.defaults) for rule in RULE_SETS[name]},
        "thresholds_from_memory": {rule.name: list(rule.remembered) for rule in RULE_SETS[name]},
        "adapted": {rule.name: rule.note for rule in RULE_SETS[name] if rule.note},
    }


def _rule_row(
    name: str, rule: str, rows: Sequence[FaultRow], healthy: Sequence[HealthyRow]
) -> dict[str, Any]:
    return {
        "rule": rule,
        "fires_on_sick": sum(rule in row.baseline(name)["fired"] for row in rows),
        "fires_on_healthy": sum(rule in _fired_names(row.outcome)[name] for row in healthy),
    }


def _worse_rows(rows: Sequence[FaultRow]) -> list[dict[str, Any]]:
    """Where a baseline detects beyond the twin, or names first, and the doctor does not."""
    found = []
    for row in rows:
        for name in RULE_SETS:
            told = row.baseline(name)
            seen = told["beyond_twin"] and not row.beyond_twin
            called = told["named_first"] and not row.named_first
            if seen or called:
                about = {"fault": row.fault.name, "seed": row.seed, "baseline": name}
                words = "detects" if seen else "names the cause first"
                first = row.sick.first
                ours = None if first is None else first.code
                found.append({**about, "it": words, "rule": told["first"], "doctor": ours})
    return found


def _by_fault(rows: Sequence[FaultRow]) -> list[dict[str, Any]]:
    """One line per fault: in how many of its runs it was detected, named and mended."""
    found = []
    for name in dict.fromkeys(row.fault.name for row in rows):
        mine = [row for row in rows if row.fault.name == name]
        firsts = [row.sick.first.code if row.sick.first else "-" for row in mine]
        found.append(
            {
                "fault": name,
                "task": mine[0].fault.task,
                "runs": len(mine),
                "detected": sum(row.detected for row in mine),
                "named_first": sum(row.named_first for row in mine),
                "recovered": sum(row.recovered for row in mine),
                "causes": list(mine[0].fault.codes),
                "firsts": firsts,
            }
        )
    return found


def _fired_names(outcome: Outcome) -> dict[str, list[str]]:
    return {name: [one.rule for one in outcome.fired[name]] for name in RULE_SETS}
