"""Floors of the 388 events: by hand, against dictionaries, and the shipped table on ASAP."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from made_performances import random_piece
from partimento.core.errors import DataError
from partimento.music.events import encode_events
from partimento.tasks.piano.corpus import choose_split, open_collection, read_collection
from partimento.tasks.piano.floors import (
    EVENTS,
    FLOOR_NAMES,
    SMOOTHING,
    FloorTable,
    floors,
    main,
    shipped_floors,
)

ASAP = Path(__file__).resolve().parents[2] / ".data" / "asap"


def dictionary_floors(train, evaluated):
    """The four floors once more, in plain Python, per token."""
    one, two, three, after_two, after_three = (Counter() for _ in range(5))
    followers = {}
    for tokens in train:
        line = ["start", "start", *map(int, tokens)]
        for a, b, c in zip(line, line[1:], line[2:], strict=False):
            one[c] += 1
            two[b, c] += 1
            three[a, b, c] += 1
            after_two[b] += 1
            after_three[a, b] += 1
            followers.setdefault((a, b), set()).add(c)
    total = dict.fromkeys(FLOOR_NAMES, 0.0)
    every, count = sum(one.values()), 0
    for tokens in evaluated:
        line = ["start", "start", *map(int, tokens)]
        for a, b, c in zip(line, line[1:], line[2:], strict=False):
            p1 = (one[c] + SMOOTHING) / (every + SMOOTHING * 388)
            p2 = (two[b, c] + SMOOTHING) / (after_two[b] + SMOOTHING * 388)
            types = len(followers.get((a, b), ()))
            p3 = (three[a, b, c] + types * p2) / (after_three[a, b] + types) if types else p2
            for name, p in zip(FLOOR_NAMES, (1 / 388, p1, p2, p3), strict=True):
                total[name] -= math.log(p)
            count += 1
    return {name: value / count for name, value in total.items()}


def made(seeds):
    return [encode_events(random_piece(seed)) for seed in seeds]


def test_floors_equal_dictionaries():
    train, evaluated = made(range(8)), made(range(20, 23))
    assert floors(train, evaluated) == pytest.approx(dictionary_floors(train, evaluated), rel=1e-9)


def test_shipped_table_agrees_with_an_independent_count_on_asap(data_dir):
    """On a sixth of the training part the twin is quick enough; the table is that of the whole."""
    if not ASAP.is_dir():
        pytest.skip("the performances of ASAP are not unpacked in .data/asap")
    collection = open_collection(data_dir / "asap" / "performances.csv", ASAP)
    parts = {}
    for split, step in (("train", 40), ("validation", 15)):
        entries = choose_split(collection, split, "")[0].entries[::step]
        parts[split] = [encode_events(one.notes) for one in read_collection(entries)[0]]
    expected = dictionary_floors(parts["train"], parts["validation"])
    assert floors(parts["train"], parts["validation"]) == pytest.approx(expected, rel=1e-6)
    table, tokens = shipped_floors(), sum(map(len, parts["validation"]))
    measured = [table.measure(one) for one in parts["validation"]]
    for name, low, high in (("unigram", 4.5, 5.1), ("bigram", 3.6, 4.2), ("trigram", 3.4, 4.0)):
        assert low < sum(one[name] for one in measured) / tokens < high


def test_the_shipped_table_stands_in_order_without_any_data():
    table = shipped_floors()
    assert table.counts.sum() > 9_000_000
    tokens = encode_events(random_piece(0))
    found = table.measure(tokens)
    assert found["uniform"] == pytest.approx(len(tokens) * math.log(388))
    assert found["bigram"] < found["unigram"]


def test_every_context_is_a_probability():
    table = FloorTable.fit(made(range(3)))
    line = encode_events(random_piece(0))[:5]
    for head in (line[:0], line[:1], line, np.array([387, 387])):
        before = table.measure(head)
        costs = [table.measure(np.append(head, c)) for c in range(EVENTS)]
        for name in FLOOR_NAMES:
            total = sum(math.exp(before[name] - cost[name]) for cost in costs)
            assert total == pytest.approx(1.0)


def test_no_events_cost_nothing():
    found = FloorTable.fit(made([0])).measure(np.zeros(0, np.int64))
    assert set(found) == set(FLOOR_NAMES)
    assert all(value == 0.0 for value in found.values())


def test_save_and_load(tmp_path):
    table = FloorTable.fit([*made(range(3)), np.zeros(700, np.int64)])
    table.save(tmp_path / "t.npz")
    again = FloorTable.load(tmp_path / "t.npz")
    assert (again.keys == table.keys).all()
    assert (again.counts == table.counts).all()


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04nothing"])
def test_a_wrong_file_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(DataError, match="floors"):
        FloorTable.load(tmp_path / "x.npz")


def test_bad_input():
    with pytest.raises(ValueError, match="fitted"):
        floors([], made([0]))
    with pytest.raises(ValueError, match="measured"):
        floors(made([0]), [])
    with pytest.raises(ValueError, match="388 events only"):
        floors(made([0]), [np.array([388])])


def test_the_command_writes_the_table(tmp_path, capsys):
    from made_performances import write_notes

    write_notes(random_piece(0), tmp_path / "a.mid")
    (tmp_path / "b.mid").write_bytes(b"nothing")
    main(["--data", str(tmp_path), "--split", "all", "--out", str(tmp_path / "t.npz")])
    assert "left out: b.mid" in capsys.readouterr().out
    assert FloorTable.load(tmp_path / "t.npz").counts.sum() == len(made([0])[0])
