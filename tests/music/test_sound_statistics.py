import numpy as np
import pytest

from partimento.music.audio import SAMPLE_RATE
from partimento.music.chroma import chroma, tonality
from partimento.music.logmel import (
    BANDS,
    FLOOR_DB,
    HIGH_HZ,
    LOW_HZ,
    hertz_to_mel,
    log_mel,
    mel_filters,
    mel_to_hertz,
)
from partimento.music.sound_statistics import COUNT, FRAMES, level_statistics, sound_statistics


def tone(hertz, seconds=1.0, level=1.0):
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (level * np.sin(2 * np.pi * hertz * t)).astype(np.float32)


def slow_filters():
    """Band by band and bin by bin, from the definition."""
    edges = mel_to_hertz(
        np.linspace(hertz_to_mel(np.array([LOW_HZ]))[0], hertz_to_mel(np.array([HIGH_HZ]))[0], 66)
    )
    table = np.zeros((BANDS, 513))
    for band in range(BANDS):
        low, middle, high = edges[band : band + 3]
        for number in range(513):
            hertz = number * SAMPLE_RATE / 1024
            if low < hertz <= middle:
                table[band, number] = (hertz - low) / (middle - low)
            elif middle < hertz < high:
                table[band, number] = (high - hertz) / (high - middle)
        table[band] /= table[band].sum()
    return table


def test_filters_are_the_slow_ones():
    assert np.allclose(mel_filters(), slow_filters(), atol=1e-6)


def test_mel_there_and_back():
    hertz = np.array([0.0, 100.0, 999.0, 1000.0, 1001.0, 7900.0])
    assert np.allclose(mel_to_hertz(hertz_to_mel(hertz)), hertz)


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 4000.0])
def test_a_tone_stands_in_its_band(hertz):
    levels = log_mel(tone(hertz))
    centres = mel_to_hertz(np.linspace(*hertz_to_mel(np.array([LOW_HZ, HIGH_HZ])), 66))[1:-1]
    loudest = int(levels.mean(0).argmax())
    assert abs(np.log2(centres[loudest] / hertz)) < 0.2
    assert levels.shape == (1 + (SAMPLE_RATE - 640) // 320, BANDS)


def test_ten_times_the_amplitude_is_twenty_decibels():
    loud, soft = log_mel(tone(1000.0)), log_mel(tone(1000.0, level=0.1))
    band = int(loud.mean(0).argmax())
    assert np.allclose(loud[:, band] - soft[:, band], 20.0, atol=0.01)


def test_silence_is_the_floor_and_short_sounds_are_padded():
    assert np.allclose(log_mel(np.zeros(100, dtype=np.float32)), FLOOR_DB, atol=1e-3)
    with pytest.raises(ValueError, match="finite"):
        log_mel(np.array([np.nan, 0.0], dtype=np.float32))


def test_statistics_do_not_know_the_gain():
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal(5 * SAMPLE_RATE) * 0.1).astype(np.float32)
    loud, soft = sound_statistics(sound), sound_statistics(sound * np.float32(0.3))
    assert loud.shape == (COUNT,)
    assert np.allclose(loud, soft, atol=0.02)


def test_statistics_are_finite_for_silence_and_clicks():
    click = np.zeros(5 * SAMPLE_RATE, dtype=np.float32)
    click[1000] = 1.0
    for sound in (np.zeros(10, dtype=np.float32), click, tone(440.0, 5.0)):
        assert np.isfinite(sound_statistics(sound)).all()


def test_a_pulse_is_found_where_it_is():
    sound = np.zeros(5 * SAMPLE_RATE, dtype=np.float32)
    sound[:: SAMPLE_RATE // 2] = 1.0
    statistics = sound_statistics(sound)
    height, lag = statistics[-7:-5]
    assert height > 0.5
    assert abs((lag + 6) / 50 - 0.5) < 0.05


def test_another_shape_is_refused():
    with pytest.raises(ValueError, match="249"):
        level_statistics(np.zeros((FRAMES - 1, BANDS), dtype=np.float32))


def chords(minor, transposed=0):
    third = 3 if minor else 4
    sound = []
    for root in (0, 5, 7, 0):
        # Dominant chords are major in both modes.
        middle = 4 if root == 7 else third
        notes = [60 + transposed + root + step for step in (0, middle, 7)]
        sound.append(sum(tone(440.0 * 2 ** ((n - 69) / 12), 1.0, 0.2) for n in notes))
    return np.concatenate(sound)


@pytest.mark.parametrize("transposed", [0, 3, 8])
def test_the_mode_is_heard_on_every_tonic(transposed):
    assert tonality(chords(False, transposed))[2] < 0
    assert tonality(chords(True, transposed))[2] > 0


def test_chroma_of_one_tone():
    found = chroma(tone(440.0))
    assert int(found.argmax()) == 9 and found.sum() == pytest.approx(1.0)
    assert np.allclose(chroma(np.zeros(100, dtype=np.float32)), 1 / 12)
