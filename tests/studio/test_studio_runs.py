"""Training runs as the doctor's page sees them: state, rows, names that lead nowhere else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from partimento.core.errors import PartimentoError
from partimento.core.runs import RunFolder
from partimento.studio.runs import MOST_ROWS, list_runs, open_run, run_facts


def run_of(root: Path, name: str) -> RunFolder:
    """A run with two steps."""
    run = RunFolder.create(root / name, {"task": "piano"}, "train")
    for step in (1, 2):
        run.log({"kind": "train", "step": step, "loss": 2.0 / step})
    return run


def age(run: RunFolder, seconds: float) -> None:
    """Make the run look as if it had rested for so long."""
    then = time.time() - seconds
    os.utime(run.metrics_path, (then, then))


def test_the_run_that_changed_last_stands_first(tmp_path: Path) -> None:
    old, new = run_of(tmp_path, "old"), run_of(tmp_path, "deep/new")
    age(old, 500)
    (tmp_path / "no run").mkdir()
    rows = list_runs(tmp_path)
    assert [row["name"] for row in rows] == ["deep/new", "old"]
    assert [row["live"] for row in rows] == [True, False]
    assert rows[0]["step"] == 2 and rows[0]["ended"] is None
    new.log({"kind": "stop", "step": 2, "reason": "max_steps"})
    assert list_runs(tmp_path)[0]["ended"] == "max_steps"
    assert not list_runs(tmp_path)[0]["live"]


def test_a_missing_folder_has_no_runs(tmp_path: Path) -> None:
    assert list_runs(tmp_path / "none") == []
    with pytest.raises(PartimentoError, match="no such run"):
        open_run(tmp_path / "none", "a")


def test_half_a_line_of_a_live_run_is_left_alone(tmp_path: Path) -> None:
    run = run_of(tmp_path, "live")
    with run.metrics_path.open("a") as stream:
        stream.write('{"kind": "train", "st')
    before = run.metrics_path.read_bytes()
    facts = run_facts(open_run(tmp_path, "live"))
    assert facts["count"] == 2 and facts["step"] == 2
    assert run.metrics_path.read_bytes() == before


def test_rows_after_the_known_ones_are_sent(tmp_path: Path) -> None:
    run = run_of(tmp_path, "live")
    assert [row["step"] for row in run_facts(run, since=1)["rows"]] == [2]
    assert run_facts(run, since=10)["rows"] == []


def test_a_loss_that_is_no_number_is_text_in_json(tmp_path: Path) -> None:
    run = run_of(tmp_path, "broken")
    run.log({"kind": "stop", "step": 3, "loss": float("nan"), "reason": "not_finite"})
    facts = run_facts(run)
    assert facts["rows"][-1]["loss"] == "NaN" and facts["ended"] == "not_finite"
    json.dumps(facts, allow_nan=False)


def test_of_very_many_rows_an_even_choice_is_sent(tmp_path: Path) -> None:
    run = run_of(tmp_path, "long")
    rows = [{"kind": "train", "step": step, "loss": 1.0} for step in range(3, 10_000)]
    rows.insert(5000, {"kind": "validation", "step": 5000, "valid_loss": 1.0})
    with run.metrics_path.open("a") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    facts = run_facts(run)
    assert facts["count"] == len(rows) + 2
    sent = [row["step"] for row in facts["rows"] if row["kind"] == "train"]
    assert len(sent) <= MOST_ROWS + 1 and sent[-1] == 9999 and sent == sorted(sent)
    assert sum(row["kind"] == "validation" for row in facts["rows"]) == 1


@pytest.mark.parametrize("name", ["..", "../outside", "/etc", "link", "inside/..", "", "."])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    root = tmp_path / "runs"
    run_of(root, "inside")
    outside = run_of(tmp_path, "outside")
    (root / "link").symlink_to(outside.path)
    with pytest.raises(PartimentoError, match="no such run"):
        open_run(root, name)
    assert [row["name"] for row in list_runs(root)] == ["inside"]
