import json

import numpy as np
import pytest

from partimento.core.runs import RunFolder
from partimento.training.compare import compare_runs, write_comparison
from partimento.training.differences import Arm, arms_of, band, differences


def curve(level, rng, epochs=30, noise=0.02):
    falling = np.exp(-np.arange(epochs) / 6.0)
    return tuple((level + falling + noise * rng.standard_normal(epochs)).tolist())


def arm(name, level, rng, runs=1, spread=0.0):
    curves = tuple(curve(level + spread * rng.standard_normal(), rng) for _ in range(runs))
    return Arm(name, {}, curves)


def test_a_large_difference_is_real_and_none_is_not():
    rng = np.random.default_rng(0)
    far = differences([arm("a", 1.0, rng), arm("b", 0.8, rng)])[0]
    near = differences([arm("a", 1.0, rng), arm("b", 1.0, rng)])[0]
    assert far.real and far.difference < 0 and far.basis == "epochs" and "b is better" in far.says
    assert near.real is False and "no difference" in near.says


def test_seeds_that_scatter_more_than_they_differ_tell_nothing():
    rng = np.random.default_rng(1)
    pair = differences(
        [arm("a", 1.0, rng, runs=4, spread=0.2), arm("b", 0.95, rng, runs=4, spread=0.2)]
    )[0]
    assert pair.basis == "seeds" and pair.real is False
    sure = differences(
        [arm("a", 1.0, rng, runs=4, spread=0.02), arm("b", 0.7, rng, runs=4, spread=0.02)]
    )[0]
    assert sure.real and "4 and 4 runs" in sure.says


def test_the_interval_of_equal_arms_holds_zero_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    held = [
        differences([arm("a", 1.0, rng, 3, 0.1), arm("b", 1.0, rng, 3, 0.1)])[0].real is False
        for _ in range(150)
    ]
    assert 0.88 <= np.mean(held) <= 1.0


def test_too_few_epochs_say_so():
    rng = np.random.default_rng(3)
    short = Arm("a", {}, (curve(1.0, rng, epochs=2),))
    pair = differences([short, arm("b", 1.0, rng)])[0]
    assert pair.real is None and "too few" in pair.says
    json.dumps(pair.to_dict())


def test_runs_that_differ_in_the_seed_alone_stand_together():
    settings = [{"seed": 0, "lr": 1}, {"seed": 1, "lr": 1}, {"seed": 0, "lr": 2}]
    arms = arms_of(["x", "y", "z"], settings, [(1.0, 0.5), (1.0, 0.6), (2.0, 1.0)])
    assert [a.name for a in arms] == ["x + y", "z"]
    shown = band(arms[0])
    assert shown["x + y"] == [(1, 1.0), (2, pytest.approx(0.55))]
    assert shown["x + y, lowest"][1] == (2, 0.5)


def run_folder(path, seed, rate, level):
    rng = np.random.default_rng(seed)
    run = RunFolder.create(path, {"seed": seed, "training": {"lr": rate}}, "test")
    for epoch, value in enumerate(curve(level, rng, epochs=12)):
        run.log({"kind": "epoch", "epoch": epoch, "step": epoch, "valid_loss": value})
    return path


def test_compare_tells_which_difference_is_real(tmp_path):
    runs = [
        run_folder(tmp_path / "a0", 0, 0.1, 1.0),
        run_folder(tmp_path / "a1", 1, 0.1, 1.0),
        run_folder(tmp_path / "b0", 2, 0.2, 0.5),
        run_folder(tmp_path / "b1", 3, 0.2, 0.5),
    ]
    report = compare_runs(runs)
    assert [d["real"] for d in report["differences"]] == [True]
    assert report["differences"][0]["basis"] == "seeds"
    write_comparison(report, tmp_path / "page.html", curves=["valid_loss"])
    assert "Which difference is real" in (tmp_path / "page.html").read_text()
