"""Features of clips whose timing, loudness and pedal are known."""

import importlib.util
import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from critique_clips import (
    MELODY,
    Files,
    clip,
    document,
    midi_number,
    note,
    scale_rows,
    some_clips,
    write_played,
)
from partimento.core.errors import InputFileError, MusicError
from partimento.music.critique_cache import FeatureCache
from partimento.music.critique_columns import FEATURE_SETS, needs_score
from partimento.music.critique_features import Standard, cached_features, note_features
from partimento.music.dimensions import NAMES
from partimento.music.performance import read_performance
from partimento.music.performance_raw import SUSTAIN, PedalCurve, read_raw_performance
from partimento.music.score_clock import _increasing

ROOT = Path(__file__).resolve().parents[2]
MELODY_ROWS = [0, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 14, 15, 17, 18, 19]
"""Where the melody's notes stand among the notes of the scale, the low one first in each bar."""


def columns_of(features):
    return dict(zip(features.columns, features.values.T, strict=True))


def played(folder, rows=None, controls=(), name="clip"):
    """The columns of full101 for a performance of the scale, and the rows of its melody."""
    features = note_features(clip(folder, rows, controls, name=name), "full101")
    melody = features.voice == 1
    return columns_of(features), melody


# -- sets -----------------------------------------------------------------------------------------


def test_the_sets_have_their_sizes_and_unique_described_names():
    sizes = {name: len(columns) for name, columns in FEATURE_SETS.items()}
    assert sizes == {"score79": 79, "full101": 101, "performance": 19, "midi": 38}
    groups = [column.group for column in FEATURE_SETS["full101"]]
    assert [groups.count(g) for g in ("score", "performance", "raw", "unnormalised")] == [
        77,
        15,
        4,
        5,
    ]
    for columns in FEATURE_SETS.values():
        assert len({column.name for column in columns}) == len(columns)
        assert all(column.unit and column.definition for column in columns)
    full = {column.name for column in FEATURE_SETS["full101"]}
    assert {column.name for column in FEATURE_SETS["score79"]} < full
    assert [needs_score(name) for name in FEATURE_SETS] == [True, True, True, False]


