"""Radar charts: every value in its place, gaps where none is, words beside the picture."""

import math
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.render.radar import Reading, Spoke, radar_svg
from partimento.render.sanitise import sanitise_svg

SPOKES = [Spoke(name, f"not {name}", f"very {name}") for name in ("loud", "slow", "wet", "dark")]
SOME = [Reading(0.2, 0.1, 0.3), Reading(0.5, 0.4, 0.6), Reading(0.8, 0.7, 0.9), Reading(0.5)]


def parts(svg, tag):
    return [e for e in ET.fromstring(svg).iter() if e.tag.endswith(f"}}{tag}")]


def dots(svg):
    """Tooltip -> (x, y) of each value."""
    return {
        e[0].text: (float(e.get("cx")), float(e.get("cy"))) for e in parts(svg, "circle") if len(e)
    }


def rings(svg):
    """(x, y, radius) of the grid."""
    return [
        tuple(float(e.get(k)) for k in ("cx", "cy", "r"))
        for e in parts(svg, "circle")
        if not len(e)
    ]


def test_values_lie_on_their_spokes():
    svg = radar_svg(SPOKES, {"a": SOME}, title="T")
    x, y, radius = max(rings(svg), key=lambda ring: ring[2])
    up, right, down, left = dots(svg).values()
    assert up[0] == pytest.approx(x, abs=0.02) and up[1] < y
    assert right[1] == pytest.approx(y, abs=0.02) and right[0] > x
    assert down[0] == pytest.approx(x, abs=0.02) and down[1] > y
    assert left[1] == pytest.approx(y, abs=0.02) and left[0] < x
    # Distances grow with the values, evenly.
    near, middle, far = y - up[1], right[0] - x, down[1] - y
    assert middle - near == pytest.approx(far - middle, abs=0.05)
    assert far < radius


@given(st.lists(st.floats(-1, 2), min_size=3, max_size=25))
def test_nothing_leaves_the_circle(values):
    spokes = [Spoke(str(i), "low", "high") for i in range(len(values))]
    svg = radar_svg(spokes, {"a": [Reading(v) for v in values]}, title="T", span=(0.2, 0.8))
    x, y, radius = max(rings(svg), key=lambda ring: ring[2])
    inner = min(ring[2] for ring in rings(svg))
    distances = [math.hypot(px - x, py - y) for px, py in dots(svg).values()]
    assert max(distances) <= radius + 0.05 and min(distances) >= inner - 0.05


def test_a_missing_value_is_a_gap():
    full = radar_svg(SPOKES, {"a": SOME}, title="T")
    gap = radar_svg(SPOKES, {"a": [*SOME[:2], Reading(None), SOME[3]]}, title="T")
    assert len(dots(full)) == 4 and len(dots(gap)) == 3
    lines = [
        len([e for e in parts(s, "line") if e.get("stroke-width") == "2.2"]) for s in (full, gap)
    ]
    assert lines == [4, 2]
    assert "wet: no score" in gap and "wet: no score" not in full
    assert "wet no score, from not wet to very wet" in gap


def test_bands_only_of_one_or_two():
    # Two sectors have both intervals: up-right and right-down.
    for count, bands in ((1, 2), (2, 4), (3, 0)):
        svg = radar_svg(SPOKES, {f"{i}": SOME for i in range(count)}, title="T")
        assert len(parts(svg, "polygon")) == bands


def test_words_and_ends():
    svg = radar_svg(
        SPOKES, {"x & y": SOME}, title="A <title>", reference=("median", [0.5, 0.5, 0.5, 0.5])
    )
    (title, *_), (description,) = parts(svg, "title"), parts(svg, "desc")
    assert title.text == "A <title>"
    assert "loud 0.20 (0.10 to 0.30), from not loud to very loud" in description.text
    assert "dark 0.50, from not dark" in description.text
    shown = {e.text for e in parts(svg, "text")}
    assert {"loud", "outside: very loud", "x & y", "median", "A <title>"} <= shown


def test_it_passes_the_sanitiser_unchanged():
    svg = radar_svg(SPOKES, {"a": SOME, "b": SOME}, title="T")
    before, after = ET.fromstring(svg), ET.fromstring(sanitise_svg(svg))
    assert [e.tag for e in before.iter()] == [e.tag for e in after.iter()]
    assert [e.attrib for e in before.iter()] == [e.attrib for e in after.iter()]


def test_a_long_legend_pushes_the_circle_down():
    one = radar_svg(SPOKES, {"a": SOME}, title="T")
    many = radar_svg(SPOKES, {f"a performance with a name {i}": SOME for i in range(6)}, title="T")
    assert rings(many)[0][1] > rings(one)[0][1]
    assert float(ET.fromstring(many).get("height")) > float(ET.fromstring(one).get("height"))


def test_misuse():
    with pytest.raises(ValueError, match="three spokes"):
        radar_svg(SPOKES[:2], {}, title="T")
    with pytest.raises(ValueError, match="span"):
        radar_svg(SPOKES, {}, title="T", span=(0.5, 0.5))
    with pytest.raises(ValueError, match="one reading per spoke"):
        radar_svg(SPOKES, {"a": SOME[:3]}, title="T")
