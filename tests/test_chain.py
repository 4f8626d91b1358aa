"""The demo from end to end, with the shipped weights."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest

import partimento
from partimento.cli.main import main
from partimento.examples import PRIMER, example_path
from partimento.music.files import read_score
from partimento.music.grid_measures import measure_grids
from partimento.music.performance import read_performance


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("demo")
    assert main(["demo", "-o", str(out), "--json"]) == 0
    return out, (out / "index.html").read_text(encoding="utf-8")


def test_every_file_is_there_and_the_page_asks_for_nothing_outside(
    report: tuple[Path, str],
) -> None:
    out, page = report
    names = {path.name for path in out.iterdir() if path.is_file()}
    assert names >= {"score.musicxml", "performance.wav", "chorale.musicxml", "chorale.wav"}
    assert names >= {"critique.json", "cover.png", "report.json", "index.html"}
    assert not re.search(r'(src|href)="(https?:)?//', page)
    for heading in (
        "Cover",
        "Score and performance",
        "Critique",
        "Chorale",
        "Voice leading of the chorale",
        "A known melody, harmonised",
        "A performance continued",
    ):
        assert f">{heading}</h2>" in page
    assert page.count("<audio") == 4
    assert len(page) < 8_500_000
    links = re.findall(r'href="([^#"]+)"', page)
    assert any(link.startswith("piano/") for link in links)
    assert any(link.startswith("melody/") for link in links)
    assert all((out / link).is_file() for link in links)


def test_the_chorale_of_the_sentence_has_no_parallels(report: tuple[Path, str]) -> None:
    out, _ = report
    made = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert made["match"] == 1.0 and made["chorale"]["preserved"]["share"] == 1.0
    assert made["expression"] == "learnt"
    rates = made["chorale"]["measures"]
    assert rates["parallel_fifths"] == rates["parallel_octaves"] == rates["crossing"] == 0


def test_the_performance_goes_on_after_its_primer(report: tuple[Path, str]) -> None:
    out, _ = report
    primer = read_performance(example_path(PRIMER))
    played = read_performance(next((out / "piano").glob("*.mid")))
    assert played.seconds > primer.seconds + 5
    kept = played.onset_sec < primer.onset_sec[-1]
    assert np.allclose(played.onset_sec[kept], primer.onset_sec[:-1][: kept.sum()], atol=1e-3)
    assert np.array_equal(played.pitch[kept], primer.pitch[: kept.sum()])
    assert (played.onset_sec > primer.seconds).sum() > 10


def test_the_melody_is_sung_and_the_rules_hold(report: tuple[Path, str]) -> None:
    out, _ = report
    score = read_score(next((out / "melody").glob("*.musicxml")))
    assert [part.name for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    soprano = [n for n in score.notes if n.part == score.parts[0].id]
    assert soprano[0].lyrics[0].text == "All"
    assert sum(n.fermata for n in soprano) == 4
    from partimento.music.satb import extract_satb

    rates = measure_grids([extract_satb(score, "SATB").grid])
    assert rates["parallel_fifths"]["count"] == rates["parallel_octaves"]["count"] == 0


def test_no_sound_is_silent_or_clipped(report: tuple[Path, str]) -> None:
    out, _ = report
    sounds = sorted(out.rglob("*.wav"))
    assert len(sounds) == 4
    for path in sounds:
        with wave.open(str(path)) as stream:
            data = np.frombuffer(stream.readframes(stream.getnframes()), dtype="<i2") / 32768
            seconds = stream.getnframes() / stream.getframerate()
        assert 15 < seconds < 60, path.name
        assert 0.5 < np.abs(data).max() < 1.0, path.name
        assert np.sqrt((data**2).mean()) > 0.02, path.name


def test_the_same_seed_gives_the_same_bytes(report: tuple[Path, str], tmp_path: Path) -> None:
    out, page = report
    assert main(["demo", "-o", str(tmp_path), "--json"]) == 0
    timed = {out / "piano/index.html", out / "piano/report.json"}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and p not in timed):
        again = tmp_path / path.relative_to(out)
        assert again.read_bytes() == path.read_bytes(), path.name
    assert page


def test_the_command_hands_on_its_options_and_says_what_to_open(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def fake(out: Path, seed: int, **options: object) -> dict[str, object]:
        asked.update(options, out=out, seed=seed)
        return {"files": [out / "a.mid"], "page": out / "index.html"}

    monkeypatch.setattr(partimento, "demo", fake, raising=False)
    arguments = ["demo", "-o", str(tmp_path), "--seed", "3", "--text", "a jig"]
    assert main([*arguments, "--melody", "tune.abc"]) == 0
    assert (asked["text"], asked["melody"]) == ("a jig", Path("tune.abc"))
    assert (asked["out"], asked["seed"]) == (tmp_path, 3)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"wrote {tmp_path / 'a.mid'}"
    assert re.fullmatch(r"computed for \d+\.\d s", said[1])
    assert said[2] == f"open {tmp_path / 'index.html'}"
    asked.clear()
    assert main(["demo", "-o", str(tmp_path)]) == 0
    assert asked["text"] is None and asked["melody"] is None
