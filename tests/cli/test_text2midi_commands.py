"""The commands around words: compose, parse, attributes."""

import json
import subprocess
import sys

import pytest

from fake_text_model import FakeTextModel
from made_pieces import made_piece
from partimento.cli.main import main
from partimento.music.attributes import Attributes
from partimento.music.barpiece_write import midi_bytes_of
from partimento.tasks.text2midi import loading

KEYS = set(Attributes().to_dict())


@pytest.fixture
def model(monkeypatch):
    fake = FakeTextModel()
    monkeypatch.setattr(loading, "load_text_model", lambda weights: fake)
    return fake


@pytest.fixture
def midi(tmp_path):
    path = tmp_path / "a.mid"
    path.write_bytes(midi_bytes_of(made_piece(8, instrument="flute", tempo_bpm=93.0)))
    return path


def run(capsys, *words):
    code = main(list(map(str, words)))
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_compose_writes_and_reports(model, tmp_path, capsys):
    folder = tmp_path / "out"
    options = ["--bars", 2, "--set", "key=D minor", "--set", "tempo=90", "-n", 2, "--best-of", 2]
    code, out, _ = run(capsys, "compose", "a waltz with drums", *options, "-o", folder, "--json")
    assert code == 0
    report = json.loads(out)
    assert set(report["understood"]) >= KEYS and set(report["asked"]) == KEYS
    assert report["set"] == {"tempo": "90", "key": "D minor"}
    assert report["forced"] == ["meter", "tempo"]
    assert len(report["could_not"]) == 1
    assert [p["bars"] for p in report["pieces"]] == [2, 2]
    for ending in (".mid", ".musicxml", ".wav", ".svg"):
        assert (folder / f"02{ending}").stat().st_size > 100
    assert str(folder / "index.html") in report["files"]


def test_compose_speaks_to_people(model, tmp_path, capsys):
    text = "a sad waltz with drums for flute"
    code, out, _ = run(capsys, "compose", text, "--bars", 2, "-o", tmp_path / "out")
    assert code == 0
    for words in (
        "'waltz' (said)",
        "'sad' (implied)",
        "forced: instruments, meter",
        "not possible: drums",
        "piece 1: 2 bars",
        "met, forced",
        "index.html",
    ):
        assert words in out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "key=H"], "Write for example"),
        (["--set", "mood=sad"], "instruments"),
        (["--bars", "70"], "1 to 64"),
        (["--force", "key"], "--set key="),
        (["--continue", "none.mid"], "does not exist"),
        (["--style-preset", "wild"], "balanced"),
    ],
)
def test_mistakes_are_one_paragraph(model, options, words, capsys):
    code, out, err = run(capsys, "compose", "a waltz", *options)
    assert (code, out) == (2, "")
    assert err.startswith("error: ") and err.count("\n") == 1
    assert words in err
    assert model.asked == []


def test_parse_gives_the_contract(capsys):
    code, out, _ = run(capsys, "parse", "a slow waltz in D minor, no drums, blorp", "--json")
    answer = json.loads(out)
    assert code == 0
    assert set(answer) == KEYS | {"text", "findings", "unused", "language"}
    assert (answer["key"], answer["mode"], answer["meter"]) == ("D minor", "minor", "3/4")
    assert answer["excluded_instruments"] == ["drums"]
    assert answer["density"] is None
    assert answer["unused"] == ["blorp"]
    assert main(["parse", "a slow waltz"]) == 0
    assert "'" not in capsys.readouterr().out
    code, _, err = run(capsys, "parse", "x", "--language", "klingon")
    assert code == 2 and "catalan" in err
    assert run(capsys, "parse", "x" * 4001)[0] == 2


def test_attributes_of_one_file(midi, capsys):
    code, out, _ = run(capsys, "attributes", midi, "--json")
    answer = json.loads(out)
    assert code == 0
    assert set(answer) >= KEYS | {"numbers", "mood_confidence", "style_probability"}
    assert answer["tempo_bpm"] == pytest.approx(93.0, abs=0.01)
    assert answer["meter"] == "4/4"
    assert answer["instruments"] == ["flute"]
    assert answer["polyphony"] == "monophonic"
    assert answer["bars"] == 8


def test_attributes_of_several_files_go_on_after_a_damaged_one(midi, tmp_path, capsys):
    broken = tmp_path / "b.mid"
    broken.write_bytes(b"MThd")
    (tmp_path / "c.musicxml").write_text("<score-partwise/>")
    code, out, err = run(capsys, "attributes", tmp_path, "--json")
    assert code == 2
    first, second = json.loads(out)
    assert first["meter"] == "4/4"
    assert second["input"] == str(broken) and "error" in second
    assert str(broken) in err and err.count("error: ") == 2


def test_parsing_needs_no_torch():
    code = (
        "import sys\n"
        "from partimento.cli.main import main\n"
        "main(['parse', 'a waltz', '--json'])\n"
        "print([m for m in ('torch', 'sklearn', 'verovio') if m in sys.modules], file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "[]"


def test_nothing_asked_is_not_called_met(model, tmp_path, capsys):
    code, out, _ = run(capsys, "compose", "", "-o", tmp_path / "out")
    assert code == 0
    assert "nothing was asked for that can be judged" in out
    assert "100%" not in out


def test_one_bar_is_no_plural(model, tmp_path, capsys):
    code, out, _ = run(capsys, "compose", "", "--bars", 1, "-o", tmp_path / "out")
    assert code == 0
    assert "piece 1: 1 bar, " in out
