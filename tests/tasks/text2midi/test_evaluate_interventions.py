import numpy as np
import pytest

from fake_text_model import FakeTextModel
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interventions import (
    ASKED,
    intervention_report,
    spearman,
    spearman_row,
)


class Deaf(FakeTextModel):
    """Composes the same, whatever is asked."""

    def compose(self, wishes, **options):
        return super().compose(
            [w.__class__(w.conditions.__class__(), w.bars) for w in wishes], **options
        )


def test_a_model_that_obeys_is_told_from_one_that_is_deaf():
    obeys = intervention_report(FakeTextModel(), sampling=Sampling(), bases=4, bars=4)
    deaf = intervention_report(Deaf(), sampling=Sampling(), bases=4, bars=4)
    for name in ASKED:
        assert obeys[name]["spearman"]["value"] > 0.7
        assert obeys[name]["spearman"]["low"] > 0.4
        assert abs(deaf[name]["spearman"]["value"]) < 0.1
        measured = [row["measured"] for row in obeys[name]["by_level"]]
        assert measured[-1] > measured[0]


def test_nothing_but_one_attribute_changes():
    model = FakeTextModel()
    intervention_report(model, sampling=Sampling(), bases=3, bars=4, seed=5)
    assert len(model.asked) == 10
    for wishes in model.asked:
        assert [w.conditions.attributes.meter for w in wishes] == ["4/4", "3/4", "6/8"]
    low, high = (w[0].conditions.attributes for w in (model.asked[0], model.asked[4]))
    assert (low.density, high.density) == ("sparse", "dense")
    assert low.without("density", "bars") == high.without("density", "bars")


@pytest.mark.parametrize(
    ("a", "b", "wanted"),
    [
        ([1, 2, 3, 4], [10, 20, 25, 90], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3], [5, 5, 5], 0.0),
        ([1, 1, 2, 2], [1, 2, 3, 4], 2 / 5**0.5),
    ],
)
def test_spearman(a, b, wanted):
    assert spearman(np.array(a), np.array(b)) == pytest.approx(wanted)


def test_silent_pieces_are_left_out():
    measured = np.array([[1.0, np.nan, 1.0], [2.0, 1.0, 2.0], [3.0, 2.0, 3.0]])
    row = spearman_row(np.array([1.0, 2.0, 3.0]), measured, np.random.default_rng(0))
    assert row["spearman"]["value"] == pytest.approx(1.0)
    assert row["spearman"]["n"] == 6
    nothing = spearman_row(np.array([1.0, 2.0]), np.full((2, 3), np.nan), np.random.default_rng(0))
    assert nothing["spearman"]["value"] is None