def test_the_page_of_the_columns_is_current():
    path = ROOT / "docs" / "generate_critique_features.py"
    spec = importlib.util.spec_from_file_location("generate_critique_features", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (ROOT / "docs" / "critique_features.md").read_text(encoding="utf-8")
    assert written == module.page_text(), "run `make docs`"


def test_score_columns_do_not_know_the_performer(tmp_path):
    one = note_features(clip(tmp_path), "score79")
    other = note_features(
        clip(tmp_path, scale_rows([0.3, 0.9, 0.4, 1.2], 0.3), name="b"), "score79"
    )
    assert np.array_equal(one.values, other.values)
    assert one.values.shape == (20, 79) and one.values.dtype == np.float32


def test_known_score_columns(tmp_path):
    columns, melody = played(tmp_path)
    assert columns["midi_pitch"][melody].tolist() == [midi_number(name) for name in MELODY]
    assert columns["pitch_class_c"][melody].sum() == 3
    assert columns["beat_importance"][melody][:4].tolist() == [4, 2, 3, 2]
    assert columns["chord_size"][melody][:4].tolist() == [2, 1, 1, 1]
    assert columns["sounding_notes"][melody][:4].tolist() == [2, 2, 2, 2]
    assert columns["interval_to_next"][melody][:3].tolist() == [2, 2, 1]
    assert columns["interval_from_previous"][melody][:3].tolist() == [0, 2, 2]
    assert columns["score_position"][melody][-1] == 1
    assert set(columns["duration"][~melody]) == {4.0}
    assert set(columns["meter_4"]) == {1.0} and set(columns["in_key"]) == {1.0}
    assert columns["upper_staff"][melody].all() and not columns["upper_staff"][~melody].any()
    assert columns["beat_density"][melody][:2].tolist() == [2, 1]


def test_grace_notes_and_rests_have_their_columns(tmp_path):
    graces = note("E5", grace=True, kind="eighth") + note("F5", grace=True, kind="eighth")
    score = document(note("C5") + note(None) + graces + note("G5", 8, kind="half"))
    rows = [(0, 0.5, 72, 60), (0.9, 0.94, 76, 60), (0.95, 0.99, 77, 60), (1.0, 2.0, 79, 60)]
    columns = columns_of(note_features(clip(tmp_path, rows, score=score), "full101"))
    assert columns["is_grace"].tolist() == [0, 1, 1, 0]
    assert sorted(columns["grace_order"]) == [0, 0, 1, 2]
    assert columns["preceded_by_grace"].tolist() == [0, 0, 0, 1]
    assert columns["following_rest"].tolist() == [1, 0, 0, 0]
    assert np.isfinite(np.stack(list(columns.values()))).all()


# -- performance ----------------------------------------------------------------------------------


def test_tempo_that_doubles_is_one_octave(tmp_path):
    columns, melody = played(tmp_path, scale_rows(beat_sec=[1.0, 1.0, 0.5, 0.5]))
    beat = columns["beat_tempo"][melody]
    assert beat[:8] == pytest.approx(np.log2(60), abs=1e-3)
    assert beat[8:] == pytest.approx(np.log2(120), abs=1e-3)
    assert columns["measure_tempo"][melody][[0, 8]] == pytest.approx(np.log2([60, 120]), abs=1e-3)
    # Fifteen beats between the first and the last onset took 11.5 s.
    assert columns["section_tempo"] == pytest.approx(np.log2(60 * 15 / 11.5), abs=1e-3)


def test_a_late_note_of_a_chord_deviates_by_its_share_of_the_beat(tmp_path):
    shift = np.zeros(16)
    shift[4] = 0.08
    columns, melody = played(tmp_path, scale_rows(0.5, shift=shift))
    deviation = columns["onset_deviation"]
    # The chord's place is the median of its onsets: one is 0.04 s late, one as much early.
    assert deviation[melody][4] == pytest.approx(0.04 / 0.46, abs=1e-3)
    assert deviation[~melody][1] == pytest.approx(-0.04 / 0.46, abs=1e-3)
    assert np.abs(deviation[melody][[0, 1, 2, 8, 9]]).max() < 1e-3


def test_held_half_as_long_is_one_octave_of_articulation(tmp_path):
    legato, melody = played(tmp_path, scale_rows(held=1.0))
    short, _ = played(tmp_path, scale_rows(held=0.5), name="b")
    assert legato["articulation"][melody] == pytest.approx(0, abs=0.01)
    assert short["articulation"][melody] == pytest.approx(-1, abs=0.01)
    assert short["raw_duration"][melody] == pytest.approx(0.25, abs=0.002)


def test_articulation_leaves_the_pedal_aside(tmp_path):
    down = [(0.0, 64, 127)]
    short, melody = played(tmp_path, scale_rows(held=0.5), down)
    assert short["articulation"][melody] == pytest.approx(-1, abs=0.01)


def test_pedals_at_onset_end_and_between(tmp_path):
    # Down until 0.6 s, up for 0.1 s inside the second note, half down from 2 s on, soft from 4 s.
    controls = [(0, 64, 127), (0.6, 64, 0), (0.7, 64, 127), (1.8, 64, 0), (2, 64, 64), (4, 67, 127)]
    columns, melody = played(tmp_path, scale_rows(0.5, held=0.9), controls)
    at = {name: columns[name][melody] for name in columns}
    assert at["pedal_at_start"][:5] == pytest.approx([1, 1, 1, 1, 64 / 127])
    assert at["pedal_refresh"][:4] == pytest.approx([1, 0, 1, 0])
    assert at["pedal_refresh_time"][1] == pytest.approx(0.1, abs=1e-3)
    assert at["pedal_at_end"][:4] == pytest.approx([1, 1, 1, 0])
    assert at["pedal_cut"][0] == 0 and at["pedal_cut_time"][0] == pytest.approx(0.15, abs=2e-3)
    assert at["soft_pedal"].tolist() == [0] * 8 + [1] * 8


def test_velocities_and_their_means(tmp_path):
    rows = scale_rows(velocity=50)
    rows[1] = (*rows[1][:3], 90)
    columns, melody = played(tmp_path, rows)
    assert columns["velocity"][melody][:3].tolist() == [50, 90, 50]
    assert columns["beat_dynamics"][melody][:3].tolist() == [50, 90, 50]
    assert columns["measure_dynamics"][melody][0] == pytest.approx(58)
    assert np.array_equal(columns["raw_velocity"], columns["velocity"])


def test_a_note_left_out_has_what_its_beat_lets_expect(tmp_path):
    rows = scale_rows(velocity=50)
    del rows[5]
    features = note_features(clip(tmp_path, rows), "full101")
    columns, melody = columns_of(features), features.voice == 1
    gap = np.isnan(features.onset_sec)
    assert gap.sum() == 1 and features.score_match == pytest.approx(0.95)
    assert columns["raw_onset"][gap] == pytest.approx(2.5, abs=1e-3)
    assert columns["raw_duration"][gap] == pytest.approx(0.5, abs=1e-3)
    assert columns["velocity"][gap].tolist() == [50]
    assert columns["onset_deviation"][gap].tolist() == [0]
    assert columns["articulation"][gap].tolist() == [0]
    assert melody[gap].all() and np.isfinite(features.values).all()


def test_performance_is_a_part_of_full101(tmp_path):
    files = clip(tmp_path, scale_rows([0.4, 0.5, 0.6, 0.7], 0.8))
    whole, part = note_features(files, "full101"), note_features(files, "performance")
    places = [whole.columns.index(name) for name in part.columns]
    assert np.array_equal(whole.values[:, places], part.values)


# -- without a score ------------------------------------------------------------------------------


def test_midi_features_need_no_score(tmp_path):
    rows = [(0, 0.4, 60, 40), (0.02, 0.5, 64, 60), (1.0, 1.25, 67, 80)]
    path = write_played(tmp_path / "a.mid", rows, [(0.9, 64, 127), (1.1, 67, 64)], start=1.5)
    features = note_features(Files(path), "midi")
    columns = columns_of(features)
    assert columns["notes_in_chord"].tolist() == [2, 2, 1]
    assert columns["chord_spread"] == pytest.approx([0.02, 0.02, 0], abs=1e-6)
    assert columns["gap_after"] == pytest.approx([0, 0, 0], abs=1e-6)
    assert columns["legato"][:2] == pytest.approx(np.log2([0.4, 0.48]), abs=1e-3)
    assert columns["key_duration"][2] == pytest.approx(-2)
    assert columns["velocity_change"].tolist() == [0, 20, 20]
    assert columns["highest_of_chord"].tolist() == [0, 1, 1]
    assert columns["sustain_at_start"].tolist() == [0, 0, 1]
    assert columns["sustain_at_end"].tolist() == [0, 0, 1]
    assert features.beat.tolist() == [0, 0, 2] and features.measure.tolist() == [0, 0, 0]
    assert features.score_match == 1.0
    assert np.array_equal(features.onset_sec, read_performance(path).onset_sec)


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 8000), st.integers(1, 3000), st.integers(0, 127), st.integers(1, 127)
        ),
        min_size=1,
        max_size=25,
    ),
    controls=st.lists(
        st.tuples(st.integers(0, 9000), st.sampled_from([64, 66, 67]), st.integers(0, 127)),
        max_size=12,
    ),
)
@settings(max_examples=40, deadline=None)
def test_midi_features_are_finite_for_any_notes(tmp_path_factory, rows, controls):
    path = tmp_path_factory.mktemp("any") / "any.mid"
    spans = [(t / 1000, (t + d) / 1000, p, v) for t, d, p, v in rows]
    write_played(path, spans, [(t / 1000, number, value) for t, number, value in controls])
    raw = read_raw_performance(path)
    features = note_features(Files(path), "midi")
    assert features.values.shape == (len(raw), 38) and np.isfinite(features.values).all()
    assert (raw.key_up_sec <= raw.performance.offset_sec + 1e-9).all()
    assert (np.diff(features.beat) >= 0).all()


