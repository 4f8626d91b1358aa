import numpy as np
import pytest

from fake_sound_model import FakeSoundModel
from made_sounds import LABELS, made_sound, write_wav
from partimento.core.errors import InputFileError
from partimento.tasks.audio2visual.listen import listen, sound_files

MODEL = FakeSoundModel()


@pytest.fixture
def folder(tmp_path):
    for label in ("Rain", "Clock tick"):
        write_wav(tmp_path / f"{label}.wav", made_sound(label, 3, 2.0).samples_N)
    (tmp_path / "notes.txt").write_text("not looked at")
    return tmp_path


def test_a_folder(folder):
    told = []
    result = listen(folder, weights=MODEL, progress=lambda *step: told.append(step))
    assert [file.heard.label for file in result.files] == ["Clock tick", "Rain"]
    assert told == [(1, 2, "files"), (2, 2, "files")]
    report = result.reports()[1]
    assert report["input"] == str(folder / "Rain.wav")
    assert report["label"] == report["top"][0][0] == "Rain"
    assert report["seconds"] == 2.0 and report["warnings"] == [] and report["unknown"] is False


def test_a_broken_file_does_not_stop_the_others(folder):
    bad = folder / "bad.wav"
    bad.write_text("hello")
    result = listen([folder / "Rain.wav", bad, folder / "Clock tick.wav"], weights=MODEL)
    assert [e.path for e in result.entries] == [
        str(folder / name) for name in ("Rain.wav", "bad.wav", "Clock tick.wav")
    ]
    (failed,) = result.failed
    assert "text file" in failed.error.text
    with pytest.raises(InputFileError, match="text file"):
        listen(bad, weights=MODEL)


def test_sounds_in_memory_and_their_warnings(folder):
    (heard,) = listen(made_sound("Rooster", 2), weights=MODEL).files
    assert (heard.path, heard.heard.label) == ("Rooster 2", "Rooster")
    loud = write_wav(folder / "a.wav", np.zeros(100))
    assert listen([loud, loud], weights=MODEL).files[0].seconds == pytest.approx(0.006, abs=1e-3)


def test_what_files_are_meant(folder):
    rain = folder / "Rain.wav"
    assert sound_files([str(rain), folder, rain]) == [rain, folder / "Clock tick.wav"]
    assert sound_files([str(folder / "R*.wav")]) == [rain]
    assert sound_files(["none.wav"])[0].name == "none.wav"
    with pytest.raises(InputFileError, match="no file matches"):
        sound_files([str(folder / "*.flac")])
    (folder / "empty").mkdir()
    with pytest.raises(InputFileError, match="holds no sound"):
        sound_files([folder / "empty"])


def test_every_made_sound_has_its_label():
    result = listen([made_sound(label, 50, 2.0) for label in LABELS], weights=MODEL)
    assert [file.heard.label for file in result.files] == list(LABELS)
