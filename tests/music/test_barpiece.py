"""Pieces on the grid of bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.made_pieces import made_piece

from partimento.core.errors import InputFileError, MusicError
from partimento.music.barpiece import bar_piece, meter_ticks, read_bar_piece
from partimento.music.barpiece_read import pickup_ticks, read_sections
from partimento.music.barpiece_write import midi_bytes_of

_NOTE = st.tuples(
    st.integers(0, 400), st.integers(1, 300), st.integers(0, 127), st.integers(1, 127),
    st.integers(0, 32),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(_NOTE, max_size=50), st.sampled_from(["4/4", "6/8", "3/8", "5/4"]))
def test_pieces_hold_their_promises(notes: list[tuple[int, ...]], meter: str) -> None:
    table = np.array(notes, dtype=np.int64).reshape(-1, 5).T
    piece = bar_piece(*table, meter=meter)
    order = np.lexsort((piece.pitch, piece.instrument, piece.onset))
    assert np.array_equal(order, np.arange(len(piece)))
    end = piece.bars * piece.bar_ticks
    assert np.all(piece.onset + piece.duration <= end) and np.all(piece.duration >= 1)
    for i in range(len(piece)):
        later = (piece.pitch == piece.pitch[i]) & (piece.instrument == piece.instrument[i])
        later &= piece.onset > piece.onset[i]
        assert np.all(piece.onset[i] + piece.duration[i] <= piece.onset[later])


@pytest.mark.parametrize("meter", ["4/0", "17/4", "three", "4", "-3/4", "5/32x"])
def test_odd_meters_are_refused(meter: str) -> None:
    with pytest.raises(ValueError, match=r"meter|grid"):
        meter_ticks(meter)


def test_excerpts_end_where_they_should() -> None:
    piece = made_piece(8, chords=True)
    cut = piece.excerpt(2, 3)
    assert cut.bars == 3 and cut.onset.min() == 0
    assert (cut.onset + cut.duration).max() <= 3 * 96
    kept = (piece.onset >= 192) & (piece.onset < 480)
    assert len(cut) == kept.sum()


def test_transposing_never_clamps() -> None:
    piece = made_piece(2)
    assert np.array_equal(piece.transpose(3).pitch, piece.pitch + 3)
    with pytest.raises(ValueError, match="MIDI's range"):
        piece.transpose(70)


def test_a_pickup_is_found_by_its_accents() -> None:
    """Accented and long notes a quarter after the start of the file: the first bar is short."""
    onset = np.array([0, *range(24, 24 + 72 * 6, 24)])
    strong = (onset - 24) % 72 == 0
    loud = np.where(strong, 105, 80)
    length = np.full(len(onset), 24)
    pitch = np.full(len(onset), 60)
    assert pickup_ticks(onset, length, loud, pitch, "3/4") == 24
    even = np.full(len(onset), 80)
    assert pickup_ticks(onset, length, even, pitch, "3/4") == 0


def test_files_come_back_from_a_process_of_their_own(tmp_path: Path) -> None:
    piece = made_piece(8, chords=True, meter="3/4", tempo_bpm=132.0)
    path = tmp_path / "piece.mid"
    path.write_bytes(midi_bytes_of(piece))
    for guarded in (True, False):
        back = read_bar_piece(path, guarded=guarded)
        assert back.meter == "3/4" and back.tempo_bpm == pytest.approx(132.0, abs=0.01)
        assert np.array_equal(back.pitch, piece.pitch)
        assert np.array_equal(back.onset, piece.onset)
    sections = read_sections(path)
    assert len(sections) == 1 and len(sections[0]) == len(piece)


def test_bad_files_say_so(tmp_path: Path) -> None:
    bad = tmp_path / "bad.mid"
    bad.write_text("no music")
    with pytest.raises(InputFileError, match="no MIDI file"):
        read_bar_piece(bad)
    empty = tmp_path / "empty.mid"
    silent = made_piece(1)
    empty.write_bytes(midi_bytes_of(silent.select(np.zeros(len(silent), dtype=bool))))
    with pytest.raises((MusicError, InputFileError)):
        read_bar_piece(empty)
