from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from partimento.core.errors import MusicError
from partimento.music.grid import VOICE_RANGES
from partimento.music.ranges import TOLERANCE_SEMITONES, fit_octave
from partimento.music.score import Note


def voice(*pitches: int) -> list[Note]:
    return [Note(Fraction(i), Fraction(1), p, "P0") for i, p in enumerate(pitches)]


def test_melody_in_range_stays():
    fit = fit_octave([voice(60, 81, 58, 83), [], [], []])
    assert fit.shift_semitones == 0 and fit.sentences == ()


@pytest.mark.parametrize("octaves", [-3, -2, -1, 1, 2])
def test_melody_in_another_octave_is_moved_and_told(octaves):
    pitches = [p - 12 * octaves for p in (64, 71, 76)]
    fit = fit_octave([voice(*pitches), [], [], []])
    assert fit.shift_semitones == 12 * octaves
    assert "lies outside its range" in fit.sentences[0]


def test_the_bass_is_measured_as_a_bass():
    assert fit_octave([[], [], [], voice(40, 45, 52)]).shift_semitones == 0


def test_a_few_stray_notes_are_kept_and_folded_in_the_grid_only():
    fit = fit_octave([voice(*[70] * 40, 92), [], [], []])
    assert fit.shift_semitones == 0
    assert "1 notes" in fit.sentences[0]
    assert fit.cell(92, 0) == 80


def test_melody_between_octaves_gets_a_transposition_that_works():
    with pytest.raises(MusicError, match=r"Transpose it (up|down) by") as caught:
        fit_octave([voice(*range(50, 76)), [], [], []])
    semitones = int(str(caught.value).split(" by ")[-1].split()[0])
    sign = 1 if "up" in str(caught.value) else -1
    assert fit_octave([voice(*(p + sign * semitones for p in range(50, 76))), [], [], []])


def test_too_wide_melody_is_refused():
    with pytest.raises(MusicError, match="too wide"):
        fit_octave([voice(36, 96, 36, 96), [], [], []])


def test_grid_cells_always_lie_near_the_range():
    rng = np.random.default_rng(2)
    fit = fit_octave([voice(70), [], [], []])
    for midi in rng.integers(0, 128, 100):
        for v, (low, high) in enumerate(VOICE_RANGES):
            cell = fit.cell(int(midi), v)
            assert low - TOLERANCE_SEMITONES <= cell <= high + TOLERANCE_SEMITONES
            assert (cell - midi) % 12 == 0


def test_a_melody_far_too_low_is_refused_with_the_way_out():
    with pytest.raises(MusicError, match="Transpose it up by"):
        fit_octave([voice(20, 24, 27), [], [], []])


def test_a_bass_taken_for_a_melody_gets_a_hint():
    assert fit_octave([voice(43, 48, 50), [], [], []]).sentences[0].endswith("say --voices B")
