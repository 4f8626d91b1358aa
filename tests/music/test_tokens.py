import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import InputFileError
from partimento.music.files import write_score
from partimento.music.grid import grid_to_text, text_to_grid
from partimento.music.gridscore import grid_to_score
from partimento.music.tokens import roundtrip_tokens, show_tokens

GRID = np.array([[72, 67, 64, 48]] * 4 + [[74, 67, 59, -1]] * 4)


def test_show_gives_text_that_reads_back(tmp_path):
    file = tmp_path / "a.musicxml"
    write_score(grid_to_score(GRID), file)
    shown = show_tokens(file)
    assert shown["frames"] == 8
    assert shown["dropped_notes"] == 0
    assert shown["text"].splitlines()[0] == "C5 G4 E4 C3"
    assert shown["text"].splitlines()[-1] == "D5 G4 B3 O"
    assert np.array_equal(text_to_grid(shown["text"]), GRID)


def test_spellings_of_one_pitch_are_one_token(tmp_path):
    file = tmp_path / "tokens.txt"
    file.write_text("C4# O O O\nC#4 O O O\nDb4 O O O\n")
    result = roundtrip_tokens(file)
    assert result == {"frames": 3, "sounding_cells": 3, "text_equal": True, "midi_equal": True}


voices = [
    st.integers(low, high) | st.just(-1) for low, high in ((60, 81), (53, 76), (46, 69), (36, 64))
]
frames = st.lists(st.tuples(*voices), min_size=1, max_size=12)


@settings(max_examples=30, deadline=None)
@given(frames)
def test_any_grid_survives_text_and_midi(tmp_path_factory, rows):
    file = tmp_path_factory.mktemp("tokens") / "grid.txt"
    file.write_text(grid_to_text(np.array(rows)))
    result = roundtrip_tokens(file)
    assert result["text_equal"]
    assert result["midi_equal"]


def test_bad_text_is_named(tmp_path):
    file = tmp_path / "bad.txt"
    file.write_text("C4 E4 G4 O\nC4 H4 G4 O\n")
    with pytest.raises(InputFileError, match=r"bad\.txt, line 2: .*H4"):
        roundtrip_tokens(file)
