"""Training the strong model through its recipes, on a handful of made-up pieces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from partimento.core.checkpoint import read_meta
from partimento.core.errors import PartimentoError
from partimento.tasks.chorale.frames import (
    PHASES,
)
from partimento.tasks.chorale.loading import load_strong
from partimento.tasks.chorale.pieces import (
    FERMATA_UNKNOWN,
    Known,
    Piece,
    bar_phase,
    canonical_pieces,
    collate,
    draw_given,
    draw_known,
    transpose,
)
from partimento.tasks.chorale.strong import (
    ChoraleTransformer,
    StrongConfig,
)
from partimento.tasks.chorale.strong_task import parameter_groups
from partimento.tasks.chorale.train import train

RECIPES = Path(__file__).resolve().parents[2] / "recipes" / "chorale"
TINY = [
    "data.rich=null",
    "data.hymns=null",
    "data.synthetic=null",
    "model.width=32",
    "model.heads=2",
    "model.layers=1",
    "model.encoder_layers=1",
    "model.channel_width=16",
    "training.batch_size=2",
    "training.max_steps=6",
    "training.validate_every=1",
    "training.schedule.warmup_steps=2",
    "training.log_every=1",
]


def made_up(frames: int, seed: int) -> list[list[int]]:
    rng = np.random.default_rng(seed)
    moves = rng.choice([-2, 0, 0, 0, 2], size=(frames, 4)).cumsum(0)
    return np.clip(np.array([70, 63, 57, 48]) + moves, 40, 78).tolist()


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    path = tmp_path / "made-up.json"
    pieces = {
        "train": [made_up(40 + 8 * i, i) for i in range(4)],
        "valid": [made_up(48, 10 + i) for i in range(2)],
    }
    path.write_text(json.dumps(pieces))
    return [f"data.chorales={path}"]


@pytest.mark.parametrize("name", ["strong", "small"])
def test_the_recipe_runs_and_ships_a_loadable_model(
    name: str, data: list[str], tmp_path: Path
) -> None:
    result = train(RECIPES / f"{name}.yaml", [*data, *TINY], out=tmp_path / "run", progress=False)
    assert result["steps"] == 6
    best = Path(result["best_weights"])
    meta = read_meta(best)
    assert meta.card.name == f"chorale-{name}"
    assert meta.card.recipe == f"recipes/chorale/{name}.yaml"
    assert meta.card.parameters > 0
    assert meta.metrics["valid_nats_per_frame"] > 0
    model = load_strong(best)
    assert model.step_log_probs(np.array(made_up(8, 3))).shape == (8, 4, 129)


def test_a_resumed_run_ends_in_the_same_bytes(data: list[str], tmp_path: Path) -> None:
    options = [*data, *TINY, "training.schedule.total_steps=6"]
    whole = train(RECIPES / "small.yaml", options, out=tmp_path / "a", progress=False)
    half = [*options, "training.max_steps=3"]
    train(RECIPES / "small.yaml", half, out=tmp_path / "b", progress=False)
    rest = train(
        RECIPES / "small.yaml",
        ["training.max_steps=6"],
        out=tmp_path / "b",
        resume=True,
        progress=False,
    )
    a, b = load_file(whole["last_weights"]), load_file(rest["last_weights"])
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_every_parameter_is_in_one_group() -> None:
    model = ChoraleTransformer(StrongConfig(width=32, heads=2, layers=1, encoder_layers=1))
    groups = parameter_groups(model)
    ids = [id(p) for group in groups for p in group]
    assert len(ids) == len(set(ids)) == len(list(model.parameters()))
    assert all(p.ndim == 2 for p in groups[0])
    assert all(p.ndim < 2 for p in groups[2])


def test_missing_data_is_one_sentence(tmp_path: Path) -> None:
    options = [f"data.chorales={tmp_path / 'none.json'}", *TINY]
    with pytest.raises(PartimentoError, match="none"):
        train(RECIPES / "strong.yaml", options, out=tmp_path / "run", progress=False)


def test_collate_hides_what_is_not_known() -> None:
    grid = np.array(made_up(20, 1))
    piece = Piece("a", grid, 0, np.arange(20) % 12, np.eye(20)[5].astype(np.int64), 9)
    shown = collate([piece, piece], [None, None], [Known(), Known(True, True, True)])
    assert shown.phase_BT[0].tolist() == [PHASES + t % 16 for t in range(20)]
    assert shown.phase_BT[1].tolist() == [t % 12 for t in range(20)]
    assert set(shown.fermata_BT[0].tolist()) == {FERMATA_UNKNOWN}
    assert shown.fermata_BT[1].sum() == 1
    assert shown.key_BT[:, 0].tolist() == [0, 9]


def test_pickup_ends_a_virtual_bar() -> None:
    assert bar_phase(10, [0, 4], 4, 16).tolist() == [12, 13, 14, 15, 0, 1, 2, 3, 4, 5]
    assert bar_phase(4, [0], 0, 16).tolist() == [0, 1, 2, 3]


def test_given_cells_are_never_everything() -> None:
    rng = np.random.default_rng(0)
    shares = [draw_given(64, rng).mean() for _ in range(200)]
    assert min(shares) > 0 and max(shares) < 1
    assert {draw_known(rng, 0.0) for _ in range(20)} == {Known()}


def test_transposition_keeps_silence_and_moves_the_key() -> None:
    piece = transpose(Piece("a", np.array([[60, -1, 50, 40]]), key=8), 3)
    assert piece.grid.tolist() == [[63, -1, 53, 43]]
    assert piece.key != 8


def test_metadata_fits_the_real_pieces(data_dir: Path) -> None:
    """Metre, fermatas and key reach nearly every training piece, repeats unfolded or not."""
    folder = data_dir / "jsb"
    pieces = canonical_pieces(
        folder / "jsb16_train_valid.json", "valid", folder / "chorales_rich_train_valid.json"
    )
    known = [p for p in pieces if p.phase is not None]
    assert len(known) >= 70
    share = np.mean([np.mean(p.fermata) for p in known if p.fermata is not None])
    assert 0.05 < share < 0.3
