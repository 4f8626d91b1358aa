"""The backbone with every option: causal, blind to padding, equal on its slow and fast paths."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from partimento.nn import tap
from partimento.nn.decoder import (
    Decoder,
    DecoderBlock,
    FeedForward,
    SwiGLU,
    dropouts,
    rotary_tables,
    rotate,
)

POSITIONS = ("rotary", "absolute", "sinusoidal", "relative", "none")
LLAMA: dict[str, Any] = {}
GPT: dict[str, Any] = {"norm_kind": "layer", "activation": "gelu", "bias": True}
POST: dict[str, Any] = {"norm": "post", "norm_kind": "layer", "activation": "relu", "bias": True}
STYLES = pytest.mark.parametrize("style", [LLAMA, GPT, POST], ids=["llama", "gpt", "post"])
KINDS = pytest.mark.parametrize("positions", POSITIONS)


def small(positions: str = "rotary", *, length: int = 32, **options: Any) -> Decoder:
    torch.manual_seed(0)
    return Decoder(
        width=32,
        layers=2,
        heads=4,
        feedforward=48,
        max_length=length,
        positions=positions,  # type: ignore[arg-type]
        **options,
    )


def inputs(batch: int = 2, steps: int = 20, seed: int = 1) -> Tensor:
    return torch.randn(batch, steps, 32, generator=torch.Generator().manual_seed(seed))


@KINDS
@STYLES
@pytest.mark.parametrize("training", [True, False])
def test_the_future_changes_no_past(positions: str, style: dict[str, Any], training: bool) -> None:
    decoder = small(positions, **style).train(training)
    x = inputs()
    changed = x.clone()
    changed[:, 12:] = inputs(seed=2)[:, 12:]
    before, after = decoder(x), decoder(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12], atol=1e-6, rtol=0)
    assert ((before - after)[:, 12:].abs().amax(-1) > 1e-3).all()


@KINDS
def test_no_gradient_reaches_the_future(positions: str) -> None:
    x = inputs().requires_grad_()
    small(positions)(x)[:, 9].sum().backward()
    assert x.grad is not None
    assert (x.grad[:, 10:] == 0).all()
    assert (x.grad[:, :10].abs().amax(-1) > 0).all()


@KINDS
@STYLES
def test_training_evaluation_and_watched_paths_agree(positions: str, style: dict[str, Any]) -> None:
    decoder = small(positions, attention_temperature=1.4, **style)
    x = inputs()
    trained, fast = decoder.train()(x), decoder.eval()(x)
    with tap.listen() as taps:
        watched = decoder(x)
    torch.testing.assert_close(trained, fast, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(watched, fast, atol=1e-5, rtol=1e-5)
    weights = tap.require(taps, "self_attention")
    assert len(weights) == 2
    assert weights[0].shape == (2, 4, 20, 20)
    torch.testing.assert_close(weights[0].sum(-1), torch.ones(2, 4, 20))
    assert (weights[0].triu(1) == 0).all()


@KINDS
@STYLES
@pytest.mark.parametrize("training", [True, False])
def test_padding_after_the_end_changes_nothing(
    positions: str, style: dict[str, Any], training: bool
) -> None:
    decoder = small(positions, **style).train(training)
    x = inputs(1, 11)
    padded = torch.cat([x, 100 * inputs(1, 6)], 1)
    mask = torch.arange(17)[None] >= 11
    alone = decoder(x)
    torch.testing.assert_close(decoder(padded)[:, :11], alone, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(decoder(padded, pad_mask=mask)[:, :11], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", ["rotary", "relative", "none"])
@pytest.mark.parametrize("training", [True, False])
def test_padding_before_the_start_changes_nothing(positions: str, training: bool) -> None:
    decoder = small(positions).train(training)
    x = inputs(1, 11)
    padded = torch.cat([100 * inputs(1, 6), x], 1)
    mask = torch.arange(17)[None] < 6
    found = decoder(padded, pad_mask=mask)
    assert found.isfinite().all()
    torch.testing.assert_close(found[:, 6:], decoder(x), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(decoder(padded)[:, 6:], decoder(x), atol=1e-3)


@KINDS
def test_positions_tell_order(positions: str) -> None:
    """With positions the order of the past matters; without it does not (in the first block)."""
    decoder = small(positions).eval()
    layer = decoder.blocks[0]
    x = inputs(1, 8)
    swapped = x[:, [1, 0, 2, 3, 4, 5, 6, 7]]
    added = decoder.added_TD
    shift = 0 if added is None else added[:8]
    difference = (layer(x + shift) - layer(swapped + shift))[:, -1].abs().max()
    assert (difference < 1e-6) == (positions == "none")


def test_rotary_scores_depend_on_the_distance_alone() -> None:
    cos, sin = rotary_tables(40, 8)
    q, k = torch.randn(8), torch.randn(8)
    turned_q, turned_k = (rotate(x.expand(1, 1, 40, 8), cos, sin)[0, 0] for x in (q, k))
    scores = turned_q @ turned_k.T
    for distance in (0, 1, 7):
        same = scores.diagonal(-distance)
        torch.testing.assert_close(same, same[:1].expand_as(same), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(turned_q.norm(dim=-1), q.norm().expand(40))


def test_rotary_turns_the_halves_of_a_head_as_llama_does() -> None:
    """Complex numbers of which the first half of a head is real, the second imaginary."""
    cos, sin = rotary_tables(16, 8)
    x = torch.randn(2, 3, 16, 8)
    angle = torch.arange(16)[:, None] * 10_000.0 ** (-torch.arange(4) / 4)
    turned = torch.complex(x[..., :4], x[..., 4:]) * torch.polar(torch.ones(16, 4), angle)
    torch.testing.assert_close(rotate(x, cos, sin), torch.cat([turned.real, turned.imag], -1))


@STYLES
def test_a_block_by_its_formula(style: dict[str, Any]) -> None:
    """Head by head and position by position."""
    block = small("none", **style).blocks[0].eval()
    assert isinstance(block, DecoderBlock)
    x = inputs(1, 6)

    def attend(y: Tensor) -> Tensor:
        q, k, v = (part.view(6, 4, 8) for part in block.attention.qkv(y)[0].chunk(3, -1))
        rows = []
        for t in range(6):
            mixed = []
            for h in range(4):
                shares = torch.stack([q[t, h] @ k[s, h] / 8**0.5 for s in range(t + 1)]).softmax(0)
                mixed.append(sum(shares[s] * v[s, h] for s in range(t + 1)))
            rows.append(torch.cat(mixed))
        return block.attention.out(torch.stack(rows)[None])

    first, second, inner = block.attention_norm, block.feedforward_norm, block.feedforward
    if style is POST:
        middle = first(x + attend(x))
        wanted = second(middle + inner(middle))
    else:
        middle = x + attend(first(x))
        wanted = middle + inner(second(middle))
    torch.testing.assert_close(block(x), wanted, atol=1e-5, rtol=1e-5)


def entropy(weights: list[Tensor]) -> float:
    return float(-(weights[0] * weights[0].clamp_min(1e-30).log()).sum(-1).mean())


@KINDS
def test_temperature_spreads_attention(positions: str) -> None:
    found = []
    for temperature in (0.25, 1.0, 4.0, 1e6):
        decoder = small(positions, attention_temperature=temperature).eval()
        with tap.listen() as taps:
            decoder(3 * inputs())
        found.append(entropy(taps["self_attention"]))
    assert found[0] < found[1] < found[2] < found[3]
    even = sum(math.log(t + 1) for t in range(20)) / 20
    assert found[3] == pytest.approx(even, abs=1e-3)


def test_temperature_divides_the_logits() -> None:
    """The same as queries (all of the logit, relative part included) divided by it."""
    hot = small("relative", attention_temperature=2.0).eval()
    cold = small("relative").eval()
    for block in cold.blocks:
        block.attention.qkv.weight.data[:32] /= 2.0  # type: ignore[union-attr]
    x = inputs()
    torch.testing.assert_close(hot(x), cold(x), atol=1e-5, rtol=1e-5)


def test_dropouts_go_evenly_with_depth() -> None:
    assert dropouts(5, 0.4, 0.0) == [0.4, 0.3, 0.2, 0.1, 0.0]
    assert dropouts(3, 0.1, None) == [0.1, 0.1, 0.1]
    assert dropouts(1, 0.3, 0.1) == [0.3]
    decoder = small(dropout=0.25, last_dropout=0.125)
    assert [block.dropout.cut for block in decoder.blocks] == [64, 32]  # type: ignore[union-attr]


@pytest.mark.parametrize("option", ["dropout", "attention_dropout"])
def test_dropout_acts_in_training_only(option: str) -> None:
    decoder = small(**{option: 0.5})
    x = inputs()
    calm = decoder.eval()(x)
    torch.testing.assert_close(calm, decoder(x))
    torch.testing.assert_close(calm, small().eval()(x))
    assert not torch.allclose(decoder.train()(x), calm, atol=1e-2)


def test_defaults_are_the_llama_shape() -> None:
    decoder = small()
    assert sorted({name.split(".", 2)[-1] for name in decoder.state_dict()}) == [
        "attention.out.weight",
        "attention.qkv.weight",
        "attention_norm.weight",
        "feedforward.down.weight",
        "feedforward.gate_up.weight",
        "feedforward_norm.weight",
        "weight",
    ]
    assert isinstance(decoder.norm, nn.RMSNorm)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_feedforward_by_its_formula(activation: Any) -> None:
    layer = FeedForward(4, 6, activation, True)
    x = torch.randn(2, 3, 4)
    hidden = x @ layer.up.weight.T + layer.up.bias
    if activation == "relu":
        middle = hidden.clamp_min(0)
    else:
        middle = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
    torch.testing.assert_close(layer(x), middle @ layer.down.weight.T + layer.down.bias)


def test_swiglu_by_its_formula() -> None:
    layer = SwiGLU(4, 6)
    x = torch.randn(2, 3, 4)
    gate, up = x @ layer.gate_up.weight[:6].T, x @ layer.gate_up.weight[6:].T
    torch.testing.assert_close(layer(x), gate * gate.sigmoid() * up @ layer.down.weight.T)


def test_post_norm_ends_normalised_without_one_more_norm() -> None:
    decoder = small("none", **POST)
    assert isinstance(decoder.norm, nn.Identity)
    h = decoder(inputs())
    torch.testing.assert_close(h.mean(-1), torch.zeros(2, 20), atol=1e-5, rtol=0)
    torch.testing.assert_close(h.var(-1, correction=0), torch.ones(2, 20), atol=1e-3, rtol=0)


@KINDS
def test_longer_than_max_length_is_refused(positions: str) -> None:
    with pytest.raises(ValueError, match="33 positions"):
        small(positions)(inputs(1, 33))


@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"dropout": 0.1, "last_dropout": -0.1}])
def test_impossible_dropout_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="dropout goes from 0"):
        small(**wrong)


def test_impossible_heads_are_refused() -> None:
    with pytest.raises(ValueError, match="not a multiple"):
        Decoder(width=10, layers=1, heads=4, feedforward=8, max_length=4)
    with pytest.raises(ValueError, match="even width"):
        Decoder(width=9, layers=1, heads=3, feedforward=8, max_length=4)
