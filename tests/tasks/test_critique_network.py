"""The networks: sizes, levels, padding, groups, options; weights to disk and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from made_notes import made_clip, made_clips
from partimento.core.checkpoint import load_checkpoint, save_checkpoint
from partimento.core.config import validate_config
from partimento.core.errors import ConfigError, DataError, InputFileError
from partimento.music.critique_columns import FEATURE_SETS
from partimento.music.critique_features import NoteFeatures, Standard
from partimento.nn import tap
from partimento.tasks.critique.config import LADDER, PRESETS, NetworkConfig, preset_config
from partimento.tasks.critique.data import pick_columns
from partimento.tasks.critique.model import ClipNetwork
from partimento.tasks.critique.network import MODEL_CLASS, load_network
from partimento.tasks.critique.network_recipe import NetworkRecipe
from partimento.tasks.critique.network_task import NetworkTask
from partimento.tasks.critique.notes import gather, pad

TINY: dict[str, Any] = {
    "embedding": 8,
    "width": 6,
    "heads": 2,
    "head_width": 8,
    "dropout": 0.0,
}
FLAGS = ("note", "voice", "beat", "measure")
SWITCHES = [
    dict(zip(FLAGS, flags, strict=True))
    for flags in (
        (True, True, True, True),
        (True, False, False, False),
        (False, True, False, False),
        (True, True, False, False),
        (True, False, True, False),
        (True, False, False, True),
        (False, True, True, True),
    )
]


def tiny(**options: Any) -> ClipNetwork:
    torch.manual_seed(0)
    return ClipNetwork(NetworkConfig(**{**TINY, **options}), 101).eval()


def clips(count: int = 4) -> list[NoteFeatures]:
    return [made_clip(k, notes) for k, notes in zip(range(count), (40, 7, 1, 23), strict=False)]


def size(network: ClipNetwork) -> int:
    return sum(p.numel() for p in network.parameters())


def test_the_baseline_has_the_size_of_the_source() -> None:
    assert size(ClipNetwork(PRESETS["bilstm"], 79)) == 11_333_139
    assert size(ClipNetwork(PRESETS["han"], 101)) == 13_963_283
    assert size(ClipNetwork(PRESETS["han-small"], 101)) == 885_779


def test_the_parts_of_the_hierarchy_are_those_of_the_source() -> None:
    network = ClipNetwork(PRESETS["han"], 101)
    parts = {name: getattr(network, name) for name in FLAGS}
    layers = {name: (p.lstm.num_layers, p.lstm.hidden_size) for name, p in parts.items()}
    assert layers == {"note": (2, 256), "voice": (2, 256), "beat": (2, 256), "measure": (1, 256)}
    assert {network.beat_attention.heads, network.measure_attention.heads} == {8}
    linear = [m for m in network.head if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(512, 512), (512, 19)]
    assert network.join.in_features == 4 * 512


@pytest.mark.parametrize("switches", SWITCHES, ids=lambda s: "+".join(k for k in s if s[k]))
def test_packed_padded_and_single_clips_give_the_same_scores(switches: dict[str, bool]) -> None:
    network = tiny(**switches)
    made = clips()
    with torch.no_grad():
        flat = network(gather(made))
        alone = torch.cat([network(gather([clip])) for clip in made])
        padded = pad(made, 57)
        rubbish = padded._replace(
            values_BTF=padded.values_BTF.clone(), beat_BT=padded.beat_BT.clone()
        )
        for row, clip in enumerate(made):
            rubbish.values_BTF[row, len(clip) :] = torch.nan
            rubbish.beat_BT[row, len(clip) :] = 10_000
        assert flat.shape == (4, 19)
        for other in (alone, network(pad(made)), network(padded), network(rubbish)):
            assert torch.allclose(flat, other, atol=1e-6)
    assert bool(((flat > 0) & (flat < 1)).all())


def test_each_voice_is_read_apart_and_beats_are_those_of_their_clip() -> None:
    made = clips(2)
    batch = gather(made)
    assert batch.clips == 2 and len(batch.values_NF) == 47
    keys = set()
    for i, clip in enumerate(made):
        mine = batch.clip_N == i
        for name, numbers in (("voice", batch.voice_N), ("beat", batch.beat_N)):
            numbered = dict(zip(getattr(clip, name).tolist(), numbers[mine].tolist(), strict=True))
            assert len(set(numbered.values())) == len(numbered)
            assert not keys & {(name, v) for v in numbered.values()}
            keys |= {(name, v) for v in numbered.values()}
        assert torch.equal(batch.clip_of_beat[batch.beat_N[mine]], batch.clip_N[mine])
    assert torch.equal(batch.measure_of_beat[batch.beat_N], batch.measure_N)
    assert torch.equal(batch.clip_of_measure[batch.measure_N], batch.clip_N)
    assert bool((batch.beat_N.diff() >= 0).all())
    assert batch.beats == sum(len(np.unique(c.beat)) for c in made)


def test_a_beat_in_two_bars_counts_as_two() -> None:
    clip = made_clip(0, 4)
    clip.beat[:], clip.measure[:] = [0, 1, 1, 2], [0, 0, 1, 1]
    batch = gather([clip])
    assert batch.beat_N.tolist() == [0, 1, 2, 3]
    assert batch.measure_of_beat.tolist() == [0, 0, 1, 1]


def test_batches_need_notes_and_room() -> None:
    with pytest.raises(ValueError, match="needs clips"):
        gather([])
    with pytest.raises(ValueError, match="does not fit"):
        pad(clips(), 39)


@pytest.mark.parametrize("level", FLAGS)
def test_every_level_counts_and_can_be_silenced(level: str) -> None:
    network, batch = tiny(), gather(clips())
    with torch.no_grad():
        assert not torch.allclose(network(batch), network(batch, without=(level,)), atol=1e-5)
    with pytest.raises(ValueError, match="has no level"):
        tiny(**SWITCHES[1])(batch, without=("beat",))


def test_the_ladder_names_the_levels() -> None:
    for levels in LADDER.values():
        network = tiny(**{name: name in levels for name in FLAGS})
        assert network.config.levels == levels
    assert preset_config("bilstm").levels == LADDER["note"]
    with pytest.raises(ConfigError, match="no preset"):
        preset_config("hna")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"note": False, "voice": False}, "nothing would read the notes"),
        ({"heads": 5}, "not a multiple of heads 5"),
        ({"attention_temperature": 0}, "greater than 0"),
        ({"with": 3}, "unknown field with"),
    ],
)
def test_a_wrong_network_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        validate_config(NetworkConfig, {**TINY, **values}, "here")


def test_the_temperature_acts_in_every_softmax() -> None:
    batch = gather(clips())
    entropies = {}
    for temperature in (0.05, 1.0, 50.0):
        with torch.no_grad():
            heard = tiny(attention_temperature=temperature).hear(batch)
        assert set(heard.entropy) == {"beat", "measure", "clip"}
        entropies[temperature] = {k: float(v.mean()) for k, v in heard.entropy.items()}
    for name in ("beat", "measure", "clip"):
        low, middle, high = (entropies[t][name] for t in (0.05, 1.0, 50.0))
        assert low < middle < high and high > 0.999


def test_initialisation_options() -> None:
    network = tiny(recurrent_init="orthogonal", attention_init="xavier")
    for part in (network.note, network.voice, network.beat, network.measure):
        gates = part.lstm.weight_hh_l0.detach().chunk(4)
        assert all(torch.allclose(g @ g.T, torch.eye(6), atol=1e-5) for g in gates)
        bias = (part.lstm.bias_ih_l0 + part.lstm.bias_hh_l0).detach()
        assert bias[6:12].tolist() == [1.0] * 6
    assert network.beat_attention.project.bias.abs().max() == 0
    plain = tiny()
    assert plain.beat_attention.project.bias.abs().max() > 0
    assert (plain.note.lstm.bias_ih_l0[6:12] - 1).abs().max() > 0.1


def test_attention_tells_its_weights_to_who_listens() -> None:
    network, batch = tiny(), gather(clips())
    with torch.no_grad(), tap.listen() as taps:
        network(batch)
    names = {f"{n}_attention" for n in ("beat", "measure", "clip")}
    assert {name.partition(".")[0] for name in taps} == names
    assert taps["beat_attention"][0].shape == (len(batch.values_NF), 2)
    assert taps["measure_attention"][0].shape == (batch.beats, 2)


def test_columns_of_a_smaller_set_out_of_a_larger() -> None:
    whole = made_clip(0)
    part = pick_columns(whole, "score79")
    assert part.columns == tuple(c.name for c in FEATURE_SETS["score79"])
    place = whole.columns.index(part.columns[5])
    assert np.array_equal(part.values[:, 5], whole.values[:, place])
    with pytest.raises(ValueError, match="no column"):
        pick_columns(part, "full101")


@pytest.fixture(scope="module")
def task() -> NetworkTask:
    recipe = NetworkRecipe.model_validate(
        {"model": TINY, "training": {"curriculum": {"on": False}, "batch_size": 4}}
    )
    return NetworkTask(recipe, made_clips(10), made_clips(5, seed=1))


def test_weights_give_the_same_scores_after_a_round_trip(task: NetworkTask, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    task.save_weights(path, {"valid_mse": 0.1})
    trained = load_network(path)
    assert trained.split == {}
    standard = Standard.fit(task.train.features)
    wanted = task.predict([standard.apply(clip) for clip in task.valid.features])
    assert np.allclose(trained.predict(task.valid.features), wanted, atol=1e-7)
    assert trained.predict([]).shape == (0, 19)
    with pytest.raises(ValueError, match="other columns"):
        trained.predict([made_clip(0, feature_set="score79")])


def test_weights_of_another_class_and_damaged_ones_are_refused(
    task: NetworkTask, tmp_path: Path
) -> None:
    path = tmp_path / "w.safetensors"
    task.save_weights(path, {})
    tensors, meta = load_checkpoint(path)
    assert meta.model_class == MODEL_CLASS
    save_checkpoint(path, tensors, meta.model_copy(update={"model_class": "other:Network"}))
    with pytest.raises(DataError, match="does not read notes"):
        load_network(path)
    wrong = {**meta.config, "network": {**meta.config["network"], "beat": False}}
    save_checkpoint(path, tensors, meta.model_copy(update={"config": wrong}))
    with pytest.raises(InputFileError, match="do not fit"):
        load_network(path)
    for bad in ({}, {**meta.vocabulary, "scale": [0.0] * 101}, {**meta.vocabulary, "mean": [1.0]}):
        save_checkpoint(path, tensors, meta.model_copy(update={"vocabulary": bad}))
        with pytest.raises(InputFileError, match=r"statistics|columns"):
            load_network(path)
