"""The five small tasks learn when healthy, refuse what they do not know, and their faults hurt."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from partimento.doctor.case import Case
from partimento.selftest.faults import FAULTS, small_tasks
from partimento.selftest.interface import SmallTask

TASKS = small_tasks()
SHORT: dict[str, dict[str, Any]] = {
    "chorale": {"training.max_steps": 30, "training.validate_steps": 30},
    "piano": {"training.max_steps": 110, "training.validate_steps": 55},
    "text2midi": {"training.max_steps": 60, "training.validate_steps": 30},
    "critique": {"training.max_steps": 30, "training.validate_steps": 15},
    "audio2visual": {"training.max_epochs": 4},
}
"""A part of a training: under the tests' type checks each step costs several times as much."""
LEARNT = {
    "chorale": 0.3,
    "piano": 0.15,
    "text2midi": 0.25,
    "critique": 0.25,
    "audio2visual": 0.5,
}
"""Least figure of a healthy short run; 0 is a model without input.  The whole runs reach 0.7 to
0.98 (seeds 100 and 101).
"""


@cache
def healthy(name: str, seed: int) -> Case:
    task: SmallTask = TASKS[name]
    return task.run(SHORT[name], seed)


def faulty(name: str) -> tuple[Case, float, float]:
    """The case of a fault, its figure, and that of its healthy twin."""
    fault = next(fault for fault in FAULTS if fault.name == name)
    task = TASKS[fault.task]
    case = task.run({**SHORT[fault.task], **fault.settings}, 100, watched=False)
    return case, task.figure(case), task.figure(healthy(fault.task, 100))


@pytest.mark.parametrize("name", LEARNT)
def test_a_healthy_run_learns_much_more_than_chance(name: str) -> None:
    assert TASKS[name].figure(healthy(name, 100)) > LEARNT[name]


@pytest.mark.parametrize("name", ["text2midi", "critique"])
def test_another_seed_learns_as_well(name: str) -> None:
    other = TASKS[name].run(SHORT[name], 101, watched=False)
    assert TASKS[name].figure(other) > LEARNT[name]
    assert not np.array_equal(other.data.inputs[0], healthy(name, 100).data.inputs[0])


def test_a_seed_says_everything_and_watching_changes_nothing() -> None:
    again = TASKS["critique"].run(SHORT["critique"], 100, watched=False)
    assert again.rows == healthy("critique", 100).rows


@pytest.mark.parametrize("name", LEARNT)
def test_a_case_is_complete(name: str) -> None:
    case = healthy(name, 100)
    assert case.task == name and case.watched is not None and len(case.watched.steps_S) >= 3
    assert case.probe is not None and case.initial is not None and case.data is not None
    assert {row["kind"] for row in case.rows} == {"train", "validation", "stop"}
    assert not any(key.startswith(("slip", "material", "optim")) for key in case.config)
    for batch in case.probe.batches:
        given, wanted = case.probe.outputs(case.probe.model, batch), case.probe.targets(batch)
        assert given.shape[: wanted.ndim] == wanted.shape and len(given) >= 2


def test_the_initial_model_is_the_one_that_training_started_from() -> None:
    case = healthy("piano", 100)
    assert case.initial is not None and case.probe is not None
    first = case.rows[0]
    with torch.no_grad():
        losses = [case.initial.example_losses(case.initial.model, b) for b in case.initial.batches]
    assert float(torch.cat(losses).mean()) == pytest.approx(first["loss"], rel=0.02)


@pytest.mark.parametrize("name", LEARNT)
def test_an_unknown_setting_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"no setting training\.lrr"):
        TASKS[name].run({"training.lrr": 1.0}, 0)


def test_faults_change_settings_that_exist_and_cover_every_row() -> None:
    names = [fault.name for fault in FAULTS]
    assert len(FAULTS) >= 45 and len(set(names)) == len(names)
    for fault in FAULTS:
        assert fault.settings and set(fault.settings) <= set(TASKS[fault.task].healthy)
        assert any(TASKS[fault.task].healthy[k] != v for k, v in fault.settings.items())
    assert {fault.diary for fault in FAULTS} - {""} == set(TASKS)
    found = {code.partition(".")[0] for fault in FAULTS for code in fault.codes}
    rows = {f"D{n}" for n in (1, 2, 3, 4, 5, 6, 7)} | {f"M{n}" for n in range(1, 9)}
    rows |= {f"R{n}" for n in range(1, 14)} | {"U1", "U2", "C1", "C2", "C3"}
    assert rows <= found


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("critique: score only", 0.2),
        ("piano: a hundred times the rate", 0.15),
        ("audio2visual: silent inputs", 0.4),
        ("audio2visual: few large batches", 0.1),
    ],
)
def test_a_fault_hurts(name: str, loss: float) -> None:
    _, figure, twin = faulty(name)
    assert figure < twin - loss


def test_class_pure_batches_cost_more_than_they_show() -> None:
    case, _, _ = faulty("audio2visual: class-pure batches")
    last = [row["loss"] for row in case.rows if row["kind"] == "validation"][-1]
    twin = [row["loss"] for row in healthy("audio2visual", 100).rows if row["kind"] == "validation"]
    assert last > 1.1 * twin[-1]


def test_a_wrong_report_misleads() -> None:
    task = TASKS["text2midi"]
    wrong = task.run({"paper.report": "perplexity", "training.max_steps": 5}, 0, watched=False)
    right = task.run({"training.max_steps": 5}, 0, watched=False)
    assert wrong.report["perplexity"] < 0.9 * right.report["perplexity"]
    assert wrong.rows == right.rows


def test_batch_size_studies_bring_their_other_runs() -> None:
    settings: dict[str, Any] = {"training.max_epochs": 2, "study.batch_sizes": (16, 32)}
    case = TASKS["audio2visual"].run(settings, 0, watched=False)
    assert [other.config["training"]["batch_size"] for other in case.others] == [16, 32]
    assert case.others[1].rows[-1]["step"] < case.others[0].rows[-1]["step"]
