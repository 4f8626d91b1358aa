"""The source designs: sizes, causality, padding, learning."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from partimento.core.config import validate_config
from partimento.core.errors import ConfigError
from partimento.music.events import EOS, PAD, SOS
from partimento.nn import tap
from partimento.nn.losses import token_nll
from partimento.tasks.piano.config import PRESETS, EventModelConfig, preset_config
from partimento.tasks.piano.model import EventTransformer

TINY: dict[str, Any] = {
    "width": 32,
    "layers": 2,
    "heads": 2,
    "feedforward": 48,
    "context": 24,
    "embedding_dropout": 0.0,
    "layer_dropout": 0.0,
}
POSITIONS = pytest.mark.parametrize(
    "positions", ["rotary", "absolute", "sinusoidal", "relative", "none"]
)


def tiny(**options: Any) -> EventTransformer:
    torch.manual_seed(0)
    return EventTransformer(EventModelConfig(**{**TINY, **options})).eval()


def pieces(batch: int, length: int, seed: int = 0) -> Tensor:
    tokens = torch.randint(0, 388, (batch, length), generator=torch.Generator().manual_seed(seed))
    tokens[:, 0] = SOS
    return tokens


@pytest.mark.parametrize(
    ("name", "count", "millions"),
    [("original", 2_967_687, 2.97), ("enhanced", 15_545_735, 15.55)],
)
def test_sizes_are_those_of_the_source(name: str, count: int, millions: float) -> None:
    network = EventTransformer(preset_config(name))
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == count
    assert round(parameters / 1e6, 2) == millions
    assert network.config.heads == network.config.width // 64


def test_presets_are_the_table() -> None:
    original, enhanced = PRESETS["original"], PRESETS["enhanced"]
    assert (original.width, original.layers, original.feedforward) == (256, 6, 256 // 2)
    assert (enhanced.width, enhanced.layers, enhanced.feedforward) == (384, 8, 4 * 384)
    assert (original.norm, original.activation) == ("post", "relu")
    assert (enhanced.norm, enhanced.activation) == ("pre", "gelu")
    assert (original.embedding_dropout, original.layer_dropout) == (0.2, 0.1)
    assert enhanced.embedding_dropout == enhanced.layer_dropout == enhanced.output_dropout == 0.25
    assert enhanced.last_layer_dropout is not None
    assert enhanced.last_layer_dropout < enhanced.layer_dropout
    for config in (original, enhanced):
        assert (config.context, config.positions) == (2048, "relative")


@POSITIONS
@pytest.mark.parametrize("training", [True, False])
def test_later_events_change_no_earlier_logits(positions: str, training: bool) -> None:
    network = tiny(positions=positions).train(training)
    tokens, other = pieces(2, 20), pieces(2, 20, seed=1)
    other[:, :9] = tokens[:, :9]
    before, after = network(tokens), network(other)
    torch.testing.assert_close(before[:, :9], after[:, :9], atol=1e-6, rtol=0)
    assert ((before - after)[:, 9:].abs().amax(-1) > 1e-4).all()


@POSITIONS
@pytest.mark.parametrize("training", [True, False])
def test_a_padded_batch_equals_single_pieces(positions: str, training: bool) -> None:
    network = tiny(positions=positions).train(training)
    lengths = (20, 7, 13)
    rows = [pieces(1, length, seed) for seed, length in enumerate(lengths)]
    batch = torch.full((3, 20), PAD)
    for row, piece in enumerate(rows):
        batch[row, : piece.shape[1]] = piece[0]
    together = network(batch)
    for row, piece in enumerate(rows):
        alone = network(piece)[0]
        torch.testing.assert_close(together[row, : len(alone)], alone, atol=1e-5, rtol=1e-5)


def test_padding_inside_is_seen_by_nobody() -> None:
    network = tiny()
    piece = pieces(1, 10)
    before = torch.cat([torch.full((1, 6), PAD), piece], 1)
    torch.testing.assert_close(network(before)[:, 6:], network(piece), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "options", [{}, {"norm": "pre", "activation": "gelu"}, {"positions": "rotary", "norm": "pre"}]
)
def test_one_batch_is_learnt_by_heart(options: dict[str, Any]) -> None:
    network = tiny(**options).train()
    tokens = pieces(2, 24)
    optimiser = torch.optim.AdamW(network.parameters(), lr=5e-3)
    losses = []
    for _ in range(120):
        optimiser.zero_grad()
        loss = token_nll(network(tokens[:, :-1]), tokens[:, 1:]).mean()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(6.0, abs=0.4)
    assert losses[-1] < 0.1
    # The first event tells which piece it is; nothing tells the first event.
    guessed = network.eval()(tokens[:, :-1]).argmax(-1)
    assert torch.equal(guessed[:, 1:], tokens[:, 2:])


def test_attention_temperature_changes_what_is_seen() -> None:
    sharpest = []
    for temperature in (0.2, 1.0, 5.0):
        with tap.listen() as taps:
            tiny(attention_temperature=temperature)(pieces(2, 24))
        sharpest.append(float(taps["self_attention"][0].amax(-1).mean()))
    assert sharpest[0] > sharpest[1] > sharpest[2]


def test_tied_output_shares_the_table() -> None:
    network, plain = tiny(tied=True), tiny()
    assert network.out.weight is network.embedding.weight
    saved = sum(p.numel() for p in plain.parameters()) - sum(
        p.numel() for p in network.parameters()
    )
    assert saved == 391 * 32
    assert network(pieces(1, 24)).isfinite().all()


def test_first_logits_are_nearly_even_and_the_stream_keeps_its_size() -> None:
    network = tiny(width=128, layers=6, norm="pre", activation="gelu", feedforward=512)
    tokens = pieces(4, 24)
    nll = token_nll(network(tokens[:, :-1]), tokens[:, 1:])
    assert nll.mean().item() == pytest.approx(5.97, abs=0.15)
    x = network.embed(tokens)
    assert x.square().mean().item() == pytest.approx(1.0, abs=0.1)
    for block in network.decoder.blocks:
        x = block(x)
    assert x.square().mean().item() < 4


def test_padding_embeds_as_zero_and_gets_no_gradient() -> None:
    network = tiny()
    tokens = torch.tensor([[SOS, 60, EOS, PAD]])
    assert (network.embed(tokens)[0, 3] == 0).all()
    network(tokens)[:, :3].sum().backward()
    grad = network.embedding.weight.grad
    assert grad is not None
    assert (grad[PAD] == 0).all()
    assert (grad[60] != 0).any()


def test_output_dropout_acts_in_training_only() -> None:
    network = tiny(output_dropout=0.5)
    tokens = pieces(1, 8)
    torch.testing.assert_close(network(tokens), tiny()(tokens))
    assert not torch.allclose(network.train()(tokens), tiny()(tokens))


@pytest.mark.parametrize(
    "wrong",
    [
        {"heads": 3},
        {"width": 12, "heads": 4, "positions": "rotary"},
        {"width": 9, "heads": 3, "positions": "sinusoidal"},
        {"attention_temperature": 0},
        {"layer_dropout": 1.0},
        {"positions": "relatve"},
    ],
)
def test_impossible_configurations_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        validate_config(EventModelConfig, {**TINY, **wrong}, "test")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="original or enhanced"):
        preset_config("orginal")
