"""The table of all findings is whole, and docs/findings.md is written from it."""

import importlib.util
from pathlib import Path

from partimento.doctor.checks import Check, Known, all_checks

ROOT = Path(__file__).resolve().parents[2]


def generator():
    path = ROOT / "docs" / "generate_findings.py"
    spec = importlib.util.spec_from_file_location("generate_findings", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def known(code, **more):
    values = {"title": f"title of {code}", "meaning": "a meaning", "threshold": "above 1 | 2"}
    values |= {"source": "a paper", "evidence": "a table", "remedy": "a command"}
    return Known(code=code, **(values | more))


def test_codes_stand_in_order_with_links():
    names = ("R10.b", "R2.a", "U1.c")
    checks = [Check(name="one", known=tuple(map(known, names)), needs=("rows",), run=iter)]
    text = generator().findings_text(checks)
    places = [text.index(f"### {name}:") for name in ("U1.c", "R2.a", "R10.b")]
    assert places == sorted(places)
    assert "| [R2.a](#r2a-title-of-r2a) |" in text
    assert "above 1 \\| 2" in text
    assert "| made by | one (needs rows) |" in text
    assert "3 findings of 1 checks" in text


def test_no_code_has_two_meanings_and_symptoms_exist():
    checks = all_checks()
    found = [one for check in checks for one in check.known]
    codes = {one.code for one in found}
    assert all(one == next(k for k in found if k.code == one.code) for one in found)
    named = {symptom for check in checks for one in check.known for symptom in one.explains}
    assert named <= codes


def test_every_finding_is_told_in_full():
    for check in all_checks():
        for one in check.known:
            for part in ("title", "meaning", "threshold", "source", "evidence", "remedy"):
                assert getattr(one, part).strip(), f"{one.code} has no {part}"


def test_the_document_is_current():
    assert generator().main(["--check"]) == 0, "make docs"
