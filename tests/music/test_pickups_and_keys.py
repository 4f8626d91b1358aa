"""Bars of MIDI files found again, keys by profiles and last bass."""

from __future__ import annotations

import numpy as np
import pytest

from partimento.music.attributes import measured_key
from partimento.music.barpiece import BarPiece, bar_piece, read_bar_piece
from partimento.music.barpiece_read import read_sections

symusic = pytest.importorskip("symusic")
QUARTER = 480


def marked_file(path, bars, pickup=0, velocities=(105, 80)):
    """Write bars of quarters (a number of quarters each), the first of each bar marked."""
    score = symusic.Score(QUARTER)
    score.time_signatures.append(symusic.TimeSignature(0, 4, 4))
    track = symusic.Track(program=0)
    time, first, other = 0, *velocities
    for number, size in enumerate([pickup, *bars] if pickup else bars):
        for i in range(size):
            pitch = 60 + (number * 5 + i * 2) % 12
            track.notes.append(symusic.Note(time, QUARTER, pitch, other if i else first))
            time += QUARTER
    score.tracks.append(track)
    path.write_bytes(score.dumps_midi())
    return path


def marks_on_bars(piece: BarPiece) -> bool:
    return bool((piece.onset[piece.velocity == 105][1:] % piece.bar_ticks == 0).all())


@pytest.mark.parametrize("pickup", [0, 1, 2, 3])
def test_a_pickup_stands_before_the_first_bar_line(tmp_path, pickup):
    piece = read_bar_piece(marked_file(tmp_path / "a.mid", [4] * 8, pickup), guarded=False)
    assert int(piece.onset[0]) == ((4 - pickup) % 4) * 24
    assert marks_on_bars(piece)


def test_a_pickup_of_a_sixteenth_is_found(tmp_path):
    score = symusic.Score(QUARTER)
    score.time_signatures.append(symusic.TimeSignature(0, 2, 4))
    track = symusic.Track(program=0)
    track.notes.append(symusic.Note(0, QUARTER // 4, 67, 105))
    for i in range(20):
        time = QUARTER // 4 + i * QUARTER
        track.notes.append(symusic.Note(time, QUARTER, 60 + i % 7, 80 if i % 2 else 105))
    score.tracks.append(track)
    (tmp_path / "s.mid").write_bytes(score.dumps_midi())
    assert int(read_bar_piece(tmp_path / "s.mid", guarded=False).onset[0]) == 48 - 6


def test_a_short_bar_inside_a_marked_tune_is_filled(tmp_path):
    file = marked_file(tmp_path / "b.mid", [4] * 8 + [3] + [4] * 8)
    piece = read_bar_piece(file, guarded=False)
    assert piece.bars == 17
    assert marks_on_bars(piece)
    assert len(read_sections(file)[0]) == len(piece) == 16 * 4 + 3


def test_other_velocities_leave_short_bars_as_they_are(tmp_path):
    file = marked_file(tmp_path / "c.mid", [4] * 8 + [3] + [4] * 8, velocities=(100, 70))
    piece = read_bar_piece(file, guarded=False)
    assert (np.diff(piece.onset) == 24).all()


def scale(pitches, last):
    notes = [*pitches, last]
    n = len(notes)
    return bar_piece(
        np.arange(n) * 24,
        np.full(n, 24),
        np.array(notes),
        np.full(n, 80),
        np.zeros(n, int),
        meter="4/4",
    )


@pytest.mark.parametrize("shift", range(12))
def test_keys_of_scales_move_with_their_notes(shift):
    major = scale(np.array([60, 64, 67, 72, 65, 69, 71, 62, 67]) + shift, 60 + shift)
    minor = scale(np.array([57, 60, 64, 69, 62, 65, 68, 59, 64]) + shift, 57 + shift)
    assert measured_key(major).endswith("major")
    assert measured_key(minor).endswith("minor")
    assert measured_key(major.transpose(12)) == measured_key(major)


def test_the_last_bass_decides_between_near_keys_only():
    between = [60, 62, 64, 65, 67, 69, 71] * 4
    assert measured_key(scale(between, 60)) == "C major"
    assert measured_key(scale(between, 57)) == "A minor"
    plain_g = [67, 71, 74, 67, 66, 69, 74, 62] * 6
    assert measured_key(scale(plain_g, 60)) == "G major"
