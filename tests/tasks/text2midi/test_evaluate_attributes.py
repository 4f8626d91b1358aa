from dataclasses import replace

import pytest

from fake_text_model import FakeTextModel
from partimento.music.attributes import Attributes, measure
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.attribute_match import (
    KEY_CEILING,
    Made,
    forced_table,
    halves_agreement,
    match_table,
)
from partimento.tasks.text2midi.interface import Conditions, Wish

WISHES = [
    Attributes(mode=mode, meter=meter, density=density, register=register, tempo_bpm=tempo)
    for mode, meter, density, register, tempo in [
        ("major", "4/4", "sparse", "low", 60.0),
        ("minor", "3/4", "dense", "high", 100.0),
        ("major", "6/8", "medium", "middle", 150.0),
        ("minor", "4/4", "dense", "low", 200.0),
    ]
] * 5


def classify(piece):
    return ("jig" if piece.meter == "6/8" else "reel"), 1.0


def made_by(wishes, judged=None, guidance=3.0):
    asked = [Wish(Conditions(w), 8, frozenset()) for w in wishes]
    pieces = FakeTextModel().compose(asked, seed=0, sampling=Sampling(), guidance=guidance)
    rows = zip(judged or wishes, pieces, strict=True)
    return [Made(a, p, f"prompt {i % 4}") for i, (a, p) in enumerate(rows)]


def test_an_obedient_model_is_near_the_ceiling():
    table = match_table(made_by(WISHES), classify=classify)
    assert table["attributes"]["meter"]["raw"] == 1.0
    assert table["attributes"]["meter"]["normalised"] == pytest.approx(1.0)
    assert table["normalised_mean"] > 0.7
    assert table["normalised_mean_over"] == ["mode", "density", "register", "meter"]
    assert table["tempo_bins"]["exact"]["raw"] == 1.0
    assert table["tempo_bins"]["exact"]["chance"] < 0.5


def test_chance_is_what_other_prompts_get():
    # Of the 15 pieces with another prompt, meter 4/4 is shared by two prompts of four.
    table = match_table(made_by(WISHES), classify=classify)
    assert table["attributes"]["meter"]["chance"] == pytest.approx(2 / 12)


def test_a_model_that_listens_to_another_prompt_is_at_chance():
    turned = [*WISHES[1:], WISHES[0]]
    table = match_table(made_by(WISHES, turned), classify=classify)
    assert table["attributes"]["meter"]["normalised"] < 0.2
    assert table["normalised_mean"] < 0.2


def test_ceilings_come_from_real_music():
    made = made_by(WISHES)
    pieces = [one.piece for one in made]
    own = [Made(replace(measure(p), style="jig"), p, str(i)) for i, p in enumerate(pieces)]
    table = match_table(own, own, classify=classify)
    row = table["attributes"]
    assert row["mode"]["ceiling"] == 1.0
    assert row["key"]["ceiling"] == KEY_CEILING
    assert row["key"]["normalised"] > 1.0  # of itself, the extractor is always right
    jigs = sum(p.meter == "6/8" for p in pieces) / len(pieces)
    assert row["style"]["ceiling"] == pytest.approx(jigs)
    assert row["style"]["normalised"] is None  # all prompts say jig: chance is the ceiling
    told = match_table(
        [replace(one, asked=Attributes(style="jig")) for one in made[:1]] + made[1:],
        classify=classify,
        style_ceiling=0.8,
    )
    assert told["attributes"]["style"]["ceiling"] == 0.8
    assert told["attributes"]["style"]["chance"] is None


def test_forced_attributes():
    found = forced_table(made_by(WISHES))
    assert found["tempo"]["share"] == found["meter"]["share"] == 1.0
    assert found["tempo"]["n"] == len(WISHES)
    assert set(found) == {"tempo", "meter"}
    wrong = made_by(WISHES, [replace(w, meter="5/4") for w in WISHES])
    assert forced_table(wrong)["meter"]["share"] == 0.0


def test_halves_of_steady_music_agree():
    pieces = [one.piece for one in made_by([replace(w, mode="major") for w in WISHES])]
    found = halves_agreement(pieces)
    assert found["density"] > 0.7
    assert found["mode"] > 0.5
    assert halves_agreement([pieces[0].excerpt(0, 1)]) == {}


def test_where_all_prompts_ask_for_the_same_nothing_is_normalised():
    alike = [replace(w, mode="major") for w in WISHES]
    row = match_table(made_by(alike), classify=classify)["attributes"]["mode"]
    assert row["asked_alike"] == 1.0
    assert row["normalised"] is None
    assert row["raw"] == pytest.approx(row["chance"], abs=0.05)
