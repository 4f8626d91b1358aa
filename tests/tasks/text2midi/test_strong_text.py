"""The strong model: likelihood, drawing, obedience."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.made_pieces import made_piece

from partimento.core.checkpoint import Card, load_checkpoint
from partimento.core.errors import DataError
from partimento.music.attributes import Attributes, measure
from partimento.music.barpiece import BarPiece
from partimento.music.instruments import INSTRUMENTS
from partimento.nn.sampling import Sampling
from partimento.tasks.text2midi.interface import Conditions, TextModel, Wish
from partimento.tasks.text2midi.steps import BAR, Tracker
from partimento.tasks.text2midi.strong import PARTS, StrongConfig, StrongText, step_nats
from partimento.tasks.text2midi.strong_data import collate, example
from partimento.tasks.text2midi.strong_player import BLANK, Session, StrongTextModel, mixture
from partimento.tasks.text2midi.strong_steering import Steering
from partimento.tasks.text2midi.strong_weights import save_strong, strong_model

FREE = Sampling(1.0)
CONFIG = StrongConfig(width=32, layers=2, heads=2, feedforward=64, context=512, dropout=0.0)


@pytest.fixture(scope="module")
def network() -> StrongText:
    """Small and random, relative heads and residual branches included."""
    torch.manual_seed(0)
    net = StrongText(CONFIG)
    with torch.no_grad():
        for weight in net.parameters():
            if weight.abs().sum() == 0:
                weight.normal_(std=0.05)
        net.prefix_in.weight[1:].normal_(std=0.3)
        net.prefix_in.weight[0].zero_()
    return net.eval()


@pytest.fixture(scope="module")
def model(network: StrongText) -> StrongTextModel:
    """The same as a model."""
    return StrongTextModel(network, None)


ASKED = Attributes(
    key="D minor",
    mode="minor",
    meter="3/4",
    tempo_bpm=92.0,
    style="waltz",
    instruments=("violin", "cello"),
    density="dense",
)


def overlaps(piece: BarPiece) -> int:
    """Pairs of notes of one pitch and instrument that sound together."""
    found = 0
    for pitch, player in set(zip(piece.pitch.tolist(), piece.instrument.tolist(), strict=True)):
        mine = (piece.pitch == pitch) & (piece.instrument == player)
        order = np.argsort(piece.onset[mine], kind="stable")
        on, held = piece.onset[mine][order], piece.duration[mine][order]
        found += int((on[:-1] + held[:-1] > on[1:]).sum())
    return found


def test_it_is_a_text_model(model: StrongTextModel) -> None:
    assert isinstance(model, TextModel)


def test_padding_and_company_change_nothing(network: StrongText) -> None:
    pieces = [made_piece(4, chords=True), made_piece(8, meter="3/4", seed=2), made_piece(2)]
    conditions = [Conditions(ASKED), BLANK, Conditions(Attributes(mode="major"))]
    rows = [example(p, c) for p, c in zip(pieces, conditions, strict=True)]
    with torch.no_grad():
        together = step_nats(network, collate(rows))
        for row, one in enumerate(rows):
            alone = step_nats(network, collate([one]))
            for name in PARTS:
                assert torch.allclose(
                    together[name][row].sum(), alone[name][0].sum(), rtol=1e-4, atol=1e-4
                )


def test_the_future_is_not_seen(network: StrongText) -> None:
    one = made_piece(8, seed=1)
    other = one.select(one.onset < 5 * 96)
    nats = []
    with torch.no_grad():
        for piece in (one, other):
            parts = step_nats(network, collate([example(piece, Conditions(ASKED))]))
            nats.append(torch.stack([parts[name][0][:40] for name in PARTS[1:]]))
    assert torch.equal(nats[0], nats[1])


def test_one_batch_is_learnt_by_heart() -> None:
    torch.manual_seed(1)
    net = StrongText(CONFIG)
    batch = collate([example(made_piece(1, seed=5), Conditions(ASKED))])
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.stack([p.sum() for p in step_nats(net, batch).values()]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) / 8 < 0.3


class _Recorder(Session):
    """Sums up what the drawn classes cost by the very logits that they were drawn from."""

    nats = 0.0

    @staticmethod
    def _pick(logits, masks, sampling, uniform):  # type: ignore[no-untyped-def]
        chosen = Session._pick(logits, masks, sampling, uniform)
        _Recorder.add(np.where(np.stack(masks), logits, -np.inf), chosen)
        return chosen

    @classmethod
    def add(cls, logits: np.ndarray, chosen: np.ndarray) -> None:
        """Nats of the chosen classes."""
        wide = torch.from_numpy(logits).double().log_softmax(-1)
        cls.nats -= float(wide[torch.arange(len(wide)), torch.from_numpy(chosen)].sum())


def test_drawing_agrees_with_the_likelihood(model: StrongTextModel) -> None:
    """The slow twin: places of a drawn piece cost what the batched network says they cost."""
    conditions = Conditions(ASKED)
    wish = Wish(conditions, bars=6, forced=frozenset({"tempo", "meter"}))
    drawn = model.compose([wish], seed=3, sampling=FREE)[0]
    steps = collate([example(drawn, conditions)])
    with torch.inference_mode():
        h_slow = model.network.hidden(steps)[0]
        session = Session(model, [wish], [np.random.default_rng([3, 0])], FREE, 1.0)
        seen: list[torch.Tensor] = []
        original = session._draw
        session._draw = lambda h: (seen.append(h[0].clone()), original(h))[1]  # type: ignore[method-assign]
        again = session.run(None)[0]
    assert np.array_equal(again.pitch, drawn.pitch)
    # The first position foretells the header, each later one a step.
    assert len(seen) == h_slow.shape[0] - 1
    assert torch.allclose(torch.stack(seen), h_slow[1:], atol=2e-3)


@pytest.mark.parametrize("guidance", [1.0, 2.0])
def test_pieces_are_valid_and_obey(model: StrongTextModel, guidance: float) -> None:
    wishes = [
        Wish(Conditions(ASKED), bars=5),
        Wish(Conditions(Attributes(meter="6/8", tempo_bpm=(100.0, 110.0))), bars=1),
        Wish(Conditions(Attributes(polyphony="monophonic", tempo_word="slow")), bars=12,
             forced=frozenset({"tempo", "polyphony"})),
        Wish(Conditions(Attributes(excluded=("piano", "violin"))), bars=3),
        Wish(Conditions(Attributes(key="E major")), bars=4, forced=frozenset({"key"})),
    ]  # fmt: skip
    pieces = model.compose(wishes, seed=1, sampling=FREE, guidance=guidance)
    assert [p.bars for p in pieces] == [5, 1, 12, 3, 4]
    for piece in pieces:
        end = piece.bars * piece.bar_ticks
        assert overlaps(piece) == 0
        assert np.all(piece.duration >= 1)
        assert np.all(piece.onset + piece.duration <= end)
    assert pieces[0].meter == "3/4" and pieces[0].tempo_bpm == 92.0
    assert set(measure(pieces[0]).instruments) <= {"violin", "cello"}
    assert 100 <= pieces[1].tempo_bpm <= 110
    assert 60 <= pieces[2].tempo_bpm < 84
    mono = pieces[2]
    assert np.all(mono.onset[1:] >= mono.onset[:-1] + mono.duration[:-1])
    names = {INSTRUMENTS[i].name for i in pieces[3].instrument}
    assert not names & {"piano", "violin"}
    degrees = {(int(p) - 4) % 12 for p in pieces[4].pitch}
    assert degrees <= {0, 2, 4, 5, 7, 9, 11}


def test_every_wanted_instrument_plays(model: StrongTextModel) -> None:
    band = ("flute", "oboe", "horn", "cello")
    wish = Wish(Conditions(Attributes(instruments=band)), bars=3)
    for piece in model.compose([wish], seed=2, sampling=FREE):
        assert set(measure(piece).instruments) == set(band)


def test_steering_pulls_only_where_the_piece_is_off() -> None:
    tracker = Tracker(96, 8, 120.0)
    for place in (0, 24, 48, 72):
        tracker.take_note(place, 0, 60, 9, 8)
    high = Steering(Attributes(numbers={"register": 72.0}), tracker, 1.0).pitches()
    assert np.all(np.diff(high) > 0)
    assert not Steering(Attributes(register="middle"), tracker, 1.0).pitches().any()
    assert not Steering(Attributes(numbers={"register": 72.0}), tracker, 0.0).pitches().any()
    # Four notes in a second and a half: too many for sparse, too few for nine a second.
    sparse = Steering(Attributes(density="sparse"), tracker, 1.0).places()
    assert sparse[BAR] > sparse[tracker.place]
    dense = Steering(Attributes(numbers={"density": 9.0}), tracker, 1.0).places()
    assert dense[BAR] < dense[tracker.place]


def test_guidance_one_is_the_plain_sampler(model: StrongTextModel) -> None:
    wish = Wish(Conditions(ASKED), bars=4)
    assert mixture(wish, 1.0) == [(wish.conditions, 1.0)]
    plain = model.compose([wish], seed=5, sampling=FREE)[0]
    guided = model.compose([wish], seed=5, sampling=FREE, guidance=1.0)[0]
    blended = model.compose(
        [replace(wish, also=Conditions(Attributes(mode="major")), blend=0.0)],
        seed=5, sampling=FREE,
    )[0]  # fmt: skip
    other = model.compose([wish], seed=5, sampling=FREE, guidance=3.0)[0]
    for name in ("onset", "duration", "pitch", "velocity", "instrument"):
        assert np.array_equal(getattr(plain, name), getattr(guided, name))
        assert np.array_equal(getattr(plain, name), getattr(blended, name))
    assert not np.array_equal(plain.pitch, other.pitch)


def test_a_wish_goes_on_from_music(model: StrongTextModel) -> None:
    start = made_piece(4, chords=True)
    longer = model.compose([Wish(BLANK, bars=3, start=start)], seed=0, sampling=FREE)[0]
    assert longer.bars == 7 and longer.tempo_bpm == start.tempo_bpm
    assert np.array_equal(longer.pitch[: len(start)], start.pitch)
    assert np.array_equal(longer.onset[: len(start)], start.onset)
    assert len(longer) > len(start)


def test_more_bars_than_the_context_holds() -> None:
    torch.manual_seed(0)
    net = StrongText(StrongConfig(width=32, layers=1, heads=2, feedforward=32, context=48))
    piece = StrongTextModel(net, None).compose([Wish(BLANK, bars=20)], seed=0, sampling=FREE)[0]
    assert piece.bars == 20 and len(piece) > 48


def test_weights_come_back(network: StrongText, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "text.safetensors"
    card = Card(
        name="t", task="text2midi", licence="CC0-1.0", parameters=1,
        summary="", trained_on=[], recipe="none",
    )  # fmt: skip
    save_strong(path, network, None, card, {}, "hash")
    tensors, meta = load_checkpoint(path)
    loaded = strong_model(tensors, meta, str(path))
    piece = made_piece(4)
    before = StrongTextModel(network, None).nats(piece, [BLANK, Conditions(ASKED)])
    assert loaded.nats(piece, [BLANK, Conditions(ASKED)]) == pytest.approx(before, rel=0.02)
    meta = meta.model_copy(update={"vocabulary": {**meta.vocabulary, "ticks": 12}})
    with pytest.raises(DataError, match="table of ticks"):
        strong_model(tensors, meta, str(path))
