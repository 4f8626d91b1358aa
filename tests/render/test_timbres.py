"""Timbres of the instruments: level, length, character."""

import numpy as np
import pytest

from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.render import sound, tones
from partimento.render.timbres import MORE, TIMBRE_OF

RATE = 22050
COLUMNS = [("onset_sec", "f8"), ("duration_sec", "f8"), ("midi", "i8"), ("velocity", "i8")]


def table(*rows):
    return np.array(list(rows), dtype=COLUMNS)


def rms(audio):
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def test_every_instrument_has_a_timbre():
    assert set(TIMBRE_OF) == set(INSTRUMENT_NAMES)
    assert set(TIMBRE_OF.values()) <= set(tones.TIMBRES)
    assert set(MORE) <= set(TIMBRE_OF.values())


@pytest.mark.parametrize("timbre", sorted(MORE))
def test_heard_without_clipping_for_as_long_as_written(timbre):
    rows = table((0.0, 0.5, 60, 80), (0.5, 1.5, 67, 100), (0.5, 1.5, 72, 30))
    audio = sound.render_parts([(rows, timbre)], RATE)
    assert 2.0 < len(audio) / RATE < 5.5
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert rms(audio[: 2 * RATE]) > 0.03
    assert np.abs(audio[-50:]).max() < 1e-3


@pytest.mark.parametrize(
    ("timbre", "held"),
    [(name, name not in ("plucked", "harpsichord", "bells", "kettledrum")) for name in MORE],
)
def test_blown_and_bowed_tones_hold_and_struck_ones_die(timbre, held):
    tone = tones.tone(60, 6, 3 * RATE, RATE, timbre)
    early, late = rms(tone[RATE // 4 : RATE // 2]), rms(tone[2 * RATE : 2 * RATE + RATE // 2])
    assert (late > 0.7 * early) is held
    assert held or late < 0.5 * early


def test_timbres_differ():
    """No two timbres have the same spectrum over the first half second of a middle C."""
    spectra = {}
    for timbre in tones.TIMBRES:
        wave = tones.tone(60, 6, RATE // 2, RATE, timbre)
        spectrum = np.abs(np.fft.rfft(wave))
        spectra[timbre] = spectrum / np.linalg.norm(spectrum)
    names = list(spectra)
    likeness = [float(spectra[a] @ spectra[b]) for i, a in enumerate(names) for b in names[i + 1 :]]
    assert max(likeness) < 0.999


def test_parts_sound_together():
    first, second = table((0.0, 0.5, 60, 80)), table((2.0, 0.5, 64, 80))
    both = sound.render_parts([(first, "flute"), (second, "plucked")], RATE, room=0.0)
    alone = sound.render_parts([(first, "flute")], RATE, room=0.0)
    lead = round(sound.lead_in_sec() * RATE)
    assert np.abs(both[lead : lead + RATE // 2]).max() > 0.05
    assert np.abs(both[lead + 2 * RATE : lead + 2 * RATE + RATE // 2]).max() > 0.05
    assert len(both) > len(alone)
    one = sound.render_notes(first, RATE, timbre="flute", room=0.0)
    assert np.array_equal(one, alone)
