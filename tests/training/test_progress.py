"""The progress line, resume files, and TensorBoard."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from toy_training import CONFIG, ToyTask

from partimento.core.errors import MissingExtraError
from partimento.core.runs import RunFolder
from partimento.training.config import TrainingConfig
from partimento.training.curriculum import CurriculumState
from partimento.training.progress import ProgressLine, clock
from partimento.training.state import Progress, load_state, save_state
from partimento.training.trainer import fit


def test_clock() -> None:
    assert [clock(s) for s in (0.0, 59.6, 3725.0)] == ["0:00:00", "0:01:00", "1:02:05"]


def test_the_line_shows_epoch_length_losses_and_time_left(
    capfd: pytest.CaptureFixture[str],
) -> None:
    progress = Progress(CurriculumState(14), epoch=3, index=5, best={"valid": 1.25})
    with ProgressLine(quiet=False, monitor="valid") as line:
        line.start_epoch(10)
        line.epoch(progress, {"valid": 1.5})
        line.step(progress, 2.0, 75.0)
    shown = capfd.readouterr().err
    for words in ("epoch 3 length 14", "left 0:01:15", "loss 2.000", "valid 1.500 best 1.250"):
        assert words in " ".join(shown.split()), words


def test_a_quiet_line_says_nothing(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"max_epochs": 1})
    fit(ToyTask(), config, RunFolder.create(tmp_path / "run", config, "toy"), progress=False)
    captured = capfd.readouterr()
    assert captured.out == "" and captured.err == ""


def test_progress_survives_its_file(tmp_path: Path) -> None:
    progress = Progress(CurriculumState(10, best_loss=2.5), epoch=2, index=3, step=40)
    progress.add({"loss": 1.0})
    progress.add({"loss": 2.0, "alto": 4.0})
    assert progress.means() == {"loss": 1.5, "alto": 4.0}
    save_state(tmp_path / "s.pt", {"progress": progress.as_dict(), "w": torch.arange(3)})
    state = load_state(tmp_path / "s.pt")
    assert Progress.from_dict(state["progress"]) == progress
    assert torch.equal(state["w"], torch.arange(3))
    assert [p.name for p in tmp_path.iterdir()] == ["s.pt"]


def test_tensorboard_writes_events_or_names_its_extra(tmp_path: Path) -> None:
    config = TrainingConfig.model_validate(
        {**CONFIG.model_dump(), "tensorboard": True, "max_epochs": 1}
    )
    run = RunFolder.create(tmp_path / "run", config, "toy")
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(MissingExtraError, match="extra `tensorboard`"):
            fit(ToyTask(), config, run, progress=False)
    else:
        fit(ToyTask(), config, run, progress=False)
        assert list(run.path.glob("events.out.tfevents*"))
