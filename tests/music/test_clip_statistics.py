"""Statistics against a score, and of clips without one of their bars."""

import numpy as np
import pytest

from critique_clips import clip, scale_rows
from partimento.music.clip_statistics import (
    clip_statistics,
    performance_names,
    read_clip,
    statistic_names,
    without_each_part,
)


def found(files, *, score=True):
    read = read_clip(files.performance, files.score if score else None)
    return clip_statistics(read.raw, read.alignment)


def test_names_are_fixed_and_the_score_only_adds(tmp_path):
    files = clip(tmp_path)
    whole, alone = found(files), found(files, score=False)
    assert tuple(whole) == tuple(alone) == statistic_names()
    own = performance_names()
    assert statistic_names()[: len(own)] == own
    assert all(whole[name] == alone[name] for name in own)
    assert all(np.isnan(alone[name]) for name in statistic_names()[len(own) :])
    assert sum(np.isnan(value) for value in whole.values()) <= 10


def test_tempo_is_measured_in_quarters(tmp_path):
    slow = found(clip(tmp_path, scale_rows(beat_sec=0.5)))
    fast = found(clip(tmp_path, scale_rows(beat_sec=0.25), name="fast"))
    assert slow["curve.log_tempo"] == pytest.approx(np.log(2), abs=0.01)
    assert fast["curve.log_tempo"] == pytest.approx(np.log(4), abs=0.01)
    assert slow["curve.one_sd"] == pytest.approx(0, abs=0.01)
    assert slow["together.spread_mean"] == pytest.approx(0, abs=1e-3)


def test_a_ritardando_bends_the_curve(tmp_path):
    later = found(clip(tmp_path, scale_rows(beat_sec=[0.4, 0.45, 0.55, 0.7])))
    assert later["curve.one_slope"] < -0.1 and later["curve.one_sd"] > 0.1
    earlier = found(clip(tmp_path, scale_rows(beat_sec=[0.7, 0.55, 0.45, 0.4]), name="b"))
    assert earlier["curve.one_slope"] > 0.1


def test_held_time_against_written_time(tmp_path):
    whole = found(clip(tmp_path, scale_rows(held=1.0)))
    short = found(clip(tmp_path, scale_rows(held=0.5), name="short"))
    difference = whole["written_length.log_ratio_p50"] - short["written_length.log_ratio_p50"]
    assert difference == pytest.approx(np.log(2), abs=0.05)


def test_a_score_of_another_piece_is_left_out(tmp_path):
    rng = np.random.default_rng(3)
    rows = [(k * 0.3, k * 0.3 + 0.2, int(rng.integers(30, 50)), 64) for k in range(40)]
    files = clip(tmp_path, rows)
    read = read_clip(files.performance, files.score)
    assert read.alignment is None and read.score_match < 0.7
    assert any("not used" in warning for warning in read.warnings)


def test_without_a_bar_the_clip_is_as_if_it_had_never_been(tmp_path):
    """The bar that is played twice as slow: without it the tempo is that of the other bars."""
    files = clip(tmp_path, scale_rows(beat_sec=[0.5, 0.5, 1.0, 0.5]))
    read = read_clip(files.performance, files.score)
    values, names = without_each_part(read)
    assert names[:2] == ["bar 1 (0.0-2.0 s)", "bar 2 (2.0-4.0 s)"] and len(names) == 4
    tempo = values[:, statistic_names().index("curve.log_tempo")]
    assert tempo[2] == pytest.approx(np.log(2), abs=0.06)
    assert tempo[0] < np.log(2) - 0.2
    jitter = values[:, statistic_names().index("tempo.log_gap_sd")]
    assert jitter[2] < 0.1 * jitter[0]


def test_without_a_score_parts_are_two_seconds(tmp_path):
    files = clip(tmp_path)
    values, names = without_each_part(read_clip(files.performance))
    assert names[0] == "seconds 0 to 2" and len(names) == 4
    whole = found(files, score=False)
    speed = statistic_names().index("tempo.log_gap_p50")
    assert np.allclose(values[:, speed], whole["tempo.log_gap_p50"], atol=0.02)
