"""Treat a run: the recipe with the first finding's remedy in it, and on request its training."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from partimento.core.errors import ConfigError
from partimento.core.files import write_atomic
from partimento.core.runs import RunFolder
from partimento.doctor.case import Case
from partimento.doctor.examine import examine
from partimento.doctor.finding import Finding, in_order
from partimento.doctor.settings import flat
from partimento.doctor.watch_rows import watched_of_rows
from partimento.selftest.remedies import changes_of
from partimento.tasks import dispatch


def treat(
    run: str | Path,
    *,
    train: bool = False,
    out: str | Path | None = None,
    device: str = "cpu",
    progress: bool | None = None,
) -> dict[str, Any]:
    """Write the recipe of a run with the remedy of its first treatable finding.

    The findings are those that the run folder holds; where it holds none, what can be examined in
    the folder is examined now.  The recipe goes to ``out``, by default ``RUN-treated.yaml`` beside
    the run folder; with ``train`` it is trained into ``RUN-treated``.

    The answer tells the finding, what was changed from and to, the recipe (None where no finding
    offers a setting), the findings that are no matter of settings, and the training's summary.

    Raises DataError for no run folder, ConfigError when the recipe's file exists already.
    """
    folder = RunFolder.open(run)
    config = folder.config()
    findings = findings_of(folder, config)
    target = (
        Path(out) if out is not None else folder.path.with_name(f"{_name(folder)}-treated.yaml")
    )
    report: dict[str, Any] = {"run": str(folder.path), "findings": [f.code for f in findings]}
    by_hand: list[dict[str, str]] = []
    for finding in findings:
        changed = treated_recipe(config, finding, str(folder.path))
        if changed is None:
            by_hand.append({"code": finding.code, "remedy": finding.remedy})
            continue
        recipe, changes = changed
        _write(target, recipe)
        report |= {"finding": finding.to_dict(), "change": changes, "recipe": str(target)}
        break
    else:
        report |= {"finding": None, "change": {}, "recipe": None}
    report |= {"by_hand": by_hand, "training": None}
    if train and report["recipe"] is not None:
        place = target.with_suffix("")
        report["training"] = dispatch.train(target, out=place, device=device, progress=progress)
    return report


def findings_of(folder: RunFolder, config: Mapping[str, Any]) -> list[Finding]:
    """What the run folder holds, worst first; else what an examination of its rows finds."""
    names = {one.name for one in fields(Finding)}
    kept = [
        Finding.from_dict({k: v for k, v in row.items() if k in names})
        for row in folder.read_findings()
        if names <= set(row)
    ]
    if kept:
        return in_order(kept)
    rows = folder.read_metrics()
    seen = any(row.get("kind") == "watch" for row in rows)
    case = Case(
        name=_name(folder),
        task=str(config.get("task", "")),
        config=config,
        rows=rows,
        watched=watched_of_rows(rows) if seen else None,
    )
    return list(examine(case).findings)


def treated_recipe(
    config: Mapping[str, Any], finding: Finding, where: str
) -> tuple[dict[str, Any], dict[str, list[Any]]] | None:
    """The recipe with the finding's remedy, and each changed name with its old and new value.

    None where the finding offers no setting of this recipe, or one that the recipe's schema does
    not take.  Raises ConfigError where the recipe itself is none of its task.
    """
    check = dispatch.slice_module(config.get("task"), "recipe", where).check_recipe
    schema = check(dict(config), where)
    settings = flat(config)
    changes, _ = changes_of(finding, settings, dict(_defaults(schema)))
    changes = {name: value for name, value in changes.items() if name in settings}
    if not changes:
        return None
    recipe = copy.deepcopy(dict(config))
    for name, value in changes.items():
        *path, last = name.split(".")
        place = recipe
        for part in path:
            place = place[part]
        place[last] = value
    try:
        check(recipe, where)
    except ConfigError:
        return None
    return recipe, {name: [settings[name], value] for name, value in changes.items()}


def _defaults(schema: BaseModel, given: Any = PydanticUndefined) -> Iterator[tuple[str, Any]]:
    """Documented defaults by dotted name; what a task sets in its own schema goes first."""
    for name, info in type(schema).model_fields.items():
        default = info.get_default(call_default_factory=True, validated_data={})
        if isinstance(given, BaseModel):
            default = getattr(given, name, default)
        value = getattr(schema, name)
        if isinstance(value, BaseModel):
            yield from ((f"{name}.{key}", one) for key, one in _defaults(value, default))
        elif default is not PydanticUndefined:
            yield name, default


def _write(path: Path, recipe: Mapping[str, Any]) -> None:
    if path.exists():
        raise ConfigError(
            "the treated recipe is there already", where=str(path), fix="Choose another with -o"
        )
    write_atomic(path, yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True))


def _name(folder: RunFolder) -> str:
    return folder.path.resolve().name
