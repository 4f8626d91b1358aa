from contextlib import contextmanager

import numpy as np
import pytest
import torch
from torch import nn

from partimento.doctor.ablation import ablate_probe, parts_of
from partimento.doctor.case import Probe
from partimento.doctor.look import (
    blocks,
    calibration,
    gradients_by_class,
    gradients_by_depth,
    heads,
)
from partimento.nn import tap


class Toy(nn.Module):
    """Two heads: one looks at itself, the other evenly back; an idle level and a useful one."""

    def __init__(self, silent=False):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(5, 8)
        self.first = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(8, 5)
        self.use_first, self.silent = True, silent

    def forward(self, tokens):
        steps = tokens.shape[1]
        seen = torch.tril(torch.ones(steps, steps))
        even = seen / seen.sum(-1, keepdim=True)
        if not self.silent:
            tap.record("attention", torch.stack([torch.eye(steps), even])[None])
        hidden = even @ self.embed(tokens)
        if self.use_first:
            hidden = hidden + self.first(hidden)
        return self.out(self.drop(hidden))


@contextmanager
def without_first(model):
    model.use_first = False
    try:
        yield
    finally:
        model.use_first = True


def losses(model, batch):
    logits = model(batch["x"]).flatten(0, 1)
    each = nn.functional.cross_entropy(logits, batch["y"].flatten(), reduction="none")
    return each.view(batch["y"].shape).mean(1)


def make_probe(model, batches):
    def swap(batch, rng):
        order = torch.from_numpy(np.roll(np.arange(len(batch["x"])), 1))
        return {**batch, "x": batch["x"][order]}

    return Probe(
        model=model,
        batches=batches,
        outputs=lambda m, b: m(b["x"]),
        targets=lambda b: b["y"],
        loss=lambda m, b: losses(m, b).mean(),
        example_losses=losses,
        swap_inputs=swap,
        part=lambda b, chosen: {k: v[list(chosen)] for k, v in b.items()},
        classes=lambda b: b["y"][:, 0].numpy(),
        levels={"first": without_first},
        attention_taps=("attention",),
    )


@pytest.fixture(scope="module")
def trained():
    generator = torch.Generator().manual_seed(1)
    batches = []
    for _ in range(4):
        start = torch.randint(5, (16, 1), generator=generator)
        x = start.expand(16, 6).contiguous()
        batches.append({"x": x, "y": x.clone()})
    model = Toy()
    probe = make_probe(model, batches)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for step in range(120):
        optimiser.zero_grad()
        probe.loss(model, batches[step % 4]).backward()
        optimiser.step()
    return probe


def state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_heads_are_measured_one_by_one(trained):
    first, second = heads(trained)
    assert first.entropy == pytest.approx(0.0, abs=1e-5) and first.distance == 0.0
    assert second.entropy == pytest.approx(1.0, abs=1e-4)
    assert first.by_distance[0] == pytest.approx(1.0)
    assert sum(second.by_distance) == pytest.approx(1.0)


def test_a_model_without_the_tap_is_an_error(trained):
    with pytest.raises(LookupError, match="attention"):
        heads(make_probe(Toy(silent=True), trained.batches))


def test_gradients_are_those_of_a_plain_backward(trained):
    model = trained.model
    found = gradients_by_depth(trained)
    assert list(found) == ["embed", "first", "out"] == [name for name, _ in blocks(model)]
    assert all(value > 0 for value in found.values())


def test_classes_disagree_and_the_floor_is_told(trained):
    found = gradients_by_class(trained)
    cosines = np.array(found["cosines"])
    assert np.allclose(np.diag(cosines), 1.0)
    assert found["floor"] == pytest.approx(-1 / (len(found["classes"]) - 1))


def test_a_sure_and_right_model_is_calibrated_and_a_boaster_is_not(trained):
    assert calibration(trained)["accuracy"] > 0.95
    assert calibration(trained)["error"] < 0.2
    wrong = [{**b, "y": (b["y"] + 1) % 5} for b in trained.batches]
    assert calibration(make_probe(trained.model, wrong))["error"] > 0.5


def test_useful_inputs_matter_and_the_level_is_measured(trained):
    rows = {row.part: row for row in ablate_probe(trained, np.random.default_rng(0))}
    assert set(rows) == {"first", "inputs"} == {name for name, _ in parts_of(trained)}
    assert rows["inputs"].matters and rows["inputs"].difference > 0.5
    assert rows["first"].without != rows["first"].whole


def test_an_unknown_part_is_named(trained):
    with pytest.raises(LookupError, match="nonsense"):
        ablate_probe(trained, np.random.default_rng(0), ["nonsense"])


def test_looking_changes_nothing(trained):
    model = trained.model
    model.train()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    before = state(model)
    model.out.weight.grad = torch.ones_like(model.out.weight)
    heads(trained)
    gradients_by_depth(trained)
    gradients_by_class(trained)
    calibration(trained)
    ablate_probe(trained, np.random.default_rng(0))
    assert model.training
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(model.out.weight.grad, torch.ones_like(model.out.weight))
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())
    model.out.weight.grad = None
    model.eval()


def test_looking_at_gradients_leaves_batch_statistics_alone():
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    batch = {"x": 5.0 + torch.randn(16, 3), "y": torch.randint(2, (16,))}
    probe = Probe(
        model=model,
        batches=[batch],
        outputs=lambda m, b: m(b["x"]),
        targets=lambda b: b["y"],
        loss=lambda m, b: nn.functional.cross_entropy(m(b["x"]), b["y"]),
    )
    before = state(model)
    assert all(norm >= 0 for norm in gradients_by_depth(probe).values())
    assert all(torch.equal(value, before[name]) for name, value in state(model).items())
