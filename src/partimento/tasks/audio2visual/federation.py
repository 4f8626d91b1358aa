"""Federated training of a light adapter: in this process, or over Flower."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from partimento.core.errors import ConfigError, DataError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.core.progress import Progress
from partimento.core.runs import RunFolder
from partimento.tasks.audio2visual.bank import PromptBank, project
from partimento.tasks.audio2visual.federation_adapter import log_softmax, scores
from partimento.tasks.audio2visual.federation_config import Federation, load_federation
from partimento.tasks.audio2visual.federation_study import (
    centralised,
    cross_validate,
    held_out,
    simulate,
)
from partimento.training.federated_rules import Arrays
from partimento.training.launch import fresh_folder

LONGEST_SEC = 3600.0


def federate(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    simulate: bool = False,
    flower: bool = False,
    cross_validate: bool = False,
    seeds: int = 1,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run the federation that a recipe describes, and judge it beside centralised training.

    Without ``simulate`` a Flower SuperLink and a SuperNode per node are started on this machine.
    With it everything happens in this process, or, with ``flower``, in Flower's simulation engine.
    ``cross_validate`` holds out each fold in turn, for ``seeds`` seeds, in this process.  ``out``
    is the run folder; without it ``runs/NAME-DATE``.

    Returns the report that also lies in the run folder as ``report.json``.

    Raises ConfigError for a wrong recipe, InputFileError and DataError for data that cannot be
    used, and MissingExtraError where Flower is needed and not installed.
    """
    if flower and not simulate:
        raise ConfigError("it belongs to --simulate", where="--flower", fix="Add --simulate")
    if cross_validate and (flower or not simulate):
        raise ConfigError(
            "folds are tried in this process",
            where="--cross-validate",
            fix="Add --simulate, without --flower",
        )
    federation = load_federation(recipe, overrides)
    if flower or not simulate:
        # Before any folder is made: a missing extra leaves nothing behind.
        from partimento.training.federated import flower as import_flower

        import_flower()
    folder = fresh_folder(Path(recipe).stem) if out is None else Path(out)
    run = RunFolder.create(folder, federation.recipe, sys.argv)
    start = time.monotonic()
    if cross_validate:
        report = _folds(federation, seeds, progress)
    else:
        report = _one(federation, run, simulate, flower, progress)
    report = {"run": str(run.path), **report, "seconds": round(time.monotonic() - start, 1)}
    write_atomic(run.path / "report.json", _json(report))
    return report


def _folds(federation: Federation, seeds: int, progress: Progress | None) -> dict[str, Any]:
    """Every fold held out in turn."""
    found = cross_validate(federation, tuple(range(seeds)), progress)
    return {"strategy": federation.recipe.strategy, "transport": "this process", **found}


def _one(
    federation: Federation, run: RunFolder, simulated: bool, flower: bool, progress: Progress | None
) -> dict[str, Any]:
    """One federation, whatever carries it, and its report."""
    if not simulated:
        rows, weights, place = _over_loopback(federation, run)
        transport = "SuperLink and SuperNodes over loopback"
    elif flower:
        rows, weights, place = _in_flower(federation, run)
        transport = "Flower's simulation engine"
    else:
        rows, weights, place = _in_process(federation, run, progress)
        transport = "this process"
    central = centralised(federation)
    return {
        "strategy": federation.recipe.strategy,
        "transport": transport,
        "data": "sounds made by rule" if federation.recipe.evaluation.made else "recordings",
        **_summary(federation, rows, central),
        "text_space_top1": _text_space(federation, weights, *place),
        "rounds": rows,
        "centralised_curve": central,
    }


Place = tuple[np.ndarray, np.ndarray]
"""Mean and spread of the federation's statistics."""


def _in_process(
    federation: Federation, run: RunFolder, progress: Progress | None
) -> tuple[list[dict[str, Any]], Arrays, Place]:
    done = 0

    def log(row: dict[str, Any]) -> None:
        nonlocal done
        run.log(row)
        done += "round" in row
        if progress is not None:
            progress(done, federation.recipe.rounds, "rounds")

    outcome = simulate(federation, log)
    place = {"mean_D": outcome.mean_D, "std_D": outcome.std_D}
    np.savez(run.path / "adapter.npz", **place, **outcome.weights)  # type: ignore[arg-type]
    return outcome.rows, outcome.weights, (outcome.mean_D, outcome.std_D)


