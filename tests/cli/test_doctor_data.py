"""doctor data: what it prints, its exit codes, its mistakes."""

import json

import numpy as np
import pytest
import typer

import partimento
from partimento.cli import main as command_line
from partimento.cli.doctor_data import doctor_data


@pytest.fixture(autouse=True)
def _command(monkeypatch):
    monkeypatch.setitem(partimento.TWINS, "examine_data", "partimento.tasks.doctoring:examine_data")
    app = typer.Typer()
    app.command("data")(doctor_data)
    app.callback()(lambda: None)
    monkeypatch.setattr(command_line, "app", app)


@pytest.fixture
def pieces(tmp_path):
    steps = np.random.default_rng(0).integers(-3, 4, (30, 40, 4)).cumsum(axis=1) % 17
    grids = (np.repeat(steps, 4, axis=1) + np.array([60, 55, 48, 40])).tolist()
    path = tmp_path / "pieces.json"
    path.write_text(json.dumps({"train": grids[:20], "valid": grids[20:]}))
    return path


def test_healthy_data(pieces, capsys):
    assert command_line.main(["data", "chorale", str(pieces), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["code"] for one in report["findings"]] == ["D4.dead-tokens"]
    assert report["exit_code"] == 0
    assert {"code", "severity", "claim", "measured", "unit", "threshold", "source", "confidence",
            "control", "remedy", "evidence"} == set(report["findings"][0])  # fmt: skip


def test_a_leak_ends_with_one(pieces, capsys):
    content = json.loads(pieces.read_text())
    content["valid"] = content["train"][:10]
    pieces.write_text(json.dumps(content))
    assert command_line.main(["data", "chorale", str(pieces)]) == 1
    printed = capsys.readouterr().out
    assert "D2.leakage  Held-out examples known from training" in printed
    assert "10 of 10 held-out examples are equal to training examples" in printed


def test_files_for_later(pieces, tmp_path, capsys):
    words = ["data", "chorale", str(pieces), "--limit", "25", "--seed", "2"]
    assert command_line.main([*words, "-o", str(tmp_path / "out")]) == 0
    assert "drawn with seed 2" in capsys.readouterr().out
    assert (tmp_path / "out" / "doctor.html").read_text().startswith("<!")
    assert json.loads((tmp_path / "out" / "doctor.json").read_text())["counts"]["severe"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["opera", "x"], "there is no task 'opera'"),
        (["chorale", "x", "--features", "midi"], "chorale has no option features"),
        (["critique", "x", "--features", "no"], "this file does not exist"),
    ],
)
def test_mistakes(words, said, capsys):
    assert command_line.main(["data", *words]) == 2
    assert said in capsys.readouterr().err
