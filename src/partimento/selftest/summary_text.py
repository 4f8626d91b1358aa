"""The figures of a self-test as lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = ("", "detected", "named first", "false alarms a run")


def text_of(told: Mapping[str, Any]) -> str:
    """Rates with intervals, the baselines beside them, and each fault that is not all right."""
    seeds = ", ".join(map(str, told["seeds"]))
    lines = [
        f"{told['faults']} faults, {told['sick_runs']} sick and {told['healthy_runs']} healthy runs"
        f" (seeds {seeds}; {told['purpose']})",
        "",
        *_table([HEAD, _doctor_row(told), *_baseline_rows(told["baselines"])]),
        "",
        _rate_line("recovered by the first remedy", told["intervals"]["recovery_rate"]),
        _rate_line("  of those that were hurt", told["intervals"]["recovery_rate_of_hurt"]),
        _rate_line("  by settings alone", told["intervals"]["recovery_rate_of_recipes"]),
    ]
    if told["overhead"] is not None:
        lines += [f"cost of watching: {told['overhead']:+.1%} of a step"]
    lines += _section("goals missed", _missed(told["goals"]))
    lines += _section("not detected or not named first", _weak(told["by_fault"]))
    lines += _section("false alarms", _false_alarms(told["healthy"]))
    lines += _section("a baseline is better", _worse(told["worse_rows"]))
    lines += _section("broken runs", told["errors"])
    return "\n".join(lines)


def _doctor_row(told: Mapping[str, Any]) -> tuple[str, ...]:
    intervals = told["intervals"]
    return (
        "the doctor",
        _share(told["detection_rate"], intervals["detection_rate"]["interval"]),
        _share(told["named_first_rate"], intervals["named_first_rate"]["interval"]),
        _share(told["false_alarms_per_run"], intervals["false_alarms_per_run"]["interval"]),
    )


def _baseline_rows(baselines: Mapping[str, Any]) -> list[tuple[str, ...]]:
    columns = (
        ("detection_rate", "detected"),
        ("named_first_rate", "named_first"),
        ("false_alarms_per_run", "false_alarms_per_run"),
    )
    return [
        (name, *(_share(told[value], told["intervals"][key]) for value, key in columns))
        for name, told in baselines.items()
    ]


def _share(value: float | str, interval: Sequence[float | str]) -> str:
    low, high = (float(end) for end in interval)
    return f"{float(value):.2f} ({low:.2f} to {high:.2f})"


def _rate_line(name: str, rate: Mapping[str, Any]) -> str:
    return f"{name}: {rate['hits']} of {rate['total']}, {_share(rate['share'], rate['interval'])}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}" for line in lines)] if lines else []


def _missed(goals: Mapping[str, Any]) -> list[str]:
    return [f"{name} ({one['limit']:g})" for name, one in goals.items() if not one["holds"]]


def _weak(by_fault: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{one['fault']}: detected {one['detected']}, named first {one['named_first']}"
        f" of {one['runs']}; first {', '.join(dict.fromkeys(one['firsts']))},"
        f" planted {one['causes'][0]}"
        for one in by_fault
        if one["named_first"] < one["runs"]
    ]


def _false_alarms(healthy: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{row['task']}, seed {row['seed']}: {one['code']}: {one['claim']}"
        for row in healthy
        for one in row["alarms"]
    ]


def _worse(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        f"{row['fault']}, seed {row['seed']}: {row['baseline']} {row['it']} ({row['rule']});"
        f" the doctor: {row['doctor'] or 'nothing'}"
        for row in rows
    ]
