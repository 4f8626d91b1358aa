"""Several members as one model: probabilities are averaged, the first one draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from partimento.core.checkpoint import Card, CheckpointMeta, read_meta, save_checkpoint
from partimento.core.errors import InputFileError
from partimento.tasks.chorale.ensemble import ChoraleEnsemble, join_checkpoints
from partimento.tasks.chorale.loading import load_drawing, load_strong
from partimento.tasks.chorale.strong import ChoraleTransformer, StrongConfig

CONFIG = StrongConfig(width=16, heads=2, layers=1, encoder_layers=1, channel_width=16)
GRID = np.array([[72, 67, 60, 48]] * 3 + [[74, 65, 59, 43]] * 3)


def member(seed: int, folder: Path) -> Path:
    torch.manual_seed(seed)
    model = ChoraleTransformer(CONFIG)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    card = Card(
        name="m",
        task="chorale",
        summary="made up",
        licence="none",
        trained_on=[],
        recipe="none",
        parameters=5,
    )
    meta = CheckpointMeta(
        model_class="partimento.tasks.chorale.strong:ChoraleTransformer",
        config=CONFIG.model_dump(),
        card=card,
    )
    path = folder / f"{seed}.safetensors"
    save_checkpoint(path, model.state_dict(), meta)
    return path


@pytest.fixture
def members(tmp_path: Path) -> list[Path]:
    return [member(0, tmp_path), member(1, tmp_path)]


def test_probabilities_are_averaged(members: list[Path], tmp_path: Path) -> None:
    join_checkpoints(members, tmp_path / "both.safetensors", "both")
    both = load_strong(tmp_path / "both.safetensors")
    assert isinstance(both, ChoraleEnsemble)
    single = [np.exp(load_strong(p).step_log_probs(GRID)) for p in members]
    assert not np.allclose(single[0], single[1], atol=1e-3)
    np.testing.assert_allclose(
        np.exp(both.step_log_probs(GRID)), np.mean(single, axis=0), atol=1e-6
    )


def test_given_cells_cost_nothing_and_others_are_averaged(
    members: list[Path], tmp_path: Path
) -> None:
    join_checkpoints(members, tmp_path / "both.safetensors", "both")
    given = np.tile([True, False, False, False], (len(GRID), 1))
    both = load_strong(tmp_path / "both.safetensors").given_nll(GRID, given)
    single = [load_strong(p).given_nll(GRID, given) for p in members]
    assert (both[:, 0] == 0).all()
    expected = -np.log(np.mean(np.exp(-np.stack(single)), axis=0))
    np.testing.assert_allclose(both[:, 1:], expected[:, 1:], atol=1e-6)


def test_the_first_member_draws_and_the_card_counts_all(
    members: list[Path], tmp_path: Path
) -> None:
    out = tmp_path / "both.safetensors"
    join_checkpoints(members, out, "both")
    drawing = load_drawing(out)
    np.testing.assert_array_equal(
        drawing.step_log_probs(GRID), load_strong(members[0]).step_log_probs(GRID)
    )
    card = read_meta(out).card
    assert (card.name, card.parameters) == ("both", 10)


def test_only_strong_checkpoints_can_be_joined(members: list[Path], tmp_path: Path) -> None:
    meta = read_meta(members[0])
    wrong = tmp_path / "wrong.safetensors"
    other = meta.model_copy(update={"model_class": "x:HarmonicNetwork"})
    save_checkpoint(wrong, {"a": torch.zeros(1)}, other)
    with pytest.raises(InputFileError, match="HarmonicNetwork"):
        join_checkpoints([members[0], wrong], tmp_path / "out.safetensors", "out")
