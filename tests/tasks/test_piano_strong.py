"""The strong model: causal, blind to padding, within the grammar, able to learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from partimento.music.events import TickNotes, disjoint, to_performance
from partimento.music.performance import Performance
from partimento.tasks.piano.steps import crop_steps, encode_steps
from partimento.tasks.piano.strong import (
    StepBatch,
    StrongConfig,
    StrongPiano,
    age_class,
    allowed_keys,
    step_nats,
)
from partimento.tasks.piano.strong_data import (
    Recording,
    collate,
    random_crop,
    vary,
    weights_of,
    windows,
)

TINY = StrongConfig(width=64, layers=2, heads=2, feedforward=96, context=64, dropout=0.0)


def random_notes(seed: int, count: int = 60, spread: int = 900) -> TickNotes:
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.integers(0, spread, count))
    length = rng.integers(1, 250, count)
    pitch, bins = rng.integers(45, 80, count), rng.integers(0, 32, count)
    return disjoint(onset, onset + length, pitch, bins)


def performance_of(notes: TickNotes) -> Performance:
    return to_performance(notes)


@pytest.fixture
def model() -> StrongPiano:
    torch.manual_seed(0)
    network = StrongPiano(TINY)
    with torch.no_grad():  # zero heads would hide a leak
        for p in network.parameters():
            p.add_(0.05 * torch.randn(p.shape))
    return network.eval()


def batch_of(*notes: TickNotes, length: int = 60) -> StepBatch:
    return collate([crop_steps(encode_steps(n), 0, length) for n in notes])


def total(parts: tuple[torch.Tensor, ...]) -> torch.Tensor:
    return parts[0] + parts[1] + parts[2]


@pytest.mark.parametrize("training", [False, True])
def test_the_future_changes_nothing(model: StrongPiano, training: bool) -> None:
    """Two pieces with a common beginning: its likelihood is equal to the last step."""
    model.train(training)
    notes, other = random_notes(0), random_notes(1)
    cut = 30
    late = other.onset > notes.onset[cut]
    mixed = disjoint(
        *(
            np.concatenate([a[: cut + 1], b[late]])
            for a, b in zip(
                (notes.onset, notes.offset, notes.pitch, notes.bin),
                (other.onset, other.offset, other.pitch, other.bin),
                strict=True,
            )
        )
    )
    first, second = batch_of(notes), batch_of(mixed)
    same = (
        ((first.gap == second.gap) & (first.key == second.key) & (first.bin == second.bin))[0]
        .long()
        .cumprod(0)
    )
    common = int(same.sum())
    assert 20 < common < 60, "the pieces must part in mid-crop"
    a, b = total(step_nats(model, first)), total(step_nats(model, second))
    assert torch.allclose(a[0, : common - 1], b[0, : common - 1], atol=1e-5)
    assert not torch.allclose(a[0, common - 1 :], b[0, common - 1 :], atol=1e-3)


def test_padding_changes_nothing(model: StrongPiano) -> None:
    short, long = random_notes(2, 12), random_notes(3, 60)
    together, alone = batch_of(short, long), batch_of(short)
    size = int(alone.valid.sum())
    a, b = total(step_nats(model, together)), total(step_nats(model, alone))
    assert torch.allclose(a[0, :size], b[0, :size], atol=1e-5)
    assert a[0, size:].detach().abs().sum().item() == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_every_real_step_is_allowed(seed: int) -> None:
    batch = batch_of(random_notes(seed, 80, 400), length=400)
    allowed = allowed_keys(batch, batch.gap[:, 1:])
    assert bool(allowed.gather(-1, batch.key[:, 1:, None]).all())


def test_probabilities_of_keys_sum_to_one_within_the_grammar(model: StrongPiano) -> None:
    batch = batch_of(random_notes(4))
    gap = batch.gap[:, 1:]
    logits = model.key_logits(model.hidden(batch), batch, gap)
    allowed = allowed_keys(batch, gap)
    shares = logits.masked_fill(~allowed, -torch.inf).softmax(-1)
    assert torch.allclose(shares.sum(-1), torch.ones(shares.shape[:2]), atol=1e-5)
    assert shares[~allowed].detach().sum().item() == 0.0
    wait = gap == 100
    assert bool(allowed[wait].sum(-1).eq(1).all()), "a gap of a second leaves WAIT alone"


def test_hidden_features_are_hidden_in_training_only() -> None:
    torch.manual_seed(0)
    network = StrongPiano(TINY.model_copy(update={"feature_dropout": 0.5}))
    batch = batch_of(random_notes(5))
    with torch.no_grad():
        network.train()
        drawn = [network.embed(batch) for _ in range(40)]
        network.eval()
        whole = network.embed(batch)
        assert torch.equal(network.embed(batch), whole)
    assert not torch.equal(drawn[0], drawn[1])
    mean = torch.stack(drawn).mean(0)
    assert (mean - whole).norm() < 0.5 * whole.norm(), "scaled up for what is left out"


def test_learns_one_batch(model: StrongPiano) -> None:
    batch = batch_of(random_notes(5), random_notes(6))
    optimiser = torch.optim.AdamW(model.parameters(), 3e-3)
    model.train()
    losses = []
    for _ in range(60):
        loss = total(step_nats(model, batch)).sum() / batch.valid.sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss))
    assert losses[-1] < 0.35 * losses[0]


def test_age_classes_cover_everything() -> None:
    ages = torch.tensor([0, 1, 3, 7, 30_000, 30_100], dtype=torch.int32)
    assert age_class(ages).tolist() == [0, 3, 6, 9, 41, 41]


def test_windows_cover_a_piece_once() -> None:
    notes = random_notes(7, 80)
    steps = encode_steps(notes, end=False)
    crops = windows(notes, 32)
    assert sum(len(c.key) - 1 for c in crops) == len(steps)


def test_variation_keeps_intervals_and_the_original() -> None:
    performance = performance_of(random_notes(8))
    before = performance.pitch.copy()
    rng = np.random.default_rng(0)
    shifts = set()
    for _ in range(30):
        take = vary(performance, rng, transpose=6, stretch=0.0, velocity=0)
        assert len(take) == len(performance)
        shift = take.pitch - performance.pitch
        assert len(set(shift.tolist())) == 1
        shifts.add(int(shift[0]))
    assert len(shifts) > 6
    assert np.array_equal(performance.pitch, before)


def test_stretch_changes_time_only() -> None:
    performance = performance_of(random_notes(9))
    rng = np.random.default_rng(1)
    takes = [vary(performance, rng, transpose=0, stretch=0.3, velocity=0) for _ in range(6)]
    ratios = np.array([take.ticks / (100 * performance.seconds) for take in takes])
    assert ratios.min() > 0.75 and ratios.max() < 1.31
    assert ratios.std() > 0.05
    assert sorted(takes[0].pitch.tolist()) == sorted(performance.pitch.tolist())


def test_crops_and_weights() -> None:
    notes = random_notes(10, 80)
    rng = np.random.default_rng(0)
    starts = {int(random_crop(notes, 40, rng).key[0]) for _ in range(40)}
    assert 258 in starts and len(starts) > 5
    one, two = performance_of(random_notes(1, 40)), performance_of(random_notes(2, 40))
    found = [Recording("a", one), Recording("a", one), Recording("b", two)]
    even = weights_of(found, 1.0)
    assert np.isclose(even.sum(), 1.0)
    assert np.isclose(even[0] + even[1], even[2] * len(one) / len(two))
