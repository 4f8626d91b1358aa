"""Findings: their fields, their order, and JSON there and back."""

import dataclasses
import json
import math

import pytest

from partimento.doctor.finding import Finding, Measured, in_order, worst
from partimento.doctor.recipe import steps_taken


def finding(severity="warning", confidence=0.5, code="R2.collapse", **changes):
    values = {
        "code": code,
        "severity": severity,
        "claim": "outputs are still",
        "measured": 0.01,
        "unit": "ratio",
        "threshold": 0.1,
        "source": "definition",
        "confidence": confidence,
        "control": "shuffled inputs",
        "remedy": "partimento train recipe.yaml",
        "evidence": {"rows": [1, 2]},
    }
    return Finding(**(values | changes))


def test_fields_are_those_of_the_specification():
    assert [f.name for f in dataclasses.fields(Finding)] == [
        *("code", "severity", "claim", "measured", "unit", "threshold"),
        *("source", "confidence", "control", "remedy", "evidence"),
    ]


def test_severe_first_then_the_surest():
    found = [
        finding("info", 1.0),
        finding("severe", 0.3),
        finding("warning", 0.9),
        finding("severe", 0.8),
        finding("severe", 0.8, code="M2.batch"),
    ]
    order = [(f.severity, f.confidence, f.code) for f in in_order(found)]
    assert order == [
        ("severe", 0.8, "M2.batch"),
        ("severe", 0.8, "R2.collapse"),
        ("severe", 0.3, "R2.collapse"),
        ("warning", 0.9, "R2.collapse"),
        ("info", 1.0, "R2.collapse"),
    ]
    assert worst(found) == "severe"
    assert worst([]) is None


def test_json_there_and_back():
    one = finding(threshold=None)
    assert Finding.from_dict(json.loads(json.dumps(one.to_dict()))) == one
    sick = finding(measured=math.nan).to_dict()
    assert json.loads(json.dumps(sick, allow_nan=False))["measured"] == "NaN"
    assert math.isnan(Finding.from_dict(sick).measured)


def test_unknown_fields_and_wrong_values_are_refused():
    with pytest.raises(ValueError, match="weight"):
        Finding.from_dict(finding().to_dict() | {"weight": 1})
    for wrong in ({"confidence": 1.5}, {"confidence": math.nan}, {"code": ""}):
        with pytest.raises(ValueError):
            finding(**wrong)
    with pytest.raises(ValueError, match="grave"):
        Finding.from_dict(finding().to_dict() | {"severity": "grave"})


def test_a_check_becomes_a_finding():
    check = steps_taken(320, 32, 10)
    assert check.bad
    made = check.finding(
        code="R10.steps", severity="severe", confidence=0.9, control="equal steps", remedy="more"
    )
    assert (made.measured, made.threshold, made.claim) == (100.0, 600.0, check.says)
    assert made.evidence == {
        "per_epoch": 10,
        "epochs": 10,
        "epochs_needed": 60,
        "times_fewer": 32.0,
    }
    assert check.to_dict()["bad"] is True


def test_a_figure_that_is_no_number_is_bad_on_either_side():
    for side in ("above", "below"):
        assert Measured(
            measured=math.nan, unit="", threshold=1.0, source="", bad_when=side, says=""
        ).bad