def test_sets_with_a_score_say_when_it_is_missing(tmp_path):
    path = write_played(tmp_path / "a.mid", scale_rows())
    with pytest.raises(MusicError, match="needs the score"):
        note_features(Files(path), "full101")
    with pytest.raises(ValueError, match="no feature set"):
        note_features(Files(path), "full102")
    empty = write_played(tmp_path / "b.mid", [], [(0, 64, 1)])
    with pytest.raises(MusicError, match="no notes"):
        note_features(Files(empty), "midi")
    with pytest.raises(InputFileError, match=r"c\.mid"):
        note_features(Files(tmp_path / "c.mid"), "midi")
    from_midi = note_features(Files(path, None, path), "score79")
    assert from_midi.values.shape == (20, 79)


# -- parts ----------------------------------------------------------------------------------------


def test_the_least_depth_of_a_pedal():
    curve = PedalCurve(np.array([1.0, 2.0, 3.0, 3.5]), np.array([1.0, 0.2, 0.6, 0.2]))
    assert curve.at(np.array([0.5, 1.0, 2.5])).tolist() == [0, 1, 0.2]
    depth, when = curve.lowest(np.array([1.5, 1.5, 0.5]), np.array([1.9, 9.0, 9.0]))
    assert depth.tolist() == [1, 0.2, 0] and when.tolist() == [1.5, 2.0, 0.5]


