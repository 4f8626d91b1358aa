"""The experiment journal: expectations come before observations, and lines stay as they are."""

import json
import os
from datetime import UTC, datetime

import pytest

from partimento.core.errors import ConfigError, DataError
from partimento.core.expectation import judge, parse_expectation
from partimento.core.journal import Journal
from partimento.core.runs import RunFolder
from partimento.core.settings import differences, flat

NOON = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2024, 5, 1, 18, 0, tzinfo=UTC)


def run_folder(tmp_path, name, lr, began, **figures):
    run = RunFolder.create(tmp_path / name, {"training": {"lr": lr, "seed": 0}}, "train x.yaml")
    run.log({"kind": "train", "step": 1, "loss": 9.0})
    run.log({"kind": "stop", "step": 2, "reason": "max_steps", **figures})
    os.utime(run.path / "command.txt", (began.timestamp(), began.timestamp()))
    return run.path


def test_an_experiment_from_belief_to_verdict(tmp_path):
    journal = Journal(tmp_path)
    journal.add("one level carries all", change="drop the beat level", round=3, now=NOON)
    journal.expect("beat gain >= .10 and loss < 50%", now=NOON)
    assert journal.entry().verdict == "open"
    run = run_folder(tmp_path, "run", 1e-3, LATER, beat_gain=0.12, loss=0.4)
    entry = journal.observe(run=run, note="sounds the same", ruled_out=["too few beats"])
    assert entry.verdict == "confirmed"
    assert (entry.id, entry.round, entry.late) == (1, 3, False)
    assert entry.observed["beat_gain"] == 0.12
    assert entry.notes == ("sounds the same",)
    assert entry.ruled_out == ("too few beats",)
    # All of it is in the file.
    assert Journal(tmp_path / "journal.jsonl").entries() == journal.entries()


def test_an_expectation_that_fails_and_one_without_its_figure(tmp_path):
    journal = Journal(tmp_path)
    journal.add("a", expect=["gain >= 0.1"])
    assert journal.observe(figures={"Gain": 0.02}).verdict == "refuted"
    journal.add("b", expect=["gain >= 0.1"])
    assert journal.observe(figures={"loss": 0.02}).verdict == "open"
    assert [entry.round for entry in journal.entries()] == [1, 1]
    journal.add("c", round=2)
    assert [entry.hypothesis for entry in journal.entries(2)] == ["c"]


def test_no_expectation_after_an_observation(tmp_path):
    journal = Journal(tmp_path)
    journal.add("a", expect=["gain >= 0.5"])
    journal.observe(figures={"gain": 0.02})
    with pytest.raises(ConfigError, match="already observed"):
        journal.expect("gain >= 0.01")
    with pytest.raises(ConfigError, match="already observed as"):
        journal.observe(figures={"gain": 0.9})
    with pytest.raises(ConfigError, match="already say refuted"):
        journal.observe(verdict="confirmed")
    assert journal.entry().verdict == "refuted"
    assert journal.observe(note="again").notes == ("again",)


def test_free_words_are_judged_by_hand(tmp_path):
    journal = Journal(tmp_path)
    journal.add("a", expect=["it sounds better"])
    entry = journal.observe(note="it does", verdict="confirmed")
    assert (entry.verdict, entry.judged_by_hand) == ("confirmed", True)


def test_an_expectation_after_the_run_began_is_marked(tmp_path):
    journal = Journal(tmp_path)
    run = run_folder(tmp_path, "run", 1e-3, NOON, gain=0.2)
    journal.add("a", now=NOON)
    journal.expect("gain > 0.1", now=LATER)
    assert journal.observe(run=run).late


def test_lines_that_were_changed_are_noticed(tmp_path):
    journal = Journal(tmp_path)
    journal.add("a", expect=["gain >= 0.5"])
    journal.observe(figures={"gain": 0.4})
    lines = journal.path.read_text().splitlines()
    eased = [lines[0], lines[1].replace("0.5", "0.3"), *lines[2:]]
    without = [lines[0], *lines[2:]]
    for tampered in (eased, without):
        journal.path.write_text("\n".join(tampered) + "\n")
        with pytest.raises(DataError, match="line 2"):
            Journal(tmp_path)
    journal.path.write_text("\n".join(lines) + "\n")
    assert Journal(tmp_path).entry().verdict == "refuted"
    assert all(json.loads(line)["hash"] for line in lines)


def test_settings_of_two_runs(tmp_path):
    journal = Journal(tmp_path)
    journal.add("a", run=run_folder(tmp_path, "one", 1e-3, NOON))
    journal.add("b", run=run_folder(tmp_path, "two", 1e-1, NOON))
    journal.add("c")
    assert journal.diff(1, 2) == {"training.lr": (1e-3, 1e-1)}
    with pytest.raises(ConfigError, match="names no run"):
        journal.diff(1, 3)
    with pytest.raises(DataError, match="no run folder"):
        journal.add("d", run=tmp_path)


def test_mistakes(tmp_path):
    journal = Journal(tmp_path)
    with pytest.raises(ConfigError, match="no entry"):
        journal.expect("x > 1")
    with pytest.raises(ConfigError, match="hypothesis"):
        journal.add("  ")
    journal.add("a")
    with pytest.raises(ConfigError, match="no entry 7"):
        journal.observe(7, note="x")
    with pytest.raises(ConfigError, match="nothing was observed"):
        journal.observe()
    with pytest.raises(ConfigError, match="needs words"):
        journal.expect(" ")


@pytest.mark.parametrize(
    "text, value, verdict",
    [
        ("x >= 0.1", 0.1, "confirmed"),
        ("x > 0.1", 0.1, "refuted"),
        ("x<1e-3", 5e-4, "confirmed"),
        ("x == 3", 3.0, "confirmed"),
        ("x != 3", 3.0, "refuted"),
        ("x <= -2", -1.0, "refuted"),
        ("x >= 10%", 0.11, "confirmed"),
        ("x >= 1", float("nan"), "refuted"),
        ("x is larger", 3.0, "open"),
        ("x > 1, y > 1", 3.0, "open"),
        ("x > 5 and y > 1", 3.0, "refuted"),
    ],
)
def test_comparisons(text, value, verdict):
    assert judge([text], {"x": value}) == verdict


def test_no_expectation_is_never_confirmed():
    assert judge([], {"x": 1.0}) == "open"
    assert parse_expectation("x > 1 or y > 2") == []


def test_flat_settings():
    assert flat({"a": {"b": {"c": 1}}, "d": {}}) == {"a.b.c": 1, "d": {}}
    assert differences({"a": 1}, {"a": 1}) == {}
