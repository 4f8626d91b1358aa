import io
import re
from dataclasses import replace
from functools import lru_cache
from itertools import combinations

import numpy as np
import pytest

from made_sounds import made_sound
from partimento.render.sanitise import sanitise_svg
from partimento.render.sheet import svg_to_png
from partimento.tasks.audio2visual.accents import ACCENTS, TINTS
from partimento.tasks.audio2visual.concepts import CONCEPTS, SOUNDS
from partimento.tasks.audio2visual.interface import Heard
from partimento.tasks.audio2visual.music_cover import draw_music
from partimento.tasks.audio2visual.music_features import MusicFeatures
from partimento.tasks.audio2visual.scenes import SCENES, companions, draw_sound, shares
from partimento.tasks.audio2visual.sound_shape import neutral_shape, sound_shape

SMALL = 96


def heard(label, unknown=False, **weights):
    weights_K = np.zeros(len(CONCEPTS))
    for name, weight in {label: 1.0, **weights}.items():
        place = SOUNDS.index(name) if name in SOUNDS else 20
        weights_K[place] = weight
    return Heard(label, 0.9, ((label, 0.9),), unknown, 0.0, weights_K, np.zeros(2, np.float32))


@lru_cache(maxsize=16)
def shape_of(label, seed=0):
    return sound_shape(made_sound(label, seed, seconds=2.0))


def pixels(svg):
    image = pytest.importorskip("PIL.Image")
    opened = image.open(io.BytesIO(svg_to_png(svg, 1.0))).convert("RGB")
    return np.asarray(opened).astype(np.float64)


def distance(first, second):
    return float(np.abs(pixels(first) - pixels(second)).mean())


def all_kinds():
    """One picture of everything that can be drawn."""
    yield from (draw_sound(heard(label), 1, SMALL, shape=shape_of(label)) for label in SOUNDS)
    yield draw_sound(heard("Rain", unknown=True), 1, SMALL, shape=shape_of("Rain"))
    yield draw_sound(heard("Music"), 1, SMALL, shape=shape_of("Music"))
    names = list(ACCENTS)
    for one, two in zip(names[1::2], names[2::2], strict=True):
        yield draw_sound(heard("Dog bark", **{one: 0.4, two: 0.3}), 1, SMALL)
    yield draw_sound(heard("Rain", **{"Dog bark": 0.4}), 1, SMALL)


def test_every_label_has_scene_accent_and_tint():
    assert set(SCENES) == set(SOUNDS)
    assert set(ACCENTS) == set(TINTS) == {*SOUNDS, "Music"}


def test_pictures_refer_to_nothing_outside_and_pass_the_sanitiser_whole():
    for svg in all_kinds():
        outside = re.findall(r"(?:href|src|url\((?!#)|http)[^ >]{0,40}", svg)
        assert [link for link in outside if "www.w3.org/2000/svg" not in link] == []
        assert not re.search(
            r"<(?!/?(?:svg|title|desc|defs|g|path|rect|circle|ellipse|stop|"
            r"linearGradient|clipPath|text)\b)",
            svg,
        )
        assert "nan" not in svg
        assert svg_to_png(sanitise_svg(svg), 1.0) == svg_to_png(svg, 1.0)


def test_the_same_sound_and_seed_give_the_same_text():
    for label in SOUNDS:
        first, second = (draw_sound(heard(label), 5, SMALL, shape=shape_of(label)) for _ in "ab")
        assert first == second


def test_classes_differ_more_than_seeds_of_a_class():
    drawn = {
        label: [draw_sound(heard(label), seed, SMALL, shape=shape_of(label)) for seed in (0, 1)]
        for label in SOUNDS
    }
    between = [distance(drawn[a][0], drawn[b][0]) for a, b in combinations(SOUNDS, 2)]
    within = [distance(*pair) for pair in drawn.values()]
    assert min(between) > 18.0
    assert min(within) > 2.0
    assert np.mean(between) > 1.5 * np.mean(within)


@pytest.mark.parametrize("label", SOUNDS)
def test_the_picture_follows_the_sound(label):
    first, second = (
        draw_sound(heard(label), 3, SMALL, shape=shape_of(label, seed)) for seed in (0, 1)
    )
    assert first != second


def test_rain_falls_where_the_sound_is_loud():
    envelope = np.where(np.arange(64) < 32, 1.0, 0.0)
    shape = replace(neutral_shape(), envelope_T=envelope)
    for seed in range(3):
        svg = draw_sound(heard("Rain"), seed, SMALL, shape=shape)
        mirrored = "translate(1000 0) scale(-1.0000 1.0000)" in svg
        drops = [float(x) for x in re.findall(r"M(-?[\d.]+) -?[\d.]+l-", svg)]
        left = np.mean([x < 500 for x in drops])
        assert left > 0.75, mirrored


