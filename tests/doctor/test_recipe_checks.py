"""Rates, curricula, optimiser groups and options without effect: each sick and healthy."""

import copy

import numpy as np
import pytest
import torch
from tiny_tokens import Deaf, Tiny, case, codes, pieces, probe

from partimento.doctor.case import Case, DataFacts, Watched
from partimento.doctor.examine import examine
from partimento.doctor.option_checks import augmentation_effect, temperature_owners
from partimento.doctor.rate_checks import highest_rate, reference_rate
from partimento.doctor.recipe_checks import CHECKS
from partimento.doctor.recipe_view import Recipe, setting

BASE = {
    "model": {"width": 64, "layers": 2},
    "training": {
        "batch_size": 16,
        "max_steps": 200,
        "optimizer": {"name": "adamw", "lr": 3e-3},
        "schedule": {"kind": "cosine", "warmup_steps": 10, "total_steps": None},
        "curriculum": {"on": False},
    },
}


def recipe(**changes):
    """The base with dotted names (dots as double underscores) set."""
    values = copy.deepcopy(BASE)
    for name, value in changes.items():
        *path, last = name.split("__")
        place = values
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return values


def found(config, **more):
    return examine(Case(config=config, **more), CHECKS).findings


# -- rates -------------------------------------------------------------------------------------


def test_foreign_names_are_understood():
    foreign = {"d_model": 384, "learning_rate": "5e-4", "lr_scheduler_type": "Cosine"}
    view = Recipe(Case(config=foreign))
    assert (view.number("width"), view.number("lr"), view.word("kind")) == (384, 5e-4, "cosine")
    assert setting(foreign, "max_steps") is None


def test_the_hundredfold_rate_of_the_piano_diary():
    config = recipe(model__width=384, training__optimizer__lr=2 * 384**-0.5)
    sick = found(config)
    assert codes(sick) == ["R7.peak-too-high"] and sick[0].severity == "severe"
    assert sick[0].threshold == pytest.approx(highest_rate(384.0))
    change = sick[0].evidence["change"]
    assert change == {"training.optimizer.lr": pytest.approx(reference_rate(384.0), rel=0.05)}
    assert codes(found(recipe(model__width=384, training__optimizer__lr=5e-4))) == []
    assert codes(found({"d_model": 384, "lr": 0.102})) == ["R7.peak-too-high"]
    assert codes(found(recipe(training__optimizer__name="sgd", training__optimizer__lr=0.1))) == []


def test_a_stated_bound_counts():
    config = recipe(training__schedule__bound=1e-3)
    assert found(config)[0].threshold == 1e-3


def test_muon_has_bounds_of_its_own():
    muon = recipe(training__optimizer__name="task", training__optimizer__muon_lr=0.02)
    assert codes(found(muon)) == []
    muon["training"]["optimizer"]["muon_lr"] = 2.0
    assert codes(found(muon)) == ["R7.peak-too-high"]


def watched(rates):
    steps = len(rates)
    nothing = np.zeros((steps, 0))
    return Watched(
        steps_S=np.arange(steps),
        losses_S=np.ones(steps),
        blocks=(),
        gradient_norms_SP=nothing,
        weight_norms_SP=nothing,
        update_ratios_SP=nothing,
        rates_S=np.asarray(rates, dtype=float),
        dead_SP=nothing,
        saturated_SP=nothing,
        output_spread_S=np.ones(steps),
        target_spread_S=np.ones(steps),
    )


def cosine(steps, total, peak=3e-3):
    done = np.minimum(np.arange(steps) / total, 1.0)
    return peak * (1 + np.cos(np.pi * done)) / 2


def test_the_rate_of_the_run_counts_and_not_only_the_recipe():
    spiked = cosine(100, 100)
    spiked[40] = 0.3
    sick = found(recipe(), watched=watched(spiked))
    assert "R7.peak-too-high" in codes(sick) and "step 41" in sick[0].claim
    assert codes(found(recipe(), watched=watched(cosine(100, 100)))) == []


