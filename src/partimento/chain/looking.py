"""Looking into weights of any task, and taking parts away; the slice is loaded only then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError
from partimento.doctor.case import Case, Probe
from partimento.doctor.examine import Examination
from partimento.tasks.dispatch import train
from partimento.tasks.doctoring import examine_weights as examine_of_task
from partimento.tasks.doctoring import model_case
from partimento.tasks.doctoring_weights import task_of

HEADS, GRADIENTS, CALIBRATION = "heads", "gradients", "calibration"


def _case(weights: str | Path, data: str | Path) -> Case:
    return model_case(task_of(weights), weights, data)


def _probe(case: Case, weights: str | Path) -> Probe:
    if case.probe is None:
        raise ConfigError("these weights cannot be run on batches", where=str(weights))
    return case.probe


def examine_weights(
    weights: str | Path, data: str | Path, *, examples: int | None = None, seed: int = 0
) -> Examination:
    """Findings about weights, on held-out data of the task that they name.

    ``examples``: how many are looked at, by task where None.

    Raises InputFileError for what are no weights, and what the slice's reader raises for data.
    """
    task = task_of(weights)
    options: dict[str, Any] = {"seed": seed}
    if examples is not None:
        options["examples"] = examples
    return examine_of_task(task, weights, data, **options)


def inspect_model(
    weights: str | Path, data: str | Path, *, out: str | Path | None = None
) -> dict[str, Any]:
    """What every attention head looks at, gradients by depth and class, and calibration.

    A look that the model does not offer is told with its reason under ``not_done``.  With ``out``
    also a page.

    Raises InputFileError for what are no weights, and what the slice's reader raises for data.
    """
    from partimento.doctor.look import (
        calibration,
        gradients_by_class,
        gradients_by_depth,
        heads,
    )

    case = _case(weights, data)
    probe = _probe(case, weights)
    looks: dict[str, Callable[[], Any]] = {
        HEADS: lambda: [head.to_dict() for head in heads(probe)],
        GRADIENTS: lambda: {"by_depth": gradients_by_depth(probe)},
        "gradients_by_class": lambda: gradients_by_class(probe),
    }
    if case.kind in ("tokens", "classification"):
        looks[CALIBRATION] = lambda: calibration(probe)
    found: dict[str, Any] = {"weights": str(weights), "task": case.task}
    not_done = {}
    for name, look in looks.items():
        try:
            found[name] = look()
        except LookupError as error:
            not_done[name] = str(error.args[0])
    report = {**found, "not_done": not_done}
    if out is not None:
        from partimento.chain.looking_page import write_look

        report["page"] = str(write_look(Path(out), report))
    return report


def ablate(
    subject: str | Path,
    *,
    data: str | Path | None = None,
    drop: Sequence[str] = (),
    without: Sequence[str] = (),
    overrides: Sequence[str] = (),
    seeds: int = 2,
    out: str | Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """What a part of a model is worth.

    ``subject`` is weights, with held-out ``data``: each part in ``drop`` (default: every part that
    the model has) is silenced or fed with other examples' values.  Or it is a recipe: it is trained
    as it is and again with the settings ``without`` (``a.b=value``), for several ``seeds``, and the
    difference is given with its interval; ``out`` is the folder of the runs.

    Raises ConfigError for parts or options that do not fit.
    """
    if Path(subject).suffix in (".yaml", ".yml", ".json"):
        return _retrained(subject, without, overrides, seeds, out)
    if data is None:
        raise ConfigError("weights are ablated on data", where="--data", fix="Name a folder")
    if without:
        raise ConfigError(
            "weights are not trained again", where="--without", fix="Give a recipe, or use --drop"
        )
    from partimento.doctor.ablation import ablate_probe

    case = _case(subject, data)
    try:
        rows = ablate_probe(_probe(case, subject), np.random.default_rng(seed), drop)
    except LookupError as error:
        raise ConfigError(str(error.args[0]), where=str(subject)) from None
    return {"subject": str(subject), "task": case.task, "parts": [row.to_dict() for row in rows]}


def _retrained(
    recipe: str | Path,
    without: Sequence[str],
    overrides: Sequence[str],
    seeds: int,
    out: str | Path | None,
) -> dict[str, Any]:
    from partimento.training.compare import compare_runs
    from partimento.training.launch import fresh_folder

    if not without:
        raise ConfigError(
            "nothing to leave out", where="--without", fix="Such as --without model.channels=false"
        )
    if seeds < 1:
        raise ConfigError(f"{seeds} seeds", where="--seeds", fix="At least 1")
    # Recipes that are trained in epochs keep their seed under training.
    name_of_seed = "training.seed" if "training" in load_yaml(recipe) else "seed"
    folder = fresh_folder(f"ablate-{Path(recipe).stem}") if out is None else Path(out)
    runs = []
    for number in range(seeds):
        for name, changes in (("whole", ()), ("without", tuple(without))):
            place = folder / f"{name}-{number}"
            seeded = f"{name_of_seed}={number}"
            train(recipe, [*overrides, *changes, seeded], out=place, progress=False)
            runs.append(place)
    compared = compare_runs(runs)
    return {
        "subject": str(recipe),
        "without": list(without),
        "runs": [str(run) for run in runs],
        "settings": compared["settings"],
        "differences": compared["differences"],
    }
