"""The doctor's jobs: examine a run, train a planted fault beside its healthy twin, attention."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from partimento.core.errors import ConfigError
from partimento.core.plain import plain
from partimento.studio.bench import Bench
from partimento.studio.handlers.job_files import write_json
from partimento.studio.orders import AttentionOrder, ExamineOrder, Order, ReplayOrder
from partimento.studio.runs import open_run

if TYPE_CHECKING:
    from partimento.selftest.interface import Fault, SmallTask
    from partimento.selftest.outcome import Outcome, Request
    from partimento.selftest.recovery import Treatment

PAGE = "doctor.html"
_TRAINING_SHARE = 75
"""Of a run's hundred parts so many are the training; the examination takes the others."""


# Examine


def examine_job(order: ExamineOrder, bench: Bench) -> dict[str, Any]:
    """All findings of a run, causes first, with a page of their own to keep."""
    run = open_run(bench.runs, order.run)
    others = [open_run(bench.runs, name).path for name in order.others]
    bench.tell(0, 2, "Getting the instruments ready")
    from partimento.doctor.report import report_dict
    from partimento.studio.handlers.doctor_data import depth_data, examination_data
    from partimento.training.doctoring import examine_run, watched_of_run

    bench.tell(1, 2, "Examining")
    found = examine_run(run.path, others, page=bench.folder / PAGE, seed=order.seed)
    write_json(bench.folder, "findings.json", report_dict(found), indent=1)
    data = examination_data(found)
    return {
        "title": f"{order.run}: {data['summary']}",
        "run": order.run,
        "others": list(order.others),
        **data,
        "depth": depth_data(watched_of_run(run)),
    }


# A sick model


def fault_rows(_order: Order, _bench: Bench) -> list[dict[str, Any]]:
    """Every planted fault; answered without loading a network."""
    from partimento.selftest.faults import FAULTS

    return [
        {
            "name": fault.name,
            "task": fault.task,
            "short": fault.name.partition(": ")[2],
            "what": fault.what,
            "diary": bool(fault.diary),
            "settings": plain(dict(fault.settings)),
        }
        for fault in FAULTS
    ]


def replay_job(order: ReplayOrder, bench: Bench) -> dict[str, Any]:
    """Train a fault, its healthy twin and, where the finding offers one, the treated run."""
    bench.tell(0, 300, "Getting the networks ready")
    from partimento.selftest.faults import small_tasks
    from partimento.selftest.outcome import Request

    fault = _fault(order.fault)
    task: SmallTask = small_tasks()[fault.task]
    sick_request = Request.of(fault.task, fault.settings, order.seed)
    sick = _run(bench, task, sick_request, "sick", 0)
    healthy = _run(bench, task, Request.of(fault.task, {}, order.seed), "healthy", 1)
    plan = _plan(task, sick_request, sick)
    treated = None if plan is None else _run(bench, task, plan.request, "treated", 2)
    bench.tell(300, 300, "Done")
    return _replay_data(fault, order.seed, task, (sick, healthy, treated), plan)


def _fault(name: str) -> Fault:
    from partimento.selftest.faults import FAULTS

    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise ConfigError(
        "there is no planted fault of this name", where=name, fix="Choose one of /api/faults"
    )


