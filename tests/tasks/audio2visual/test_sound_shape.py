import numpy as np
import pytest

from made_sounds import made_sound
from partimento.music.audio import SAMPLE_RATE, Sound
from partimento.tasks.audio2visual.sound_shape import BANDS, STEPS, neutral_shape, sound_shape


def tone(hertz, seconds=2.0, gain=0.5):
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (gain * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def test_a_shape_has_its_sizes_and_bounds():
    shape = sound_shape(made_sound("Dog bark", seconds=2.0))
    assert shape.envelope_T.shape == (STEPS,)
    assert shape.bands_BT.shape == (BANDS, STEPS)
    assert shape.envelope_T.max() == pytest.approx(1.0)
    assert shape.envelope_T.min() >= 0.0
    assert 0.0 <= shape.bands_BT.min() <= shape.bands_BT.max() <= 1.0
    assert shape.seconds == pytest.approx(2.0)


def test_the_envelope_follows_the_loudness():
    samples = tone(440) * np.repeat([1.0, 0.01], SAMPLE_RATE).astype(np.float32)
    envelope = sound_shape(Sound(samples)).envelope_T
    assert envelope[:30].mean() > 0.9
    assert envelope[34:].mean() < 0.3


def test_high_sounds_are_bright_and_lie_in_high_bands():
    low, high = (sound_shape(Sound(tone(hertz))) for hertz in (200, 4000))
    assert high.brightness > low.brightness + 0.4
    assert low.bands_BT.mean(1).argmax() < 6 < 15 < high.bands_BT.mean(1).argmax()


def test_louder_is_louder():
    soft, loud = (sound_shape(Sound(tone(440, gain=gain))) for gain in (0.01, 0.8))
    assert loud.loudness > soft.loudness + 0.4


def test_onsets_are_where_the_clicks_are():
    samples = np.zeros(4 * SAMPLE_RATE, dtype=np.float32)
    for second in (0.5, 1.5, 2.25, 3.0):
        start = int(second * SAMPLE_RATE)
        samples[start : start + 400] = 0.5
    shape = sound_shape(Sound(samples))
    assert [place * 4.0 for place, _ in shape.onsets] == pytest.approx(
        [0.5, 1.5, 2.25, 3.0], abs=0.06
    )


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.1, 3.0])
def test_silence_of_any_length_is_silent(seconds):
    shape = sound_shape(Sound(np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)))
    assert shape.silent
    assert shape.loudness == 0.0
    assert shape.onsets == ()
    assert not shape.bands_BT.any()


def test_a_tenth_of_a_second_has_a_shape():
    shape = sound_shape(Sound(tone(440, seconds=0.1)))
    assert not shape.silent
    assert np.isfinite(shape.bands_BT).all()


def test_the_neutral_shape_is_steady():
    shape = neutral_shape()
    assert not shape.silent
    assert np.ptp(shape.envelope_T) == 0.0
