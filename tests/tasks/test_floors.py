from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partimento.core.errors import DataError
from partimento.music.grid import load_canonical
from partimento.tasks.chorale.floors import (
    FLOOR_NAMES,
    SMOOTHING,
    FloorTable,
    floors,
    main,
    shipped_floors,
)

SPEC = {
    "uniform": 15.40,
    "unigram": 10.44,
    "bigram": 3.74,
    "repeat_previous": 2.84,
    "backoff": 2.52,
}


def toy(seed: int, pieces: int = 4, n_frames: int = 40) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    made = [generator.integers(60, 64, size=(n_frames, 4)) for _ in range(pieces)]
    return [np.repeat(g[::2], 2, axis=0) for g in made]


@pytest.fixture(scope="module")
def canonical(data_dir: Path) -> Path:
    return data_dir / "jsb" / "jsb16_train_valid.json"


def test_floors_of_the_chorales(canonical: Path) -> None:
    train, valid = load_canonical(canonical, "train"), load_canonical(canonical, "valid")
    found = floors(train, valid)
    assert found == pytest.approx(SPEC, abs=0.02)
    assert tuple(found) == FLOOR_NAMES


def test_shipped_table_is_the_training_part(canonical: Path) -> None:
    fresh, shipped = FloorTable.fit(load_canonical(canonical, "train")), shipped_floors()
    assert (fresh.symbols == shipped.symbols).all()
    assert (fresh.events == shipped.events).all()
    assert (fresh.counts == shipped.counts).all()


def test_shipped_table_loads_without_any_data() -> None:
    table = shipped_floors()
    assert len(table.symbols) == 47
    found = table.measure([np.full((16, 4), 60)])
    assert found["uniform"] == pytest.approx(4 * np.log(47))
    assert found["repeat_previous"] < found["unigram"]


@pytest.mark.parametrize("name", ["unigram", "bigram", "repeat_previous", "backoff"])
def test_each_floor_is_a_probability(name: str) -> None:
    """Over all symbols, the unseen one included, the probabilities of one cell sum to one."""
    table = FloorTable.fit(toy(0))
    symbols = [*table.symbols.tolist(), 99]
    history = toy(1, pieces=1, n_frames=6)[0]
    for place in ((0, 0), (3, 1), (5, 3)):
        total = 0.0
        for symbol in symbols:
            grid = history[: place[0] + 1].copy()
            grid[place] = symbol
            total += np.exp(-_cell_nats(table, name, grid, place))
        assert total == pytest.approx(1.0)


def _cell_nats(table: FloorTable, name: str, grid: np.ndarray, place: tuple[int, int]) -> float:
    """Nats of one cell: events are laid out voice after voice."""
    from partimento.tasks.chorale import floors as module

    events = module._events([grid], table.symbols)
    row = place[1] * len(grid) + place[0]
    costs = {
        "unigram": lambda: table._smoothed((0,), events),
        "bigram": lambda: table._smoothed((0, 1), events),
        "repeat_previous": lambda: table._repeat_previous(events),
        "backoff": lambda: table._backoff(events),
    }
    return float(costs[name]()[row])


def test_unigram_and_bigram_by_hand() -> None:
    train = [np.tile([[60], [60], [62], [62]], (5, 4))]
    found = floors(train, [np.full((2, 4), 60)])
    p_unigram = (10 + SMOOTHING) / (20 + 3 * SMOOTHING)
    assert found["unigram"] == pytest.approx(-4 * np.log(p_unigram))
    p_first = (1 + SMOOTHING) / (1 + 3 * SMOOTHING)
    p_again = (5 + SMOOTHING) / (10 + 3 * SMOOTHING)
    assert found["bigram"] == pytest.approx(-2 * (np.log(p_first) + np.log(p_again)))


def test_unseen_symbols_cost_but_do_not_break() -> None:
    found = floors(toy(0), [np.full((8, 4), 90)])
    assert all(np.isfinite(v) for v in found.values())
    assert found["unigram"] > 4 * 5


def test_save_and_load(tmp_path: Path) -> None:
    table = FloorTable.fit(toy(2))
    table.save(tmp_path / "t.npz")
    again = FloorTable.load(tmp_path / "t.npz")
    assert again.measure(toy(3)) == table.measure(toy(3))


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nothing"])
def test_a_wrong_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match="floors"):
        FloorTable.load(path)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="fitted"):
        floors([], toy(0))
    with pytest.raises(ValueError, match="measured"):
        floors(toy(0), [])
    with pytest.raises(ValueError, match="unknown"):
        floors(toy(0), [np.full((4, 4), -2)])


def test_command_writes_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data.json"
    data.write_text('{"train": [[[72, 67, 64, 48], [74, 67, 59, 43]]]}')
    main(["--data", str(data), "--out", str(tmp_path / "t.npz")])
    assert "8 in all" in capsys.readouterr().out
    assert FloorTable.load(tmp_path / "t.npz").counts.sum() == 8
