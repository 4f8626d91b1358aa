"""The source design composes valid pieces as long as asked, and knows its semantic token alone."""

from __future__ import annotations

from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_tunes import examples_file, pieces, recipe_values, tune

from partimento.core.errors import ConfigError, DataError, InputFileError
from partimento.music.amt_tokens import EOS, encode_amt, quantise
from partimento.music.attributes import Attributes
from partimento.music.barpiece import BarPiece
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interface import Conditions, TextModel, Wish
from partimento.tasks.text2midi.recipe import check_recipe
from partimento.tasks.text2midi.source_compose import SourceModel, load_source
from partimento.tasks.text2midi.source_config import SourceConfig
from partimento.tasks.text2midi.source_model import SourceTransformer
from partimento.tasks.text2midi.source_recipe import SourceRecipe
from partimento.tasks.text2midi.source_task import SourceTask

PLAIN = Sampling()
SMALL = SourceConfig(width=32, layers=2, heads=4, feedforward=48, context=96, dropout=0.0)


@pytest.fixture(scope="module")
def model() -> SourceModel:
    torch.manual_seed(0)
    return SourceModel(SourceTransformer(SMALL), np.array([3.0, 1.0, 0.0, 4.0]))


def wish(semantic: int = 0, bars: int = 4, **more: Any) -> Wish:
    attributes = Attributes(meter="3/4", tempo_bpm=(90.0, 110.0), instruments=("flute",))
    return Wish(Conditions(attributes, (semantic,)), bars, **more)


def assert_valid(piece: BarPiece, bars: int) -> None:
    assert piece.bars == bars
    assert len(piece) > 0
    assert (piece.onset + piece.duration <= bars * piece.bar_ticks).all()
    for pitch in np.unique(piece.pitch):
        mine = piece.pitch == pitch
        assert (np.diff(piece.onset[mine]) >= piece.duration[mine][:-1]).all()


def test_it_is_a_text_model(model: SourceModel) -> None:
    assert isinstance(model, TextModel)


def test_pieces_are_valid_as_long_as_asked_and_drawn_by_the_seed(model: SourceModel) -> None:
    wishes = [wish(k, bars) for k in (0, 1, 3) for bars in (1, 4, 9)]
    found = model.compose(wishes, seed=5, sampling=PLAIN)
    again = model.compose(wishes, seed=5, sampling=PLAIN)
    other = model.compose(wishes, seed=6, sampling=PLAIN)
    for piece, same, wished in zip(found, again, wishes, strict=True):
        assert_valid(piece, wished.bars)
        assert piece.pitch.tolist() == same.pitch.tolist()
        assert (piece.meter, piece.tempo_bpm) == ("3/4", 100.0)
        assert piece.onset[-1] >= (wished.bars - 1) * 72, "it goes on to the last bar"
    assert any(len(a) != len(b) for a, b in zip(found, other, strict=True))


def test_a_piece_may_be_longer_than_the_memory(model: SourceModel) -> None:
    (piece,) = model.compose([wish(bars=60)], seed=1, sampling=Sampling(top_k=40))
    assert_valid(piece, 60)
    assert 3 * len(piece) > SMALL.context


def test_a_given_start_stays_and_is_continued(model: SourceModel) -> None:
    start = tune(np.random.default_rng(3), 0, bars=2)
    found, whole = model.compose(
        [wish(bars=5, start=start), wish(bars=2, start=start)], seed=2, sampling=PLAIN
    )
    assert_valid(found, 5)
    before = found.select(found.onset < 2 * 72)
    for name in ("onset", "duration", "pitch", "velocity", "instrument"):
        assert getattr(before, name).tolist() == getattr(start, name).tolist(), name
    assert found.onset[-1] >= 4 * 72, "it goes on to the last bar"
    assert len(whole) == len(start), "nothing is left to write"
    empty = start.select(start.onset < 0)
    (after_rest,) = model.compose([wish(bars=30, start=empty)], seed=2, sampling=PLAIN)
    assert after_rest.onset[0] >= 2 * 72


def test_blending_with_weight_0_or_1_is_one_token_alone(model: SourceModel) -> None:
    also = Conditions(semantic=(3,))
    plain, none, other, full = (
        model.compose([w], seed=4, sampling=PLAIN)[0].pitch.tolist()
        for w in (wish(), wish(also=also), wish(3), wish(also=also, blend=1.0))
    )
    assert plain == none
    assert other == full


