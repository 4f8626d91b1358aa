from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from made_expression import random_model
from partimento.core.checkpoint import shipped_weights
from partimento.core.errors import DataError
from partimento.music.barpiece import METERS, TICKS, bar_piece, meter_ticks
from partimento.music.expression_learnt import Style, draw_style, play_learnt
from partimento.music.expression_model import SHIPPED, load_expression
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.performance import read_performance_bytes
from partimento.music.played_write import played_midi

MODEL = random_model()
GOLDEN_ONSETS = [
    *(0.015, 0.014, 0.011, 0.0, 0.332, 0.639),
    *(0.638, 0.628, 0.619, 0.924, 1.245, 1.244),
]
GOLDEN_VELOCITIES = [65, 62, 63, 79, 75, 58, 64, 72, 85, 77, 51, 57]
PIANO, FLUTE, ORGAN = (INSTRUMENT_ID[name] for name in ("piano", "flute", "organ"))


def rng(seed=0):
    return np.random.default_rng(seed)


def random_piece(seed, notes=40, meter="4/4", bars=6, instruments=(PIANO,)):
    draw = np.random.default_rng(seed)
    step = meter_ticks(meter) * bars
    return bar_piece(
        draw.integers(0, step, notes), draw.integers(1, 100, notes), draw.integers(30, 95, notes),
        draw.integers(40, 90, notes), draw.choice(instruments, notes), meter=meter, bars=bars,
        tempo_bpm=float(draw.uniform(40, 200)),
    )  # fmt: skip


def chorale(bars=8):
    """Chords in quarters under a melody in eighths, cadence at the end."""
    onset = [12 * n for n in range(8 * bars)] + [24 * n for n in range(4 * bars) for _ in range(3)]
    melody = [72 + (0, 2, 4, 5, 7, 5, 4, 2)[n % 8] for n in range(8 * bars - 1)] + [72]
    chords = [pitch for n in range(4 * bars) for pitch in ((48, 55, 60), (43, 55, 59))[n % 4 == 2]]
    length = [12] * (8 * bars) + [24] * (12 * bars)
    count = len(onset)
    return bar_piece(np.array(onset), np.array(length), np.array(melody + chords),
                     np.full(count, 64), np.full(count, PIANO), meter="4/4", bars=bars,
                     tempo_bpm=90.0)  # fmt: skip


def check_contract(piece, played):
    """What every way of playing promises."""
    assert played.piece is piece
    assert len(played.onset_sec) == len(played.offset_sec) == len(played.velocity) == len(piece)
    assert np.isfinite(played.onset_sec).all() and np.isfinite(played.offset_sec).all()
    assert (played.onset_sec >= 0).all() and (played.offset_sec > played.onset_sec).all()
    assert played.velocity.dtype == np.int64
    assert played.velocity.min() >= 1 and played.velocity.max() <= 127
    assert played.seconds < 4 * piece.seconds + 5
    tick, of = np.unique(piece.onset, return_inverse=True)
    for n in range(1, len(tick)):
        assert played.onset_sec[of == n].min() >= played.onset_sec[of == n - 1].max()
    for key in {(p, i) for p, i in zip(piece.pitch, piece.instrument, strict=True)}:
        mine = np.flatnonzero((piece.pitch == key[0]) & (piece.instrument == key[1]))
        mine = mine[np.argsort(played.onset_sec[mine])]
        assert (played.offset_sec[mine[:-1]] <= played.onset_sec[mine[1:]]).all()
    spans = played.pedal_sec
    assert (spans[:, 1] > spans[:, 0]).all() and (np.diff(spans.ravel()) >= 0).all()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6), notes=st.integers(1, 60), meter=st.sampled_from(METERS),
    bars=st.integers(1, 12), energy=st.floats(0.0, 1.0),
)  # fmt: skip
def test_every_piece_keeps_the_contract(seed, notes, meter, bars, energy):
    piece = random_piece(seed, notes, meter, bars, (PIANO, FLUTE, ORGAN))
    style = draw_style(rng(seed), energy, MODEL)
    check_contract(piece, play_learnt(piece, style, rng(seed), MODEL))


