"""Models side by side: figures that can be checked by counting, and mistakes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.cli.main import main
from partimento.core.checkpoint import Card, CheckpointMeta, save_checkpoint
from partimento.core.errors import ConfigError, PartimentoError
from partimento.tasks.piano import compare_models as module
from partimento.tasks.piano.compare_models import (
    FIGURES,
    activation_bytes,
    candidate,
    compare_models,
    comparison_rows,
)
from partimento.tasks.piano.config import PRESETS, EventModelConfig
from partimento.tasks.piano.strong import StrongConfig, StrongPiano

SMALL = EventModelConfig(width=64, layers=2, heads=2, feedforward=64, context=128)
LARGE = SMALL.model_copy(update={"width": 128, "layers": 4, "feedforward": 512, "norm": "pre"})


@pytest.fixture(autouse=True)
def small_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PRESETS", {"original": SMALL, "enhanced": LARGE})


@pytest.fixture
def strong(tmp_path: Path) -> str:
    config = StrongConfig(width=64, layers=2, heads=2, feedforward=96, context=128)
    network = StrongPiano(config)
    meta = CheckpointMeta(
        model_class="partimento.tasks.piano.strong:StrongPiano",
        config=config.model_dump(),
        card=Card(
            name="tiny",
            task="piano",
            summary="",
            licence="CC0-1.0",
            trained_on=[],
            recipe="",
            parameters=sum(p.numel() for p in network.parameters()),
        ),
    )
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, network.state_dict(), meta)
    return str(path)


def test_figures_and_ratios(strong: str) -> None:
    report = compare_models(["original", "enhanced", strong], length=32, rounds=1)
    models, ratios = report["models"], report["ratios"]
    assert list(models) == ["original", "enhanced", strong]
    assert list(ratios) == ["enhanced", strong]
    for figures in models.values():
        assert all(figures[name] > 0 for name in FIGURES)
        assert figures["training_bytes"] == 16 * figures["parameters"] + figures["activation_bytes"]
    small, large = models["original"], models["enhanced"]
    assert ratios["enhanced"]["parameters"] == large["parameters"] / small["parameters"]
    assert large["parameters"] == candidate("enhanced", 1, 8, np.random.default_rng(0)).parameters
    # Keys and values of two and four blocks, fp32.
    assert small["cache_bytes"] == 2 * 2 * 64 * 128 * 4
    assert ratios["enhanced"]["cache_bytes"] == 4
    assert models[strong]["file_bytes"] == Path(strong).stat().st_size
    assert ratios["enhanced"]["activation_bytes"] > 2


def test_more_positions_keep_more_activations() -> None:
    kept = [
        activation_bytes(candidate("original", batch, length, np.random.default_rng(0)))
        for batch, length in ((1, 16), (1, 32), (2, 32))
    ]
    assert kept[0] < kept[1] < kept[2]
    assert kept[2] == pytest.approx(2 * kept[1], rel=0.1)


def test_measuring_leaves_the_weights_as_they_are() -> None:
    one = candidate("original", 1, 16, np.random.default_rng(0))
    before = {name: value.clone() for name, value in one.network.state_dict().items()}
    module._training_job(one)()
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, before[name])


def test_rows_have_a_column_for_each_model_and_ratio() -> None:
    figures = dict.fromkeys(FIGURES, 2_000_000.0) | {"parameters": 2_000_000}
    report = {
        "first": "a",
        "models": {"a": figures, "b": figures},
        "ratios": {"b": dict.fromkeys(FIGURES, 1.0)},
    }
    rows = comparison_rows(report)
    assert rows[0] == {
        "figure": "parameters",
        "a": "2,000,000",
        "b": "2,000,000",
        "b / a": "1.00",
    }
    assert rows[1]["figure"] == "weight MB"
    assert rows[1]["a"] == "2.0"


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["models", "compare", "original", "enhanced", "--length", "8", "--rounds", "1"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "figure"
    assert "enhanced / original" in lines[0]
    assert len(lines) == 1 + len(FIGURES)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["original"], {}, "two models"),
        (["original", "original"], {}, "two models"),
        (["original", "enhanced"], {"length": 500}, "128 positions"),
        (["original", "enhanced"], {"length": 1}, "length 1"),
        (["original", "enhanced"], {"rounds": 0}, "rounds 0"),
        (["original", "enhanced"], {"precision": "fp8"}, "fp8"),
    ],
)
def test_mistakes_are_named(names: list[str], options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compare_models(names, **options)  # type: ignore[arg-type]


def test_unknown_weights_are_named() -> None:
    with pytest.raises(PartimentoError, match="orginal"):
        compare_models(["orginal", "enhanced"], length=8)


def test_the_real_presets_are_those_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert module.PRESETS is PRESETS
