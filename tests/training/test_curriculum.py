"""The curriculum and early stopping as state machines."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partimento.training.config import CurriculumConfig, TrainingConfig
from partimento.training.curriculum import Curriculum, CurriculumState, StoppingState

losses = st.lists(st.one_of(st.none(), st.floats(0, 20, allow_nan=False)), min_size=1, max_size=300)
configs = st.builds(
    CurriculumConfig,
    start=st.integers(4, 20),
    grow=st.integers(1, 5),
    grow_epochs=st.integers(1, 25),
    shrink=st.integers(0, 6),
    plateau_epochs=st.integers(1, 15),
    floor=st.integers(1, 12),
)


def walk(rules: Curriculum, values: list[float | None]) -> list[CurriculumState]:
    states = [rules.start()]
    for epoch, loss in enumerate(values):
        states.append(rules.step(states[-1], epoch, loss))
    return states


def test_steady_progress_grows_by_two_every_twenty_epochs() -> None:
    rules = Curriculum(CurriculumConfig(), full_length=32)
    falling = [10.0 - 0.01 * e for e in range(300)]
    lengths = [state.length for state in walk(rules, falling)]
    assert lengths[:20] == [8] * 20
    assert lengths[20:40] == [10] * 20
    assert lengths[40] == 12
    assert lengths[239] == 30
    assert set(lengths[240:]) == {32}


def test_a_plateau_takes_four_steps_away_but_not_below_the_floor() -> None:
    rules = Curriculum(CurriculumConfig(grow_epochs=1000, plateau_epochs=3), full_length=32)
    state = CurriculumState(length=14, best_loss=1.0)
    lengths = []
    for epoch in range(9):
        state = rules.step(state, epoch, 2.0)
        lengths.append(state.length)
    assert lengths == [14, 14, 10, 10, 10, 8, 8, 8, 8]
    assert state.best_loss == 1.0


def test_a_better_loss_ends_the_plateau() -> None:
    rules = Curriculum(CurriculumConfig(plateau_epochs=3), full_length=32)
    state = rules.step(CurriculumState(length=14, best_loss=1.0, stale_epochs=2), 0, 0.9)
    assert (state.length, state.stale_epochs, state.best_loss) == (14, 0, 0.9)


def test_off_means_the_full_length_always() -> None:
    rules = Curriculum(CurriculumConfig(on=False), full_length=32)
    assert {state.length for state in walk(rules, [1.0] * 100)} == {32}


def test_a_start_above_the_full_length_is_the_full_length() -> None:
    assert Curriculum(CurriculumConfig(start=8), full_length=6).start().length == 6


@given(configs, st.integers(2, 40), losses)
def test_length_stays_between_floor_and_full_and_moves_by_single_changes(
    config: CurriculumConfig, full: int, values: list[float | None]
) -> None:
    states = walk(Curriculum(config, full), values)
    low = min(config.floor, config.start, full)
    for before, after in itertools.pairwise(states):
        assert low <= after.length <= full
        change = after.length - before.length
        assert -config.shrink <= change <= max(config.grow, config.floor - before.length)
        assert after.stage - before.stage == int(change != 0)
        assert after.best_loss <= before.best_loss
        assert after.stale_epochs <= max(before.stale_epochs + 1, 0)


@given(configs, losses, st.integers(0, 299))
def test_a_run_continued_from_a_stored_state_goes_the_same_way(
    config: CurriculumConfig, values: list[float | None], cut: int
) -> None:
    rules = Curriculum(config, 32)
    states = walk(rules, values)
    cut = min(cut, len(values))
    state = CurriculumState(**states[cut].as_dict())
    for epoch in range(cut, len(values)):
        state = rules.step(state, epoch, values[epoch])
    assert state == states[-1]


@given(st.lists(st.floats(0, 9, allow_nan=False), min_size=1, max_size=80), st.integers(1, 10))
def test_stopping_counts_epochs_since_the_best(values: list[float], patience: int) -> None:
    state = StoppingState()
    for epoch, loss in enumerate(values):
        state = state.step(epoch, loss)
    best = min(values)
    assert (state.best_loss, state.best_epoch) == (best, values.index(best))
    assert state.stale_epochs == len(values) - 1 - values.index(best)
    assert state.exhausted(patience) == (state.stale_epochs >= patience)
    assert not state.exhausted(0)


def test_an_improvement_must_be_large_enough() -> None:
    state = StoppingState().step(0, 2.0).step(1, 1.95, min_improvement=0.1)
    assert (state.best_loss, state.stale_epochs) == (2.0, 1)
    assert math.isinf(StoppingState().best_loss)


def test_contradicting_settings_are_refused() -> None:
    for kind in ("onecycle", "cosine"):
        with pytest.raises(ValueError, match=f"{kind} needs its number of steps"):
            TrainingConfig.model_validate({"schedule": {"kind": kind}})
        assert TrainingConfig.model_validate({"schedule": {"kind": kind}, "max_steps": 9})
    with pytest.raises(ValueError, match="below"):
        TrainingConfig.model_validate({"curriculum": {"start": 4, "floor": 8}})
