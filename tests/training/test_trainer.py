"""The trainer: resuming to the bit, stopping, averaging, and what it says when things go wrong."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from toy_training import CONFIG, ToyTask

from partimento.core.config import Config
from partimento.core.errors import ConfigError, DataError, PartimentoError
from partimento.core.runs import RunFolder
from partimento.training.config import TrainingConfig
from partimento.training.session import FitResult
from partimento.training.state import load_state
from partimento.training.task import Task
from partimento.training.trainer import fit, to_device


def changed(**values: Any) -> TrainingConfig:
    return TrainingConfig.model_validate({**CONFIG.model_dump(), **values})


def start(folder: Path, task: ToyTask, config: Config = CONFIG, **options: Any) -> FitResult:
    run = RunFolder.create(folder, config, "toy")
    return fit(task, config, run, progress=False, **options)


def rows(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    found = [r for r in RunFolder.open(folder).read_metrics() if r["kind"] in kinds]
    return [{k: v for k, v in row.items() if k != "elapsed_sec"} for row in found]


def same_weights(a: Path, b: Path) -> bool:
    one, two = load_file(a), load_file(b)
    return one.keys() == two.keys() and all(torch.equal(one[k], two[k]) for k in one)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FitResult]:
    folder = tmp_path_factory.mktemp("toy") / "whole"
    return folder, start(folder, ToyTask())


def test_the_toy_is_a_task() -> None:
    assert isinstance(ToyTask(), Task)


def test_a_run_killed_in_mid_epoch_resumes_to_the_same_weights(
    whole: tuple[Path, FitResult], tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    script = Path(__file__).with_name("toy_training.py")
    ended = subprocess.run([sys.executable, script, folder, "42"], timeout=180, check=False)
    assert ended.returncode == -signal.SIGKILL
    state = load_state(folder / "checkpoints" / "last.pt")
    assert 0 < state["progress"]["index"] < 6, "the kill came in the middle of an epoch"
    assert state["progress"]["step"] < max(r["step"] for r in rows(folder, "train"))
    result = fit(ToyTask(seed=77), CONFIG, RunFolder.open(folder), resume=True, progress=False)
    assert (result.reason, result.steps) == (whole[1].reason, whole[1].steps)
    for name in ("last.safetensors", "best.safetensors"):
        assert same_weights(whole[0] / "checkpoints" / name, folder / "checkpoints" / name)
    assert rows(folder, "train", "epoch") == rows(whole[0], "train", "epoch")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_signal_ends_after_the_step_and_the_run_resumes_to_the_same_weights(
    whole: tuple[Path, FitResult], tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    result = start(tmp_path / "run", ToyTask(kill_at=31, signal_number=number))
    assert result.reason == "interrupted"
    assert 12 < result.steps < 18, "in the third epoch"
    assert RunFolder.open(tmp_path / "run").read_metrics()[-1]["reason"] == "interrupted"
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    fit(ToyTask(), CONFIG, RunFolder.open(tmp_path / "run"), resume=True, progress=False)
    name = Path("checkpoints") / "last.safetensors"
    assert same_weights(whole[0] / name, tmp_path / "run" / name)


def test_curriculum_stages_are_logged_and_reach_the_batches(
    whole: tuple[Path, FitResult],
) -> None:
    epochs = rows(whole[0], "epoch")
    assert [row["length"] for row in epochs][:2] == [4, 4]
    assert len({row["length"] for row in epochs}) > 1
    stages = [row["stage"] for row in epochs]
    assert stages == sorted(stages) and stages[-1] > 0


def test_rows_tell_rate_gradients_and_losses(whole: tuple[Path, FitResult]) -> None:
    steps = rows(whole[0], "train")
    assert len(steps) == whole[1].steps == 36
    assert steps[0]["lr"] < steps[2]["lr"] > steps[-1]["lr"]
    assert {"loss", "gradient_norm", "gradient_norm/0", "gradient_norm/4"} <= steps[0].keys()
    assert steps[0]["gradient_norm"] > 0


def test_dropout_is_live_in_training_and_averages_are_validated(tmp_path: Path) -> None:
    task = ToyTask()
    start(tmp_path / "run", task, changed(max_epochs=2))
    shipped = load_file(tmp_path / "run" / "checkpoints" / "last.safetensors")
    live = task.model.state_dict()
    assert task.model.training
    assert not torch.equal(shipped["0.weight"], live["0.weight"]), "the average is shipped"
    task.model.load_state_dict(shipped)
    row = rows(tmp_path / "run", "epoch")[-1]
    assert task.validate()["valid_loss"] == pytest.approx(row["valid_loss"], abs=1e-7)


def test_the_training_length_reaches_the_batches(tmp_path: Path) -> None:
    task = ToyTask()
    start(tmp_path / "run", task, changed(max_epochs=3))
    assert task.lengths_seen == {0: 4, 1: 4, 2: 6}


def test_patience_ends_the_run_and_the_best_weights_are_the_best(tmp_path: Path) -> None:
    task = ToyTask()
    config = changed(patience=2, max_epochs=200, curriculum={"on": False})
    result = start(tmp_path / "run", task, config)
    assert result.reason == "patience" and result.epochs < 200
    losses = [row["valid_loss"] for row in rows(tmp_path / "run", "epoch")]
    assert result.best["valid_loss"] == min(losses)
    assert losses.index(min(losses)) == len(losses) - 3
    assert result.best_weights is not None
    task.model.load_state_dict(load_file(result.best_weights))
    assert task.validate()["valid_loss"] == pytest.approx(min(losses), abs=1e-7)
    again = fit(task, config, RunFolder.open(tmp_path / "run"), resume=True, progress=False)
    assert (again.reason, again.steps) == ("patience", result.steps)


def test_time_limit_stops_at_once_and_max_steps_to_the_step(tmp_path: Path) -> None:
    result = start(tmp_path / "time", ToyTask(), time_limit_sec=0.0)
    assert (result.reason, result.steps) == ("time_limit", 1)
    assert "valid_loss" in result.last
    result = start(tmp_path / "steps", ToyTask(), changed(max_steps=8))
    assert (result.reason, result.steps) == ("max_steps", 8)


def test_a_loss_that_is_no_number_stops_with_advice(tmp_path: Path) -> None:
    task = ToyTask()
    task.spoil = True
    with pytest.raises(PartimentoError, match=r"loss became nan at step 0.*[Ll]ower"):
        start(tmp_path / "run", task)


def test_a_full_disk_is_explained_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    start(tmp_path / "run", ToyTask(), changed(max_epochs=1))
    state = tmp_path / "run" / "checkpoints" / "last.pt"
    before = state.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        run = RunFolder.open(tmp_path / "run")
        with pytest.raises(PartimentoError, match=r"disk is full.*last good checkpoint is kept"):
            fit(ToyTask(), changed(max_epochs=3), run, resume=True, progress=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert state.read_bytes() == before
    assert not list(state.parent.glob("*.part"))
    run = RunFolder.open(tmp_path / "run")
    resumed = fit(ToyTask(), changed(max_epochs=2), run, resume=True, progress=False)
    assert resumed.epochs == 2


def test_nothing_to_resume_and_foreign_states_are_clear_errors(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", CONFIG, "toy")
    with pytest.raises(DataError, match="no resume point"):
        fit(ToyTask(), CONFIG, run, resume=True, progress=False)
    state = run.checkpoints / "last.pt"
    state.write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(DataError, match="damaged"):
        fit(ToyTask(), CONFIG, run, resume=True, progress=False)
    torch.save({"format": 0}, state)
    with pytest.raises(DataError, match="another format"):
        fit(ToyTask(), CONFIG, run, resume=True, progress=False)


@pytest.mark.parametrize("device", ["tpu", "cuda:x", ""])
def test_an_unknown_device_is_a_clear_error(tmp_path: Path, device: str) -> None:
    with pytest.raises(ConfigError, match="unknown device"):
        start(tmp_path / "run", ToyTask(), device=device)


def test_the_callers_generator_and_settings_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state(), torch.get_num_threads()
    start(tmp_path / "run", ToyTask(), changed(max_epochs=1))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]
    assert not torch.are_deterministic_algorithms_enabled()


def test_batches_of_any_shape_are_moved() -> None:
    from partimento.tasks.chorale.data import Windows
    from partimento.training.session import WorkItem

    one = torch.ones(2)
    moved = to_device(
        WorkItem(1, 2, [Windows(one, one, one), {"a": (one, 3)}]), torch.device("meta")
    )
    assert moved.epoch == 1
    assert moved.batches[0].keep_BT.device.type == "meta"
    assert moved.batches[1]["a"][0].device.type == "meta" and moved.batches[1]["a"][1] == 3
