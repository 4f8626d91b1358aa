"""Compound steps: the same information as the 388 events, features that see the past only."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music.events import NOTE_OFF, PITCHES, TickNotes, disjoint, encode_events
from partimento.tasks.piano.steps import (
    AGE_LIMIT,
    CHORD_TICKS,
    END,
    RECENT,
    START,
    WAIT,
    Crop,
    Memory,
    crop_steps,
    encode_steps,
)

FEATURES = ("age", "sounding", "recent_pitch", "recent_bin", "since_chord", "intervals")


def random_notes(seed: int, count: int = 60, spread: int = 900) -> TickNotes:
    rng = np.random.default_rng(seed)
    onset = np.sort(rng.integers(0, spread, count))
    length = rng.integers(1, 250, count)
    pitch, bins = rng.integers(55, 70, count), rng.integers(0, 32, count)
    return disjoint(onset, onset + length, pitch, bins)


def to_events(gap: np.ndarray, key: np.ndarray, bins: np.ndarray) -> list[int]:
    """The events that steps stand for, one by one."""
    tokens, loud = [], -1
    for g, k, b in zip(gap.tolist(), key.tolist(), bins.tolist(), strict=True):
        if g:
            tokens.append(256 + g - 1)
        if k < NOTE_OFF and b != loud:
            tokens.append(356 + b)
            loud = b
        if k < WAIT:
            tokens.append(k)
    return tokens


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80), st.integers(5, 3000))
def test_steps_say_what_events_say(seed: int, count: int, spread: int) -> None:
    notes = random_notes(seed, count, spread)
    steps = encode_steps(notes, end=False)
    assert to_events(steps.gap, steps.key, steps.bin) == encode_events(notes).tolist()


def test_end_is_the_last_step() -> None:
    steps = encode_steps(random_notes(0))
    assert (steps.key == END).nonzero()[0].tolist() == [len(steps) - 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(1, 60))
def test_a_crop_is_a_part_of_the_whole(seed: int, start: int, length: int) -> None:
    steps = encode_steps(random_notes(seed))
    start = min(start, len(steps) - 1)
    whole, part = crop_steps(steps, 0, len(steps)), crop_steps(steps, start, length)
    stop = start + len(part.key) - 1
    for name in ("gap", "key", "bin", "tick"):
        expected = getattr(whole, name)[start : stop + 1]
        assert np.array_equal(getattr(part, name), expected), name
    for name in FEATURES:
        assert np.array_equal(getattr(part, name), getattr(whole, name)[start:stop]), name


def slow_features(crop: Crop) -> list[dict[str, object]]:
    """The features of every position of a crop that begins a piece, step by step."""
    last_on = np.full(PITCHES, -(1 << 20))
    sounding = np.zeros(PITCHES, dtype=bool)
    onsets: list[tuple[int, int, int]] = []
    chords: list[int] = []
    rows = []
    for key, bins, tick in zip(
        crop.key[:-1].tolist(), crop.bin.tolist(), crop.tick.tolist(), strict=False
    ):
        if key < NOTE_OFF:
            if not onsets or tick - onsets[-1][0] > CHORD_TICKS:
                chords.append(tick)
            onsets.append((tick, key, bins))
            last_on[key], sounding[key] = tick, True
        elif key < WAIT:
            sounding[key - NOTE_OFF] = False
        latest = [*onsets[::-1][:RECENT], *[(0, -1, 32)] * RECENT][:RECENT]
        padded = [*[-(1 << 20)] * (RECENT + 1), *chords][::-1]
        gaps = [min(a - b, AGE_LIMIT) for a, b in pairwise(padded)]
        rows.append(
            {
                "age": np.minimum(tick - last_on, AGE_LIMIT),
                "sounding": sounding.copy(),
                "recent_pitch": [p for _, p, _ in latest],
                "recent_bin": [b for _, _, b in latest],
                "since_chord": min(tick - padded[0], AGE_LIMIT),
                "intervals": gaps[:RECENT],
            }
        )
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_features_equal_their_slow_twin(seed: int) -> None:
    crop = crop_steps(encode_steps(random_notes(seed)), 0, 10_000)
    for t, row in enumerate(slow_features(crop)):
        for name in FEATURES:
            assert np.array_equal(np.asarray(row[name]), getattr(crop, name)[t]), (t, name)


def test_memory_of_nothing_is_empty() -> None:
    steps = encode_steps(random_notes(1))
    empty, start = Memory.empty(), Memory.after(steps, 0)
    for item in fields(Memory):
        assert np.array_equal(getattr(empty, item.name), getattr(start, item.name))
    assert crop_steps(steps, 0, 5).key[0] == START