def test_nats_are_those_of_the_chain_rule(model: SourceModel) -> None:
    piece = tune(np.random.default_rng(0), 1)
    open_end, closed = (
        model.nats(piece, [Conditions(semantic=(1, 7), closes=closes)])[0]
        for closes in (False, True)
    )
    events = np.append(encode_amt(quantise(piece)), EOS)
    every = model.token_nats(events, [1, 3])
    assert every.shape == (2, len(events))
    assert closed == pytest.approx(float(every[0].sum()))
    assert closed - open_end == pytest.approx(float(every[0, -1]), rel=1e-4)
    (mixed,) = model.nats(piece, [Conditions()])
    under = [model.nats(piece, [Conditions(semantic=(k,))])[0] for k in (0, 1, 3)]
    wanted = -np.logaddexp.reduce(np.log([3 / 8, 1 / 8, 4 / 8]) - np.array(under))
    assert mixed == pytest.approx(float(wanted))
    assert min(under) <= mixed <= min(under) + log(8)


def test_long_pieces_are_scored_in_windows(model: SourceModel) -> None:
    events = np.append(encode_amt(quantise(tune(np.random.default_rng(0), 0, bars=30))), EOS)
    assert len(events) > 2 * SMALL.context
    nats = model.token_nats(events, [0])
    assert nats.shape == (1, len(events))
    assert (nats > 0).all()


def test_what_the_design_cannot_do_is_told(model: SourceModel) -> None:
    with pytest.raises(ConfigError, match="guide away"):
        model.compose([wish()], seed=0, sampling=PLAIN, guidance=1.5)
    with pytest.raises(ConfigError, match="no semantic token 4"):
        model.compose([wish(4)], seed=0, sampling=PLAIN)
    with pytest.raises(DataError, match="no codebook"):
        model.semantic("a jig")


def test_weights_come_back_as_they_were(tmp_path: Path) -> None:
    recipe = check_recipe(recipe_values(examples_file(tmp_path)), "toy")
    assert isinstance(recipe, SourceRecipe)
    task = SourceTask(recipe, pieces(6), pieces(2))
    path = tmp_path / "toy.safetensors"
    task.save_weights(path, {})
    loaded = load_source(path)
    assert loaded.name == "toy"
    assert loaded.shares.tolist() == [0.5, 0.5]
    for name, tensor in task.model.state_dict().items():
        wanted = tensor.to(torch.bfloat16).float()
        assert torch.equal(loaded.network.state_dict()[name], wanted), name
    assert loaded.network.out.weight is loaded.network.embedding.weight


class FakeWords:
    """Clusters by the last letter; stands for the codebook of texts."""

    def encode_many(self, texts: list[str]) -> np.ndarray:
        return np.array([[int(text[-1]), 0] for text in texts])

    def arrays(self) -> dict[str, np.ndarray]:
        return {"centroids": np.zeros((2, 3), dtype=np.float16)}

    def meta(self) -> dict[str, Any]:
        return {}


def test_a_text_is_clustered_by_the_codebook() -> None:
    torch.manual_seed(0)
    model = SourceModel(SourceTransformer(SMALL), np.ones(2), FakeWords())
    assert model.semantic("in the manner of 1") == (1,)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    recipe = check_recipe(recipe_values(examples_file(tmp_path)), "toy")
    assert isinstance(recipe, SourceRecipe)
    task = SourceTask(recipe, pieces(6), pieces(2))
    meta = task.metadata({})
    from partimento.core.checkpoint import save_checkpoint

    tensors = dict(task.model.state_dict())
    cases = [
        ({**tensors, "out.weight": torch.zeros(3)}, meta, InputFileError, "do not fit"),
        (tensors, meta.model_copy(update={"model_class": "x:Y"}), DataError, "source design"),
        (tensors, meta.model_copy(update={"config": {"width": 7}}), ConfigError, "width"),
        (tensors, meta.model_copy(update={"vocabulary": {}}), InputFileError, "clusters"),
    ]
    for number, (stored, told, kind, problem) in enumerate(cases):
        path = tmp_path / f"bad{number}.safetensors"
        if "out.weight" in stored and number == 0:
            stored = {**stored, "decoder.norm.weight": torch.zeros(3)}
        save_checkpoint(path, stored, told)
        with pytest.raises(kind, match=problem):
            load_source(path)
