"""Made music for the small tasks: rules that each part of a network has to learn, and some noise.

Nothing here comes from a file.  Every generator is a pure function of its random generator.

Shape suffixes: T steps, C four channels, L tokens, N notes, B clips, K scored dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from partimento.music import amt_tokens as amt
from partimento.music import events

SILENCE = 128
"""Token of a silent voice in the chorales."""
TRIADS = np.array([[0, 4, 7], [2, 5, 9], [5, 9, 12], [7, 11, 14], [9, 12, 16]])
"""Semitones over the tonic: I, ii, IV, V, vi."""
HOLD = 2
"""Steps that a chord lasts."""


def chorale(rng: np.random.Generator, steps: int, key: int) -> np.ndarray:
    """(T, 4) int64 pitches of soprano, alto, tenor and bass in a key (0 to 11).

    The next chord follows from the bass and from which chord tone the soprano sings, so that
    neither voice alone tells it; a chord lasts two steps, so that a network must look back in
    time.  One chord in ten is free.
    """
    chord, tone = int(rng.integers(len(TRIADS))), int(rng.integers(3))
    tonic = 36 + key
    rows: list[list[int]] = []
    while len(rows) < steps:
        root, third, fifth = tonic + TRIADS[chord]
        soprano = tonic + TRIADS[chord][tone] + 36
        rows += [[soprano, third + 24, fifth + 12, root]] * HOLD
        chord = (2 * chord + tone + 1) % len(TRIADS)
        tone = (tone + 1 + chord % 2) % 3
        if rng.random() < 0.1:
            chord, tone = int(rng.integers(len(TRIADS))), int(rng.integers(3))
    return np.array(rows[:steps], dtype=np.int64)


def chorales(
    rng: np.random.Generator, count: int, steps: int, keys: Sequence[int]
) -> list[np.ndarray]:
    """So many pieces in random keys, each beginning in the first or second half of a chord."""
    found = []
    for _ in range(count):
        start = int(rng.integers(HOLD))
        found.append(chorale(rng, steps + HOLD, int(rng.choice(keys)))[start : start + steps])
    return found


MOTIF = 4
"""Notes of a motif in the made performances."""


def performance(rng: np.random.Generator, motifs: int) -> np.ndarray:
    """(L,) int64 events between SOS and EOS: one motif again and again, with slips.

    Each event is that of 13 places before; one note in twenty-five is changed.
    """
    pitch = rng.integers(40, 80, MOTIF)
    wait = rng.integers(4, 24, MOTIF)
    loud = int(rng.integers(8, 24))
    tokens = [events.SOS]
    for _ in range(motifs):
        tokens.append(events.VELOCITY + loud)
        for note in range(MOTIF):
            key = int(rng.integers(40, 80)) if rng.random() < 0.04 else int(pitch[note])
            tokens += [key, events.SHIFT + int(wait[note]), events.NOTE_OFF + key]
    return np.array([*tokens, events.EOS], dtype=np.int64)


class Tune(NamedTuple):
    """A piece in triplets behind its semantic token, and the cluster that it is from."""

    tokens: np.ndarray
    cluster: int


def tune(rng: np.random.Generator, cluster: int, notes: int) -> Tune:
    """A tune (L,) int64 in the style of its cluster: its own scale, pace and note lengths.

    The register is the same in all; the scale of a cluster leaves out the notes of the next, so
    the token in front tells most about the first notes.
    """
    scale = 48 + (np.arange(6) * 7 + 5 * cluster) % 24
    tokens = [amt.SEMANTIC + cluster]
    place = int(rng.integers(len(scale)))
    for _ in range(notes):
        free = rng.random() < 0.15
        place = int(rng.integers(len(scale))) if free else (place + 1 + cluster % 3) % len(scale)
        gap, length = 3 + 3 * (cluster % 4), 6 + 4 * (cluster % 5)
        tokens += [amt.TIME_ON + gap, amt.NOTE + int(scale[place])]
        tokens.append(amt.DURATION + length - 1 + int(rng.integers(2)))
    return Tune(np.array([*tokens, amt.EOS], dtype=np.int64), cluster)


SCORE_COLUMNS = ("pitch", "duration", "beat_position", "interval", "downbeat", "voices")
PLAYED_COLUMNS = ("velocity", "tempo", "articulation", "pedal")
COLUMNS = SCORE_COLUMNS + PLAYED_COLUMNS


class Clip(NamedTuple):
    """Notes of a played passage; ``beat`` and ``measure`` count from 0 and never fall."""

    values: np.ndarray
    """(N, columns) float32, about standardised."""
    voice: np.ndarray
    beat: np.ndarray
    measure: np.ndarray
    labels: np.ndarray
    """(K,) in 0 to 1: the mean of the raters."""
    raters: np.ndarray
    """(raters, K)."""
    passage: int
    performer: int


class Judge(NamedTuple):
    """How the made raters hear: what of a passage and of a performance goes into each score."""

    passage_KP: np.ndarray
    played_KF: np.ndarray
    noise: float


def clips(
    rng: np.random.Generator,
    passages: int,
    performers: int,
    dimensions: int,
    *,
    noise: float = 0.05,
    raters: int = 6,
) -> list[Clip]:
    """Every passage by every performer, scored by raters who hear mostly how it was played."""
    judge = Judge(
        rng.normal(0.0, 0.35, (dimensions, 2)),
        rng.normal(0.0, 0.9, (dimensions, len(PLAYED_COLUMNS) + 1)),
        noise,
    )
    manners = rng.normal(0.0, 0.9, (performers, len(PLAYED_COLUMNS)))
    found = []
    for passage in range(passages):
        score = _passage(rng)
        for performer in range(performers):
            manner = manners[performer] + rng.normal(0.0, 0.4, len(PLAYED_COLUMNS))
            found.append(_play(rng, judge, score, manner, passage, performer, raters))
    return found


class _Score(NamedTuple):
    values: np.ndarray
    voice: np.ndarray
    beat: np.ndarray
    measure: np.ndarray
    traits: np.ndarray


def _passage(rng: np.random.Generator) -> _Score:
    sizes = rng.integers(1, 4, int(rng.integers(8, 13)))
    beat = np.repeat(np.arange(len(sizes)), sizes)
    traits = rng.normal(0.0, 1.0, 2)
    count = len(beat)
    values = rng.normal(0.0, 0.7, (count, len(SCORE_COLUMNS)))
    values[:, :2] += traits
    return _Score(values, rng.integers(0, 2, count), beat, beat // 4, traits)


def _play(
    rng: np.random.Generator,
    judge: Judge,
    score: _Score,
    manner: np.ndarray,
    passage: int,
    performer: int,
    raters: int,
) -> Clip:
    """One performance: a manner, and an accent on the first beat of bars that the score hides."""
    accent = float(rng.normal())
    played = manner + rng.normal(0.0, 0.5, (len(score.beat), len(PLAYED_COLUMNS)))
    played[:, 0] += accent * np.where(score.measure % 2 == 0, 1.0, -1.0)
    heard = judge.passage_KP @ score.traits
    heard = heard + judge.played_KF @ np.append(manner, 0.7 * accent)
    true = 1.0 / (1.0 + np.exp(-0.8 * heard))
    scores = true + rng.normal(0.0, judge.noise * np.sqrt(raters), (raters, len(true)))
    rated = scores.clip(0.0, 1.0)
    return Clip(
        np.concatenate([score.values, played], axis=1).astype(np.float32),
        score.voice,
        score.beat,
        score.measure,
        rated.mean(0).astype(np.float32),
        rated.astype(np.float32),
        passage,
        performer,
    )


class Sounds(NamedTuple):
    """Clips of several classes, and the prompt embedding of each class."""

    frames: list[np.ndarray]
    """(T, I) float32 each."""
    classes: np.ndarray
    """(B,) int64."""
    prompts: np.ndarray
    """(classes, E) float32."""


def sounds(
    rng: np.random.Generator, counts: Sequence[int], width: int, embedding: int, *, noise: float
) -> Sounds:
    """``counts`` clips of each class: a spectrum of the class, a gain and a tilt of the clip.

    Prompts share a common direction, as the text embeddings of like sentences do.
    """
    spectra = rng.normal(0.0, 1.0, (len(counts), width))
    rhythms = rng.normal(0.0, 0.6, (len(counts), width))
    frames, classes = [], []
    for number, count in enumerate(counts):
        for _ in range(count):
            steps = int(rng.integers(6, 11))
            wave = np.sin(np.arange(steps) * (0.5 + 0.3 * number))[:, None] * rhythms[number]
            own = rng.normal(0.0, noise, width) + rng.normal(0.0, 0.3)
            rough = rng.normal(0.0, noise, (steps, width))
            frames.append((spectra[number] + wave + own + rough).astype(np.float32))
            classes.append(number)
    common = rng.normal(0.0, 1.0, embedding)
    prompts = common + rng.normal(0.0, 0.8, (len(counts), embedding))
    return Sounds(frames, np.array(classes, dtype=np.int64), prompts.astype(np.float32))