def _in_flower(
    federation: Federation, run: RunFolder
) -> tuple[list[dict[str, Any]], Arrays, Place]:
    """Flower's simulation engine; faults that kill need a process to kill."""
    from partimento.tasks.audio2visual import federation_flower as app
    from partimento.training.federated import run_simulation

    if any(fault.kind == "die" for fault in federation.recipe.faults):
        raise ConfigError(
            "in Flower's simulation engine no node can be killed alone",
            where="faults",
            fix="Leave out --flower, or --simulate",
        )
    folder = _handed_over(federation, run)
    os.environ[app.FOLDER_VARIABLE] = str(folder)
    try:
        run_simulation(app.server, app.client, len(federation.nodes))
    finally:
        del os.environ[app.FOLDER_VARIABLE]
    return _taken_back(folder)


def _over_loopback(
    federation: Federation, run: RunFolder
) -> tuple[list[dict[str, Any]], Arrays, Place]:
    """A SuperLink and SuperNodes on this machine; nodes with the fault ``die`` are killed."""
    from partimento.tasks.audio2visual import federation_flower as app
    from partimento.training.federated_loopback import Loopback

    folder = _handed_over(federation, run)
    names = [node.name for node in federation.nodes]
    killed: list[str] = []
    with Loopback(folder, app.__name__) as processes:

        def watch() -> None:
            for name in names:
                file = app.dying_file(folder, name)
                if name not in killed and file.is_file():
                    processes.kill(name)
                    killed.append(name)
                    run.log({"event": "killed", "node": name, "in_round": int(file.read_text())})

        processes.start(names)
        processes.wait(app.done_file(folder), LONGEST_SEC, watch)
    return _taken_back(folder)


def _handed_over(federation: Federation, run: RunFolder) -> Path:
    """The run folder, with what the processes of Flower need in it."""
    from partimento.tasks.audio2visual.federation_flower import federation_file

    folder = run.path.resolve()
    write_atomic(federation_file(folder), _json(federation.model_dump(mode="json")))
    return folder


def _taken_back(folder: Path) -> tuple[list[dict[str, Any]], Arrays, Place]:
    """Rows and adapter that the ServerApp has left.  Raises DataError for its failure."""
    import json

    from partimento.tasks.audio2visual.federation_flower import done_file

    file = done_file(folder)
    if not file.is_file():
        raise DataError("the server has left no result", where=str(folder))
    end = json.loads(file.read_text(encoding="utf-8"))
    if "error" in end:
        raise DataError(f"the server has failed: {end['error']}", where=str(folder))
    with np.load(folder / "adapter.npz", allow_pickle=False) as arrays:
        found = {key: arrays[key] for key in arrays.files}
    place = (found.pop("mean_D"), found.pop("std_D"))
    with suppress(OSError):
        shutil.rmtree(folder / "nodes")
    return end["rows"], found, place


def _summary(
    federation: Federation, rows: Sequence[dict[str, Any]], central: Sequence[float]
) -> dict[str, Any]:
    """The figures that a reader wants first."""
    last = rows[-1]
    sent = [size for row in rows for size in row["sent_bytes"].values()]
    received = [size for row in rows for size in row["received_bytes"].values()]
    return {
        "nodes": {node.name: list(node.classes) for node in federation.nodes},
        "disjoint_classes": federation.disjoint,
        "pooled_accuracy": last["pooled_accuracy"],
        "accuracy_on_the_classes_of": last["accuracy_on_the_classes_of"],
        "pooled_accuracy_of_node": last["pooled_accuracy_of_node"],
        "centralised_accuracy": central[-1],
        "ratio": last["pooled_accuracy"] / central[-1] if central[-1] else float("nan"),
        "most_bytes_sent": max(sent),
        "most_bytes_received": max(received),
        "dropped": [{"round": row["round"], **row["dropped"]} for row in rows if row["dropped"]],
    }


def _text_space(
    federation: Federation, weights: Arrays, mean_D: np.ndarray, std_D: np.ndarray
) -> float | None:
    """Top-1 of the embeddings among the prompts of the pooled classes; None without an adapter.

    Scores become weights of the concepts, weights in closed form an embedding, and the embedding
    is put to the prompt of the highest cosine, both less the mean prompt.
    """
    if not weights:
        return None
    judge = held_out(federation)
    bank = PromptBank.load(federation.recipe.bank).rows(federation.classes)
    score_NK = scores(weights, (judge.x_ND - mean_D) / std_D)
    clip_NE = project(np.exp(log_softmax(score_NK)), bank).clip
    mean_E = bank.clip_KE.mean(0)
    rows_KE = bank.clip_KE - mean_E
    rows_KE = rows_KE / np.linalg.norm(rows_KE, axis=1, keepdims=True)
    found_N = ((clip_NE - mean_E) @ rows_KE.T).argmax(1)
    return float(np.mean(found_N == judge.label_N))


def _json(value: Any) -> str:
    import json

    return json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
