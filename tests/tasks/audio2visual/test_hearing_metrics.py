"""The figures against their definitions, written out plainly."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.metrics import roc_auc_score

from partimento.tasks.audio2visual.bank import PromptBank, project
from partimento.tasks.audio2visual.concepts import CONCEPTS, SOUNDS
from partimento.tasks.audio2visual.hearing_metrics import (
    auroc,
    diversity,
    drawn_groups,
    expected_calibration_error,
    middle_95,
    nearest_label,
    r2_vs_constant,
    swap_partners,
    text_space,
    wilson,
)

LABELS = np.arange(len(SOUNDS))


def cases(seed=0, clips=30):
    """Weights that are right in most cases, and the classes."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, len(SOUNDS), clips)
    weights = rng.dirichlet(np.full(len(CONCEPTS), 0.1), clips)
    weights += 0.8 * np.eye(len(CONCEPTS))[np.where(rng.random(clips) < 0.8, targets, 3)]
    return weights, targets


@pytest.mark.parametrize("side", ["clip", "t5"])
def test_the_gram_matrix_gives_what_the_embeddings_give(side):
    bank = PromptBank.builtin()
    weights, targets = cases()
    rows = bank.clip_KE if side == "clip" else bank.t5_KLE
    space = text_space(rows, weights, targets, LABELS)
    scale = bank.rows(SOUNDS).clip_scale if side == "clip" else bank.rows(SOUNDS).t5_scale
    outputs = scale.z_scores(getattr(project(weights, bank), side)).reshape(len(weights), -1)
    prompts = scale.z_scores(rows.astype(np.float32)).reshape(len(rows), -1)[LABELS]
    goal = prompts[targets]
    cosine = outputs @ prompts.T / np.linalg.norm(prompts, axis=1)
    np.testing.assert_array_equal(nearest_label(space), cosine.argmax(1))
    constant = ((goal - goal.mean(0)) ** 2).sum()
    r2 = 1 - ((outputs - goal) ** 2).sum() / constant
    assert r2_vs_constant(space)[0] == pytest.approx(r2, abs=2e-3)
    spread = pdist(outputs).mean() / pdist(goal).mean()
    assert diversity(space)[0] == pytest.approx(spread, abs=2e-3)


def test_the_ends_of_the_scales():
    rows = np.random.default_rng(0).normal(size=(len(CONCEPTS), 768))
    targets = np.arange(40) % 10
    perfect = text_space(rows, np.eye(len(CONCEPTS))[targets], targets, LABELS)
    assert (nearest_label(perfect) == targets).all()
    assert r2_vs_constant(perfect)[0] == pytest.approx(1.0)
    assert diversity(perfect)[0] == pytest.approx(1.0)
    mean = np.zeros((40, len(CONCEPTS)))
    mean[:, :10] = 0.1
    constant = text_space(rows, mean, targets, LABELS)
    assert r2_vs_constant(constant)[0] == pytest.approx(0.0, abs=1e-6)
    assert diversity(constant)[0] == pytest.approx(0.0, abs=1e-6)


def test_one_class_has_neither_r2_nor_diversity():
    weights, _ = cases()
    space = text_space(PromptBank.builtin().clip_KE, weights, np.zeros(30, int), LABELS)
    assert np.isnan(r2_vs_constant(space)[0])
    assert np.isnan(diversity(space)[0])


def test_a_clip_that_counts_twice_is_a_clip_more():
    rows = PromptBank.builtin().clip_KE
    weights, targets = cases()
    counts = np.random.default_rng(1).integers(0, 3, (1, 30))
    doubled = np.repeat(np.arange(30), counts[0])
    once = text_space(rows, weights[doubled], targets[doubled], LABELS)
    space = text_space(rows, weights, targets, LABELS)
    assert r2_vs_constant(space, counts)[0] == pytest.approx(r2_vs_constant(once)[0])
    assert diversity(space, counts)[0] == pytest.approx(diversity(once)[0])


def test_auroc_is_scikit_learns():
    rng = np.random.default_rng(0)
    known, unknown = rng.integers(0, 6, 50) / 2, rng.integers(2, 8, 30) / 2
    truth = np.r_[np.zeros(50), np.ones(30)]
    assert auroc(known, unknown) == pytest.approx(roc_auc_score(truth, np.r_[known, unknown]))
    assert auroc(known, known) == 0.5
    assert np.isnan(auroc(known, known[:0]))


def test_calibration_error():
    right = np.array([1.0, 1.0, 0.0, 1.0])
    sure = np.array([0.95, 0.95, 0.35, 0.35])
    assert expected_calibration_error(sure, right) == pytest.approx(0.5 * 0.05 + 0.5 * 0.15)
    assert expected_calibration_error(np.ones(3), np.ones(3)) == 0.0


def test_partners_are_of_other_classes_and_used_once():
    labels = [*"aaaaabbbbccccd"]
    partners = swap_partners(labels, np.random.default_rng(3))
    assert sorted(partners) == list(range(len(labels)))
    assert all(labels[n] != labels[m] for n, m in enumerate(partners))
    again = swap_partners(labels, np.random.default_rng(3))
    np.testing.assert_array_equal(partners, again)
    four = [*"abcd"] * 20
    others = swap_partners(four, np.random.default_rng(0))
    assert {four[m] for m in others[::4]} == {"b", "c", "d"}


def test_a_class_of_more_than_half_leaves_some_alone():
    labels = [*"aaaaab"]
    partners = swap_partners(labels, np.random.default_rng(0))
    assert (partners >= 0).sum() == 2
    assert all(labels[n] != labels[m] for n, m in enumerate(partners) if m >= 0)
    assert (swap_partners(["a", "a"], np.random.default_rng(0)) == -1).all()


def test_intervals():
    low, high = wilson(18, 20)
    assert (low, high) == pytest.approx((0.6990, 0.9721), abs=1e-4)
    assert wilson(0, 5)[0] == 0.0 and wilson(5, 5)[1] == 1.0
    assert np.isnan(wilson(0, 0)[0])
    drawn = drawn_groups(["a", "b", "a", "c"], np.random.default_rng(0), 50)
    assert drawn.shape == (50, 4)
    np.testing.assert_array_equal(drawn[:, 0], drawn[:, 2])
    assert (drawn[:, [0, 1, 3]].sum(1) == 3).all()
    assert middle_95(np.array([np.nan, 1.0, 3.0])) == pytest.approx((1.05, 2.95))
    assert np.isnan(middle_95(np.array([np.nan]))[0])
