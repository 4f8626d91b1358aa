"""Durations, run folders, and the schedule seen before training."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from partimento.core.errors import ConfigError
from partimento.training.launch import fresh_folder, newest_run, parse_duration, recipe_label


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("25m", 1500), ("1h30m", 5400), ("1.5h", 5400), (2.5, 2.5)],
)
def test_durations(text: str | float, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5m", "0", "5 days", "m"])
def test_other_durations_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no time"):
        parse_duration(text)


def test_no_limit_is_no_limit() -> None:
    assert parse_duration(None) is None


def test_run_folders_are_new_and_the_newest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="no run of a"):
        newest_run("a")
    folders = []
    for age in (20, 10):
        folder = fresh_folder("a")
        folder.mkdir(parents=True)
        os.utime(folder, (1e9 - age, 1e9 - age))
        folders.append(folder)
    assert folders[0] != folders[1]
    (folders[0].parent / "a-b-20300101-000000").mkdir()
    assert newest_run("a") == folders[1]


def test_a_label_tells_nothing_of_the_machine() -> None:
    assert recipe_label("/somewhere/else/recipes/piano/x.yaml") == "recipes/piano/x.yaml"
