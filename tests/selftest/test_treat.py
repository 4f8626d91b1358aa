import json

import pytest
from fake_small import finding

from partimento.core.config import load_yaml
from partimento.core.errors import ConfigError, DataError
from partimento.core.runs import RunFolder
from partimento.selftest.remedies import changes_of
from partimento.selftest.treat import treat, treated_recipe
from partimento.tasks.chorale.recipe import load_recipe

RECIPE = "recipes/chorale/small.yaml"


@pytest.fixture
def run(tmp_path, pytestconfig):
    config = load_recipe(pytestconfig.rootpath / RECIPE, ["training.optimizer.lr=0.5"])
    return RunFolder.create(tmp_path / "sick", config, "train")


def test_the_findings_own_change_goes_into_the_recipe(run):
    run.add_finding(finding("X.info", severity="info").to_dict())
    run.add_finding(
        finding("R7.peak-too-high", evidence={"change": {"training.optimizer.lr": 1e-3}}).to_dict()
    )
    run.add_finding(finding("D2.leakage", confidence=0.95, remedy="split by piece").to_dict())
    report = treat(run.path)
    assert report["change"] == {"training.optimizer.lr": [0.5, 1e-3]}
    assert report["by_hand"] == [{"code": "D2.leakage", "remedy": "split by piece"}]
    assert report["training"] is None
    written = load_yaml(run.path.with_name("sick-treated.yaml"))
    before = run.config()
    assert written["training"]["optimizer"].pop("lr") == 1e-3
    assert before["training"]["optimizer"].pop("lr") == 0.5
    assert written == before
    assert json.dumps(report)
    with pytest.raises(ConfigError, match="there already"):
        treat(run.path)


def test_the_table_puts_the_documented_default_back(run):
    recipe, changes = treated_recipe(run.config(), finding("R3.update-ratio"), "here")
    ((name, (old, new)),) = changes.items()
    assert (name, old) == ("training.optimizer.lr", 0.5)
    assert new < 0.05
    assert recipe["training"]["optimizer"]["lr"] == new


def test_without_findings_the_folder_is_examined(run):
    report = treat(run.path)
    assert isinstance(report["findings"], list)


def test_a_change_that_the_schema_refuses_is_not_written(run):
    wrong = finding("R7.peak-too-high", evidence={"change": {"training.optimizer.lr": -1.0}})
    assert treated_recipe(run.config(), wrong, "here") is None
    other = finding("D2.leakage", evidence={"change": {"no.such.option": 1}})
    assert treated_recipe(run.config(), other, "here") is None


def test_a_change_of_an_unknown_option_falls_back_to_the_table(run):
    other = finding("R7.peak-too-high", evidence={"change": {"no.such.option": 1}})
    changed = treated_recipe(run.config(), other, "here")
    assert changed is not None
    assert list(changed[1]) == ["training.optimizer.lr"]


def test_no_run_folder(tmp_path):
    with pytest.raises(DataError):
        treat(tmp_path)


def test_the_treated_recipe_is_trained_on_request(run, monkeypatch, tmp_path):
    from partimento.tasks import dispatch

    calls = []

    def trained(recipe, **options):
        calls.append((recipe, options["out"]))
        return {"run": str(options["out"])}

    monkeypatch.setattr(dispatch, "train", trained)
    run.add_finding(finding("X", evidence={"change": {"training.lr": 1e-3}}).to_dict())
    report = treat(run.path, train=True, out=tmp_path / "new.yaml")
    assert calls == [(tmp_path / "new.yaml", tmp_path / "new")]
    assert report["training"] == {"run": str(tmp_path / "new")}


def test_what_is_set_already_is_no_change():
    own = finding("R7.peak-too-high", evidence={"change": {"training.lr": 0.1}})
    assert changes_of(own, {"training.optimizer.lr": 0.1}, {}) == ({}, "table")
    assert changes_of(finding("R6.plateau"), {"a.optimizer.lr": 1.0}, {"a.optimizer.lr": 0.5}) == (
        {"a.optimizer.lr": 0.5},
        "table",
    )
    assert (
        changes_of(finding("R6.plateau"), {"a.optimizer.lr": 0.5}, {"a.optimizer.lr": 0.5})[0] == {}
    )
