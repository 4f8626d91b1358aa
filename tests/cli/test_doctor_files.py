"""doctor report and doctor config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import partimento
from partimento.cli.doctor_files import doctor_config, doctor_report
from partimento.core.errors import PartimentoError

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture
def app(monkeypatch):
    for name in ("examine_report", "examine_config", "config_rows"):
        if name not in partimento.TWINS:
            monkeypatch.setitem(partimento.TWINS, name, f"partimento.doctor.files:{name}")
    app = typer.Typer()
    app.command("report")(doctor_report)
    app.command("config")(doctor_config)
    return app


def test_report(app, tmp_path):
    file = tmp_path / "report.md"
    file.write_text("Accuracy: 78.5 %\nPerplexity: 8.3\nVocabulary: 512\n")
    result = CliRunner().invoke(app, ["report", str(file), "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)["findings"]
    assert found[0]["code"] == "U2.accuracy-against-loss" and found[0]["control"]
    text = CliRunner().invoke(app, ["report", str(file)]).output
    assert "padding" in text
    file.write_text("Loss: 4.6\nPaper loss: 2.8\nFour voices, 78 live tokens.\n")
    result = CliRunner().invoke(app, ["report", str(file)])
    assert result.exit_code == 1 and "U1.mixed-units" in result.output


def test_config_against_a_reference(app):
    file = str(RECIPES / "chorale/diary.yaml")
    result = CliRunner().invoke(app, ["config", file, "--against", "whitepaper"])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    rate = next(line for line in lines if line.startswith("training.optimizer.lr"))
    assert "DIFFERS" in rate and "0.001" in rate
    assert next(line for line in lines if line.startswith("model.width")).endswith("same")
    parsed = CliRunner().invoke(app, ["config", file, "--against", "whitepaper", "--json"])
    values = json.loads(parsed.output)
    assert {row["state"] for row in values["rows"]} >= {"same", "differs"}
    assert [f["code"] for f in values["findings"]][:2] == ["R8.no-curriculum", "C3.differs"]


def test_an_unknown_reference_is_a_users_mistake(app):
    file = str(RECIPES / "chorale/diary.yaml")
    result = CliRunner().invoke(app, ["config", file, "--against", "blackpaper"])
    assert isinstance(result.exception, PartimentoError)
