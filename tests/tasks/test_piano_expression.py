"""The learnt expression: torch and NumPy agree, habits are learnt, weights are kept whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from made_expression import write_asap
from partimento.core.checkpoint import load_arrays, read_meta, save_checkpoint
from partimento.core.errors import ConfigError, DataError
from partimento.music.expression_learnt import Style, draw_style, play_learnt
from partimento.music.expression_measures import agreements, quantities_of, quantities_played
from partimento.music.expression_model import expression_of, load_expression
from partimento.music.expression_pairs import read_pairs
from partimento.tasks.piano.expression_evaluate import WAYS, agreement_on_works
from partimento.tasks.piano.expression_fit import (
    Standard,
    _cost,
    find_manners,
    left_out,
    network_arrays,
    predicted,
    sections_of,
)
from partimento.tasks.piano.expression_network import ExpressionConvolution
from partimento.tasks.piano.expression_recipe import ExpressionRecipe
from partimento.tasks.piano.recipe import load_recipe
from partimento.tasks.piano.train import train

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "piano" / "expression.yaml"
SMALL = [
    "effort.channels=12",
    "effort.layers=3",
    "effort.steps=150",
    "effort.windows=4",
    "effort.notes=64",
    "effort.peak_lr=0.01",
    "effort.check_every=75",
    "effort.dropout=0",
    "data.check_share=0",
    "styles=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four made-up works, three players each, all of the same habits."""
    place: Path = write_asap(tmp_path_factory.mktemp("asap"), works=4, players=3)
    return place


def run(folder: Path, out: Path, *more: str) -> dict[str, object]:
    overrides = [*SMALL, f"data.folder={folder}", *more]
    return train(RECIPE, overrides, out=out, progress=False)


