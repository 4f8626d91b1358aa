"""The report in a terminal, as JSON, and as a page."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from partimento.doctor.case import Case, Watched
from partimento.doctor.checks import Check, Known
from partimento.doctor.evidence import evidence_part, evidence_parts, heat_map, picked, thinned
from partimento.doctor.examine import Examination, examine
from partimento.doctor.finding import Finding
from partimento.doctor.glossary import WORDS, words_in
from partimento.doctor.report import (
    change_of,
    compared,
    counts_text,
    figure,
    known_findings,
    report_dict,
    report_text,
)
from partimento.doctor.report_page import measured_svg, report_page_html, write_report_page
from partimento.doctor.run_curves import row_curve, run_section
from partimento.render.page import Fact, FigureSection, TableSection

EVIL = "</script><script>alert(1)</script>"


def finding(code="R7.peak-too-high", severity="severe", **more):
    values = {
        "code": code, "severity": severity, "claim": "the peak rate is 0.1, the bound 0.003",
        "measured": 0.1, "unit": "learning rate per step", "threshold": 0.003,
        "source": "Vaswani et al. 2017", "confidence": 0.9, "control": "the loss rose at the peak",
        "remedy": "lower the rate", "evidence": {"change": {"training.lr": 0.003}},
    }  # fmt: skip
    return Finding(**(values | more))


def known(code, title, explains=()):
    return Known(
        code=code, title=title, meaning=f"The meaning of {title}.", threshold="t", source="s",
        evidence="e", remedy="r", explains=explains,
    )  # fmt: skip


KNOWN = {
    "R7.peak-too-high": known("R7.peak-too-high", "Rate too high", ("R6.oscillation",)),
    "R6.oscillation": known("R6.oscillation", "The loss swings"),
}
SICK = Examination(
    "runs/a",
    (finding(), finding("R6.oscillation", "warning", measured=4.0, threshold=None, evidence={})),
    ("peak rate", "oscillation"),
    (("causality", "needs probe.change_from"), ("padding", "needs probe.padded")),
)
HEALTHY = Examination("runs/b", (), ("peak rate",), ())


def test_terminal_text():
    text = report_text(SICK, KNOWN)
    assert text.startswith("runs/a: 1 severe, 1 warning (2 checks made, 2 not)\n")
    assert "1  SEVERE  R7.peak-too-high  Rate too high" in text
    assert "measured   0.1 against 0.003 (learning rate per step)" in text
    assert "needs probe.padded: padding" in text
    assert all(len(line) <= 96 for line in text.splitlines())
    assert report_text(HEALTHY) == "runs/b: nothing found (1 checks made)"


def test_json():
    found = json.loads(json.dumps(report_dict(SICK)))
    assert found["first"] == "R7.peak-too-high"
    assert found["counts"] == {"severe": 1, "warning": 1, "info": 0}
    assert found["exit_code"] == 1
    fields = ("code", "severity", "claim", "measured", "unit", "threshold", "source")
    assert set(found["findings"][0]) == {*fields, "confidence", "control", "remedy", "evidence"}
    assert report_dict(HEALTHY)["first"] is None


def test_figures_in_words():
    assert figure(123456.0) == "123,456"
    assert compared(finding(threshold=None)) == "0.1 learning rate per step"
    assert counts_text([finding(severity="info")] * 2) == "2 notes"
    assert change_of(finding()) == {"training.lr": 0.003}
    assert change_of(finding(evidence={"change": 3})) == {}


def test_known_findings_of_given_checks():
    check = Check(name="one", known=tuple(KNOWN.values()), needs=(), run=lambda case: [])
    assert known_findings([check]) == KNOWN
    assert examine(Case(), [check]).done == ("one",)


# -- the page ------------------------------------------------------------------------------


class Outline(HTMLParser):
    """Ids, links inside the page, headings, and whether tags nest."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.ids, self.links, self.tags, self.open, self.headings = set(), set(), [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.ids |= {values["id"]} if "id" in values else set()
        if tag == "a" and values["href"].startswith("#"):
            self.links.add(values["href"][1:])
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)


def watched(steps=30, blocks=4):
    rows = np.full((steps, blocks), 0.5)
    return Watched(
        steps_S=np.arange(steps) * 10, losses_S=np.linspace(3, 1, steps),
        blocks=[f"layer {i}" for i in range(blocks)], gradient_norms_SP=rows,
        weight_norms_SP=rows, update_ratios_SP=rows * 0.0, rates_S=np.full(steps, 1e-3),
        dead_SP=np.full((steps, blocks), np.nan), saturated_SP=rows,
        output_spread_S=np.ones(steps), target_spread_S=np.full(steps, np.nan),
    )  # fmt: skip


ROWS = [
    *({"kind": "train", "step": i, "loss": 3.0 - 0.1 * i, "lr": 1e-3} for i in range(20)),
    *({"kind": "epoch", "step": i, "train_loss": 2.0, "valid_loss": 2.5, "valid_top1": 0.1}
      for i in (10, 20)),
    {"kind": "train", "step": 21, "loss": float("nan"), "lr": 1e-3},
]  # fmt: skip


