from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from partimento.doctor.case import Case, DataFacts, Probe, Watched
from partimento.selftest.autotrainer import AUTOTRAINER
from partimento.selftest.baselines import RULE_SETS, fired_rules
from partimento.selftest.debugger import DEBUGGER

STEPS = np.arange(0, 200, 10)


def watched(**changes):
    shape = (len(STEPS), 3)
    values = {
        "steps_S": STEPS,
        "losses_S": 2.0 * 0.9 ** np.arange(len(STEPS)),
        "blocks": ["first", "middle", "last"],
        "gradient_norms_SP": np.full(shape, 0.5),
        "weight_norms_SP": np.full(shape, 4.0),
        "update_ratios_SP": np.full(shape, 1e-3),
        "rates_S": np.full(len(STEPS), 1e-3),
        "dead_SP": np.full(shape, np.nan),
        "saturated_SP": np.full(shape, np.nan),
        "output_spread_S": np.ones(len(STEPS)),
        "target_spread_S": np.ones(len(STEPS)),
    }
    return Watched(**{**values, **changes})


def column(value, place, start=5):
    table = np.full((len(STEPS), 3), 0.5)
    table[start:, place] = value
    return table


def curve(kind, values):
    key = "loss" if kind == "train" else "valid_loss"
    return [
        {"kind": kind, "step": 5 * n, key: float(value)} for n, value in enumerate(values, start=1)
    ]


FALLING = 2.0 * 0.93 ** np.arange(40)
HEALTHY = Case(
    kind="tokens",
    rows=[*curve("train", FALLING), *curve("validation", FALLING)],
    watched=watched(),
)


def names(case, baseline):
    return [fired.rule for fired in fired_rules(case, baseline)]


@pytest.mark.parametrize("baseline", RULE_SETS)
def test_a_healthy_run_fires_nothing(baseline):
    assert names(HEALTHY, baseline) == []


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("vanishing_gradient", {"gradient_norms_SP": column(1e-8, 0)}),
        ("exploding_tensor", {"gradient_norms_SP": column(np.inf, 1)}),
        ("dead_relu", {"dead_SP": column(0.6, 1)}),
        ("saturated_activation", {"saturated_SP": column(0.6, 1)}),
        ("weight_update_ratio", {"update_ratios_SP": column(11.0, 1)}),
        ("all_zero", {"gradient_norms_SP": column(0.0, 1)}),
        ("unchanged_tensor", {"update_ratios_SP": column(1e-6, 1)}),
    ],
)
def test_debugger_reads_the_monitor(rule, changes):
    assert rule in names(replace(HEALTHY, watched=watched(**changes)), "debugger")


@pytest.mark.parametrize(
    ("rule", "train", "valid"),
    [
        ("loss_not_decreasing", np.full(40, 2.0), FALLING),
        ("overfit", FALLING, np.linspace(1.9, 2.5, 40)),
        ("overtraining", np.append(FALLING, np.full(10, 0.1)), np.full(40, 1.0)),
    ],
)
def test_debugger_reads_the_curves(rule, train, valid):
    case = replace(HEALTHY, rows=[*curve("train", train), *curve("validation", valid)])
    assert rule in names(case, "debugger")


@pytest.mark.parametrize(
    ("rule", "changes", "rows"),
    [
        ("vanishing_gradient", {"gradient_norms_SP": column(1e-4, 0)}, 2.0),
        ("exploding_gradient", {"gradient_norms_SP": column(50.0, 0)}, 2.0),
        ("dying_relu", {"dead_SP": column(0.8, 1)}, 2.0),
        ("slow_convergence", {}, 2.0),
        ("not_converging", {}, 2.0),
    ],
)
def test_autotrainers_problems(rule, changes, rows):
    case = replace(HEALTHY, watched=watched(**changes), rows=curve("validation", np.full(20, rows)))
    assert rule in names(case, "autotrainer")


