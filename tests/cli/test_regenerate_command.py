"""The command that draws some bars of a piece anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fake_text_model import FakeTextModel
from made_pieces import made_piece
from partimento.cli.main import main
from partimento.music.barpiece_write import midi_bytes_of
from partimento.tasks.text2midi import loading


@pytest.fixture
def midi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Eight bars for flute, and a model of simple rules."""
    monkeypatch.setattr(loading, "load_text_model", lambda weights: FakeTextModel())
    path = tmp_path / "tune.mid"
    path.write_bytes(midi_bytes_of(made_piece(8, instrument="flute", tempo_bpm=93.0)))
    return path


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    code = main(["regenerate", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_it_writes_and_reports(
    midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    first = int(made_piece(8).pitch[16])
    options = ["--bars", "3-4", "--lock", f"3:1:{first}", "--lock", 20, "-n", 2, "--seed", 1]
    code, out, _ = run(capsys, midi, *options, "--text", "sad", "-o", folder, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["how"] == "bars 3 to 4 drawn anew"
    assert report["understood"]["mode"] == "minor"
    assert len(report["region"]["locked"]) == 2
    assert len(report["pieces"]) == 2 and report["best_of"] == 8
    for ending in (".mid", ".musicxml", ".wav", ".svg"):
        assert (folder / f"02{ending}").stat().st_size > 100


def test_it_speaks_to_people(
    midi: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--bars", 5, "--instruments", "flute,harp", "--candidates", 2, "-o", tmp_path / "out"]
    code, out, _ = run(capsys, midi, *words)
    assert code == 0
    for part in (
        "bar 5 drawn anew: harp, flute; 8 notes replaced, 56 kept",
        "piece 1: what follows costs",
        "the best of 2 draws",
        "index.html",
    ):
        assert part in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bars", "9"], "It has bars 1 to 8"),
        (["--bars", "3", "--lock", "C4"], "bar:beat:pitch"),
        (["--bars", "3", "--instruments", "kazoo"], "kazoo"),
    ],
)
def test_mistakes_end_with_two(
    midi: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    code, _, err = run(capsys, midi, *words, "-o", tmp_path / "out")
    assert code == 2 and message in err
    assert not (tmp_path / "out").exists()
