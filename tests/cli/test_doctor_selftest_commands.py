import json
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

import partimento
from partimento.cli import doctor_selftest


@pytest.fixture
def app():
    found = typer.Typer()
    found.command("self-test")(doctor_selftest.self_test)
    found.command("replay")(doctor_selftest.replay)
    found.command("treat")(doctor_selftest.treat)
    return found


def answer(app, monkeypatch, name, value, arguments):
    calls = []

    def twin(*args, **options):
        calls.append((args, options))
        return value

    monkeypatch.setitem(partimento.__dict__, name, twin)
    return CliRunner().invoke(app, arguments), calls


def report(**changes):
    values = {
        "to_dict": lambda: {"detection_rate": 0.9},
        "text": lambda: "all well",
        "errors": [],
        "named_first": True,
    }
    return SimpleNamespace(**{**values, **changes})


def test_self_test(app, monkeypatch):
    arguments = [
        "self-test",
        "--quick",
        "--seeds",
        "0-1",
        "--jobs",
        "2",
        "--only",
        "piano",
        "--json",
    ]
    result, calls = answer(app, monkeypatch, "self_test", report(), arguments)
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"detection_rate": 0.9}
    ((_, options),) = calls
    options.pop("progress")
    assert options == {"quick": True, "seeds": "0-1", "jobs": 2, "only": ["piano"]}


def test_a_broken_run_is_exit_code_1(app, monkeypatch):
    broken = report(errors=["piano, seed 0: ValueError: x"])
    result, _ = answer(app, monkeypatch, "self_test", broken, ["self-test"])
    assert result.exit_code == 1
    assert "all well" in result.stdout


@pytest.mark.parametrize(("named", "code"), [(True, 0), (False, 1)])
def test_replay(app, monkeypatch, named, code):
    result, calls = answer(
        app, monkeypatch, "replay", report(named_first=named), ["replay", "x.yaml"]
    )
    assert result.exit_code == code
    assert str(calls[0][0][0]) == "x.yaml"


def test_treat(app, monkeypatch):
    told = {
        "run": "runs/a",
        "findings": ["R7.peak-too-high", "D2.leakage"],
        "finding": {"severity": "severe", "code": "R7.peak-too-high", "claim": "too high"},
        "change": {"training.optimizer.lr": [0.5, 0.001]},
        "recipe": "runs/a-treated.yaml",
        "by_hand": [{"code": "D2.leakage", "remedy": "split by piece"}],
        "training": None,
    }
    result, calls = answer(app, monkeypatch, "treat", told, ["treat", "runs/a", "--run"])
    assert result.exit_code == 0
    assert calls[0][1]["train"] is True
    assert "training.optimizer.lr: 0.5 -> 0.001" in result.stdout
    assert "partimento train runs/a-treated.yaml" in result.stdout
    assert "by hand, D2.leakage: split by piece" in result.stdout
    result, _ = answer(
        app, monkeypatch, "treat", {**told, "finding": None, "training": None}, ["treat", "runs/a"]
    )
    assert "nothing was written" in result.stdout
