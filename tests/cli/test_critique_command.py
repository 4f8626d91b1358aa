"""The command: what it prints, what it writes, how it fails."""

import json
from pathlib import Path

import pytest

import fake_critic
from made_performances import another_take, random_piece, write_notes
from partimento.cli.main import main
from partimento.music.dimensions import NAMES
from partimento.tasks.critique import judge, worker


@pytest.fixture(autouse=True)
def _critic(monkeypatch):
    monkeypatch.setattr(judge, "load_critic", fake_critic.load_fake)
    monkeypatch.setattr(worker, "Reader", fake_critic.QuickReader)


@pytest.fixture
def takes(tmp_path):
    piece = random_piece(1, notes=60)
    return [write_notes(another_take(piece, s), tmp_path / "in" / f"{s}.mid") for s in range(3)]


def run(*words):
    return main(["critique", *map(str, words)])


def test_json_of_one(takes, capsys):
    assert run(takes[0], "--json") == 0
    printed = capsys.readouterr()
    report = json.loads(printed.out)
    assert {*report["scores"], *report["abstained"]} == set(NAMES)
    assert {"mean", "low", "high"} <= set(report["scores"]["tempo"])
    assert {"groups", "features", "bars"} == set(report["drivers"]["tempo"])
    assert printed.err == ""


def test_json_of_several_with_one_that_fails(takes, capsys, tmp_path):
    bad = tmp_path / "in" / "bad.mid"
    bad.write_bytes(b"MThd")
    assert run(takes[0], bad, takes[1], "--json") == 2
    printed = capsys.readouterr()
    rows = json.loads(printed.out)
    assert [Path(row["input"]).stem for row in rows] == ["0", "bad", "1"]
    assert rows[1]["error"]["message"] and "scores" in rows[2]
    assert printed.err.count("\n") == 2 and "1 of 3 inputs failed" in printed.err


def test_text_of_one_two_and_three(takes, capsys):
    assert run(takes[0]) == 0
    one = capsys.readouterr().out
    assert "fast - slow" in one and "no score for balance" in one and "slow in tempo" in one
    assert run(*takes[:2]) == 0
    two = capsys.readouterr().out
    assert "rank among 2 performances" in two and ("Beside" in two)
    assert run(takes[0].parent) == 0
    three = capsys.readouterr().out
    assert "what stands out" in three and "--json" in three and "fast - slow" not in three


def test_files(takes, tmp_path, capsys):
    assert run(takes[0], "-o", tmp_path / "out") == 0
    assert "wrote" in capsys.readouterr().out
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"index.html", "report.json"}


def test_errors_are_one_paragraph_and_code_2(tmp_path, capsys, takes):
    assert run(tmp_path / "none.mid") == 2
    err = capsys.readouterr().err
    assert "does not exist" in err and err.count("\n") == 1
    assert run(takes[0], "--score", tmp_path / "none.xml", "--json") == 2
    assert "score does not exist" in json.loads(capsys.readouterr().out)["error"]["message"]
