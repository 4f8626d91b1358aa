"""Piano rolls in seconds: a rectangle per note, in its place."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from partimento.render.performance_roll import LEFT, MAX_WIDTH, ROW, performance_roll_svg

NAMES = ("primer", "model")


def notes(rows):
    return np.array(rows, dtype=np.float64).reshape(-1, 5)


def rectangles(svg):
    """Title -> attributes of each note."""
    root = ET.fromstring(svg)
    found = {}
    for element in root.iter():
        if element.tag.endswith("rect"):
            titles = [t.text for t in element if t.tag.endswith("title")]
            if titles:
                found[titles[0]] = element.attrib
    return found


def test_each_note_stands_in_its_place():
    rows = [(1.0, 2.5, 60, 127, 0), (3.0, 3.5, 72, 32, 1)]
    svg = performance_roll_svg(notes(rows), NAMES, title="Roll", px_per_sec=40)
    low, high = rectangles(svg).values()
    assert float(low["x"]) == pytest.approx(LEFT + 40) and float(high["x"]) == LEFT + 120
    assert float(low["width"]) == pytest.approx(59.5)
    assert float(low["y"]) - float(high["y"]) == pytest.approx(12 * ROW)
    assert float(low["fill-opacity"]) == 1.0 > float(high["fill-opacity"])
    assert low["fill"] != high["fill"]
    assert "primer: 1 notes" in svg and "model: 1 notes" in svg


def test_the_left_edge_and_marks():
    rows = [(100.0, 101.0, 60, 64, 0)]
    svg = performance_roll_svg(
        notes(rows), NAMES, title="Late", start_sec=99.0, marks_sec=[100.5], px_per_sec=10
    )
    (only,) = rectangles(svg).values()
    assert float(only["x"]) == pytest.approx(LEFT + 10)
    root = ET.fromstring(svg)
    lines = [e.attrib for e in root.iter() if e.tag.endswith("line")]
    assert any(float(line["x1"]) == pytest.approx(LEFT + 15) for line in lines)


@pytest.mark.parametrize(
    "rows", [[], [(0.0, 20_000.0, 60, 64, 0)], [(0, 1, 0, 1, 0)], [(0, 1, 127, 1, 1)]]
)
def test_edges(rows):
    svg = performance_roll_svg(notes(rows), NAMES, title="Edge & <case>")
    root = ET.fromstring(svg)
    assert float(root.attrib["width"]) <= MAX_WIDTH + 200
    assert len(rectangles(svg)) == len(rows)
    assert ("No notes." in svg) == (not rows)
