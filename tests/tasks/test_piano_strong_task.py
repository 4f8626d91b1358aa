"""Training of the strong model: the recipes run, resume to the bit, and say what is wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.core.checkpoint import load_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.music.events import disjoint, to_performance
from partimento.music.performance_write import write_performance
from partimento.tasks.dispatch import train
from partimento.tasks.piano.loading import load_piano
from partimento.tasks.piano.recipe import load_recipe

RECIPES = Path(__file__).parents[2] / "recipes/piano"
SMALL = (
    "model.width=64",
    "model.layers=1",
    "model.heads=1",
    "model.feedforward=64",
    "model.context=64",
    "data.lengths=[32, 64]",
    "data.length_shares=[0.5, 0.5]",
    "data.positions=128",
    "data.epoch_batches=2",
    "training.checkpoint_every=1",
    "training.validate_every=1",
    "training.log_every=1",
    "training.precision='32'",
    "training.schedule.warmup_steps=1",
)


@pytest.fixture
def performances(tmp_path: Path) -> Path:
    """Four short pieces in a folder, two of them for validation, named by a table."""
    rows = ["folder,midi_performance,split"]
    for index in range(4):
        rng = np.random.default_rng(index)
        onset = np.sort(rng.integers(0, 1500, 90))
        notes = disjoint(
            onset,
            onset + rng.integers(5, 80, 90),
            rng.integers(40, 90, 90),
            rng.integers(8, 24, 90),
        )
        write_performance(to_performance(notes), tmp_path / f"{index}.mid")
        rows.append(f"piece{index},{index}.mid,{'train' if index < 2 else 'validation'}")
    table = tmp_path / "performances.csv"
    table.write_text("\n".join(rows) + "\n")
    return table


@pytest.mark.parametrize("name", ["strong", "permissive"])
def test_the_shipped_recipes_run(name: str, performances: Path, tmp_path: Path) -> None:
    overrides = (*SMALL, f"data.performances={performances}", "training.max_steps=2")
    summary = train(RECIPES / f"{name}.yaml", overrides, out=tmp_path / "run", progress=False)
    assert summary["steps"] == 2
    weights = tmp_path / "run/checkpoints/best.safetensors"
    _, meta = load_checkpoint(weights)
    assert meta.card.name == f"piano-{name}" and meta.card.recipe == f"recipes/piano/{name}.yaml"
    nats = load_piano(weights).nats(
        disjoint(np.array([0, 50]), np.array([40, 90]), np.array([60, 64]), np.array([16, 20]))
    )
    assert nats.shape == (4,) and (nats > 0).all()


def test_resumed_equals_uninterrupted(performances: Path, tmp_path: Path) -> None:
    recipe = RECIPES / "strong.yaml"
    fixed = (*SMALL, f"data.performances={performances}", "training.schedule.total_steps=4")
    train(recipe, (*fixed, "training.max_steps=4"), out=tmp_path / "whole", progress=False)
    train(recipe, (*fixed, "training.max_steps=3"), out=tmp_path / "parts", progress=False)
    train(recipe, ("training.max_steps=4",), resume=True, out=tmp_path / "parts", progress=False)
    ends = [
        load_checkpoint(tmp_path / n / "checkpoints/last.safetensors")[0]
        for n in ("whole", "parts")
    ]
    assert ends[0].keys() == ends[1].keys()
    for name, tensor in ends[0].items():
        assert torch.equal(tensor, ends[1][name]), name


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.optimizer.name=adamw", "Muon and AdamW"),
        ("training.curriculum.on=true", "curriculum.on"),
        ("model.context=256", "model.context 256"),
        ("data.length_shares=[1.0]", "one share for each"),
        ("data.length_shares=[0.5, 0.6]", "add up to 1"),
    ],
)
def test_contradictions_are_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(RECIPES / "strong.yaml", [override])


def test_a_run_may_begin_with_trained_weights(performances: Path, tmp_path: Path) -> None:
    recipe = RECIPES / "strong.yaml"
    fixed = (*SMALL, f"data.performances={performances}", "training.max_steps=1")
    train(recipe, fixed, out=tmp_path / "first", progress=False)
    weights = tmp_path / "first/checkpoints/last.safetensors"
    still = ("training.optimizer.lr=1e-9", "training.optimizer.muon_lr=1e-9", "training.ema=0")
    train(recipe, (*fixed, f"start={weights}", *still), out=tmp_path / "second", progress=False)
    before, _ = load_checkpoint(weights)
    after, _ = load_checkpoint(tmp_path / "second/checkpoints/last.safetensors")
    for name, tensor in before.items():
        assert torch.allclose(tensor.float(), after[name].float(), atol=1e-2), name
    other = (*fixed, f"start={weights}", "model.layers=2")
    with pytest.raises(DataError, match="another shape"):
        train(recipe, other, out=tmp_path / "third", progress=False)


def test_a_part_without_performances_is_named(performances: Path, tmp_path: Path) -> None:
    overrides = (*SMALL, f"data.performances={performances}", "data.train_split=nowhere")
    with pytest.raises(DataError, match="nowhere"):
        train(RECIPES / "strong.yaml", overrides, out=tmp_path / "run", progress=False)
