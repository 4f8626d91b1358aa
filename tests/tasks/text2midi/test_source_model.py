"""The GPT-2-style decoder: causal, blind to padding, able to learn, equal to the fast decoder."""

from __future__ import annotations

import pytest
import torch
from toy_tunes import pieces

from partimento.music.amt_tokens import BOS, EOS, PAD, SEMANTIC, TIME_ON, UNK
from partimento.nn.decoding import StaticDecoder
from partimento.tasks.text2midi.source_config import SEED, SourceConfig
from partimento.tasks.text2midi.source_data import (
    HEAD,
    collate,
    cut_windows,
    framed,
    mean_nats,
    sequences_hash,
    statistics,
)
from partimento.tasks.text2midi.source_model import SourceTransformer, sequence_nats

SMALL = SourceConfig(width=32, layers=2, heads=4, feedforward=48, context=96, dropout=0.0)


def network(seed: int = 0, config: SourceConfig = SMALL) -> SourceTransformer:
    torch.manual_seed(seed)
    return SourceTransformer(config).eval()


def tokens(rows: int, length: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randint(TIME_ON, 512, (rows, length), generator=draw)


def test_the_preset_is_the_sources() -> None:
    wanted = {"vocabulary": 512, "layers": 6, "heads": 8, "width": 768, "feedforward": 1024}
    assert {**SEED.model_dump(), **wanted, "dropout": 0.1} == SEED.model_dump()


def test_the_network_is_a_gpt_2_with_learned_positions_and_a_tied_table() -> None:
    width, hidden = SMALL.width, SMALL.feedforward
    attention, feedforward = 4 * width**2 + 4 * width, 2 * width * hidden + width + hidden
    blocks = SMALL.layers * (attention + feedforward + 4 * width)
    count = sum(p.numel() for p in network().parameters())
    assert count == blocks + 2 * width + (512 + SMALL.context) * width


def test_the_past_never_sees_the_future() -> None:
    model, read = network(), tokens(2, 20)
    before = model(read)
    changed = read.clone()
    changed[:, 12] = TIME_ON + 5
    after = model(changed)
    torch.testing.assert_close(before[:, :12], after[:, :12])
    assert not torch.allclose(before[:, 12:], after[:, 12:])


def test_padding_changes_nothing_and_does_not_count() -> None:
    model = network()
    long, short = pieces(2)
    windows = [framed(p.events, p.semantic)[:80] for p in (long, short)]
    windows[1] = windows[1][:31]
    together, alone = collate(windows), collate(windows[1:])
    both = sequence_nats(model, *together)
    one = sequence_nats(model, *alone)
    torch.testing.assert_close(both[1, :30], one[0])
    assert (both[1, 30:] == 0).all()
    assert together.keep_BL[1].sum() == 29, "neither padding nor the semantic token counts"
    mean = mean_nats(both, together.keep_BL)
    torch.testing.assert_close(mean, (both[0].sum() + one.sum()) / (len(windows[0]) - 2 + 29))


def test_targets_are_shifted_by_one() -> None:
    window = framed(pieces(1)[0].events, 7)
    batch = collate([window])
    assert window[:2].tolist() == [BOS, SEMANTIC + 7]
    assert batch.input_BL[0].tolist() == window[:-1].tolist()
    assert batch.target_BL[0].tolist() == window[1:].tolist()
    assert batch.keep_BL[0].tolist() == [False] + [True] * (len(window) - 2)
    assert batch.target_BL[0, -1] == EOS


def test_one_batch_is_learnt_by_heart() -> None:
    model = network().train()
    batch = collate([framed(p.events[-30:], p.semantic) for p in pieces(4)])
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = mean_nats(sequence_nats(model, *batch), batch.keep_BL)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(6.24, abs=0.3), "log 512 at the start"
    assert losses[-1] < 0.1


@pytest.mark.parametrize("path", ["auto", "torch"])
def test_the_fast_decoder_gives_the_same_logits(path: str) -> None:
    model, read = network(3), tokens(2, 40)
    wanted = model(read)
    decoder = StaticDecoder(model.decoder, 2, 40, path=path)
    head = decoder.linear(model.out)
    with torch.inference_mode():
        found = [head(decoder.prefill(model.embed(read[:, :5])).reshape(-1, 32)).view(2, 5, -1)]
        found += [head(decoder.step(model.embed(read[:, t])))[:, None] for t in range(5, 40)]
    torch.testing.assert_close(torch.cat(found, 1), wanted.detach(), rtol=1e-4, atol=1e-4)


def test_too_long_an_input_is_an_error() -> None:
    with pytest.raises(ValueError, match="97 positions"):
        network()(tokens(1, 97))


def test_windows_join_to_the_piece_and_end_with_notes() -> None:
    events = pieces(1)[0].events
    windows = cut_windows(events, 40)
    assert sum(map(len, windows)) == len(events)
    assert all((w == v).all() for w, v in zip(windows, _split(events, windows), strict=True))
    assert all(len(w) + HEAD - 1 <= 40 for w in windows)
    assert all(TIME_ON <= w[0] < TIME_ON + 97 for w in windows[:-1])
    assert windows[-1][-1] == EOS
    silence = [TIME_ON + 96] * 100
    assert [len(w) for w in cut_windows(torch.tensor(silence).numpy(), 40)] == [39, 39, 22]


def _split(events, windows):
    place = 0
    for window in windows:
        yield events[place : place + len(window)]
        place += len(window)


def test_statistics_are_counted() -> None:
    made = pieces(5)
    figures = statistics(made)
    lengths = [len(p.events) + HEAD for p in made]
    assert figures["sequences"] == 5
    assert figures["tokens"] == sum(lengths)
    assert figures["length_tokens"]["longest"] == max(lengths)
    assert figures["cluster_sizes"] == {0: 3, 1: 2}
    assert figures["cluster_entropy_bits"] == pytest.approx(0.971, abs=1e-3)
    types = figures["tokens_by_type"]
    assert types["TIME_ON"] == types["NOTE"] == types["DURATION"] > types["EOS"] == 5
    assert sum(types.values()) + HEAD * 5 == figures["tokens"]
    assert statistics([]) == {"sequences": 0}
    assert sequences_hash(made) != sequences_hash(made[::-1])
    assert not any((p.events == UNK).any() or (p.events == PAD).any() for p in made)
