"""The leak detector: against slow twins, on made works, and on all of ASAP."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import another_take, empty_notes, random_piece, tick_notes, transposed
from partimento.music.leaks import (
    THRESHOLD,
    containment_matrix,
    gram_set,
    leaks,
    same_work,
    split_works,
)
from partimento.music.pitch_runs import chord_numbers, collapsed_pitches, pack_grams


def test_the_order_within_a_chord_does_not_count():
    rolled = tick_notes([(0, 50, 67, 9), (2, 50, 60, 9), (5, 50, 64, 9), (30, 50, 72, 9)])
    struck = tick_notes([(0, 50, 60, 9), (0, 50, 64, 9), (0, 50, 67, 9), (45, 60, 72, 9)])
    assert collapsed_pitches(rolled).tolist() == [60, 64, 67, 72]
    assert collapsed_pitches(struck).tolist() == [60, 64, 67, 72]


def test_a_chord_ends_where_the_step_is_longer_than_35_ms():
    assert chord_numbers(np.array([10, 13, 16, 20, 20, 90])).tolist() == [0, 0, 0, 1, 1, 2]
    assert chord_numbers(np.zeros(0, np.int64)).tolist() == []


@given(st.lists(st.integers(-256, 255), max_size=30), st.integers(1, 7))
def test_packed_grams_are_equal_only_for_equal_runs(symbols, n):
    packed = pack_grams(np.array(symbols, dtype=np.int64), n)
    runs = [tuple(symbols[i : i + n]) for i in range(len(symbols) - n + 1)]
    assert len(packed) == len(runs)
    assert len(set(packed.tolist())) == len(set(runs))
    assert (packed >= 0).all()


def test_grams_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="1 to 7"):
        pack_grams(np.arange(20), 8)


@settings(max_examples=40)
@given(st.lists(st.lists(st.integers(0, 12), max_size=15), min_size=1, max_size=6))
def test_containment_equals_sets(lists):
    sets = [np.unique(np.array(one, dtype=np.int64)) for one in lists]
    found = containment_matrix(sets)
    for i, a in enumerate(lists):
        for j, b in enumerate(lists):
            smaller = min(len(set(a)), len(set(b)))
            expected = len(set(a) & set(b)) / smaller if smaller else 0.0
            assert found[i, j] == pytest.approx(expected)


def test_a_second_take_is_a_leak_and_another_work_is_none():
    works = [random_piece(seed) for seed in range(4)]
    train = {f"train {i}": works[i] for i in range(3)}
    valid = {"take": another_take(works[1], 9), "new": works[3], "silent": empty_notes()}
    (leak,) = leaks(train, valid)
    assert (leak.train, leak.valid) == ("train 1", "take")
    assert leak.containment > 0.4
    assert leaks(train, {}) == []


def test_transposition_is_another_work():
    piece = random_piece(5)
    assert leaks({"a": piece}, {"b": transposed(piece, 1)}) == []


def test_same_work_links_through_others():
    works = [random_piece(seed) for seed in range(3)]
    takes = [works[0], works[1], another_take(works[0], 1), works[2], another_take(works[1], 2)]
    assert same_work(takes).tolist() == [0, 1, 0, 2, 1]
    assert same_work([]).tolist() == []


def test_a_split_keeps_works_together():
    works = [random_piece(seed, notes=80) for seed in range(10)]
    pieces = {f"{i}-{k}": another_take(works[i], 10 * i + k) for i in range(10) for k in range(3)}
    split = split_works(pieces, np.random.default_rng(0), share=0.3)
    assert list(split) == list(pieces)
    by_work = [{split[f"{i}-{k}"] for k in range(3)} for i in range(10)]
    assert all(len(parts) == 1 for parts in by_work)
    assert sum(parts == {"validation"} for parts in by_work) == 3
    assert split == split_works(pieces, np.random.default_rng(0), share=0.3)
    train, valid = (
        {name: pieces[name] for name in pieces if split[name] == part}
        for part in ("train", "validation")
    )
    assert leaks(train, valid) == []


def test_training_keeps_a_work_and_a_wrong_share_is_refused():
    pieces = {"a": random_piece(0), "b": random_piece(1)}
    assert "train" in split_works(pieces, np.random.default_rng(0), share=1.0).values()
    with pytest.raises(ValueError, match="between 0 and 1"):
        split_works(pieces, np.random.default_rng(0), share=2.0)


def test_separation_on_asap(asap):
    """The figures of the module's docstring, on every second performance to be quick."""
    rows, notes = asap
    works = np.array([row["composer"] + "/" + row["title"] for row in rows])
    shared = containment_matrix([gram_set(one) for one in notes])
    upper = np.triu(np.ones_like(shared, dtype=bool), 1)
    same = works[:, None] == works[None, :]
    assert shared[upper & same].min() >= 0.14
    assert shared[upper & ~same].max() <= 0.075
    splits = np.array([row["split"] for row in rows])
    across = splits[:, None] != splits[None, :]
    assert not (across & (shared >= THRESHOLD)).any()


@pytest.fixture(scope="module")
def asap(data_dir):
    from pathlib import Path

    from partimento.music.events import quantise_performance
    from partimento.music.performance import read_performance

    root = Path(__file__).resolve().parents[2] / ".data" / "asap"
    if not root.is_dir():
        pytest.skip("the performances of ASAP are not unpacked in .data/asap")
    with (data_dir / "asap" / "performances.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))[::2]
    return rows, [
        quantise_performance(read_performance(root / r["midi_performance"])) for r in rows
    ]
