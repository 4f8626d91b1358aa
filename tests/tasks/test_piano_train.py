"""Recipes of the event models: executed, resumed to the bit, causal, blind to padding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from made_performances import another_take, random_piece, write_notes
from partimento.core.checkpoint import load_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.core.runs import RunFolder
from partimento.music.events import EOS, EVENTS, PAD, SOS, VOCABULARY
from partimento.tasks.piano.data import Take, cut_crops, read_takes
from partimento.tasks.piano.event_recipe import EventRecipe
from partimento.tasks.piano.recipe import check_recipe, load_recipe
from partimento.tasks.piano.task import EventTask, real_events, score_window
from partimento.tasks.piano.train import build_task, compare, train
from partimento.training.task import Task

RECIPES = Path(__file__).resolve().parents[2] / "recipes" / "piano"
TINY_MODEL = ["model.width=16", "model.layers=2", "model.heads=2", "model.context=64"]
TINY = [
    *TINY_MODEL,
    "model.feedforward=24",
    "data.valid_windows=6",
    "data.epoch_crops=12",
    "training.batch_size=4",
    "training.max_epochs=2",
    "training.max_steps=6",
    "training.schedule.warmup_steps=2",
    "training.checkpoint_every=2",
    "training.log_every=1",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four made-up works of two takes each, the last for validation."""
    place = tmp_path_factory.mktemp("performances")
    lines = ["midi_performance,folder,split"]
    for k in range(4):
        for player in range(2):
            name = f"work{k}/player{player}.mid"
            write_notes(another_take(random_piece(k, notes=120), player), place / name)
            lines.append(f"{name},work{k},{'validation' if k == 3 else 'train'}")
    (place / "performances.csv").write_text("\n".join(lines) + "\n")
    return place


def tiny(name: str, folder: Path, *more: str) -> EventRecipe:
    chosen = load_recipe(RECIPES / f"{name}.yaml", [*TINY, f"data.performances={folder}", *more])
    assert isinstance(chosen, EventRecipe)
    return chosen


def task_of(name: str, folder: Path, *more: str) -> EventTask:
    built = build_task(tiny(name, folder, *more), f"recipes/piano/{name}.yaml")
    assert isinstance(built, EventTask) and isinstance(built, Task)
    return built


def run(name: str, folder: Path, out: Path, *more: str, **options: Any) -> dict[str, Any]:
    settings = [*TINY, f"data.performances={folder}", *more]
    return train(RECIPES / f"{name}.yaml", settings, out=out, progress=False, **options)


@pytest.mark.parametrize("name", ["original", "enhanced"])
def test_shipped_recipes_state_every_value_of_the_schema(name: str) -> None:
    stated = yaml.safe_load((RECIPES / f"{name}.yaml").read_text())
    checked = load_recipe(RECIPES / f"{name}.yaml").model_dump(mode="json")
    assert set(stated) == set(checked)
    for part in ("card", "model", "data", "loss"):
        assert set(stated[part]) == set(checked[part]), part
    assert stated["data"]["performances"] == "asap"


