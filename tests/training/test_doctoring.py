"""A run folder holds what the monitor saw, watching changes no run, and the doctor reads it."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from toy_training import CONFIG, ToyTask
from typer.testing import CliRunner

from partimento.cli.doctor import doctor
from partimento.core.errors import DataError, PartimentoError
from partimento.core.runs import RunFolder
from partimento.training.config import TrainingConfig
from partimento.training.doctoring import case_of_run, examine_run
from partimento.training.trainer import fit


def run_with(folder: Path, task: ToyTask, **values: Any) -> RunFolder:
    config = TrainingConfig.model_validate({**CONFIG.model_dump(), **values})
    run = RunFolder.create(folder, {"training": config.model_dump(mode="json")}, "toy")
    fit(task, config, run, progress=False)
    return run


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return run_with(tmp_path_factory.mktemp("doctoring") / "watched", ToyTask(), watch_every=4)


def test_watching_changes_no_weight(watched: RunFolder, tmp_path: Path) -> None:
    bare = run_with(tmp_path / "bare", ToyTask(), watch_every=0)
    assert not bare.watch_path.exists()
    one, two = (load_file(r.checkpoints / "last.safetensors") for r in (watched, bare))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_rows_are_those_of_the_run(watched: RunFolder) -> None:
    seen = case_of_run(watched).watched
    assert seen is not None
    assert seen.steps_S.tolist() == list(range(0, 36, 4))
    assert list(seen.blocks) == ["0", "1", "4"]
    by_step = {row["step"]: row for row in watched.read_metrics() if row["kind"] == "train"}
    for step, loss in zip(seen.steps_S.tolist(), seen.losses_S.tolist(), strict=True):
        assert loss == pytest.approx(by_step[step + 1]["loss"], rel=1e-6)
    # Before clipping, as the logged norm of all gradients.
    norms = (seen.gradient_norms_SP**2).sum(1) ** 0.5
    for step, norm in zip(seen.steps_S.tolist(), norms.tolist(), strict=True):
        assert norm == pytest.approx(by_step[step + 1]["gradient_norm"], rel=1e-4)


def test_a_resumed_run_has_the_rows_of_an_unbroken_one(watched: RunFolder, tmp_path: Path) -> None:
    run = run_with(
        tmp_path / "run", ToyTask(kill_at=31, signal_number=signal.SIGTERM), watch_every=4
    )
    config = TrainingConfig.model_validate({**CONFIG.model_dump(), "watch_every": 4})
    fit(ToyTask(seed=5), config, RunFolder.open(run.path), resume=True, progress=False)
    one, two = case_of_run(watched).watched, case_of_run(run).watched
    assert one is not None and two is not None
    assert one.steps_S.tolist() == two.steps_S.tolist()
    assert one.gradient_norms_SP.tolist() == two.gradient_norms_SP.tolist()


def test_a_loss_that_breaks_leaves_a_row_and_a_finding(tmp_path: Path) -> None:
    task = ToyTask()
    with torch.no_grad():
        task.model[4].weight[0, 0] = float("nan")
    with pytest.raises(PartimentoError, match="nan"):
        run_with(tmp_path / "run", task, watch_every=4)
    found = examine_run(tmp_path / "run").findings
    assert found[0].code == "R6.not-finite"
    assert found[0].evidence["block"] == "4"


def test_findings_go_to_the_folder_and_replace_earlier_ones(watched: RunFolder) -> None:
    first = examine_run(watched.path)
    ended = CliRunner().invoke(doctor, ["run", str(watched.path), "--json"])
    printed = json.loads(ended.stdout)
    assert ended.exit_code == first.exit_code
    assert [f["code"] for f in printed["findings"]] == [f.code for f in first.findings]
    assert [f["code"] for f in watched.read_findings()] == [f.code for f in first.findings]
    page = (watched.path / "doctor.html").read_text(encoding="utf-8")
    assert "<html" in page and "watched" in page


def test_no_run_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no run folder"):
        examine_run(tmp_path)
