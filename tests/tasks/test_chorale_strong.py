"""The strong model: causality, padding, cached decoding, training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from partimento.nn import tap
from partimento.nn.dropout import (
    ByteDropout,
)
from partimento.tasks.chorale.decode import Sampling, decode, draw, tokens_of_midi
from partimento.tasks.chorale.frames import (
    LOW,
    MASK_TOKEN,
    ORDER,
    interval,
    past_features,
    single_batch,
)
from partimento.tasks.chorale.pieces import NOTHING_KNOWN, Piece, collate, key_index, transpose_key
from partimento.tasks.chorale.strong import (
    ChoraleTransformer,
    StrongConfig,
    cell_nll,
)

SMALL = StrongConfig(
    width=32, heads=2, layers=2, encoder_layers=1, channel_width=24, dropout=0.1, max_frames=64
)


def random_grid(frames: int, seed: int) -> np.ndarray:
    """A grid of four slowly moving voices."""
    rng = np.random.default_rng(seed)
    steps = rng.choice([-2, -1, 0, 0, 0, 1, 2], size=(frames, 4))
    return np.clip(np.array([72, 65, 58, 50]) + steps.cumsum(0), 40, 80)


@pytest.fixture
def model() -> ChoraleTransformer:
    """A small network whose every part has an effect."""
    torch.manual_seed(0)
    network = ChoraleTransformer(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return network.eval()


def log_probs(model: ChoraleTransformer, grid: np.ndarray) -> torch.Tensor:
    with torch.no_grad():
        return model(single_batch(grid))[0]


def test_distributions_sum_to_one(model: ChoraleTransformer) -> None:
    sums = log_probs(model, random_grid(20, 0)).exp().sum(-1)
    torch.testing.assert_close(sums, torch.ones(20, 4))


@pytest.mark.parametrize("frame", [0, 7, 19])
@pytest.mark.parametrize("voice", range(4))
def test_a_cell_changes_nothing_before_it(
    model: ChoraleTransformer, frame: int, voice: int
) -> None:
    """Earlier frames, and in the same frame the voices decided earlier and the cell itself."""
    grid = random_grid(20, 1)
    other = grid.copy()
    other[frame, voice] += 3
    a, b = log_probs(model, grid), log_probs(model, other)
    torch.testing.assert_close(a[:frame], b[:frame])
    earlier = list(ORDER[: ORDER.index(voice) + 1])
    torch.testing.assert_close(a[frame, earlier], b[frame, earlier])
    later = list(ORDER[ORDER.index(voice) + 1 :])
    if later:
        assert not torch.allclose(a[frame, later], b[frame, later], atol=1e-4)
    if frame + 1 < 20:
        assert not torch.allclose(a[frame + 1], b[frame + 1], atol=1e-4)


def test_a_given_cell_is_seen_from_before(model: ChoraleTransformer) -> None:
    grid = random_grid(20, 2)
    other = grid.copy()
    other[15, 0] += 4
    given = np.zeros((20, 4), dtype=bool)
    given[:, 0] = True
    with torch.no_grad():
        a, b = model(single_batch(grid, given)), model(single_batch(other, given))
    assert not torch.allclose(a[0, 3, 1], b[0, 3, 1], atol=1e-5)


def test_padding_and_batch_change_nothing(model: ChoraleTransformer) -> None:
    pieces = [Piece("a", random_grid(13, 3)), Piece("b", random_grid(29, 4))]
    given = [np.tile([True, False, False, False], (len(p.grid), 1)) for p in pieces]
    with torch.no_grad():
        both = cell_nll(model, collate(pieces, given, [NOTHING_KNOWN] * 2))
        alone = cell_nll(model, collate(pieces[:1], given[:1], [NOTHING_KNOWN]))
    torch.testing.assert_close(both[0, :13], alone[0], atol=1e-4, rtol=1e-4)
    assert both[0, 13:].abs().sum() == 0


def test_cached_decoding_equals_the_full_pass(model: ChoraleTransformer) -> None:
    """The slow twin: score the decoded piece in one pass."""
    grid = random_grid(24, 5)
    given = np.zeros((24, 4), dtype=bool)
    given[:, 0] = True
    given[8:12, 3] = True
    batch = single_batch(grid, given)
    done = decode(model, batch, [np.random.default_rng(i) for i in range(3)], Sampling(1.0, 1.0))
    assert (done.grids[:, given] == grid[given]).all()
    for b in range(3):
        tokens = torch.from_numpy(tokens_of_midi(done.grids[b]))[None]
        with torch.no_grad():
            full = -cell_nll(model, replace(batch, tokens_BTC=tokens)).sum()
        assert float(full) == pytest.approx(done.log_probs[b], abs=1e-2)


def test_an_alternative_does_not_depend_on_its_batch(model: ChoraleTransformer) -> None:
    batch = single_batch(random_grid(16, 6), np.zeros((16, 4), dtype=bool))
    one = decode(model, batch, [np.random.default_rng(7)], Sampling())
    two = decode(model, batch, [np.random.default_rng(3), np.random.default_rng(7)], Sampling())
    np.testing.assert_array_equal(one.grids[0], two.grids[1])


def test_features_of_the_past_by_hand() -> None:
    midi = np.array([[60], [60], [62], [-1], [62]]).repeat(4, 1)
    past = past_features(torch.from_numpy(tokens_of_midi(midi))[None])
    low = LOW
    assert past.age[0, :, 0].tolist() == [1, 2, 1, 1, 1]
    assert past.before[0, :3, 0].tolist() == [MASK_TOKEN, MASK_TOKEN, 60 - low]
    assert past.base[0, :, 0].tolist() == [60 - low, 60 - low, 62 - low, 62 - low, 62 - low]


def test_interval_index_is_clipped_and_knows_silence() -> None:
    a = torch.tensor([10, 63, 0, tokens_of_midi(np.array(-1)).item()])
    b = torch.tensor([5, 0, 63, 5])
    assert interval(a, b).tolist() == [35, 60, 0, 61]


def test_nucleus_keeps_the_token_that_crosses_p() -> None:
    table = np.log([0.5, 0.3, 0.15, 0.05])
    rng = np.random.default_rng(0)
    seen = {draw(table, Sampling(1.0, 0.6), rng) for _ in range(200)}
    assert seen == {0, 1}
    assert draw(table, Sampling(0.0, 1.0), rng) == 0


def test_draws_follow_the_probabilities() -> None:
    probs = np.array([0.5, 0.3, 0.2])
    rng = np.random.default_rng(1)
    draws = [draw(np.log(probs), Sampling(1.0, 1.0), rng) for _ in range(4000)]
    share = np.bincount(draws, minlength=3) / 4000
    np.testing.assert_allclose(share, probs, atol=0.03)


def test_byte_dropout_keeps_the_mean_and_its_rate() -> None:
    torch.manual_seed(0)
    layer = ByteDropout(0.25)
    x = torch.ones(200, 500)
    y = layer(x)
    assert float((y == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert float(y.mean()) == pytest.approx(1.0, abs=0.02)
    assert torch.equal(layer.eval()(x), x)


def test_taps_record_attention_that_sums_to_one(model: ChoraleTransformer) -> None:
    with tap.listen() as taps:
        model.observe(random_grid(12, 8))
    maps = tap.require(taps, "self_attention")
    assert len(maps) == SMALL.layers
    assert maps[0].shape == (1, 2, 12, 12)
    torch.testing.assert_close(maps[0].sum(-1), torch.ones(1, 2, 12))
    assert float(maps[0][0, 0].triu(1).abs().max()) == 0


def test_one_batch_can_be_learned_by_heart() -> None:
    torch.manual_seed(0)
    network = ChoraleTransformer(SMALL.model_copy(update={"dropout": 0.0, "feature_dropout": 0.0}))
    batch = single_batch(random_grid(16, 9))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(150):
        loss = cell_nll(network, batch).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[0] > 3.0
    assert losses[-1] < 0.05


def test_keys_move_with_transposition() -> None:
    c_major, d_minor = key_index(0, False), key_index(-1, True)
    assert transpose_key(c_major, 2) == key_index(2, False)
    assert transpose_key(d_minor, -2) == key_index(-3, True)
    assert transpose_key(0, 5) == 0
