"""The doctor's jobs: a run examined, a planted fault beside its twin, attention of a score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from partimento.core.errors import PartimentoError
from partimento.core.runs import RunFolder, read_jsonl
from partimento.examples import example_path
from partimento.studio.bench import Bench
from partimento.studio.handlers.doctor_data import depth_data
from partimento.studio.handlers.doctoring import attention_job, examine_job, fault_rows, replay_job
from partimento.studio.handlers.live_rows import live_rows
from partimento.studio.orders import AttentionOrder, ExamineOrder, Order, ReplayOrder

SCORE = "upload:0123456789abcdef"


class Cancelled(Exception):
    """What the worker raises when the person does not want it any more."""


def bench_of(
    tmp_path: Path, score: str | None = None, told: list[Any] | None = None, stop: int = 10**9
) -> Bench:
    """A bench in an empty folder; ``stop`` cancels after so many reports."""
    folder = tmp_path / "job"
    folder.mkdir()
    (tmp_path / "runs").mkdir(exist_ok=True)
    seen: list[Any] = [] if told is None else told

    def tell(done: int, total: int, label: str) -> None:
        seen.append((done, total, label))
        if len(seen) >= stop:
            raise Cancelled

    path = example_path(score) if score else Path("none")
    names = {SCORE: path.name}
    return Bench(folder, {SCORE: path}, names, tmp_path / "runs", tell)


def overfit_run(runs: Path, name: str = "overfit", steps: int = 40) -> RunFolder:
    """A run that learns by heart: the training loss falls, the validation rises again."""
    run = RunFolder.create(runs / name, {"task": "chorale", "training": {"lr": 0.01}}, "train")
    for step in range(1, steps + 1):
        run.log({"kind": "train", "step": step, "epoch": step, "loss": 3.0 * 0.9**step})
        valid = 2.0 + abs(step - 12) * 0.08
        run.log({"kind": "epoch", "step": step, "epoch": step, "valid_loss": valid})
    run.log({"kind": "stop", "step": steps, "epoch": steps, "reason": "max_steps"})
    return run


def test_examine_tells_the_findings_of_a_run_and_leaves_a_page(tmp_path: Path) -> None:
    bench = bench_of(tmp_path)
    run = overfit_run(bench.runs)
    found = examine_job(ExamineOrder(run="overfit"), bench)
    codes = [one["code"] for one in found["findings"]]
    assert "R6.overfit" in codes
    first = found["findings"][codes.index("R6.overfit")]
    assert first["title"] != first["code"] and first["remedy"] and first["control"]
    assert first["bar"].startswith("<svg") and first["evidence"]
    assert [row["code"] for row in run.read_findings()] == codes
    kept = json.loads((bench.folder / "findings.json").read_text())
    assert [one["code"] for one in kept["findings"]] == codes
    assert "Doctor: overfit" in (bench.folder / "doctor.html").read_text()
    assert found["done"] > 0 and found["not_done"]
    json.dumps(found["findings"], allow_nan=False)


@pytest.mark.parametrize("name", ["missing", "../outside", "a/b"])
def test_examine_looks_at_listed_runs_only(tmp_path: Path, name: str) -> None:
    bench = bench_of(tmp_path)
    overfit_run(tmp_path, "outside")
    with pytest.raises(PartimentoError, match="no such run"):
        examine_job(ExamineOrder.model_construct(run=name, others=[], seed=0), bench)


def test_an_order_for_a_run_takes_no_path_out_of_the_folder() -> None:
    for name in ("/etc", "a//b", "a/b/c/d/e", ""):
        with pytest.raises(ValueError, match="pattern"):
            ExamineOrder(run=name)


def test_maps_by_depth_have_a_row_a_block_and_no_holes_in_json(tmp_path: Path) -> None:
    import numpy as np

    from partimento.doctor.case import Watched

    steps = np.arange(100)
    grid = np.linspace(0.0, 1.0, 200).reshape(100, 2)
    nothing = np.full((100, 2), np.nan)
    watched = Watched(
        steps_S=steps, losses_S=steps * 1.0, blocks=["in", "out"], gradient_norms_SP=grid,
        weight_norms_SP=grid, update_ratios_SP=grid, rates_S=steps * 0.1, dead_SP=nothing,
        saturated_SP=nothing, output_spread_S=steps * 1.0, target_spread_S=steps * 1.0,
    )  # fmt: skip
    maps = depth_data(watched)
    assert [one["title"].partition(",")[0] for one in maps] == [
        "Gradient norm", "Size of the update against the weights",
    ]  # fmt: skip
    assert maps[0]["rows"] == ["in", "out"]
    assert len(maps[0]["columns"]) == len(maps[0]["values"][0]) == 60
    assert maps[0]["columns"][-1] == 99
    # The logarithm of nothing is no number; JSON has none for it.
    assert maps[0]["values"][0][0] is None
    json.dumps(maps, allow_nan=False)
    assert depth_data(None) == []


def test_every_planted_fault_can_be_ordered(tmp_path: Path) -> None:
    rows = fault_rows(Order(), bench_of(tmp_path))
    assert len(rows) > 90
    for row in rows:
        assert ReplayOrder(fault=row["name"]).fault == row["name"]
        assert row["what"] and row["settings"] and row["short"] in row["name"]


def test_a_fault_is_trained_beside_its_twin_found_and_treated(tmp_path: Path) -> None:
    told: list[Any] = []
    bench = bench_of(tmp_path, told=told)
    name = "audio2visual: a hundred times the rate"
    found = replay_job(ReplayOrder(fault=name), bench)
    rows = read_jsonl(bench.folder / "metrics.jsonl")
    runs = list(dict.fromkeys(row["run"] for row in rows))
    assert runs == ["sick", "healthy", "treated"]
    assert {row["kind"] for row in rows} == {"train", "validation", "stop"}
    # The twin learns; the sick one does not come near it.
    figures = {one["run"]: one["figure"] for one in found["runs"]}
    assert figures["healthy"] > figures["sick"] + 0.1
    assert found["named_first"] and found["findings"][0]["code"] == "R7.peak-too-high"
    assert found["treatment"]["recovered"]
    (changed,) = found["treatment"]["change"]
    assert changed["from"] == 0.3 and changed["to"] < 0.3
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (300, 300)


def test_a_cancelled_training_ends_in_the_middle(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, stop=12)
    with pytest.raises(Cancelled):
        replay_job(ReplayOrder(fault="audio2visual: silent inputs"), bench)
    rows = read_jsonl(bench.folder / "metrics.jsonl")
    assert {row["run"] for row in rows} == {"sick"} and rows[-1]["step"] <= 12
    # Nobody listens any more.
    from partimento.selftest.small_audio2visual import SmallAudioToVisual

    SmallAudioToVisual().run({"training.max_epochs": 1}, 3)
    assert read_jsonl(bench.folder / "metrics.jsonl") == rows


def test_an_unknown_fault_is_told(tmp_path: Path) -> None:
    with pytest.raises(PartimentoError, match="no planted fault"):
        replay_job(ReplayOrder(fault="piano: too much sugar"), bench_of(tmp_path))


def test_the_rows_of_a_run_are_those_of_the_training_itself(tmp_path: Path) -> None:
    from partimento.selftest.small_audio2visual import SmallAudioToVisual

    task, settings = SmallAudioToVisual(), {"training.max_epochs": 1}
    plain = task.run(settings, 3).rows
    steps: list[Any] = []
    with live_rows(tmp_path, "one", lambda *at: steps.append(at)):
        task.run(settings, 3)
    rows = read_jsonl(tmp_path / "metrics.jsonl")

    def losses(some: Sequence[Any], kind: str, name: str) -> list[Any]:
        return [(row["step"], row[name]) for row in some if row["kind"] == kind]

    written = losses(rows, "train", "loss")
    assert written and written == losses(plain, "train", "loss")
    assert losses(rows, "validation", "valid_loss") == losses(plain, "validation", "valid_loss")
    assert steps[-1][0] == steps[-1][1]


def test_attention_tells_where_each_head_looks(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, "old_hundredth_hymn")
    order = AttentionOrder(source=SCORE, weights="chorale-whitepaper", first_step=4, steps=12)
    found = attention_job(order, bench)
    maps = json.loads((bench.folder / "maps.json").read_text())["maps"]
    shape = (len(maps), len(maps[0]), len(maps[0][0]), len(maps[0][0][0]))
    assert shape == (found["layers"], len(found["channels"]), found["heads"], found["steps"])
    assert found["steps"] == len(found["places"]) == 12
    assert found["channels"] == ["soprano", "alto", "tenor", "bass"]
    rows = [row for layer in maps for voice in layer for head in voice for row in head]
    assert all(abs(sum(row) - 1000) <= len(row) for row in rows)
    assert all(0 <= one["normalised_entropy"] <= 1 for one in found["table"])
    assert found["places"][0].startswith("bar ")
    assert set(found["notes"]) == set(found["channels"])
    assert "attention.html" in [path.name for path in bench.folder.iterdir()]


def test_attention_needs_a_chorale_model_and_four_parts(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, "ode_to_joy")
    with pytest.raises(PartimentoError, match="chorale models only"):
        attention_job(AttentionOrder(source=SCORE, weights="piano-permissive"), bench)
    with pytest.raises(PartimentoError, match="all four voices"):
        attention_job(AttentionOrder(source=SCORE, weights="chorale-small"), bench)