def _run(bench: Bench, task: SmallTask, request: Request, name: str, place: int) -> Outcome:
    """Train and examine; the rows are written while the training goes on."""
    from partimento.selftest.outcome import Bench as Room
    from partimento.selftest.outcome import run_one
    from partimento.studio.handlers.live_rows import live_rows

    def stepped(done: int, total: int) -> None:
        label = f"Training the {name} network" if done < total else f"Examining the {name} network"
        bench.tell(100 * place + _TRAINING_SHARE * done // total, 300, label)

    bench.tell(100 * place, 300, f"Building the {name} network")
    with live_rows(bench.folder, name, stepped):
        # Errors go through: a cancelled job must not count as a broken run.
        return run_one(Room(tasks={request.task: task}, rethrow=True), request)


def _plan(task: SmallTask, request: Request, sick: Outcome) -> Treatment | None:
    from partimento.doctor.settings import flat
    from partimento.selftest.recovery import treatment_of

    if not sick.alarms:
        return None
    return treatment_of(request, sick.alarms[0], sick.config, flat(task.healthy))


def _replay_data(
    fault: Fault,
    seed: int,
    task: SmallTask,
    runs: tuple[Outcome, Outcome, Outcome | None],
    plan: Treatment | None,
) -> dict[str, Any]:
    from partimento.doctor.report import known_findings
    from partimento.studio.handlers.doctor_data import findings_data, words_data

    sick, healthy, treated = runs
    known = known_findings()
    names = zip(("sick", "healthy", "treated"), runs, strict=True)
    return {
        "title": f"{fault.name}: {_verdict(fault, sick)}",
        "fault": {
            "name": fault.name,
            "what": fault.what,
            "settings": _changed(dict(fault.settings), task.healthy),
            "causes": [known[code].title if code in known else code for code in fault.codes],
        },
        "seed": seed,
        "runs": [
            {
                "run": name,
                "figure": run.figure,
                "untrained": run.untrained,
                "train_sec": round(run.train_sec, 2),
                "alarms": len(run.alarms),
            }
            for name, run in names
            if run is not None
        ],
        "named_first": bool(sick.alarms) and sick.alarms[0].code in fault.codes,
        "named": any(finding.code in fault.codes for finding in sick.alarms),
        "findings": findings_data(sick.findings),
        "words": words_data(sick.findings),
        "treatment": _treatment_data(sick, healthy, treated, plan, task),
    }


def _verdict(fault: Fault, sick: Outcome) -> str:
    codes = [finding.code for finding in sick.alarms]
    if codes and codes[0] in fault.codes:
        return "found first"
    return "found" if set(codes) & set(fault.codes) else "not found"


def _changed(settings: Mapping[str, Any], before: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"name": name, "from": before.get(name), "to": value} for name, value in settings.items()
    ]


def _treatment_data(
    sick: Outcome,
    healthy: Outcome,
    treated: Outcome | None,
    plan: Treatment | None,
    task: SmallTask,
) -> dict[str, Any] | None:
    from partimento.selftest.recovery import Noise, recovered

    if plan is None or treated is None:
        return None
    before = {**dict(task.healthy), **sick.config}
    noise = Noise.of([healthy])
    return {
        "finding": sick.alarms[0].code,
        "change": _changed(plan.change, before),
        "kind": plan.kind,
        "recovered": recovered(noise, treated, sick.alarms[0]),
        "lowest_healthy": noise.mean - noise.margin,
        "left": [finding.claim for finding in treated.alarms],
    }


# Attention


def attention_job(order: AttentionOrder, bench: Bench) -> dict[str, Any]:
    """Where each head of a chorale network looks while it reads a score.

    The maps go to ``maps.json`` in thousandths: a page asks for them when it shows them.
    """
    from partimento.core.models import show_model

    bench.tell(0, 2, "Loading the network")
    if show_model(order.weights)["task"] != "chorale":
        raise ConfigError(
            "attention is shown of chorale models only", where=order.weights,
            fix="Choose one whose task is chorale",
        )  # fmt: skip
    from partimento.tasks.chorale.inspect import inspect_attention, read_passage

    source = bench.path(order.source)
    told = inspect_attention(
        source, order.weights, bench.folder, first_step=order.first_step, steps=order.steps
    )
    bench.tell(1, 2, "Measuring")
    full = json.loads((bench.folder / "attention.json").read_text(encoding="utf-8"))
    maps = np.asarray(full["maps"], dtype=np.float64)
    _write_maps(bench, maps)
    # The page counts steps; a musician counts bars.
    end = order.first_step + told["steps"]
    places = read_passage(source).places[order.first_step : end]
    return {
        "title": f"{bench.name(order.source)} read by {order.weights}",
        "weights": order.weights,
        "layers": told["layers"],
        "heads": told["heads"],
        "steps": told["steps"],
        "channels": _channels(told),
        "places": places,
        "notes": {name: [row["note"] for row in rows] for name, rows in told["neighbours"].items()},
        "table": [
            {key: value for key, value in row.items() if key != "distance_profile"}
            for row in told["self_attention"]
        ],
        "cross_channel": told["cross_channel"],
    }


def _channels(told: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(row["channel"] for row in told["self_attention"]))


def _write_maps(bench: Bench, maps: np.ndarray) -> None:
    thousandths = np.rint(maps * 1000).astype(int).tolist()
    write_json(bench.folder, "maps.json", {"unit": "thousandths", "maps": thousandths})
