"""What is written down about a small training: its report and its checkpoint, right or wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from partimento.doctor.case import Case, Kind
from partimento.selftest.loop import Settings, Trained, nested

PAPERS: Mapping[str, Any] = {
    "paper.report": "",
    "paper.checkpoint": "",
    "paper.reference": False,
    "paper.sampling_temperature": 1.0,
}
"""Settings of what is written down: the name of a slip in it, or empty for none."""

SECONDS_PER_STEP = 0.01
"""What the reports claim a step took; the machine's own time would make them differ."""


def told(
    task: str,
    kind: Kind,
    settings: Settings,
    healthy: Mapping[str, Any],
    shown: Sequence[str],
    trained: Trained,
    network: nn.Module,
    unit: str,
    vocabulary: int | None = None,
) -> Case:
    """What every small task tells of a run: recipe, rows, report and checkpoint.

    The task itself adds its probes and its data.
    """
    config = nested(settings, shown)
    return Case(
        name=f"small {task}",
        task=task,
        kind=kind,
        config=config,
        reference=nested(healthy, shown) if settings["paper.reference"] else None,
        rows=trained.rows,
        watched=trained.watched,
        report=report_of(settings, trained.rows, network, unit, vocabulary),
        checkpoint=checkpoint_of(settings, config, network, vocabulary),
    )


def report_of(
    settings: Settings,
    rows: Sequence[Mapping[str, Any]],
    model: nn.Module,
    unit: str,
    vocabulary: int | None = None,
) -> dict[str, Any]:
    """Figures as somebody would write them down after the run.

    Raises ValueError for a slip that does not exist.
    """
    validations = [row for row in rows if row["kind"] == "validation"]
    last, steps = validations[-1], int(rows[-1]["step"])
    parameters = sum(p.numel() for p in model.parameters())
    report: dict[str, Any] = {
        "loss": last["loss"],
        "unit": unit,
        "steps": steps,
        "batch_size": settings["training.batch_size"],
        "seconds": round(steps * SECONDS_PER_STEP, 3),
        "steps_per_second": round(1.0 / SECONDS_PER_STEP, 3),
        "parameters": parameters,
        "size_bytes": 4 * parameters,
        "warmup_steps": settings["training.schedule.warmup_steps"],
        "validate_steps": settings["training.validate_steps"],
        "evaluations": steps // settings["training.validate_steps"],
    }
    if unit.startswith("nats") and last["loss"] < 50.0:
        report["perplexity"] = math.exp(last["loss"])
        report["accuracy"] = last["accuracy"]
        report["vocabulary"] = vocabulary
    return _slipped(report, settings["paper.report"])


def _slipped(report: dict[str, Any], slip: str) -> dict[str, Any]:
    """The report with a slip in it."""
    changes: dict[str, dict[str, Any]] = {
        "": {},
        # A sum over four voices, called a mean.
        "unit": {"loss": 4.0 * report["loss"]},
        "perplexity": {"perplexity": 2.0 ** report["loss"]},
        "accuracy": {"accuracy": 0.5 + 0.5 * report.get("accuracy", 0.0)},
        "steps": {"steps": 10 * report["steps"]},
        "size": {"size_bytes": 2 * report["size_bytes"] + 4096},
        "evaluations": {"evaluations": 10 * report["evaluations"]},
        "naive_entropy": {"attention_entropy": 0.95},
    }
    if slip not in changes:
        raise ValueError(f"no slip of a report is called {slip!r}")
    return {**report, **changes[slip]}


def checkpoint_of(
    settings: Settings, config: Mapping[str, Any], model: nn.Module, vocabulary: int | None
) -> dict[str, Any]:
    """Facts of the file that the run would leave.

    Raises ValueError for a slip that does not exist.
    """
    parameters = sum(p.numel() for p in model.parameters())
    facts: dict[str, Any] = {
        "path": "best.safetensors",
        "size_bytes": 4 * parameters,
        "parameters": parameters,
        "model_class": f"{type(model).__module__}:{type(model).__name__}",
        "config": dict(config["model"]),
        "vocabulary": vocabulary,
        "tensors": {name: list(p.shape) for name, p in model.state_dict().items()},
    }
    slip = settings["paper.checkpoint"]
    changes: dict[str, dict[str, Any]] = {
        "": {},
        "class": {"model_class": "elsewhere.networks:OtherNetwork"},
        "unsafe": {"path": "best.ckpt"},
    }
    if slip not in changes:
        raise ValueError(f"no slip of a checkpoint is called {slip!r}")
    return {**facts, **changes[slip]}
