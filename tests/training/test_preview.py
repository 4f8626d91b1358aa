"""The learning rate seen before any training."""

from __future__ import annotations

import pytest

from partimento.training.config import TrainingConfig
from partimento.training.preview import plot, preview_schedule
from partimento.training.schedule import rates


def config(lr: float = 1e-3, **schedule: object) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {"optimizer": {"lr": lr}, "schedule": schedule, "curriculum": {"on": False}}
    )


def test_the_preview_is_the_schedule() -> None:
    chosen = config(2e-3, kind="cosine", warmup_steps=10, floor=0.1, total_steps=200)
    shown = preview_schedule(chosen)
    assert (shown["total_steps"], shown["peak_step"]) == (200, 9)
    assert shown["peak"] == pytest.approx(2e-3)
    for step, rate in zip(shown["steps"], shown["rates"], strict=True):
        assert rate == 2e-3 * rates(chosen.schedule, step, 200).lr_scale
    assert shown["steps"][0] == 0 and shown["steps"][-1] == 199
    assert shown["last"] == pytest.approx(2e-4, rel=1e-2)


def test_the_inverse_root_is_seen_beyond_its_peak() -> None:
    shown = preview_schedule(config(9.88e-4, kind="inverse_sqrt", warmup_steps=400))
    assert (shown["total_steps"], shown["peak_step"]) == (4000, 399)
    assert shown["last"] == pytest.approx(9.88e-4 * 0.1**0.5)
    assert preview_schedule(config())["total_steps"] == 1000


def test_a_shape_without_its_length_cannot_be_shown() -> None:
    with pytest.raises(ValueError, match="number of steps"):
        preview_schedule(config(kind="cosine"))
    assert preview_schedule(config(kind="cosine"), 50)["total_steps"] == 50


def test_the_plot_has_the_height_of_the_values() -> None:
    lines = plot([0.0, 0.5, 1.0], rows=4, columns=3).splitlines()
    columns = [sum(line[11 + i : 12 + i] == "#" for line in lines[:4]) for i in range(3)]
    assert columns == [0, 2, 4]
    assert plot([0.0, 0.0], rows=2, columns=2)
