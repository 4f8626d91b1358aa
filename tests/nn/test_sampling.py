"""Drawing from logits, against exact probabilities."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from partimento.nn.sampling import PRESETS, Sampling, draw, filter_logits, pick, preset, sweep

CLASSES, DRAWS = 12, 20_000
LOGITS = np.random.default_rng(7).normal(size=CLASSES) * 2
SAMPLINGS = [
    Sampling(t, k, p) for t in (0.5, 1.0, 1.7) for k in (None, 4) for p in (None, 0.6, 0.9)
]


def exact(logits, sampling):
    """Probabilities by definition: class after class, in plain Python."""
    scaled = [x / sampling.temperature for x in logits]
    highest = max(scaled)
    mass = {i: math.exp(x - highest) for i, x in enumerate(scaled) if x > -math.inf}
    ranked = sorted(mass, key=lambda i: (-mass[i], i))[: sampling.top_k]
    total = sum(mass[i] for i in ranked)
    kept, passed = [], 0.0
    for i in ranked:
        if sampling.top_p is not None and passed >= sampling.top_p:
            break
        kept.append(i)
        passed += mass[i] / total
    total = sum(mass[i] for i in kept)
    shares = np.zeros(len(logits))
    for i in kept:
        shares[i] = mass[i] / total
    return shares


def fits(classes, shares):
    """Whether drawn classes go with exact shares: none that cannot be, chi-square for the rest."""
    counts = np.bincount(classes, minlength=len(shares))
    assert counts[shares == 0].sum() == 0
    can = shares > 0
    if can.sum() > 1:
        assert chisquare(counts[can], shares[can] * counts.sum()).pvalue > 1e-3


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=lambda s: s.label)
def test_draws_follow_the_exact_probabilities(sampling):
    shares = exact(LOGITS, sampling)
    logits = torch.from_numpy(LOGITS).expand(DRAWS, -1)
    fits(draw(logits, sampling, torch.Generator().manual_seed(1)).numpy(), shares)
    uniform = np.random.default_rng(1).random(DRAWS)
    fits(pick(np.tile(LOGITS, (DRAWS, 1)), sampling, uniform), shares)


@pytest.mark.parametrize("style", PRESETS)
def test_presets_on_as_many_classes_as_there_are_events(style):
    logits = np.random.default_rng(3).normal(size=391) * 3
    shares = exact(logits, PRESETS[style])
    many = np.tile(logits, (5000, 1))
    generator = torch.Generator().manual_seed(5)
    fits(draw(torch.from_numpy(many), PRESETS[style], generator).numpy(), shares)
    fits(pick(many, PRESETS[style], np.random.default_rng(5).random(len(many))), shares)
    assert (shares > 0).sum() <= PRESETS[style].top_k


def test_a_wrong_distribution_would_be_noticed():
    logits = torch.from_numpy(LOGITS).expand(DRAWS, -1)
    classes = draw(logits, Sampling(1.0), torch.Generator().manual_seed(1)).numpy()
    with pytest.raises(AssertionError):
        fits(classes, exact(LOGITS, Sampling(1.06)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-64, 64), min_size=2, max_size=20, unique=True),
    st.floats(0.2, 3),
    st.none() | st.integers(1, 25),
    st.none() | st.floats(0.05, 0.99),
)
def test_both_forms_keep_what_the_definition_keeps(values, temperature, top_k, top_p):
    sampling = Sampling(temperature, top_k, top_p)
    values = [value / 8 for value in values]
    shares = exact(values, sampling)
    kept = filter_logits(torch.tensor([values], dtype=torch.float64), sampling)[0]
    torch.testing.assert_close(kept.softmax(-1), torch.from_numpy(shares), atol=1e-6, rtol=0)
    edges = np.concatenate([[0.0], np.linspace(0, 1, 60, endpoint=False), [np.nextafter(1, 0)]])
    found = pick(np.tile(values, (len(edges), 1)), sampling, edges)
    assert set(found.tolist()) <= set(np.flatnonzero(shares).tolist())


def test_the_class_that_crosses_p_is_kept():
    logits = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    for p, count in ((0.4, 1), (0.5001, 2), (0.79, 2), (0.81, 3), (0.96, 4), (1.0, 4)):
        kept = torch.isfinite(filter_logits(logits, Sampling(1.0, None, p)))
        assert kept.sum() == count, p


def test_top_p_counts_what_top_k_has_left():
    logits = torch.tensor([[0.4, 0.2, 0.2, 0.1, 0.1]]).log()
    # Of all 0.4 + 0.2 < 0.7; of the three that are left they are 0.75.
    assert torch.isfinite(filter_logits(logits, Sampling(1.0, None, 0.7))).sum() == 3
    assert torch.isfinite(filter_logits(logits, Sampling(1.0, 3, 0.7))).sum() == 2


def test_ties_leave_exactly_k():
    logits = torch.zeros(2, 9)
    assert torch.isfinite(filter_logits(logits, Sampling(1.0, 4))).sum(-1).tolist() == [4, 4]
    uniform = np.linspace(0, 1, 900, endpoint=False)
    found = pick(np.zeros((900, 9)), Sampling(1.0, 4), uniform)
    assert np.bincount(found, minlength=9).tolist() == [225] * 4 + [0] * 5


def test_masked_classes_are_never_drawn():
    logits = torch.from_numpy(LOGITS).repeat(2000, 1)
    logits[:, LOGITS.argmax()] = -torch.inf
    for sampling in (Sampling(3.0), Sampling(1.0, 12, 0.999), Sampling(0.0)):
        drawn = draw(logits, sampling, torch.Generator().manual_seed(0))
        assert (drawn != LOGITS.argmax()).all()
        uniform = np.random.default_rng(0).random(2000)
        assert (pick(logits.numpy(), sampling, uniform) != LOGITS.argmax()).all()
    one = torch.full((1, 5), -torch.inf)
    one[0, 3] = -1000.0
    assert draw(one, Sampling(0.7, 5, 0.85), torch.Generator()).item() == 3
    assert pick(one.numpy(), Sampling(0.7, 5, 0.85), np.array([0.99])).item() == 3


def test_nothing_left_is_an_error():
    logits = torch.zeros(2, 5)
    logits[1] = -torch.inf
    with pytest.raises(ValueError, match="masked"):
        draw(logits, Sampling(), torch.Generator())
    with pytest.raises(ValueError, match="masked"):
        pick(logits.numpy(), Sampling(), np.zeros(2))


def test_greedy_takes_the_likeliest_whatever_the_filters():
    logits = torch.from_numpy(LOGITS)[None]
    best = int(LOGITS.argmax())
    for sampling in (
        Sampling(0.0),
        Sampling(0.0, 3, 0.1),
        Sampling(1.0, 1),
        Sampling(1.0, None, 1e-9),
    ):
        assert draw(logits, sampling, torch.Generator()).item() == best
        assert pick(LOGITS[None], sampling, np.array([0.999])).item() == best


def test_the_same_generator_state_draws_the_same():
    logits = torch.randn(64, 391, generator=torch.Generator().manual_seed(2))
    first, second = (
        draw(logits, PRESETS["creative"], torch.Generator().manual_seed(9)) for _ in range(2)
    )
    assert torch.equal(first, second)


def test_presets_are_those_of_the_source():
    table = {name: (s.temperature, s.top_k, s.top_p) for name, s in PRESETS.items()}
    assert table == {
        "deterministic": (0.7, 5, 0.85),
        "balanced": (0.8, 10, 0.92),
        "creative": (1.1, 15, 0.95),
        "long": (0.8, 8, 0.9),
    }
    assert preset("balanced", temperature=0.0) == Sampling(0.0, 10, 0.92)
    with pytest.raises(ValueError, match="deterministic, balanced"):
        preset("wild")
    assert [s.label for s in sweep(PRESETS["long"], [0.6, 1.0])] == ["t0.6_k8_p0.9", "t1_k8_p0.9"]


@pytest.mark.parametrize("wrong", [(-0.1, None, None), (1.0, 0, None), (1.0, None, 0.0)])
def test_impossible_values(wrong):
    with pytest.raises(ValueError):
        Sampling(*wrong)
