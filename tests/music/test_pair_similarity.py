"""Similarity of pairs of files, and the mood of a piece."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import ConfigError
from partimento.music.barpiece import METERS, bar_piece
from partimento.music.mood import AROUSAL_ACCURACY, VALENCE_ACCURACY, mode_margin, mood
from partimento.music.pair_similarity import (
    WEIGHTS,
    evaluate_pair,
    meter_similarity,
    pair_similarity,
    parse_weights,
    similarity_level,
)


def random_piece(seed, meter="4/4", bars=8, tempo=100.0):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 120))
    length = bar_piece(*[np.zeros(1, int)] * 5, meter=meter).bar_ticks * bars
    return bar_piece(
        rng.integers(0, length, n),
        rng.integers(1, 48, n),
        rng.integers(30, 90, n),
        rng.integers(1, 128, n),
        rng.integers(0, 3, n),
        meter=meter,
        bars=bars,
        tempo_bpm=tempo,
    )


def line(pitches, step=24, tempo=120.0, velocity=80):
    n = len(pitches)
    return bar_piece(
        np.arange(n) * step,
        np.full(n, step),
        np.array(pitches),
        np.full(n, velocity),
        np.zeros(n, int),
        meter="4/4",
        tempo_bpm=tempo,
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(METERS),
    st.sampled_from(METERS),
    st.floats(10, 400),
)
def test_measures_are_bounded_symmetric_and_one_for_equals(one, two, meter, other, tempo):
    a, b = random_piece(one, meter), random_piece(two, other, bars=5, tempo=tempo)
    found, back = pair_similarity(a, b), pair_similarity(b, a)
    assert found.measures == pytest.approx(back.measures)
    assert all(0.0 <= v <= 1.0 + 1e-9 for v in (*found.measures.values(), found.total))
    same = pair_similarity(a, a)
    assert same.measures == pytest.approx(dict.fromkeys(WEIGHTS, 1.0))
    assert same.total == pytest.approx(1.0) and same.level == "excellent"


def test_each_change_moves_its_measure_alone():
    piece = random_piece(3)
    changes = {
        "velocity": replace(piece, velocity=np.maximum(1, piece.velocity // 3)),
        "range": replace(piece, pitch=piece.pitch + 24),
        "tempo": replace(piece, tempo_bpm=150.0),
        "meter": replace(piece, meter="2/2"),
        "density": piece.select(np.arange(0, len(piece), 1)[: len(piece) // 2]),
    }
    for name, other in changes.items():
        found = pair_similarity(piece, other).measures
        assert found[name] < 0.9, name
        if name != "density":
            rest = {k: v for k, v in found.items() if k != name}
            assert rest == pytest.approx(dict.fromkeys(rest, 1.0)), name


def test_formulas_by_hand():
    base, half = line([60] * 32), line([60] * 16, step=48)
    # One note a quarter against half of one, half a note added to both: 1 / 1.5.
    assert pair_similarity(base, half).measures["density"] == pytest.approx(1.0 / 1.5)
    fast = replace(base, tempo_bpm=240.0)
    assert pair_similarity(base, fast).measures["tempo"] == pytest.approx(0.25)
    # Spans 59.5 to 60.5 and 59.5 to 62.5: one semitone of three.
    wide = line([60, 62] * 16)
    assert pair_similarity(base, wide).measures["range"] == pytest.approx(1 / 3)
    louder, next_bin = replace(base, velocity=base.velocity + 40), base.velocity + 8
    assert pair_similarity(base, louder).measures["velocity"] == 0.0
    assert pair_similarity(base, replace(base, velocity=next_bin)).measures[
        "velocity"
    ] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [("4/4", "2/2", 0.75), ("2/4", "4/4", 0.5), ("6/8", "12/8", 0.5), ("3/4", "6/8", 0.25),
     ("3/4", "3/8", 0.5), ("4/4", "3/4", 0.0), ("5/4", "7/8", 0.0), ("5/4", "5/8", 0.5),
     ("6/8", "6/4", 0.5), ("4/4", "6/8", 0.0)],
)  # fmt: skip
def test_meters(one, other, value):
    assert meter_similarity(one, other) == meter_similarity(other, one) == value


def test_weights_are_scaled_and_bad_ones_refused():
    a, b = random_piece(1), random_piece(2, tempo=60.0)
    only = dict.fromkeys(WEIGHTS, 0.0) | {"tempo": 3.0}
    found = pair_similarity(a, b, only)
    assert found.total == pytest.approx(found.measures["tempo"])
    assert sum(pair_similarity(a, b, {"range": 5.0}).weights.values()) == pytest.approx(1.0)
    for bad in ({"timbre": 1.0}, {"tempo": -1.0}, dict.fromkeys(WEIGHTS, 0.0)):
        with pytest.raises(ConfigError):
            pair_similarity(a, b, bad)
    with pytest.raises(ValueError, match="without notes"):
        pair_similarity(a, a.select(np.array([], dtype=int)))


def test_weights_from_text():
    assert parse_weights(["density=0.5, tempo=1", "range=0"]) == {
        "density": 0.5,
        "tempo": 1.0,
        "range": 0.0,
    }
    for bad in ("density", "density=x", "tempo=-1", "tempo=nan", "tempo=inf", "swing=1", ""):
        with pytest.raises(ConfigError, match="no weight"):
            parse_weights([bad])


def test_levels_follow_their_floors():
    values = {"excellent": 0.9, "good": 0.899, "fair": 0.799, "poor": 0.649}
    assert {level: similarity_level(v) for level, v in values.items()} == {k: k for k in values}


def test_files_are_compared(tmp_path):
    symusic = pytest.importorskip("symusic")

    def write(name, tempo, program=0, drums=False):
        score = symusic.Score(480)
        score.tempos.append(symusic.Tempo(0, tempo))
        track = symusic.Track(program=program, is_drum=drums)
        for i in range(32):
            track.notes.append(symusic.Note(480 * i, 480, 60 + i % 5, 80))
        score.tracks.append(track)
        (tmp_path / name).write_bytes(score.dumps_midi())
        return tmp_path / name

    one, two = write("a.mid", 100), write("b.mid", 200)
    report = evaluate_pair(one, two)
    assert report["measures"]["tempo"]["value"] == pytest.approx(0.25, abs=1e-3)
    assert report["measures"]["tempo"]["level"] == "poor"
    assert report["total"] == pytest.approx(0.85, abs=1e-3) and report["level"] == "good"
    assert report["generated"] == str(one) and report["reference"] == str(two)


def test_mood_hedges_valence():
    major = line([60, 64, 67, 72, 65, 69, 71, 62, 67, 60] * 4, step=12, tempo=180.0)
    minor = line([57, 60, 64, 69, 62, 65, 68, 59, 64, 57] * 4, tempo=40.0)
    bright, sad = mood(major), mood(minor)
    assert (bright.valence, bright.arousal) == ("high", "high")
    assert (sad.valence, sad.arousal) == ("low", "low")
    assert mode_margin(major) > 0 > mode_margin(minor)
    for found in (bright, sad):
        assert 0.5 < found.confidence <= VALENCE_ACCURACY
        assert 0.5 <= found.arousal_confidence <= AROUSAL_ACCURACY
    chromatic = mood(line(list(range(48, 72)) * 3))
    assert chromatic.valence is None and chromatic.confidence == pytest.approx(0.5)
    guessed = mood(replace(major, tempo_stated=False))
    assert guessed.arousal_confidence == 0.5 and guessed.to_dict()["valence"] == "high"
    with pytest.raises(ValueError, match="no mood"):
        mood(major.select(np.array([], dtype=int)))
