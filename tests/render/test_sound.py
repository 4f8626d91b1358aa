"""Sound: pitch, length, level, silence and bytes of what is rendered."""

from __future__ import annotations

import io
import wave
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import MusicError
from partimento.music.score import NOTE_COLUMNS, Note, Part, Score, Tempo
from partimento.render import room, sound, tones

RATE = 22050


def table(*rows: tuple[float, float, int, int]) -> np.ndarray:
    """Note table of (onset_sec, duration_sec, midi, velocity)."""
    out = np.zeros(len(rows), dtype=list(NOTE_COLUMNS))
    for i, (onset, duration, midi, velocity) in enumerate(rows):
        out[i]["onset_sec"], out[i]["duration_sec"] = onset, duration
        out[i]["midi"], out[i]["velocity"] = midi, velocity
    return out


def score(*notes: tuple[float, float, int, bool]) -> Score:
    """One part at 60 quarters per minute; (onset, duration, midi, fermata)."""
    written = tuple(
        Note(Fraction(on), Fraction(length), midi, "P1", fermata=held)
        for on, length, midi, held in notes
    )
    return Score((Part("P1"),), written, tempi=(Tempo(Fraction(0), 60.0),))


def strongest_hz(audio: np.ndarray, rate: int, near_hz: float) -> float:
    """Peak of the spectrum within a quarter tone of ``near_hz``, by parabolic interpolation."""
    windowed = audio * np.hanning(len(audio))
    spectrum = np.log(np.abs(np.fft.rfft(windowed, n=8 * len(audio))) + 1e-12)
    step = rate / (8 * len(audio))
    low, high = (int(near_hz * f / step) for f in (2 ** (-1 / 24), 2 ** (1 / 24)))
    i = low + int(np.argmax(spectrum[low : high + 2]))
    a, b, c = spectrum[i - 1 : i + 2]
    return float((i + 0.5 * (a - c) / (a - 2 * b + c)) * step)


def level(audio: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(audio**2)) + 1e-12))


@pytest.mark.parametrize("timbre", tones.TIMBRES)
@pytest.mark.parametrize("midi", [36, 43, 55, 60, 69, 81, 96])
def test_pitch_within_five_cents(midi: int, timbre: str) -> None:
    audio = sound.render_notes(table((0.0, 1.5, midi, 72)), 44100, timbre=timbre, room=0.0)
    held = audio[4410 : 4410 + 44100, 0]
    wanted = tones.midi_to_hz(midi)
    cents = 1200 * np.log2(strongest_hz(held, 44100, wanted) / wanted)
    assert abs(cents) < 5.0


def test_fundamental_is_stronger_than_its_neighbours() -> None:
    """The pitch test looks near the note; this one checks that energy is there at all."""
    audio = sound.render_notes(table((0.0, 1.5, 60, 72)), RATE, room=0.0)[:, 0]
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    hz = np.fft.rfftfreq(len(audio), 1 / RATE)
    on = spectrum[np.abs(hz - tones.midi_to_hz(60)) < 3].max()
    off = spectrum[np.abs(hz - tones.midi_to_hz(61)) < 3].max()
    assert on > 30 * off


@pytest.mark.parametrize("timbre", tones.TIMBRES)
def test_peak_dc_and_fade(timbre: str) -> None:
    chord = [(0.0, 2.0, m, 100) for m in (48, 55, 64, 72)]
    audio = sound.render_notes(table(*chord), RATE, timbre=timbre)
    assert audio.dtype == np.float32 and audio.shape[1] == 2
    assert np.abs(audio).max() == pytest.approx(10 ** (-1 / 20), abs=1e-4)
    assert np.abs(audio.mean(axis=0)).max() < 1e-3
    assert not audio[-1].any() and np.abs(audio[-50:]).max() < 1e-4


