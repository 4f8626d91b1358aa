"""The shipped replica of the source design, and the real tunes in its scheme."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partimento.core.checkpoint import read_meta, shipped_weights
from partimento.music.amt_tokens import UNK, decode_amt, encode_amt
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interface import Conditions, Wish
from partimento.tasks.text2midi.source_compose import SourceModel, load_source
from partimento.tasks.text2midi.source_config import SourceDataConfig
from partimento.tasks.text2midi.source_data import corpus_pieces, statistics, with_semantic

WEIGHTS = "text2midi-seed"


@pytest.fixture(scope="module")
def model() -> SourceModel:
    return load_source(WEIGHTS)


def test_the_card_is_honest_and_the_file_small() -> None:
    path = shipped_weights()[WEIGHTS]
    assert path.stat().st_size <= 2_500_000
    meta = read_meta(path)
    assert meta.card.name == WEIGHTS
    assert all("public domain" in line for line in meta.card.trained_on)
    assert meta.card.recipe == "recipes/text2midi/seed-small.yaml"
    figures = meta.card.metrics
    assert figures["top1_chance_share"] == 0.1
    assert set(figures) >= {"bits_gain_own_vs_shuffled", "top1_share", "heldout_nats_per_note"}
    sizes = meta.vocabulary["statistics"]["cluster_sizes"]
    assert sum(sizes.values()) == meta.vocabulary["statistics"]["sequences"]


def test_a_text_becomes_a_valid_tune(model: SourceModel) -> None:
    assert model.clusters == 10
    (number,) = model.semantic("a lively jig in D major, high and quick")
    wish = Wish(Conditions(semantic=(number,)), 8)
    first, second = (model.compose([wish], seed=3, sampling=Sampling(0.9))[0] for _ in range(2))
    assert first.pitch.tolist() == second.pitch.tolist()
    assert first.bars == 8
    assert len(first) > 8
    assert (first.onset + first.duration <= 8 * 96).all()


def test_real_tunes_have_one_spelling_and_no_unknown_token(
    model: SourceModel, data_dir: Path
) -> None:
    place = data_dir / "abc_tunes"
    if not place.exists():
        pytest.skip("no folk tunes in the data folder")
    found = corpus_pieces(SourceDataConfig(corpora=(str(place),)), "valid")
    assert len(found) > 200
    for piece in found[::5]:
        assert UNK not in piece.events
        again = encode_amt(decode_amt(piece.events, "4/4"))
        assert again.tolist() == piece.events[:-1].tolist()
    assert model.codebook is not None
    clustered = with_semantic(found, model.codebook)
    assert {p.semantic for p in clustered} <= set(range(10))
    assert statistics(clustered)["groups"] <= len(found)
    nats = np.mean([model.token_nats(p.events, [p.semantic]).mean() for p in clustered[:6]])
    assert 0.5 < nats < 1.6, "far below the 6.2 of even odds"
