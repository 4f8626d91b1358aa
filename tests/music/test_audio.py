import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from partimento.core.errors import InputFileError, PartimentoError
from partimento.core.limits import AUDIO_BYTES
from partimento.music import audio
from partimento.music.audio import SAMPLE_RATE, is_sound_file, read_sound, sound_of


def tone(hertz, seconds, rate, level=0.5):
    return level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def write(path, samples, rate=SAMPLE_RATE, **form):
    soundfile.write(path, samples, rate, **form)
    return path


def read(path, **options):
    """Without a process of its own: what the process does is the same function."""
    return read_sound(path, guarded=False, **options)


def pitch_hz(sound):
    spectrum = np.abs(np.fft.rfft(sound.samples_N * np.hanning(len(sound.samples_N))))
    return spectrum.argmax() * SAMPLE_RATE / len(sound.samples_N)


def wav_header(channels=1, rate=SAMPLE_RATE, claimed=0xFFFFFFF0):
    form = struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * 2, 2 * channels % 65536, 16)
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + form + b"data" + struct.pack("<I", claimed)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 44_101, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_pitch_level_and_length_survive_any_rate(tmp_path, rate, channels):
    samples = np.repeat(tone(440, 1.0, rate)[:, None], channels, axis=1)
    sound = read(write(tmp_path / "a.wav", samples, rate))
    assert sound.samples_N.dtype == np.float32
    assert sound.samples_N.ndim == 1
    assert sound.seconds == pytest.approx(1.0, abs=0.001)
    assert pitch_hz(sound) == pytest.approx(440, abs=1.5)
    assert np.abs(sound.samples_N[2000:-2000]).max() == pytest.approx(0.5, abs=0.01)
    assert (sound.file_rate, sound.file_channels, sound.warnings) == (rate, channels, ())


@pytest.mark.parametrize(("ending", "form"), [("flac", {}), ("mp3", {}), ("ogg", {})])
def test_other_kinds_by_their_first_bytes(tmp_path, ending, form):
    path = write(tmp_path / f"a.{ending}", tone(440, 1.0, 44_100), 44_100, **form)
    wrong = path.rename(tmp_path / "a.wav")
    assert is_sound_file(wrong)
    assert pitch_hz(read(wrong)) == pytest.approx(440, abs=2)


def test_channels_are_averaged(tmp_path):
    left, right = tone(440, 0.5, SAMPLE_RATE), tone(440, 0.5, SAMPLE_RATE)
    same = read(write(tmp_path / "same.wav", np.stack([left, right], 1)))
    against = read(write(tmp_path / "against.wav", np.stack([left, -right], 1)))
    np.testing.assert_allclose(same.samples_N, left, atol=1e-4)
    np.testing.assert_allclose(against.samples_N, 0, atol=1e-4)


@pytest.mark.parametrize("length", [1, 2, 1_600])
def test_short_sounds_and_silence_are_sounds(tmp_path, length):
    sound = read(write(tmp_path / "a.wav", np.zeros(length)))
    assert len(sound.samples_N) == length
    assert not sound.samples_N.any()
    tiny = read(write(tmp_path / "b.wav", np.zeros(length), 96_000))
    assert len(tiny.samples_N) >= 1


def test_only_the_beginning_of_a_long_sound(tmp_path):
    samples = np.concatenate([np.zeros(SAMPLE_RATE), tone(440, 1.0, SAMPLE_RATE)])
    path = write(tmp_path / "a.wav", samples)
    sound = read(path, max_seconds=1)
    assert sound.seconds == 1.0
    assert not sound.samples_N.any()
    assert sound.warnings == ("this sound is longer than 1 s: only its beginning is heard",)
    assert read(path, max_seconds=2).warnings == ()
    with pytest.raises(ValueError, match="positive"):
        read(path, max_seconds=0)


def test_ten_minutes(tmp_path):
    path = write(tmp_path / "a.flac", np.zeros(SAMPLE_RATE * 601, dtype=np.int16))
    sound = read_sound(path)
    assert sound.seconds == 600.0
    assert "longer than 600 s" in sound.warnings[0]


def test_some_samples_that_are_no_numbers_become_silence(tmp_path):
    samples = tone(440, 0.1, SAMPLE_RATE).astype(np.float32)
    samples[[5, 6]] = np.nan, -np.inf
    sound = read(write(tmp_path / "a.wav", samples, subtype="FLOAT"))
    assert np.isfinite(sound.samples_N).all()
    assert not sound.samples_N[[5, 6]].any()
    assert sound.warnings == ("2 samples were no numbers and are taken as silence",)
    one = sound_of(np.array([0.5] * 200 + [np.nan]), SAMPLE_RATE)
    assert one.warnings == ("1 sample was no number and is taken as silence",)


def test_many_samples_that_are_no_numbers_are_refused(tmp_path):
    samples = np.full(1_600, np.nan, dtype=np.float32)
    with pytest.raises(InputFileError, match=r"a.wav: 100 % of its samples are no numbers"):
        read(write(tmp_path / "a.wav", samples, subtype="FLOAT"))