def test_a_second_class_shows_in_proportion():
    alone = draw_sound(heard("Rain"), 2, SMALL)
    some = draw_sound(heard("Rain", **{"Fire crackling": 0.2}), 2, SMALL)
    much = draw_sound(heard("Rain", **{"Fire crackling": 0.9}), 2, SMALL)
    assert 0.5 < distance(alone, some) < distance(alone, much)


def test_a_trace_of_a_class_does_not_show():
    assert draw_sound(heard("Rain", Rooster=0.01), 2, SMALL) == draw_sound(heard("Rain"), 2, SMALL)


def test_shares_are_shares():
    weights_K = np.zeros(len(CONCEPTS))
    weights_K[:3], weights_K[10:12], weights_K[5] = (2.0, 1.0, 0.5), 0.25, -1.0
    found = shares(replace(heard("Dog bark"), weights_K=weights_K))
    assert sum(found.values()) == pytest.approx(1.0)
    assert next(iter(found)) == "Dog bark"
    assert found["Music"] == pytest.approx(0.125)
    assert found["Baby cry"] == 0.0
    assert shares(replace(heard("Rain"), weights_K=np.zeros(34))) == {"Rain": 1.0}
    assert companions(heard("Rain", Rooster=0.5)) == [("Rooster", pytest.approx(1 / 3))]


def test_unknown_is_drawn_from_the_sound_not_from_the_label():
    one = draw_sound(heard("Rain", unknown=True), 1, SMALL, shape=shape_of("Clock tick"))
    two = draw_sound(heard("Rooster", unknown=True), 1, SMALL, shape=shape_of("Clock tick"))
    other = draw_sound(heard("Rain", unknown=True), 1, SMALL, shape=shape_of("Sea waves"))
    assert one == two
    assert distance(one, other) > 1.0
    assert distance(one, draw_sound(heard("Rain"), 1, SMALL)) > 10.0


def test_silence_can_be_drawn():
    silence = sound_shape(made_sound("Rain", seconds=0.1))
    silence = replace(silence, envelope_T=np.zeros(64), bands_BT=np.zeros((24, 64)), onsets=())
    for label in (*SOUNDS, "Music"):
        assert "nan" not in draw_sound(heard(label), 0, SMALL, shape=silence)
    assert pixels(draw_sound(heard("Rain", unknown=True), 0, SMALL, shape=silence)).std() > 5.0


@pytest.mark.parametrize("size", [64, 333])
def test_pictures_have_the_size_that_was_asked_for(size):
    assert pixels(draw_sound(heard("Helicopter"), 0, size)).shape == (size, size, 3)


def test_impossible_pictures_are_refused():
    with pytest.raises(ValueError, match="pixels"):
        draw_sound(heard("Rain"), 0, 5)
    with pytest.raises(ValueError, match="no scene"):
        draw_sound(heard("Whale"), 0, SMALL)


BEATS = tuple((place / 40.0, 0.8) for place in range(40))
MUSIC = MusicFeatures("major", 90.0, 0.5, 62.0, 3.0, 0.6, replace(neutral_shape(), onsets=BEATS))


def test_a_title_is_written_and_cut():
    assert "<text" not in draw_music(MUSIC, 0, SMALL)
    svg = draw_music(MUSIC, 0, SMALL, title="Night & day " * 20)
    (words,) = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert words.startswith("Night &amp; day")
    assert words.endswith("\u2026")


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "minor"},
        {"tempo_bpm": 170.0},
        {"brightness": 0.8},
        {"register": 78.0},
        {"dynamics": 0.2},
        {"density": 9.0},
    ],
)
def test_every_trait_of_music_changes_its_cover(changes):
    # Equal features give distance 0; the tempo moves only the thin circles and their beads.
    changed = draw_music(replace(MUSIC, **changes), 4, SMALL)
    assert distance(draw_music(MUSIC, 4, SMALL), changed) > 0.5


def test_minor_is_darker_than_major():
    for seed in range(2):
        major, minor = (
            pixels(draw_music(replace(MUSIC, mode=mode, brightness=0.3), seed, SMALL)).mean()
            for mode in ("major", "minor")
        )
        assert minor < major


def test_brighter_music_is_lighter():
    dark, bright = (
        pixels(draw_music(replace(MUSIC, brightness=level), 1, SMALL)).mean()
        for level in (0.2, 0.8)
    )
    assert bright > dark + 20