def test_the_same_seed_plays_the_same_and_another_does_not():
    piece = random_piece(1)
    style = draw_style(rng(2), 0.5, MODEL)
    first, again, other = (play_learnt(piece, style, rng(n), MODEL) for n in (3, 3, 4))
    assert played_midi(first) == played_midi(again) != played_midi(other)


def test_players_differ_and_the_mean_player_takes_no_chances():
    piece = random_piece(1)
    one, two = (draw_style(rng(n), 0.5, MODEL) for n in (1, 2))
    assert one != two
    plays = [play_learnt(piece, replace(s, unsteady=0.0), rng(0), MODEL) for s in (one, two)]
    assert not np.allclose(plays[0].onset_sec, plays[1].onset_sec)
    mean = [play_learnt(piece, Style(), rng(n), MODEL) for n in (0, 1)]
    assert np.array_equal(mean[0].onset_sec, mean[1].onset_sec)
    assert np.array_equal(mean[0].velocity, mean[1].velocity)


def test_without_expression_the_piece_is_as_written():
    piece = replace(random_piece(4), velocity=np.full(40, 70))
    plain = Style(amount=0.0, touch=0.0, pedal=False)
    played = play_learnt(piece, plain, rng(), MODEL)
    second = 60.0 / piece.tempo_bpm / TICKS
    assert np.allclose(played.onset_sec, piece.onset * second, atol=1e-9)
    assert set(played.velocity.tolist()) == {66}


def test_the_written_tempo_is_the_mean_tempo():
    piece = random_piece(5, notes=200, bars=20)
    played = play_learnt(piece, Style(timing=0.0), rng(), MODEL)
    assert 0.85 < played.onset_sec.max() / (piece.onset.max() / TICKS * 60 / piece.tempo_bpm) < 1.4


def test_the_pedal_belongs_to_the_piano_alone():
    piece = random_piece(6, notes=80, instruments=(PIANO, FLUTE))
    wet = play_learnt(piece, Style(touch=-1.0), rng(), MODEL)
    flute = piece.instrument == FLUTE
    dry = play_learnt(piece.select(flute), Style(touch=-1.0), rng(), MODEL)
    assert len(wet.pedal_sec) and len(dry.pedal_sec) == 0
    # What no pedal holds is played nearly as long as written, whatever the touch of the piano.
    second = 60.0 / piece.tempo_bpm / TICKS
    held = np.log((dry.offset_sec - dry.onset_sec) / (dry.piece.duration * second))
    assert np.median(held) > -0.6
    inside = [(s < o) & (o < e) for s, e in wet.pedal_sec for o in [wet.offset_sec[~flute]]]
    again = play_learnt(piece, Style(touch=-1.0, pedal=False), rng(), MODEL)
    assert len(again.pedal_sec) == 0
    assert np.array_equal(wet.offset_sec[flute], again.offset_sec[flute])
    assert sum(map(np.sum, inside)) < (~flute).sum() / 4


def test_the_pedal_is_changed_with_the_bass(shipped):
    piece = chorale()
    played = play_learnt(piece, Style(), rng(), shipped)
    ticks = np.unique(piece.onset[piece.pitch < 50])
    basses = [piece.pitch[piece.onset == tick].min() for tick in ticks]
    moves = ticks[1:][np.diff(basses) != 0]
    for tick in moves:
        when = np.median(played.onset_sec[piece.onset == tick])
        through = (played.pedal_sec[:, 0] < when - 0.1) & (played.pedal_sec[:, 1] > when + 0.1)
        assert not through.any()


