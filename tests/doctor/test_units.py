"""Losses in every unit, floors, and figures that mix units."""

import copy
import math

import numpy as np
import pytest
import torch
from tiny_tokens import STEPS, TOKENS, VOICES, Tiny, case, codes, good, pieces, probe

from partimento.doctor.case import Case
from partimento.doctor.examine import examine
from partimento.doctor.loss_units import in_every_unit, nats_per_token, split_unit
from partimento.doctor.token_floors import mean_target_floor, token_floors
from partimento.doctor.units import CHECKS, mean_loss


def found(patient):
    return examine(patient, CHECKS).findings


def test_one_loss_in_every_unit():
    units = in_every_unit(2.8, "nats per frame", {"note": 1.0, "frame": 4.0})
    assert units["nats per note"] == pytest.approx(0.7)
    assert units["bits per note"] == pytest.approx(0.7 / math.log(2))
    assert units["perplexity per note"] == pytest.approx(math.exp(0.7))
    assert nats_per_token(math.exp(0.7), "perplexity per note", {"note": 1.0}) == pytest.approx(0.7)
    assert nats_per_token(8.16, "nats per note", {"note": 4.08}) == pytest.approx(2.0)
    assert split_unit("sum over the four voices") == ("nats", "frame")
    assert split_unit("furlongs") is None
    with pytest.raises(ValueError, match="frame"):
        in_every_unit(1.0, "nats per frame")
    with pytest.raises(ValueError, match="unit"):
        in_every_unit(1.0, "furlongs")


def test_floors_of_rows_that_hold():
    rng = np.random.default_rng(0)
    train = [np.repeat(rng.integers(0, 8, 30), 4) for _ in range(40)]
    held = [np.repeat(rng.integers(0, 8, 30), 4) for _ in range(10)]
    floors = token_floors(train, held, vocabulary=50)
    assert floors.uniform == pytest.approx(math.log(50))
    assert floors.uniform_live == pytest.approx(math.log(8))
    assert floors.unigram == pytest.approx(math.log(8), abs=0.02)
    # Every fourth step draws anew: the entropy of that is the floor of both.
    hold = 0.25 * 7 / 8
    want = -(1 - hold) * math.log(1 - hold) - hold * math.log(hold / 7)
    assert floors.bigram == pytest.approx(want, abs=0.05)
    assert floors.repeat_previous == pytest.approx(want, abs=0.2)
    assert next(iter(floors.to_dict())) == "uniform"


def test_floors_leave_padding_out():
    rows = [np.array([1, 2, 1, 2, 0, 0, 0, 0])] * 5
    short = [row[:4] for row in rows]
    assert token_floors(rows, rows, pad_token=0) == token_floors(short, short, pad_token=0)
    with pytest.raises(ValueError):
        token_floors(rows, [np.zeros(3, dtype=int)], pad_token=0)


def test_mean_target_floor_is_the_variance():
    values = np.array([[0.0], [2.0]])
    assert mean_target_floor(values, values) == 1.0


def test_a_model_that_knows_nothing_is_named_and_a_good_one_is_not():
    torch.manual_seed(0)
    sick = found(case(Tiny()))
    assert codes(sick) == ["U1.worse-than-floor"]
    assert sick[0].threshold == pytest.approx(math.log(TOKENS))
    healthy = found(case(good(Tiny())))
    assert codes(healthy) == []
    told = next(f for f in healthy if f.code == "U1.units")
    units, floors = told.evidence["units"], told.evidence["floors"]
    assert units["nats per frame"] == pytest.approx(VOICES * told.measured)
    assert told.measured < floors["bigram"] * 1.05
    assert floors["bigram"] < floors["unigram"] < math.log(TOKENS) * 1.02


def test_the_loss_is_measured_without_a_trace():
    model = good(Tiny()).train()
    before = copy.deepcopy(model.state_dict())
    state = torch.get_rng_state()
    loss = mean_loss(probe(model, pieces(4, 2)))
    assert loss > 0 and model.training and torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert model.table.weight.grad is None
    with pytest.raises(ValueError):
        mean_loss(probe(model, pieces(4, 2), example_losses=None))


def test_a_report_of_the_sum_called_a_mean():
    model = good(Tiny())
    loss = mean_loss(probe(model, pieces(20, 1)))
    report = {"loss": VOICES * loss, "unit": "nats per note"}
    sick = found(case(model, report=report))
    assert codes(sick) == ["U1.mixed-units"]
    assert "4 voices" in sick[0].claim and sick[0].severity == "severe"
    assert codes(found(case(model, report={**report, "loss": loss}))) == []
    bits = {"loss": loss / math.log(2), "unit": "nats per note"}
    assert "bits" in found(case(model, report=bits))[0].claim


def rows(train, valid):
    return [
        {"kind": "validation", "step": 0, "loss": valid},
        {"kind": "train", "step": 1, "loss": train},
    ]


def test_training_and_validation_of_the_untrained_model_in_two_units():
    model = good(Tiny())
    sick = found(case(model, rows=rows(9.92, 2.5)))
    assert codes(sick) == ["U1.mixed-units"] and "training loss is 3.97" in sick[0].claim
    assert codes(found(case(model, rows=rows(2.5, 9.92)))) == ["U1.mixed-units"]
    assert codes(found(case(model, rows=rows(2.6, 2.5)))) == []


def test_the_two_losses_of_the_chorale_diary():
    report = {"loss": 4.6, "reference_loss": 2.8, "voices": 4, "live_tokens": 78}
    finding = found(Case(report=report))[0]
    assert finding.code == "U1.mixed-units" and finding.severity == "severe"
    assert "4.6 as a mean per token is worse than uniform over the live tokens (4.36)" in (
        finding.claim
    )
    assert "2.8 as a sum over 4 voices is 0.7 per token" in finding.claim
    assert "strong" in finding.claim
    assert len(finding.evidence["readings"]) == 2
    stated = {**report, "unit": "nats per frame"}
    assert codes(found(Case(report=stated))) == []
    assert codes(found(Case(report={**report, "loss": 3.0}))) == []


def test_a_stated_unit_beside_the_floors():
    sick = found(Case(report={"loss": 4.6, "unit": "nats per token", "live_tokens": 78}))
    assert codes(sick) == ["U1.worse-than-floor"]
    assert sick[0].threshold == pytest.approx(math.log(78))
    healthy = {"loss": 0.9, "unit": "nats per token", "live_tokens": 78, "unigram": 2.6}
    assert codes(found(Case(report=healthy))) == []
    unigram = {**healthy, "loss": 2.8}
    assert found(Case(report=unigram))[0].threshold == 2.6


def test_contradictions_between_units_of_one_loss():
    sick = {"nats per note": 0.9, "nats per frame": 0.9, "voices": 4}
    assert codes(found(Case(report=sick))) == ["U1.mixed-units"]
    assert codes(found(Case(report={**sick, "nats per frame": 3.6}))) == []
    bits = {"nats per token": 0.9, "bits per token": 0.9}
    assert codes(found(Case(report=bits))) == ["U1.mixed-units"]


def test_a_constant_that_does_better():
    assert codes(found(Case(report={"mse": 0.183, "constant_mse": 0.141}))) == [
        "U1.worse-than-floor"
    ]
    assert codes(found(Case(report={"mse": 0.1, "constant_mse": 0.141}))) == []


def test_rows_are_as_long_as_the_tests_think():
    assert pieces(1, 0)[0].shape == (STEPS, VOICES)
