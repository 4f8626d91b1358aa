"""The commands that judge piano performances, on made files."""

import json

import pytest

from made_performances import another_take, random_piece, write_notes
from partimento.cli.main import main


@pytest.fixture
def cli(capsys):
    def run(*words, code=0):
        assert main([str(word) for word in words]) == code, capsys.readouterr().err
        return capsys.readouterr()

    return run


@pytest.fixture
def folder(tmp_path):
    for work in range(2):
        home = tmp_path / "performances" / f"work {work}"
        write_notes(random_piece(work), home / "midi_score.mid")
        for take in range(3):
            write_notes(another_take(random_piece(work), take), home / f"{take}.mid")
    return tmp_path / "performances"


def test_evaluate_piano(cli, folder):
    command = ("evaluate", "piano", "--data", folder, "--floors-only")
    report = json.loads(cli(*command, "--json").out)
    assert (report["performances"], report["pieces"]) == (4, 2)
    promised = {"tokens", "notes", "seconds", "per_type", "floors", "performances"}
    assert promised <= set(report)
    assert json.loads(cli(*command, "--max-per-piece", 0, "--json").out)["performances"] == 6
    text = cli(*command).out
    assert "trigram" in text
    assert "work 0" not in text


def test_a_wrong_split_is_one_paragraph(cli, folder):
    err = cli("evaluate", "piano", "--data", folder, "--split", "tset", code=2).err
    assert err.startswith("error: ")
    assert "tset" in err and err.count("\n") == 1


def test_evaluate_continuations(cli, folder, tmp_path):
    write_notes(random_piece(9, notes=60), tmp_path / "made" / "a.mid")
    command = ("evaluate", "continuations", tmp_path / "made", "--reference", folder)
    report = json.loads(cli(*command, "--training", folder, "--json").out)
    assert report["generated"] == 1
    assert report["copied"]["training_performances"] == 6
    text = cli(*command, "-o", tmp_path / "out").out
    assert "self_similarity" in text
    assert (tmp_path / "out" / "continuations.html").is_file()


def test_split_and_leaks(cli, folder, tmp_path):
    table = folder / "split.csv"
    made = json.loads(cli("data", "split", folder, "-o", table, "--share", 0.6, "--json").out)
    assert made["splits"] == {"train": 3, "validation": 3}
    found = json.loads(cli("data", "leaks", table, "--json").out)
    assert (found["works"], found["leaks"]) == (2, 0)
    table.write_text(table.read_text().replace("validation", "train", 1))
    assert json.loads(cli("data", "leaks", table, "--json").out)["leaks"] == 2
    assert "work 1/0.mid" in table.read_text()
