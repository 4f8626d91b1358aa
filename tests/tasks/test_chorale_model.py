"""The source network: causality, windows, options, overfitting."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from partimento.nn import tap
from partimento.nn.losses import token_nll
from partimento.tasks.chorale.api import ChoraleModel, tokens_of, truth_nll
from partimento.tasks.chorale.config import SourceConfig
from partimento.tasks.chorale.data import cut_windows, data_hash
from partimento.tasks.chorale.model import START, HarmonicNetwork, window_plan
from partimento.training.samplers import epoch_windows, keyed_rng

OPTIONS = list(
    itertools.product(
        ["pre", "post", "both"], [True, False], [True, False], ["sinusoidal", "learned", "none"]
    )
)


def make(seq_len: int = 12, **values: object) -> HarmonicNetwork:
    torch.manual_seed(0)
    settings = {"width": 16, "heads": 4, "seq_len": seq_len, "ff_multiplier": 2.0, **values}
    return HarmonicNetwork(SourceConfig.model_validate(settings)).eval()


def random_grid(frames: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    grid = rng.integers(48, 76, (frames, 4))
    return np.where(rng.random((frames, 4)) < 0.1, -1, grid)


@pytest.mark.parametrize(("norm", "residual", "cross_channel", "positions"), OPTIONS)
def test_no_output_depends_on_its_own_or_a_later_frame(
    norm: str, residual: bool, cross_channel: bool, positions: str
) -> None:
    model = make(norm=norm, residual=residual, cross_channel=cross_channel, positions=positions)
    grid = random_grid(12)
    before = model.step_log_probs(grid)
    for changed_from in (1, 5, 11):
        other = grid.copy()
        other[changed_from:] = random_grid(12, seed=9)[changed_from:]
        after = model.step_log_probs(other)
        np.testing.assert_array_equal(
            before[: changed_from + 1], after[: changed_from + 1], "frame t used frames >= t"
        )
        if changed_from < 11:
            assert not np.allclose(before[changed_from + 1 :], after[changed_from + 1 :])


@pytest.mark.parametrize("cross_channel", [True, False])
def test_channels_meet_only_with_cross_channel_attention(cross_channel: bool) -> None:
    model, grid = make(cross_channel=cross_channel), random_grid(12)
    other = grid.copy()
    other[3, 3] = 40
    same = np.isclose(model.step_log_probs(grid), model.step_log_probs(other)).all(axis=(0, 2))
    assert same.tolist() == ([False] * 4 if cross_channel else [True, True, True, False])


def test_a_slow_twin_predicts_every_frame_alone() -> None:
    model, grid = make(seq_len=6), random_grid(17)
    fast = model.step_log_probs(grid)
    tokens = np.concatenate([np.full((1, 4), START), tokens_of(grid)])
    for t in range(len(grid)):
        context = torch.from_numpy(tokens[max(0, t - 5) : t + 1])[None]
        with torch.no_grad():
            slow = model(context)[0, -1].log_softmax(-1).numpy()
        np.testing.assert_allclose(fast[t], slow, atol=1e-5)


@given(st.integers(0, 90), st.integers(1, 40), st.integers(1, 40))
def test_the_window_plan_predicts_each_frame_once_in_order(
    frames: int, window: int, stride: int
) -> None:
    stride = min(stride, window)
    rows = [
        start + row
        for starts, first_new in window_plan(frames, window, stride)
        for start in starts
        for row in range(first_new, min(window, max(frames, 1)))
    ]
    assert rows[:frames] == list(range(frames))
    for starts, first_new in window_plan(frames, window, stride)[1:]:
        assert first_new >= window - stride and starts


def test_strides_give_every_frame_and_agree_where_the_context_is_the_same() -> None:
    model, grid = make(seq_len=8), random_grid(8)
    np.testing.assert_allclose(
        model.step_log_probs(grid), model.step_log_probs(grid, stride=4), atol=1e-6
    )
    assert model.step_log_probs(random_grid(29), stride=4).shape == (29, 4, 129)
    assert model.step_log_probs(random_grid(3)).shape == (3, 4, 129)
    assert model.step_log_probs(np.zeros((0, 4), dtype=int)).shape == (0, 4, 129)


def test_distributions_sum_to_one() -> None:
    probs = np.exp(make().step_log_probs(random_grid(20)))
    np.testing.assert_allclose(probs.sum(-1), 1.0, atol=1e-5)


def test_taps_have_the_promised_shapes() -> None:
    model = make(layers=3)
    with tap.listen() as taps:
        model.observe(random_grid(9))
    assert [tuple(t.shape) for t in taps["self_attention"]] == [(1, 4, 4, 9, 9)] * 3
    assert [tuple(t.shape) for t in taps["cross_channel_attention"]] == [(1, 9, 4, 4, 4)] * 3
    with tap.listen() as taps:
        make(cross_channel=False).observe(random_grid(9))
    assert "cross_channel_attention" not in taps
    with pytest.raises(ValueError, match="takes 12"):
        model.observe(random_grid(13))


def test_scoring_leaves_the_training_mode_alone() -> None:
    model = make().train()
    assert isinstance(model, ChoraleModel)
    model.step_log_probs(random_grid(5))
    assert model.training


def test_it_overfits_one_batch() -> None:
    torch.manual_seed(0)
    settings = {"width": 32, "layers": 1, "seq_len": 16, "dropout": 0.0}
    model = HarmonicNetwork(SourceConfig.model_validate(settings)).train()
    grid = random_grid(16, seed=3)
    batch = cut_windows([tokens_of(grid)], np.array([[0, 0]]), 16)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(90):
        loss = token_nll(model(batch.input_BTC), batch.target_BTC).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert truth_nll(model.step_log_probs(grid), grid).mean() < 0.05


@given(st.integers(1, 40), st.integers(1, 20), st.integers(0, 99))
def test_windows_hold_the_frame_before_and_the_frame_itself(
    length: int, window: int, seed: int
) -> None:
    tokens = tokens_of(random_grid(length, seed))
    rows = epoch_windows([length], window, keyed_rng(seed, "test"))
    batch = cut_windows([tokens], rows, window)
    assert int(batch.keep_BT.sum()) == length
    for b, (_, start) in enumerate(rows):
        first = max(0, int(start))
        for step in range(int(batch.keep_BT[b].sum())):
            before = tokens[first + step - 1] if first + step else [START] * 4
            assert batch.input_BTC[b, step].tolist() == list(before)
            assert batch.target_BTC[b, step].tolist() == tokens[first + step].tolist()


def test_transposition_moves_notes_and_not_silence() -> None:
    tokens = tokens_of(np.array([[60, -1, 50, 40], [62, 55, -1, 40]]))
    batch = cut_windows([tokens], np.array([[0, 0]]), 2, np.array([3]))
    assert batch.target_BTC[0].tolist() == [[63, 128, 53, 43], [65, 58, 128, 43]]
    assert batch.input_BTC[0].tolist() == [[START] * 4, [63, 128, 53, 43]]


def test_tokens_refuse_what_is_no_complete_grid() -> None:
    with pytest.raises(ValueError, match=r"\(T, 4\)"):
        tokens_of(np.zeros((3, 3), dtype=int))
    with pytest.raises(ValueError, match="silence"):
        tokens_of(np.full((3, 4), -2))


def test_the_data_hash_sees_every_note_and_every_boundary() -> None:
    grid = random_grid(8)
    changed = grid.copy()
    changed[5, 2] += 1
    hashes = {data_hash([grid]), data_hash([changed]), data_hash([grid[:4], grid[4:]])}
    assert len(hashes) == 3
    assert data_hash([grid.astype(np.int32)]) == data_hash([grid])
