"""Recipes of the source design, executed; its own JSON keys; weights to disk and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from made_sounds import made_sound, write_clips
from partimento.core.checkpoint import read_meta
from partimento.core.errors import ConfigError, DataError, InputFileError
from partimento.tasks import dispatch
from partimento.tasks.audio2visual.bank import PromptBank
from partimento.tasks.audio2visual.recipe import load_recipe
from partimento.tasks.audio2visual.source_config import SoundDataConfig
from partimento.tasks.audio2visual.source_data import read_parts
from partimento.tasks.audio2visual.source_recipe import LightRecipe, SourceRecipe
from partimento.tasks.audio2visual.source_weights import load_text_weights
from partimento.tasks.audio2visual.train import compare

RECIPES = Path(__file__).resolve().parents[3] / "recipes" / "audio2visual"
NAMES = ("source-bs16", "source-bs1", "light")
SOURCES = ("source-bs16", "source-bs1")
LABELS = ("Dog bark", "Rain", "Clock tick")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four folds of short made sounds of three classes."""
    folder = tmp_path_factory.mktemp("clips")
    write_clips(folder, LABELS, per_class=8, seconds=0.4)
    return folder


def tiny(clips: Path, name: str) -> list[str]:
    changes = [
        f"data.csv={clips / 'clips.csv'}",
        f"data.audio={clips / 'audio'}",
        f"data.cache={clips / 'cache'}",
        "training.max_epochs=2",
        "training.log_every=1",
    ]
    if name in SOURCES:
        changes += [
            "model.adapter.hidden=16",
            "model.adapter.width=8",
            "model.clip.width=8",
            "model.t5.width=8",
        ]
    return changes


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_trains_and_its_weights_embed(name: str, clips: Path, tmp_path: Path) -> None:
    summary = dispatch.train(
        RECIPES / f"{name}.yaml", tiny(clips, name), out=tmp_path / "run", progress=False
    )
    assert summary["epochs"] == 2
    assert {"valid_top1", "valid_r2", "valid_diversity", "valid_mse"} <= summary["best"].keys()
    embedder = load_text_weights(summary["last_weights"])
    sounds = [made_sound(label, 5, 0.4) for label in LABELS]
    found = embedder.embed(sounds)
    shapes = {"clip": (3, 768), "t5": (3, 17, 4096)}
    heads = ("clip",) if name == "light" else ("clip", "t5")
    assert {n: v.shape for n, v in found.items()} == {n: shapes[n] for n in heads}
    alone = embedder.embed(sounds[1:2])
    for head, values in alone.items():
        assert np.allclose(values[0], found[head][1], atol=1e-4)
    meta = read_meta(summary["last_weights"])
    assert meta.card.recipe.endswith(f"audio2visual/{name}.yaml")
    assert meta.vocabulary["labels"] == sorted(LABELS)
    assert meta.config["bank"]["hash"] == PromptBank.load().rows(sorted(LABELS)).hash or (
        meta.config["bank"]["hash"] == PromptBank.load().hash
    )
    report = compare([summary["run"]])
    assert report["curves"]


def test_no_recipe_of_these_kinds_is_left_out() -> None:
    kinds = {path.stem: yaml.safe_load(path.read_text()) for path in RECIPES.glob("*.yaml")}
    ours = {name for name, values in kinds.items() if values.get("kind") in ("source", "light")}
    assert ours == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_recipes_state_every_value_of_the_schema(name: str) -> None:
    stated = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    checked = load_recipe(RECIPES / f"{name}.yaml").model_dump(mode="json")
    assert set(stated) == set(checked)
    for part in ("card", "model", "data", "loss", "batching"):
        assert set(stated[part]) == set(checked[part]), part


def test_the_two_recommended_settings_are_what_their_names_say() -> None:
    sixteen, single = (load_recipe(RECIPES / f"{name}.yaml") for name in SOURCES)
    light = load_recipe(RECIPES / "light.yaml")
    assert isinstance(sixteen, SourceRecipe) and isinstance(single, SourceRecipe)
    assert isinstance(light, LightRecipe)
    assert (sixteen.training.batch_size, single.training.batch_size) == (16, 1)
    for recipe in (sixteen, single):
        assert recipe.model.targets == ("clip", "t5")
        assert (recipe.model.adapter.norm, recipe.model.adapter.dropout) == ("group", 0.05)


