"""From a task's data or weights to the doctor's findings; the slice is loaded only then."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from partimento.core.errors import ConfigError
from partimento.doctor.case import Case
from partimento.doctor.examine import Examination, examine
from partimento.tasks.dispatch import slice_module

OFFERED = {
    *("features", "labels", "protocol", "audio", "bank", "root", "limit", "seed"),
    *("examples", "split"),
}
"""Options that the commands have; a slice may know more."""


def data_case(task: str, folder: str | Path, **options: Any) -> Case:
    """The data of a task as a case.

    ``options`` are those of ``data_facts`` in the slice's module ``doctoring_data``; None is as if
    not given.  ``protocol`` becomes the configuration ``data.protocol``, so that groups which it
    shares by design are no leak.

    Raises ConfigError for a task that does not exist or an option that it does not know, DataError
    and InputFileError for data that cannot be read.
    """
    module = slice_module(task, "doctoring_data", "doctor data")
    asked = known_options(module.data_facts, task, options)
    facts = module.data_facts(Path(folder), **asked)
    settled = {**_defaults(module.data_facts), **asked}
    protocol = {"protocol": str(settled["protocol"])} if "protocol" in settled else {}
    return Case(
        name=f"{task}: {folder}, {len(facts.inputs)} examples{_drawn(settled, len(facts.inputs))}",
        task=task,
        config={"data": protocol},
        data=facts,
        seed=int(options.get("seed") or 0),
    )


def _defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Options that have a default, with it."""
    known = inspect.signature(function).parameters.values()
    return {one.name: one.default for one in known if one.default is not one.empty}


def _drawn(options: Mapping[str, Any], count: int) -> str:
    limit = options.get("limit")
    if limit is None or count < limit:
        return ""
    return f" (at most {limit}, drawn with seed {options.get('seed', 0)})"


def known_options(
    function: Callable[..., Any], task: str, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Options that are given.  Raises ConfigError for one that the task does not know."""
    given = {name: value for name, value in options.items() if value is not None}
    known = inspect.signature(function).parameters
    for name in given:
        if name not in known:
            others = ", ".join(sorted(set(known) & OFFERED))
            raise ConfigError(
                f"{task} has no option {name} here",
                where=f"--{name.replace('_', '-')}",
                fix=f"It has: {others or 'none'}",
            )
    return given


def examine_data(
    task: str,
    folder: str | Path,
    *,
    features: str | None = None,
    labels: str | Path | None = None,
    protocol: str | None = None,
    audio: str | Path | None = None,
    bank: str | None = None,
    root: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
) -> Examination:
    """Findings about the data of a task.

    ``folder`` is what the task's recipes name: a file, a folder, or an installed corpus.  Options
    by task: ``features`` (score-only, score79, full101, performance, midi), ``labels`` and
    ``protocol`` for critique; ``audio`` (folder of the clips) and ``bank`` for audio2visual;
    ``root`` of a table's files for piano.  More than ``limit`` examples are drawn with ``seed``.
    With ``out`` a page ``doctor.html`` and ``doctor.json`` are written to that folder.

    Raises what :func:`data_case` raises.
    """
    from partimento.doctor.data_checks import CHECKS

    case = data_case(
        task,
        folder,
        features=features,
        labels=None if labels is None else Path(labels),
        protocol=protocol,
        audio=None if audio is None else Path(audio),
        bank=bank,
        root=None if root is None else Path(root),
        limit=limit,
        seed=seed,
    )
    found = examine(case, CHECKS)
    if out is not None:
        write_examination(Path(out), found, case)
    return found


def write_examination(out: Path, found: Examination, case: Case | None = None) -> None:
    """Write the page ``doctor.html`` and the JSON ``doctor.json`` to a folder."""
    from partimento.core.files import write_atomic
    from partimento.core.plain import plain
    from partimento.doctor.report import report_dict
    from partimento.doctor.report_page import write_report_page

    write_report_page(out / "doctor.html", found, case=case)
    text = json.dumps(plain(report_dict(found)), indent=2, allow_nan=False)
    write_atomic(out / "doctor.json", text + "\n")


def model_case(task: str, weights: str | Path, data: str | Path, **options: Any) -> Case:
    """Weights of a task with held-out batches as a case, with the data's facts where it has none.

    ``options`` are those of ``probe_of`` in the slice's module ``doctoring``.

    Raises ConfigError for a task or option that does not exist, and what the slice raises.
    """
    module = slice_module(task, "doctoring", "doctor model")
    asked = known_options(module.probe_of, task, options)
    case: Case = module.probe_of(weights, data, **asked)
    return replace(case, task=case.task or task, name=case.name or f"{task}: {weights}")


def examine_weights(
    task: str, weights: str | Path, data: str | Path, **options: Any
) -> Examination:
    """Findings about weights of a task, with held-out data of it.

    Raises what :func:`model_case` raises.
    """
    return examine(model_case(task, weights, data, **options))
