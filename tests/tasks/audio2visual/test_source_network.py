"""The source design's network: shapes for every batch size, batch dependence, options, pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from made_frames import SHAPES, SMALL, WIDTH, made_frames, made_recipe, made_task

from partimento.core.errors import ConfigError
from partimento.nn import tap
from partimento.tasks.audio2visual.adapters import (
    BATCH_NORMS,
    NORMS,
    Adapter,
    AdapterConfig,
    group_count,
    make_norm,
)
from partimento.tasks.audio2visual.mapblock import TAP, MAPBlock, MapConfig
from partimento.tasks.audio2visual.source_config import LightConfig, SourceConfig
from partimento.tasks.audio2visual.source_data import frame_batch
from partimento.tasks.audio2visual.source_model import (
    FrameBatch,
    LightModel,
    SourceModel,
    build_network,
)

SIZES = (1, 2, 8, 16, 32)


def network(
    inputs: dict[str, int] | None = None, seed: int = 0, **model: Any
) -> SourceModel | LightModel:
    torch.manual_seed(seed)
    config = SourceConfig.model_validate({**SMALL, **model})
    return build_network(config, inputs or {"logmel": WIDTH}, SHAPES)


def clips(count: int, seed: int = 0) -> FrameBatch:
    made = made_frames(8, seed)
    return made.batch(np.arange(count))


def one(batch: FrameBatch, place: int) -> FrameBatch:
    """A clip of a batch alone, without its padding."""
    rows = {n: [v[place][batch.keep[n][place]].numpy()] for n, v in batch.frames.items()}
    return frame_batch(rows)


@pytest.mark.parametrize("size", SIZES)
def test_shapes_are_those_of_image_models_for_every_batch_size(size: int) -> None:
    torch.manual_seed(0)
    config = SourceConfig.model_validate(SMALL)
    full = build_network(config, {"logmel": WIDTH}).eval()
    with torch.no_grad():
        found = full.embed(clips(size))
    assert found["clip"].shape == (size, 768)
    assert found["t5"].shape == (size, 17, 4096)


@pytest.mark.parametrize("latents", [1, 2, 17])
@pytest.mark.parametrize("width", [None, 16])
def test_a_batch_of_one_keeps_its_axis(latents: int, width: int | None) -> None:
    block = MAPBlock(MapConfig(width=width, heads=2), 6, latents, 12)
    expected = (1, 12) if latents == 1 else (1, latents, 12)
    assert block(torch.randn(1, 4, 6)).shape == expected


@pytest.mark.parametrize("norm", NORMS)
def test_only_batch_normalisation_lets_clips_see_each_other(norm: str) -> None:
    model = network(adapter={**SMALL["adapter"], "norm": norm})
    batch = clips(6)
    for training in (True, False):
        model.train(training)
        with torch.no_grad():
            together = model(batch)["clip"]
            alone = torch.cat([model(one(batch, i))["clip"] for i in range(6)])
        difference = float((together - alone).abs().max())
        if training and norm in BATCH_NORMS:
            assert difference > 1e-2
        else:
            assert difference < 1e-5


def test_padding_changes_nothing() -> None:
    model = network().eval()
    batch = clips(3)
    wide = FrameBatch(
        {n: torch.nn.functional.pad(v, (0, 0, 0, 5), value=7.0) for n, v in batch.frames.items()},
        {n: torch.nn.functional.pad(v, (0, 5), value=False) for n, v in batch.keep.items()},
    )
    with torch.no_grad():
        for name, values in model(batch).items():
            assert torch.allclose(values, model(wide)[name], atol=1e-6), name


def test_groups_are_the_largest_divisor_up_to_eight() -> None:
    assert [group_count(w) for w in (1, 7, 9, 12, 16, 17, 768, 4096)] == [1, 7, 3, 6, 8, 1, 8, 8]
    norm = make_norm("group", 12)
    assert isinstance(norm, torch.nn.GroupNorm) and norm.num_groups == 6
    x = torch.randn(5, 12) * 3 + 2
    grouped = norm(x).detach().reshape(5, 6, 2)
    assert torch.allclose(grouped.mean(-1), torch.zeros(5, 6), atol=1e-5)


def test_options_of_an_adapter_change_what_it_computes() -> None:
    x = torch.randn(9, WIDTH)
    found = {}
    changes: list[dict[str, Any]] = [
        {},
        {"activation": "relu"},
        {"layers": 2},
        {"layers": 2, "residual": True},
        *({"norm": norm} for norm in NORMS if norm != "group"),
    ]
    for change in changes:
        torch.manual_seed(0)
        config = AdapterConfig(**{"hidden": 16, "width": 8, "dropout": 0.0, **change})
        found[str(change)] = Adapter(config, WIDTH)(x).detach()
        assert found[str(change)].shape == (9, 8)
    values = list(found.values())
    assert all(not torch.allclose(a, b) for i, a in enumerate(values) for b in values[:i])
    noisy = Adapter(AdapterConfig(hidden=64, width=8, dropout=0.5), WIDTH)
    assert not torch.equal(noisy(x), noisy(x))
    assert torch.equal(noisy.eval()(x), noisy(x))


def test_batch_normalisation_of_a_single_row_is_explained() -> None:
    for norm in BATCH_NORMS:
        adapter = Adapter(AdapterConfig(hidden=4, width=4, norm=norm), WIDTH)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="single row"):
            adapter(torch.randn(1, WIDTH))
        adapter(torch.randn(2, WIDTH))
        assert adapter.eval()(torch.randn(1, WIDTH)).shape == (1, 4)
    with pytest.raises(ValueError, match="no statistics"):
        made_recipe(
            {"adapter": {"norm": "batch"}}, data={"cls_only": True}, training={"batch_size": 1}
        )


def test_several_audio_encoders_have_an_adapter_each() -> None:
    model = network(
        {"logmel": WIDTH, "ast": 20}, adapters={"ast": {**SMALL["adapter"], "hidden": 32}}
    ).eval()
    assert isinstance(model, SourceModel)
    heads = {n: {k: a.inputs for k, a in h.adapters.items()} for n, h in model.heads.items()}  # type: ignore[union-attr]
    assert heads == {head: {"logmel": WIDTH, "ast": 20} for head in ("clip", "t5")}
    rng = np.random.default_rng(0)
    batch = frame_batch(
        {
            name: [rng.standard_normal((n, width)).astype(np.float32) for n in (3, 1)]
            for name, width in (("logmel", WIDTH), ("ast", 20))
        }
    )
    with torch.no_grad():
        whole = model(batch)["clip"]
        batch.frames["ast"].add_(1.0)
        assert not torch.allclose(whole, model(batch)["clip"], atol=1e-4)
    with pytest.raises(ValueError, match=r"adapters\.ast\.width"):
        SourceConfig.model_validate({**SMALL, "adapters": {"ast": {"width": 9}}})


def test_a_probe_sees_where_the_latents_look() -> None:
    model, batch = network().eval(), clips(3)
    with torch.no_grad():
        plain = model(batch)["t5"]
        with tap.listen() as seen:
            watched = model(batch)["t5"]
    assert torch.allclose(plain, watched, atol=1e-5)
    weights = seen[TAP][-1]
    assert weights.shape == (3, 2, 5, batch.frames["logmel"].shape[1])
    assert torch.allclose(weights.sum(-1), torch.ones(3, 2, 5), atol=1e-5)
    hidden = ~batch.keep["logmel"][:, None, None, :].expand_as(weights)
    assert float(weights[hidden].abs().sum()) == 0.0


def test_the_light_adapter_has_79_thousand_parameters_and_pools_real_frames() -> None:
    light = build_network(LightConfig(), {"logmel": 64})
    assert isinstance(light, LightModel)
    assert sum(p.numel() for p in light.parameters()) == 79_570
    torch.manual_seed(0)
    small = LightModel(LightConfig(hidden=8), {"logmel": WIDTH}, SHAPES).eval()
    batch = clips(4)
    row = batch.frames["logmel"][0][batch.keep["logmel"][0]]
    expected = torch.cat([row.mean(0), row.std(0, correction=0), row.amax(0)])
    assert torch.allclose(small.pooled(batch)[0], expected, atol=1e-5)
    small.set_pooled(small.pooled(batch))
    with torch.no_grad():
        for size in SIZES[:2]:
            assert small(clips(size))["clip"].shape == (size, 24)


def test_a_model_at_the_sources_width_needs_no_output_layer() -> None:
    model = network(clip={"width": None, "heads": 2}, targets=["clip"])
    assert isinstance(model, SourceModel)
    assert not any(name.endswith("pool.out.weight") for name, _ in model.named_parameters())
    assert list(model.shapes) == ["clip"]
    with pytest.raises(ValueError, match="not a multiple"):
        MAPBlock(MapConfig(width=9, heads=2), 4, 1, 9)
    with pytest.raises(ValueError, match=r"clip\.width"):
        SourceConfig.model_validate({"clip": {"width": 9, "heads": 2}})


def test_restored_predictions_are_in_text_space() -> None:
    task = made_task()
    scale = task.model.scale("clip")
    table = task.targets.tables["clip"]
    assert torch.allclose(scale.restore(scale.scores(table)), table, atol=1e-5)
    z = scale.scores(table)[torch.from_numpy(task.train.classes_N)]
    assert torch.allclose(z.mean(0), torch.zeros(24), atol=1e-4)
    assert torch.allclose(z.std(0, correction=0), torch.ones(24), atol=1e-4)
