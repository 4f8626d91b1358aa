"""Statistics of made performances whose values are known."""

import numpy as np
import pytest

from critique_clips import scale_rows, write_played
from partimento.core.errors import MusicError
from partimento.music.performance_raw import read_raw_performance
from partimento.music.performance_statistics import performance_statistics


def statistics(folder, rows, controls=(), name="clip.mid"):
    write_played(folder / name, rows, controls)
    return performance_statistics(read_raw_performance(folder / name))


def line(count=20, gap=0.5, held=0.4, velocity=64):
    """Single notes going up by a semitone."""
    return [(k * gap, k * gap + held, 60 + k % 12, velocity) for k in range(count)]


def test_a_mechanical_line_has_the_values_that_it_must_have(tmp_path):
    found = statistics(tmp_path, line())
    assert found["tempo.log_gap_mean"] == pytest.approx(np.log(0.5), abs=1e-3)
    assert found["timing.gap_change_mean"] == pytest.approx(0.0, abs=1e-2)
    assert found["articulation.log_held_p50"] == pytest.approx(np.log(0.4), abs=1e-2)
    assert found["articulation.log_ratio_mean"] == pytest.approx(np.log(0.8), abs=1e-2)
    assert found["loudness.velocity_mean"] == 64 and found["loudness.range"] == 0
    assert found["texture.chord_size"] == 1
    assert found["sound.keys_down_mean"] == pytest.approx(0.8, abs=0.03)
    assert found["pedal.sustain_down_share"] == 0 and found["pedal.presses_per_sec"] == 0


def test_twice_as_fast_is_twice_as_fast(tmp_path):
    slow = statistics(tmp_path, line())
    fast = statistics(tmp_path, line(gap=0.25, held=0.2), name="fast.mid")
    for name in ("tempo.log_notes_per_sec", "tempo.log_chords_per_sec"):
        assert fast[name] - slow[name] == pytest.approx(np.log(2), abs=1e-3)
    assert fast["articulation.log_ratio_mean"] == pytest.approx(
        slow["articulation.log_ratio_mean"], abs=0.02
    )


def test_pedal_down_half_of_the_time(tmp_path):
    presses = [
        (k * 1.0 + shift, 64, value) for k in range(10) for shift, value in ((0, 127), (0.5, 0))
    ]
    found = statistics(tmp_path, line(), presses)
    assert found["pedal.sustain_down_share"] == pytest.approx(0.5, abs=0.03)
    assert found["pedal.sustain_mean"] == pytest.approx(0.5, abs=0.03)
    assert found["pedal.presses_per_sec"] == pytest.approx(1.0, abs=0.12)
    assert found["pedal.soft_down_share"] == 0


def test_the_top_of_a_chord_against_the_rest(tmp_path):
    rows = [
        (k * 0.5, k * 0.5 + 0.4, pitch, velocity)
        for k in range(10)
        for pitch, velocity in ((48, 40), (55, 50), (72, 90))
    ]
    found = statistics(tmp_path, rows)
    assert found["voicing.top_minus_rest"] == pytest.approx(45)
    assert found["voicing.top_minus_bottom"] == pytest.approx(50)
    assert found["voicing.treble_minus_bass"] == pytest.approx(50)
    assert found["voicing.within_chord_sd"] == pytest.approx(np.std([40, 50, 90]))
    assert found["texture.chord_size"] == 3


def test_the_same_names_whatever_is_played_and_all_finite(tmp_path):
    rng = np.random.default_rng(0)
    first = statistics(tmp_path, line())
    for seed in range(5):
        count = int(rng.integers(8, 60))
        start = np.sort(rng.uniform(0, 10, count))
        rows = [
            (float(t), float(t + rng.uniform(0.03, 2)), int(rng.integers(21, 109)),
             int(rng.integers(1, 128)))
            for t in start
        ]  # fmt: skip
        found = statistics(tmp_path, rows, name=f"{seed}.mid")
        assert list(found) == list(first)
        assert all(np.isfinite(value) for value in found.values())


def test_too_little_and_too_much_is_refused(tmp_path):
    with pytest.raises(MusicError, match="7 notes are too few"):
        statistics(tmp_path, line(count=7))
    with pytest.raises(MusicError, match=r"lasts 2[45] minutes"):
        statistics(tmp_path, [*line(), (1490.0, 1491.0, 60, 64)], name="long.mid")


def test_a_louder_scale_is_louder_in_every_velocity(tmp_path):
    quiet = statistics(tmp_path, scale_rows(velocity=40))
    loud = statistics(tmp_path, scale_rows(velocity=100), name="loud.mid")
    for name in quiet:
        if name.startswith("loudness.velocity_") and not name.endswith("_sd"):
            assert loud[name] - quiet[name] == pytest.approx(60)
