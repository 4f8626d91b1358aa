import json
import math
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from partimento.core.config import Config
from partimento.core.errors import ConfigError, DataError
from partimento.core.plain import plain
from partimento.core.runs import RunFolder


class Recipe(Config):
    task: str = "chorale"
    learning_rate: float = 1e-4
    mode: str = "off"


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run", Recipe(), ["partimento", "train", "a b.yaml"])


def test_create_writes_readable_text(run):
    assert (run.path / "command.txt").read_text() == "partimento train 'a b.yaml'\n"
    assert RunFolder.open(run.path).config() == Recipe().model_dump()
    environment = json.loads((run.path / "environment.json").read_text())
    assert environment["packages"]["numpy"] == np.__version__
    assert run.checkpoints.is_dir()
    assert run.samples.is_dir()


def test_a_used_folder_is_not_overwritten(run):
    with pytest.raises(ConfigError, match="--resume"):
        RunFolder.create(run.path, Recipe(), "x")
    with pytest.raises(DataError, match="no run folder"):
        RunFolder.open(run.path / "samples")


def test_metrics_round_trip_with_odd_values(run):
    row = {"step": 1, "loss": math.nan, "worst": [math.inf, -math.inf], "x": np.float32(0.5)}
    run.log(row)
    run.log({"step": np.int64(2), "per_voice": {"S": np.arange(2)}})
    first, second = run.read_metrics()
    assert math.isnan(first["loss"])
    assert first["worst"] == [math.inf, -math.inf]
    assert first["x"] == 0.5
    assert second == {"step": 2, "per_voice": {"S": [0, 1]}}
    for line in run.metrics_path.read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_half_a_line_is_ignored_and_cut_on_open(run):
    run.log({"step": 1})
    with run.metrics_path.open("a") as stream:
        stream.write('{"step": 2, "lo')
    assert run.read_metrics() == [{"step": 1}]
    again = RunFolder.open(run.path)
    again.log({"step": 3})
    assert again.read_metrics() == [{"step": 1}, {"step": 3}]


def test_damage_in_the_middle_is_named(run):
    run.metrics_path.write_text('{"a": 1}\nnonsense\n{"a": 2}\n')
    with pytest.raises(DataError, match="line 2"):
        run.read_metrics()


def test_rewind_drops_later_rows(run):
    for step in range(5):
        run.log({"step": step})
    run.log({"note": "no step"})
    assert run.rewind_metrics("step", 2) == 2
    assert [row.get("step") for row in run.read_metrics()] == [0, 1, 2, None]


def test_findings(run):
    run.add_finding({"id": "flat_output", "severity": "error"})
    assert RunFolder.open(run.path).read_findings() == [{"id": "flat_output", "severity": "error"}]


def test_plain_turns_arrays_and_paths_into_json(tmp_path):
    value = {"a": np.array([[1.0, math.nan]]), 3: tmp_path, "c": (1, {2})}
    assert plain(value) == {"a": [[1.0, "NaN"]], "3": str(tmp_path), "c": [1, [2]]}


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_a_killed_writer_leaves_a_readable_folder(run):
    code = (
        "import sys; from partimento.core.runs import RunFolder\n"
        "run = RunFolder.open(sys.argv[1]); i = 0\n"
        "while True:\n    run.log({'step': i, 'text': 'x' * 2000}); i += 1"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(run.path)])
    try:
        until = time.monotonic() + 30
        while run.metrics_path.stat().st_size < 20_000:
            assert time.monotonic() < until, "the writer never started"
            time.sleep(0.01)
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    rows = RunFolder.open(run.path).read_metrics()
    assert [row["step"] for row in rows] == list(range(len(rows)))
