"""The strong model at work: its quick forms against the network itself, and what it plays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import empty_notes, random_piece, tick_notes
from partimento.music.event_grammar import grammar_faults
from partimento.music.event_stream import EventReader
from partimento.music.events import EOS, NOTE_OFF, SHIFT, TickNotes, decode_events
from partimento.nn.decoding import StaticDecoder
from partimento.nn.sampling import PRESETS, Sampling
from partimento.tasks.piano.steps import END, WAIT, Steps, crop_steps, encode_steps
from partimento.tasks.piano.strong import (
    StrongConfig,
    StrongPiano,
    allowed_keys,
    step_nats,
)
from partimento.tasks.piano.strong_data import collate
from partimento.tasks.piano.strong_heads import StepHeads
from partimento.tasks.piano.strong_player import StrongPianoModel, StrongPlayer
from partimento.tasks.piano.strong_rows import LONGEST_TICKS, Rows

FREE = Sampling(1.0)


@pytest.fixture(scope="module")
def network() -> StrongPiano:
    torch.manual_seed(0)
    size = {"width": 64, "layers": 2, "heads": 2, "feedforward": 128, "context": 96}
    network = StrongPiano(StrongConfig(**size, dropout=0.0))
    with torch.no_grad():
        # What begins as zero would hide faults of the relative heads and of the layers.
        for parameter in network.parameters():
            if not parameter.any():
                parameter.normal_(std=0.08)
    return network.eval()


@pytest.fixture(scope="module")
def model(network: StrongPiano) -> StrongPianoModel:
    return StrongPianoModel(network)


def player_of(
    model: StrongPianoModel, batch: int = 1, seed: int = 0, sampling: Sampling = FREE, **more: int
) -> StrongPlayer:
    generator = torch.Generator().manual_seed(seed)
    return model.player(batch, sampling=sampling, generator=generator, **more)


def features(rows: Rows) -> dict[str, np.ndarray]:
    """The features of the only row, as a crop names them."""
    return {
        "age": rows.ages()[0],
        "sounding": rows.sounding[0],
        "recent_pitch": rows.recent_pitch[0],
        "recent_bin": rows.recent_bin[0],
        "since_chord": rows.since_chord()[0],
        "intervals": rows.intervals()[0],
    }


def with_end(steps: Steps) -> Steps:
    """One more step, so that a crop has a position that has seen them all."""
    last = steps.tick[-1] if len(steps) else 0
    pairs = zip((steps.gap, steps.key, steps.bin, steps.tick), (0, END, 32, last), strict=True)
    return Steps(*(np.append(values, one) for values, one in pairs))


# -- quick forms against the network ---------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 60))
def test_features_step_by_step_equal_those_of_crops(seed: int, replayed: int) -> None:
    steps = encode_steps(random_piece(seed, notes=40))
    crop = crop_steps(steps, 0, len(steps))
    rows = Rows(1)
    first = Steps(*(a[:replayed] for a in (steps.gap, steps.key, steps.bin, steps.tick)))
    rows.replay(first)
    for t in range(len(first), len(steps)):
        for name, value in features(rows).items():
            np.testing.assert_array_equal(value, getattr(crop, name)[t], err_msg=f"{name} at {t}")
        assert (rows.tick[0], rows.key[0]) == (crop.tick[t], crop.key[t])
        rows.take(0, int(steps.gap[t]), int(steps.key[t]), int(steps.bin[t]))


def test_embedding_and_heads_equal_the_network(network: StrongPiano) -> None:
    pieces = [encode_steps(random_piece(seed, notes=60)) for seed in (1, 2)]
    length = min(map(len, pieces)) - 1
    batch = collate([crop_steps(steps, 0, length) for steps in pieces])
    heads = StepHeads(network, StaticDecoder(network.decoder, 2, 8))
    generator = torch.Generator().manual_seed(3)
    h_BTD = torch.randn(2, length, network.config.width, generator=generator)
    gap, key = batch.gap[:, 1:], batch.key[:, 1:]
    with torch.no_grad():
        wanted = (
            network.embed(batch),
            network.gap_logits(h_BTD, batch),
            network.key_logits(h_BTD, batch, gap),
            network.bin_logits(h_BTD, batch, gap, key),
        )
    rows = Rows(2)
    for t in range(length):
        hidden = heads.read(h_BTD[:, t])
        gap_B, key_B = gap[:, t].numpy(), key[:, t].numpy()
        found = (
            heads.embed(rows).numpy(),
            heads.gap_logits(hidden, rows),
            heads.key_logits(hidden, rows, gap_B),
            heads.bin_logits(hidden, rows, gap_B, key_B),
        )
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, other[:, t].numpy(), atol=2e-5)
        for row, steps in enumerate(pieces):
            rows.take(row, int(steps.gap[t]), int(steps.key[t]), int(steps.bin[t]))


@pytest.mark.parametrize("seed", range(3))
def test_allowed_keys_are_those_of_the_scoring(seed: int) -> None:
    steps = encode_steps(random_piece(seed, notes=40))
    everything = collate([crop_steps(steps, 0, len(steps))])
    rng = np.random.default_rng(seed)
    rows = Rows(1)
    for t in range(len(steps)):
        gap = int(rng.choice([0, 0, 1, 40, 100]))
        at = slice(t, t + 1)
        wanted = allowed_keys(
            replace(
                everything,
                key=everything.key[:, at],
                age=everything.age[:, at],
                sounding=everything.sounding[:, at],
            ),
            torch.tensor([[gap]]),
        )[0, 0].numpy()
        found = rows.allowed_keys(np.array([gap]))[0]
        if t == 0:
            assert not found[NOTE_OFF : NOTE_OFF + 128].any() and not found[END]
        elif rows.key[0] == WAIT:
            # A piece does not end with a silence.
            assert not found[END]
            np.testing.assert_array_equal(found[:END], wanted[:END])
        else:
            np.testing.assert_array_equal(found, wanted)
        rows.take(0, int(steps.gap[t]), int(steps.key[t]), int(steps.bin[t]))


def test_nats_of_a_short_piece_are_those_of_one_forward(model: StrongPianoModel) -> None:
    notes = random_piece(5, notes=30)
    steps = encode_steps(notes, end=False)
    with torch.no_grad():
        parts = step_nats(model.network, collate([crop_steps(steps, 0, len(steps))]))
    assert model.nats(notes).sum() == pytest.approx(float(sum(p.double().sum() for p in parts)))


# -- playing ---------------------------------------------------------------------------------------


def recorded(player: StrongPlayer, draws: int) -> Steps:
    """Let the first row play; the steps it took."""
    taken, take = [], player.rows.take

    def watching(row: int, gap: int, key: int, velocity_bin: int) -> None:
        take(row, gap, key, velocity_bin)
        if row == 0:
            taken.append((gap, key, velocity_bin, int(player.rows.tick[0])))

    player.rows.take = watching  # type: ignore[method-assign]
    for _ in range(draws):
        player.draw()
    table = np.array(taken, dtype=np.int32).reshape(-1, 4)
    return Steps(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def full_forward(network: StrongPiano, steps: Steps, start: int) -> torch.Tensor:
    """Hidden state after all steps of a forward pass over the positions from ``start`` on."""
    whole = with_end(steps)
    batch = collate([crop_steps(whole, start, len(whole) - start)])
    with torch.no_grad():
        return network.hidden(batch)[:, -1]


@pytest.mark.parametrize("batch", [1, 3])
def test_hidden_states_equal_the_full_forward(model: StrongPianoModel, batch: int) -> None:
    player = player_of(model, batch)
    player.prime(empty_notes(), 0)
    steps = recorded(player, 60)
    assert len(steps) >= 50
    wanted = full_forward(model.network, steps, 0)
    torch.testing.assert_close(player.hidden[:1], wanted, atol=2e-5, rtol=0)


def test_a_primer_is_read_like_what_was_played(model: StrongPianoModel) -> None:
    notes = random_piece(4, notes=18)
    until = int(notes.onset[12]) + 3
    player = player_of(model, 2)
    player.prime(notes, until)
    steps = encode_steps(notes, end=False)
    before = steps.tick < until - notes.onset[0]
    steps = Steps(*(a[before] for a in (steps.gap, steps.key, steps.bin, steps.tick)))
    wanted = full_forward(model.network, steps, 0).expand(2, -1)
    torch.testing.assert_close(player.hidden, wanted, atol=2e-5, rtol=0)
    ringing = notes.select((notes.onset < until) & (notes.offset >= until))
    assert np.flatnonzero(player.grammars[1].sounding).tolist() == sorted(ringing.pitch.tolist())
    assert player.rows.pending.tolist() == [until - notes.onset[0] - steps.tick[-1]] * 2


def test_a_long_primer_is_read_from_where_half_the_capacity_begins(
    model: StrongPianoModel,
) -> None:
    notes = random_piece(4, notes=400)
    player = player_of(model, capacity=64)
    player.prime(notes, notes.ticks + 1)
    steps = encode_steps(notes, end=False)
    wanted = full_forward(model.network, steps, len(steps) + 1 - 32)
    torch.testing.assert_close(player.hidden, wanted, atol=2e-5, rtol=0)


def test_a_full_window_slides_by_half(model: StrongPianoModel) -> None:
    player = player_of(model, capacity=24)
    player.prime(empty_notes(), 0)
    steps = recorded(player, 45)
    # Positions 0 to 23 fill the window; each slide keeps 12, and the next step is the 13th.
    start = 0
    while len(steps) + 1 - start > 24:
        start += 12
    assert start >= 24
    wanted = full_forward(model.network, steps, start)
    torch.testing.assert_close(player.hidden, wanted, atol=2e-5, rtol=0)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_the_same_seed_plays_the_same(model: StrongPianoModel, precision: str) -> None:
    def played(seed: int) -> list[list[int]]:
        generator = torch.Generator().manual_seed(seed)
        options = {"sampling": PRESETS["balanced"], "precision": precision}
        player = model.player(2, generator=generator, **options)
        player.prime(random_piece(1, notes=30), 300)
        rows: list[list[int]] = [[], []]
        for _ in range(30):
            for row, events in zip(rows, player.draw(), strict=True):
                row += events.tolist()
        return rows

    first = played(7)
    assert first == played(7)
    assert first != played(8)
    assert first[0] != first[1]


def play_out(player: StrongPlayer, primer: TickNotes, until: int, draws: int) -> list[list[int]]:
    """Prime, draw, and hand every event to a reader that accepts no nonsense."""
    player.prime(primer, until)
    held = np.flatnonzero(player.grammars[0].sounding).tolist()
    loud = player.grammars[0].loud
    readers = [EventReader(dict.fromkeys(held, 64), loud) for _ in player.grammars]
    rows: list[list[int]] = [[] for _ in readers]
    for _ in range(draws):
        events = player.draw()
        for reader, row, own in zip(readers, rows, events, strict=True):
            assert len(own) or reader.ended
            for token in own.tolist():
                reader.take(token)
                row.append(token)
    for reader in readers:
        assert all(n.offset - n.onset <= LONGEST_TICKS for n in reader.notes if n.onset >= 0)
    return rows


def test_wild_playing_stays_within_the_grammar(model: StrongPianoModel) -> None:
    # Temperature 100 makes everything allowed about equally likely.
    player = player_of(model, 8, sampling=Sampling(100.0))
    for tokens in play_out(player, empty_notes(), 0, 250):
        assert len(tokens) > 250
        assert not grammar_faults(np.array(tokens))


@pytest.mark.parametrize("seed", range(6))
def test_after_any_primer_the_clock_runs_from_the_cut(model: StrongPianoModel, seed: int) -> None:
    primer = random_piece(seed, notes=20)
    rng = np.random.default_rng(seed)
    until = primer.ticks + 1 if seed == 0 else int(rng.integers(1, primer.ticks + 700))
    player = player_of(model, 4, seed, Sampling(100.0))
    rows = play_out(player, primer, until, 60)
    kept = primer.select(primer.onset < until)
    for row, tokens in enumerate(rows):
        passed = sum(t - SHIFT + 1 for t in tokens if SHIFT <= t < SHIFT + 100)
        assert passed == player.grammars[row].ticks
        begin = int(kept.onset[0]) if len(kept) else until
        inside = int(player.rows.tick[row]) - (until - begin)
        assert 0 <= inside - passed < 100


def test_notes_that_were_held_for_too_long_end_at_once_low_ones_first(
    model: StrongPianoModel,
) -> None:
    primer = tick_notes([(0, 9000, 70, 9), (0, 9000, 40, 9), (2000, 9000, 64, 9)])
    for seed in range(5):
        player = player_of(model, 1, seed, Sampling(100.0))
        tokens = play_out(player, primer, 2500, 3)[0]
        keys = [t for t in tokens if t < SHIFT]
        assert keys[:2] == [NOTE_OFF + 40, NOTE_OFF + 70]


def test_the_end_is_obeyed(model: StrongPianoModel, monkeypatch: pytest.MonkeyPatch) -> None:
    player = player_of(model, 2, sampling=Sampling(100.0))
    rows, allowed_gaps, allowed_keys_of = player.rows, Rows.allowed_gaps, Rows.allowed_keys

    def at_once(self: Rows) -> np.ndarray:
        gaps = allowed_gaps(self)
        gaps[~self.sounding.any(1), 1:] = False
        return gaps

    def ending(self: Rows, gap_B: np.ndarray) -> np.ndarray:
        keys = allowed_keys_of(self, gap_B)
        keys[keys[:, NOTE_OFF:WAIT].any(1), :NOTE_OFF] = False
        keys[keys[:, END], :END] = False
        return keys

    monkeypatch.setattr(Rows, "allowed_gaps", at_once)
    monkeypatch.setattr(Rows, "allowed_keys", ending)
    events: list[list[int]] = [[], []]
    while not all(player.done):
        for row, own in zip(events, player.draw(), strict=True):
            row += own.tolist()
    for tokens in events:
        assert tokens[-1] == EOS
        assert len(decode_events(np.array(tokens))) == 1
        assert not grammar_faults(np.array(tokens))
    assert all(grammar.ended for grammar in player.grammars)
    assert [len(own) for own in player.draw()] == [0, 0]
    assert not rows.sounding.any()
