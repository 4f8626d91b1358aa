from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.music import theory
from partimento.music.fermatas import align, fermatas_for, rich_grid
from partimento.music.grid import load_canonical
from partimento.music.grid_measures import measure_grids, still_ends


def grid(*slices: list[int], hold: int = 4) -> np.ndarray:
    """Each slice held for ``hold`` frames."""
    return np.repeat(np.array(slices), hold, axis=0)


def test_each_measure_on_a_small_example() -> None:
    piece = grid([67, 64, 55, 48], [69, 64, 60, 50], [71, 55, 59, 43])
    found = measure_grids([piece])
    assert found["parallel_fifths"] == {"count": 1, "of": 2, "rate": 50.0}
    assert found["crossing"] == {"count": 4, "of": 12, "rate": 100 / 3}
    assert found["spacing"]["count"] == 4
    assert found["on_beat_other"] == {"count": 1, "of": 3, "rate": 100 / 3}
    assert found["on_beat_class_open_triad"]["count"] == 1
    assert found["parallel_octaves"]["count"] == 0


def test_octaves_contrary_direct_and_overlap() -> None:
    octaves = grid([72, 67, 64, 48], [74, 67, 59, 50])
    assert measure_grids([octaves])["parallel_octaves"]["count"] == 1
    contrary = grid([67, 62, 59, 55], [72, 64, 55, 48])
    found = measure_grids([contrary])
    assert found["contrary_octaves"]["count"] == found["contrary"]["count"] == 1
    direct = grid([64, 60, 55, 48], [69, 65, 57, 50])
    assert measure_grids([direct])["direct_fifths"]["count"] == 1
    overlapping = grid([72, 64, 60, 48], [72, 69, 65, 53])
    assert measure_grids([overlapping])["overlap"]["count"] == 1


def test_silence_is_no_motion_and_no_chord() -> None:
    piece = grid([67, 64, 55, 48], [-1, -1, -1, -1], [69, 64, 60, 50])
    found = measure_grids([piece])
    assert found["parallel_fifths"] == {"count": 0, "of": 2, "rate": 0.0}
    assert found["on_beat_other"]["of"] == 2
    assert found["crossing"]["of"] == 8


def test_pieces_do_not_touch_each_other() -> None:
    first, second = grid([67, 64, 55, 48]), grid([69, 64, 60, 50])
    found = measure_grids([first, second])
    assert found["parallel_fifths"]["of"] == 0
    assert found["parallel_fifths"]["rate"] == 0.0


def test_range_counts_notes_not_frames() -> None:
    found = measure_grids([grid([90, 64, 55, 48], [91, 64, 55, 30], hold=8)])
    assert found["range"] == {"count": 3, "of": 6, "rate": 50.0}


def test_fermatas_look_at_the_last_frame() -> None:
    piece = grid([67, 65, 55, 48], [67, 64, 55, 48], [72, 67, 64, 52])
    mark = np.zeros(12, dtype=bool)
    mark[:8] = True
    found = measure_grids([piece, piece], [mark, None])
    assert found["root_at_fermata"] == {"count": 1, "of": 1, "rate": 100.0}
    mark[8:] = True
    assert measure_grids([piece], [mark])["root_at_fermata"]["count"] == 0


def test_still_slices_are_phrase_ends() -> None:
    piece = np.concatenate([grid([67, 64, 55, 48]), grid([69, 65, 57, 53], hold=8), grid([1] * 4)])
    assert still_ends(piece).tolist() == [11, 15]
    assert still_ends(np.zeros((0, 4), int)).tolist() == []


def test_empty_and_wrong_input() -> None:
    assert measure_grids([])["parallel_fifths"] == {"count": 0, "of": 0, "rate": 0.0}
    assert measure_grids([np.zeros((0, 4), int)])["range"]["of"] == 0
    with pytest.raises(ValueError, match="shape"):
        measure_grids([np.zeros((4, 3), int)])
    with pytest.raises(ValueError, match="fermata"):
        measure_grids([grid([60] * 4)], [])


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_motion_agrees_with_a_slow_count(seed: int) -> None:
    generator = np.random.default_rng(seed)
    piece = generator.integers(-1, 14, size=(30, 4))
    piece = np.where(piece >= 0, piece + 55, -1)
    found = measure_grids([piece])
    slow = {"parallel_fifths": 0, "parallel_octaves": 0, "contrary_fifths": 0}
    for before, after in zip(piece.tolist(), piece[1:].tolist(), strict=False):
        for a in range(4):
            for b in range(a + 1, 4):
                notes = (before[a], before[b], after[a], after[b])
                if min(notes) < 0:
                    continue
                slow["parallel_fifths"] += bool(theory.parallel(*notes, 7))
                slow["parallel_octaves"] += bool(theory.parallel(*notes, 0))
                slow["contrary_fifths"] += bool(theory.contrary(*notes, 7))
    assert {name: found[name]["count"] for name in slow} == slow


def test_alignment_finds_unfolded_repeats_and_transposition() -> None:
    generator = np.random.default_rng(3)
    source = np.repeat(generator.integers(50, 80, size=(30, 4)), 4, axis=0)
    unfolded = np.concatenate([source[:60], source[:60], source[60:]]) + 2
    place, agreement = align(unfolded, source)
    expected = np.concatenate([np.arange(60), np.arange(60), np.arange(60, 120)])
    assert (place == expected).mean() > 0.8
    assert agreement.min() > 0.4
    assert agreement[20:40].min() == 1.0


@pytest.fixture(scope="module")
def jsb(data_dir: Path) -> Path:
    return data_dir / "jsb"


def test_figures_of_bach(jsb: Path) -> None:
    """The figures that generated chorales are compared with, measured the same way."""
    rich = json.loads((jsb / "chorales_rich_train_valid.json").read_text())["pieces"]
    grids = load_canonical(jsb / "jsb16_train_valid.json", "valid")
    marks = fermatas_for(grids, "valid", rich)
    assert sum(m is not None for m in marks) >= 70
    rate = {name: m["rate"] for name, m in measure_grids(grids, marks).items()}
    assert 0.15 <= rate["parallel_fifths"] <= 0.23
    assert 0.05 <= rate["parallel_octaves"] <= 0.15
    assert rate["contrary"] == pytest.approx(0.3, abs=0.05)
    assert rate["on_beat_other"] == pytest.approx(12, abs=0.5)
    assert 2 <= rate["crossing"] <= 3
    assert 1.1 <= rate["spacing"] <= 1.6
    assert rate["root_at_fermata"] == pytest.approx(98.9, abs=0.8)


def test_training_part_has_the_same_figures(jsb: Path) -> None:
    grids = load_canonical(jsb / "jsb16_train_valid.json", "train")
    rate = {name: m["rate"] for name, m in measure_grids(grids).items()}
    assert 0.15 <= rate["parallel_fifths"] <= 0.23
    assert 0.05 <= rate["parallel_octaves"] <= 0.15
    assert rate["contrary"] == pytest.approx(0.3, abs=0.05)
    assert 11 <= rate["on_beat_other"] <= 12
    assert 2 <= rate["crossing"] <= 3
    assert 1.1 <= rate["spacing"] <= 1.6


def test_fermata_of_the_rich_encoding() -> None:
    voices = [[[0, 4, 67, 0, 0, "G4"], [4, 8, 65, 1, 0, "F4"]]] + [[[0, 12, 60, 0, 0, "C4"]]] * 3
    cells, fermata = rich_grid({"voices": voices})
    assert cells[:, 0].tolist() == [67] * 4 + [65] * 8
    assert fermata.tolist() == [False] * 4 + [True] * 8
