import json
import math

import numpy as np
import pytest

from partimento.cli.batch import BatchError, run_batch, run_findings
from partimento.cli.inputs import expand
from partimento.cli.output import describe, emit, progress_bar, table
from partimento.core.errors import InputFileError, MusicError


def test_json_is_strict_and_takes_arrays(capsys, tmp_path):
    emit({"x": np.arange(3), "loss": math.nan, "file": tmp_path, "word": "é"}, True)
    out = capsys.readouterr().out
    assert json.loads(out) == {"x": [0, 1, 2], "loss": "NaN", "file": str(tmp_path), "word": "é"}
    assert "é" in out


def test_describe_nests_and_aligns():
    value = {
        "nats_per_frame": 1.23456,
        "per_voice": {"S": 0.5, "A": None},
        "files": ["a", "b"],
        "findings": [{"rule": "parallel", "bar": 1}, {"rule": "range", "bar": 2}],
        "empty": {},
        "kept": True,
    }
    lines = describe(value).splitlines()
    assert lines[0] == "nats_per_frame  1.235"
    assert "  S  0.5" in lines
    assert "  A  -" in lines
    assert "files           a, b" in lines
    assert "  rule  range" in lines
    assert "kept            yes" in lines


def test_table_aligns_columns():
    rows = [{"name": "small", "parameters": 10}, {"name": "x", "parameters": 2}]
    assert table(rows, ("name", "parameters")).splitlines() == [
        "name   parameters",
        "small  10",
        "x      2",
    ]


def test_progress_draws_on_a_terminal_only(monkeypatch):
    with progress_bar(quiet=True) as report:
        assert report is None
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress_bar(quiet=False) as report:
        assert report is not None
        report(0, 3, "pieces")
        report(3, 3, "pieces")


def test_expand_files_folders_and_globs(tmp_path):
    for name in ("b.mid", "a.musicxml", "notes.txt", ".hidden.mid", "odd [1].mid"):
        (tmp_path / name).write_text("x")
    a, b = tmp_path / "a.musicxml", tmp_path / "b.mid"
    odd = tmp_path / "odd [1].mid"
    assert expand([str(tmp_path)]) == [a, b, odd]
    assert expand([str(tmp_path / "*.mid"), str(b)]) == [b, odd]
    assert expand([str(odd)]) == [odd]
    assert expand([str(tmp_path / "missing.mid")]) == [tmp_path / "missing.mid"]


def test_expand_says_when_there_is_nothing(tmp_path):
    with pytest.raises(InputFileError, match="holds no score"):
        expand([str(tmp_path)])
    with pytest.raises(InputFileError, match="no file matches"):
        expand([str(tmp_path / "*.mid")])


def fail_on_b(path):
    if path.name == "b":
        raise MusicError("too high", where="bar 1")
    return {"name": path.name}


def test_one_bad_input_does_not_stop_the_others(tmp_path, capsys):
    files = [tmp_path / name for name in "abc"]
    with pytest.raises(BatchError, match="1 of 3 inputs failed"):
        run_batch(files, fail_on_b, as_json=True)
    printed = capsys.readouterr()
    reports = json.loads(printed.out)
    assert [report.get("name") for report in reports] == ["a", None, "c"]
    assert reports[1]["error"]["what"] == "too high"
    assert f"{files[1]}: bar 1: too high." in printed.err


def test_a_single_input_gives_one_object_or_its_error(tmp_path, capsys):
    run_batch([tmp_path / "a"], fail_on_b, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"name": "a"}
    with pytest.raises(MusicError):
        run_batch([tmp_path / "b"], fail_on_b, as_json=True)


def findings_of(path):
    if path.name == "b":
        raise MusicError("too high")
    if path.name == "clean":
        return []
    finding = {"rule": "parallel_fifths", "bar": "3", "beat": 2.5, "voices": ["S", "B"]}
    return [{**finding, "severity": "error", "message": "C5-G5 over C3-G3"}]


def test_findings_name_their_file(tmp_path, capsys):
    with pytest.raises(BatchError):
        run_findings([tmp_path / "a", tmp_path / "b"], findings_of, as_json=True)
    (finding,) = json.loads(capsys.readouterr().out)
    assert finding["file"] == str(tmp_path / "a")
    assert finding["rule"] == "parallel_fifths"


def test_findings_as_lines(tmp_path, capsys):
    run_findings([tmp_path / "a", tmp_path / "clean"], findings_of, as_json=False)
    out = capsys.readouterr().out
    assert "1 finding\n" in out
    assert "bar 3, beat 2.5" in out
    assert "S-B" in out
    assert f"{tmp_path / 'clean'}: nothing to object to" in out
