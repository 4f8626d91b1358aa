from fractions import Fraction

import numpy as np
import pytest

from partimento.music.barpiece import bar_piece
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.score import Note, Part, Score, Tempo, sort_notes
from partimento.render.piece_sound import piece_parts, render_mono, score_parts

RATE = 16_000


def made_piece(tempo=60.0):
    flute, cello = INSTRUMENT_ID["flute"], INSTRUMENT_ID["cello"]
    columns = (
        [0, 24, 48, 0],
        [24, 24, 24, 72],
        [81, 83, 84, 45],
        [80, 80, 80, 60],
        [flute, flute, flute, cello],
    )
    return bar_piece(*map(np.array, columns), meter="3/4", tempo_bpm=tempo)


def test_each_instrument_has_its_timbre_and_seconds():
    parts = piece_parts(made_piece())
    assert sorted(timbre for _, timbre in parts) == ["bowed", "flute"]
    tables = {timbre: table for table, timbre in parts}
    np.testing.assert_allclose(tables["flute"]["onset_sec"], [0, 1, 2])
    np.testing.assert_allclose(tables["bowed"]["duration_sec"], [3])
    assert tables["flute"]["midi"].tolist() == [81, 83, 84]


def test_notes_end_where_hearing_ends():
    tables = {timbre: table for table, timbre in piece_parts(made_piece(), 1.5)}
    assert len(tables["flute"]) == 2
    np.testing.assert_allclose(tables["flute"]["duration_sec"], [1.0, 0.5])
    np.testing.assert_allclose(tables["bowed"]["duration_sec"], [1.5])


def test_scores_keep_their_tempo_map_and_programs():
    notes = [Note(Fraction(n), Fraction(1), 60 + n, "a", velocity=70) for n in range(3)]
    score = Score(
        (Part("a", program=73),),
        sort_notes(notes),
        tempi=(Tempo(Fraction(0), 60.0), Tempo(Fraction(1), 120.0)),
    )
    ((table, timbre),) = score_parts(score)
    assert timbre == "flute"
    np.testing.assert_allclose(table["onset_sec"], [0.0, 1.0, 1.5])


def test_mono_sound_has_its_peak_and_pitch():
    mono = render_mono(piece_parts(made_piece()), RATE, room=0)
    assert mono.dtype == np.float32 and mono.ndim == 1
    assert np.abs(mono).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    first = mono[:RATE] * np.hanning(RATE)
    peaks = np.argsort(np.abs(np.fft.rfft(first)))[::-1][:20]
    assert any(abs(p - 880) <= 2 for p in peaks)
    assert any(abs(p - 110) <= 2 for p in peaks)


def test_no_notes_no_samples():
    empty = made_piece().select(np.zeros(4, dtype=bool))
    assert len(render_mono(piece_parts(empty), RATE)) == 0