def test_duration_and_lead_in() -> None:
    audio = sound.render_notes(table((1.0, 2.0, 60, 72)), RATE)
    assert 3.0 < len(audio) / RATE < 5.0
    start = np.flatnonzero(np.abs(audio[:, 0]) > 1e-3)[0] / RATE
    assert start == pytest.approx(1.0 + sound.lead_in_sec(), abs=0.02)


def test_rests_are_silent() -> None:
    rows = table((0.0, 0.5, 60, 72), (3.0, 0.5, 64, 72))
    dry = sound.render_notes(rows, RATE, room=0.0)
    rest = dry[int(1.3 * RATE) : int(3.0 * RATE)]
    assert not rest.any()
    wet = sound.render_notes(rows, RATE)
    assert not wet[int(2.2 * RATE) : int(3.0 * RATE)].round(5).any()


@pytest.mark.parametrize("timbre", tones.TIMBRES)
def test_no_clicks_at_note_edges(timbre: str) -> None:
    """Around each edge the sound has no more treble than while the note is simply held."""
    rows = table((0.2, 0.503, 57, 72), (0.703, 0.497, 57, 72), (1.2, 0.4, 57, 72))
    audio = sound.render_notes(rows, 44100, timbre=timbre, room=0.0)[:, 0].astype(np.float64)
    treble = np.abs(np.diff(audio, n=4))
    held = treble[int(0.3 * 44100) : int(0.6 * 44100)].max()
    for edge in (0.2, 0.703, 1.2, 1.6):
        i = int((edge + sound.lead_in_sec()) * 44100)
        assert treble[i - 300 : i + 300].max() < 4 * held


@pytest.mark.parametrize("timbre", tones.TIMBRES)
def test_level_is_balanced_over_the_voices(timbre: str) -> None:
    keys = [41, 48, 55, 60, 67, 74, 79]
    waves = [tones.tone(m, tones.velocity_layer(72), 9000, RATE, timbre) for m in keys]
    levels = [level(w) for w in waves]
    assert max(levels) - min(levels) < 4.0


def test_louder_velocity_is_louder_and_brighter() -> None:
    rows = table((0.0, 0.8, 60, 30), (2.0, 0.8, 60, 110))
    audio = sound.render_notes(rows, RATE, room=0.0)[:, 0]
    soft, loud = audio[2205 : 2205 + 15000], audio[2 * RATE + 2205 : 2 * RATE + 17205]
    assert level(loud) - level(soft) > 8
    brightness = [level(np.diff(x)) - level(x) for x in (soft, loud)]
    assert brightness[1] > brightness[0] + 1


def test_piano_decays_in_two_stages() -> None:
    wave_ = tones.tone(60, 7, 4 * RATE, RATE, "piano")
    levels = [level(wave_[int(t * RATE) : int((t + 0.3) * RATE)]) for t in (0.05, 0.65, 2.6, 3.2)]
    early, late = (levels[0] - levels[1]) / 0.6, (levels[2] - levels[3]) / 0.6
    assert early > 1.5 * late > 0


def test_score_with_fermata_is_stretched() -> None:
    piece = score((0, 1, 60, False), (1, 1, 62, True), (2, 1, 64, False))
    times = sound.performance_sec(piece, [0, 1, 1.5, 2, 3], 1.5)
    assert times.tolist() == pytest.approx([0.0, 1.0, 1.75, 2.5, 3.5])
    plain = sound.render_score(piece, RATE)
    held = sound.render_score(piece, RATE, fermata_stretch=1.5)
    assert (len(held) - len(plain)) / RATE == pytest.approx(0.5, abs=0.01)
    with pytest.raises(ValueError, match="at least 1"):
        sound.performance_sec(piece, [0], 0.5)


def test_fermatas_of_several_voices_stretch_once() -> None:
    piece = score((0, 2, 60, True), (1, 1, 48, True), (2, 1, 50, False))
    assert sound.performance_sec(piece, [3], 2.0)[0] == pytest.approx(5.0)


