"""Diagnostics measured right: on networks whose attention and levels are known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from made_notes import made_clip, made_clips
from partimento.core.errors import DataError
from partimento.music.critique_features import NoteFeatures, Standard
from partimento.tasks.critique.config import NetworkConfig
from partimento.tasks.critique.diagnostics import (
    attention_entropy,
    collapse,
    contribution,
    shuffle_groups,
)
from partimento.tasks.critique.model import ClipNetwork
from partimento.tasks.critique.network import TrainedNetwork
from partimento.tasks.critique.notes import gather

MADE = made_clips(12)


def trained(**options: Any) -> TrainedNetwork:
    values = {"embedding": 8, "width": 6, "heads": 2, "head_width": 8, "dropout": 0.0}
    torch.manual_seed(0)
    network = ClipNetwork(NetworkConfig(**{**values, **options}), 101)
    return TrainedNetwork(network, Standard.fit(MADE.features), "full101", {})


BASELINE = {"voice": False, "beat": False, "measure": False}


def by_hand(found: TrainedNetwork, clips: list[NoteFeatures]) -> tuple[list[float], float]:
    """Entropy of the attention into beats per head, and the wrong one, clip by clip."""
    network, within, wrong = found.network, [], []
    longest = max(len(clip) for clip in clips)
    for clip in clips:
        batch = gather([found.standard.apply(clip)])
        kept: list[Tensor] = []
        hook = network.beat_attention.register_forward_pre_hook(
            lambda _, inputs, kept=kept: kept.append(inputs[0])
        )
        with torch.no_grad():
            network(batch)
        hook.remove()
        attention = network.beat_attention
        hidden = torch.tanh(attention.project(kept[0])).detach().reshape(len(clip), 2, -1)
        logits = torch.einsum("nhk,hk->nh", hidden, attention.context.detach())
        for beat in np.unique(clip.beat):
            rows = torch.from_numpy(clip.beat == beat)
            if int(rows.sum()) > 1:
                weight = (logits[rows] / network.config.attention_temperature).softmax(0)
                nats = -(weight * weight.log()).sum(0)
                within.append((nats / math.log(int(rows.sum()))).tolist())
        padded = torch.cat([logits, torch.zeros(longest - len(clip), 2)])
        mean = padded.softmax(0).mean(1)
        wrong.append(float(-(mean * mean.log()).sum()) / math.log(longest))
    return np.mean(within, axis=0).tolist(), float(np.mean(wrong))


def test_entropy_is_within_groups_per_head_and_with_the_temperature() -> None:
    clips = list(MADE.features)
    for temperature in (0.3, 1.0):
        found = trained(attention_temperature=temperature)
        report = attention_entropy(found, clips)
        heads, wrong = by_hand(found, clips)
        assert report["beat"]["within_per_head"] == pytest.approx(heads, abs=1e-5)
        assert report["beat"]["within"] == pytest.approx(np.mean(heads), abs=1e-5)
        assert report["beat"]["whole_piece"] == pytest.approx(wrong, abs=1e-5)
        sizes = [n for c in clips for n in np.unique(c.beat, return_counts=True)[1] if n > 1]
        assert report["beat"]["groups"] == len(sizes)
        assert report["beat"]["size"] == pytest.approx(np.mean(sizes))


def test_the_wrong_way_overlooks_attention_that_has_settled() -> None:
    found = trained(attention_temperature=0.002)
    report = attention_entropy(found, MADE.features)["beat"]
    assert report["within"] < 0.5 < 0.9 < report["whole_piece"]


def test_the_right_way_does_not_depend_on_the_other_clips_and_the_wrong_one_does() -> None:
    found, short = trained(), [made_clip(7, 14)]
    with torch.no_grad():
        found.network.clip_attention.context.mul_(100.0)
    alone = attention_entropy(found, short, ["clip"])["clip"]
    with torch.no_grad():
        network_alone = found.predict(short)
    beside = attention_entropy(found, [*short, made_clip(8, 300)], ["clip"])["clip"]
    assert np.allclose(found.predict([*short, made_clip(8, 300)])[:1], network_alone, atol=1e-6)
    assert alone["groups"] == 1 and beside["groups"] == 2
    one = attention_entropy(found, [made_clip(8, 300)], ["clip"])["clip"]
    assert beside["within"] == pytest.approx((alone["within"] + one["within"]) / 2, abs=1e-6)
    mean = (alone["whole_piece"] + one["whole_piece"]) / 2
    assert abs(beside["whole_piece"] - mean) > 1e-3


def test_a_network_without_the_attention_is_an_error() -> None:
    baseline = trained(**BASELINE)
    assert set(attention_entropy(baseline, MADE.features)) == {"clip"}
    with pytest.raises(DataError, match=r"no attention beat \(it has: clip\)"):
        attention_entropy(baseline, MADE.features, ["beat"])
    with pytest.raises(DataError, match="no hierarchy to take apart"):
        contribution(baseline, MADE.features, MADE.labels, np.random.default_rng(0))
    with pytest.raises(DataError, match="no clip"):
        attention_entropy(trained(), [])


def test_a_network_that_records_nothing_is_an_error() -> None:
    found = trained()

    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.config = found.network.embed, found.network.config

        def forward(self, notes: Any) -> Tensor:
            return torch.zeros(notes.clips, 19)

    silent = object.__new__(TrainedNetwork)
    for name in ("standard", "feature_set", "split", "name"):
        object.__setattr__(silent, name, getattr(found, name))
    object.__setattr__(silent, "network", Silent())
    with pytest.raises(DataError, match="of any kind"):
        attention_entropy(silent, MADE.features)


def test_collapse_is_told_from_knowledge() -> None:
    labels = np.random.default_rng(0).uniform(0.2, 0.8, (60, 19))
    predicted = labels.copy()
    predicted[:, 0] = 0.5
    predicted[:, 1] = 0.5 + 0.1 * (labels[:, 1] - 0.5)
    predicted[:, 2] = 1 - labels[:, 2]
    rows = collapse(labels, predicted)
    assert (rows[0]["ratio"], rows[0]["correlation"], rows[0]["collapsed"]) == (0, None, True)
    assert rows[1]["ratio"] == pytest.approx(0.1) and rows[1]["correlation"] == pytest.approx(1)
    assert rows[1]["collapsed"]
    assert rows[2]["ratio"] == pytest.approx(1) and rows[2]["correlation"] == pytest.approx(-1)
    assert not rows[2]["collapsed"] and rows[3]["dimension"]
    labels[:, 4] = 0.5
    assert collapse(labels, predicted)[4]["ratio"] is None


def test_a_silent_level_contributes_nothing_and_others_do() -> None:
    found = trained()
    # The joined states of the level beat are the third quarter: cut its wires.
    with torch.no_grad():
        found.network.join.weight[:, 24:36] = 0.0
    report = contribution(found, MADE.features, MADE.labels, np.random.default_rng(0))
    assert report["zeroed"]["beat"]["r2_lost"] == pytest.approx(0.0, abs=1e-6)
    assert abs(report["zeroed"]["note"]["r2_lost"]) > 1e-4
    assert report["whole"]["r2_mean"] == pytest.approx(
        report["zeroed"]["beat"]["r2_mean"], abs=1e-6
    )
    # Bars are built on beats, so shuffled beats still matter through them.
    assert set(report["shuffled"]) == {"beat", "measure"}
    assert abs(report["shuffled"]["beat"]["r2_lost"]) > 0


def test_shuffled_groups_keep_their_sizes_and_their_clip() -> None:
    batch = gather(list(MADE.features))
    for level in ("beat", "measure"):
        other = shuffle_groups(batch, level, np.random.default_rng(1))
        assert torch.equal(other.clip_of_beat[other.beat_N], batch.clip_N)
        assert torch.equal(other.clip_of_measure[other.measure_N], batch.clip_N)
        assert torch.equal(other.measure_of_beat[other.beat_N], other.measure_N)
        assert torch.equal(torch.bincount(other.beat_N), torch.bincount(batch.beat_N))
        sizes = [torch.bincount(b.measure_of_beat) for b in (batch, other)]
        assert torch.equal(*sizes)
        changed = other.beat_N if level == "beat" else other.measure_of_beat
        before = batch.beat_N if level == "beat" else batch.measure_of_beat
        assert not torch.equal(changed, before)
    with pytest.raises(ValueError, match="has no groups"):
        shuffle_groups(batch, "voice", np.random.default_rng(1))
