"""The batch study: its trainings are the trainer's, its rules are kept, its figures add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from made_frames import SMALL, TRAINING, made_frames, made_light, made_targets, made_task
from safetensors.torch import load_file

from partimento.core.runs import RunFolder
from partimento.tasks.audio2visual.batch_study import (
    LIGHT,
    SOURCE,
    BatchStudy,
    StudyRun,
    batch_study,
    fit_plain,
    scaled_rate,
    study_recipe,
)
from partimento.tasks.audio2visual.source_data import Targets
from partimento.training.trainer import fit


def test_the_plain_loop_makes_the_trainers_steps(tmp_path: Path) -> None:
    recipe = made_light(accumulate=3, batch_size=3, schedule={"kind": "cosine", "warmup_steps": 2})
    plain, trained = made_task(recipe), made_task(recipe)
    folder = RunFolder.create(tmp_path / "run", recipe, "test")
    result = fit(trained, recipe.training, folder, progress=False)
    assert fit_plain(plain) == result.steps == 6
    written = load_file(result.last_weights)
    for name, value in plain.model.state_dict().items():
        assert torch.allclose(value, written[name], atol=1e-6), name


def test_rules_and_rates_of_the_study() -> None:
    light = study_recipe(LIGHT, "epochs", 16, 0, epochs=7, steps=50)
    assert light.training.optimizer.lr == pytest.approx(4 * LIGHT["training"]["optimizer"]["lr"])
    assert (light.training.max_epochs, light.training.max_steps) == (7, None)
    source = study_recipe(SOURCE, "epochs", 16, 0, epochs=7, steps=50)
    assert source.training.optimizer.lr == SOURCE["training"]["optimizer"]["lr"]
    equal = study_recipe(LIGHT, "steps", 16, 0, epochs=7, steps=50)
    assert equal.training.max_steps == 50
    assert equal.training.optimizer.lr == LIGHT["training"]["optimizer"]["lr"]
    assert scaled_rate(0.1, 4) == pytest.approx(0.2)


def test_a_study_trains_every_cell_and_sums_up() -> None:
    clips, tables = (made_frames(4), made_frames(2, seed=1)), made_targets().tables
    targets = Targets({"clip": tables["clip"]})
    designs: dict[str, Any] = {
        "source": {"kind": "source", "model": {**SMALL, "targets": ["clip"]}, "training": TRAINING},
        "light": {"kind": "light", "model": {"hidden": 8}, "training": TRAINING},
    }
    seen: list[str] = []
    study = batch_study(
        [clips],
        targets,
        designs,
        sizes=(4, 16),
        seeds=(0, 1),
        epochs=2,
        steps=6,
        progress=lambda _, __, text: seen.append(text),
    )
    assert len(study.runs) == len(seen) == 16
    steps = {(r.rule, r.batch_size): r.steps for r in study.runs}
    assert steps == {("epochs", 4): 8, ("epochs", 16): 2, ("steps", 4): 6, ("steps", 16): 6}
    report = study.to_dict()
    assert report["light"]["steps"]["sizes"]["16"]["steps"] == 6
    assert {r.seed for r in study.runs} == {0, 1}


def test_the_spread_is_between_the_means_of_the_sizes() -> None:
    tops = {(1, 0): 0.9, (1, 1): 0.7, (8, 0): 0.5, (8, 1): 0.5}
    study = BatchStudy(
        tuple(StudyRun("x", "epochs", b, s, 10, top, 0.1) for (b, s), top in tops.items())
    )
    assert study.top1("x", "epochs", 1) == (pytest.approx(0.8), pytest.approx(0.1))
    assert study.spread("x", "epochs") == pytest.approx(0.3)
    assert study.to_dict()["x"]["epochs"]["spread"] == 0.3