def test_raw_performances_keep_the_key_and_the_pedal_apart(tmp_path):
    rows = [(0, 0.5, 60, 60), (1, 1.5, 62, 60)]
    path = write_played(tmp_path / "a.mid", rows, [(0.2, 64, 100), (0.8, 64, 0)])
    raw = read_raw_performance(path)
    assert raw.key_up_sec.tolist() == [0.5, 1.5]
    assert raw.performance.offset_sec.tolist() == [0.8, 1.5]
    assert raw.pedals[SUSTAIN].time_sec.tolist() == [0.2, 0.8]


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12))
def test_the_longest_chain_increases_and_none_is_longer(values):
    chain = _increasing(np.array(values, dtype=float))
    kept = [values[i] for i in chain]
    assert all(a < b for a, b in pairwise(kept))
    best = [1] * len(values)
    for i, value in enumerate(values):
        best[i] = 1 + max((best[j] for j in range(i) if values[j] < value), default=0)
    assert len(kept) == max(best)


def test_statistics_come_from_the_training_clips_and_leave_some_columns(tmp_path):
    train = [
        note_features(clip(tmp_path, scale_rows(b), name=f"{b}"), "full101") for b in (0.4, 0.6)
    ]
    standard = Standard.fit(train)
    done = np.concatenate([standard.apply(one).values for one in train])
    place = {name: i for i, name in enumerate(standard.columns)}
    assert done[:, place["beat_tempo"]].mean() == pytest.approx(0, abs=1e-5)
    assert done[:, place["beat_tempo"]].std() == pytest.approx(1, abs=1e-4)
    assert not done[:, place["meter_4"]].any()
    free = place["duration_unnorm"]
    assert np.array_equal(standard.apply(train[0]).values[:, free], train[0].values[:, free])
    far = replace(train[0], values=train[0].values + np.float32(1e6))
    assert np.abs(standard.apply(far).values[:, place["velocity"]]).max() <= 8
    with pytest.raises(ValueError, match="one feature set"):
        Standard.fit([])
    with pytest.raises(ValueError, match="other columns"):
        standard.apply(note_features(clip(tmp_path), "midi"))


def test_the_cache_follows_the_content(tmp_path):
    files = [clip(tmp_path, name="a"), clip(tmp_path, scale_rows(0.4), name="b")]
    folder, seen = tmp_path / "cache", []
    first = cached_features(files, "full101", folder, lambda done, of: seen.append((done, of)))
    assert seen == [(1, 2), (2, 2)] and len(list(folder.iterdir())) == 2
    for path in folder.iterdir():
        path.touch()
    again = cached_features(files, "full101", folder)
    assert all(
        np.array_equal(a.values, b.values) and a.columns == b.columns and a.score_match == 1.0
        for a, b in zip(first, again, strict=True)
    )
    write_played(files[0].performance, scale_rows(0.7))
    changed = cached_features(files, "full101", folder)
    assert not np.array_equal(changed[0].values, first[0].values)
    assert len(list(folder.iterdir())) == 3
    damaged = FeatureCache(folder)
    key = damaged.key(files[1], "full101")
    (folder / f"{key}.features.npz").write_bytes(b"PK\x03\x04 nothing")
    assert damaged.load(key) is None
    assert np.array_equal(cached_features(files, "full101", folder)[1].values, first[1].values)
    FeatureCache(folder, max_bytes=1).trim()
    assert not list(folder.iterdir())


def test_labels_point_where_the_features_say(data_dir, tmp_path):
    """Tempo is high for SLOW clips; pedal and loudness are high for much of both."""
    labels = json.loads((data_dir / "percepiano" / "labels_mean.json").read_text())
    found = some_clips(data_dir, tmp_path, every=14)
    wanted = np.array([labels[key][:19] for key, _ in found])
    clips = [note_features(files, "midi") for _, files in found]
    means = {
        name: np.array([columns_of(c)[name].mean() for c in clips]) for name in clips[0].columns
    }

    def relation(feature, dimension):
        return spearmanr(means[feature], wanted[:, NAMES.index(dimension)])[0]

    assert relation("note_density", "tempo") < -0.4
    assert relation("sustain_at_start", "pedal_amount") > 0.4
    assert relation("played_velocity", "timbre_loudness") > 0.3
    assert relation("sustain_cut", "pedal_clarity") > 0.4
