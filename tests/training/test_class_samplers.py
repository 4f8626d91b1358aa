"""Batches by class: everything is met, the promised mixture holds, epochs differ and repeat."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.training.class_samplers import Batching, ClassBatches

MODES = get_args(Batching)
CLASSES = [0] * 7 + [1] * 5 + [2] * 8 + [5] * 2


def rows(batches: list[np.ndarray]) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize("mode", MODES)
def test_every_item_is_met_and_the_length_is_that_of_every_epoch(mode: Batching) -> None:
    sampler = ClassBatches(CLASSES, 4, mode, seed=3, per_class=2)
    for epoch in range(4):
        batches = sampler.batches(epoch)
        assert len(batches) == len(sampler)
        assert {int(i) for batch in batches for i in batch} == set(range(len(CLASSES)))
        assert all(1 <= len(batch) <= 4 for batch in batches)


@pytest.mark.parametrize("mode", MODES)
def test_epochs_differ_and_a_seed_repeats_them(mode: Batching) -> None:
    first, again = (ClassBatches(CLASSES, 4, mode, seed=1, per_class=2) for _ in range(2))
    assert rows(first.batches(0)) == rows(again.batches(0)) != rows(first.batches(1))
    other = ClassBatches(CLASSES, 4, mode, seed=2, per_class=2)
    assert rows(other.batches(0)) != rows(first.batches(0))
    walked = [rows(list(first)) for _ in range(2)]
    assert walked == [rows(again.batches(0)), rows(again.batches(1))]


def test_shuffled_and_homogeneous_meet_every_item_once() -> None:
    for mode in ("shuffled", "homogeneous"):
        batches = ClassBatches(CLASSES, 4, mode).batches(0)
        met = np.concatenate(batches).tolist()
        assert sorted(met) == list(range(len(CLASSES))), mode


def test_homogeneous_batches_are_of_one_class_in_mixed_order() -> None:
    batches = ClassBatches(CLASSES, 3, "homogeneous").batches(0)
    kinds = [{CLASSES[i] for i in batch} for batch in batches]
    assert all(len(kind) == 1 for kind in kinds)
    order = [kind.pop() for kind in kinds]
    assert order != sorted(order), "the classes do not come one after the other"


def test_balanced_batches_hold_the_same_number_of_each_class() -> None:
    sampler = ClassBatches(np.repeat(np.arange(4), 8), 6, "balanced", per_class=2)
    batches = sampler.batches(0)
    for batch in batches:
        assert set(np.bincount(batch // 8).tolist()) <= {0, 2}
    assert sum(len(batch) == 6 for batch in batches) == 5
    assert min(len(b) for b in batches) == 2, "16 shares, three a batch"


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=40),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_balanced_epochs_are_as_short_as_they_can_be(
    classes: list[int], per_class: int, groups: int, epoch: int
) -> None:
    groups = min(groups, len(set(classes)))
    sampler = ClassBatches(classes, per_class * groups, "balanced", per_class=per_class)
    batches = sampler.batches(epoch)
    assert len(batches) == len(sampler)
    for batch in batches:
        counts = np.bincount(np.asarray(classes)[batch])
        assert set(counts.tolist()) <= {0, per_class}
    assert set(np.concatenate(batches).tolist()) == set(range(len(classes)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"classes": [], "batch_size": 2}, "needs items"),
        ({"classes": [0], "batch_size": 0}, "at least one"),
        ({"classes": [0, 1], "batch_size": 3, "per_class": 2}, "no multiple of 2"),
        ({"classes": [0, 1], "batch_size": 6, "per_class": 2}, "needs 3 classes; there are 2"),
    ],
)
def test_what_cannot_be_sampled_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ClassBatches(batching="balanced", **values)
