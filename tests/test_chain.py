"""The demo from end to end, with the shipped weights."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest

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
    names = {path.suffix for path in out.iterdir() if path.is_file()}
    assert names == {".html", ".mid", ".musicxml", ".png", ".svg", ".wav"}
    assert not re.search(r'(src|href)="(https?:)?//', page)
    for heading in (
        "Score and sound",
        "Piano roll",
        "Voice-leading report",
        "What the model looks at",
        "The model",
        "A performance continued",
    ):
        assert heading in page
    assert page.count("<audio") == 2
    for link in re.findall(r'href="(piano/[^"]+)"', page):
        assert (out / link).is_file()


def test_the_performance_goes_on_after_its_primer(report: tuple[Path, str]) -> None:
    out, _ = report
    primer = read_performance(example_path(PRIMER))
    played = read_performance(next((out / "piano").glob("*.mid")))
    assert played.seconds > primer.seconds + 10
    kept = played.onset_sec < primer.onset_sec[-1]
    assert np.allclose(played.onset_sec[kept], primer.onset_sec[:-1][: kept.sum()], atol=1e-3)
    assert np.array_equal(played.pitch[kept], primer.pitch[: kept.sum()])
    assert (played.onset_sec > primer.seconds).sum() > 20


def test_the_melody_is_sung_and_the_rules_hold(report: tuple[Path, str]) -> None:
    out, _ = report
    score = read_score(next(out.glob("*.musicxml")))
    assert [part.name for part in score.parts] == ["Soprano", "Alto", "Tenor", "Bass"]
    soprano = [n for n in score.notes if n.part == score.parts[0].id]
    assert soprano[0].lyrics[0].text == "All"
    assert sum(n.fermata for n in soprano) == 4
    from partimento.music.satb import extract_satb

    rates = measure_grids([extract_satb(score, "SATB").grid])
    assert rates["parallel_fifths"]["count"] == rates["parallel_octaves"]["count"] == 0


def test_the_sound_is_neither_silent_nor_clipped(report: tuple[Path, str]) -> None:
    out, _ = report
    with wave.open(str(next(out.glob("*.wav")))) as stream:
        data = np.frombuffer(stream.readframes(stream.getnframes()), dtype="<i2") / 32768
        seconds = stream.getnframes() / stream.getframerate()
    assert 15 < seconds < 60
    assert 0.5 < np.abs(data).max() < 1.0
    assert np.sqrt((data**2).mean()) > 0.02


def test_the_same_seed_gives_the_same_bytes(report: tuple[Path, str], tmp_path: Path) -> None:
    out, page = report
    assert main(["demo", "-o", str(tmp_path), "--json"]) == 0
    timed = {out / "piano/index.html", out / "piano/report.json"}
    for path in sorted(p for p in out.rglob("*") if p.is_file() and p not in timed):
        again = tmp_path / path.relative_to(out)
        assert again.read_bytes() == path.read_bytes(), path.name
    assert page


def test_json_is_one_document(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["demo", "-o", str(tmp_path), "--json", "--seed", "3"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["alternatives"][0]["preserved"]["share"] == 1.0
