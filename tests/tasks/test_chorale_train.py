"""Recipes, training from Python, resuming a killed command, comparing runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from partimento.core.checkpoint import load_checkpoint
from partimento.core.errors import ConfigError, DataError, InputFileError
from partimento.core.runs import RunFolder
from partimento.tasks.chorale.api import truth_nll
from partimento.tasks.chorale.metrics import explain_loss
from partimento.tasks.chorale.model import HarmonicNetwork
from partimento.tasks.chorale.networks import load_network
from partimento.tasks.chorale.recipe import check_recipe, load_recipe
from partimento.tasks.chorale.task import SourceTask
from partimento.tasks.chorale.train import compare, train
from partimento.training.task import Task

RECIPES = Path(__file__).resolve().parents[2] / "recipes" / "chorale"
SMALL = {
    "task": "chorale",
    "kind": "source",
    "card": {"name": "tiny", "trained_on": ["made-up pieces"]},
    "model": {"width": 8, "heads": 2, "layers": 1, "seq_len": 8, "ff_multiplier": 1.0},
    "training": {
        "batch_size": 4,
        "max_epochs": 4,
        "checkpoint_every": 5,
        "log_every": 5,
        "optimizer": {"lr": 1e-2},
        "curriculum": {"start": 4, "floor": 2, "grow_epochs": 1},
    },
}


def pieces(count: int, seed: int) -> list[list[list[int]]]:
    """Made-up pieces of held chords that move by steps."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        moves = np.cumsum(rng.integers(-1, 2, (10, 4)), axis=0)
        steps = moves + np.array([72, 65, 58, 48])
        found.append(np.repeat(steps, 4, axis=0).tolist())
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    file = tmp_path / "pieces.json"
    file.write_text(json.dumps({"train": pieces(6, 0), "valid": pieces(2, 1)}))
    return file


@pytest.fixture
def recipe(tmp_path: Path, data: Path) -> Path:
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump({**SMALL, "data": {"file": str(data)}}))
    return file


@pytest.mark.parametrize("name", ["whitepaper", "diary"])
def test_shipped_recipes_state_every_value_of_the_schema(name: str) -> None:
    stated = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    checked = load_recipe(RECIPES / f"{name}.yaml").model_dump(mode="json")
    assert set(stated) == set(checked)
    for part in ("card", "model", "data"):
        assert set(stated[part]) == set(checked[part]), part


