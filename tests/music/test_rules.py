"""Decoding rules against the plain definitions, pitch by pitch."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music import chords, theory
from partimento.music.grid import SILENCE, UNKNOWN, VOICE_RANGES
from partimento.music.rules import FORBIDDEN_NATS, PITCHES, RULE_NAMES, Rules

cells = st.one_of(st.integers(40, 80), st.just(SILENCE))
frames = st.tuples(cells, cells, cells, cells)
partial = st.tuples(*[st.one_of(cells, st.just(UNKNOWN))] * 4)
voices = st.integers(0, 3)


def only(rule: str) -> Rules:
    return Rules(**{rule: FORBIDDEN_NATS})


def slow_motion(test, previous, current, voice, candidate) -> bool:
    if previous[voice] < 0:
        return False
    for other in range(4):
        if other == voice or previous[other] < 0 or current[other] < 0:
            continue
        for kind in (theory.FIFTH, theory.OCTAVE):
            if test(previous[voice], previous[other], candidate, current[other], kind):
                return True
    return False


@settings(max_examples=60, deadline=None)
@given(frames, partial, voices, st.sampled_from(["parallel", "contrary"]))
def test_motion_rules_are_the_definitions(previous, current, voice: int, name: str) -> None:
    got = only(name).forbidden(previous, current, voice)
    test = getattr(theory, name)
    want = [slow_motion(test, previous, current, voice, p) for p in range(40, 80)]
    assert got[40:80].tolist() == want


@settings(max_examples=60, deadline=None)
@given(frames, partial, voices)
def test_static_rules_are_the_definitions(previous, current, voice: int) -> None:
    crossing = only("crossing").forbidden(previous, current, voice)
    spacing = only("spacing").forbidden(previous, current, voice)
    for p in range(30, 90):
        now = [p if v == voice else c for v, c in enumerate(current)]
        known = [(v, c) for v, c in enumerate(now) if c >= 0]
        wrong = any(a > b for (v, b), (w, a) in product(known, known) if w > v and voice in (v, w))
        assert crossing[p] == wrong
        wide = any(
            now[v] >= 0 and now[v + 1] >= 0 and now[v] - now[v + 1] > 12 and voice in (v, v + 1)
            for v in (0, 1)
        )
        assert spacing[p] == wide


@settings(max_examples=60, deadline=None)
@given(frames, frames, st.sampled_from([0, 3]))
def test_direct_motion_is_judged_between_the_outer_voices(previous, current, voice: int) -> None:
    got = only("direct").forbidden(previous, current, voice)
    assert not only("direct").forbidden(previous, current, 1).any()
    for p in range(40, 80):
        top, low = (p, current[3]) if voice == 0 else (current[0], p)
        silent = min(previous[0], previous[3], top, low) < 0
        want = not silent and any(
            bool(theory.direct(previous[0], previous[3], top, low, k)) for k in (0, 7)
        )
        assert got[p] == want


def test_range_and_edges() -> None:
    for voice, (low, high) in enumerate(VOICE_RANGES):
        bad = only("out_of_range").forbidden([-1] * 4, [-2] * 4, voice)
        assert bad.shape == (PITCHES,)
        assert np.flatnonzero(~bad).tolist() == list(range(low, high + 1))


def test_overlap_looks_at_what_neighbours_leave() -> None:
    previous = [72, 64, 60, 48]
    rules = only("overlap")
    bad = rules.forbidden(previous, [72, 69, UNKNOWN, UNKNOWN], 2)
    assert bad[65] and not bad[64] and bad[47] and not bad[48]
    assert not rules.forbidden([-1] * 4, [72, 69, UNKNOWN, UNKNOWN], 2).any()


def test_leading_tone_is_not_doubled_and_not_left_by_leap() -> None:
    rules = only("leading_tone")
    doubled = rules.forbidden([-1] * 4, [71, UNKNOWN, UNKNOWN, UNKNOWN], 1, leading_tone=11)
    assert np.flatnonzero(doubled).tolist() == list(range(11, 128, 12))
    left = rules.forbidden([71, 67, 62, 43], [UNKNOWN] * 4, 0, leading_tone=11)
    assert [p for p in range(60, 85) if not left[p]] == [67, 68, 69, 70, 71, 72, 83]
    assert not rules.forbidden([71, 67, 62, 43], [71, -2, -2, -2], 1).any()


def test_cadence_allows_only_root_position_triads() -> None:
    """Whatever order the voices come in, a finished cadence is a complete root-position chord."""
    rules, generator = only("cadence"), np.random.default_rng(1)
    for order in ((0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)):
        for _ in range(20):
            current = [UNKNOWN] * 4
            for voice in order:
                low, high = VOICE_RANGES[voice]
                bad = rules.forbidden([-1] * 4, current, voice, cadence=True)
                choices = [p for p in range(low, high + 1) if not bad[p]]
                assert choices
                current[voice] = int(generator.choice(choices))
            chord = chords.chord_of(current)
            assert chord.kind in (chords.ChordClass.TRIAD, chords.ChordClass.OPEN_TRIAD)
            assert chords.in_root_position(current)
    assert not rules.forbidden([-1] * 4, [60, -2, -2, -2], 3, cadence=False).any()


def test_presets() -> None:
    previous, current = [67, 64, 55, 48], [69, 64, UNKNOWN, UNKNOWN]
    strict = Rules.preset("strict").forbidden(previous, current, 3)
    free = Rules.preset("free").forbidden(previous, current, 3)
    assert strict[50] and not free[50]
    assert Rules.preset("free").costs(previous, current, 3)[50] > 0
    assert not Rules.preset("off").costs(previous, current, 3).any()
    assert free[20] and strict[20]
    with pytest.raises(ValueError, match="loose"):
        Rules.preset("loose")
    assert all(getattr(Rules.preset("strict"), n) >= FORBIDDEN_NATS for n in RULE_NAMES)
    assert all(getattr(Rules.preset("off"), n) == 0 for n in RULE_NAMES)


@settings(max_examples=40, deadline=None)
@given(frames, partial, voices)
def test_forbidden_is_where_a_forbidding_price_is_paid(previous, current, voice: int) -> None:
    rules = Rules.preset("strict")
    costs = rules.costs(previous, current, voice, leading_tone=11, cadence=True)
    bad = rules.forbidden(previous, current, voice, leading_tone=11, cadence=True)
    assert (bad == (costs >= FORBIDDEN_NATS)).all()


def test_masks_are_the_callers_own() -> None:
    rules = Rules.preset("strict")
    first = rules.forbidden([-1] * 4, [-2] * 4, 0)
    first[:] = True
    assert not rules.forbidden([-1] * 4, [-2] * 4, 0).all()
