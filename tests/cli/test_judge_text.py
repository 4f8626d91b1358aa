"""The command that compares two files."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

import partimento
from partimento.cli.judge_text import evaluate_pair
from partimento.core.errors import ConfigError

symusic = pytest.importorskip("symusic")


@pytest.fixture
def app(monkeypatch):
    if "evaluate_pair" not in partimento.TWINS:
        monkeypatch.setitem(
            partimento.TWINS, "evaluate_pair", "partimento.music.pair_similarity:evaluate_pair"
        )
    app = typer.Typer()
    app.command("pair")(evaluate_pair)
    return app


@pytest.fixture
def files(tmp_path):
    names = []
    for tempo in (100, 200):
        score = symusic.Score(480)
        score.tempos.append(symusic.Tempo(0, tempo))
        track = symusic.Track(program=0)
        for i in range(32):
            track.notes.append(symusic.Note(480 * i, 480, 60 + i % 5, 80))
        score.tracks.append(track)
        names.append(tmp_path / f"{tempo}.mid")
        names[-1].write_bytes(score.dumps_midi())
    return [str(name) for name in names]


def test_json_has_measures_weights_and_total(app, files):
    result = CliRunner().invoke(app, [*files, "--json", "--weights", "tempo=1,density=1"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.output)
    assert [report["generated"], report["reference"]] == files
    assert set(report["measures"]) == {"density", "velocity", "range", "meter", "tempo"}
    tempo = report["measures"]["tempo"]
    assert tempo["value"] == pytest.approx(0.25) and tempo["level"] == "poor"
    assert tempo["weight"] == pytest.approx(1 / 2.55)
    assert report["total"] == pytest.approx(1 - 0.75 / 2.55) and report["level"] == "fair"


def test_text_has_a_line_for_every_measure(app, files):
    result = CliRunner().invoke(app, files)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0].split() == ["measure", "value", "level", "weight"]
    assert [line.split()[0] for line in lines[1:]] == [
        *("density", "velocity", "range", "meter", "tempo", "total")
    ]
    assert "0.25" in lines[5] and "poor" in lines[5]
    assert "0.85" in lines[6] and "good" in lines[6]


def test_bad_weights_are_told(app, files):
    result = CliRunner().invoke(app, [*files, "--weights", "swing=1"])
    assert isinstance(result.exception, ConfigError)
    assert "swing=1" in str(result.exception)
