"""Equal inputs with different labels."""

import numpy as np
import pytest

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.data_duplicates import CHECKS, duplicate_ceiling
from partimento.doctor.examine import examine


def performances(played, seed=0, passages=12, pianists=8):
    """Features (T, F) of every pianist's performance of every passage, and their scores (N, 3).

    Half of the scores' variance is the passage's, half the pianist's; without ``played`` the
    features show the passage alone.
    """
    rng = np.random.default_rng(seed)
    score = [rng.normal(size=(20, 4)) for _ in range(passages)]
    hand = rng.normal(size=(pianists, 3))
    of_passage = rng.normal(size=(passages, 3))
    inputs, labels = [], []
    for p in range(passages):
        for k in range(pianists):
            extra = rng.normal(size=(20, 1)) + hand[k, 0] if played else np.zeros((20, 1))
            inputs.append(np.concatenate([score[p], extra], axis=1).astype(np.float32))
            labels.append(of_passage[p] + hand[k] + 0.1 * rng.normal(size=3))
    return inputs, np.array(labels)


def findings(inputs, labels, **more):
    case = Case(data=DataFacts(inputs=inputs, labels=labels), **more)
    return {one.code: one for one in examine(case, CHECKS).findings}


def test_features_of_the_score_alone_set_a_ceiling():
    inputs, labels = performances(played=False)
    one = findings(inputs, labels)["D1.duplicate-inputs"]
    groups = np.repeat(np.arange(12), 8)
    within = np.array([labels[groups == g].var(axis=0) for g in range(12)]).mean(axis=0)
    assert one.severity == "severe"
    assert one.measured == pytest.approx(float((1 - within / labels.var(axis=0)).mean()))
    assert 0.3 < one.measured < 0.75
    assert one.evidence["ceiling_with_shuffled_labels"] == pytest.approx(11 / 95, abs=0.05)
    assert one.evidence["different_inputs"] == 12


def test_features_of_the_performance_set_none():
    assert not findings(*performances(played=True))


def test_no_model_beats_the_ceiling():
    _, labels = performances(played=False)
    groups = np.repeat(np.arange(12), 8)
    means = np.array([labels[groups == g].mean(axis=0) for g in range(12)])[groups]
    best = 1 - ((labels - means) ** 2).mean(axis=0) / labels.var(axis=0)
    assert duplicate_ceiling(groups, labels).ceiling == pytest.approx(float(best.mean()))


def test_a_few_equal_files_are_worth_knowing_and_no_alarm():
    inputs, labels = performances(played=True)
    inputs[1] = inputs[0].copy()
    one = findings(inputs, labels)["D1.duplicate-inputs"]
    assert one.severity == "info"
    assert one.measured > 0.97


def test_equal_inputs_with_equal_labels_are_nothing():
    inputs, labels = performances(played=False)
    assert not findings(inputs, np.repeat(labels[::8], 8, axis=0))


def test_class_labels_give_an_accuracy():
    inputs = [np.full((3, 2), float(n // 4)) for n in range(40)]
    labels = np.array([0, 0, 0, 1] * 10)
    one = findings(inputs, labels)["D1.duplicate-inputs"]
    assert one.measured == pytest.approx(0.75)
    assert one.severity == "severe"  # a constant is right as often
    assert "accuracy" in one.unit


def test_rounding_does_not_part_equals():
    inputs, labels = performances(played=False)
    noisy = [one + np.float32(1e-9) * n for n, one in enumerate(inputs)]
    assert findings(noisy, labels)["D1.duplicate-inputs"].severity == "severe"


def test_the_remedy_names_a_setting_that_the_case_has():
    inputs, labels = performances(played=False)
    sick = {"data": {"feature_set": "score79"}}
    one = findings(inputs, labels, config=sick)["D1.duplicate-inputs"]
    assert one.evidence["change"] == {"data.feature_set": "full101"}
    assert "change" not in findings(inputs, labels)["D1.duplicate-inputs"].evidence


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="3 groups and 2 labels"):
        duplicate_ceiling(np.zeros(3, dtype=np.int64), np.zeros((2, 1)))