def test_a_rate_that_moves_nothing():
    sick = found(recipe(training__optimizer__lr=3e-6))
    assert codes(sick) == ["R7.peak-too-low"] and sick[0].severity == "severe"
    long = recipe(training__optimizer__lr=2.5e-5, training__max_steps=12_000)
    assert codes(found(long)) == []  # slow, and long enough


def test_schedules_that_end_too_early_or_too_late():
    early = found(recipe(training__schedule__total_steps=30), watched=watched(cosine(200, 30)))
    assert codes(early) == ["R7.schedule-end"] and early[0].severity == "severe"
    assert early[0].evidence["change"] == {"training.schedule.total_steps": None}
    planned = found(recipe(training__schedule__total_steps=30))
    assert codes(planned) == ["R7.schedule-end"]
    rows = [{"kind": "stop", "step": 200, "reason": "max_steps"}]
    late_recipe = recipe(training__schedule__total_steps=2000)
    late = found(late_recipe, watched=watched(cosine(200, 2000)), rows=rows)
    assert codes(late) == ["R7.schedule-end"] and late[0].severity == "warning"
    rows[0]["reason"] = "time_limit"
    assert codes(found(late_recipe, watched=watched(cosine(200, 2000)), rows=rows)) == []
    assert codes(found(recipe(), watched=watched(cosine(200, 200)), rows=rows)) == []


def test_warm_up():
    assert found(recipe(training__schedule__warmup_steps=400))[0].severity == "severe"
    assert codes(found(recipe(training__schedule__warmup_steps=120))) == ["R7.warm-up"]
    deep = recipe(model__layers=8, model__norm="post", training__schedule__warmup_steps=0)
    assert codes(found(deep)) == ["R7.warm-up"]
    deep["model"]["norm"] = "pre"
    assert codes(found(deep)) == []


# -- curriculum --------------------------------------------------------------------------------

GROWING = {"on": True, "start": 8, "grow": 2, "grow_epochs": 4, "shrink": 4, "plateau_epochs": 99}


def grown(lengths):
    """One row an epoch."""
    return [
        {"kind": "train", "step": 10 * e + 1, "epoch": e, "length": n}
        for e, n in enumerate(lengths)
    ]


def chorale(**changes):
    values = recipe(model__seq_len=16, training__curriculum=dict(GROWING))
    values["training"]["curriculum"] |= changes
    return values


def test_no_curriculum_where_the_design_or_the_reference_has_one():
    off = chorale(on=False)
    sick = found(off, task="chorale", rows=grown([16] * 20))
    assert codes(sick) == ["R8.no-curriculum"]
    assert sick[0].evidence["change"] == {"training.curriculum.on": True}
    assert codes(found(off, task="piano")) == []
    assert codes(found(off, task="piano", reference=chorale())) == ["R8.no-curriculum"]
    assert codes(found(chorale(), task="chorale", rows=grown([8, 10, 12, 14, 16]))) == []


def test_stuck_curricula():
    slow = found(chorale(grow_epochs=1000), rows=[{"kind": "epoch", "step": 300, "epoch": 29}])
    assert codes(slow) == ["R8.stuck"] and "4000 epochs" in slow[0].claim
    assert codes(found(chorale(), rows=grown([8] * 20))) == ["R8.stuck"]
    up_and_down = grown([8, 8, 10, 8] * 10)
    assert codes(found(chorale(), rows=up_and_down)) == ["R8.stuck"]
    healthy = grown([8] * 4 + [10] * 4 + [12] * 4 + [14] * 4 + [16] * 10)
    assert codes(found(chorale(), rows=healthy)) == []


def test_validation_of_changing_length():
    rows = [{"kind": "validation", "step": s, "valid_length": n} for s, n in ((0, 8), (9, 16))]
    assert codes(found(recipe(), rows=rows)) == ["R8.validation-length"]
    rows[0]["valid_length"] = 16
    assert codes(found(recipe(), rows=rows)) == []


# -- optimiser groups --------------------------------------------------------------------------


def live(model, optimizers, **more):
    patient = probe(model, pieces(4, 1), optimizers=optimizers)
    return codes(examine(case(model, probe=patient, **more), [CHECKS[2]]).findings)


