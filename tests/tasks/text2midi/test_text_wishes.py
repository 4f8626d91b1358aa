"""Settings by hand over what was understood; what is forced; what cannot be done."""

import numpy as np
import pytest

from partimento.core.errors import ConfigError
from partimento.music.attributes import LEVELS, Attributes
from partimento.music.barpiece import METERS
from partimento.music.instruments import INSTRUMENT_NAMES
from partimento.music.styles import STYLES
from partimento.tasks.text2midi.blend import filled_in
from partimento.tasks.text2midi.wishes import (
    LONGEST_TEXT,
    NO_DRUMS,
    SETTABLE,
    asked_for,
    checked_bars,
    checked_text,
    drawn_tempo,
    forced_names,
)

TEXT = Attributes(
    tempo_word="slow",
    key="D minor",
    mode="minor",
    meter="3/4",
    style="waltz",
    instruments=("flute", "harp"),
    excluded=("piano",),
)


def set_to(**settings):
    return asked_for(TEXT, settings).attributes


def test_without_settings_the_text_stands():
    assert asked_for(TEXT).attributes == TEXT
    assert asked_for(TEXT).could_not == ()


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("tempo", 90, "tempo_bpm", 90.0),
        ("tempo", "90-110", "tempo_bpm", (90.0, 110.0)),
        ("tempo", (90, 110), "tempo_bpm", (90.0, 110.0)),
        ("tempo", "96 bpm", "tempo_bpm", 96.0),
        ("tempo", "very fast", "tempo_word", "very fast"),
        ("key", "f# minor", "key", "F# minor"),
        ("mode", "Minor", "mode", "minor"),
        ("meter", "6/8", "meter", "6/8"),
        ("style", "Slip  Jig", "style", "slip jig"),
        ("density", "dense", "density", "dense"),
        ("density", 1.5, "density", "sparse"),
        ("register", 80, "register", "high"),
        ("polyphony", 1, "polyphony", "monophonic"),
        ("dynamics", "loud", "dynamics", "loud"),
        ("articulation", "legato", "articulation", "legato"),
        ("arousal", "low", "arousal", "low"),
        ("instruments", "Oboe, cello", "instruments", ("oboe", "cello")),
        ("instruments", ["oboe", "cello"], "instruments", ("oboe", "cello")),
        ("exclude", "organ,drums", "excluded", ("piano", "organ", "drums")),
        ("bars", 24, "bars", 24),
    ],
)
def test_a_setting_overrides_the_text(name, value, field, expected):
    asked = asked_for(TEXT, {name: value})
    assert getattr(asked.attributes, field) == expected
    assert list(asked.settings) == [name]
    if isinstance(value, str):
        assert asked_for(TEXT, [f"{name}={value}"]).attributes == asked.attributes


def test_what_belongs_together_changes_together():
    assert set_to(tempo=150).tempo_word == "fast"
    assert set_to(tempo="90-110").tempo_word == "moderate"
    assert set_to(tempo="fast").tempo_bpm is None
    assert set_to(key="A major").mode == "major"
    assert set_to(mode="major").key is None
    assert set_to(mode="minor").key == "D minor"
    assert set_to(mode="major", key="G minor").mode == "minor"
    assert set_to(density=7).numbers == {"density": 7.0}
    assert asked_for(asked_for(TEXT, {"density": 7}).attributes, {"density": "sparse"}) == (
        asked_for(TEXT, {"density": "sparse"})
    )
    assert set_to(instruments="piano").excluded == ()
    assert set_to(exclude="flute").instruments == ("harp",)


def test_any_takes_it_back():
    assert set_to(key="any").key is None
    assert set_to(key="any").mode == "minor"
    assert set_to(mode="none").key is None
    assert set_to(tempo="any").tempo_word is None
    assert set_to(instruments="any").instruments == ()
    assert set_to(exclude="none").excluded == ()


@pytest.mark.parametrize(
    ("word", "where", "listed"),
    [
        ("speed=3", "--set", SETTABLE),
        ("tempo", "--set", ()),
        ("tempo=", "--set tempo", ()),
        ("tempo=quick", "--set tempo", ("very slow", "20", "300")),
        ("tempo=5", "--set tempo", ()),
        ("tempo=110-90", "--set tempo", ("90-110",)),
        ("tempo=nan", "--set tempo", ()),
        ("tempo=inf", "--set tempo", ()),
        ("key=H minor", "--set key", ("G minor",)),
        ("mode=dorian", "--set mode", ("major", "minor")),
        ("meter=13/8", "--set meter", METERS),
        ("style=techno", "--set style", STYLES),
        ("density=400", "--set density", (*LEVELS["density"], "notes a second")),
        ("density=nan", "--set density", ()),
        ("register=tall", "--set register", (*LEVELS["register"], "MIDI pitch")),
        ("dynamics=90", "--set dynamics", LEVELS["dynamics"]),
        ("instruments=kazoo", "--set instruments", INSTRUMENT_NAMES),
        ("instruments=drums", "--set instruments", INSTRUMENT_NAMES),
        ("exclude=,", "--set exclude", ("drums",)),
        ("bars=65", "--set bars", ("64",)),
        ("bars=-1", "--set bars", ()),
        ("bars=1.5", "--set bars", ()),
    ],
)
def test_wrong_settings_are_one_paragraph_with_what_is_allowed(word, where, listed):
    with pytest.raises(ConfigError) as caught:
        asked_for(TEXT, [word])
    assert caught.value.where == where
    for name in listed:
        assert name in caught.value.fix
    assert "\n" not in caught.value.text


