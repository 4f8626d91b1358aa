"""Balance of the classes, and targets of different scale."""

import numpy as np
import pytest

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.data_classes import CHECKS, effective_classes
from partimento.doctor.examine import examine


def findings(counts, targets=None, config=None):
    names = [f"class {k}" for k, n in enumerate(counts) for _ in range(n)]
    numbers = np.repeat(np.arange(len(counts)), counts)
    facts = DataFacts(
        inputs=[np.zeros(3)] * len(names),
        classes=names,
        labels=None if targets is None else targets[numbers],
    )
    case = Case(config=config or {}, data=facts)
    return {one.code: one for one in examine(case, CHECKS).findings}


@pytest.mark.parametrize(
    ("counts", "severity"),
    [
        ([90, 5, 5], "severe"),
        ([70, 15, 15], "warning"),
        ([50, 25, 25], "info"),
        ([34, 33, 33], None),
        ([60, 40], None),
        ([95, 5], "severe"),
        ([20, 18, 22, 19, 21], None),
        ([60, 6, 6, 6, 6, 6, 5, 5], "info"),
    ],
)
def test_balance(counts, severity):
    one = findings(counts).get("D3.imbalance")
    assert (one and one.severity) == severity
    if one:
        assert one.measured == pytest.approx(max(counts) / sum(counts))
        assert one.evidence["counts"]["class 0"] == counts[0]


def test_names_with_few_examples_are_no_classes():
    assert not findings([4, 1, 1, 1])


def test_unnamed_examples_do_not_count():
    facts = DataFacts(inputs=[np.zeros(2)] * 40, classes=[""] * 30 + ["a"] * 5 + ["b"] * 5)
    assert not examine(Case(data=facts), CHECKS).findings


def test_held_out_classes_do_not_count():
    facts = DataFacts(
        inputs=[np.zeros(2)] * 60,
        labels=np.array([0] * 10 + [1] * 10 + [2] * 10 + [0] * 30),
        split=["train"] * 30 + ["valid"] * 30,
    )
    assert not examine(Case(data=facts), CHECKS).findings


def test_effective_number():
    assert effective_classes(np.array([7, 7, 7])) == pytest.approx(3.0)
    assert effective_classes(np.array([9, 0])) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no class"):
        effective_classes(np.zeros(3))


def test_the_change_is_one_of_the_case():
    config = {"batching": {"mode": "shuffled"}}
    one = findings([90, 5, 5], config=config)["D3.imbalance"]
    assert one.evidence["change"] == {"batching.mode": "balanced"}


def test_targets_of_one_to_eight():
    unit = np.random.default_rng(0).normal(size=(8, 64))
    sick = findings([10] * 8, unit * np.arange(1, 9)[:, None])["D7.heterogeneous"]
    assert sick.severity == "severe"
    assert 6.0 < sick.measured < 11.0
    assert "equal scale" in sick.control
    assert not findings([10] * 8, unit)


def test_targets_three_times_as_large_are_a_warning():
    unit = np.random.default_rng(1).normal(size=(4, 256))
    scaled = unit * np.array([1, 1, 1, 3])[:, None]
    assert findings([10] * 4, scaled)["D7.heterogeneous"].severity == "warning"


def test_a_rare_class_that_is_learnt():
    unit = np.random.default_rng(0).normal(size=(4, 64))
    sick = findings([24, 24, 24, 2], unit)["D3.imbalance"]
    assert (sick.severity, sick.measured, sick.threshold) == ("warning", 12.0, 10.0)
    assert not findings([24, 24, 24, 3], unit)
    assert not findings([24, 24, 24, 2])  # classes are only written beside
