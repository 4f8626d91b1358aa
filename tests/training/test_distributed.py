"""Two processes make the same steps as one with all batches, and only one of them writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from toy_training import CONFIG, ToyTask
from two_processes import train

from partimento.core.errors import ConfigError
from partimento.core.runs import RunFolder
from partimento.training.config import TrainingConfig
from partimento.training.distributed import World, own_device, own_rank, world


def recipe(folder: Path, accumulate: int) -> Path:
    values = {**CONFIG.model_dump(), "max_epochs": 3, "accumulate": accumulate}
    values["schedule"]["total_steps"] = 30
    checked = TrainingConfig.model_validate(values)
    path = folder / f"toy{accumulate}.yaml"
    path.write_text(yaml.safe_dump({"training": checked.model_dump(mode="json")}))
    return path


def test_two_processes_equal_one_with_twice_the_batches(tmp_path: Path) -> None:
    """Eleven batches an epoch, four a step: the last step is dealt out two to one."""
    script = Path(__file__).with_name("two_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", script, recipe(tmp_path, 2), tmp_path / "two"]
    ended = subprocess.run(command, timeout=150, check=False, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.split() == ["9", "9"]
    one = train(recipe(tmp_path, 4), tmp_path / "one")
    assert one["steps"] == 9
    for name in ("last.safetensors", "best.safetensors"):
        ours = load_file(tmp_path / "two" / "checkpoints" / name)
        theirs = load_file(tmp_path / "one" / "checkpoints" / name)
        assert ours.keys() == theirs.keys()
        for key in ours:
            torch.testing.assert_close(ours[key], theirs[key], rtol=1e-4, atol=1e-6)
    start = ToyTask().model.state_dict()
    assert not torch.allclose(start["0.weight"], theirs["0.weight"], atol=1e-3), "it moved"
    kinds = [row["kind"] for row in RunFolder.open(tmp_path / "two").read_metrics()]
    assert kinds.count("train") == 9, "one process writes"
    assert kinds.count("stop") == 1


def test_batches_are_dealt_out_completely() -> None:
    dealt = [World(3, rank).mine(range(7)) for rank in range(3)]
    assert sorted(n for part in dealt for n in part) == list(range(7))
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with world("cpu") as alone:
        assert (alone.size, alone.first, own_rank(), own_device("cuda:1")) == (1, True, 0, "cuda:1")
        assert alone.of_first({"a": 1.5}, torch.device("cpu")) == {"a": 1.5}
        assert alone.text_of_first("x") == "x"
        weight = torch.ones(1, requires_grad=True)
        alone.add_gradients([weight])
        assert weight.grad is None


def test_each_process_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert (own_device("cuda"), own_device("cpu"), own_rank()) == ("cuda:1", "cpu", 1)
    with pytest.raises(ConfigError, match="a GPU each"):
        own_device("cuda:0")
