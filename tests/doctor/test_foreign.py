"""Any module with batches: findings, and nothing touched."""

import numpy as np
import pytest
import torch
from torch import nn

from partimento.doctor import examine_module
from partimento.doctor.foreign import default_outputs, kind_of, part_of


class Net(nn.Module):
    def __init__(self, blind=False):
        super().__init__()
        torch.manual_seed(0)
        self.blind = blind
        self.body = nn.Sequential(nn.Linear(6, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, 3))

    def forward(self, x):
        return self.body(0.0 * x if self.blind else x)


class Speaking(nn.Module):
    def forward(self, x):
        return "text"


def batches(count=12):
    g = torch.Generator().manual_seed(1)
    found = []
    for _ in range(count):
        x = torch.randn(16, 6, generator=g)
        found.append((x, torch.tanh(x[:, :3] - x[:, 3:])))
    return found


def mse(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])


def examine(model, lr=3e-3, **more):
    return examine_module(
        model,
        batches(),
        loss=mse,
        targets=lambda batch: batch[1],
        optimizer=lambda p: torch.optim.AdamW(p, lr=lr),
        rehearsal=150,
        **more,
    )


def codes(examination):
    return [f.code for f in examination.findings if f.severity != "info"]


def test_a_rehearsal_of_a_healthy_module_raises_nothing_and_touches_nothing():
    model = Net()
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state = torch.get_rng_state()
    assert codes(examine(model)) == []
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    assert torch.equal(state, torch.get_rng_state()) and model.training
    assert all(p.grad is None for p in model.parameters())


def test_a_blind_module_and_a_wild_rate_are_found():
    assert "R2.collapse" in codes(examine(Net(blind=True)))
    assert codes(examine(Net(), lr=3.0))[0] == "R3.update-ratio"


def test_parameters_that_no_optimiser_holds_are_found():
    found = examine_module(
        Net(),
        batches(),
        loss=mse,
        targets=lambda batch: batch[1],
        # The head alone: the first layer never learns.
        optimizer=lambda p: torch.optim.AdamW(list(p)[-2:], lr=3e-3),
        rehearsal=60,
    )
    assert "M7.unoptimised" in codes(found)


def test_gpt2_of_transformers():
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=20, n_positions=16, n_embd=32, n_layer=2, n_head=2)
    g = torch.Generator().manual_seed(3)
    start = torch.randint(0, 20, (64, 1), generator=g)
    rows = (start + torch.randint(1, 4, (64, 1), generator=g) * torch.arange(16)) % 20
    found = examine_module(
        transformers.GPT2LMHeadModel(config),
        [{"input_ids": rows[i : i + 16]} for i in range(0, 64, 16)],
        loss=lambda m, b: m(**b, labels=b["input_ids"]).loss,
        outputs=lambda m, b: m(**b).logits[:, :-1],
        targets=lambda b: b["input_ids"][:, 1:],
        causal=True,
        optimizer=lambda p: torch.optim.AdamW(p, lr=2e-3),
        rehearsal=120,
    )
    assert codes(found) == []
    assert "spread of the outputs" in found.done and "update-to-weight ratio" in found.done


def test_what_is_guessed():
    assert kind_of(torch.zeros(3, 2)) == "regression"
    assert kind_of(torch.zeros(3, dtype=torch.long)) == "classification"
    assert kind_of(torch.zeros(3, 4, dtype=torch.long)) == "tokens"
    batch = {"x": torch.arange(4), "rest": [np.arange(4), "name"]}
    part = part_of(batch, [0, 2])
    assert part["x"].tolist() == [0, 2]
    assert part["rest"][0].tolist() == [0, 2] and part["rest"][1] == "name"
    with pytest.raises(ValueError, match="outputs="):
        default_outputs(Speaking(), torch.zeros(2))


def test_misuse():
    with pytest.raises(ValueError, match="no batch"):
        examine_module(Net(), [], loss=mse, targets=lambda b: b[1])
    with pytest.raises(ValueError, match="optimizer"):
        examine_module(Net(), batches(1), loss=mse, targets=lambda b: b[1], rehearsal=3)
