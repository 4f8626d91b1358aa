"""Targets, inputs, batches and the amount of training: a sick case and its healthy twin each."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from doctor_cases import batches_of, findings, linear, made_numbers, numbers_case, numbers_probe
from partimento.doctor.batch_checks import falling_share
from partimento.doctor.case import Case, DataFacts, Watched
from partimento.doctor.gathered import answers
from partimento.doctor.target_checks import CHECKS, dimension_scales

WEIGHTS = made_numbers()[2]
GOOD = linear(WEIGHTS)
STILL = linear(np.zeros_like(WEIGHTS))


def watched(batches=(), ratio=1e-2):
    rows = np.ones((4, 1))
    return Watched(
        steps_S=np.arange(4), losses_S=np.ones(4), blocks=["a"], gradient_norms_SP=rows,
        weight_norms_SP=rows, update_ratios_SP=rows * ratio, rates_S=np.ones(4), dead_SP=rows * 0,
        saturated_SP=rows * 0, output_spread_S=np.ones(4), target_spread_S=np.ones(4),
        batch_classes_S=batches,
    )  # fmt: skip


def test_a_good_model_has_no_finding():
    assert not findings(numbers_case(GOOD), CHECKS)


def test_worse_than_the_mean():
    found = findings(numbers_case(linear(-WEIGHTS)), CHECKS)
    one = found["T1.worse-than-constant"]
    assert one.measured < -1.0
    assert one.threshold == 0.0
    # A model that answers (about) the mean is not worse than it.
    assert "T1.worse-than-constant" not in findings(numbers_case(STILL), CHECKS)


def test_inputs_that_do_not_matter():
    found = findings(numbers_case(STILL), CHECKS)
    assert found["T2.input-ignored"].measured == pytest.approx(0.0)
    assert "T2.input-ignored" not in findings(numbers_case(linear(0.3 * WEIGHTS)), CHECKS)


def test_batches_stand_in_where_examples_have_no_losses():
    case = numbers_case(STILL)
    probe = dataclasses.replace(case.probe, example_losses=None, batches=case.probe.batches * 3)
    found = findings(dataclasses.replace(case, probe=probe), CHECKS)
    assert found["T2.input-ignored"].measured == pytest.approx(0.0)


def test_a_closed_form_that_does_better():
    one = findings(numbers_case(linear(0.2 * WEIGHTS)), CHECKS)["T3.ridge-gap"]
    assert one.measured > 0.4
    assert one.evidence["r2"][0]["R2"] > 0.9


def test_no_gap_where_the_inputs_say_nothing():
    rng = np.random.default_rng(3)
    case = numbers_case(STILL)
    empty = dataclasses.replace(case.data, inputs=list(rng.normal(size=(144, 5))))
    assert "T3.ridge-gap" not in findings(dataclasses.replace(case, data=empty), CHECKS)


def test_no_gap_where_labels_stand_on_another_scale():
    case = numbers_case(STILL)
    scaled = dataclasses.replace(case.data, labels=case.data.labels * 40.0 + 3.0)
    assert "T3.ridge-gap" not in findings(dataclasses.replace(case, data=scaled), CHECKS)


def vectors(scale=1.0, seed=0):
    """Four classes with unit targets, the last one ``scale`` times as long."""
    rng = np.random.default_rng(seed)
    targets_KP = rng.normal(size=(4, 6))
    targets_KP /= np.linalg.norm(targets_KP, axis=1, keepdims=True)
    targets_KP[3] *= scale
    labels = np.arange(64) % 4
    inputs = np.eye(4)[labels] + 0.05 * rng.normal(size=(64, 4))
    return inputs, targets_KP, labels


def vector_case(model, scale=1.0):
    inputs, targets_KP, labels = vectors(scale)
    probe = numbers_probe(model, batches_of(inputs[32:], targets_KP[labels[32:]], labels[32:]))
    data = DataFacts(inputs=list(inputs), labels=labels, split=["train"] * 32 + ["test"] * 32)
    return Case(kind="embedding", probe=probe, data=data)


def test_vectors_that_are_all_alike():
    _, targets_KP, _ = vectors()
    assert not findings(vector_case(linear(targets_KP)), CHECKS)
    mean = targets_KP.mean(0)
    found = findings(vector_case(linear(0.02 * targets_KP, mean)), CHECKS)
    assert found["T1.no-diversity"].measured < 0.05
    # The labels are class numbers; the ridge learns the targets that the batches show for them.
    assert found["T3.ridge-gap"].measured > 0.8


def test_one_class_of_larger_targets():
    inside = vectors(6.0)[1]
    one = findings(vector_case(linear(inside), 6.0), CHECKS)["T6.target-scale"]
    assert one.measured == pytest.approx(6.0, rel=1e-3)
    assert "T6.target-scale" not in findings(vector_case(linear(vectors()[1])), CHECKS)


def test_one_dimension_of_larger_targets():
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(200, 3)) * [1.0, 2.0, 40.0]
    measured = dimension_scales(targets)
    assert measured.bad
    assert measured.measured == pytest.approx(40.0, rel=0.25)
    assert not dimension_scales(targets[:, :2]).bad


def test_batches_of_one_class():
    rng = np.random.default_rng(0)
    pure = [[k % 4] * 8 for k in range(20)]
    mixed = [rng.integers(0, 4, 8).tolist() for _ in range(20)]
    config = {"batching": {"mode": "homogeneous"}}
    one = findings(Case(watched=watched(pure), config=config), CHECKS)["T4.class-pure-batches"]
    assert one.severity == "severe"
    assert one.evidence["change"] == {"batching.mode": "shuffled"}
    assert not findings(Case(watched=watched(mixed)), CHECKS)
    # One at a time every batch is of one class, which no order changes.
    assert not findings(Case(watched=watched([[k % 4] for k in range(20)])), CHECKS)


def test_a_printed_loss_that_flatters():
    epochs = [{"kind": "epoch", "train_loss": v} for v in (1.0, 0.5, 0.115)]
    whole = {"kind": "training_set", "loss": 0.183, "constant": 0.141}
    one = findings(Case(rows=[*epochs, whole]), CHECKS)["T5.running-loss"]
    assert one.measured == pytest.approx((0.183 - 0.115) / 0.183)
    assert "0.141 for a constant" in one.claim
    assert not findings(Case(rows=[*epochs, {**whole, "loss": 0.12}]), CHECKS)
    assert not findings(Case(rows=epochs), CHECKS)


def loss_rows(losses, every=1, reason="max_epochs"):
    rows = [
        {"kind": "train", "step": (i + 1) * every, "loss": float(loss)}
        for i, loss in enumerate(losses)
    ]
    return [*rows, {"kind": "stop", "step": len(losses) * every, "reason": reason}]


def settled(count, seed):
    """A loss that falls as a power of the steps, with noise."""
    steps = np.arange(1, count + 1)
    noise = 0.05 * np.random.default_rng(seed).normal(size=count)
    return 1.0 + 2.0 * steps**-0.5 + noise


def test_a_run_that_ends_too_early():
    noise = 0.03 * np.random.default_rng(0).normal(size=40)
    falling = loss_rows(np.linspace(4.0, 3.0, 40) + noise)
    config = {"training": {"max_epochs": 5, "max_steps": None}}
    one = findings(Case(rows=falling, config=config), CHECKS)["T7.too-few-steps"]
    assert one.measured == pytest.approx(0.2, abs=0.05)
    assert one.evidence["change"] == {"training.max_epochs": 75}
    # Stopped by plan only; not where each step is too small, nor after many steps.
    assert not findings(Case(rows=loss_rows(np.linspace(4, 3, 40), reason="patience")), CHECKS)
    assert not findings(Case(rows=falling, watched=watched(ratio=1e-6)), CHECKS)
    assert not findings(Case(rows=loss_rows(np.linspace(4, 3, 40), every=50)), CHECKS)


def test_very_few_steps_under_a_falling_rate():
    """The curve flattens with the rate, not because anything settled."""
    rates = 3e-3 * (1 + np.cos(np.linspace(0, np.pi, 40))) / 2 + 1e-6
    losses = 4.0 - 10.0 * np.cumsum(rates)
    rows = [
        {"kind": "train", "step": i + 1, "loss": float(losses[i]), "lr": float(rates[i])}
        for i in range(40)
    ]
    assert findings(Case(rows=rows), CHECKS)["T7.too-few-steps"].measured > 0.15
    longer = [{**row, "step": 5 * row["step"]} for row in rows]
    assert not findings(Case(rows=longer), CHECKS)


def test_what_was_learnt_by_heart_is_not_called_ignored():
    rows = [{"kind": "train", "step": i, "loss": 1e-4} for i in range(10)]
    assert "T2.input-ignored" not in findings(numbers_case(STILL, rows=rows), CHECKS)


def test_settled_runs_are_long_enough():
    for seed in range(20):
        assert not findings(Case(rows=loss_rows(settled(120, seed))), CHECKS)
    assert falling_share(np.arange(10.0), np.ones(10)) == 0.0


def test_many_weights_for_few_examples():
    wide = nn.Sequential(nn.Linear(5, 3000), nn.Linear(3000, 500), nn.Linear(500, 3))
    found = findings(numbers_case(wide), CHECKS)
    assert found["T8.parameters"].severity == "info"
    assert found["T8.parameters"].evidence["clips"] == 96
    assert "T8.parameters" not in findings(numbers_case(GOOD), CHECKS)


def test_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.BatchNorm1d(5), nn.Dropout(0.5), linear(WEIGHTS))
    model[1].eval()
    case = numbers_case(model)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state, modes = torch.get_rng_state(), [m.training for m in model.modules()]
    findings(case, CHECKS)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert [m.training for m in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())


def test_padding_is_left_out():
    inputs = np.random.default_rng(0).normal(size=(6, 4, 5))
    targets = inputs @ WEIGHTS
    mask = torch.tensor([[True] * 4] * 5 + [[True, False, False, False]])
    probe = dataclasses.replace(
        numbers_probe(GOOD, batches_of(inputs, targets)), mask=lambda b: mask
    )
    found = answers(probe)
    assert found.outputs_ND.shape == (21, 3)
    assert found.example_N.tolist()[-2:] == [4, 5]


def test_codes_are_unique_and_explained():
    codes = [known.code for check in CHECKS for known in check.known]
    assert len(codes) == len(set(codes)) == 9
    assert all(known.meaning and known.threshold for check in CHECKS for known in check.known)


def test_checks_of_numbers_are_not_made_of_tokens():
    case = dataclasses.replace(numbers_case(GOOD), kind="tokens")
    missing = {check.name: check.missing(case) for check in CHECKS}
    assert missing["against constant"] == "a model that predicts numbers or vectors"
    assert missing["input shuffle"] == ""
    rows = Case(rows=[{"kind": "epoch", "train_loss": 1.0}])
    assert {c.name: c.missing(rows) for c in CHECKS}["running loss"].startswith("the loss of")
