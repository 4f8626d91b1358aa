"""Recipes of the networks: executed, resumed to the bit, statistics from training clips only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from critique_clips import scale_rows, scale_score, write_played
from made_notes import made_clips
from partimento.core.checkpoint import load_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.core.runs import RunFolder
from partimento.music.critique_features import Standard
from partimento.tasks import dispatch
from partimento.tasks.critique.data import find_clips, read_labelled, read_parts
from partimento.tasks.critique.diagnostics import inspect_critique
from partimento.tasks.critique.figures import Bench
from partimento.tasks.critique.folds import splits
from partimento.tasks.critique.metrics import mse, r2_mean
from partimento.tasks.critique.network import load_network
from partimento.tasks.critique.network_contestant import network
from partimento.tasks.critique.network_folds import NetworkPredictor
from partimento.tasks.critique.network_recipe import NetworkRecipe
from partimento.tasks.critique.network_task import NetworkTask
from partimento.tasks.critique.protocols import run_protocol
from partimento.tasks.critique.recipe import load_recipe
from partimento.tasks.critique.train import build_task, compare, train
from partimento.training.schedule import rates
from partimento.training.task import Task

RECIPES = Path(__file__).resolve().parents[2] / "recipes" / "critique"
NAMES = ("han", "han-score79", "bilstm", "han-small")
TINY = [
    "model.embedding=8",
    "model.width=6",
    "model.heads=2",
    "model.head_width=8",
    "training.batch_size=4",
    "training.max_epochs=2",
    "training.checkpoint_every=2",
    "training.log_every=1",
    "training.schedule.warmup_steps=0",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six passages played by two performers each, one of the first deadpan, with labels."""
    place = tmp_path_factory.mktemp("percepiano")
    rng = np.random.default_rng(0)
    labels = {}
    for passage in range(6):
        score = place / "score_xml" / f"Made{passage}_4bars_Score_1.musicxml"
        score.parent.mkdir(exist_ok=True)
        score.write_bytes(scale_score())
        for performer in ("Score", "B", "C") if passage == 0 else ("B", "C"):
            name = f"Made{passage}_4bars_{performer}_1"
            rows = scale_rows(float(rng.uniform(0.3, 0.7)), float(rng.uniform(0.5, 1.0)))
            (place / "performances").mkdir(exist_ok=True)
            write_played(place / "performances" / f"{name}.mid", rows)
            labels[name] = rng.uniform(0.2, 0.8, 19).tolist()
    (place / "labels_mean.json").write_text(json.dumps(labels))
    return place


def settings(folder: Path, *more: str) -> list[str]:
    return [*TINY, f"data.clips={folder}", f"data.cache={folder / 'cache'}", *more]


def task_of(name: str, folder: Path, *more: str) -> NetworkTask:
    recipe = load_recipe(RECIPES / f"{name}.yaml", settings(folder, *more))
    built = build_task(recipe, f"recipes/critique/{name}.yaml")
    assert isinstance(built, NetworkTask) and isinstance(built, Task)
    return built


def run(name: str, folder: Path, out: Path, *more: str, **options: Any) -> dict[str, Any]:
    chosen = settings(folder, *more)
    return train(RECIPES / f"{name}.yaml", chosen, out=out, progress=False, **options)


def test_every_recipe_is_tested() -> None:
    assert {path.stem for path in RECIPES.glob("*.yaml")} >= set(NAMES)
    of_networks = {
        path.stem
        for path in RECIPES.glob("*.yaml")
        if yaml.safe_load(path.read_text())["kind"] == "network"
    }
    assert of_networks == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipes_state_every_value_of_the_schema(name: str) -> None:
    stated = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    checked = load_recipe(RECIPES / f"{name}.yaml").model_dump(mode="json")
    assert set(stated) == set(checked)
    for part in ("card", "model", "data", "attention"):
        assert set(stated[part]) == set(checked[part]), part


