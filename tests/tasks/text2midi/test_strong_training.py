"""The strong model's recipe, executed on a small corpus; resuming; semantic tokens in the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from made_tunes import write_tunes
from partimento.core.checkpoint import load_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.tasks.text2midi.captions import caption
from partimento.tasks.text2midi.corpus import excerpts, read_corpus
from partimento.tasks.text2midi.interface import Conditions
from partimento.tasks.text2midi.loading import load_text_model
from partimento.tasks.text2midi.recipe import load_recipe
from partimento.tasks.text2midi.semantic import SemanticTokens
from partimento.tasks.text2midi.semantic_report import save_tokens
from partimento.tasks.text2midi.strong_data import described
from partimento.tasks.text2midi.strong_sections import Sections
from partimento.tasks.text2midi.train import build_task, train

RECIPE = Path(__file__).parents[3] / "recipes" / "text2midi" / "strong.yaml"


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty tunes of eight bars."""
    folder: Path = write_tunes(tmp_path_factory.mktemp("tunes"), 40)
    return folder


@pytest.fixture(scope="module")
def tokens(tunes: Path) -> Path:
    """Semantic tokens fitted on captions of the tunes."""
    rng = np.random.default_rng(0)
    texts = []
    for piece in read_corpus(tunes):
        excerpt = excerpts(piece, 8)[0]
        attributes = described(excerpt, excerpt.music)
        texts.append([caption(attributes, piece.about, rng, "long") for _ in range(3)])
    path = tunes / "semantic.safetensors"
    save_tokens(path, SemanticTokens.fit(texts, 4, residual_k=2, dim=8), ["made up"])
    return path


def settings(tunes: Path, tokens: Path | None, steps: int) -> list[str]:
    """Overrides that make the shipped recipe small."""
    small = {
        "data.sources": f"[{tunes}]",
        "data.semantic": "null" if tokens is None else str(tokens),
        "data.positions": 256,
        "data.valid_excerpts": 2,
        "data.epoch_batches": 2,
        "model.width": 32,
        "model.layers": 1,
        "model.heads": 2,
        "model.feedforward": 32,
        "training.max_steps": steps,
        "training.schedule.total_steps": 4,
        "training.schedule.warmup_steps": 1,
        "training.precision": "'32'",
    }
    return [f"{name}={value}" for name, value in small.items()]


def test_the_recipe_runs_and_its_weights_load(tunes: Path, tokens: Path, tmp_path: Path) -> None:
    summary = train(RECIPE, settings(tunes, tokens, 4), out=tmp_path / "run", progress=False)
    best = Path(summary["run"]) / "checkpoints" / "best.safetensors"
    _, meta = load_checkpoint(best)
    assert meta.card.task == "text2midi" and meta.card.licence == "CC-BY-SA-4.0"
    model = load_text_model(best)
    first, second = model.semantic("a slow waltz in F major for violin")
    assert 0 <= first < 4 and 0 <= second < 2
    music = read_corpus(tunes)[0].sections[0]
    nats = model.nats(music, [Conditions(), Conditions(semantic=(first, second))])
    assert len(nats) == 2 and nats[0] != nats[1] and min(nats) > 0


def test_a_resumed_run_is_the_same(tunes: Path, tmp_path: Path) -> None:
    whole = train(RECIPE, settings(tunes, None, 4), out=tmp_path / "whole", progress=False)
    train(RECIPE, settings(tunes, None, 2), out=tmp_path / "parts", progress=False)
    parts = train(
        RECIPE, ["training.max_steps=4"], out=tmp_path / "parts", resume=True, progress=False
    )
    last = [Path(r["run"]) / "checkpoints" / "last.safetensors" for r in (whole, parts)]
    one, other = (load_checkpoint(path)[0] for path in last)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_to_begin_with_must_fit(tunes: Path, tmp_path: Path) -> None:
    first = train(RECIPE, settings(tunes, None, 2), out=tmp_path / "first", progress=False)
    last = Path(first["run"]) / "checkpoints" / "last.safetensors"
    overrides = settings(tunes, None, 2)
    task = build_task(load_recipe(RECIPE, [*overrides, f"start={last}"]), RECIPE)
    stored = load_checkpoint(last)[0]["place_out.weight"]
    assert torch.equal(task.model.state_dict()["place_out.weight"], stored.float())
    with pytest.raises(DataError, match="another shape"):
        build_task(load_recipe(RECIPE, [*overrides, f"start={last}", "model.width=48"]), RECIPE)


@pytest.mark.parametrize(
    "override",
    ["training.optimizer.name=adamw", "data.fewest_bars=50", "training.curriculum.on=true"],
)
def test_recipes_that_contradict_themselves(override: str) -> None:
    with pytest.raises(ConfigError):
        load_recipe(RECIPE, [override])


def test_batches_hold_little_padding(tunes: Path) -> None:
    rng = np.random.default_rng(0)
    sections = Sections(read_corpus(tunes), 0.85)
    for _ in range(10):
        drawn = sections.draw(8, 512, rng)
        lengths = [len(e.music) + e.music.bars for e in drawn]
        assert max(lengths) <= 1.5 * min(lengths)
        assert sum(lengths) <= 700


def test_the_margin_asks_for_what_is_missing(tunes: Path) -> None:
    overrides = [*settings(tunes, None, 2), "loss.counterfactual_weight=1.0"]
    task = build_task(load_recipe(RECIPE, overrides), RECIPE)
    batch = task.batch(0, 0, 1, np.random.default_rng(3))
    with torch.no_grad():
        task.model.prefix_in.weight.zero_()
        task.model.tonal_in.weight.zero_()
        task.model.tonal_out.weight.zero_()
        deaf = task.training_loss(batch)
    # A model that does not hear the prefix misses the whole margin wherever prefixes differ.
    differs = (batch.prefix != batch.prefix.roll(1, 0)).any(1).float().mean()
    assert float(deaf.logs["train_margin_missing"]) == pytest.approx(0.3 * float(differs), abs=1e-5)
    task.training_loss(batch).loss.backward()
    assert task.model.prefix_in.weight.grad.abs().sum() > 0