def test_a_single_line_is_not_blurred():
    line = chorale()
    line = line.select(line.pitch >= 70)
    assert len(play_learnt(line, Style(), rng(), MODEL).pedal_sec) == 0
    assert len(play_learnt(chorale(), Style(), rng(), MODEL).pedal_sec) > 0


def test_one_note_can_be_played():
    one = bar_piece(np.array([0]), np.array([24]), np.array([60]), np.array([64]),
                    np.array([PIANO]), meter="4/4", bars=2)  # fmt: skip
    for number in range(5):
        check_contract(one, play_learnt(one, draw_style(rng(number), 0.5, MODEL), rng(), MODEL))


def test_wrong_use_is_refused():
    piece = random_piece(1)
    with pytest.raises(ValueError, match="without notes"):
        play_learnt(piece.select(np.array([], dtype=np.int64)), Style(), rng(), MODEL)
    with pytest.raises(ValueError, match="manner of 2 numbers, the model has 3"):
        play_learnt(piece, Style(manner=(0.0, 1.0)), rng(), MODEL)


def test_weights_of_another_kind_are_refused():
    with pytest.raises(DataError, match="cannot play with expression"):
        load_expression("audio2visual")


def test_energy_makes_players_louder_and_shorter():
    soft = [draw_style(rng(n), 0.0, MODEL) for n in range(30)]
    wild = [draw_style(rng(n), 1.0, MODEL) for n in range(30)]
    assert np.mean([s.loudness for s in wild]) > np.mean([s.loudness for s in soft]) + 10
    assert np.mean([s.touch for s in wild]) < np.mean([s.touch for s in soft])


@pytest.fixture(scope="module")
def shipped():
    return load_expression()


def test_the_shipped_pianists_let_the_melody_sing_and_slow_down_at_the_end(shipped):
    piece = chorale()
    played = play_learnt(piece, Style(), rng(), shipped)
    melody = piece.pitch >= 70
    assert played.velocity[melody].mean() > played.velocity[~melody].mean() + 3
    beat = np.unique(piece.onset[piece.onset % TICKS == 0])
    first = [np.median(played.onset_sec[piece.onset == tick]) for tick in beat]
    gaps = np.diff(first)
    assert gaps[-1] > 1.1 * np.median(gaps)
    check_contract(piece, played)


def test_the_shipped_pianists_differ_as_people_do(shipped):
    piece = chorale()
    plays = [play_learnt(piece, draw_style(rng(n), 0.5), rng(n)) for n in range(6)]
    for played in plays:
        check_contract(piece, played)
    apart = np.std([played.velocity - played.velocity.mean() for played in plays], axis=0)
    assert 1.0 < apart.mean() < 15.0


def test_a_long_piece_of_several_instruments_goes_through_midi(shipped):
    piece = random_piece(9, notes=600, bars=64, instruments=(PIANO, FLUTE, ORGAN))
    played = play_learnt(piece, draw_style(rng(1), 0.5), rng(1))
    check_contract(piece, played)
    read = read_performance_bytes(played_midi(played))
    assert len(read) == len(piece)
    assert np.allclose(np.sort(read.onset_sec), np.sort(played.onset_sec), atol=0.002)


def test_the_shipped_weights_are_small_and_say_that_they_are_not_for_sale():
    from partimento.core.checkpoint import read_meta

    path = shipped_weights()[SHIPPED]
    card = read_meta(path).card
    assert path.stat().st_size <= 500_000
    assert card.licence == "CC-BY-NC-SA-4.0"
    assert any("ASAP" in line and "NC" in line for line in card.trained_on)


def test_golden_the_mean_pianist_of_the_shipped_weights(shipped):
    played = play_learnt(chorale(2), Style(), rng(), shipped)
    first = slice(0, 12)
    # Other libraries of linear algebra round otherwise, by far less than this.
    assert np.allclose(played.onset_sec[first], GOLDEN_ONSETS, atol=0.002)
    assert np.allclose(played.velocity[first], GOLDEN_VELOCITIES, atol=1)
