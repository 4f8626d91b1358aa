import numpy as np
import pytest

from made_pieces import made_piece
from partimento.music.attributes import measure
from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.music.barpiece import bar_piece
from partimento.music.logmel import log_mel
from partimento.tasks.audio2visual.music_features import (
    chroma,
    features_of_piece,
    features_of_sound,
    mode_of,
    pitch_power,
    tempo_of,
)
from partimento.tasks.audio2visual.sound_shape import onset_strength


def chords(roots_and_steps, seconds=0.5):
    """Triads, each held for some time, with a short attack."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    parts = []
    for pitches in roots_and_steps:
        wave = sum(
            np.sin(2 * np.pi * 440 * 2 ** ((p - 69) / 12) * t * k) / k
            for p in pitches
            for k in (1, 2, 3)
        )
        parts.append(0.08 * wave * np.exp(-2.0 * t))
    return Sound(np.concatenate(parts).astype(np.float32))


C_MAJOR = [(60, 64, 67), (65, 69, 72), (67, 71, 74), (60, 64, 67)] * 2
A_MINOR = [(57, 60, 64), (62, 65, 69), (64, 68, 71), (57, 60, 64)] * 2


def clicks(bpm, seconds=10.0):
    samples = np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)
    rng = np.random.default_rng(0)
    for start in np.arange(0.2, seconds - 0.1, 60.0 / bpm):
        place = int(start * SAMPLE_RATE)
        samples[place : place + 800] = 0.5 * rng.standard_normal(800) * np.linspace(1, 0, 800)
    return samples


@pytest.mark.parametrize("bpm", [72.0, 96.0, 120.0, 150.0])
def test_the_tempo_of_clicks(bpm):
    strength = onset_strength(log_mel(clicks(bpm)).astype(np.float64))
    assert tempo_of(strength) == pytest.approx(bpm, rel=0.03)


def test_the_tempo_of_nothing_is_the_middle():
    assert tempo_of(np.zeros(300)) == 120.0
    assert tempo_of(np.ones(3)) == 120.0


def test_the_mode_of_chords():
    assert features_of_sound(chords(C_MAJOR)).mode == "major"
    assert features_of_sound(chords(A_MINOR)).mode == "minor"
    assert mode_of(np.ones(12)) == "major"


def test_the_chroma_of_a_tone_is_its_pitch_class():
    t = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    power = pitch_power(0.5 * np.sin(2 * np.pi * 440 * t))
    assert int(power.argmax()) == 69
    assert int(chroma(power).argmax()) == 9


def test_higher_chords_are_higher_and_brighter():
    low = features_of_sound(chords([tuple(p - 12 for p in c) for c in C_MAJOR]))
    high = features_of_sound(chords([tuple(p + 12 for p in c) for c in C_MAJOR]))
    assert high.register > low.register + 5
    assert high.brightness > low.brightness


def test_silence_has_plain_features():
    found = features_of_sound(Sound(np.zeros(SAMPLE_RATE, dtype=np.float32)))
    assert found.to_dict()["onsets"] == 0
    assert found.motion == "calm"
    assert found.dynamics == 0.0


def test_notes_are_read_exactly():
    piece = made_piece()
    attributes = measure(piece)
    found = features_of_piece(piece, attributes)
    assert found.exact
    assert found.mode == attributes.mode
    assert found.tempo_bpm == piece.tempo_bpm
    assert found.register == pytest.approx(float(piece.pitch.mean()))
    assert len(found.shape.onsets) == len(np.unique(piece.onset))
    assert found.shape.bands_BT.max() == pytest.approx(1.0)


def test_one_note_is_a_piece():
    one = [np.array([value]) for value in (0, 24, 60, 80, 0)]
    found = features_of_piece(p := bar_piece(*one, meter="4/4"), measure(p))
    assert found.shape.onsets == ((0.0, 1.0),)
    assert found.shape.envelope_T.min() == pytest.approx(1.0)


def test_fast_dense_music_is_restless():
    onset = np.arange(0, 24 * 16, 3)
    pitch = 60 + np.arange(len(onset)) % 12
    rest = [np.full(len(onset), value) for value in (3, 90, 0)]
    fast = bar_piece(onset, rest[0], pitch, rest[1], rest[2], meter="4/4", tempo_bpm=160.0)
    slow = bar_piece(onset * 8, rest[0] * 8, pitch, rest[1], rest[2], meter="4/4", tempo_bpm=60.0)
    assert features_of_piece(fast, measure(fast)).motion == "restless"
    assert features_of_piece(slow, measure(slow)).motion == "calm"