class Two(Tiny):
    """With a head."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(3, 3)


def test_every_parameter_in_exactly_one_group():
    model = Two()
    adam = torch.optim.Adam
    assert live(model, [adam(model.parameters())]) == []
    assert live(model, [adam(model.table.parameters())]) == ["M7.unoptimised"]
    twice = [adam(model.parameters()), adam(model.head.parameters())]
    assert live(model, twice) == ["M7.twice"]
    still = [adam([{"params": model.table.parameters()},
                   {"params": model.head.parameters(), "lr": 0.0}])]  # fmt: skip
    assert live(model, still) == ["M7.frozen"]


def test_frozen_parts_unless_they_are_meant():
    model, before = Two(), Two()
    model.table.requires_grad_(False)
    optimizer = torch.optim.Adam(p for p in model.parameters() if p.requires_grad)
    initial = probe(before, pieces(4, 1))
    assert live(model, [optimizer], initial=initial) == ["M7.frozen"]
    before.table.requires_grad_(False)  # so by design
    assert live(model, [optimizer], initial=initial) == []
    before.table.requires_grad_(True)
    assert live(model, [optimizer], initial=initial, config={"freeze": "table"}) == []


# -- options -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("made", "want"), [(Tiny, []), (Deaf, ["M8.no-effect"])])
def test_a_temperature_must_change_the_output(made, want):
    torch.manual_seed(0)
    model = made(0.5)
    config = recipe(model__attention_temperature=0.5)
    assert codes(examine(case(model, config=config), CHECKS).findings) == want
    assert temperature_owners(model) == [("", "temperature", 0.5)]


def test_a_temperature_that_never_arrived():
    config = recipe(model__attention_temperature=0.5)
    sick = examine(case(Tiny(1.0), config=config), CHECKS).findings
    assert codes(sick) == ["M8.no-effect"] and "[1.0]" in sick[0].claim


def test_slices_longer_than_every_clip():
    data = DataFacts(inputs=[np.zeros((n, 3)) for n in (51, 413)])
    assert codes(found(recipe(data__slice_notes=5000), data=data)) == ["M8.no-effect"]
    assert codes(found(recipe(data__slice_notes=100), data=data)) == []


def test_a_plateau_scheduler_beside_a_schedule():
    assert codes(found(recipe(training__reduce_on_plateau=True))) == ["M8.no-effect"]
    assert codes(found(recipe(training__reduce_on_plateau=False))) == []
    alone = recipe(training__schedule={"kind": "ReduceLROnPlateau"})
    assert codes(found(alone)) == []


def test_augmentation_with_half_of_its_options():
    assert codes(found(recipe(data__transpose=2, data__transpose_probability=0.0))) == [
        "M8.no-effect"
    ]
    assert codes(found(recipe(data__transpose=2, data__transpose_probability=0.3))) == []
    assert codes(found(recipe(data__transpose=0, data__transpose_probability=0.0))) == []


def test_augmentations_are_tried_out():
    rng = np.random.default_rng(0)
    row = np.arange(5)

    def mutates(example, rng):
        example += 1
        return example

    good = augmentation_effect(lambda x, rng: x + rng.integers(-2, 3), row, rng)
    assert 50 < good.fired < 100 and not good.mutated
    assert augmentation_effect(lambda x, rng: x, row, rng).fired == 0
    assert augmentation_effect(mutates, row, rng).mutated
    assert row.tolist() == [0, 1, 2, 3, 4]
    nested = {"a": [torch.zeros(2)]}
    assert augmentation_effect(lambda x, rng: x, nested, rng, 3).fired == 0


def test_the_checks_leave_the_model_as_it_was():
    model = Tiny(0.5).train()
    state, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    optimizer = torch.optim.Adam(model.parameters())
    patient = case(
        model,
        probe=probe(model, pieces(4, 1), optimizers=[optimizer]),
        config=recipe(model__attention_temperature=0.5),
    )
    assert codes(examine(patient, CHECKS).findings) == []
    assert model.training and model.temperature == 0.5
    assert torch.equal(random, torch.get_rng_state())
    assert all(torch.equal(state[k], v) for k, v in model.state_dict().items())
    assert model.table.weight.grad is None
