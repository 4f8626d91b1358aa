"""Group softmax, sums and entropies, recurrent layers and attention against their slow twins."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from partimento.nn import tap
from partimento.nn.group_attention import ContextAttention
from partimento.nn.recurrent import (
    SequenceLSTM,
    find_sequences,
    init_lstm,
    make_buckets,
    packed_order,
)
from partimento.nn.segments import segment_entropy, segment_softmax, segment_sum

GROUPS = st.lists(st.integers(0, 6), min_size=1, max_size=30)


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbers(groups: list[int]) -> Tensor:
    return torch.tensor(groups)


@settings(max_examples=40, deadline=None)
@given(GROUPS, st.floats(0.2, 5.0))
def test_softmax_entropy_and_sum_are_those_of_a_loop(groups: list[int], temperature: float) -> None:
    group, logits = numbers(groups), 5 * torch.randn(len(groups), 3, generator=drawn(0))
    weights = segment_softmax(logits, group, 7, temperature)
    entropy, total = segment_entropy(weights, group, 7), segment_sum(logits, group, 7)
    for number in range(7):
        rows = group == number
        count = int(rows.sum())
        slow = (logits[rows] / temperature).softmax(0)
        assert torch.allclose(weights[rows], slow, atol=1e-6)
        assert torch.allclose(total[number], logits[rows].sum(0), atol=1e-5)
        if count < 2:
            assert entropy[number].isnan().all()
        else:
            nats = -(slow * slow.clamp_min(1e-38).log()).sum(0) / math.log(count)
            assert torch.allclose(entropy[number], nats, atol=1e-5)


def test_entropy_of_an_even_and_of_a_settled_group() -> None:
    group = numbers([0, 0, 0, 1, 1, 2])
    weights = torch.tensor([[1 / 3], [1 / 3], [1 / 3], [1.0], [0.0], [1.0]], requires_grad=True)
    found = segment_entropy(weights, group, 3)
    assert found[0].item() == pytest.approx(1.0, abs=1e-6)
    assert found[1].item() == 0.0
    found[:2].sum().backward()
    assert weights.grad is not None and bool(weights.grad.isfinite().all())


def test_large_logits_stay_finite_and_their_gradient_is_that_of_softmax() -> None:
    group = numbers([1, 0, 1, 0, 1])
    logits = torch.tensor([[900.0], [-900.0], [899.0], [0.5], [-3.0]], requires_grad=True)
    twin = logits.detach().clone().requires_grad_()
    target = torch.arange(5.0)[:, None]
    (segment_softmax(logits, group, 2) * target).sum().backward()
    sum((twin[group == g].softmax(0) * target[group == g]).sum() for g in (0, 1)).backward()
    assert bool(logits.grad.isfinite().all())
    assert torch.allclose(logits.grad, twin.grad, atol=1e-6)


def test_a_temperature_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        segment_softmax(torch.zeros(2, 1), numbers([0, 0]), 1, 0.0)
    with pytest.raises(ValueError, match="above 0"):
        ContextAttention(4, 2, temperature=-1.0)


@settings(max_examples=25, deadline=None)
@given(GROUPS)
def test_sequences_in_one_table_are_read_as_if_each_were_alone(groups: list[int]) -> None:
    number, rows = numbers(groups), torch.randn(len(groups), 4, generator=drawn(1))
    torch.manual_seed(2)
    layer = SequenceLSTM(4, 3, 2).eval()
    sequences = find_sequences(number)
    for together in (layer.padded(rows, sequences), layer.packed(rows, sequences)):
        for one in set(groups):
            mine = number == one
            alone = layer.lstm(rows[mine])[0]
            assert torch.allclose(together[mine], alone, atol=1e-6)


def test_packed_and_padded_sequences_have_the_same_gradients() -> None:
    torch.manual_seed(3)
    number, layer = torch.randint(0, 5, (60,)), SequenceLSTM(4, 3, 2)
    found = []
    for way in (layer.padded, layer.packed):
        rows = torch.randn(60, 4, generator=drawn(1)).requires_grad_()
        layer.zero_grad()
        way(rows, find_sequences(number)).square().sum().backward()
        assert rows.grad is not None
        found.append([rows.grad, *(p.grad for p in layer.parameters())])
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, atol=1e-5)


def test_dropout_acts_between_the_layers_and_in_training_only() -> None:
    torch.manual_seed(0)
    rows, sequences = torch.randn(6, 4), find_sequences(numbers([0] * 6))
    for layers in (1, 2):
        layer = SequenceLSTM(4, 3, layers, dropout=0.5).train()
        first, second = layer(rows, sequences), layer(rows, sequences)
        assert torch.equal(first, second) == (layers == 1)
        layer.eval()
        assert torch.equal(layer(rows, sequences), layer(rows, sequences))


def test_packing_of_a_known_table() -> None:
    sequences = find_sequences(numbers([5, 2, 5, 2, 2]))
    # Sequence 2 is the longer one: rows 1, 3, 4; sequence 5 has rows 0, 2.
    order, sizes = packed_order(sequences)
    assert order.tolist() == [1, 0, 3, 2, 4]
    assert sizes.tolist() == [2, 2, 1]
    (bucket,) = make_buckets(sequences)
    assert bucket.forward_TS.T.tolist() == [[1, 3, 4], [0, 2, 2]]
    assert bucket.backward_TS.T.tolist() == [[4, 3, 1], [2, 0, 0]]
    assert bucket.inside_TS.T.tolist() == [[True, True, True], [True, True, False]]


@settings(max_examples=25, deadline=None)
@given(GROUPS)
def test_buckets_hold_every_row_once_and_waste_less_than_half(groups: list[int]) -> None:
    buckets = make_buckets(find_sequences(numbers(groups)))
    rows = torch.cat([b.forward_TS[b.inside_TS] for b in buckets])
    assert sorted(rows.tolist()) == list(range(len(groups)))
    for bucket in buckets:
        assert 2 * int(bucket.inside_TS.sum()) >= bucket.inside_TS.numel()


def test_first_weights_of_a_recurrent_layer() -> None:
    layer = SequenceLSTM(5, 4, 2).lstm
    init_lstm(layer)
    for name, weight in layer.named_parameters():
        if name.startswith("weight_hh"):
            for gate in weight.detach().chunk(4):
                assert torch.allclose(gate @ gate.T, torch.eye(4), atol=1e-5)
    forget = layer.bias_ih_l0 + layer.bias_hh_l0
    assert forget.detach()[4:8].tolist() == [1.0] * 4
    assert forget.detach()[:4].tolist() == forget.detach()[8:12].tolist() == [0.0] * 4


def test_attention_is_that_of_a_loop_and_tells_its_weights() -> None:
    torch.manual_seed(0)
    attention = ContextAttention(6, 2, temperature=0.7, tap_name="beat_attention")
    rows, group = torch.randn(9, 6), numbers([0, 0, 2, 1, 1, 1, 0, 2, 2])
    with tap.listen() as taps:
        pooled = attention(rows, group, 4)
    assert set(taps) == {"beat_attention", "beat_attention.logits", "beat_attention.groups"}
    hidden = torch.tanh(attention.project(rows))
    for number in range(3):
        mine = group == number
        for head in range(2):
            part = slice(3 * head, 3 * head + 3)
            logit = hidden[mine][:, part] @ attention.context[head]
            weight = (logit / 0.7).softmax(0)
            assert torch.allclose(taps["beat_attention"][0][mine, head], weight, atol=1e-6)
            wanted = weight @ rows[mine][:, part]
            assert torch.allclose(pooled.groups[number, part], wanted, atol=1e-6)
    assert pooled.groups[3].tolist() == [0.0] * 6


def test_a_hot_softmax_is_even_and_a_cold_one_settled() -> None:
    torch.manual_seed(0)
    rows, group = torch.randn(8, 6), torch.zeros(8, dtype=torch.int64)
    spread = []
    for temperature in (0.01, 1.0, 100.0):
        torch.manual_seed(1)
        weights = ContextAttention(6, 2, temperature=temperature)(rows, group, 1).weights
        spread.append(float(segment_entropy(weights.detach(), group, 1).mean()))
    assert spread[0] < 0.3 < spread[1] < spread[2] and spread[2] > 0.999