def test_wav_is_16_bit_and_deterministic(tmp_path) -> None:
    audio = sound.render_score(score((0, 1, 60, False)), RATE)
    first = sound.write_wav(tmp_path / "a.wav", audio, RATE).read_bytes()
    tones.tone.cache_clear()
    again = sound.wav_bytes(sound.render_score(score((0, 1, 60, False)), RATE), RATE)
    assert first == again
    with wave.open(io.BytesIO(first)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.abs(pcm / 32767.0 - audio).max() < 1e-4


def test_mono_wav() -> None:
    data = sound.wav_bytes(np.array([0.0, 2.0, -2.0]), 8000)
    with wave.open(io.BytesIO(data)) as file:
        assert file.getnchannels() == 1
        assert np.frombuffer(file.readframes(3), "<i2").tolist() == [0, 32767, -32768]


def test_long_tones_stay_out_of_the_cache() -> None:
    tones.tone.cache_clear()
    audio = sound.render_notes(table((0.0, 15.0, 45, 72), (0.0, 1.0, 60, 72)), 8000)
    assert tones.tone.cache_info().currsize == 1
    assert np.abs(audio[14 * 8000 : 15 * 8000]).max() > 1e-4


def test_mode_sum_equals_the_slow_twin() -> None:
    modes = tones.tone_modes(64, 5, "piano", RATE)
    t = np.arange(3000) / RATE
    slow = sum(
        a * np.exp(-d * t) * np.sin(2 * np.pi * f * t + p)
        for f, a, d, p in zip(
            modes.frequency_hz, modes.amplitude, modes.decay_per_sec, modes.phase_rad, strict=True
        )
    )
    assert np.abs(tones.sum_modes(modes, 3000, RATE) - slow).max() < 1e-4


def test_room_equals_plain_convolution() -> None:
    rng = np.random.default_rng(0)
    dry = np.zeros((2, 150_000), dtype=np.float32)
    dry[:, :130_000] = rng.standard_normal((2, 130_000)) * 0.1
    wet = room.add_room(dry, 8000, 0.3)
    response = room.impulse_response(8000)
    middle = dry.mean(axis=0)
    for at in (0, 5000, 125_000, 131_072, 149_000):
        span = middle[max(0, at - response.shape[1] + 1) : at + 1][::-1]
        wanted = dry[0, at] + 0.3 * float(span @ response[0, : len(span)])
        assert wet[0, at] == pytest.approx(wanted, abs=1e-4)


def test_bad_tables_are_refused() -> None:
    with pytest.raises(MusicError, match="no note"):
        sound.render_score(Score((Part("P1"),), ()))
    with pytest.raises(MusicError, match="minutes"):
        sound.render_notes(table((2000.0, 1.0, 60, 72)), RATE)
    with pytest.raises(MusicError, match="hours"):
        sound.render_notes(table(*[(0.0, 1000.0, 60, 72)] * 50), RATE)
    with pytest.raises(ValueError, match="negative"):
        sound.render_notes(table((-1.0, 1.0, 60, 72)), RATE)
    with pytest.raises(ValueError, match="finite"):
        sound.render_notes(table((float("nan"), 1.0, 60, 72)), RATE)
    with pytest.raises(ValueError, match="unknown"):
        sound.render_notes(table((0.0, 1.0, 60, 72)), RATE, timbre="kazoo")
    with pytest.raises(ValueError, match="finite"):
        sound.wav_bytes(np.array([np.inf]), RATE)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0, 2), st.floats(0, 1.5), st.integers(0, 127), st.integers(0, 127)),
        max_size=6,
    )
)
def test_any_notes_give_finite_unclipped_sound(rows: list[tuple[float, float, int, int]]) -> None:
    audio = sound.render_notes(table(*rows), 8000)
    assert np.isfinite(audio).all()
    assert np.abs(audio).max(initial=0.0) <= 10 ** (-1 / 20) + 1e-5
