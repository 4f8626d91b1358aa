from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from partimento.music.articulation import strike
from partimento.music.frames import beat_strength
from partimento.music.score import TimeSignature

BEATS = np.array([3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0])


def run(columns: list[list[int]], lead_attacks: list[int], given: int | None = 0, fermata=()):
    """Attack frames per voice; columns are runs of (pitch, pitch, ...) per quarter."""
    grid = np.repeat(np.array(columns).T, 4, axis=0)
    is_given = np.zeros(grid.shape, dtype=bool)
    attack = np.zeros(grid.shape, dtype=bool)
    if given is not None:
        is_given[:, given] = True
        attack[lead_attacks, given] = True
    marks = np.zeros(len(grid), dtype=np.int64)
    marks[list(fermata)] = 1
    found = strike(grid, is_given, attack, BEATS[: len(grid)], marks)
    return [np.flatnonzero(found[:, v]).tolist() for v in range(4)]


def test_given_attacks_are_never_changed():
    found = run([[67, 67, 69, 69]] + [[60, 62, 60, 62]] * 3, [0, 4, 8])
    assert found[0] == [0, 4, 8]
    assert found[1] == [0, 4, 8, 12]


def test_inner_voices_strike_with_the_melody_and_the_bass_holds():
    found = run([[67, 69, 71, 72], [64] * 4, [60] * 4, [48] * 4], [0, 4, 8, 12])
    assert found[1] == found[2] == [0, 4, 8, 12]
    assert found[3] == [0]


def test_everything_repeats_with_a_repeated_melody_note():
    found = run([[67] * 4, [64] * 4, [60] * 4, [48] * 4], [0, 4, 8, 12])
    assert found[3] == [0, 4, 8, 12]


def test_nothing_is_struck_while_the_melody_holds():
    found = run([[67] * 4, [64] * 4, [60] * 4, [48] * 4], [0])
    assert found == [[0]] * 4


def test_silence_is_never_struck():
    found = run([[67] * 4, [-1, 64, -1, -1], [60] * 4, [48] * 4], [0, 4, 8, 12])
    assert found[1] == [4]


def test_a_short_rest_of_a_pitch_on_a_weak_beat_is_tied_over():
    grid = np.full((16, 4), 60)
    grid[:, 1] = [64] * 6 + [65] * 10  # kept to the off-beat eighth of beat 2
    given = np.zeros(grid.shape, dtype=bool)
    given[:, 0] = True
    attack = given & (np.arange(16) % 4 == 0)[:, None]
    found = strike(grid, given, attack, BEATS, np.zeros(16, dtype=np.int64))
    assert np.flatnonzero(found[:, 1]).tolist() == [0, 6, 8, 12]


def test_after_a_fermata_the_bass_strikes():
    found = run(
        [[67, 69, 71, 72], [64] * 4, [60] * 4, [48] * 4], [0, 4, 8, 12], fermata=range(4, 8)
    )
    assert found[3] == [0, 8]


def test_without_given_voices_chords_that_move_strike():
    found = run([[67, 67, 67, 67], [64] * 4, [60, 60, 62, 62], [48, 48, 43, 43]], [], given=None)
    assert found[0] == [0, 8]
    assert found[3] == [0, 8]


def _rich_piece(piece):
    length = max(n[0] + n[1] for voice in piece["voices"] for n in voice)
    grid = np.full((length, 4), -1)
    attack = np.zeros((length, 4), dtype=bool)
    fermata = np.zeros(length, dtype=np.int64)
    for v, voice in enumerate(piece["voices"]):
        for onset, duration, midi, marked, tied, _ in voice:
            grid[onset : onset + duration, v] = midi
            attack[onset, v] = midi >= 0 and not tied
            if v == 0 and marked:
                fermata[onset : onset + duration] = 1
    beats, unit = map(int, piece["time"][0][1].split("/"))
    meter = TimeSignature(Fraction(0), beats, unit)
    offset = meter.bar_quarter - Fraction(piece["pickup16"], 4)
    strengths = [
        beat_strength((Fraction(t, 4) + offset) % meter.bar_quarter, meter) for t in range(length)
    ]
    return grid, attack, np.array(strengths), fermata


@pytest.mark.parametrize(("lead", "goal"), [(0, 0.987), (3, 0.979), (None, 0.978)])
def test_accuracy_on_validation_chorales(data_dir, lead, goal):
    file = data_dir / "jsb" / "chorales_rich_train_valid.json"
    pieces = [p for p in json.loads(file.read_text())["pieces"] if p["split"] == "valid"]
    wrong = {"rule": 0, "hold": 0, "with lead": 0}
    total = 0
    for piece in pieces:
        grid, attack, strengths, fermata = _rich_piece(piece)
        given = np.zeros(grid.shape, dtype=bool)
        if lead is not None:
            given[:, lead] = True
        found = strike(grid, given, attack & given, strengths, fermata)
        repeats = (grid[1:] == grid[:-1]) & (grid[1:] >= 0) & ~given[1:]
        truth = attack[1:]
        leading = (attack & given)[1:].any(axis=1)[:, None]
        total += int(repeats.sum())
        wrong["rule"] += int(((found[1:] != truth) & repeats).sum())
        wrong["hold"] += int((truth & repeats).sum())
        wrong["with lead"] += int(((leading != truth) & repeats).sum())
    assert 1 - wrong["rule"] / total >= goal
    assert wrong["rule"] < 0.5 * min(wrong["hold"], wrong["with lead"])
