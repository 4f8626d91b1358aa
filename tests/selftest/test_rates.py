import math

import pytest
from scipy.stats import binomtest
from scipy.stats import poisson as poisson_law

from partimento.selftest.rates import Rate, poisson, wilson


@pytest.mark.parametrize(("hits", "total"), [(0, 7), (3, 7), (7, 7), (180, 200)])
def test_wilson_is_scipys(hits, total):
    theirs = binomtest(hits, total).proportion_ci(0.95, method="wilson")
    assert wilson(hits, total) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_nothing_counted():
    assert wilson(0, 0) == (0.0, 1.0)
    assert math.isnan(Rate(0, 0).share)
    assert poisson(0, 0) == (0.0, math.inf)


def test_poisson_interval_is_exact():
    low, high = poisson(4, 20)
    assert poisson_law.sf(3, 20 * low) == pytest.approx(0.025)
    assert poisson_law.cdf(4, 20 * high) == pytest.approx(0.025)
    assert poisson(0, 20)[0] == 0.0


def test_impossible_counts():
    with pytest.raises(ValueError, match="hits"):
        wilson(3, 2)
    with pytest.raises(ValueError, match="counts"):
        poisson(-1, 2)
