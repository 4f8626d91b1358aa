"""Shipped weights as patients: healthy ones raise nothing above a remark."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.core.errors import DataError
from partimento.doctor.attention_checks import CHECKS as HEARD
from partimento.doctor.examine import examine
from partimento.doctor.model_checks import CHECKS as MODEL
from partimento.tasks.chorale import doctoring as chorale
from partimento.tasks.critique import doctoring as critique
from partimento.tasks.critique.notes import number_notes
from partimento.tasks.doctoring_weights import task_of
from partimento.tasks.piano import doctoring as piano
from partimento.tasks.piano.config import EventModelConfig
from partimento.tasks.piano.model import EventTransformer


def _chorales(folder: Path) -> Path:
    """Made pieces in the canonical form."""
    rng = np.random.default_rng(0)
    pieces = []
    for _ in range(4):
        chords = np.repeat(rng.integers(0, 7, 12), 4)
        pieces.append((np.array([72, 67, 60, 48]) + chords[:, None]).tolist())
    path = folder / "pieces.json"
    path.write_text(json.dumps({"train": pieces, "valid": pieces}))
    return path


@pytest.mark.parametrize("weights", ["chorale-whitepaper", "chorale-small"])
def test_shipped_chorale_weights_are_healthy(weights: str, tmp_path: Path) -> None:
    case = chorale.probe_of(weights, _chorales(tmp_path), examples=3)
    found = examine(case, [*MODEL, *HEARD])
    assert {f.code for f in found.findings if f.severity != "info"} == set()
    assert {"causality", "padding", "companions", "attention entropy"} <= set(found.done)


def test_a_split_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split"):
        chorale.probe_of("chorale-whitepaper", _chorales(tmp_path), split="test")


def _crops() -> piano.Crops:
    tokens = torch.randint(0, 388, (2, 21), generator=torch.Generator().manual_seed(0))
    keep = torch.ones(2, 20, dtype=torch.bool)
    return piano.Crops(tokens[:, :-1], tokens[:, 1:], keep)


def test_relative_attention_of_the_source_design_equals_its_twin() -> None:
    torch.manual_seed(0)
    config = EventModelConfig(width=16, layers=2, heads=2, feedforward=16, context=32)
    model = EventTransformer(config).eval()
    with torch.no_grad():
        fast, slow = piano.relative_twins(model, _crops())
        assert fast.shape == (2, 2, 20, 16)
        assert torch.allclose(fast, slow, atol=1e-5)
        for layer in model.modules():
            if hasattr(layer, "distances"):
                layer.forward = lambda x, pad_mask=None: x  # a layer that does something else
        fast, slow = piano.relative_twins(model, _crops())
        assert not torch.allclose(fast, slow, atol=1e-2)


def test_clips_of_a_batch_keep_their_notes() -> None:
    batch = number_notes(
        torch.arange(10.0)[:, None],
        torch.tensor([0] * 4 + [1] * 6),
        torch.zeros(10, dtype=torch.int64),
        torch.arange(10) // 2,
        torch.arange(10) // 4,
        clips=2,
    )
    swapped = critique.clips_of(batch, [1, 0])
    assert swapped.values_NF[:, 0].tolist() == [4, 5, 6, 7, 8, 9, 0, 1, 2, 3]
    assert swapped.clip_N.tolist() == [0] * 6 + [1] * 4
    assert swapped.beats == batch.beats


def test_a_feature_set_without_performance_has_an_empty_channel() -> None:
    played, written = critique.channel_columns("score79")
    assert played == [] and len(written) == 79
    assert [len(part) for part in critique.channel_columns("full101")] == [19, 82]
    assert len(critique.channel_columns("midi")) == 1


@pytest.mark.parametrize(
    ("weights", "task"),
    [("chorale-small", "chorale"), ("critique-han-small", "critique"), ("piano-strong", "piano")],
)
def test_weights_name_their_task(weights: str, task: str) -> None:
    assert task_of(weights) == task