def test_floats_in_other_units_are_scaled(tmp_path):
    path = write(tmp_path / "a.wav", 32_767 * tone(440, 0.1, SAMPLE_RATE), subtype="FLOAT")
    sound = read(path)
    assert np.abs(sound.samples_N).max() == pytest.approx(1.0)
    assert "times full scale" in sound.warnings[0]
    vast = sound_of(np.full((10, 2), 3e38, dtype=np.float32), SAMPLE_RATE)
    np.testing.assert_allclose(vast.samples_N, 1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"hello, a text named .wav\n" * 9, "is a text file"),
        ("Überall Umlaute: äöü ".encode() * 60, "is a text file"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60", "is a MIDI file"),
        (bytes(range(256)) * 4, "no sound file of a known kind"),
        (b"RIFF\0\0\0\0WAVE", "damaged or cut off"),
        (b"RIFF\0\0\0\0AVI ", "no sound file of a known kind"),
        (b"fLaC" + bytes(100), "damaged or cut off"),
        (b"OggS" + bytes(100), "damaged or cut off"),
        (b"\xff\xfb" + bytes(1000), "damaged or cut off"),
        (b"ID3" + bytes(50), "damaged or cut off"),
        (wav_header(channels=65_535) + bytes(2_000), "damaged or cut off|channels"),
        (wav_header(rate=500) + bytes(2_000), "500 Hz is outside"),
        (wav_header(claimed=0), "not a single sample"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_strangers_get_one_sentence(tmp_path, content, words):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=words) as caught:
        read(path)
    assert caught.value.text.startswith(str(path))
    assert caught.value.text.count(str(path)) == 1
    assert "\n" not in caught.value.text


def test_missing_folder_and_too_large(tmp_path):
    with pytest.raises(InputFileError, match="does not exist"):
        read(tmp_path / "none.wav")
    with pytest.raises(InputFileError, match="is a folder"):
        read(tmp_path)
    vast = tmp_path / "vast.wav"
    with vast.open("wb") as stream:
        stream.truncate(AUDIO_BYTES + 1)
    with pytest.raises(InputFileError, match=r"larger than the 50\.0 MB"):
        read(vast)


def test_a_header_that_promises_hours_is_not_believed(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav_header() + np.full(8_000, 1_000, dtype="<i2").tobytes())
    sound = read(path)
    assert sound.seconds == 0.5
    np.testing.assert_allclose(sound.samples_N, 1_000 / 32_768, atol=1e-6)


def test_a_flac_that_is_cut_off(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * SAMPLE_RATE)
    whole = write(tmp_path / "whole.flac", noise).read_bytes()
    cut = tmp_path / "cut.flac"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputFileError, match=r"cut.flac: .* cut off after [012]\.?\d* s"):
        read_sound(cut)


def test_a_guarded_reading_is_the_same(tmp_path):
    path = write(tmp_path / "a.wav", tone(440, 0.2, 44_100), 44_100)
    guarded, plain = read_sound(path), read(path)
    np.testing.assert_array_equal(guarded.samples_N, plain.samples_N)
    assert guarded.source == plain.source == str(path)


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=80), st.integers(0, 400), st.sampled_from(["WAV", "FLAC", "OGG"]))
def test_damaged_files_never_crash(noise, place, kind):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(300, 0.05, SAMPLE_RATE), SAMPLE_RATE, format=kind)
    data = bytearray(buffer.getvalue())
    data[place : place + len(noise)] = noise
    try:
        audio._check_kind(bytes(data), "a")
        samples, head = audio._decoded(bytes(data), 2.0)
        sound = sound_of(samples, head["rate"])
    except PartimentoError as error:
        assert error.text
    else:
        assert np.isfinite(sound.samples_N).all()


def test_samples_in_memory():
    full = np.array([-32_768, 0, 32_767], dtype=np.int16)
    np.testing.assert_allclose(sound_of(full, SAMPLE_RATE).samples_N, [-1, 0, 1], atol=1e-4)
    eight = np.array([0, 128, 255], dtype=np.uint8)
    np.testing.assert_allclose(sound_of(eight, SAMPLE_RATE).samples_N, [-1, 0, 1], atol=0.01)
    with pytest.raises(ValueError, match="1 to 400 kHz"):
        sound_of(np.zeros(5), 0)
    with pytest.raises(ValueError, match=r"\(N, C\)"):
        sound_of(np.zeros((2, 2, 2)), SAMPLE_RATE)
    with pytest.raises(InputFileError, match="not a single sample"):
        sound_of(np.zeros((0, 2)), SAMPLE_RATE)
    assert len(sound_of(np.zeros(1), 400_000).samples_N) == 1


def test_no_sound_file(tmp_path):
    assert not is_sound_file(tmp_path / "none.wav")
    assert not is_sound_file(tmp_path)
