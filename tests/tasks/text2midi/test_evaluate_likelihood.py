from dataclasses import replace
from math import log

import numpy as np
import pytest

from fake_text_model import FakeTextModel
from made_tunes import write_tunes
from partimento.core.errors import ConfigError, DataError
from partimento.tasks.text2midi import evaluate_likelihood as likelihood
from partimento.tasks.text2midi.corpus import read_corpus
from partimento.tasks.text2midi.evaluate import evaluate_text2midi
from partimento.tasks.text2midi.evaluate_likelihood import (
    Measured,
    conditions_of,
    evaluate_likelihood,
)
from partimento.tasks.text2midi.evaluation_data import choose, only, prompted_excerpts, states
from partimento.tasks.text2midi.evaluation_page import evaluation_html, printed_tables


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_tunes(tmp_path_factory.mktemp("tunes"))


@pytest.fixture(scope="module")
def pieces(folder):
    return read_corpus(folder)


@pytest.fixture(scope="module")
def report(folder):
    return evaluate_text2midi(folder, weights=FakeTextModel(), bars=8, limit=16)


class Deaf(FakeTextModel):
    """Ignores its prompt."""

    def nats(self, piece, conditions):
        return [float(len(piece))] * len(conditions)


class Listens(FakeTextModel):
    """Charges five nats for every attribute of meter, key and density that is not the music's."""

    def nats(self, piece, conditions):
        from partimento.music.attributes import measure

        own = measure(piece)
        names = ("meter", "key", "density")
        wrong = [
            sum(getattr(c.attributes, n) not in (None, getattr(own, n)) for n in names)
            for c in conditions
        ]
        unsaid = [sum(getattr(c.attributes, n) is None for n in names) for c in conditions]
        return [100.0 + 5.0 * w + 2.0 * u for w, u in zip(wrong, unsaid, strict=True)]


def test_the_contract(report):
    assert report["weights"] == "fake"
    assert report["n_excerpts"] == 16
    assert report["nats_per_note"] < report["nats_per_note_unconditional"]
    gain = report["bits_gain_own_vs_shuffled"]
    assert gain["unit"] == "bits per excerpt"
    assert 0 < gain["low"] < gain["mean"] < gain["high"]
    assert gain["n"] == 16
    top = report["top1_of_50"]
    assert top["chance"] == pytest.approx(1 / top["prompts"])
    assert top["low"] <= top["value"] <= top["high"]
    assert set(report["sem_only"]) >= {"nats_per_note", "bits_gain_own_vs_shuffled", "top1_of_50"}
    assert report["by_source"]["book"]["n_excerpts"] == 16
    assert {"meter", "key", "density"} <= set(report["per_attribute"])
    assert report["limits"]["other_prompts"]["of_top1"] == top["prompts"] - 1


def test_the_figures_are_what_the_model_charges(pieces):
    prompts = prompted_excerpts(pieces, Listens(), bars=8, limit=12)
    found = evaluate_likelihood(Listens(), prompts)
    own = found["attributes_measured"]
    assert found["nats_per_note_without_prefix"] == found["nats_per_note_unconditional"]
    notes = sum(len(p.excerpt.music) for p in prompts)
    assert own["nats_per_note"] == pytest.approx(12 * 100 / notes)
    assert own["nats_per_note_unconditional"] == pytest.approx(12 * 106 / notes)
    assert own["bits_gain_own_vs_unconditional"]["mean"] == pytest.approx(6 / log(2))
    assert found["sem_only"]["bits_gain_own_vs_shuffled"]["mean"] == 0
    assert found["attributes_over_sem_only"] is None
    single = found["per_attribute"]["meter"]["bits_gain_own_vs_unconditional"]
    assert single["mean"] == pytest.approx(2 / log(2))


def test_a_deaf_model_gains_nothing_and_is_at_chance(pieces):
    found = evaluate_likelihood(Deaf(), prompted_excerpts(pieces, Deaf(), bars=8, limit=12))
    for name in ("full", "sem_only"):
        part = found if name == "full" else found[name]
        assert part["bits_gain_own_vs_shuffled"]["mean"] == 0
        assert part["top1_of_50"]["value"] == pytest.approx(part["top1_of_50"]["chance"])
        assert part["share_with_gain"]["value"] == 0


