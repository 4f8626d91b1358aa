"""Learning rates against PyTorch's own schedulers and against their definition."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from partimento.training.config import ScheduleConfig, TrainingConfig
from partimento.training.schedule import rates


@pytest.mark.parametrize("total", [10, 57, 400])
def test_one_cycle_is_that_of_pytorch(total: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=total)
    config = ScheduleConfig(kind="onecycle")
    for step in range(total):
        group = optimizer.param_groups[0]
        mine = rates(config, step, total)
        assert mine.lr_scale * 1e-3 == pytest.approx(group["lr"], rel=1e-9, abs=1e-15)
        assert mine.beta1 == pytest.approx(group["betas"][0], rel=1e-9)
        optimizer.step()
        if step + 1 < total:
            reference.step()


def test_warmup_then_cosine_to_the_floor() -> None:
    config = ScheduleConfig(kind="cosine", warmup_steps=10, floor=0.1)
    assert [rates(config, s, 110).lr_scale for s in (0, 4, 9)] == pytest.approx([0.1, 0.5, 1.0])
    assert rates(config, 60, 110).lr_scale == pytest.approx(0.55)
    assert rates(config, 110, 110).lr_scale == pytest.approx(0.1)
    assert rates(config, 900, 110).lr_scale == pytest.approx(0.1)


def test_fixed_stays() -> None:
    assert {rates(ScheduleConfig(), s, None).lr_scale for s in range(50)} == {1.0}


def test_falls_by_steps_are_those_of_pytorch() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.5e-5)
    reference = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.9)
    config = ScheduleConfig(kind="step", every=30, factor=0.9)
    for step in range(100):
        wanted = optimizer.param_groups[0]["lr"]
        assert 2.5e-5 * rates(config, step, None).lr_scale == pytest.approx(wanted, rel=1e-12)
        optimizer.step()
        reference.step()


@given(
    st.sampled_from(["fixed", "onecycle", "cosine", "inverse_sqrt", "step"]),
    st.integers(1, 500),
    st.integers(0, 600),
    st.integers(0, 50),
)
def test_every_step_has_a_rate_between_nothing_and_the_peak(
    kind: str, total: int, step: int, warmup: int
) -> None:
    config = ScheduleConfig.model_validate({"kind": kind, "warmup_steps": warmup})
    now = rates(config, step, total)
    assert 0.0 <= now.lr_scale <= 1.0 + 1e-12
    assert now.beta1 is None or 0.85 - 1e-12 <= now.beta1 <= 0.95 + 1e-12


def test_a_shape_needs_its_length() -> None:
    with pytest.raises(ValueError, match="number of steps"):
        rates(ScheduleConfig(kind="cosine"), 0, None)


@pytest.mark.parametrize(("width", "warmup"), [(256, 4000), (384, 50)])
def test_the_inverse_root_is_that_of_the_paper(width: int, warmup: int) -> None:
    config = ScheduleConfig(kind="inverse_sqrt", warmup_steps=warmup)
    peak = (width * warmup) ** -0.5
    for number in (1, 2, warmup - 1, warmup, warmup + 1, 3 * warmup, 40 * warmup):
        paper = width**-0.5 * min(number**-0.5, number * warmup**-1.5)
        assert peak * rates(config, number - 1, None).lr_scale == pytest.approx(paper)


def training(lr: float, **schedule: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"optimizer": {"lr": lr}, "schedule": schedule})


def test_a_peak_above_its_bound_is_an_error() -> None:
    assert training(9.88e-4, kind="inverse_sqrt", warmup_steps=4000)
    slip = 2 * 384**-0.5
    with pytest.raises(ValueError, match=r"lr = 0\.102062 is above schedule\.bound = 0\.003"):
        training(slip, kind="inverse_sqrt", warmup_steps=4000)
    assert training(slip, kind="inverse_sqrt", warmup_steps=4000, bound=0.2)
    with pytest.raises(ValueError, match="above"):
        training(0.01, bound=0.003)
    assert training(slip), "other shapes have a bound only where one is given"
    with pytest.raises(ValueError, match="no peak"):
        training(1e-3, kind="inverse_sqrt")