def test_autotrainer_lets_a_well_trained_model_be():
    case = replace(HEALTHY, watched=watched(dead_SP=column(0.8, 1)))
    assert "dying_relu" not in names(case, "autotrainer")


def test_autotrainer_sees_a_swinging_loss():
    swing = np.where(np.arange(20) % 2 == 0, 1.0, 2.0)
    assert "oscillating_loss" in names(
        replace(HEALTHY, rows=curve("validation", swing)), "autotrainer"
    )


def test_the_earliest_rule_is_first():
    changes = {"dead_SP": column(0.6, 1, start=9), "update_ratios_SP": column(11.0, 1, start=3)}
    fired = fired_rules(replace(HEALTHY, watched=watched(**changes)), "debugger")
    assert [(one.rule, one.step) for one in fired] == [
        ("weight_update_ratio", 30),
        ("dead_relu", 90),
    ]


def test_labels_and_predictions():
    labels = np.array([0] * 44 + [1] * 4)
    data = DataFacts(inputs=[np.zeros(1)] * 48, labels=labels)
    batch = (torch.zeros(48, 1), torch.from_numpy(labels))
    model = nn.Linear(1, 2)
    with torch.no_grad():
        model.bias[:] = torch.tensor([1.0, 0.0])
    probe = Probe(
        model=model,
        batches=[batch],
        outputs=lambda m, b: m(b[0]),
        targets=lambda b: b[1],
        loss=lambda m, b: nn.functional.cross_entropy(m(b[0]), b[1]),
    )
    case = replace(HEALTHY, kind="classification", data=data, probe=probe)
    # Held-out examples even the counts out; the rule looks at what is trained on.
    more = {"labels": np.append(labels, [1] * 40), "split": ["train"] * 48 + ["valid"] * 40}
    assert "class_imbalance" in names(replace(case, data=replace(data, **more)), "debugger")
    assert {"class_imbalance", "confusion"} <= set(names(case, "debugger"))
    right = replace(probe, outputs=lambda m, b: nn.functional.one_hot(b[1], 2).float())
    even = replace(data, labels=np.array([0, 1] * 24))
    told = names(replace(case, probe=right, data=even), "debugger")
    assert not {"class_imbalance", "confusion"} & set(told)


def test_a_bad_beginning_and_a_twin():
    model = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    with torch.no_grad():
        model[0].weight.normal_(0.0, 1.0)
        model[1].weight.normal_(0.0, 0.01)
    probe = Probe(
        model=model, batches=[], outputs=lambda m, b: b, targets=lambda b: b, loss=lambda m, b: b
    )
    case = replace(HEALTHY, initial=probe, others=[HEALTHY])
    assert {"poor_weight_initialization", "similar_across_runs"} <= set(names(case, "debugger"))


def test_more_padding_than_tokens():
    batch = torch.tensor([[1, 1, 0, 0, 0]])
    probe = Probe(
        model=nn.Linear(1, 1),
        batches=[batch],
        outputs=lambda m, b: b,
        targets=lambda b: b,
        loss=lambda m, b: b,
        mask=lambda b: b > 0,
    )
    assert "nlp_sequence_ratio" in names(replace(HEALTHY, probe=probe), "debugger")


def test_thresholds_from_memory_are_marked():
    for rule in (*DEBUGGER, *AUTOTRAINER):
        assert set(rule.remembered) <= set(rule.defaults)
    assert {rule.name for rule in AUTOTRAINER} >= {"vanishing_gradient", "slow_convergence"}
    assert len(DEBUGGER) == 17


def test_a_case_without_anything_is_silent():
    assert names(Case(), "debugger") == [] == names(Case(), "autotrainer")


def test_a_loss_that_is_no_number_between_two_records():
    case = replace(HEALTHY, rows=curve("train", np.append(FALLING, np.nan)))
    assert "exploding_tensor" in names(case, "debugger")
    assert "exploding_gradient" in names(case, "autotrainer")