def test_the_presets_are_what_the_source_says() -> None:
    paper, diary = (load_recipe(RECIPES / f"{n}.yaml") for n in ("whitepaper", "diary"))
    for recipe in (paper, diary):
        assert (recipe.model.width, recipe.model.heads, recipe.model.seq_len) == (32, 4, 32)
        assert (recipe.training.batch_size, recipe.training.patience) == (32, 40)
        assert recipe.training.optimizer.weight_decay == 0.01
    assert paper.training.schedule.kind == "fixed"
    assert paper.training.optimizer.lr == 1e-4
    rules = paper.training.curriculum
    assert (rules.on, rules.start, rules.grow, rules.grow_epochs, rules.shrink) == (
        True,
        8,
        2,
        20,
        4,
    )
    assert diary.training.schedule.kind == "onecycle"
    assert diary.training.optimizer.lr == 1e-3
    assert not diary.training.curriculum.on
    assert paper.model.cross_channel and not diary.model.cross_channel


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.hedas=3", "did you mean heads"),
        ("training.curiculum.on=false", "did you mean curriculum"),
        ("model.heads=5", "not a multiple of heads"),
        ("kind=huge", "unknown kind"),
        ("training.schedule.kind=onecycle", "onecycle needs its number of steps"),
        ("training.optimizer.lr=fast", "valid number"),
        ("training.optimizer.name=task", "name adamw"),
    ],
)
def test_a_wrong_value_is_named(recipe: Path, override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(recipe, [override])


def test_training_writes_a_complete_run(recipe: Path, tmp_path: Path) -> None:
    result = train(recipe, ["training.seed=4"], out=tmp_path / "run")
    assert (result["reason"], result["epochs"]) == ("max_epochs", 4)
    run = RunFolder.open(result["run"])
    assert run.config()["training"]["seed"] == 4
    rows = run.read_metrics()
    epochs = [row for row in rows if row["kind"] == "epoch"]
    assert [row["length"] for row in epochs] == [4, 6, 8, 8]
    for row in epochs:
        for part in ("train", "valid"):
            voices = [
                row[f"{part}_{v}_nats_per_frame"] for v in ("soprano", "alto", "tenor", "bass")
            ]
            assert row[f"{part}_nats_per_frame"] == pytest.approx(sum(voices))
            assert row[f"{part}_melodic_nats_per_frame"] == pytest.approx(voices[0])
            assert row[f"{part}_harmonic_nats_per_frame"] == pytest.approx(sum(voices[1:]))
    assert epochs[-1]["valid_nats_per_frame"] < epochs[0]["valid_nats_per_frame"]
    steps = [row for row in rows if row["kind"] == "train"]
    names = {name for name in steps[0] if name.startswith("gradient_norm/")}
    assert {"gradient_norm/embedding", "gradient_norm/layers.0", "gradient_norm/heads.3"} <= names


def test_the_checkpoint_tells_what_it_is_and_measures_the_same(
    recipe: Path, data: Path, tmp_path: Path
) -> None:
    result = train(recipe, out=tmp_path / "run")
    tensors, meta = load_checkpoint(result["best_weights"])
    assert meta.model_class.endswith(":HarmonicNetwork")
    assert meta.card.trained_on == ["made-up pieces"]
    assert meta.card.parameters == sum(p.numel() for p in load_network_parameters(result))
    assert len(meta.data_hash) == 64 and meta.config["width"] == 8
    network = load_network(result["best_weights"])
    assert isinstance(network, HarmonicNetwork)
    grids = [np.array(p) for p in json.loads(data.read_text())["valid"]]
    losses = [truth_nll(network.step_log_probs(g, stride=4), g) for g in grids]
    measured = explain_loss(np.concatenate(losses))["nats_per_frame"]
    assert measured == pytest.approx(meta.metrics["valid_nats_per_frame"], abs=1e-5)
    assert "positions" in tensors


def load_network_parameters(result: dict[str, Any]) -> list[torch.nn.Parameter]:
    network = load_network(result["best_weights"])
    assert isinstance(network, HarmonicNetwork)
    return [p for p in network.parameters() if p.requires_grad]


def test_a_command_killed_at_any_moment_resumes_to_the_same_weights(
    recipe: Path, tmp_path: Path
) -> None:
    overrides = ["training.max_epochs=40", "training.patience=0", "training.checkpoint_every=3"]
    code = (
        "import sys; from partimento.tasks.chorale.train import train; "
        "train(sys.argv[1], sys.argv[3:], out=sys.argv[2], progress=False)"
    )
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    command = [sys.executable, "-c", code, str(recipe), str(killed), *overrides]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    while not (killed / "checkpoints" / "last.pt").is_file() and process.poll() is None:
        time.sleep(0.02)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    resumed = train(recipe, resume=True, out=killed)
    straight = train(recipe, overrides, out=whole)
    assert resumed["steps"] == straight["steps"] > 200
    one, two = (load_file(r["last_weights"]) for r in (resumed, straight))
    assert all(torch.equal(one[name], two[name]) for name in two)
    curves = [
        [
            row["valid_nats_per_frame"]
            for row in RunFolder.open(f).read_metrics()
            if row["kind"] == "epoch"
        ]
        for f in (killed, whole)
    ]
    assert curves[0] == curves[1] and len(curves[0]) == 40


def test_resume_without_a_folder_takes_the_newest_run(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no run of tiny"):
        train(recipe, resume=True)
    first = train(recipe, ["training.max_epochs=1"])
    assert Path(first["run"]).parent == Path("runs")
    again = train(recipe, ["training.max_epochs=2"], resume=True)
    assert (again["run"], again["epochs"]) == (first["run"], 2)


def test_a_folder_in_use_and_missing_data_are_clear_errors(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="already in use"):
        train(recipe, out=tmp_path)
    with pytest.raises(DataError, match="no split 'dev'"):
        train(recipe, ["data.valid_split=dev"], out=tmp_path / "a")
    with pytest.raises(DataError):
        train(recipe, [f"data.file={tmp_path / 'nothing.json'}"], out=tmp_path / "b")
    assert not (tmp_path / "a").exists()


def test_weights_that_do_not_fit_are_refused(recipe: Path, tmp_path: Path) -> None:
    from partimento.core.checkpoint import save_checkpoint

    result = train(recipe, ["training.max_epochs=1"], out=tmp_path / "run")
    tensors, meta = load_checkpoint(result["last_weights"])
    wrong = tmp_path / "wrong.safetensors"
    save_checkpoint(wrong, tensors, meta.model_copy(update={"config": {"width": 16, "heads": 2}}))
    with pytest.raises(InputFileError, match="do not fit"):
        load_network(wrong)
    save_checkpoint(wrong, tensors, meta.model_copy(update={"model_class": "x:Piano"}))
    with pytest.raises(InputFileError, match="no chorale network"):
        load_network(wrong)


def test_validation_does_not_look_at_the_training_length(recipe: Path) -> None:
    chosen = load_recipe(recipe)
    grids = [np.array(p) for p in pieces(2, 5)]
    task = SourceTask(chosen, grids, grids)
    assert isinstance(task, Task)
    before = task.validate()
    state = torch.get_rng_state()
    for length in (2, 8):
        task.training_loss(task.batch(0, 0, length, np.random.default_rng(0)))
    assert task.validate() == before
    assert torch.equal(torch.get_rng_state(), state) or chosen.model.dropout > 0
    assert task.batches(0, 2) > task.batches(0, 8)


def test_one_batch_covers_what_it_says(recipe: Path) -> None:
    task = SourceTask(
        load_recipe(recipe), [np.array(p) for p in pieces(3, 2)], [np.zeros((9, 4), int)]
    )
    frames = sum(
        int(task.batch(2, i, 4, np.random.default_rng(0)).keep_BT.sum())
        for i in range(task.batches(2, 4))
    )
    assert frames == 3 * 40


def test_transposition_changes_training_windows_only(recipe: Path) -> None:
    task = SourceTask(
        load_recipe(recipe, ["data.transpose=3"]), [np.full((8, 4), 60)], [np.full((8, 4), 60)]
    )
    seen = {
        int(v)
        for seed in range(30)
        for v in task.batch(0, 0, 8, np.random.default_rng(seed)).target_BTC[:, 0].unique()
    }
    assert seen == set(range(57, 64))


def test_comparison_shows_what_differs_and_the_curves(recipe: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    train(recipe, ["training.seed=1"], out=runs[0])
    train(recipe, ["training.seed=2", "model.cross_channel=false"], out=runs[1])
    report = compare(runs, out=tmp_path / "compare.html")
    assert report["settings"] == {"model.cross_channel": [True, False], "training.seed": [1, 2]}
    assert [run["name"] for run in report["runs"]] == ["a", "b"]
    for run, folder in zip(report["runs"], runs, strict=True):
        rows = [r for r in RunFolder.open(folder).read_metrics() if r["kind"] == "epoch"]
        assert run["best"]["valid_nats_per_frame"] == min(r["valid_nats_per_frame"] for r in rows)
        assert run["monitor"] == "valid_nats_per_frame" and run["epochs"] == 4
    page = (tmp_path / "compare.html").read_text()
    assert page.count("<svg") >= 4 and "model.cross_channel" in page
    with pytest.raises(DataError, match="no run folder"):
        compare([tmp_path / "nowhere"])


def test_a_recipe_needs_known_values_only() -> None:
    with pytest.raises(ConfigError, match="unknown field modell"):
        check_recipe({"modell": {}}, "here")
