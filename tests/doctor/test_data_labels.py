"""The ceiling that the raters' noise sets."""

import numpy as np
import pytest

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.data_labels import CHECKS, reliability, split_half
from partimento.doctor.examine import examine


def raters(noise, seed=0, examples=400, each=6):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(examples, 1, 2))
    return list(truth + noise * rng.normal(size=(examples, each, 2)))


def finding(noise, **more):
    facts = DataFacts(inputs=[np.zeros(1)], rater_labels=raters(noise, **more))
    found = examine(Case(data=facts), CHECKS).findings
    return found[0] if found else None


@pytest.mark.parametrize("noise", [0.5, 1.0, 3.0])
def test_both_estimates_find_the_known_reliability(noise):
    """Var 1 of the truth, noise^2 / 6 of the mean of six."""
    known = 1.0 / (1.0 + noise**2 / 6)
    answers = raters(noise, examples=1200)
    assert reliability(answers).mean == pytest.approx(known, abs=0.05)
    assert split_half(answers, np.random.default_rng(0)) == pytest.approx(known, abs=0.05)


@pytest.mark.parametrize(("noise", "severity"), [(0.5, "info"), (4.0, "warning"), (30.0, "severe")])
def test_how_much_it_matters(noise, severity):
    assert finding(noise).severity == severity


def test_few_examples_tell_nothing():
    assert finding(1.0, examples=9) is None
    assert finding(1.0, each=1) is None


def test_missing_answers_are_left_out():
    answers = raters(1.0, examples=1000)
    rng = np.random.default_rng(1)
    gaps = [np.where(rng.random(one.shape) < 0.2, np.nan, one) for one in answers]
    assert reliability(gaps).mean == pytest.approx(1.0 / (1.0 + 1.0 / 4.8), abs=0.05)


def test_one_dimension_for_all():
    with pytest.raises(ValueError, match="one D"):
        reliability([np.zeros((3, 2)), np.zeros((3, 1))])
