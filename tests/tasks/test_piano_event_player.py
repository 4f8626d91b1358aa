"""The event models at work: likelihood with a sliding context, playing within the grammar."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from partimento.music.event_grammar import EventGrammar, allowed_masks, grammar_faults
from partimento.music.events import (
    EOS,
    NOTE_OFF,
    SHIFT,
    SOS,
    VELOCITY,
    TickNotes,
    decode_events,
    disjoint,
    encode_events,
)
from partimento.nn.sampling import Sampling
from partimento.tasks.piano.config import EventModelConfig
from partimento.tasks.piano.event_player import (
    LONGEST_SILENCE,
    LONGEST_TICKS,
    EventPianoModel,
    EventPlayer,
    primer_events,
    shifts,
)
from partimento.tasks.piano.interface import PianoModel, Player
from partimento.tasks.piano.model import EventTransformer

GREEDY = Sampling(0.0)
FREE = Sampling(1.0)
KINDS: dict[str, dict[str, Any]] = {
    "original": {},
    "enhanced": {"norm": "pre", "activation": "gelu"},
    "absolute": {"norm": "pre", "positions": "absolute", "activation": "gelu"},
    "sinusoidal": {"norm": "pre", "positions": "sinusoidal"},
    "llama": {
        "norm": "pre",
        "norm_kind": "rms",
        "positions": "rotary",
        "activation": "swiglu",
        "bias": False,
    },
}


def model(kind: str = "enhanced", context: int = 64, temperature: float = 1.0) -> EventPianoModel:
    torch.manual_seed(0)
    config = EventModelConfig(
        width=32, layers=2, heads=2, feedforward=64, context=context, **KINDS[kind]
    )
    network = EventTransformer(config)
    with torch.no_grad():  # far from even, so that greedy choices are clear
        network.out.weight.mul_(30 / temperature)
        network.out.bias.normal_(generator=torch.Generator().manual_seed(1))
    return EventPianoModel(network)


def random_notes(seed: int, count: int = 40, spread: int = 900) -> TickNotes:
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.integers(0, spread, count)) + 50
    length = rng.integers(1, 250, count)
    return disjoint(onset, onset + length, rng.integers(45, 80, count), rng.integers(0, 32, count))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def play(player: Player, draws: int) -> list[np.ndarray]:
    """All events of each row."""
    heard: list[list[np.ndarray]] = [[] for _ in player.grammars]
    for _ in range(draws):
        ended = [grammar.ended for grammar in player.grammars]
        for row, events in enumerate(player.draw()):
            assert (len(events) == 0) == ended[row]
            heard[row].append(events)
    return [np.concatenate(events).astype(np.int64) for events in heard]


def slow_nats(one: EventPianoModel, notes: TickNotes) -> np.ndarray:
    """Every event by itself, from a window that is cut by hand."""
    tokens = encode_events(notes).astype(np.int64)
    sequence, masks = np.concatenate([[SOS], tokens]), allowed_masks(tokens)
    half = one.context // 2
    total = np.zeros(4)
    for index, token in enumerate(tokens.tolist()):
        start = 0
        if index >= one.context:
            start = (index - one.context) // half * half + half
        assert index < one.context or index - start >= one.context - half
        window = torch.from_numpy(sequence[start : index + 1])[None]
        logits = one.network(window)[0, -1].detach().double().numpy()
        logits[~masks[index]] = -np.inf
        log_prob = logits[token] - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
        total[np.searchsorted([NOTE_OFF, SHIFT, VELOCITY], token, side="right")] -= log_prob
    return total


@pytest.mark.parametrize(("context", "count"), [(512, 20), (64, 40), (31, 40), (24, 13)])
def test_nats_are_those_of_every_event_by_itself(context: int, count: int) -> None:
    one = model(context=context)
    notes = random_notes(1, count)
    np.testing.assert_allclose(one.nats(notes), slow_nats(one, notes), rtol=1e-4)


def test_nats_of_nothing_are_zero() -> None:
    empty = random_notes(0).select(np.zeros(len(random_notes(0)), dtype=bool))
    assert model().nats(empty).tolist() == [0.0] * 4


def test_it_is_a_piano_model() -> None:
    one = model()
    assert isinstance(one, PianoModel)
    assert isinstance(one.player(1, sampling=FREE, generator=generator()), Player)


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("primed", [False, True])
def test_the_cached_player_chooses_what_the_full_forward_chooses(kind: str, primed: bool) -> None:
    """Greedy, longer than the context; the cache starts anew with its newer half when full."""
    one = model(kind)
    one.network.out.bias.data[EOS] = -100.0
    player = one.player(1, sampling=GREEDY, generator=generator())
    grammar, read = EventGrammar(LONGEST_TICKS), [SOS]
    if primed:
        notes = random_notes(3, 8, 200)
        tokens = encode_events(notes).tolist()
        player.prime(notes, notes.ticks + 100)
        read += [*tokens, SHIFT + 99]
        grammar.resume(np.zeros(128, dtype=bool), int(notes.bin[-1]))
    read = read[-(one.context // 2) :]
    for _ in range(140):
        if len(read) > one.context:
            read = read[-(one.context // 2) - 1 :]
        logits = one.network(torch.tensor([read]))[0, -1].detach()
        allowed = torch.from_numpy(grammar.allowed())
        wanted = int(logits.masked_fill(~allowed, -torch.inf).argmax())
        (events,) = player.draw()
        assert events.tolist() == [wanted]
        grammar.advance(wanted)
        read.append(wanted)


@pytest.mark.parametrize("kind", ["original", "llama"])
def test_pieces_are_within_the_grammar_and_no_note_is_stuck(kind: str) -> None:
    player = model(kind, temperature=5.0).player(3, sampling=FREE, generator=generator(2))
    rows = play(player, 400)
    assert any(len(row) > 100 for row in rows)
    for row, grammar in zip(rows, player.grammars, strict=True):
        assert grammar_faults(row) == []
        notes = decode_events(row[row != EOS])
        assert (notes.offset - notes.onset).max() <= LONGEST_TICKS
        if grammar.ended:
            assert row[-1] == EOS and not grammar.sounding.any()


def test_a_fresh_piece_has_a_note() -> None:
    one = model()
    one.network.out.bias.data[EOS] = 100.0
    player = one.player(2, sampling=FREE, generator=generator())
    assert all(VELOCITY <= row[0] < EOS for row in player.draw())
    assert all(row[0] < NOTE_OFF for row in player.draw())


def test_same_seed_same_events() -> None:
    first, again, other = (
        play(model().player(2, sampling=FREE, generator=generator(seed)), 60) for seed in (5, 5, 6)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("until", [57, 100, 163, 262, 550, 1400])
def test_after_a_primer_pieces_go_on_where_it_was_cut(until: int) -> None:
    """Primer, then what was drawn, joined on one clock, is a piece without a fault."""
    notes = random_notes(4)
    player = model(context=512, temperature=8.0).player(4, sampling=FREE, generator=generator(1))
    player.prime(notes, until)
    held = notes.select((notes.onset < until) & (notes.offset >= until))
    for grammar in player.grammars:
        assert sorted(held.pitch.tolist()) == np.flatnonzero(grammar.sounding).tolist()
        assert grammar.ticks == 0
    read, silence = primer_events(notes, until)
    for row in play(player, 200):
        shift = (row >= SHIFT) & (row < VELOCITY)
        first = int(np.argmin(shift))
        gap = silence + int((row[:first] - SHIFT + 1).sum())
        joined = np.array([*read, *shifts(gap), *row[first:]])
        assert grammar_faults(joined) == []
        heard, first_onset = decode_events(joined), int(notes.onset[0])
        primer = notes.select(notes.onset < until).shifted(-first_onset)
        kept = heard.select(heard.onset < until - first_onset)
        assert np.array_equal(kept.onset, primer.onset)
        assert np.array_equal(kept.pitch, primer.pitch)
        assert np.array_equal(kept.bin, primer.bin)
        ended = primer.offset < until - first_onset
        assert np.array_equal(kept.offset[ended], primer.offset[ended])


def opening_gaps(player: EventPlayer) -> list[int]:
    """Ticks of each row before its first event that is no shift."""
    gaps = [0] * len(player.grammars)
    for row, events in enumerate(player.draw()):
        for token in events.tolist():
            if not SHIFT <= token < VELOCITY:
                break
            gaps[row] += token - SHIFT + 1
    return gaps


def test_the_gap_after_a_primer_is_the_models_own() -> None:
    """It has heard 37 ticks of the gap already: its share of each longer gap stays the same."""
    one = model(context=64, temperature=15.0)
    notes = disjoint(*(np.array([x]) for x in (0, 63, 60, 16)))
    player = one.player(2000, sampling=FREE, generator=generator(3))
    assert isinstance(player, EventPlayer)
    player.prime(notes, 100)
    heard = np.array(opening_gaps(player))
    read = [SOS, VELOCITY + 16, 60, SHIFT + 62, NOTE_OFF + 60]
    logits = one.network(torch.tensor([read]))[0, -1].detach()
    wanted = logits[SHIFT + 36 : VELOCITY].softmax(-1).numpy()
    counts = np.bincount(np.minimum(heard, 63), minlength=64)
    error = np.abs(counts / 2000 - wanted).max()
    assert error < 4 * np.sqrt(wanted.max() / 2000)
    assert counts[0] > 0 and counts[63] > 0


def test_notes_that_sound_too_long_end_at_once() -> None:
    notes = disjoint(*(np.array(x) for x in ([0, 2300], [9000, 2400], [40, 60], [9, 9])))
    player = model().player(2, sampling=FREE, generator=generator())
    player.prime(notes, 2350)
    for row in play(player, 3):
        assert row[0] == NOTE_OFF + 40


def test_long_silence_is_not_read_to_the_end() -> None:
    one = model(context=256)
    notes = random_notes(5, 5, 50)
    player = one.player(1, sampling=FREE, generator=generator())
    assert isinstance(player, EventPlayer)
    player.prime(notes, 10**7)
    assert player.decoder.position <= 1 + len(encode_events(notes)) + LONGEST_SILENCE // 100
    assert not player.grammars[0].sounding.any()
    assert all(len(row) for row in play(player, 5))


def test_a_primer_longer_than_the_cache_keeps_its_end() -> None:
    one = model(context=64)
    notes = random_notes(6, 200, 3000)
    player = one.player(2, sampling=FREE, generator=generator(), capacity=40)
    assert isinstance(player, EventPlayer)
    player.prime(notes, 2500)
    assert player.decoder.position == 20
    assert all(len(row) for row in play(player, 100))


def test_a_primer_comes_first() -> None:
    player = model().player(1, sampling=FREE, generator=generator())
    player.draw()
    with pytest.raises(ValueError, match="before everything"):
        player.prime(random_notes(0), 100)


def test_primer_events_end_before_the_cut() -> None:
    notes = disjoint(*(np.array(x) for x in ([10, 30], [40, 50], [60, 62], [5, 5])))
    assert primer_events(notes, 10) == ([], 0)
    assert primer_events(notes, 40) == ([VELOCITY + 5, 60, SHIFT + 19, 62], 10)
    read, silence = primer_events(notes, 41)
    assert read[-1] == NOTE_OFF + 60
    assert silence == 1
    assert primer_events(notes, 500) == (encode_events(notes).tolist(), 450)


def test_shifts_say_a_gap() -> None:
    assert shifts(0) == []
    assert shifts(7) == [SHIFT + 6]
    assert shifts(100) == [SHIFT + 99]
    assert shifts(230) == [SHIFT + 99, SHIFT + 99, SHIFT + 29]


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="precision is one of"):
        model().player(1, sampling=FREE, generator=generator(), precision="fp8")
