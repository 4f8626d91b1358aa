import json

import numpy as np
import pytest

from fake_text_model import FakeTextModel
from made_tunes import write_tunes
from partimento.core.errors import ConfigError
from partimento.music.attributes import LEVELS, TEMPO_WORDS
from partimento.music.barpiece import METERS
from partimento.music.instruments import INSTRUMENT_ID
from partimento.music.keys import Key
from partimento.music.styles import STYLES
from partimento.tasks.text2midi import evaluate_generation as generation
from partimento.tasks.text2midi.evaluate import evaluate_text2midi
from partimento.tasks.text2midi.evaluate_generation import evaluate_generation
from partimento.tasks.text2midi.evaluation_page import evaluation_html, printed_tables
from partimento.tasks.text2midi.evaluation_prompts import (
    attributes_of,
    hand_paraphrases,
    hand_prompts,
    paraphrase_report,
    stated,
    token_agreement,
)


def by_meter(piece):
    """Stands in for the classifier of styles."""
    return {"6/8": "jig", "3/4": "waltz"}.get(piece.meter, "reel"), 0.9


class Deaf(FakeTextModel):
    """Composes the same, whatever is asked."""

    def compose(self, wishes, **options):
        from partimento.tasks.text2midi.interface import Conditions, Wish

        return super().compose([Wish(Conditions(), w.bars) for w in wishes], **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tunes(tmp_path_factory.mktemp("tunes"), count=36, bars=6)


@pytest.fixture(scope="module")
def packaged():
    return evaluate_generation(FakeTextModel(), 20, bars=4, guidance=3.0, classify=by_meter)


@pytest.fixture(scope="module")
def with_data(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generation, "SIDE", 6)
        patch.setattr(generation, "REAL", 12)
        patch.setattr(generation, "RECOVERY_EXCERPTS", 24)
        return evaluate_generation(
            FakeTextModel(), 12, data=folder, bars=4, guidance=3.0, classify=by_meter
        )


def test_packaged_prompts_are_what_the_package_knows():
    prompts = hand_prompts()
    assert len({p.text for p in prompts}) == len(prompts) >= 60
    for asked in [p.asked for p in prompts] + [p.asked for p in hand_paraphrases()]:
        assert asked.key is None or Key.parse(asked.key).mode == asked.mode
        assert asked.meter in (None, *METERS)
        assert asked.style in (None, *STYLES)
        assert asked.tempo_word in (None, *TEMPO_WORDS)
        assert all(name in INSTRUMENT_ID for name in asked.instruments)
        assert all(getattr(asked, n) in (None, *words) for n, words in LEVELS.items())
        assert stated(asked)
    assert all(len(set(p.texts)) == 5 for p in hand_paraphrases())


def test_attributes_from_their_json_form():
    asked = attributes_of(
        {"tempo_bpm": [90, 110], "instruments": ["flute"], "mood": {"valence": "low"}}
    )
    assert asked.tempo_bpm == (90.0, 110.0)
    assert asked.instruments == ("flute",)
    assert asked.valence == "low"
    assert attributes_of(asked.to_dict()) == asked
    assert attributes_of({"tempo_bpm": 90}).tempo_bpm == 90.0
    assert stated(attributes_of({"tempo_bpm": 90, "tempo_word": "moderate"})) == {"tempo_bpm": 90.0}


def test_paraphrases_that_differ_are_seen():
    same = paraphrase_report([("a jig in D major", "D major jig")])
    assert same["attributes_agree"] == same["pairs_agree"] == same["groups_agree"] == 1.0
    found = paraphrase_report([("a jig in D major", "a jig in E major", "D major jig")])
    assert found["groups_agree"] == 0.0
    assert 0 < found["attributes_agree"] < 1
    assert found["attributes_agree"] < found["pairs_agree"] < 1


def test_tokens_of_wordings():
    class Tokens(FakeTextModel):
        def semantic(self, text):
            return (len(text) % 3, 0)

    class Without(FakeTextModel):
        def semantic(self, text):
            return ()

    assert token_agreement(Tokens(), [("a", "aaaa"), ("aa", "b")]) == {
        **{"pairs_agree": 0.5, "chance": 0.5}
    }
    assert token_agreement(Without(), [("a", "b")]) is None


def test_the_contract_without_data(packaged):
    assert packaged["generated"] == 20
    assert packaged["draws_per_prompt"] == 1
    assert packaged["validity"]["all"]["share"] == 1.0
    assert packaged["validity"]["n"] == 40  # the forced set too
    match = packaged["attribute_match"]
    assert match["normalised_mean"] > 0.4
    assert {"key", "mode", "meter", "style", "tempo", "instruments"} <= set(match["attributes"])
    assert packaged["forced"]["meter"]["share"] == 1.0
    assert packaged["interventions"]["density"]["spearman"]["value"] > 0.6
    for part in (packaged["copying"], packaged["semantic_token"]):
        assert "--data" in part["skipped"]
    assert packaged["quality"]["degenerate"]["degenerate"]["generated"]["n"] == 20
    json.dumps(packaged)


def test_with_data_nothing_is_skipped(with_data, folder):
    assert with_data["prompts"] == "captions of held-out data"
    copies = with_data["copying"]
    assert copies["training_pieces"] > 15
    assert copies["held_out"]["n"] > 0
    assert with_data["semantic_token"]["ceiling"]["n"] > 0
    assert set(with_data["semantic_token"]) > {"full_prompt", "token_alone"}
    assert with_data["quality"]["degenerate"]["pitches"]["real"]["mean"] > 3
    assert with_data["attribute_match"]["attributes"]["meter"]["ceiling"] == 1.0
    assert with_data["paraphrases"]["captions"]["attributes_agree"] > 0.8
    assert "agreement_of_halves" in with_data["attribute_match"]


def test_a_deaf_model_is_at_chance(packaged):
    deaf = evaluate_generation(Deaf(), 20, bars=4, guidance=3.0, classify=by_meter)
    found = deaf["attribute_match"]["normalised_mean"]
    assert found < 0.2 < packaged["attribute_match"]["normalised_mean"]
    assert deaf["forced"]["meter"]["share"] < 1.0
    assert abs(deaf["interventions"]["register"]["spearman"]["value"]) < 0.1


def test_broken_pieces_are_counted():
    class Broken(FakeTextModel):
        def compose(self, wishes, **options):
            first, *rest = super().compose(wishes, **options)
            return [first.select(np.zeros(0, dtype=np.int64)), *rest]

    report = evaluate_generation(Broken(), 4, bars=4, classify=by_meter)
    assert report["validity"]["all"]["share"] == 0.75  # one of each set of four
    assert report["quality"]["silent"] == 1
    assert {f["piece"] for f in report["validity"]["faults"]} == {0, 4}


def test_nothing_is_forced_in_the_first_set_and_batches_differ(monkeypatch):
    monkeypatch.setattr(generation, "CHUNK", 3)
    model = FakeTextModel()
    evaluate_generation(model, 6, bars=4, classify=by_meter)
    free, forced = model.asked[0] + model.asked[1], model.asked[2] + model.asked[3]
    assert all(w.forced == frozenset() for w in free)
    assert any(w.forced for w in forced)
    assert all(w.bars == w.conditions.attributes.bars == 4 for w in free)


def test_the_same_seed_gives_the_same_report():
    one, two, other = (
        evaluate_generation(FakeTextModel(), 3, bars=2, seed=seed, classify=by_meter)
        for seed in (0, 0, 1)
    )
    assert one == two
    assert one["quality"] != other["quality"]


@pytest.mark.parametrize(("count", "bars", "where"), [(1, 8, "--generate"), (4, 1, "--bars")])
def test_numbers_that_are_not_possible(count, bars, where):
    with pytest.raises(ConfigError, match=where):
        evaluate_generation(FakeTextModel(), count, bars=bars)


def test_pages_with_and_without_data(packaged, with_data):
    titles = [title for title, _ in printed_tables({"weights": "fake", **packaged})]
    assert "Copying" not in titles
    assert "Not measured" in evaluation_html({"weights": "fake", **packaged})
    titles = [title for title, _ in printed_tables({"weights": "fake", **with_data})]
    assert {"Validity", "Copying", "Examples", "Interventions"} <= set(titles)
    assert "Not measured" not in evaluation_html({"weights": "fake", **with_data})


def test_the_twin_makes_music_too(monkeypatch, tmp_path):
    monkeypatch.setattr("partimento.tasks.text2midi.match._classify", by_meter)
    page = tmp_path / "made.html"
    report = evaluate_text2midi(weights=FakeTextModel(), generate=4, bars=4, out=page)
    assert report["weights"] == "fake"
    assert json.loads(page.with_suffix(".json").read_text())["generated"] == 4
