"""Validation every N steps, and the weights of the last few of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from toy_training import CONFIG, ToyTask

from partimento.core.runs import RunFolder
from partimento.training.config import TrainingConfig
from partimento.training.kept import keep_weights, kept_weights
from partimento.training.trainer import fit


def config(**values: Any) -> TrainingConfig:
    base = CONFIG.model_dump()
    base["curriculum"]["on"] = False
    return TrainingConfig.model_validate({**base, "max_epochs": 4, **values})


def run(folder: Path, chosen: TrainingConfig) -> RunFolder:
    made = RunFolder.create(folder, chosen, "toy")
    fit(ToyTask(), chosen, made, progress=False)
    return made


def test_weights_of_the_last_validations_are_kept_beside_the_best(tmp_path: Path) -> None:
    made = run(tmp_path / "run", config(validate_steps=5, keep_last=3))
    rows = made.read_metrics()
    measured = [row["step"] for row in rows if row["kind"] == "validation"]
    assert measured == [5, 10, 15, 20]
    assert all("valid_loss" in row for row in rows if row["kind"] == "validation")
    assert not any("valid_loss" in row for row in rows if row["kind"] == "epoch")
    names = [path.name for path in kept_weights(made.checkpoints)]
    assert names == [f"step-{step:08d}.safetensors" for step in (15, 20, 24)], "24 is the last"
    best = min((row for row in rows if "valid_loss" in row), key=lambda row: row["valid_loss"])
    if best["step"] in (15, 20, 24):
        same = load_file(made.checkpoints / f"step-{best['step']:08d}.safetensors")
        kept = load_file(made.checkpoints / "best.safetensors")
        assert all(torch.equal(same[key], kept[key]) for key in same)


def test_measuring_in_mid_epoch_changes_no_weight(tmp_path: Path) -> None:
    often = run(tmp_path / "often", config(validate_steps=2))
    never = run(tmp_path / "never", config(validate_every=100))
    one, two = (load_file(r.checkpoints / "last.safetensors") for r in (often, never))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_a_stopped_run_goes_on_to_the_same_weights_and_rows(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", config(validate_steps=5, keep_last=2))
    parts = run(tmp_path / "parts", config(validate_steps=5, keep_last=2, max_steps=13))
    longer = config(validate_steps=5, keep_last=2)
    fit(ToyTask(), longer, parts, resume=True, progress=False)
    one, two = (load_file(r.checkpoints / "last.safetensors") for r in (whole, parts))
    assert all(torch.equal(one[key], two[key]) for key in one)
    rows = [
        {row["step"]: row["valid_loss"] for row in r.read_metrics() if row["kind"] == "validation"}
        for r in (whole, parts)
    ]
    assert rows[0] == rows[1]


def test_old_ones_go_after_the_new_one_is_there(tmp_path: Path) -> None:
    (tmp_path / "best.safetensors").write_text("best")
    for step in (1, 2, 3):
        keep_weights(tmp_path, step, 2, lambda path: path.write_text("w"))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "best.safetensors",
        "step-00000002.safetensors",
        "step-00000003.safetensors",
    ]

    def fails(path: Path) -> None:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        keep_weights(tmp_path, 4, 1, fails)
    assert len(kept_weights(tmp_path)) == 2
    keep_weights(tmp_path, 5, 0, fails)


def test_patience_in_epochs_and_validation_in_steps_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="patience"):
        config(validate_steps=5, patience=3)