@pytest.mark.parametrize("name", ["han", "han-score79", "bilstm"])
def test_the_presets_train_as_the_source_did(name: str) -> None:
    recipe = load_recipe(RECIPES / f"{name}.yaml")
    assert isinstance(recipe, NetworkRecipe)
    chosen = recipe.training
    assert (chosen.optimizer.name, chosen.optimizer.lr, chosen.optimizer.weight_decay) == (
        "adam",
        2.5e-5,
        1e-5,
    )
    assert (chosen.batch_size, chosen.clip, chosen.precision) == (8, 2.0, "32")
    assert recipe.model.dropout == 0.2
    assert [rates(chosen.schedule, s, None).lr_scale for s in (0, 2999, 3000, 6000)] == (
        pytest.approx([1.0, 1.0, 0.98, 0.98**2])
    )


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.hedas=3", "did you mean heads"),
        ("kind=huge", "unknown kind of critique model"),
        ("training.curriculum.on=true", "curriculum.on to false"),
        ("training.optimizer.name=task", "use adam or adamw"),
        ("data.feature_set=score80", "data.feature_set"),
    ],
)
def test_a_wrong_value_is_named(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(RECIPES / "han.yaml", [override])


def test_a_fold_that_is_not_there_and_labels_of_other_clips(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="folds 0 to 3 here, not 9"):
        task_of("han-small", folder, "data.fold=9")
    other = tmp_path / "labels.json"
    other.write_text(json.dumps({"somebody": [0.5] * 19}))
    with pytest.raises(DataError, match="none of the clips has a label"):
        task_of("han-small", folder, f"data.labels={other}")


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_recipe_trains_and_tells_what_it_is(
    name: str, folder: Path, tmp_path: Path
) -> None:
    result = dispatch.train(
        RECIPES / f"{name}.yaml", settings(folder), out=tmp_path / "run", progress=False
    )
    assert (result["reason"], result["epochs"]) == ("max_epochs", 2)
    rows = [r for r in RunFolder.open(result["run"]).read_metrics() if r["kind"] == "epoch"]
    assert {"valid_mse", "valid_r2", "valid_r2_human", "train_clip_entropy"} <= set(rows[0])
    _, meta = load_checkpoint(result["best_weights"])
    assert meta.model_class.endswith(":ClipNetwork")
    assert meta.card.task == "critique" and meta.card.recipe.endswith(f"critique/{name}.yaml")
    assert meta.config["network"]["width"] == 6 and len(meta.data_hash) == 64
    # The file alone gives the figures that the training printed.
    recipe = load_recipe(RECIPES / f"{name}.yaml", settings(folder))
    valid = read_parts(recipe.data).valid
    predicted = load_network(result["last_weights"]).predict(valid.features)
    assert mse(valid.labels, predicted) == pytest.approx(result["last"]["valid_mse"], rel=1e-5)
    assert r2_mean(valid.labels, predicted) == pytest.approx(result["last"]["valid_r2"], abs=1e-4)


@pytest.mark.parametrize("name", ["han", "han-small"])
def test_a_resumed_run_has_the_same_weights(name: str, folder: Path, tmp_path: Path) -> None:
    more = ["training.accumulate=2", "training.schedule.total_steps=6", "training.max_epochs=9"]
    whole = run(name, folder, tmp_path / "whole", *more, "training.max_steps=6")
    run(name, folder, tmp_path / "parts", *more, "training.max_steps=3")
    resumed = train(
        RECIPES / f"{name}.yaml",
        ["training.max_steps=6"],
        out=tmp_path / "parts",
        resume=True,
        progress=False,
    )
    assert resumed["steps"] == whole["steps"] == 6
    one, two = (load_file(r["last_weights"]) for r in (whole, resumed))
    assert set(one) == set(two)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert resumed["last"] == whole["last"]


def test_statistics_come_from_the_training_clips_only(folder: Path) -> None:
    task = task_of("han", folder)
    parts = read_parts(task.recipe.data)
    assert np.array_equal(task.standard.mean, Standard.fit(parts.train.features).mean)
    everything = (*parts.train.features, *parts.valid.features, *parts.test.features)
    assert not np.array_equal(task.standard.mean, Standard.fit(everything).mean)
    names = [set(part.keys) for part in (parts.train, parts.valid, parts.test)]
    assert not (names[0] & names[1] or names[0] & names[2] or names[1] & names[2])
    assert len(set.union(*names)) == 13


def test_score_columns_are_the_same_for_every_performer(folder: Path) -> None:
    task = task_of("han-score79", folder)
    by_passage: dict[str, list[np.ndarray]] = {}
    for key, clip in zip(task.train.keys, task.train.features, strict=True):
        by_passage.setdefault(key.split("_")[0], []).append(clip.values)
    pairs = [values for values in by_passage.values() if len(values) > 1]
    assert pairs
    assert all(np.array_equal(values[0], values[1]) for values in pairs)
    full = task_of("han", folder)
    one, two = (
        full.train.features[full.train.keys.index(f"{passage}_4bars_{p}_1")].values
        for passage in [next(k for k, v in by_passage.items() if len(v) > 1)]
        for p in ("B", "C")
    )
    assert not np.array_equal(one, two)


def made_task(**changes: Any) -> NetworkTask:
    values: dict[str, Any] = {
        "model": {"embedding": 16, "width": 12, "heads": 2, "head_width": 16, "dropout": 0.0},
        "training": {"curriculum": {"on": False}, "batch_size": 8},
    }
    recipe = NetworkRecipe.model_validate({**values, **changes})
    return NetworkTask(recipe, made_clips(8), made_clips(5, seed=1))


def test_one_batch_can_be_learnt_by_heart() -> None:
    task = made_task()
    batch = task.batch(0, 0, 1, np.random.default_rng(0))
    optimizer = torch.optim.Adam(task.model.parameters(), lr=1e-2)
    first = task.training_loss(batch).loss.item()
    for _ in range(50):
        optimizer.zero_grad()
        loss = task.training_loss(batch).loss
        loss.backward()
        optimizer.step()
    assert first > 0.01 and loss.item() < 0.004


def test_every_clip_is_seen_once_an_epoch_in_another_order() -> None:
    task = made_task(training={"curriculum": {"on": False}, "batch_size": 3})
    rng = np.random.default_rng(0)
    orders = []
    for epoch in (0, 1):
        assert task.batches(epoch, 1) == 3
        rows = torch.cat([task.batch(epoch, i, 1, rng).labels_BK for i in range(3)])
        orders.append(rows)
        wanted = torch.from_numpy(task.train.labels.astype(np.float32))
        assert torch.equal(rows.sort(dim=0).values, wanted.sort(dim=0).values)
    assert not torch.equal(*orders)


def test_attention_has_a_rate_of_its_own() -> None:
    task = made_task(attention={"lr_multiplier": 3.0})
    (optimizer,) = task.optimizers()
    attention = {id(p) for p in task.model.attention_parameters()}
    everything = {id(p) for p in task.model.parameters()}
    seen: set[int] = set()
    for group in optimizer.param_groups:
        members = {id(p) for p in group["params"]}
        assert not members & seen
        seen |= members
        assert members <= attention or not members & attention
        assert group["lr"] == pytest.approx(3e-4 if members <= attention else 1e-4)
    assert seen == everything and attention
    assert len(made_task().optimizers()[0].param_groups) == 1


def test_the_entropy_penalty_moves_the_entropy_to_its_target() -> None:
    task = made_task(attention={"entropy_weight": 5.0, "entropy_target": 0.5})
    batch = task.batch(0, 0, 1, np.random.default_rng(0))
    optimizer = torch.optim.Adam(task.model.parameters(), lr=2e-2)
    before, plain = task.training_loss(batch), made_task().training_loss(batch)
    assert before.loss > plain.loss
    assert before.logs["mse"] == plain.loss
    for _ in range(60):
        optimizer.zero_grad()
        output = task.training_loss(batch)
        output.loss.backward()
        optimizer.step()
    for name in ("beat_entropy", "measure_entropy", "clip_entropy"):
        assert float(before.logs[name]) > 0.8
        assert float(output.logs[name]) == pytest.approx(0.5, abs=0.12)


def test_validation_is_over_all_clips_at_once_and_not_random(folder: Path) -> None:
    task = made_task()
    state = torch.get_rng_state()
    first = task.validate()
    task.model.train()
    assert task.validate() == first
    assert torch.equal(torch.get_rng_state(), state)
    notes = [task.standard.apply(clip) for clip in task.valid.features]
    predicted = np.concatenate([task.predict([clip]) for clip in notes])
    assert first["valid_r2"] == pytest.approx(r2_mean(task.valid.labels, predicted), abs=1e-5)


def test_two_runs_compared(folder: Path, tmp_path: Path) -> None:
    for name in ("han", "bilstm"):
        run(name, folder, tmp_path / name)
    report = compare([tmp_path / "han", tmp_path / "bilstm"], tmp_path / "page.html")
    assert report["settings"]["model.note_layers"] == [2, 7]
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_the_preview_trains_nothing(tmp_path: Path) -> None:
    shown = train(RECIPES / "han.yaml", out=tmp_path / "run", preview=True)
    assert (shown["kind"], shown["peak"]) == ("step", 2.5e-5)
    assert not (tmp_path / "run").exists()


def test_a_protocol_with_networks_resumes(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / "han-small.yaml", settings(folder, "training.max_epochs=1"))
    assert isinstance(recipe, NetworkRecipe)
    clips, labelled = read_labelled(recipe.data)

    def protocol(max_epochs: int) -> Any:
        training = recipe.training.model_copy(update={"max_epochs": max_epochs})
        chosen = recipe.model_copy(update={"training": training})
        return run_protocol(
            lambda number: NetworkPredictor(chosen, labelled, tmp_path / "runs", number),
            clips,
            labelled.labels,
            "passage",
            1,
            groups_N=np.arange(len(clips)),
        )

    first = protocol(1)
    rows = first.fold_table(labelled.labels)
    assert [row["epochs"] for row in rows] == [1] * 4
    assert all(row["beats"] == [16, 16] and row["measures"] == [4, 4] for row in rows)
    assert all(row["parameters"] > 0 for row in rows)
    # A finished fold is not trained again, and gives what it gave.
    again = protocol(1)
    assert np.array_equal(first.tests[0].predicted, again.tests[0].predicted)
    assert len(splits(clips, "passage", 0)) == len(list((tmp_path / "runs").iterdir())) == 4
    # Another recipe is another run, not the same one gone on with.
    assert [row["epochs"] for row in protocol(2).fold_table(labelled.labels)] == [2] * 4
    assert len(list((tmp_path / "runs").iterdir())) == 8


def test_a_recipe_is_a_contestant(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(RECIPES / "han-small.yaml", settings(folder, "training.max_epochs=1"))
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    clips, labels = find_clips(str(folder))
    bench = Bench(tuple(clips), labels, np.arange(len(clips)))
    made = network(file, bench, tmp_path / "runs")
    assert not made.learns_valid and made.version != network(_wider(file), bench).version
    fold = splits(clips, "passage", 0)[0]
    fitted = made.make(3).fit(fold.train, fold.valid)
    assert fitted.predict(fold.test).shape == (len(fold.test), 19)
    assert [path.name[:5] for path in (tmp_path / "runs").iterdir()] == ["0003-"]
    strong = tmp_path / "strong.yaml"
    strong.write_text("task: critique\nkind: huge\n")
    with pytest.raises(ConfigError, match="unknown kind"):
        network(strong, bench)


def _wider(file: Path) -> Path:
    values = yaml.safe_load(file.read_text())
    values["model"]["width"] = 10
    other = file.with_name("wider.yaml")
    other.write_text(yaml.safe_dump(values))
    return other


def test_a_trained_network_is_inspected(folder: Path, tmp_path: Path) -> None:
    result = run("han-small", folder, tmp_path / "run", "data.fold=1")
    report = inspect_critique(result["best_weights"], folder, cache=folder / "cache")
    json.dumps(report)
    assert report["split"] == {"protocol": "passage", "split_seed": 0, "fold": 1}
    assert report["part"] == "valid" and report["n"] >= 2
    assert set(report["attention_entropy"]) == {"beat", "measure", "clip"}
    assert set(report["contribution"]["zeroed"]) == {"note", "voice", "beat", "measure"}
    with pytest.raises(DataError, match="no part"):
        inspect_critique(result["best_weights"], folder, part="every")
    whole = inspect_critique(result["best_weights"], folder, part="all", cache=folder / "cache")
    assert whole["n"] == 13
    # The same weights beside other labels: nobody knows what was learnt from.
    table = json.loads((folder / "labels_mean.json").read_text())
    other = tmp_path / "labels.json"
    other.write_text(json.dumps({key: [0.5, *row[1:]] for key, row in table.items()}))
    with pytest.raises(DataError, match="do not say which of these clips"):
        inspect_critique(result["best_weights"], folder, other, cache=folder / "cache")
