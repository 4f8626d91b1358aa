"""Commands on real files: what the issue promises of their outputs."""

import json

import numpy as np
import pytest

from partimento.cli.main import main
from partimento.cli.make import report_text
from partimento.music.files import read_score, write_score
from partimento.music.gridscore import grid_to_score

MELODY = """X:1
T:Old Hundredth
M:4/4
L:1/4
K:G
G | G F E D | G A !fermata!B B | B B A G | c B !fermata!A G | A B A G |
E F !fermata!G d | B G A c | B A !fermata!G |]
"""
SUFFIXES = {".musicxml", ".mid", ".wav", ".svg", ".png"}


@pytest.fixture
def melody(tmp_path):
    file = tmp_path / "hymn.abc"
    file.write_text(MELODY)
    return file


@pytest.fixture
def parallel(tmp_path):
    file = tmp_path / "parallel.musicxml"
    rows = np.repeat([[72, 67, 64, 48], [74, 69, 65, 50]], 4, axis=0)
    write_score(grid_to_score(rows), file)
    return file


@pytest.fixture
def cli(capsys):
    def run(*words, code=0):
        assert main([str(word) for word in words]) == code, capsys.readouterr().err
        return capsys.readouterr()

    return run


def test_check_prints_a_list_with_rule_bar_beat_voices(cli, parallel):
    findings = json.loads(cli("check", parallel, "--json").out)
    assert isinstance(findings, list)
    octave = next(f for f in findings if f["rule"] == "parallel-octaves")
    assert {"rule", "bar", "beat", "voices", "message", "file"} <= set(octave)
    text = cli("check", parallel).out
    assert "parallel-octaves" in text
    assert "bar 1, beat 2" in text


def test_check_takes_folders_and_goes_on_after_a_bad_file(cli, parallel):
    (parallel.parent / "broken.mid").write_bytes(b"MThd\0\0")
    printed = cli("check", parallel.parent, "--json", code=2)
    assert {f["file"] for f in json.loads(printed.out)} == {str(parallel)}
    assert "broken.mid" in printed.err
    assert "1 of 2 inputs failed" in printed.err


def test_harmonize_writes_every_format_and_keeps_the_melody(cli, melody, tmp_path):
    report = json.loads(cli("harmonize", melody, "-n", 2, "-o", tmp_path / "out", "--json").out)
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert written == {f"hymn-{i}{suffix}" for i in (1, 2) for suffix in SUFFIXES}
    assert sorted(report["files"]) == sorted(str(tmp_path / "out" / name) for name in written)
    assert report["key"] == "G major"
    assert len(report["alternatives"]) == 2
    sung = [(n.onset_quarter, n.midi) for n in read_score(melody).sounding()]
    for i in (1, 2):
        score = read_score(tmp_path / "out" / f"hymn-{i}.musicxml")
        soprano = score.parts[0].id
        top = [(n.onset_quarter, n.midi) for n in score.sounding() if n.part == soprano]
        assert top == sung
        assert len(score.parts) == 4


def test_the_same_seed_gives_the_same_notes_beside_the_input(cli, melody, tmp_path):
    cli("harmonize", melody, "--seed", 5)
    first = (tmp_path / "hymn-1.mid").read_bytes()
    cli("harmonize", melody, "--seed", 5, "-o", tmp_path / "again")
    assert (tmp_path / "again" / "hymn-1.mid").read_bytes() == first


def test_harmonize_several_inputs(cli, melody, tmp_path):
    (tmp_path / "second.abc").write_text(MELODY.replace("K:G", "K:F"))
    (tmp_path / "wrong.abc").write_text("no tune")
    printed = cli("harmonize", tmp_path / "*.abc", "-o", tmp_path / "out", "--json", code=2)
    reports = json.loads(printed.out)
    assert [("error" in report) for report in reports] == [False, False, True]
    assert (tmp_path / "out" / "second-1.musicxml").is_file()


