"""Dead tokens, range, rests, dropped files, unknown tokens."""

import math

import numpy as np
import pytest

from partimento.doctor import data_range, data_tokens
from partimento.doctor.case import Case, DataFacts
from partimento.doctor.data_tokens import token_counts
from partimento.doctor.examine import examine

CHECKS = (*data_tokens.CHECKS, *data_range.CHECKS)
REST, UNKNOWN, PAD = 128, 129, 130


def rows(count=30, low=60, high=72, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(low, high, 50) for _ in range(count)]


def findings(inputs, **more):
    case = Case(data=DataFacts(inputs=inputs, **more))
    return {one.code: one for one in examine(case, CHECKS).findings}


def test_live_tokens_are_worth_knowing():
    one = findings(rows(), vocabulary=131, pad_token=PAD)["D4.dead-tokens"]
    assert one.severity == "info"
    assert one.evidence["live"] == 12
    assert one.evidence["live_floor_nats"] == pytest.approx(math.log(12))
    assert one.measured == pytest.approx(1 - 12 / 130)


def test_a_vocabulary_in_use():
    assert not findings(rows(low=0, high=20), vocabulary=20)


def test_held_out_tokens_that_training_lacks():
    split = ["train"] * 20 + ["valid"] * 10
    sick = findings(rows(20) + rows(10, low=70, high=82), vocabulary=131, split=split)
    assert sick["D4.dead-tokens"].severity == "severe"
    assert sick["D4.dead-tokens"].evidence["unseen_tokens"] == list(range(72, 82))
    healthy = findings(rows(), vocabulary=131, split=split)
    assert healthy["D4.dead-tokens"].severity == "info"


def test_padding_does_not_count():
    padded = [np.concatenate([row, np.full(500, PAD)]) for row in rows()]
    facts = DataFacts(inputs=padded, vocabulary=131, pad_token=PAD)
    assert token_counts(facts, np.ones(30, dtype=bool)).sum() == 1500


def test_tokens_outside_the_vocabulary():
    sick = rows()
    sick[3] = np.append(sick[3], 200)
    one = findings(sick, vocabulary=131, names=[f"n{i}" for i in range(30)])["D4.range"]
    assert (one.severity, one.evidence["examples"]) == ("severe", ["n3"])
    assert "D4.range" not in findings(rows(), vocabulary=131)


def test_pitches_that_no_piano_has():
    assert findings(rows(low=5, high=30), pitch_tokens=(0, 127))["D4.range"].severity == "severe"
    assert not findings(rows(low=21, high=109), pitch_tokens=(0, 127))


def features(shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    train = [rng.normal(size=(10, 6)) + rng.normal(size=6) for _ in range(30)]
    return train + [rng.normal(size=(10, 6)) + rng.normal(size=6) + shift for _ in range(10)]


SPLIT = ["train"] * 30 + ["valid"] * 10


@pytest.mark.parametrize(("shift", "severity"), [(0.0, None), (3.0, "warning"), (50.0, "severe")])
def test_held_out_features_elsewhere(shift, severity):
    one = findings(features(shift), split=SPLIT).get("D4.range")
    assert (one and one.severity) == severity


def test_values_that_are_not_finite():
    sick = features()
    sick[7][2, 1] = np.nan
    assert findings(sick, split=SPLIT)["D4.range"].severity == "severe"
    labels = np.zeros((40, 2))
    assert not findings(features(), labels=labels)
    labels[4, 1] = np.inf
    assert "1 labels" in findings(features(), labels=labels)["D4.range"].claim


@pytest.mark.parametrize(("share", "severity"), [(0.2, None), (0.65, "warning"), (0.9, "severe")])
def test_rests(share, severity):
    rng = np.random.default_rng(0)
    sparse = [np.where(rng.random(50) < share, REST, row) for row in rows()]
    one = findings(sparse, rest_token=REST).get("D4.rests")
    assert (one and one.severity) == severity


@pytest.mark.parametrize(
    ("dropped", "severity"), [(0, None), (1, "info"), (3, "warning"), (20, "severe")]
)
def test_dropped_files(dropped, severity):
    one = findings(rows(), dropped=dropped).get("D4.dropped")
    assert (one and one.severity) == severity
    assert one is None or one.measured == pytest.approx(dropped / (30 + dropped))


@pytest.mark.parametrize(
    ("share", "severity"), [(0.0, None), (0.0005, "info"), (0.01, "warning"), (0.2, "severe")]
)
def test_unknown_tokens(share, severity):
    tokens = np.concatenate(rows(100))
    tokens[: round(share * len(tokens))] = UNKNOWN
    one = findings(np.split(tokens, 100), unknown_token=UNKNOWN).get("D4.unknown")
    assert (one and one.severity) == severity