def test_the_page_tells_what_is_wrong_first():
    text = report_page_html(SICK, case=Case(rows=ROWS, watched=watched()), known=KNOWN)
    page = Outline(text)
    assert page.headings == [
        *("Doctor: runs/a", "In short", "All findings", "1. Rate too high", "2. The loss swings"),
        *("The run", "What was checked", "What could not be checked", "Words"),
    ]
    assert page.links <= page.ids
    assert "one thing keeps it from learning" in text
    assert "--set training.lr=0.003" in text
    assert "The meaning of Rate too high." in text
    assert "a way to add padding" in text
    # The cause links to what it may explain.
    part = text[text.index("1. Rate too high</h2>") :]
    assert re.search(r"May explain</dt><dd[^>]*>also found → <a href=\"#section-3\">", part)


def test_a_healthy_page():
    page = Outline(report_page_html(HEALTHY))
    assert page.headings == ["Doctor: runs/b", "In short", "What was checked"]


def test_foreign_text_is_only_text(tmp_path):
    evil = finding(EVIL, claim=EVIL, unit=EVIL, remedy=EVIL, evidence={EVIL: [{EVIL: EVIL}]})
    case = Case(name=EVIL, rows=[{"kind": "epoch", "step": 1, f"valid_{EVIL}_loss": 1.0}])
    path = write_report_page(tmp_path / "a.html", Examination(EVIL, (evil,), (), ()), case=case)
    text = path.read_text(encoding="utf-8")
    assert Outline(text).tags.count("script") == 2
    assert "<script>alert" not in text


def test_severity_is_not_only_a_colour():
    text = report_page_html(SICK, known=KNOWN)
    assert '<p class="mark severe">severe</p>' in text


@pytest.mark.parametrize(
    "measured, threshold",
    [(0.1, 0.003), (0.0, 0.5), (-2.0, 0.0), (0.0, 0.0), (-3.0, -5.0), (1e6, 1e-6), (7.0, 7.0)],
)
def test_the_bar_stays_on_its_paper(measured, threshold):
    svg = measured_svg(finding(measured=measured, threshold=threshold))
    for x, wide in re.findall(r'<rect x="([-\d.]+)" y="40" width="([-\d.]+)"', svg):
        assert float(x) >= 16
        assert float(x) + float(wide) <= 640 - 16 + 3


def test_no_bar_where_there_is_nothing_to_compare():
    assert measured_svg(finding(threshold=None)) == ""
    assert measured_svg(finding(measured=float("nan"))) == ""


def test_evidence_is_shown_by_its_shape():
    curve = {"x": [1, 2, 3], "y": [1.0, "NaN", 3.0]}
    shapes = {
        "table": [{"a": 1, "b": [1, 2]}, {"a": 2}],
        "matrix": [[1.0, -1.0], ["NaN", 0.5]],
        "named matrix": {"matrix": [[1, 2], [3, 4]], "rows": ["a", "b"], "columns": ["c", "d"]},
        "curve": curve,
        "curves": {"a": curve, "b": curve},
        "long list": list(range(20)),
        "lists": {"a": list(range(12)), "b": list(range(12))},
        "reliability": {"confidence": [0.5], "accuracy": [0.4], "count": [9]},
        "bars": {"a": 1.0, "b": 2.0},
    }
    made = {name: evidence_part(name, value) for name, value in shapes.items()}
    assert isinstance(made.pop("table"), TableSection)
    assert all(isinstance(part, FigureSection) for part in made.values())
    assert isinstance(evidence_part("far apart", {"a": 1.0, "b": 1e6}), TableSection)
    assert isinstance(evidence_part("mixed", {"a": 1.0, "b": "x"}), TableSection)
    for value in (3, "words", [1, 2], [], {}, None, True):
        assert isinstance(evidence_part("one", value), Fact)


def test_a_table_has_all_columns_and_forty_rows():
    part = evidence_part("t", [{"a": 1}] * 50 + [{"b": 2}])
    assert part.columns == ["a", "b"]
    assert len(part.rows) == 40
    assert part.caption.startswith("11 more rows")


def test_the_change_stands_with_the_remedy_only():
    parts = evidence_parts({"change": {"a": 1}, "norm_K": 2.5, "other": 1})
    assert [fact.term for fact in parts[-1].facts] == ["norm", "other"]


def test_large_tables_are_thinned():
    assert picked(5, 9) == [0, 1, 2, 3, 4]
    assert picked(1000, 3) == [0, 500, 999]
    points = thinned([(i, float(i)) for i in range(5000)])
    assert len(points) <= 1001
    assert points[-1] == (4999.0, 4999.0)
    assert "Evenly picked" in heat_map("m", np.zeros((100, 3))).caption


def test_curves_of_the_rows():
    assert row_curve(ROWS, "epoch", "valid_loss") == [(10.0, 2.5), (20.0, 2.5)]
    assert row_curve([{"kind": "train", "loss": 1}], "train", "loss") == [(1.0, 1.0)]
    assert run_section(Case()) is None
    parts = run_section(Case(rows=ROWS, watched=watched())).parts
    assert [len(part.figures) for part in parts] == [4, 2]
    # Without rows the monitor's own losses are drawn.
    assert len(run_section(Case(watched=watched())).parts[0].figures) == 3


def test_words_are_found_whole():
    assert words_in(["Losses of the batches"]) == ["batch", "loss"]
    assert words_in(["glossary maskedness"]) == []
    assert all(text.endswith(".") for text in WORDS.values())