def test_compose(cli, tmp_path):
    arguments = ("--key", "D minor", "--meter", "3/4", "--bars", 4, "-o", tmp_path, "--name", "new")
    report = json.loads(cli("compose-chorale", *arguments, "--json").out)
    assert report["key"] == "D minor"
    score = read_score(tmp_path / "new-1.musicxml")
    assert len(score.measures) == 4
    assert (score.time_signatures[0].beats, score.time_signatures[0].beat_type) == (3, 4)
    assert {file.suffix for file in tmp_path.iterdir()} == SUFFIXES


@pytest.mark.parametrize(
    "arguments",
    [
        ("--key", "H dur"),
        ("--lock", "X:1"),
        ("--region", "900-901"),
        ("--voices", "Q"),
        ("--weights", "chorale-nothing"),
        ("--device", "abacus"),
        ("--temperature", "9"),
    ],
)
def test_a_wrong_value_is_one_paragraph(cli, melody, arguments):
    err = cli("harmonize", melody, *arguments, code=2).err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert arguments[1] in err or arguments[0] in err


def test_the_report_for_people_says_what_was_found_and_written():
    finding = {
        "rule": "spacing",
        "bar": "2",
        "beat": 1.5,
        "voices": ["S", "A"],
        "message": "more than an octave",
    }
    alternative = {"seed": 0, "preserved": 1.0, "findings": [finding], "measures": {"x": 0.25}}
    report = {"key": "G major", "warnings": ["odd"], "alternatives": [alternative], "files": ["a"]}
    lines = report_text(report).splitlines()
    assert "key  G major" in lines
    assert "note: odd" in lines
    assert "alternative 1: 1 voice-leading findings" in lines
    assert "  bar 2, beat 1.5    S-A    spacing: more than an octave" in lines
    assert "    x  0.25" in lines
    assert lines[-1] == "wrote a"


def test_render_converts(cli, parallel, tmp_path):
    out = tmp_path / "out"
    report = json.loads(cli("render", parallel, "--formats", "mid,svg", "-o", out, "--json").out)
    assert report["files"] == [str(out / "parallel.mid"), str(out / "parallel.svg")]
    pitches = sorted(n.midi for n in read_score(parallel).sounding())
    assert sorted(n.midi for n in read_score(out / "parallel.mid").sounding()) == pitches
    assert "mp3" in cli("render", parallel, "--formats", "mp3", code=2).err


def test_tokens(cli, parallel):
    assert cli("tokens", "show", parallel).out.splitlines()[0] == "C5 G4 E4 C3"
    result = json.loads(cli("tokens", "roundtrip", parallel, "--json").out)
    assert result["text_equal"]
    assert result["midi_equal"]


def test_models(cli):
    names = {row["name"] for row in json.loads(cli("models", "list", "--json").out)}
    assert "chorale-strong" in names
    for name in names:
        card = json.loads(cli("models", "show", name, "--json").out)
        assert card["name"] == name
        assert card["licence"] in cli("models", "show", name).out
    assert "known" in cli("models", "show", "nothing", code=2).err


def test_data_list_names_source_and_licence(cli):
    rows = json.loads(cli("data", "list", "--json").out)
    chorales = next(row for row in rows if row["name"] == "chorales")
    assert chorales["licence"]
    assert chorales["source"]
    assert "chorales" in cli("data", "list").out


def test_train_with_a_wrong_override_names_the_field(cli, tmp_path):
    recipe = tmp_path / "r.yaml"
    recipe.write_text("task: chorale\nkind: source\n")
    err = cli("train", recipe, "--set", "model.widht=3", "-o", tmp_path / "run", code=2).err
    assert "did you mean width?" in err
    assert not (tmp_path / "run").exists()


def test_two_recipes_of_one_name(cli, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "r.yaml").write_text("task: chorale\n")
    err = cli("train", tmp_path / "a" / "r.yaml", tmp_path / "b" / "r.yaml", code=2).err
    assert "same name" in err


def test_a_run_folder_that_is_none(cli, tmp_path):
    assert "no run folder" in cli("compare", tmp_path, code=2).err
