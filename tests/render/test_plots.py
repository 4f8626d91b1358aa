"""Charts: valid, accessible, deterministic, and with the data at the right place."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from partimento.music.score import Note, Part, Score, sort_notes
from partimento.render import drawing, plots
from partimento.render.sanitise import sanitise_svg
from partimento.render.sheet import svg_to_png

SVG = "{http://www.w3.org/2000/svg}"
NOTES = [plots.RollNote(0.0, 2.0, 60, 0), plots.RollNote(1.0, 1.0, 48, 3, given=False)]
EVIL = "<script>alert('x')</script> & \x00 \"quoted\""

CHARTS: dict[str, Callable[[str], str]] = {
    "lines": lambda t: plots.lines_svg(
        {t: [(0, 1.0), (1, 2.0)], "b": [(0, 3.0)]},
        title=t,
        x_label=t,
        y_label=t,
        references={t + "floor": 2.5},
    ),
    "bars": lambda t: plots.bars_svg({t: 1.0, "b": -2.0}, title=t, x_label=t, unit=" %"),
    "groups": lambda t: plots.bars_svg({"a": {t: 1.0, "q": 2.0}}, title=t),
    "heat": lambda t: plots.heatmap_svg(
        np.eye(3), title=t, rows=[t, "b", "c"], columns=["a", "b", t], row_label=t, column_label=t
    ),
    "calibration": lambda t: plots.reliability_svg([0.1, 0.9], [0.2, 0.8], [5, 9], title=t),
    "roll": lambda t: plots.piano_roll_svg(
        NOTES,
        title=t,
        bar_lines=[0, 4],
        fermatas=[1],
        marks=[plots.RollMark(1.0, t)],
        voice_names=[t, "A", "T", "B"],
    ),
}


@pytest.mark.parametrize("name", CHARTS)
def test_charts_are_accessible_safe_and_deterministic(name: str) -> None:
    svg = CHARTS[name](EVIL)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert root[0].tag == SVG + "title" and "alert" in (root[0].text or "")
    assert root[1].tag == SVG + "desc" and root[1].text
    assert not list(root.iter(SVG + "script"))
    assert svg == CHARTS[name](EVIL)
    assert not re.search(r"nan|inf\b", svg)


@pytest.mark.parametrize("name", CHARTS)
def test_charts_pass_the_sanitiser_whole(name: str) -> None:
    svg = CHARTS[name]("Title")
    before, after = (list(ElementTree.fromstring(s).iter()) for s in (svg, sanitise_svg(svg)))
    assert [(e.tag, e.attrib, e.text) for e in before] == [(e.tag, e.attrib, e.text) for e in after]


@pytest.mark.parametrize("name", CHARTS)
def test_nothing_lies_outside_the_paper(name: str) -> None:
    root = ElementTree.fromstring(CHARTS[name]("Title"))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for element in root.iter():
        for key, limit in (("x", width), ("x2", width), ("cx", width), ("y", height)):
            if key in element.attrib:
                assert -1 <= float(element.attrib[key]) <= limit + 1
    assert svg_to_png(CHARTS[name]("Title"), 0.5)[:4] == b"\x89PNG"


def test_colours_have_contrast_on_paper() -> None:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for colour in (*drawing.SERIES_COLOURS, drawing.INK, drawing.MUTED, drawing.ALARM):
        assert 1.05 / (luminance(colour) + 0.05) >= 4.5, colour


def test_curve_points_lie_where_the_data_say() -> None:
    svg = plots.lines_svg({"a": [(0, 0.0), (5, 5.0), (10, 10.0)]}, title="t")
    points = ElementTree.fromstring(svg).find(f".//{SVG}polyline").get("points")  # type: ignore[union-attr]
    (x0, y0), (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in points.split())  # type: ignore[union-attr]
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.02)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.02)
    assert y0 > y2


def test_log_axis_and_values_that_are_no_numbers() -> None:
    rows = [(0, 100.0), (1, 10.0), (2, 1.0), (3, 0.0), (4, math.nan), (5, math.inf)]
    svg = plots.lines_svg({"a": rows}, title="t", log_y=True)
    points = ElementTree.fromstring(svg).find(f".//{SVG}polyline").get("points")  # type: ignore[union-attr]
    ys = [float(p.split(",")[1]) for p in points.split()]  # type: ignore[union-attr]
    assert len(ys) == 3 and ys[1] - ys[0] == pytest.approx(ys[2] - ys[1], abs=0.02)


@pytest.mark.parametrize("series", [{}, {"a": []}, {"a": [(1, 1.0)]}, {"a": [(1, math.nan)]}])
def test_little_data_is_no_error(series: dict) -> None:
    ElementTree.fromstring(plots.lines_svg(series, title="t"))


def test_bar_lengths_are_proportional() -> None:
    root = ElementTree.fromstring(plots.bars_svg({"a": 1.0, "b": 4.0}, title="t"))
    widths = [float(r.attrib["width"]) for r in root.iter(SVG + "rect")][1:]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)


def test_heat_map_cells_cover_the_matrix() -> None:
    data = np.array([[0.0, 1.0, 1.0], [1.0, 0.0, np.nan]])
    svg = plots.heatmap_svg(data, title="t", width=300)
    paths = [
        (p.attrib["fill"], p.attrib["d"]) for p in ElementTree.fromstring(svg).iter(SVG + "path")
    ]
    runs = [(fill, float(h)) for fill, d in paths for h in re.findall(r"h([\d.]+)v", d)]
    cell = sum(h for _, h in runs) / 6
    by_colour = {fill: sum(h for f, h in runs if f == fill) / cell for fill, _ in runs}
    assert sorted(round(v) for v in by_colour.values()) == [1, 2, 3]
    assert "the largest is at row 1, column 2" in svg


def test_heat_map_refuses_what_is_no_matrix() -> None:
    with pytest.raises(ValueError, match="two dimensions"):
        plots.heatmap_svg(np.zeros(3), title="t")
    with pytest.raises(ValueError, match="name every"):
        plots.heatmap_svg(np.zeros((2, 2)), title="t", rows=["a"])


@settings(max_examples=40, deadline=None)
@given(
    arrays(
        np.float64,
        st.tuples(st.integers(1, 6), st.integers(1, 40)),
        elements=st.floats(-1e6, 1e6) | st.just(float("nan")),
    ),
    st.booleans(),
)
def test_any_matrix_gives_a_picture(data: np.ndarray, diverging: bool) -> None:
    ElementTree.fromstring(plots.heatmap_svg(data, title="t", diverging=diverging))


def test_calibration_error_is_the_weighted_gap() -> None:
    svg = plots.reliability_svg([0.1, 0.5, 0.9], [0.2, 0.5, 0.5], [10, 10, 20])
    assert "error 0.2250 over 40" in svg
    assert "error 0.0000 over 0" in plots.reliability_svg([0.5], [0.0], [0])
    with pytest.raises(ValueError, match="one entry per bin"):
        plots.reliability_svg([0.1], [0.2], [1, 2])


def test_roll_of_a_grid_joins_cells_and_keeps_gaps() -> None:
    grid = np.full((8, 4), -1)
    grid[:4, 0], grid[4:, 0] = 72, 74
    grid[2:6, 3] = 48
    given = np.zeros((8, 4), dtype=bool)
    given[:, 0] = True
    given[2:4, 3] = True
    assert plots.grid_roll(grid, given) == [
        plots.RollNote(0.0, 1.0, 72, 0, True),
        plots.RollNote(0.5, 1.0, 48, 3, False),
        plots.RollNote(1.0, 1.0, 74, 0, True),
    ]
    assert plots.grid_roll(np.full((0, 4), -1)) == []


def test_roll_of_a_score_counts_voices_from_the_top() -> None:
    def note(part: str, voice: str, midi: int) -> Note:
        return Note(Fraction(0), Fraction(1), midi, part, voice=voice)

    notes = sort_notes([note("U", "1", 72), note("U", "2", 65), note("L", "1", 55)])
    score = Score((Part("U"), Part("L")), notes)
    roll = plots.score_roll(score, generated_voices=[1])
    assert {(n.midi, n.voice, n.given) for n in roll} == {
        (72, 0, True),
        (65, 1, False),
        (55, 2, True),
    }


def test_roll_notes_stand_at_their_time_and_pitch() -> None:
    svg = plots.piano_roll_svg(NOTES, title="t", px_per_quarter=20)
    root = ElementTree.fromstring(svg)
    first, second = (r for r in root.iter(SVG + "rect") if r.find(SVG + "title") is not None)
    assert float(second.attrib["x"]) - float(first.attrib["x"]) == pytest.approx(20.7)
    assert float(second.attrib["y"]) - float(first.attrib["y"]) == pytest.approx(12 * 7 + 0.7)
    assert "generated" in second[0].text and "generated" not in first[0].text  # type: ignore[operator]
    assert float(root.attrib["data-px-per-quarter"]) == 20


def test_empty_and_endless_rolls() -> None:
    ElementTree.fromstring(plots.piano_roll_svg([], title="t"))
    far = plots.piano_roll_svg([plots.RollNote(1e6, 1.0, 60, 9)], title="t")
    assert float(ElementTree.fromstring(far).attrib["width"]) < 61_000


def test_ticks_are_round_and_inside() -> None:
    assert drawing.ticks(0.0, 10.0) == [0, 2, 4, 6, 8, 10]
    assert drawing.ticks(1.27, 1.43) == [1.3, 1.35, 1.4]
    assert drawing.ticks(5.0, 5.0) == [5.0]


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e9))
def test_any_range_has_few_ticks_inside(low: float, span: float) -> None:
    found = drawing.ticks(low, low + span)
    slack = 1e-6 * (abs(low) + span)
    assert len(found) <= 12
    assert all(low - slack <= t <= low + span + slack for t in found)
