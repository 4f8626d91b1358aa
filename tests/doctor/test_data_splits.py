"""Parts out of proportion, statistics fitted on more than training."""

import numpy as np
import pytest

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.data_checks import CHECKS as ALL
from partimento.doctor.data_splits import CHECKS
from partimento.doctor.examine import examine


def findings(inputs, split, **more):
    case = Case(data=DataFacts(inputs=inputs, split=split, **more))
    return {one.code: one for one in examine(case, CHECKS).findings}


@pytest.mark.parametrize(
    ("train", "valid", "severity"), [(80, 20, None), (50, 50, None), (20, 80, "severe"),
                                     (0, 10, "severe"), (30, 0, "warning")]
)  # fmt: skip
def test_sizes(train, valid, severity):
    split = ["training"] * train + ["validation"] * valid
    one = findings([np.arange(5)] * (train + valid), split).get("D6.split")
    assert (one and one.severity) == severity


def clips(fitted_on, seed=0):
    """Clips of different length, standardised by the notes or clips of the parts named."""
    rng = np.random.default_rng(seed)
    split = ["train"] * 40 + ["valid"] * 15
    rows = [rng.normal(size=(int(rng.integers(5, 20)), 8)) + rng.normal(size=8) for _ in split]
    chosen = [row.mean(axis=0) for row, part in zip(rows, split, strict=True) if part in fitted_on]
    return [row - np.mean(chosen, axis=0) for row in rows], split


def test_statistics_are_seen_in_the_columns():
    one = findings(*clips(("train", "valid")))["D6.statistics"]
    assert one.severity == "warning"
    assert one.evidence["mean_of_training"] > 0.01
    assert not findings(*clips(("train",)))


def test_statistics_over_all_notes_are_seen_too():
    rows, split = clips(("train",))
    mean = np.concatenate(rows).mean(axis=0)
    assert "D6.statistics" in findings([row - mean for row in rows], split)


def test_statistics_that_the_data_tells():
    rows, split = clips(("train",))
    one = findings(rows, split, statistics_from=("train", "test"))["D6.statistics"]
    assert "test" in one.claim
    assert one.measured == 1.0


def test_raw_columns_are_no_fault():
    rows, split = clips(("train",))
    assert not findings([row + 7.0 for row in rows], split)


def test_every_check_has_its_codes():
    codes = [known.code for check in ALL for known in check.known]
    assert len(set(codes)) == len(codes)
    assert {code[:2] for code in codes} == {"D1", "D2", "D3", "D4", "D5", "D6", "D7"}
