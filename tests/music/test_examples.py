"""The example tunes: readable, in range, with what the README promises of them."""

import itertools
from fractions import Fraction

import pytest

from partimento.core.errors import ConfigError
from partimento.examples import DEMO, example_names, example_path
from partimento.music.files import read_score
from partimento.music.grid import VOICE_RANGES
from partimento.music.keys import detect_score_key

KEYS = {
    "amazing_grace": "G major",
    "auld_lang_syne": "F major",
    "drunken_sailor": "D minor",
    "ein_feste_burg": "D major",
    "god_rest_you": "E minor",
    "greensleeves": "A minor",
    "innsbruck": "F major",
    "nun_danket": "F major",
    "ode_to_joy": "G major",
    "old_hundredth": "G major",
    "old_hundredth_hymn": "G major",
    "pachelbel_ground": "D major",
    "silent_night": "C major",
}


def test_names_and_readme():
    names = example_names()
    assert set(names) == set(KEYS)
    readme = (example_path(DEMO).parent / "README.md").read_text(encoding="utf-8")
    assert all(f"`{example_path(name).name}`" in readme for name in names)
    assert example_path("innsbruck.krn") == example_path("innsbruck")


def test_unknown_name():
    with pytest.raises(ConfigError, match="Did you mean greensleeves"):
        example_path("greensleave")
    with pytest.raises(ConfigError, match="There are: amazing_grace"):
        example_path("../secret")


@pytest.mark.parametrize("name", sorted(KEYS))
def test_example(name):
    path = example_path(name)
    score = read_score(path)
    assert path.stat().st_size < 25_000
    assert not score.warnings
    assert score.title and score.composer
    assert all(n.spelling is not None for n in score.notes)
    assert detect_score_key(score).name == KEYS[name]
    # Bars follow each other and are full, but for pickups and repeats inside a bar.
    for before, after in zip(score.measures, score.measures[1:], strict=False):
        assert before.end_quarter == after.onset_quarter
    assert score.measures[-1].end_quarter == max(n.end_quarter for n in score.notes)
    bar = score.time_signatures[0].bar_quarter
    short = [m.duration_quarter for m in score.measures if m.duration_quarter != bar]
    assert sum(short, Fraction(0)) % bar == 0


@pytest.mark.parametrize("name", sorted(set(KEYS) - {"pachelbel_ground", "old_hundredth_hymn"}))
def test_melodies_are_one_soprano_line(name):
    notes = read_score(example_path(name)).sounding()
    low, high = VOICE_RANGES[0]
    assert all(low <= n.midi <= high for n in notes)
    assert all(a.end_quarter <= b.onset_quarter for a, b in itertools.pairwise(notes))


def test_demo_has_pickup_fermatas_and_words():
    score = read_score(example_path(DEMO))
    assert score.measures[0].implicit and score.measures[0].duration_quarter == 1
    assert sum(n.fermata for n in score.notes) == 4
    words = [n.lyrics[0].text for n in score.notes]
    assert words[:4] == ["All", "peo", "ple", "that"] and len(words) == 32


def test_hymn_is_a_closed_score_of_four_lines():
    score = read_score(example_path("old_hundredth_hymn"))
    (part,) = score.parts
    assert (part.staves, part.clefs) == (2, ("G2", "F4"))
    lines = {(n.staff, n.voice) for n in score.notes}
    assert len(lines) == 4 and {s for s, _ in lines} == {1, 2}
    assert all(n.staff == (1 if n.midi >= 59 and n.voice in "12" else 2) for n in score.notes)
