"""Training the source design: losses, accumulation, rates, resuming, weights, its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_frames import LABELS, made_frames, made_light, made_recipe, made_targets, made_task
from safetensors.torch import load_file

from partimento.core.config import validate_config
from partimento.core.errors import ConfigError, DataError
from partimento.core.runs import RunFolder
from partimento.tasks.audio2visual.batch_study import fit_plain
from partimento.tasks.audio2visual.source_config import LossConfig
from partimento.tasks.audio2visual.source_losses import (
    class_weights,
    cosine_distance,
    info_nce,
    per_class,
    squared_error,
    text_loss,
)
from partimento.tasks.audio2visual.source_metrics import text_space_figures
from partimento.tasks.audio2visual.source_recipe import LightRecipe, SourceRecipe
from partimento.tasks.audio2visual.source_task import TextSpaceTask
from partimento.training.config import ScheduleConfig
from partimento.training.samplers import keyed_rng
from partimento.training.schedule import rates
from partimento.training.task import Task
from partimento.training.trainer import fit


def gradients(task: TextSpaceTask, group: range) -> dict[str, torch.Tensor]:
    """Gradient of one step made of the batches of ``group``, as the trainer accumulates it."""
    task.model.train()
    task.model.zero_grad()
    for number in group:
        batch = task.batch(0, number, 1, keyed_rng(0, "batch", 0, number))
        (task.training_loss(batch).loss / len(group)).backward()
    return {n: p.grad.clone() for n, p in task.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("loss", ["mse", "weighted", "cosine", "infonce"])
def test_accumulated_gradients_are_those_of_the_large_batch(loss: str) -> None:
    # 16 clips: batches of 3 leave one over, so the last group of two is 3 + 1.
    values: dict[str, Any] = {"loss": {"kind": loss}}
    small = made_task(made_recipe(training={"batch_size": 3, "accumulate": 2}, **values))
    large = made_task(made_recipe(training={"batch_size": 6}, **values))
    assert small.batches(0, 1) == 6 and large.batches(0, 1) == 3
    assert len(small.batch(0, 5, 1, keyed_rng(0)).classes_B) == 1
    for step in range(3):
        together = gradients(small, range(2 * step, 2 * step + 2))
        whole = gradients(large, range(step, step + 1))
        assert together.keys() == whole.keys()
        for name, value in whole.items():
            assert torch.allclose(value, together[name], atol=1e-5, rtol=1e-4), name


def test_the_trainer_steps_the_last_partial_group(tmp_path: Path) -> None:
    recipe = made_recipe(training={"batch_size": 3, "accumulate": 4, "max_epochs": 2})
    result = run(tmp_path / "run", made_task(recipe))
    assert result.steps == 4, "6 batches are groups of 4 and 2"


def run(folder: Path, task: TextSpaceTask, **options: Any) -> Any:
    made = RunFolder.create(folder, task.recipe, "test")
    return fit(task, task.recipe.training, made, progress=False, **options)


@pytest.mark.parametrize("batching", ["shuffled", "homogeneous", "balanced"])
def test_one_batch_is_learnt_by_heart(batching: str) -> None:
    training = {"batch_size": 8, "max_steps": 150, "optimizer": {"lr": 1e-2}}
    recipe = made_recipe(training=training, batching={"mode": batching, "per_class": 2})
    task = made_task(recipe, per_class=2)
    before = task.figures(task.train)["clip"]
    fit_plain(task)
    for name, after in task.figures(task.train).items():
        assert after.top1 == 1.0, name
        assert after.r2 > 0.85, name
    assert before.r2 < 0.1


def test_the_light_design_learns_by_heart_too_and_hears_new_clips() -> None:
    task = made_task(made_light(max_steps=200), per_class=8)
    assert isinstance(task, Task)
    fit_plain(task)
    assert task.figures(task.train)["clip"].r2 > 0.95
    metrics = task.validate()
    assert metrics["valid_top1"] == 1.0
    assert metrics["valid_error"] == pytest.approx(1.0 - metrics["valid_clip_r2"])
    assert 0.5 < metrics["valid_diversity"] < 1.5
    assert metrics["train_true_mse"] < metrics["valid_clip_constant_mse"]


def test_a_resumed_run_ends_at_the_same_weights(tmp_path: Path) -> None:
    own = {
        "clip": {"lr": 3e-3, "schedule": {"kind": "cosine", "warmup_steps": 4}},
        "t5": {"weight_decay": 0.0},
    }
    change: dict[str, Any] = {
        "model": {**made_recipe().model.model_dump(), "adapter": {"width": 8, "dropout": 0.3}},
        "rates": own,
    }
    change["model"]["adapter"] |= {"hidden": 16, "norm": "batch"}
    values = {"batch_size": 4, "max_epochs": 6, "checkpoint_every": 3}
    recipe = made_recipe(training=values, **change)
    whole = run(tmp_path / "whole", made_task(recipe))
    part = made_recipe(training={**values, "max_steps": None}, **change)
    task = made_task(part)
    stopped = _Stopping(task, 10)
    run(tmp_path / "part", stopped)
    again = fit(
        made_task(part),
        part.training,
        RunFolder.open(tmp_path / "part"),
        resume=True,
        progress=False,
    )
    assert again.steps == whole.steps == 24
    one, two = load_file(whole.last_weights), load_file(again.last_weights)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


class _Stopping(TextSpaceTask):
    """The same task, interrupted politely after some steps."""

    def __init__(self, task: TextSpaceTask, steps: int) -> None:
        self.__dict__.update(task.__dict__)
        self.left = steps

    def training_loss(self, batch: Any) -> Any:
        import os
        import signal

        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().training_loss(batch)


def test_each_head_follows_its_own_rate_decay_and_schedule(tmp_path: Path) -> None:
    schedule = {"kind": "cosine", "warmup_steps": 3}
    recipe = made_recipe(
        training={"max_epochs": 2, "schedule": {"kind": "fixed", "warmup_steps": 2}},
        rates={"clip": {"lr": 0.03, "weight_decay": 0.5, "schedule": schedule}},
    )
    task = made_task(recipe)
    seen: list[dict[str, tuple[float, float]]] = []
    made = task.optimizers()
    clips = {id(p) for p in task.model.heads["clip"].parameters()}

    def look(optimizer: torch.optim.Optimizer, *_: object) -> None:
        names = ["clip" if id(g["params"][0]) in clips else "t5" for g in optimizer.param_groups]
        rows = [(g["lr"], g["weight_decay"]) for g in optimizer.param_groups]
        seen.append(dict(zip(names, rows, strict=True)))

    made[0].register_step_post_hook(look)
    task.optimizers = lambda: made  # type: ignore[method-assign]
    run(tmp_path / "run", task)
    assert len(seen) == 8
    for step, row in enumerate(seen):
        own = rates(ScheduleConfig.model_validate(schedule), step, 8).lr_scale
        assert row["clip"] == (pytest.approx(0.03 * own), 0.5)
        assert row["t5"][0] == pytest.approx(0.01 * min(1.0, (step + 1) / 2))
    with pytest.raises(ValueError, match=r"rates\.t5"):
        made_recipe({"targets": ["clip"]}, rates={"t5": {"lr": 1.0}})


# -- losses ---------------------------------------------------------------------------------------


def test_losses_are_what_their_formulas_say() -> None:
    draw = torch.Generator().manual_seed(1)
    predicted, table = (torch.randn(n, 5, generator=draw) for n in (4, 3))
    classes = torch.tensor([0, 2, 2, 2])
    wanted = table[classes]
    errors = squared_error(predicted, wanted)
    assert torch.allclose(errors, ((predicted - wanted) ** 2).mean(1))
    assert torch.allclose(per_class(errors, classes, 3), (errors[0] + errors[1:].mean()) / 2)
    cos = [float(p @ w / p.norm() / w.norm()) for p, w in zip(predicted, wanted, strict=True)]
    assert cosine_distance(predicted, wanted).tolist() == pytest.approx([1 - c for c in cos])
    own = info_nce(predicted, table, classes, 0.5)
    scores = torch.tensor([[float(p @ t / p.norm() / t.norm()) for t in table] for p in predicted])
    expected = -(scores / 0.5).log_softmax(1)[torch.arange(4), classes]
    assert torch.allclose(own, expected, atol=1e-6)
    tokens = torch.randn(4, 6, 5, generator=draw)
    assert cosine_distance(tokens, tokens * 3).abs().max() < 1e-6


def test_a_mix_is_the_weighted_sum_of_its_parts_and_balanced_classes_need_no_weights() -> None:
    draw = torch.Generator().manual_seed(2)
    predicted, table = (torch.randn(n, 5, generator=draw) for n in (6, 3))
    classes, even = torch.tensor([0, 1, 2, 0, 1, 2]), torch.ones(3)
    single = {
        kind: text_loss(LossConfig(kind=kind), predicted, table, classes, even)[0]  # type: ignore[arg-type]
        for kind in ("mse", "cosine", "infonce", "per-class", "weighted")
    }
    config = LossConfig(kind="mix", mix={"mse": 1.0, "infonce": 0.25})
    mixed, logs = text_loss(config, predicted, table, classes, even)
    assert torch.allclose(mixed, single["mse"] + 0.25 * single["infonce"])
    assert set(logs) == {"mse", "infonce"}
    assert torch.allclose(single["per-class"], single["mse"])
    assert torch.allclose(single["weighted"], single["mse"])
    for wrong in ({"kind": "mix"}, {"kind": "mse", "mix": {"mse": 1.0}}):
        with pytest.raises(ValueError, match="belong together"):
            LossConfig.model_validate(wrong)


def test_rare_classes_count_more() -> None:
    weights = class_weights(("a", "b"), (30, 10), {})
    assert weights.tolist() == pytest.approx([2 / 3, 2.0])
    assert class_weights(("a", "b"), (30, 10), {"a": 5.0, "b": 5.0}).tolist() == [1.0, 1.0]
    for given in ({"a": 1.0}, {"a": 1.0, "b": 1.0, "c": 1.0}, {"a": 1.0, "b": 0.0}):
        with pytest.raises(ConfigError, match="one positive weight"):
            class_weights(("a", "b"), (30, 10), given)


@pytest.mark.parametrize("kind", ["cosine", "infonce", "per-class", "weighted"])
def test_every_loss_teaches(kind: str) -> None:
    recipe = made_recipe({"targets": ["clip"]}, loss={"kind": kind}, training={"max_steps": 60})
    task = made_task(recipe)
    fit_plain(task)
    assert task.figures(task.valid)["clip"].top1 >= 0.75


def test_raw_targets_are_learnt_as_they_are() -> None:
    task = made_task(made_recipe(data={"zscore": False}))
    scale = task.model.scale("t5")
    assert float(scale.mean.abs().max()) == 0.0 and float(scale.scale.min()) == 1.0
    batch = task.batch(0, 0, 1, keyed_rng(0))
    loss = task.training_loss(batch)
    raw = task.model(batch.sounds)["clip"] - task.targets.tables["clip"][batch.classes_B]
    assert float(loss.logs["clip_mse"]) == pytest.approx(
        float(raw.detach().square().mean()), rel=1e-5
    )


def test_a_value_that_never_changes_neither_divides_by_zero_nor_counts() -> None:
    targets = made_targets()
    targets.tables["clip"][:, 3] = 0.7
    mean, scale = targets.statistics("clip", np.arange(4))
    assert float(mean[3]) == pytest.approx(0.7) and 0 < float(scale[3]) < 0.01


# -- figures --------------------------------------------------------------------------------------


def test_figures_know_the_constant_and_the_truth() -> None:
    table = np.random.default_rng(0).standard_normal((3, 8))
    classes = np.array([0, 1, 2, 2])
    constant = table[classes].mean(0)
    true = text_space_figures(table[classes], classes, table, constant)
    assert (true.top1, true.r2, true.mse) == (1.0, 1.0, 0.0)
    assert true.diversity == pytest.approx(1.0)
    still = text_space_figures(np.tile(constant, (4, 1)), classes, table, constant)
    assert still.r2 == pytest.approx(0.0)
    assert still.diversity == pytest.approx(0.0, abs=1e-9)
    with pytest.raises(ValueError, match="do not fit"):
        text_space_figures(table[:0], classes[:0], table, constant)


def test_a_task_needs_two_classes_and_both_parts() -> None:
    clips, targets = made_frames(), made_targets()
    with pytest.raises(DataError, match="two classes"):
        TextSpaceTask(made_recipe(), clips.part(np.array([0, 4])), clips, targets)
    with pytest.raises(DataError, match="validate on"):
        TextSpaceTask(made_recipe(), clips, clips.part(np.array([], dtype=np.int64)), targets)
    with pytest.raises(ConfigError, match="needs 6 classes; there are 4"):
        made_task(
            made_recipe(training={"batch_size": 6}, batching={"mode": "balanced", "per_class": 1})
        )
    assert len(LABELS) == 4


@pytest.mark.parametrize(
    ("schema", "values", "said"),
    [
        (SourceRecipe, {"training": {}}, "curriculum"),
        (LightRecipe, {"model": {"layers": 2}}, "model.layers"),
        (SourceRecipe, {"data": {"train_folds": [1, 2], "valid_folds": [2]}}, "fold 2 is in"),
        (SourceRecipe, {"model": {"targets": ["clip", "clip"]}}, "named twice"),
    ],
)
def test_recipes_that_contradict_themselves(schema: Any, values: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        validate_config(schema, values, "here")
