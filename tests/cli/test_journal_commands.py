"""The journal on the command line."""

import json

import pytest
import typer
from typer.testing import CliRunner

import partimento
from partimento.cli import journal as commands
from partimento.core.errors import ConfigError


@pytest.fixture
def run(monkeypatch, tmp_path):
    for name in ("add", "expect", "observe", "list", "diff"):
        monkeypatch.setitem(
            partimento.TWINS, f"journal_{name}", f"partimento.core.journal:journal_{name}"
        )
    app = typer.Typer()
    app.add_typer(commands.journal, name="journal")

    def invoke(*words):
        return CliRunner().invoke(app, ["journal", *words, "--journal", str(tmp_path)])

    return invoke


def test_from_belief_to_verdict(run):
    assert run("add", "beats matter", "--change", "drop beats", "--round", "2").exit_code == 0
    assert run("expect", "beat gain >= .10").exit_code == 0
    seen = run("observe", "--figure", "beat_gain=0.02", "--ruled-out", "beats", "--json")
    assert json.loads(seen.stdout)["verdict"] == "refuted"
    shown = run("list").stdout
    assert "expected   beat gain >= .10" in shown
    assert "verdict    refuted" in shown
    assert shown.endswith("ruled out so far\n   beats (entry 1)\n")
    assert len(json.loads(run("list", "--round", "2", "--json").stdout)) == 1
    assert run("list", "--round", "5").stdout == "the journal is empty\n"


def test_settings_side_by_side(run, tmp_path):
    for name, rate in (("a", 1), ("b", 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.yaml").write_text(f"training:\n  lr: {rate}\n  seed: 0\n")
        assert run("add", name, "--run", str(folder)).exit_code == 0
    assert run("diff", "1", "2").stdout == "setting      1  2\ntraining.lr  1  2\n"
    assert json.loads(run("diff", "1", "2", "--json").stdout) == {"training.lr": [1, 2]}
    assert run("diff", "1", "1").stdout == "the configurations are the same\n"


def test_mistakes_are_the_users(run):
    run("add", "a")
    assert isinstance(run("observe", "--figure", "gain").exception, ConfigError)
    assert isinstance(run("expect", "x > 1", "--id", "9").exception, ConfigError)
