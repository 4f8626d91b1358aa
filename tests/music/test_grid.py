"""Grids: text form, channels, transposition, canonical JSON, scores."""

import json
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partimento.core.errors import DataError, InputFileError
from partimento.music import grid as g
from partimento.music import gridscore
from partimento.music.score import Note, Part, Score, sort_notes

any_grid = arrays(
    np.int64, st.tuples(st.integers(0, 20), st.just(4)), elements=st.integers(-2, 127)
)
full_grid = arrays(
    np.int64, st.tuples(st.integers(1, 30), st.just(4)), elements=st.sampled_from([-1, 48, 60, 61])
)


@given(any_grid)
def test_text_round_trip(cells):
    back = g.text_to_grid(g.grid_to_text(cells))
    assert back.shape == cells.shape
    assert (back == cells).all()


def test_spellings_are_one_pitch():
    assert g.text_to_grid("C4# C#4 Db4 D-4\nO ? C-1 G9").tolist() == [[61] * 4, [-1, -2, 0, 127]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("C4 D4 E4 F4\nC4 D4", "line 2: 2 tokens"),
        ("C4 D4 E4 X4", "line 1: 'X4' is no pitch name"),
        ("C4 D4 E4 A9", "outside the MIDI range"),
    ],
)
def test_wrong_text_names_the_line(text, message):
    with pytest.raises(InputFileError, match=message):
        g.text_to_grid(text)


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.full((2, 4), 0.5), np.full((1, 4), 128)])
def test_check_grid_refuses(bad):
    with pytest.raises(ValueError, match=r"grid holds|grid has"):
        g.check_grid(bad)


@given(st.lists(st.integers(0, 127), max_size=12))
def test_channels_keep_the_top_and_lose_nothing_silently(pitches):
    channels = g.to_channels(pitches)
    sounding = [c for c in channels.cells if c != g.SILENCE]
    assert sounding == sorted(sounding, reverse=True)
    assert set(sounding) | set(channels.dropped) == set(pitches)
    assert len(sounding) == min(4, len(set(pitches)))
    if pitches:
        assert channels.cells[0] == max(pitches)


def test_channels_prefer_new_pitch_classes():
    assert g.to_channels([36, 48, 60, 64, 67, 72]).cells == (72, 67, 64, 36)


@given(full_grid)
def test_score_round_trip(cells):
    report = gridscore.score_to_grid(gridscore.grid_to_score(cells))
    trimmed = cells[: np.flatnonzero((cells >= 0).any(1)).max(initial=-1) + 1]
    assert (report.grid == trimmed).all()
    assert report.dropped_notes == 0 and not report.sentences


def chord_score(pitches, onset=Fraction(0)):
    notes = [Note(onset, Fraction(1), p, "1") for p in pitches]
    return Score((Part("1", "Piano"),), sort_notes(notes))


def test_six_notes_are_reported():
    report = gridscore.score_to_grid(chord_score([40, 52, 56, 59, 64, 68]))
    assert report.grid[0, 0] == 68 and report.grid[0, 3] == 40
    assert report.dropped_notes == 2
    assert report.sentences[0].startswith("2 of 6 notes were dropped")


def test_triplets_are_reported_as_rounded():
    report = gridscore.score_to_grid(chord_score([60], Fraction(1, 3)))
    assert report.grid[:, 0].tolist() == [-1, 60, 60, 60, 60]
    assert "rounded" in report.sentences[0]


def test_unknown_cells_are_no_score():
    with pytest.raises(ValueError, match="unknown cells"):
        gridscore.grid_to_score(np.full((1, 4), g.UNKNOWN))


@given(any_grid, st.integers(-12, 12))
def test_transposition(cells, semitones):
    cells = np.where(cells >= 0, cells.clip(12, 115), cells)
    moved = g.transpose_grid(cells, semitones)
    assert (g.transpose_grid(moved, -semitones) == cells).all()
    assert ((moved < 0) == (cells < 0)).all()


def test_transposition_never_clamps():
    with pytest.raises(ValueError, match="MIDI range"):
        g.transpose_grid(np.array([[1, 60, 60, 60]]), -2)


def test_allowed_transpositions():
    cells = np.array([[79, 60, 55, 40], [62, -1, 55, -2]])
    shifts = g.allowed_transpositions(cells)
    assert shifts == (-2, -1, 0, 1, 2)
    assert g.allowed_transpositions(cells, limit=1) == (-1, 0, 1)


def test_live_tokens():
    live = g.live_tokens([np.array([[60, -1, 50, 40], [62, -1, -2, 40]])])
    assert live == ((60, 62), (-1,), (50,), (40,))


def write(tmp_path, content):
    path = tmp_path / "data.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_load_canonical(tmp_path):
    path = write(tmp_path, {"train": [[[60, 55, 52, 48], [-1, 55.0, 52, 48]]], "test": []})
    (piece,) = g.load_canonical(path, "train")
    assert piece.tolist() == [[60, 55, 52, 48], [-1, 55, 52, 48]]
    assert piece.dtype == np.int64
    assert g.load_canonical(path, "test") == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "no valid JSON"),
        ("[" * 100_000, "no valid JSON"),
        ([1, 2], "not the canonical form"),
        ({"test": []}, "no split 'train'.*has: test"),
        ({"train": {"a": 1}}, "no list of pieces"),
        ({"train": [[]]}, "non-empty list"),
        ({"train": [[[60, 64, 67]]]}, r"frame 0 is \[60, 64, 67\], not four numbers"),
        ({"train": [[[60, 64, 67, 128]]]}, "MIDI pitches 0-127"),
        ({"train": [[[60, 64, 67, True]]]}, "MIDI pitches 0-127"),
        ({"train": [[[60, 64, 67, None]]]}, "MIDI pitches 0-127"),
        ('{"train": [[[60, 64, 67, NaN]]]}', "MIDI pitches 0-127"),
        ('{"train": [[[60, 64, 67, 1e999]]]}', "MIDI pitches 0-127"),
    ],
)
def test_load_canonical_refuses(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        g.load_canonical(write(tmp_path, content), "train")


def test_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        g.load_canonical(tmp_path / "none.json", "train")


def test_canonical_chorales(data_dir):
    pieces = g.load_canonical(data_dir / "jsb" / "jsb16_train_valid.json", "valid")
    assert len(pieces) == 76
    text = g.grid_to_text(pieces[0])
    assert text.splitlines()[0].count(" ") == 3
    outside = [
        (p[:, v] >= 0) & ((p[:, v] < lo) | (p[:, v] > hi))
        for p in pieces
        for v, (lo, hi) in enumerate(g.VOICE_RANGES)
    ]
    assert sum(o.sum() for o in outside) / sum(p.size for p in pieces) < 0.001
