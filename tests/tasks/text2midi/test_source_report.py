"""Reports of the source design: clusters, events, attention, the swap test; int8; the command."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_tunes import examples_file, pieces, recipe_values
from typer.testing import CliRunner

from partimento.cli.inspect import inspect
from partimento.core.errors import DataError
from partimento.music.amt_tokens import TYPES
from partimento.tasks.text2midi.quantise_export import export_int8, packed, unpacked
from partimento.tasks.text2midi.recipe import check_recipe
from partimento.tasks.text2midi.source_compose import SourceModel, load_source
from partimento.tasks.text2midi.source_config import SourceConfig
from partimento.tasks.text2midi.source_data import HEAD, collate, piece_windows
from partimento.tasks.text2midi.source_model import SourceTransformer, sequence_nats
from partimento.tasks.text2midi.source_recipe import SourceRecipe
from partimento.tasks.text2midi.source_report import (
    Scores,
    attention_table,
    held_out,
    scores,
    source_report,
    swap_test,
)
from partimento.tasks.text2midi.source_task import SourceTask


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that have learnt the two manners a little, with their examples beside them."""
    folder = tmp_path_factory.mktemp("report")
    recipe = check_recipe(recipe_values(examples_file(folder)), "toy")
    assert isinstance(recipe, SourceRecipe)
    task = SourceTask(recipe, pieces(40), pieces(4))
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=1e-2)
    windows = piece_windows(pieces(12), 64)
    task.model.train()
    for _ in range(30):
        optimizer.zero_grad()
        task.training_loss(collate([w[:30] for w in windows])).loss.backward()
        optimizer.step()
    task.save_weights(folder / "toy.safetensors", {})
    return folder


def test_the_report_adds_up(trained: Path) -> None:
    model = load_source(trained / "toy.safetensors")
    chosen = held_out(model, trained / "examples.json")
    report = source_report(model, trained / "examples.json")
    assert report["statistics"]["sequences"] == len(chosen) > 2
    rows = report["clusters"]
    assert [row["pieces"] for row in rows] == np.bincount([p.semantic for p in chosen]).tolist()
    tokens = sum(row["tokens"] for row in rows)
    assert tokens == sum(row["tokens"] for row in report["types"])
    assert tokens == sum(len(p.events) for p in chosen)
    overall = report["overall"]["nats_per_token"]["value"]
    nats = sum(row["tokens"] * row["nats_per_token"]["value"] for row in rows)
    assert overall == pytest.approx(nats / tokens)
    by_type = sum(row["tokens"] * row["nats_per_token"] for row in report["types"])
    assert overall == pytest.approx(by_type / tokens)
    direct = collate(piece_windows(chosen, 64))
    with torch.no_grad():
        wanted = float(sequence_nats(model.network, *direct).sum() / direct.keep_BL.sum())
    assert overall == pytest.approx(wanted, rel=1e-4)
    assert report["overall"]["perplexity"] == pytest.approx(np.exp(overall))
    assert [row["type"] for row in report["types"]] == list(TYPES)


def test_a_token_that_tells_the_manner_is_found_out(trained: Path) -> None:
    swap = source_report(trained / "toy.safetensors", trained / "examples.json")["swap"]
    assert swap["bits_gain_own_vs_others"]["low"] > 0
    assert swap["top1"]["share"] > swap["chance"] == 0.5
    assert swap["information_bits"]["bits"] <= 1.01, "two clusters tell one bit at most"


def made_scores(nats_NK: np.ndarray, own_N: np.ndarray) -> Scores:
    empty = np.zeros((len(own_N), len(TYPES)))
    return Scores(empty, empty, nats_NK, own_N)


def test_the_swap_test_measures_what_it_says() -> None:
    own = np.array([0, 0, 0, 1])
    nats = np.array([[1.0, 3.0, 5.0], [1, 3, 5], [2, 1, 5], [4, 2, 2]]) * log(2)
    found = swap_test(
        made_scores(nats, own), np.array([0.5, 0.25, 0.25]), list("abcd"), np.random.default_rng(0)
    )
    gains = [3.0, 3.0, 1.0, 1.0]
    assert found["bits_gain_own_vs_others"]["bits"] == pytest.approx(np.mean(gains))
    shuffled = [(1 + 1 + 3) / 3 - 1, (1 + 1 + 3) / 3 - 1, (2 + 2 + 1) / 3 - 2, 4 - 2]
    assert found["bits_gain_own_vs_shuffled"]["bits"] == pytest.approx(np.mean(shuffled))
    assert found["top1"]["share"] == 0.75
    assert (found["chance"], found["chance_largest"]) == (pytest.approx(1 / 3), 0.75)
    mixture = -np.log2((2.0 ** -(nats / log(2))) @ [0.5, 0.25, 0.25])
    wanted = float((mixture - [1, 1, 2, 2]).mean())
    assert found["information_bits"]["bits"] == pytest.approx(wanted)
    assert found["cluster_entropy_bits"] == pytest.approx(0.811, abs=1e-3)
    assert found["bits_per_piece"] == pytest.approx((1 + 1 + 2 + 2) / 4)


