"""What the jobs of several pages write and tell alike."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from partimento.core.errors import InputFileError, MusicError
from partimento.music.performance import Performance
from partimento.music.performance_write import performance_midi
from partimento.studio.bench import Bench
from partimento.studio.handlers.harmonizing import check_job
from partimento.studio.handlers.job_files import note_rows, retold, write_json, write_sound
from partimento.studio.handlers.looking import look, roll
from partimento.studio.orders import CheckOrder
from partimento.studio.questions import LookQuestion, RollQuestion


def test_json_is_short_for_pages_and_readable_for_people(tmp_path: Path) -> None:
    data = {"seconds": np.float64(1.5), "notes": [np.int64(3)]}
    write_json(tmp_path, "page.json", data)
    assert (tmp_path / "page.json").read_text() == '{"seconds":1.5,"notes":[3]}'
    write_json(tmp_path, "report.json", [data], indent=2)
    text = (tmp_path / "report.json").read_text()
    assert json.loads(text) == [{"seconds": 1.5, "notes": [3]}] and text.endswith("]\n")
    write_json(tmp_path, "unknown.json", {"seconds": float("nan")})
    assert (tmp_path / "unknown.json").read_text() == '{"seconds":"NaN"}'


def test_notes_are_heard_at_their_times(tmp_path: Path) -> None:
    notes = np.array([[0.0, 0.5, 60, 80, 0], [1.0, 0.5, 67, 80, 1]])
    assert write_sound(tmp_path / "a.wav", notes) == "a.wav"
    with wave.open(str(tmp_path / "a.wav")) as sound:
        assert sound.getframerate() == 44_100
        assert sound.getnframes() > 1.5 * 44_100
    assert write_sound(tmp_path / "b.wav", notes[:0]) is None
    assert not (tmp_path / "b.wav").exists()
    assert note_rows(notes / 3)[1] == [0.333, 0.167, 22.333, 26.667, 0.333]


def test_a_mistake_is_told_in_the_users_words() -> None:
    error = InputFileError("x7 is broken", where="jobs/x7", fix="Mend x7")
    told = retold(error, [("jobs/x7", "mine.mid"), ("x7", "mine")])
    assert isinstance(told, InputFileError)
    assert (told.what, told.where, told.fix) == ("mine is broken", "mine.mid", "Mend mine")


def test_a_file_of_a_job_is_called_by_its_name_once(tmp_path: Path) -> None:
    """Its name is the user's name for it: the stem must not be replaced inside the name."""
    (tmp_path / "job").mkdir()
    refs = {"job:1/01.abc": tmp_path / "01.abc", "job:1/02.abc": tmp_path / "02.abc"}
    for path in refs.values():
        path.write_text("X:1\nK:C\n|]\n")
    names = {ref: path.name for ref, path in refs.items()}
    bench = Bench(tmp_path / "job", refs, names, tmp_path, lambda *_: None)
    found = check_job(CheckOrder(source="job:1/01.abc", more=["job:1/02.abc"]), bench)
    for row in found["scores"]:
        assert row["name"] in row["error"] and ".abc.abc" not in row["error"]


def test_a_file_without_notes_has_no_roll(tmp_path: Path) -> None:
    path = tmp_path / "empty.mid"
    nothing = np.zeros(0)
    none = nothing.astype(np.int64)
    path.write_bytes(performance_midi(Performance(nothing, nothing, none, none, np.zeros((0, 2)))))
    bench = Bench(tmp_path, {"upload:" + "a" * 16: path}, {}, tmp_path, lambda *_: None)
    with pytest.raises((InputFileError, MusicError), match="note"):
        roll(RollQuestion(source="upload:" + "a" * 16), bench)
    with pytest.raises((InputFileError, MusicError), match="note"):
        look(LookQuestion(source="upload:" + "a" * 16, kind="midi"), bench)