# -- the source's own keys ------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOURCES)
def test_the_sources_json_gives_the_same_recipe(name: str) -> None:
    ours = load_recipe(RECIPES / f"{name}.yaml").model_dump()
    theirs = load_recipe(RECIPES / f"{name}.json").model_dump()
    for part in ("model", "data", "loss", "batching", "rates"):
        assert theirs[part] == ours[part], part
    keys = ("seed", "batch_size", "accumulate", "max_epochs", "clip", "schedule", "curriculum")
    for key in keys:
        assert theirs["training"][key] == ours["training"][key], key


def test_a_json_file_trains_with_its_own_keys(clips: Path, tmp_path: Path) -> None:
    values = json.loads((RECIPES / "source-bs16.json").read_text())
    small = {"adapter_hidden": 8, "adapter_width": 8, "map_width": 8, "epochs": 1}
    place = {"dataset_csv": str(clips / "clips.csv"), "dataset_audio": str(clips / "audio")}
    del values["adapters"]["t5"]
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({**values, **small, **place, "sampler": "stratified"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        summary = dispatch.train(file, ["batch_size=4"], out=tmp_path / "run", progress=False)
    # 18 clips of three classes in batches of one class, at most 4 of them.
    assert summary["steps"] == 6
    stored = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert stored["batching"]["mode"] == "homogeneous" and stored["training"]["batch_size"] == 4
    assert stored["task"] == "audio2visual"


def test_an_unknown_key_of_the_source_is_named(tmp_path: Path) -> None:
    file = tmp_path / "typo.json"
    file.write_text('{"batch_size": 8, "learningrate": 1e-4, "adapters": {"clip": {"lr": 1}}}')
    with pytest.raises(ConfigError) as error:
        load_recipe(file)
    assert "unknown field learningrate" in error.value.text
    assert "adapters.clip.lr" in error.value.text and "learning_rate" in error.value.text
    file.write_text('{"adapter_norm": "instance"}')
    with pytest.raises(ConfigError, match="adapter_norm"):
        load_recipe(file)


# -- data, weights --------------------------------------------------------------------------------


def settings(clips: Path, **change: Any) -> SoundDataConfig:
    place = {"csv": str(clips / "clips.csv"), "audio": str(clips / "audio"), "cache": None}
    return SoundDataConfig.model_validate({**place, **change})


def test_folds_and_classes_are_those_of_the_recipe(clips: Path) -> None:
    train, valid, targets = read_parts(
        settings(clips, train_folds=(2, 3), valid_folds=(1,), classes=("Rain", "Dog bark")),
        ("clip", "t5"),
    )
    assert (len(train), len(valid)) == (8, 4)
    assert train.labels == ("Rain", "Dog bark")
    bank = PromptBank.load()
    rain = bank.clip_KE[bank.names.index("Rain")]
    assert np.allclose(targets.tables["clip"][0].numpy(), rain)
    assert targets.tables["t5"].shape == (2, 17, 4096)
    assert train.hash() == train.part(np.arange(8)).hash() != valid.hash()


def test_clips_under_sampling_plus_are_not_learnt_from(clips: Path, tmp_path: Path) -> None:
    text = (clips / "clips.csv").read_text().splitlines()
    marked = tmp_path / "clips.csv"
    # The first clips of the first class are of folds 1 and 2.
    text[1:3] = [row.replace("CC0", "CC-Sampling+") for row in text[1:3]]
    marked.write_text("\n".join(text) + "\n")
    change = {"csv": str(marked), "train_folds": (1, 3), "valid_folds": (2,)}
    counts = [len(part) for part in read_parts(settings(clips, **change), ("clip",))[:2]]
    every = read_parts(settings(clips, **change, leave_out_sampling=False), ("clip",))[:2]
    assert counts == [11, 6] and [len(part) for part in every] == [12, 6]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"valid_folds": (5,)}, "no clip of fold 5"),
        ({"classes": ("Rain", "Thunder")}, "'Thunder'"),
        ({"encoders": ("logmel", "logmel")}, "named twice"),
        ({"audio": "nowhere"}, "no such folder"),
    ],
)
def test_what_the_data_lack_is_said(clips: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_parts(settings(clips, **change), ("clip",))


def test_other_weights_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not of the source design"):
        load_text_weights("chorale-small")
    file = tmp_path / "a.safetensors"
    file.write_bytes(b"no tensors here, but long enough")
    with pytest.raises(InputFileError, match="no safetensors"):
        load_text_weights(file)
