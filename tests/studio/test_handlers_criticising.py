"""What the jobs of the critique page leave behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from partimento.core.errors import MusicError
from partimento.core.plain import plain
from partimento.examples import PRIMER, example_path
from partimento.music.dimensions import NAMES
from partimento.music.performance import Performance, read_performance
from partimento.music.performance_write import performance_midi
from partimento.studio.bench import Bench
from partimento.studio.handlers.criticising import common_places, critique_job
from partimento.studio.orders import CritiqueOrder

PIECE = example_path(PRIMER)
A, B = "upload:" + "a" * 16, "job:7/continuation-1.mid"


def slow_and_dry(folder: Path) -> Path:
    """The example played at two thirds of its speed, softer, and without pedal."""
    played = read_performance(PIECE)
    slow = Performance(
        played.onset_sec * 1.5,
        played.offset_sec * 1.5,
        played.pitch,
        np.maximum(1, played.velocity - 30),
        np.zeros((0, 2)),
    )
    path = folder / "slow.mid"
    path.write_bytes(performance_midi(slow))
    return path


def bench_in(folder: Path, paths: dict[str, Path], names: dict[str, str]) -> Bench:
    """A bench with these files."""
    return Bench(folder, paths, names, folder, lambda done, total, label: None)


def test_one_performance_is_judged_under_the_users_name(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    # A name that is a pattern for files elsewhere, and two that are folders.
    bench = bench_in(tmp_path / "out", {A: PIECE}, {A: "Élan [take 1]*.mid"})
    found = critique_job(CritiqueOrder(performances=[A]), bench)
    json.dumps(plain(found), allow_nan=False)
    (one,) = found["performances"]
    assert one["name"] == "Élan _take 1__"
    assert len(one["notes"]) == 60 and one["notes"][0][0] == 0
    assert {path.name for path in bench.folder.iterdir()} == {
        "performance-1.mid", "performance-1.wav", "report.json",
    }  # fmt: skip
    text = (bench.folder / "report.json").read_text(encoding="utf-8")
    assert str(PIECE) not in text and "partimento-critique" not in text
    assert json.loads(text)[0]["input"] == "Élan [take 1]*.mid"
    chart = found["radar"]
    assert [row["name"] for row in chart["dimensions"]] == list(NAMES)
    for reading, name in zip(chart["series"][0]["readings"], NAMES, strict=True):
        if reading["mean"] is None:
            assert reading["reason"] and name in one["report"]["abstained"]
        else:
            assert reading["low"] <= reading["mean"] <= reading["high"]
    assert found["groups"] == [] and found["failed"] == []


def test_two_performances_of_a_passage_are_compared(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    paths = {A: PIECE, B: slow_and_dry(tmp_path)}
    bench = bench_in(tmp_path / "out", paths, {A: "first.mid", B: "continuation-1.mid"})
    found = critique_job(CritiqueOrder(performances=[A, B]), bench)
    names = [one["name"] for one in found["performances"]]
    assert names == ["first", "continuation-1 of job 7"]
    comparison = found["performances"][0]["report"]["comparison"]
    assert comparison["same_passage"] and comparison["with"] == "continuation-1.mid of job 7"
    place = list(NAMES).index("pedal_amount")
    ours, theirs = (row["readings"][place]["mean"] for row in found["radar"]["series"])
    difference = comparison["differences"]["pedal_amount"]
    assert difference["mean"] == pytest.approx(ours - theirs, abs=2e-4)
    # The second was written without the pedal.
    assert difference["mean"] > 0.05
    (group,) = found["groups"]
    assert group["members"] == [0, 1]
    pairs = np.array(group["anchors"][1])
    assert len(pairs) > 20 and (np.diff(pairs, axis=0) > 0).all()
    np.testing.assert_allclose(pairs[:, 1], 1.5 * pairs[:, 0], atol=0.02)


def test_a_file_that_cannot_be_judged_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    short = tmp_path / "short.mid"
    short.write_bytes(
        performance_midi(
            Performance(
                np.array([0.0]), np.array([1.0]), np.array([60]), np.array([64]), np.zeros((0, 2))
            )
        )
    )
    names = {A: "whole.mid", B: "short.mid"}
    bench = bench_in(tmp_path / "out", {A: PIECE, B: short}, names)
    found = critique_job(CritiqueOrder(performances=[A, B]), bench)
    assert [row["name"] for row in found["failed"]] == ["short.mid of job 7"]
    assert len(found["performances"]) == 1
    with pytest.raises(MusicError, match="only 1 notes") as caught:
        critique_job(CritiqueOrder(performances=[B]), bench)
    assert caught.value.where == "short.mid of job 7"


def test_places_in_common_are_found_where_notes_are_missing() -> None:
    onsets = np.arange(40) * 0.5
    pitches = np.array([60 + (7 * i) % 24 for i in range(40)])
    first = np.stack([onsets + 3, onsets + 3.4, pitches, np.full(40, 64)], axis=1)
    other = np.delete(first.copy(), [5, 17, 18], axis=0)
    other[:, :2] *= 2
    pairs = np.array(common_places(first, other))
    assert len(pairs) == 37
    np.testing.assert_allclose(pairs[:, 1], 2 * pairs[:, 0], atol=0.01)
    assert common_places(first, first + np.array([0, 0, 100, 0])) == []
