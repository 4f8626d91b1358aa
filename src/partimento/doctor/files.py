"""Examine files that somebody wrote: a report, a recipe, a run's configuration, a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from partimento.core.checkpoint import shipped_weights
from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError, InputFileError
from partimento.core.limits import check_regular
from partimento.core.runs import RunFolder
from partimento.doctor import configuration, recipe_checks, report_arithmetic, units
from partimento.doctor.case import Case
from partimento.doctor.checkpoint_facts import PICKLES, checkpoint_facts
from partimento.doctor.examine import Examination, examine
from partimento.doctor.references import NAME_KEY, compare_rows, named_reference, references
from partimento.doctor.report_reader import read_report

LARGEST_BYTES = 2_000_000
REPORT_CHECKS = (*units.CHECKS, *report_arithmetic.CHECKS)
CONFIG_CHECKS = (*recipe_checks.CHECKS, *configuration.CHECKS)


def examine_report(file: str | Path) -> Examination:
    """Cross-check the figures of a report: JSON, YAML, or text with pairs and tables.

    Raises InputFileError and ConfigError as
    :func:`partimento.doctor.report_reader.read_report` does.
    """
    case = Case(name=Path(file).name, report=read_report(file))
    return examine(case, [check for check in REPORT_CHECKS if not check.missing(case)])


def examine_config(file: str | Path, against: str | Path | None = None) -> Examination:
    """Examine a recipe, a run folder or a checkpoint, alone or beside a reference.

    ``against``: a named reference (whitepaper, diary, original, enhanced, percepiano, seed ...),
    shipped weights ("strong" alone means those of the same task), or a file of the same kinds.

    Raises ConfigError for what is no configuration and for an unknown name, and InputFileError for
    files that are missing or damaged.
    """
    case = file_case(file)
    if against is not None:
        case = replace(case, reference=reference_config(against, case.task))
    return examine(case, [check for check in CONFIG_CHECKS if not check.missing(case)])


def config_rows(file: str | Path, against: str | Path) -> list[dict[str, Any]]:
    """Every row of the reference beside the file's: setting, value, reference, state.

    Raises as :func:`examine_config` does.
    """
    case = file_case(file)
    found = compare_rows(case.config, reference_config(against, case.task))
    return [row.to_dict() for row in found]


def file_case(file: str | Path) -> Case:
    """What a file tells: a recipe (YAML, JSON), a run folder, shipped weights or a checkpoint.

    Raises ConfigError and InputFileError as :func:`examine_config` does.
    """
    shipped = shipped_weights()
    path = shipped.get(str(file), Path(file))
    if path.is_dir() and (path / "config.yaml").is_file():
        run = RunFolder(path)
        config = run.config()
        return Case(name=path.name, task=_task(config), config=config, rows=run.read_metrics())
    if path.is_dir():
        path = path / "model.safetensors"
    if path.suffix.lower() in (*PICKLES, ".safetensors"):
        facts = checkpoint_facts(path)
        config = facts.get("config") or {}
        # A checkpoint's configuration is that of the network, which a recipe has under "model".
        return Case(
            name=path.name,
            task=str(facts.get("task", "")),
            config={"model": config} if config else {},
            checkpoint=facts,
        )
    config = _read(path)
    return Case(name=path.name, task=_task(config), config=config)


def _task(config: Mapping[str, Any]) -> str:
    task = config.get("task")
    return task if isinstance(task, str) else ""


def _read(path: Path) -> dict[str, Any]:
    if check_regular(path) > LARGEST_BYTES:
        raise InputFileError("this configuration is larger than 2 MB", where=str(path))
    if path.suffix.lower() != ".json":
        return load_yaml(path)
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ConfigError("this is no valid JSON", where=str(path)) from error
    if not isinstance(values, dict):
        raise ConfigError("a configuration is an object of settings", where=str(path))
    return values


def reference_config(against: str | Path, task: str = "") -> dict[str, Any]:
    """The configuration meant by a reference's name, shipped weights, or a file.

    Raises as :func:`examine_config` does.
    """
    name = str(against)
    if name in references():
        found = named_reference(name)
        if task and found.task != task:
            raise ConfigError(
                f"{name} is a reference of {found.task}, and this is a configuration of {task}",
                where="--against",
            )
        return {**found.config, NAME_KEY: name}
    shipped = shipped_weights()
    for candidate in (name, f"{task}-{name}"):
        if candidate in shipped:
            return {**file_case(candidate).config, NAME_KEY: candidate}
    if not Path(name).exists():
        named_reference(name)  # says which names there are
    return {**file_case(name).config, NAME_KEY: Path(name).name}
