"""The automaton: what real sequences are, what it lets pass, what it finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_performances import random_piece, tick_notes
from partimento.music.event_grammar import EventGrammar, allowed_masks, grammar_faults
from partimento.music.events import (
    EOS,
    EVENTS,
    NOTE_OFF,
    PAD,
    SHIFT,
    SOS,
    VELOCITY,
    VOCABULARY,
    decode_events,
    disjoint,
    encode_events,
)


def on(pitch):
    return pitch


def off(pitch):
    return NOTE_OFF + pitch


def wait(ticks):
    return SHIFT + ticks - 1


def loud(velocity_bin):
    return VELOCITY + velocity_bin


@st.composite
def any_notes(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, spread = draw(st.integers(1, 60)), draw(st.integers(1, 1500))
    onset = np.sort(rng.integers(0, spread, count))
    length, pitch = rng.integers(1, 300, count), rng.integers(0, 128, count)
    return disjoint(onset, onset + length, pitch, rng.integers(0, 32, count))


def walk(rng, length, longest_ticks=None):
    """A random walk within the grammar, brought to an end."""
    grammar, tokens = EventGrammar(longest_ticks), []
    while len(tokens) < length or grammar.sounding.any():
        allowed = np.flatnonzero(grammar.allowed()[:EVENTS])
        if len(tokens) >= length:
            ends = allowed[(allowed >= NOTE_OFF) & (allowed < SHIFT)]
            later = allowed[(allowed >= SHIFT) & (allowed < VELOCITY)]
            allowed = ends[:1] if len(ends) else later[:1] if len(later) else allowed[:1]
        token = int(rng.choice(allowed))
        grammar.advance(token)
        tokens.append(token)
    return np.array(tokens, dtype=np.int64)


@settings(max_examples=40, deadline=None)
@given(any_notes())
def test_what_notes_encode_to_is_grammatical_and_both_forms_agree(notes):
    tokens = np.append(encode_events(notes), EOS).astype(np.int64)
    masks = allowed_masks(tokens)
    assert masks.shape == (len(tokens), VOCABULARY)
    assert masks[np.arange(len(tokens)), tokens].all()
    assert not masks[:, [PAD, SOS]].any()
    grammar = EventGrammar()
    for token, mask in zip(tokens.tolist(), masks, strict=True):
        np.testing.assert_array_equal(grammar.allowed(), mask)
        grammar.advance(token)
    assert grammar.ended
    assert not grammar.allowed().any()
    assert grammar.ticks == notes.ticks - int(notes.onset[0])
    assert not grammar_faults(tokens)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 30, 300]))
def test_random_walks_decode_and_encode_to_themselves(seed, longest):
    tokens = walk(np.random.default_rng(seed), 250, longest)
    notes = decode_events(tokens)
    np.testing.assert_array_equal(encode_events(notes), tokens)
    assert not grammar_faults(tokens)
    if longest:
        assert int((notes.offset - notes.onset).max()) <= longest


def test_a_walk_never_gets_stuck():
    rng = np.random.default_rng(0)
    for _ in range(20):
        grammar = EventGrammar(longest_ticks=40)
        for _ in range(200):
            allowed = np.flatnonzero(grammar.allowed())
            assert len(allowed)
            token = int(rng.choice(allowed))
            grammar.advance(token)
            if grammar.ended:
                break


SOUND = [loud(10), on(60)]


@pytest.mark.parametrize(
    ("tokens", "wrong", "reason"),
    [
        ([on(60)], 0, "onsets of one tick"),
        ([wait(5), loud(3)], 0, "shift"),
        ([*SOUND, on(60)], 2, "sounds already"),
        ([*SOUND, wait(3), off(61)], 3, "does not sound"),
        ([*SOUND, on(59)], 2, "upwards"),
        ([*SOUND, on(64), wait(2), off(64), off(60)], 5, "low ones first"),
        ([*SOUND, wait(2), on(64), off(60)], 4, "ends come before"),
        ([*SOUND, wait(20), wait(3)], 3, "last of its gap"),
        ([*SOUND, loud(10), on(64)], 2, "where it changes"),
        ([*SOUND, loud(11), wait(3)], 3, "followed by a note on"),
        ([*SOUND, loud(11), loud(12)], 3, "followed by a note on"),
        ([*SOUND, wait(3), EOS], 3, "notes sound still"),
        ([*SOUND, wait(3), off(60), PAD], 4, "padding"),
        ([*SOUND, wait(3), off(60), SOS], 4, "padding"),
    ],
)
def test_faults_are_found_where_they_are(tokens, wrong, reason):
    faults = grammar_faults(np.array(tokens))
    assert faults[0].index == wrong
    assert faults[0].token == tokens[wrong]
    assert reason in faults[0].reason
    grammar = EventGrammar()
    for token in tokens[:wrong]:
        grammar.advance(token)
    with pytest.raises(ValueError, match="may not follow"):
        grammar.advance(tokens[wrong])


@pytest.mark.parametrize(
    "tokens",
    [
        [*SOUND, on(64), wait(100), wait(100), wait(7), off(60), off(64), EOS],
        [*SOUND, wait(3), off(60), on(60), wait(1), off(60), EOS],
        [*SOUND, wait(3), off(60), wait(100), loud(9), on(50), wait(100), off(50), EOS],
        [EOS],
        [],
    ],
)
def test_what_is_right(tokens):
    assert not grammar_faults(np.array(tokens, dtype=np.int64))


def test_nothing_follows_the_end():
    grammar = EventGrammar()
    grammar.advance(EOS)
    with pytest.raises(ValueError, match="has ended"):
        grammar.advance(loud(3))
    masks = allowed_masks(np.array([*SOUND, wait(1), off(60), EOS, loud(3), on(60)]))
    assert not masks[5:].any()


@pytest.mark.parametrize("token", [-1, VOCABULARY])
def test_there_are_no_other_events(token):
    with pytest.raises(ValueError, match="events go from"):
        EventGrammar().advance(token)


def test_a_piece_resumed_goes_on_like_the_piece():
    notes = tick_notes([(0, 50, 60, 5), (10, 400, 64, 9), (120, 300, 67, 9), (250, 260, 70, 2)])
    tokens = encode_events(notes).astype(np.int64)
    cut = 1 + int(np.flatnonzero(tokens == wait(10))[0])
    whole, resumed = EventGrammar(), EventGrammar()
    for token in tokens[:cut].tolist():
        whole.advance(token)
    resumed.resume(whole.sounding, whole.loud)
    assert resumed.ticks == 0
    for token in tokens[cut:].tolist():
        assert resumed.allowed()[token]
        resumed.advance(token)
    assert resumed.ticks == notes.ticks - 10
    assert resumed.allowed()[EOS]


def test_a_note_that_was_held_long_before_ends_first():
    held = np.zeros(128, dtype=bool)
    held[[40, 50, 60]] = True
    ages = np.zeros(128, dtype=np.int64)
    ages[[40, 50, 60]] = 500, 190, 700
    grammar = EventGrammar(longest_ticks=200)
    grammar.resume(held, 7, ages)
    for pitch in (40, 60):
        assert np.flatnonzero(grammar.allowed()).tolist() == [off(pitch)]
        grammar.advance(off(pitch))
    shifts = np.flatnonzero(grammar.allowed()[SHIFT:VELOCITY]) + 1
    assert shifts.tolist() == list(range(1, 11))
    grammar.advance(wait(10))
    assert np.flatnonzero(grammar.allowed()).tolist() == [off(50)]


def test_a_realistic_piece_is_scored_quickly():
    tokens = encode_events(random_piece(3, notes=2000))
    assert not grammar_faults(tokens)
