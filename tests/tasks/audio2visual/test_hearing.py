import numpy as np
import pytest

from made_sounds import made_sound, write_clips, write_wav
from made_tunes import write_tunes
from partimento.core.errors import DataError, InputFileError, MusicError
from partimento.music.audio import SAMPLE_RATE
from partimento.music.barpiece import bar_piece
from partimento.music.barpiece_write import midi_bytes_of
from partimento.tasks.audio2visual.hearing import PLAYED_SECONDS, play, read_any, read_folder


def write_midi(path, notes=8, tempo=120.0):
    """Quarters of A4 on the piano."""
    n = np.arange(notes)
    ones = np.ones(notes, dtype=np.int64)
    piece = bar_piece(24 * n, 24 * ones, 69 * ones, 80 * ones, 0 * n, meter="4/4", tempo_bpm=tempo)
    path.write_bytes(midi_bytes_of(piece))
    return path


def test_midi_is_played(tmp_path):
    sound = read_any(write_midi(tmp_path / "a.mid"))
    assert sound.samples_N.dtype == np.float32
    assert 4.0 < sound.seconds < 6.0
    middle = sound.samples_N[4_000:20_000] * np.hanning(16_000)
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(440, abs=2)
    assert (sound.file_channels, sound.warnings) == (1, ())


def test_midi_under_another_name_and_sound_named_mid(tmp_path):
    renamed = write_midi(tmp_path / "a.mid").rename(tmp_path / "a.wav")
    assert read_any(renamed).seconds > 4.0
    recording = write_wav(tmp_path / "b.mid", np.zeros(1_600))
    assert read_any(recording).seconds == 0.1


def test_only_the_beginning_of_long_music(tmp_path):
    path = write_midi(tmp_path / "a.mid", notes=40, tempo=60.0)
    sound = read_any(path)
    assert PLAYED_SECONDS <= sound.seconds < PLAYED_SECONDS + 3
    assert sound.warnings == (f"only the first {PLAYED_SECONDS:g} s of this music are played",)
    assert play(path, 2.5).seconds < 6.0


def test_music_that_cannot_be_played(tmp_path):
    header = b"MThd" + (6).to_bytes(4, "big") + bytes([0, 0, 0, 1, 0, 96])
    track = bytes([0, 0xC0, 1, 96, 0xFF, 0x2F, 0])
    empty = tmp_path / "a.mid"
    empty.write_bytes(header + b"MTrk" + len(track).to_bytes(4, "big") + track)
    with pytest.raises((MusicError, InputFileError), match=r"a\.mid: .*no.* note"):
        read_any(empty)
    cut = tmp_path / "b.mid"
    cut.write_bytes(write_midi(tmp_path / "c.mid").read_bytes()[:40])
    with pytest.raises(InputFileError, match=r"b\.mid"):
        read_any(cut)
    with pytest.raises(InputFileError, match="does not exist"):
        read_any(tmp_path / "none.mid")


def test_a_text_named_wav_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    path.write_text("no sound at all")
    with pytest.raises(InputFileError, match="text file"):
        read_any(path)


def test_clips_of_a_table(tmp_path):
    table, audio = write_clips(tmp_path, ("Rain", "Clock tick"), per_class=2, seconds=0.3)
    clips = read_folder(table, audio)
    assert clips.labels == ("Rain", "Rain", "Clock tick", "Clock tick")
    assert [clip.fold for clip in clips] == [1, 2, 1, 2]
    assert {clip.licence for clip in clips} == {"CC0"}
    assert len({clip.recording for clip in clips}) == 4
    made = made_sound("Clock tick", 1, 0.3).samples_N
    np.testing.assert_allclose(clips[3].sound().samples_N, made, atol=1e-4)
    assert clips.select([3, 0]).labels == ("Clock tick", "Rain")


def test_only_two_columns_are_needed(tmp_path):
    _, audio = write_clips(tmp_path, ("Rain",), per_class=1, seconds=0.1)
    (file,) = audio.iterdir()
    table = tmp_path / "own.csv"
    table.write_bytes(b"\xef\xbb\xbf" + f"category,filename\nRain,{file.name}\n".encode())
    (clip,) = read_folder(table, audio)
    assert (clip.category, clip.fold, clip.licence) == ("Rain", 0, "")
    assert clip.recording == clip.filename


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("filename,fold\na.wav,1\n", "no column category.*it has: filename, fold"),
        ("name\na.wav\n", "no column filename and no column category"),
        ("", "no column filename"),
        ("filename,category\n", "has no rows"),
        ("filename,category\nb.wav,Rain\nc.wav,Rain\n", "2 of 2 clips .*: b.wav, c.wav"),
        ("filename,category\n../a.wav,Rain\n", "line 2: '../a.wav' is no name of a file"),
        ("filename,category\n/etc/passwd,Rain\n", "is no name of a file"),
        ("filename,category\na.wav,\n", "category is empty"),
        ("filename,category,fold\na.wav,Rain,one\n", "'one' in the column fold"),
    ],
)
def test_tables_that_are_wrong(tmp_path, text, words):
    write_wav(tmp_path / "a.wav", np.zeros(160))
    table = tmp_path / "clips.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        read_folder(table, tmp_path)
    assert "\n" not in caught.value.text


def test_tables_that_are_no_tables(tmp_path):
    table = tmp_path / "clips.csv"
    table.write_bytes(b"\xff\xfe\x00filename")
    with pytest.raises(InputFileError, match="no CSV table"):
        read_folder(table, tmp_path)
    with pytest.raises(InputFileError, match="does not exist"):
        read_folder(tmp_path / "none.csv", tmp_path)
    table.write_text("filename,category\na.wav,Rain\n")
    with pytest.raises(DataError, match="no such folder"):
        read_folder(table, tmp_path / "none")


def test_esc10(data_dir, tmp_path):
    table = data_dir / "esc10" / "esc10.csv"
    if not table.is_file():
        pytest.skip("esc10 is not in the data folder")
    import csv
    import tarfile

    with table.open() as stream:
        rows = list(csv.DictReader(stream))
    with tarfile.open(data_dir / "esc10" / "audio.tar") as archive:
        names = [m for m in archive.getmembers() if m.name.endswith(rows[7]["filename"])]
        archive.extractall(tmp_path, members=names, filter="data")
    small = tmp_path / "one.csv"
    small.write_text(f"filename,category\n{rows[7]['filename']},{rows[7]['category']}\n")
    (clip,) = read_folder(small, next(tmp_path.rglob("*.flac")).parent)
    sound = clip.sound()
    assert sound.seconds == 5.0
    rms = float(np.sqrt(np.mean(sound.samples_N.astype(np.float64) ** 2)))
    assert rms == pytest.approx(float(rows[7]["rms"]), abs=2e-4)
    assert len(rows) == 320


def test_tunes_can_be_heard(tmp_path):
    folder = write_tunes(tmp_path, count=1, bars=2)
    sound = read_any(next(folder.rglob("*.mid")))
    assert len(sound.samples_N) > SAMPLE_RATE
