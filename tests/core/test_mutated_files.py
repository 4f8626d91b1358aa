"""Mutated recipes and checkpoints: a paragraph for the user or a sound file, nothing else."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from partimento.core.checkpoint import load_checkpoint, read_meta, shipped_weights
from partimento.core.config import load_yaml
from partimento.core.errors import PartimentoError

ROOT = Path(__file__).resolve().parents[2]
COUNT = 150
SLOWEST_SEC = 5.0
RECIPES = sorted((ROOT / "recipes").rglob("*.yaml"))


def _mutated(data: bytes, rng: np.random.Generator, within: int) -> bytes:
    """One to four changes in the first ``within`` bytes."""
    body = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(min(len(body), within)))
        size = int(rng.integers(1, 40))
        match int(rng.integers(5)):
            case 0:
                body[at] ^= 1 << int(rng.integers(8))
            case 1:
                body[at : at + size] = rng.bytes(size)
            case 2:
                del body[at : at + size]
            case 3:
                body[at:at] = body[at : at + size] * int(rng.integers(1, 40))
            case _:
                # What these formats give a meaning to.
                body[at:at] = rng.choice([b"{[", b": ", b"&a *a", b"!!python/object:os.system ",
                                          b'"', b"\n- ", b"\xff", b"9" * 30, b"}}"])  # fmt: skip
    return bytes(body)


@pytest.mark.parametrize("seed", range(4))
def test_recipes(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    path, refused = tmp_path / "recipe.yaml", 0
    for number in range(COUNT):
        data = RECIPES[number % len(RECIPES)].read_bytes()
        path.write_bytes(_mutated(data, rng, len(data)))
        began = time.monotonic()
        try:
            assert isinstance(load_yaml(path), dict)
        except PartimentoError as error:
            refused += 1
            assert str(path) in error.text
        assert time.monotonic() - began < SLOWEST_SEC
    assert 0 < refused < COUNT


@pytest.mark.parametrize("name", ["chorale-small", "audio2visual", "expression-asap"])
def test_checkpoints(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(len(name))
    path, refused = tmp_path / "model.safetensors", 0
    data = shipped_weights()[name].read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    for number in range(COUNT):
        # The head gets most of the blows: behind it are numbers only.
        path.write_bytes(_mutated(data, rng, 16 if number % 5 == 0 else header))
        began = time.monotonic()
        try:
            read_meta(path)
            load_checkpoint(path)
        except PartimentoError as error:
            refused += 1
            assert str(path) in error.text
        assert time.monotonic() - began < SLOWEST_SEC
    assert refused > COUNT // 3
