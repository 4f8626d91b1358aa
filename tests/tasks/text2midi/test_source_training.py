"""Training of the source design: recipe to weights, buckets, resuming, the shipped recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from toy_tunes import examples_file, pieces, recipe_values

from partimento.core.checkpoint import read_meta
from partimento.core.errors import ConfigError, DataError
from partimento.core.runs import RunFolder
from partimento.tasks.text2midi.bucketing import bucketed_batches, padding_share
from partimento.tasks.text2midi.recipe import KINDS, check_recipe, load_recipe
from partimento.tasks.text2midi.source_config import SourceDataConfig
from partimento.tasks.text2midi.source_data import example_pieces
from partimento.tasks.text2midi.source_recipe import SourceRecipe
from partimento.tasks.text2midi.source_task import SourceTask, build
from partimento.tasks.text2midi.train import train
from partimento.training.task import Task

ROOT = Path(__file__).resolve().parents[3]


def written(folder: Path, **training: Any) -> Path:
    path = folder / "toy.yaml"
    path.write_text(yaml.safe_dump(recipe_values(examples_file(folder), **training)))
    return path


def made(folder: Path, **training: Any) -> SourceTask:
    recipe = check_recipe(recipe_values(examples_file(folder), **training), "toy")
    assert isinstance(recipe, SourceRecipe)
    return build(recipe, "toy.yaml")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    train(written(folder), out=folder / "run", progress=False)
    return folder


def test_training_learns_and_keeps_what_the_preset_asks_for(whole: Path) -> None:
    run = RunFolder.open(whole / "run")
    rows = [row for row in run.read_metrics() if "valid_nats_per_token" in row]
    assert rows[-1]["valid_nats_per_token"] < rows[0]["valid_nats_per_token"]
    for row in rows:
        found = np.exp(row["valid_nats_per_token"])
        assert row["valid_perplexity"] == pytest.approx(found)
        assert 0 <= row["valid_accuracy"] <= 1
    names = sorted(p.name for p in run.checkpoints.iterdir())
    assert {"best.safetensors", "last.safetensors", "last.pt"} < set(names)
    assert len([n for n in names if n.startswith("step-")]) == 3


def test_types_add_up_to_the_whole(whole: Path) -> None:
    task = made(whole)
    measured = task.validate()
    names = ("time_on", "note", "duration", "eos")
    assert all(f"valid_{name}_nats" in measured for name in names)
    per_note = sum(measured[f"valid_{name}_nats"] for name in names[:3])
    assert 0 < measured["valid_nats_per_note"] - per_note < measured["valid_nats_per_note"]


def test_weights_tell_scheme_statistics_and_no_codebook(whole: Path) -> None:
    meta = read_meta(whole / "run" / "checkpoints" / "last.safetensors")
    assert meta.vocabulary["scheme"] == "amt"
    assert sum(meta.vocabulary["statistics"]["cluster_sizes"].values()) > 30
    assert meta.vocabulary["semantic"] is None
    assert meta.card.task == "text2midi"
    assert meta.card.parameters == sum(p.numel() for p in made(whole).model.parameters())
    tensors = load_file(whole / "run" / "checkpoints" / "last.safetensors")
    assert "out.weight" not in tensors, "the tied table is stored once"


def test_a_stopped_training_goes_on_to_the_same_weights(whole: Path, tmp_path: Path) -> None:
    path = written(tmp_path)
    train(path, ["training.max_steps=7"], out=tmp_path / "run", progress=False)
    summary = train(
        path, ["training.max_steps=null"], out=tmp_path / "run", resume=True, progress=False
    )
    assert summary["steps"] > 7
    one, two = (
        load_file(folder / "run" / "checkpoints" / "last.safetensors")
        for folder in (whole, tmp_path)
    )
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_buckets_hold_every_window_once_and_little_padding() -> None:
    lengths = np.random.default_rng(0).integers(10, 500, 333)
    batches = bucketed_batches(lengths, 8, 6, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(333))
    again = bucketed_batches(lengths, 8, 6, np.random.default_rng(1))
    assert all((a == b).all() for a, b in zip(batches, again, strict=True))
    other = bucketed_batches(lengths, 8, 6, np.random.default_rng(2))
    assert np.concatenate(batches).tolist() != np.concatenate(other).tolist()
    unsorted = bucketed_batches(lengths, 8, 1, np.random.default_rng(1))
    assert padding_share(lengths, batches) < 0.4 * padding_share(lengths, unsorted)
    assert padding_share([3, 3], []) == 0
    with pytest.raises(ValueError, match="batches of 0"):
        bucketed_batches(lengths, 0, 1, np.random.default_rng(0))


def test_the_epochs_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    one, two = made(tmp_path), made(tmp_path)
    assert isinstance(one, Task)
    rng = np.random.default_rng(0)
    for index in range(one.batches(1, 64)):
        assert torch.equal(one.batch(1, index, 64, rng)[0], two.batch(1, index, 64, rng)[0])
    first, second = (
        torch.cat([one.batch(e, i, 64, rng)[0].flatten() for i in range(one.batches(e, 64))])
        for e in (0, 1)
    )
    assert not torch.equal(first, second)


def test_what_cannot_train_is_refused(tmp_path: Path) -> None:
    values = recipe_values(examples_file(tmp_path))
    with pytest.raises(ConfigError, match="either corpora or examples"):
        check_recipe({**values, "data": {}}, "toy")
    with pytest.raises(ConfigError, match=r"unknown kind.*strong"):
        check_recipe({**values, "kind": "storng"}, "toy")
    curriculum = {**values["training"], "curriculum": {"on": True}, "validate_steps": None}
    with pytest.raises(ConfigError, match=r"curriculum\.on"):
        check_recipe({**values, "training": curriculum}, "toy")
    recipe = check_recipe(values, "toy")
    assert isinstance(recipe, SourceRecipe)
    with pytest.raises(DataError, match="one to validate"):
        SourceTask(recipe, pieces(2), [])
    few = {**values["data"], "least_tokens": 100_000}
    short = check_recipe({**values, "data": few}, "toy")
    assert isinstance(short, SourceRecipe)
    with pytest.raises(DataError, match="too few"):
        build(short, "toy")


def test_the_preset_has_all_the_sources_numbers() -> None:
    recipe = load_recipe(ROOT / "recipes" / "text2midi" / "seed.yaml")
    assert isinstance(recipe, SourceRecipe)
    training = recipe.training
    assert recipe.model.model_dump() == {
        **{"vocabulary": 512, "width": 768, "layers": 6, "heads": 8, "feedforward": 1024},
        **{"context": 2000, "dropout": 0.1, "tied": True},
    }
    assert (training.batch_size, training.max_epochs, training.clip) == (32, 10, 1.0)
    assert (training.optimizer.name, training.optimizer.lr) == ("adamw", 1e-4)
    assert training.optimizer.weight_decay == 0.01
    assert training.schedule.warmup_steps == 1000
    assert (training.validate_steps, training.checkpoint_every, training.keep_last) == (
        *(1000, 1000),
        3,
    )
    assert recipe.data.clusters == 10


def test_the_small_replica_is_the_same_design() -> None:
    recipe = load_recipe(ROOT / "recipes" / "text2midi" / "seed-small.yaml")
    assert isinstance(recipe, SourceRecipe)
    assert recipe.data.clusters == 10
    assert recipe.model.context <= 512


def test_every_kind_names_a_schema_and_a_build_function() -> None:
    assert set(KINDS) == {"source", "strong"}
    for schema, function in KINDS.values():
        assert schema.endswith("Recipe") and function.endswith(":build")


def test_pieces_written_as_examples_are_read_as_the_same_pieces(tmp_path: Path) -> None:
    path = examples_file(tmp_path, 40)
    data = SourceDataConfig(examples=str(path))
    found = [*example_pieces(data, "train"), *example_pieces(data, "valid")]
    wanted = {f"{p.name}.mid": p for p in pieces(40)}
    assert {p.name for p in found} == set(wanted)
    for piece in found:
        assert piece.events.tolist() == wanted[piece.name].events.tolist()
        assert piece.semantic == wanted[piece.name].semantic
