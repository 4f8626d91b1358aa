import re

import numpy as np
import pytest

from partimento.render import scenery
from partimento.render.illustration import Canvas, blended, curve, mix, noise, shades
from partimento.render.sanitise import sanitise_svg
from partimento.render.sheet import svg_to_png


def test_colours_mix_towards_the_second():
    assert mix("#102030", "#506070", 0.0) == "#102030"
    assert mix("#102030", "#506070", 1.0) == "#506070"
    assert mix("#000000", "#ff0000", 2.0) == "#ff0000"
    assert shades("#000000", "#ffffff", 3) == ["#000000", "#808080", "#ffffff"]


def test_a_blend_is_nearest_to_one_palette():
    palettes = [["#000000"], ["#ffffff"]]
    for seed in range(20):
        (tone,) = blended(np.random.default_rng(seed), palettes, 0.25)
        level = int(tone[1:3], 16)
        assert level <= 64 or level >= 191


def test_a_curve_passes_through_its_points():
    points = [(0, 0), (100, 50), (200, 0)]
    path = curve(points)
    ends = re.findall(r"(-?[\d.]+ -?[\d.]+)(?:C|$)", path)
    assert ends == ["0 0", "100 50", "200 0"]
    assert curve(points, closed=True).endswith("0 0Z")


def test_noise_is_smooth_and_bounded():
    line = noise(np.random.default_rng(3), 500, waves=3, octaves=1)
    assert np.abs(line).max() <= 1.0
    assert np.abs(np.diff(line)).max() < 0.05
    assert line.std() > 0.05


def test_a_glow_falls_off_to_its_rim():
    canvas = Canvas(200, "glow")
    canvas.rect(0, 0, 1000, 1000, "#000000")
    canvas.glow(500, 500, 400, "#ffffff", 0.8)
    pixels = pixels_of(canvas.svg())[:, :, 0].astype(int)
    across = pixels[100, 100:]
    assert across[0] == pytest.approx(255 * (1 - np.exp(-0.8)), abs=8)
    assert across[40] == pytest.approx(255 * (1 - np.exp(-0.8 * 0.25)), abs=8)
    assert (np.diff(across) <= 1).all()
    assert across[85] == 0


def test_ids_are_deterministic_and_used():
    def made():
        canvas = Canvas(100, "ids")
        canvas.rect(0, 0, 10, 10, canvas.gradient([(0, "#000000", 1), (1, "#ffffff", 0.5)]))
        with canvas.clip("M0 0H9V9Z"), canvas.group(1, 2, 3, turn=4, mirror=True, opacity=0.5):
            canvas.circle(1, 1, 1, "#ff0000")
        return canvas.svg()

    svg = made()
    assert svg == made()
    assert set(re.findall(r'id="(\w+)"', svg)) == set(re.findall(r"url\(#(\w+)\)", svg))


def test_titles_are_escaped():
    assert "<title>a &lt;b&gt; &amp; c</title>" in Canvas(64, "a <b> & c").svg()


def parts_of_landscapes(canvas, rng):
    scenery.sky(canvas, ("#003366", "#ffcc88"))
    scenery.disc(canvas, 300, 300, 60, "#ffffff", "#ffeeaa")
    scenery.crescent(canvas, 700, 200, 50, "#ffffff")
    scenery.stars(canvas, rng, 30, 500)
    scenery.cloud(canvas, rng, 500, 200, 200, "#ffffff")
    scenery.streaks(canvas, rng, 3, 100, 300, "#ffffff")
    line = scenery.hills(canvas, rng, 600, 60, "#335533")
    scenery.conifers(canvas, rng, line, 10, 100, "#112211")
    scenery.round_tree(canvas, rng, 200, 800, 300, "#227722", "#553311", "#aadd88")
    scenery.bird(canvas, 500, 100, 40, "#000000")
    scenery.grass(canvas, rng, 40, 800, 990, "#118811")
    scenery.glitter(canvas, rng, 500, 600, 900, "#ffffff")


def test_the_sanitiser_takes_nothing_from_a_landscape():
    canvas = Canvas(128, "landscape")
    parts_of_landscapes(canvas, np.random.default_rng(0))
    svg = canvas.svg()
    assert svg_to_png(sanitise_svg(svg), 1.0) == svg_to_png(svg, 1.0)


def test_a_crescent_is_thinner_than_its_disc():
    canvas = Canvas(200, "moon")
    canvas.rect(0, 0, 1000, 1000, "#000000")
    scenery.crescent(canvas, 500, 500, 300, "#ffffff")
    lit = (pixels_of(canvas.svg())[:, :, 0] > 128).mean()
    assert 0.03 < lit < 0.6 * np.pi * 0.3**2


def test_heights_of_hills_are_read_between_their_points():
    assert scenery.height_at(np.array([0.0, 104.0]), 500.0) == pytest.approx(52.0)


def pixels_of(svg):
    """(H, W, 3) of a rendered drawing."""
    import io

    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(io.BytesIO(svg_to_png(svg, 1.0))).convert("RGB"))
