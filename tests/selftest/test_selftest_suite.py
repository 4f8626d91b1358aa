import json

import pytest
from fake_small import CHECKS, FAULTS, FakeTask, finding

from partimento.core.errors import ConfigError
from partimento.selftest.interface import Fault
from partimento.selftest.outcome import Bench, Request, run_one
from partimento.selftest.suite import Suite, chosen, run_suite, seed_numbers, self_test
from partimento.selftest.summary_text import text_of

SEEDS = (0, 1, 2)


def suite(faults=FAULTS, checks=CHECKS):
    return Suite(faults=faults, bench=Bench(tasks={"line": FakeTask()}, checks=checks))


@pytest.fixture(scope="module")
def result():
    before = FakeTask.runs
    found = run_suite(suite(), SEEDS, quick=True)
    return found, FakeTask.runs - before


def test_the_contracts_keys_and_counts(result):
    told = json.loads(json.dumps(result[0].to_dict()))
    assert told["faults"] == 3
    assert told["sick_runs"] == 9
    assert told["detected"] == 6
    assert told["detection_rate"] == pytest.approx(6 / 9)
    assert told["named_first_rate"] == pytest.approx(3 / 9)
    assert told["healthy_runs"] == 3
    assert told["false_alarms_per_run"] == 0.0
    assert told["intervals"]["detection_rate"]["by_fault"]["hits"] == 2
    low, high = told["intervals"]["detection_rate"]["interval"]
    assert low < 6 / 9 < high
    assert told["intervals"]["false_alarms_per_run"]["interval"][1] == pytest.approx(
        3.689 / 3, 0.01
    )
    assert told["purpose"].startswith("test")
    assert set(told["baselines"]) == {"debugger", "autotrainer"}
    assert told["errors"] == []


def test_healthy_twins_are_trained_once_for_all_faults(result):
    # 3 twins, 9 sick runs, 3 treatments and one unwatched run for the cost of watching.
    assert result[1] == 3 + 9 + 3 + 1


def test_a_finding_of_the_wrong_name_detects_and_does_not_name(result):
    rows = [row for row in result[0].to_dict()["rows"] if row["fault"] == "line-shuffled"]
    assert all(row["detected"] and not row["named_first"] for row in rows)
    assert all(row["first"] == "T3.ridge-gap" and row["change"] is None for row in rows)
    assert not any(row["recovered"] for row in rows)


def test_info_is_no_alarm(result):
    for row in result[0].to_dict()["healthy"]:
        assert row["codes"] == ["T8.parameters"]
        assert row["alarms"] == []


def test_the_remedy_is_tried_and_the_run_recovers(result):
    rows = [row for row in result[0].to_dict()["rows"] if row["fault"] == "line-rate"]
    for row in rows:
        figure = row["figure"]
        assert row["change"] == {"training.optimizer.lr": 0.1}
        assert row["change_from"] == "finding"
        assert row["hurt"] and row["recovered"]
        assert not float(figure["sick"]) >= figure["healthy_mean"] - figure["margin"]
        assert figure["treated"] >= figure["healthy_mean"] - figure["margin"]


def test_rows_where_a_baseline_is_better_are_shown(result):
    told = result[0].to_dict()
    worse = {(row["fault"], row["baseline"]) for row in told["worse_rows"]}
    assert not any(fault == "line-rate" for fault, _ in worse)
    rates = {name: base["detection_rate"] for name, base in told["baselines"].items()}
    rate_rows = [row for row in told["rows"] if row["fault"] == "line-rate"]
    assert all(row["baselines"]["debugger"]["detected"] for row in rate_rows)
    assert rates["debugger"] > 0.0


def test_false_alarms_are_counted_and_the_twin_is_taken_off():
    from fake_small import check

    always = check("always", lambda case: [finding("X.always", severity="warning")], "X.always")
    told = run_suite(suite(checks=(always,)), (0,), measure_overhead=False).to_dict()
    assert told["false_alarms_per_run"] == 1.0
    assert told["detection_rate"] == 1.0
    assert told["intervals"]["detection_beyond_twin"]["share"] == 0.0
    assert told["goals"]["false_alarms_per_run"]["holds"] is False


def test_a_run_that_breaks_is_told_and_not_detected():
    fault = Fault(
        name="line-breaks",
        task="line",
        settings={"slip.breaks": True},
        codes=("X",),
        what="It breaks.",
    )
    found = run_suite(suite((fault,)), (0,), measure_overhead=False)
    assert found.to_dict()["detection_rate"] == 0.0
    assert found.errors == ["line-breaks, seed 0: RuntimeError: planted break"]


def test_threshold_seeds_are_no_test():
    told = run_suite(suite(FAULTS[:1]), (100,), measure_overhead=False).to_dict()
    assert told["purpose"].startswith("no test")
    assert told["threshold_seeds"] == list(range(100, 110))


def test_processes_give_the_same(result):
    found = run_suite(suite(FAULTS[:1]), (0,), jobs=2, measure_overhead=False).to_dict()
    (row,) = found["rows"]
    before = result[0].to_dict()["rows"][0]
    assert row["figure"]["sick"] == before["figure"]["sick"]
    assert row["alarms"] == before["alarms"]


def test_overhead_is_a_ratio_in_one_run(result):
    told = result[0].to_dict()
    (cost,) = told["overheads"].values()
    assert told["overhead"] == cost["share"]
    assert -0.5 < cost["low"] <= cost["share"] <= cost["high"]
    assert cost["step_ms"] > 0.0


def test_seeds_and_names():
    assert seed_numbers("0-2,7") == (0, 1, 2, 7)
    assert seed_numbers([3, 3]) == (3,)
    with pytest.raises(ConfigError, match="list of seeds"):
        seed_numbers("a-3")
    assert [f.name for f in chosen(FAULTS, ["line-s"])] == ["line-shuffled", "line-short"]
    with pytest.raises(ConfigError, match="did you mean line-rate"):
        chosen(FAULTS, ["line-rates"])
    with pytest.raises(ConfigError):
        run_suite(suite(), (0,), jobs=0)


def test_outcomes_repeat_exactly():
    bench = Bench(tasks={"line": FakeTask()}, checks=CHECKS)
    request = Request.of("line", {"training.optimizer.lr": 3.0}, 4)
    one, two = run_one(bench, request), run_one(bench, request)
    assert one.figure == two.figure or one.figure != one.figure
    assert one.findings == two.findings


def test_a_real_fault_end_to_end():
    from partimento.selftest.faults import FAULTS, small_tasks

    real = Suite(faults=chosen(FAULTS, ["text2midi: perplexity"]), bench=Bench(tasks=small_tasks()))
    told = run_suite(real, (0,), quick=True, measure_overhead=False).to_dict()
    (row,) = told["rows"]
    assert row["first"] == "U2.perplexity" and row["named_first"]
    assert row["recovered"] and row["change_kind"] == "mend"
    assert told["healthy"][0]["alarms"] == []
    assert told["seeds"] == [0] and told["quick"] is True
    assert "the doctor" in text_of(told)


def test_names_are_looked_up_before_anything_is_trained():
    with pytest.raises(ConfigError, match="there is no fault"):
        self_test(only=["nothing like it"])
