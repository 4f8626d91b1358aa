from partimento.doctor.case import Case
from partimento.doctor.causes import causes_first, stage
from partimento.doctor.checks import Check, Known, all_checks
from partimento.doctor.examine import examine
from partimento.doctor.finding import Finding


def finding(code, severity="warning", confidence=0.9):
    return Finding(
        code=code, severity=severity, claim=f"{code} it is.", measured=1.0, unit="units",
        threshold=0.5, source="test", confidence=confidence, control="none", remedy="none",
    )  # fmt: skip


def known(code, explains=()):
    return Known(
        code=code, title=code, meaning="", threshold="", source="", evidence="", remedy="",
        explains=tuple(explains),
    )  # fmt: skip


def check(*codes, explains=None, needs=(), run=lambda case: ()):
    table = tuple(known(code, (explains or {}).get(code, ())) for code in codes)
    return Check(name=" ".join(codes), known=table, needs=needs, run=run)


def order(findings, checks=()):
    return [f.code for f in causes_first(findings, checks)]


def test_a_mild_cause_comes_before_its_severe_symptom():
    checks = [check("A.cause", "B.symptom", explains={"A.cause": ("B.symptom",)})]
    assert order([finding("B.symptom", "severe"), finding("A.cause")], checks) == [
        "A.cause", "B.symptom",
    ]  # fmt: skip


def test_information_explains_nothing_and_stands_last():
    checks = [check("A.cause", "B.symptom", explains={"A.cause": ("B.symptom",)})]
    found = order([finding("A.cause", "info"), finding("B.symptom")], checks)
    assert found == ["B.symptom", "A.cause"]


def test_what_explain_each_other_stay_in_the_order_of_severity():
    both = {"A.one": ("B.two",), "B.two": ("A.one",)}
    checks = [check("A.one", "B.two", explains=both)]
    assert order([finding("A.one"), finding("B.two", "severe")], checks) == ["B.two", "A.one"]


def test_ties_go_to_the_earlier_stage_of_work():
    found = order([finding("R2.collapse"), finding("D2.leakage"), finding("M1.not-causal")])
    assert found == ["D2.leakage", "M1.not-causal", "R2.collapse"]
    assert stage("R10.steps-not-batch") < stage("R1.uniform")
    assert stage("R6.not-finite") < stage("R6.plateau") < stage("nonsense")


def test_dead_units_come_before_what_a_dead_network_shows():
    severe = [finding("M3.blind-input", "severe"), finding("R2.collapse", "severe")]
    assert order([*severe, finding("R3.dead-units")], all_checks())[0] == "R3.dead-units"


def test_what_cannot_be_checked_is_told():
    checks = [
        check("A.one", needs=("probe",)),
        check("B.two", run=lambda case: [finding("B.two", "severe")]),
    ]
    found = examine(Case(name="x"), checks)
    assert found.not_done == (("A.one", "needs probe"),)
    assert found.done == ("B.two",) and found.exit_code == 1