def test_a_token_that_tells_nothing_gains_nothing() -> None:
    rng = np.random.default_rng(0)
    nats = np.repeat(rng.normal(500, 30, (60, 1)), 4, axis=1)
    own = rng.integers(0, 4, 60)
    found = swap_test(made_scores(nats, own), np.full(4, 0.25), [str(i) for i in range(60)], rng)
    for name in ("bits_gain_own_vs_others", "bits_gain_own_vs_shuffled", "information_bits"):
        assert found[name]["bits"] == pytest.approx(0, abs=1e-9)


def test_attention_to_the_semantic_token_is_found() -> None:
    torch.manual_seed(0)
    config = SourceConfig(width=32, layers=2, heads=4, feedforward=48, context=96, dropout=0.0)
    network = SourceTransformer(config)
    model, some = SourceModel(network, np.ones(2)), pieces(3)
    table = attention_table(model, some)
    assert table["semantic_LH"].shape == (2, 4)
    assert table["semantic_LH"].mean() == pytest.approx(table["even"], rel=0.1), "untrained: even"
    # A head of the first layer whose keys are largest at the semantic token's position.
    with torch.no_grad():
        network.decoder.places.weight[1, :8] = 40.0
        attention = network.decoder.blocks[0].attention
        attention.qkv.weight[:8] = 0.0
        attention.qkv.bias[:8] = 10.0
        attention.qkv.weight[32:40] = 0.0
        attention.qkv.weight[32:40, :8] = torch.eye(8) * 10
    seen = attention_table(model, some)["semantic_LH"]
    assert seen[0, 0] > 0.9
    assert seen[0, 1] < 0.5
    lengths = [min(len(p.events) + HEAD, 97) - 1 - HEAD for p in some]
    assert table["queries"] == sum(lengths)


def test_scores_are_under_every_token(trained: Path) -> None:
    model = load_source(trained / "toy.safetensors")
    chosen = held_out(model, trained / "examples.json")
    measured = scores(model, chosen)
    assert measured.nats_NK.shape == (len(chosen), 2)
    assert measured.own_nats_N == pytest.approx(measured.by_type_N4.sum(1))
    with pytest.raises(DataError, match="no codebook"):
        held_out(model, trained)
    with pytest.raises(DataError, match="no piece of the part"):
        held_out(model, trained / "examples.json", "nowhere")


def test_int8_matrices_come_back_to_half_a_step() -> None:
    weight = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    stored = {"decoder.blocks.0.up.weight": weight, "embedding.weight": weight}
    small = packed(stored)
    assert small["decoder.blocks.0.up.weight.int8"].dtype == torch.int8
    assert small["embedding.weight"] is weight
    back = unpacked(small)
    step = weight.abs().amax(1, keepdim=True) / 127 * 1.01
    assert back.keys() == stored.keys()
    assert ((back["decoder.blocks.0.up.weight"] - weight).abs() <= step / 2 + 1e-6).all()


def test_int8_weights_are_smaller_and_nearly_as_good(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "toy8.safetensors"
    report = export_int8(trained / "toy.safetensors", out, trained / "examples.json")
    assert report["bytes"]["int8"] == out.stat().st_size < report["bytes"]["original"]
    assert 0 < report["largest_piece_delta"] < 0.1
    assert abs(report["nats_per_token_delta"]) <= report["largest_piece_delta"]
    assert all(speed > 0 for speed in report["tokens_per_sec"].values())
    narrow = load_source(out)
    assert narrow.precision == "int8"
    assert load_source(trained / "toy.safetensors").precision == "fp32"
    with pytest.raises(DataError, match="packed already"):
        export_int8(out, tmp_path / "again.safetensors", trained / "examples.json")


def test_the_command_writes_page_and_report(trained: Path, tmp_path: Path) -> None:
    weights, data = str(trained / "toy.safetensors"), str(trained / "examples.json")
    ran = CliRunner().invoke(
        inspect, ["text2midi", weights, "--data", data, "-o", str(tmp_path), "--json"]
    )
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["weights"] == "toy"
    assert [Path(p).name for p in told["files"]] == ["text2midi.json", "text2midi.html"]
    page = (tmp_path / "text2midi.html").read_text()
    for words in ("Swap test", "SEMANTIC_TOKEN_1", "Attention to the semantic token"):
        assert words in page
    stored = json.loads((tmp_path / "text2midi.json").read_text())
    assert stored["swap"] == told["swap"]