def test_drums_are_reported_and_left_out():
    asked = asked_for(Attributes(instruments=("drums", "flute")))
    assert asked.attributes.instruments == ("flute",)
    assert asked.could_not == (NO_DRUMS,)
    assert asked_for(Attributes(excluded=("drums",))).could_not == ()


def test_an_instrument_both_asked_for_and_ruled_out_is_left_out():
    asked = asked_for(Attributes(instruments=("harp", "flute"), excluded=("harp",)))
    assert asked.attributes.instruments == ("flute",)
    assert "harp" in asked.could_not[0]


def test_forced_where_stated():
    assert forced_names(TEXT, [], free=False) == {"tempo", "meter", "instruments"}
    assert forced_names(TEXT, ["key"], free=False) == {"tempo", "meter", "instruments", "key"}
    assert forced_names(TEXT, [" key "], free=True) == {"key"}
    assert forced_names(Attributes(), [""], free=False) == frozenset()
    one = Attributes(polyphony="monophonic")
    assert forced_names(one, ["polyphony"], free=False) == {"polyphony"}


@pytest.mark.parametrize(
    ("force", "words"),
    [
        ("density", "tempo, meter, key"),
        ("key", "--set key=..."),
        ("polyphony", "--set polyphony=..."),
    ],
)
def test_what_cannot_be_forced(force, words):
    with pytest.raises(ConfigError, match="forced") as caught:
        forced_names(Attributes(meter="3/4"), [force], free=False)
    assert words in caught.value.fix


def test_only_one_voice_can_be_forced():
    with pytest.raises(ConfigError, match="monophonic"):
        forced_names(Attributes(polyphony="full"), ["polyphony"], free=False)


def test_a_tempo_is_drawn_from_its_range():
    ranged = Attributes(tempo_bpm=(90.0, 110.0))
    drawn = [drawn_tempo(ranged, np.random.default_rng(i)).tempo_bpm for i in range(50)]
    assert all(90 <= bpm <= 110 and bpm == round(bpm) for bpm in drawn)
    assert len(set(drawn)) > 10
    assert drawn[0] == drawn_tempo(ranged, np.random.default_rng(0)).tempo_bpm
    narrow = drawn_tempo(Attributes(tempo_bpm=(90.2, 90.4)), np.random.default_rng(0)).tempo_bpm
    assert 90.2 <= narrow <= 90.4
    assert drawn_tempo(Attributes(tempo_bpm=72.0), np.random.default_rng(0)).tempo_bpm == 72.0


def test_bars_from_option_text_or_default():
    assert checked_bars(8, 12) == 8
    assert checked_bars(None, 12) == 12
    assert checked_bars(None, None) == 16
    for bars, stated, where in ((0, None, "--bars"), (65, None, "--bars"), (None, 200, "text")):
        with pytest.raises(ConfigError, match="bars are not possible") as caught:
            checked_bars(bars, stated)
        assert where in caught.value.where


def test_texts_are_limited_and_cleaned():
    assert checked_text(" a\twaltz\n\x00 ") == "a waltz"
    assert checked_text("") == ""
    with pytest.raises(ConfigError, match="4001 characters"):
        checked_text("a" * (LONGEST_TEXT + 1))


def test_filling_in_never_contradicts():
    more = Attributes(
        tempo_bpm=150.0,
        tempo_word="fast",
        key="A major",
        mode="major",
        density="dense",
        numbers={"density": 7.0, "register": 70.0},
        instruments=("piano", "oboe"),
    )
    filled = filled_in(TEXT, more)
    assert (filled.tempo_word, filled.tempo_bpm) == ("slow", None)
    assert (filled.key, filled.mode) == ("D minor", "minor")
    assert (filled.density, filled.numbers["density"]) == ("dense", 7.0)
    assert filled.instruments == ("flute", "harp")
    assert filled_in(Attributes(mode="minor"), more).key is None
    assert filled_in(Attributes(mode="major"), more).key == "A major"
    assert filled_in(Attributes(excluded=("piano",)), more).instruments == ("oboe",)
    assert filled_in(Attributes(density="sparse"), more).numbers.get("density") is None
    assert filled_in(Attributes(), more) == more