@pytest.fixture(scope="module")
def weights(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    summary = run(folder, tmp_path_factory.mktemp("run") / "run")
    return Path(str(summary["last_weights"]))


def test_numpy_plays_what_torch_predicts(weights: Path, folder: Path) -> None:
    arrays, meta = load_arrays(weights)
    model = expression_of(arrays, meta, "here")
    network = ExpressionConvolution(12, 3, 0.3)
    wide = {name: torch.from_numpy(a.astype(np.float32)) for name, a in arrays.items()}
    names = {"enter.weight": wide["enter_FC"].T, "enter.bias": wide["enter_C"],
             "leave.weight": wide["leave_CT"].T, "leave.bias": wide["leave_T"]}  # fmt: skip
    for n in range(3):
        names |= {
            f"convolve.{n}.weight": wide[f"layer{n}.near_KCC"].permute(2, 1, 0),
            f"convolve.{n}.bias": wide[f"layer{n}.near_C"],
            f"mix.{n}.weight": wide[f"layer{n}.mix_CC"].T,
            f"mix.{n}.bias": wide[f"layer{n}.mix_C"],
        }
    network.load_state_dict(names)
    standard = Standard(arrays["mean_F"].astype(float), arrays["scale_F"].astype(float))
    pair = next(iter(read_pairs(folder, "validation")))
    (section,) = sections_of([pair])
    hidden, out = predicted(network, standard, section)
    order = np.lexsort((pair.piece.pitch, pair.piece.onset))
    assert np.allclose(model.predict(pair.piece)[order], out, atol=1e-4)
    # The players' manners move the last layer, and nothing else.
    z = np.array([1.0, -0.5])
    moved = (z @ model.manners.moves).reshape(13, 4)
    wanted = out[:, :4] + hidden @ moved[:-1] + moved[-1]
    told = model.predict(pair.piece, z)[order]
    assert np.allclose(told[:, :4], wanted, atol=1e-4)
    assert np.allclose(told[:, 4:], out[:, 4:], atol=1e-4)


def test_arrays_are_those_of_the_network() -> None:
    torch.manual_seed(0)
    network = ExpressionConvolution(5, 2, 0.0)
    arrays = network_arrays(network, Standard(np.zeros(3), np.ones(3)))
    assert arrays["layer1.near_KCC"].shape == (3, 5, 5)
    assert np.allclose(arrays["layer1.near_KCC"][2, 4, 1],
                       network.convolve[1].weight[1, 4, 2].item())  # fmt: skip


def test_habits_of_the_players_are_learnt_and_met_on_another_work(
    weights: Path, folder: Path
) -> None:
    model = load_expression(weights)
    pair = next(iter(read_pairs(folder, "validation")))
    style = Style(pedal=False, timing=0.0)
    played = play_learnt(pair.piece, style, np.random.default_rng(0), model)
    row = agreements(quantities_of(pair), quantities_played(played, pair.beat_tick, style.spread))
    assert row["tempo_r"] > 0.9 and row["velocity_r"] > 0.8 and row["articulation_r"] > 0.8
    assert row["velocity_explained"] > 0.3
    wet = play_learnt(pair.piece, Style(), np.random.default_rng(0), model)
    beat = 60.0 / pair.piece.tempo_bpm
    moments = np.arange(wet.pedal_sec.min(), wet.seconds, beat / 8)
    down = np.array([((a <= t) & (t < b)).any() for t in moments for a, b in [wet.pedal_sec.T]])
    assert 0.5 < down.mean() < 0.9
    # The pedal goes down in every bar and is up on its last beat.
    last = pair.piece.onset % 96 == 84
    late = wet.onset_sec[last]
    held = [((a < t) & (t < b)).any() for t in late for a, b in [wet.pedal_sec.T]]
    assert np.mean(held) < 0.2


def test_the_report_knows_who_learnt_and_who_only_has_rules(weights: Path, folder: Path) -> None:
    report = agreement_on_works(folder, weights=weights, players=2)
    assert set(report["ways"]) == set(WAYS)
    mean = {way: found["velocity_r"]["mean"] for way, found in report["ways"].items()}
    assert mean["deadpan"] == 0.0
    assert mean["learnt"] > mean["rules"] + 0.1
    assert mean["mean of other pianists"] > 0.8
    gap = report["learnt_less_rules"]["velocity_r"]["mean"]
    assert gap == pytest.approx(mean["learnt"] - mean["rules"], abs=1e-3)
    assert report == agreement_on_works(folder, weights=weights, players=2)


def test_the_same_recipe_gives_the_same_weights(
    weights: Path, folder: Path, tmp_path: Path
) -> None:
    again = run(folder, tmp_path / "again")
    assert Path(str(again["last_weights"])).read_bytes() == weights.read_bytes()
    other = run(folder, tmp_path / "other", "seed=1", "effort.steps=3")
    assert Path(str(other["last_weights"])).read_bytes() != weights.read_bytes()


def test_the_card_tells_licence_data_and_figures(weights: Path) -> None:
    meta = read_meta(weights)
    assert meta.card.licence == "CC-BY-NC-SA-4.0" and "ASAP" in meta.card.trained_on[0]
    assert meta.card.parameters > 0 and meta.card.recipe == "recipes/piano/expression.yaml"


def test_works_are_left_out_whole(folder: Path) -> None:
    sections = sections_of(read_pairs(folder, "train"))
    for share in (0.3, 0.6):
        train_part, check = left_out(sections, share)
        assert len(train_part) + len(check) == len(sections)
        assert not {s.work for s in train_part} & {s.work for s in check}


def test_notes_without_weight_cost_nothing() -> None:
    out, value = torch.randn(2, 9, 6), torch.rand(2, 9, 6)
    weight = torch.ones(2, 9, 6)
    weight[:, 5:] = 0.0
    other = out.clone()
    other[:, 5:] += 100.0
    assert torch.equal(_cost(out, value, weight), _cost(other, value, weight))


def test_manners_are_directions_in_which_players_of_one_work_differ(folder: Path) -> None:
    """Players who alternate between a loud and a soft melody: the first direction is just that."""
    sections = sections_of(read_pairs(folder, "train"))
    rng = np.random.default_rng(0)
    for n, section in enumerate(sections):
        section.value[:, :4] = 0.1 * rng.normal(size=section.value[:, :4].shape)
        melody = section.features[:, 0] > 0.2
        section.value[:, 1] += np.where(melody, 1.0, -1.0) * (n % 3 - 1)
    torch.manual_seed(0)
    network, standard = ExpressionConvolution(16, 2, 0.0), Standard.of(sections)
    manners = find_manners(network, standard, sections, sections, styles=2)
    first = manners["moves"][0].reshape(17, 4)
    hidden, _ = predicted(network, standard, sections[0])
    effect = np.concatenate([hidden, np.ones((len(hidden), 1))], axis=1) @ first
    melody = sections[0].features[:, 0] > 0.2
    assert abs(np.corrcoef(effect[:, 1], melody)[0, 1]) > 0.8
    assert effect[:, 1].std() > 5 * effect[:, [0, 2, 3]].std(axis=0).max()


@pytest.mark.parametrize(
    "break_it", ["features", "shape", "bias", "missing", "layers", "nan", "memory", "scale"]
)
def test_weights_of_another_version_are_refused(
    weights: Path, tmp_path: Path, break_it: str
) -> None:
    arrays, meta = load_arrays(weights)
    arrays = dict(arrays)
    if break_it == "features":
        meta = meta.model_copy(update={"vocabulary": {"features": ["pitch"]}})
    elif break_it == "shape":
        arrays["leave_CT"] = arrays["leave_CT"][:, :3]
    elif break_it == "bias":
        arrays["layer1.mix_C"] = arrays["layer1.mix_C"][:5]
    elif break_it == "layers":
        meta = meta.model_copy(update={"config": {**meta.config, "layers": 60}})
    elif break_it == "nan":
        arrays["leave_T"] = np.full_like(arrays["leave_T"], np.nan)
    elif break_it == "memory":
        arrays["manners.noise_memory"] = np.full_like(arrays["manners.noise_memory"], 1.5)
    elif break_it == "scale":
        arrays["scale_F"] = np.zeros_like(arrays["scale_F"])
    else:
        del arrays["manners.moves"]
    path = tmp_path / "odd.safetensors"
    save_checkpoint(path, {n: torch.from_numpy(a.copy()) for n, a in arrays.items()}, meta)
    with pytest.raises(DataError, match=r"made with (an)?other"):
        load_expression(path)


def test_players_of_trained_weights_are_drawn_from_its_pianists(weights: Path) -> None:
    model = load_expression(weights)
    style = draw_style(np.random.default_rng(0), 0.5, model)
    assert len(style.manner) == model.styles == 2


def test_what_cannot_be_is_refused(folder: Path, tmp_path: Path) -> None:
    recipe = load_recipe(RECIPE)
    assert isinstance(recipe, ExpressionRecipe)
    with pytest.raises(ConfigError, match="in one go"):
        train(RECIPE, SMALL, resume=True)
    with pytest.raises(ConfigError, match="chanels"):
        train(RECIPE, ["effort.chanels=3"])
    with pytest.raises(DataError, match=r"performances\.csv"):
        run(tmp_path, tmp_path / "run")
    with pytest.raises(ConfigError, match="strong or expression"):
        load_recipe(RECIPE, ["kind=nothing"])