def test_the_presets_are_what_the_source_says() -> None:
    original, enhanced = (load_recipe(RECIPES / f"{n}.yaml") for n in ("original", "enhanced"))
    assert isinstance(original, EventRecipe) and isinstance(enhanced, EventRecipe)
    for chosen, width, layers, batch in ((original, 256, 6, 6), (enhanced, 384, 8, 8)):
        model = chosen.model
        assert (model.width, model.layers, chosen.training.batch_size) == (width, layers, batch)
        assert (model.heads, model.context) == (width // 64, 2048)
    adam = original.training
    assert (adam.optimizer.name, adam.schedule.kind) == ("adam", "inverse_sqrt")
    assert adam.schedule.warmup_steps == 4000
    assert adam.optimizer.lr == pytest.approx((256 * 4000) ** -0.5, rel=1e-3)
    assert (original.loss.label_smoothing, original.data.transpose, original.data.stretch) == (
        0,
        0,
        0,
    )
    cosine = enhanced.training
    assert (cosine.optimizer.name, cosine.schedule.kind, cosine.clip) == ("adamw", "cosine", 1.0)
    assert enhanced.loss.label_smoothing == 0.1
    assert (enhanced.data.transpose, enhanced.data.transpose_probability) == (2, 0.3)
    assert enhanced.data.stretch > 0
    for chosen in (original, enhanced):
        assert chosen.training.schedule.bound == 0.003


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model.hedas=3", "did you mean heads"),
        ("kind=huge", "unknown kind of piano model"),
        ("training.curriculum.on=true", "curriculum.on to false"),
        ("training.optimizer.lr=0.102", "above schedule.bound"),
        ("data.transpose=20", "less than or equal to 11"),
    ],
)
def test_a_wrong_value_is_named(override: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_recipe(RECIPES / "original.yaml", [override])


@pytest.mark.parametrize("name", ["original", "enhanced"])
def test_a_shipped_recipe_trains_and_tells_what_it_is(
    name: str, folder: Path, tmp_path: Path
) -> None:
    result = run(name, folder, tmp_path / "run")
    assert (result["reason"], result["steps"]) == ("max_steps", 6)
    rows = [r for r in RunFolder.open(result["run"]).read_metrics() if r["kind"] == "epoch"]
    for row in rows:
        parts = [row[f"valid_{t}_nats_per_note"] for t in ("on", "off", "shift", "velocity")]
        assert row["valid_nats_per_note"] == pytest.approx(sum(parts))
        assert row["valid_grammar_nats_per_note"] < row["valid_nats_per_note"]
        assert row["valid_nats_per_token"] < np.log(VOCABULARY) + 1
    _, meta = load_checkpoint(result["best_weights"])
    assert meta.model_class.endswith(":EventTransformer")
    assert meta.card.task == "piano" and meta.card.licence == "CC-BY-NC-SA-4.0"
    assert meta.card.recipe.endswith(f"recipes/piano/{name}.yaml")
    assert meta.config["width"] == 16 and len(meta.data_hash) == 64
    assert meta.vocabulary["events"] == 388


@pytest.mark.parametrize("name", ["original", "enhanced"])
def test_a_resumed_run_has_the_same_weights(name: str, folder: Path, tmp_path: Path) -> None:
    more = ["training.accumulate=2", "training.ema=0.9", "data.epoch_crops=24"]
    whole = run(name, folder, tmp_path / "whole", *more, "training.schedule.total_steps=6")
    more += ["training.schedule.total_steps=6", "training.max_steps=2"]
    run(name, folder, tmp_path / "parts", *more)
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


@pytest.mark.parametrize("name", ["original", "enhanced"])
def test_the_future_and_the_padding_are_not_seen(name: str, folder: Path) -> None:
    task = task_of(name, folder)
    model = task.model.eval()
    tokens = task.batch(0, 0, 64, np.random.default_rng(0)).input_BT[:2]
    changed = tokens.clone()
    changed[:, 40:] = torch.randint(0, EVENTS, (2, 24), generator=torch.Generator().manual_seed(1))
    padded = tokens.clone()
    padded[:, 40:] = PAD
    with torch.no_grad():
        plain = model(tokens)
        assert plain.shape == (2, 64, VOCABULARY)
        for other in (changed, padded):
            assert torch.allclose(model(other)[:, :40], plain[:, :40], atol=1e-5)
        assert not torch.allclose(model(changed)[:, 41:], plain[:, 41:], atol=1e-3)


def test_padding_changes_neither_loss_nor_gradient(folder: Path) -> None:
    gradients, losses = [], []
    for length in (40, 64):
        task = task_of("original", folder)
        task.model.eval()
        takes = [Take("a", "a", random_piece(1, notes=8)), Take("b", "b", random_piece(2, notes=6))]
        crops = cut_crops(takes, np.array([[0, 0], [1, 0]]), length)
        assert int(crops.keep_BT.sum()) == sum(len(t.sequence) - 1 for t in takes) < 80
        loss = task.training_loss(crops).loss
        loss.backward()
        losses.append(loss.item())
        gradients.append([p.grad.clone() for p in task.model.parameters() if p.grad is not None])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for one, two in zip(*gradients, strict=True):
        assert torch.allclose(one[: len(two)], two[: len(one)], atol=1e-6)


def test_one_batch_can_be_learnt_by_heart(folder: Path) -> None:
    task = task_of("original", folder, "model.width=32", "model.layers=1")
    crops = task.batch(0, 0, 64, np.random.default_rng(0))
    optimizer = torch.optim.Adam(task.model.parameters(), lr=1e-2)
    task.model.eval()
    first = task.training_loss(crops).loss.item()
    for _ in range(150):
        optimizer.zero_grad()
        loss = task.training_loss(crops).loss
        loss.backward()
        optimizer.step()
    assert first > 4.0
    assert loss.item() < 0.3


def test_smoothing_gives_no_mass_to_padding_and_start(folder: Path) -> None:
    real = real_events(torch.device("cpu"))
    assert int(real.sum()) == EVENTS + 1
    assert not real[PAD] and not real[SOS] and real[EOS]
    task = task_of("enhanced", folder)
    crops = task.batch(0, 0, 64, np.random.default_rng(0))
    task.model.eval()
    output = task.training_loss(crops)
    logits = task.model(crops.input_BT)[crops.keep_BT]
    target = crops.target_BT[crops.keep_BT]
    wanted = torch.zeros(len(target), VOCABULARY)
    wanted[:, real] = 0.1 / (EVENTS + 1)
    wanted[torch.arange(len(target)), target] += 0.9
    by_hand = -(wanted * logits.log_softmax(-1)).sum(-1).mean()
    assert output.loss.item() == pytest.approx(by_hand.item(), abs=1e-5)
    plain = torch.nn.functional.cross_entropy(logits, target)
    assert float(output.logs["nats_per_token"]) == pytest.approx(plain.item(), abs=1e-5)


def test_validation_is_neither_varied_nor_smoothed_nor_random(folder: Path) -> None:
    task = task_of("enhanced", folder)
    state = torch.get_rng_state()
    first = task.validate()
    task.model.train()
    assert task.validate() == first
    assert torch.equal(torch.get_rng_state(), state)
    # Whole pieces in one window each: the figure must be the plain likelihood of their events.
    whole = task_of("enhanced", folder, "data.valid_windows=null", "model.context=2048")
    valid = read_takes(whole.recipe.data, "validation", 2)
    model, nats, notes = whole.model.eval(), 0.0, 0
    for take in valid:
        sequence = torch.from_numpy(take.sequence.astype(np.int64))
        with torch.no_grad():
            logits = model(sequence[None, :-2])[0]
        nats += torch.nn.functional.cross_entropy(logits, sequence[1:-1], reduction="sum").item()
        notes += len(take.notes)
    assert whole.validate()["valid_nats_per_note"] == pytest.approx(nats / notes, rel=1e-4)


def test_the_mask_only_ever_helps(folder: Path) -> None:
    task = task_of("original", folder)
    for window in task.windows:
        logits = torch.randn(len(window.tokens) - 1, VOCABULARY)
        plain, masked, counts = score_window(logits, window)
        assert (masked <= plain + 1e-6).all() and masked.sum() < plain.sum()
        assert counts.sum() == len(window.tokens) - 1 - window.first


def test_accumulation_makes_one_step_of_several_batches(folder: Path, tmp_path: Path) -> None:
    more = ["training.accumulate=3", "training.batch_size=4", "training.max_epochs=1"]
    assert run("original", folder, tmp_path / "run", *more)["steps"] == 1


def test_a_work_in_both_parts_is_refused(folder: Path, tmp_path: Path) -> None:
    table = (folder / "performances.csv").read_text()
    leaky = tmp_path / "leaky.csv"
    leaky.write_text(
        table.replace("work3/player1.mid,work3,validation", "work3/player1.mid,x,train")
    )
    more = [f"data.performances={leaky}", f"data.root={folder}"]
    with pytest.raises(DataError, match="of one work are in training and validation"):
        run("original", folder, tmp_path / "a", *more)
    assert not (tmp_path / "a").exists()
    assert run("original", folder, tmp_path / "b", *more, "data.check_leaks=false")["steps"] == 6


def test_the_preview_trains_nothing_and_reads_nothing(tmp_path: Path) -> None:
    shown = train(RECIPES / "original.yaml", out=tmp_path / "run", preview=True)
    assert shown["peak_step"] == 3999
    assert shown["peak"] == pytest.approx((256 * 4000) ** -0.5, rel=1e-3)
    shown = train(RECIPES / "enhanced.yaml", out=tmp_path / "run", preview=True)
    assert shown["kind"] == "cosine" and shown["peak"] < 0.003
    assert not (tmp_path / "run").exists()


def test_both_runs_compared(folder: Path, tmp_path: Path) -> None:
    for name in ("original", "enhanced"):
        run(name, folder, tmp_path / name)
    report = compare([tmp_path / "original", tmp_path / "enhanced"], tmp_path / "page.html")
    assert report["settings"]["training.optimizer.name"] == ["adam", "adamw"]
    assert (tmp_path / "page.html").read_text().count("<svg") >= 1


def test_an_unknown_key_at_the_top() -> None:
    with pytest.raises(ConfigError, match="unknown field modell"):
        check_recipe({"modell": {}}, "here")
