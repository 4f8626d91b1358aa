from dataclasses import replace

import numpy as np
import pytest

from partimento.music.barpiece import TICKS, bar_piece
from partimento.music.expression import Player, draw_player, play
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.performance import read_performance_bytes
from partimento.music.played_write import played_midi

STEADY = Player(unsteady=0.0, pedal=False)


def piece(bars=8, instruments=("piano",), chords=False):
    onset, pitch, instrument = [], [], []
    scale = (60, 62, 64, 65, 67, 69, 71, 72)
    for beat in range(4 * bars):
        for number, name in enumerate(instruments):
            notes = [scale[beat % 8] - 12 * number]
            if chords and number == 0:
                notes += [notes[0] - 12, notes[0] - 5]
            onset += [beat * TICKS] * len(notes)
            pitch += notes
            instrument += [INSTRUMENT_ID[name]] * len(notes)
    count = len(onset)
    return bar_piece(
        np.array(onset), np.full(count, TICKS), np.array(pitch), np.full(count, 70),
        np.array(instrument), meter="4/4", bars=bars, tempo_bpm=100.0,
    )  # fmt: skip


def rng():
    return np.random.default_rng(0)


def gaps(played):
    return np.diff(np.unique(played.onset_sec.round(6)))


def test_every_note_is_played_once_and_the_same_seed_plays_the_same():
    written = piece(chords=True)
    played = play(written, Player(), rng())
    again = play(written, Player(), rng())
    assert len(played.onset_sec) == len(written)
    assert (played.offset_sec > played.onset_sec).all() and (played.onset_sec >= 0).all()
    assert np.array_equal(played.onset_sec, again.onset_sec)
    assert np.array_equal(played.velocity, again.velocity)


def test_without_any_rule_the_piece_is_as_written():
    plain = replace(
        STEADY, arch=0.0, contrast=0.0, high_loud=0.0, charge=0.0, accent=0.0, lead=0.0,
        ritard=0.0, touch=1.0,
    )  # fmt: skip
    written = piece()
    played = play(written, plain, rng())
    assert np.allclose(played.onset_sec, written.onset * 60 / 100 / TICKS, atol=1e-9)
    assert set(played.velocity.tolist()) == {round(plain.loudness)}


def test_phrases_swell_and_slow_down_at_their_ends():
    played = play(piece(), replace(STEADY, ritard=0.0, lead=0.0), rng())
    beat = gaps(played)
    assert beat[15] > beat[8] and beat[0] > beat[8]
    assert played.velocity[8] > played.velocity[0]


def test_the_end_is_the_slowest():
    played = play(piece(), replace(STEADY, arch=0.0, lead=0.0), rng())
    beat = gaps(played)
    assert beat[-1] > 1.2 * beat[0]
    assert (np.diff(beat[-5:]) > 0).all()


def test_the_melody_leads_and_is_louder():
    written = piece(chords=True)
    played = play(written, STEADY, rng())
    first = written.onset == 4 * TICKS
    top = first & (written.pitch == written.pitch[first].max())
    rest = first & ~top
    assert played.onset_sec[top].max() < played.onset_sec[rest].min()
    assert played.velocity[top].min() > played.velocity[rest].max()


def test_the_pedal_belongs_to_the_piano_alone():
    both = piece(instruments=("piano", "flute"))
    played = play(both, replace(STEADY, pedal=True, touch=0.7), rng())
    dry = play(both, replace(STEADY, pedal=False, touch=0.7), rng())
    flute = both.instrument == INSTRUMENT_ID["flute"]
    assert len(played.pedal_sec) and np.array_equal(played.offset_sec[flute], dry.offset_sec[flute])
    assert (played.offset_sec[~flute] >= dry.offset_sec[~flute]).all()
    assert (played.offset_sec[~flute] > dry.offset_sec[~flute]).any()


def test_energy_makes_players_louder_and_shorter():
    soft = [draw_player(np.random.default_rng(n), 0.0) for n in range(30)]
    wild = [draw_player(np.random.default_rng(n), 1.0) for n in range(30)]
    assert np.mean([p.loudness for p in wild]) > np.mean([p.loudness for p in soft]) + 10
    assert np.mean([p.touch for p in wild]) < np.mean([p.touch for p in soft])


def test_midi_holds_what_was_played():
    written = piece(instruments=("piano", "flute"), chords=True)
    played = play(written, Player(), rng())
    data = played_midi(played, "test")
    assert data == played_midi(played, "test")
    read = read_performance_bytes(data)
    assert len(read) == len(written)
    assert np.allclose(np.sort(read.onset_sec), np.sort(played.onset_sec), atol=0.002)
    assert sorted(read.velocity.tolist()) == sorted(played.velocity.tolist())


def test_a_piece_without_notes_cannot_be_played():
    empty = piece().select(np.array([], dtype=np.int64))
    with pytest.raises(ValueError, match="without notes"):
        play(empty, Player(), rng())


def test_the_clock_of_a_score_is_that_of_its_performance():
    played = play(piece(2), STEADY, rng())
    assert played.seconds_at(np.arange(8)) == pytest.approx(played.onset_sec)
    between = played.seconds_at([0.5])[0]
    assert between == pytest.approx((played.onset_sec[0] + played.onset_sec[1]) / 2)
    assert played.seconds_at([8.0])[0] == pytest.approx(played.seconds)


def test_the_middle_note_of_a_chord_tells_its_time():
    played = play(piece(1, chords=True), STEADY, rng())
    spread = replace(played, onset_sec=played.onset_sec + 0.1 * (np.arange(12) % 3))
    assert spread.seconds_at([1.0])[0] == pytest.approx(np.median(spread.onset_sec[3:6]))