def test_a_model_without_semantic_tokens(pieces):
    class Plain(FakeTextModel):
        def semantic(self, text):
            return ()

    found = evaluate_likelihood(Plain(), prompted_excerpts(pieces, Plain(), bars=8, limit=8))
    assert found["sem_only"] is None
    assert found["bits_gain_own_vs_shuffled"]["mean"] > 0


def test_the_first_is_shared_between_equal_prompts():
    def first(own, *others):
        return Measured(own, np.array(others), np.zeros(len(others), bool)).first

    assert first(1.0, 2.0, 3.0) == 1.0
    assert first(1.0, 0.5, 3.0) == 0.0
    assert first(1.0, 1.0, 1.0, 2.0) == pytest.approx(1 / 3)
    assert Measured(1.0, np.array([2.0, 4.0]), np.zeros(2, bool)).gain_bits == pytest.approx(
        2 / log(2)
    )


def test_shuffled_prompts_are_of_other_groups_and_know_the_length(pieces):
    prompts = prompted_excerpts(pieces, FakeTextModel(), bars=4, limit=40)
    assert len({p.group for p in prompts}) < len(prompts)
    for i, others in enumerate(likelihood._others(prompts, 40, np.random.default_rng(0))):
        assert prompts[i].group not in {prompts[int(j)].group for j in others}
        assert len(set(others.tolist())) == len(others)
    one, two = prompts[0], replace(prompts[1], stated=replace(prompts[1].stated, bars=99))
    for variant in ("none", *likelihood.VARIANTS):
        told = conditions_of(variant, two, one)
        assert told.attributes.bars == one.excerpt.music.bars
        assert (told.opens, told.closes) == (one.excerpt.opens, one.excerpt.closes)
    assert conditions_of("sem_only", two, one).attributes.key is None
    assert conditions_of("attributes_only", two, one).semantic == ()


def test_excerpts_come_from_as_many_groups_as_there_are(pieces):
    chosen = choose(pieces, 4, 15, np.random.default_rng(0))
    assert len({e.piece.group for e in chosen}) == 15
    many = choose(pieces, 4, 400, np.random.default_rng(0))
    sizes = {}
    for excerpt in many:
        sizes[excerpt.piece.group] = sizes.get(excerpt.piece.group, 0) + 1
    assert max(sizes.values()) <= 3


def test_the_same_seed_gives_the_same_report(folder):
    one, two, other = (
        evaluate_text2midi(folder, weights=FakeTextModel(), bars=8, limit=3, seed=seed)
        for seed in (0, 0, 1)
    )
    assert one == two
    assert one["nats_per_note"] != other["nats_per_note"]


def test_one_attribute_alone(pieces):
    stated = prompted_excerpts(pieces, FakeTextModel(), bars=8, limit=2)[0].measured
    alone = only(stated, "tempo")
    assert (alone.tempo_bpm, alone.tempo_word) == (stated.tempo_bpm, stated.tempo_word)
    assert alone.key is None and alone.numbers == {} and alone.instruments == ()
    assert states(alone, "tempo") and not states(alone, "density")
    assert only(stated, "density").numbers == {"density": stated.numbers["density"]}


def test_a_page_with_all_tables(report):
    titles = [title for title, _ in printed_tables(report)]
    assert titles == ["What the prompt tells", "Attribute by attribute", "By source"]
    page = evaluation_html(report)
    assert "semantic token alone" in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_page_and_figures_are_written(folder, tmp_path):
    page = tmp_path / "page.html"
    report = evaluate_text2midi(folder, weights=FakeTextModel(), bars=8, limit=6, out=page)
    assert report["files"] == [str(tmp_path / "page.json"), str(page)]
    assert all((tmp_path / name).stat().st_size for name in ("page.json", "page.html"))


def test_what_cannot_be_measured(folder, tmp_path):
    with pytest.raises(ConfigError, match="--data"):
        evaluate_text2midi(weights=FakeTextModel())
    with pytest.raises(ConfigError, match="part"):
        evaluate_text2midi(folder, weights=FakeTextModel(), part="test")
    with pytest.raises(DataError):
        evaluate_text2midi(tmp_path, weights=FakeTextModel())
    alone = write_tunes(tmp_path / "one", count=1)
    with pytest.raises(DataError, match="one group"):
        evaluate_text2midi(alone, weights=FakeTextModel(), bars=8)
