"""Fitting a task with Lightning; the only module that imports it.

Lightning runs the loop, places the model on its device and sets the precision.  What makes a run
resumable to the bit is ours (:mod:`.session`, :mod:`.state`): its own checkpoints are pickles.
"""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from types import FrameType
from typing import Any

import torch

from partimento.core.errors import MissingExtraError
from partimento.core.runs import RunFolder
from partimento.nn.device import checked_device
from partimento.training.config import TrainingConfig
from partimento.training.distributed import World
from partimento.training.progress import ProgressLine
from partimento.training.session import FitResult, FitSession, WorkItem
from partimento.training.task import Task

try:
    import lightning
except ImportError as _error:
    raise MissingExtraError(
        "training needs Lightning", fix="pip install 'partimento[train]'"
    ) from _error


def fit(
    task: Task,
    config: TrainingConfig,
    run: RunFolder,
    *,
    resume: bool = False,
    time_limit_sec: float | None = None,
    device: str = "cpu",
    progress: bool | None = None,
    world: World | None = None,
) -> FitResult:
    """Train ``task`` until it is done, stopped or out of time.

    ``time_limit_sec`` counts this invocation only.  ``progress`` None draws a line when a
    terminal is there to see it.  SIGTERM and Ctrl-C end the training after the present step with
    a resume point; a second Ctrl-C stops at once.  ``world`` are the processes that train together;
    only the first of them writes.

    Raises ConfigError for a device that is not there, DataError when there is nothing to resume,
    and PartimentoError when the loss is no number or the disk is full.
    """
    accelerator, devices = _placement(device)
    if world is not None and not world.first:
        progress = False
    line = ProgressLine(quiet=None if progress is None else not progress, monitor=task.monitor)
    with _quiet_lightning(), _torch_settings(config), line:
        session = FitSession(
            task, config, run, time_limit_sec=time_limit_sec, line=line, world=world
        )
        if resume:
            session.restore()
        session.stop_reason = session.already_done()
        signals = _StopOnSignals(session)
        module = _Module(session, signals)
        trainer = lightning.Trainer(
            accelerator=accelerator,
            devices=devices,
            precision="bf16-mixed" if config.precision == "bf16" else "32-true",
            max_epochs=-1,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=run.path,
        )
        if session.stop_reason:
            session.attach()
        else:
            with signals:
                trainer.fit(module)
        return session.finish()


class _Module(lightning.LightningModule):
    """Hands Lightning's hooks on to the session."""

    def __init__(self, session: FitSession, signals: _StopOnSignals) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.session, self.signals = session, signals
        self.network = session.task.model

    def train_dataloader(self) -> _Epoch:
        return _Epoch(self.session)

    def configure_optimizers(self) -> Any:
        return self.session.attach()

    def transfer_batch_to_device(self, batch: Any, device: torch.device, _: int) -> Any:
        # Lightning's own way cannot handle frozen dataclasses.
        return to_device(batch, device)

    def on_train_start(self) -> None:
        self.signals.install()
        self.network.train()

    def on_train_epoch_start(self) -> None:
        self.session.line.start_epoch(self.session.steps_in_epoch())

    def training_step(self, item: WorkItem, _: int) -> None:
        session = self.session
        session.begin_step(item)
        for optimizer in session.optimizers:
            optimizer.zero_grad(set_to_none=True)
        logs: dict[str, float] = {}
        for batch in item.batches:
            output = session.task.training_loss(batch)
            values = {**output.logs, "loss": session.check_finite(output.loss, batch)}
            for name, value in values.items():
                logs[name] = logs.get(name, 0.0) + float(value) / len(item.batches)
            self.manual_backward(output.loss * item.share)
        gradient_norm = session.collect_gradients(logs["loss"])
        wrapped = self.optimizers()
        for handle in wrapped if isinstance(wrapped, list) else [wrapped]:
            handle.step()
        session.end_step(logs, gradient_norm)
        if session.ending:
            self.trainer.should_stop = True

    def on_train_epoch_end(self) -> None:
        self.session.end_epoch()
        if self.session.ending:
            self.trainer.should_stop = True


class _Epoch:
    """What is left of the present epoch, as something to iterate over."""

    def __init__(self, session: FitSession) -> None:
        self.session = session

    def __iter__(self) -> Iterator[WorkItem]:
        return self.session.work()


def to_device(value: Any, device: torch.device) -> Any:
    """Tensors in (nested) tuples, lists, dicts, named tuples and dataclasses, moved; rest as is."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if is_dataclass(value) and not isinstance(value, type):
        moved = {f.name: to_device(getattr(value, f.name), device) for f in fields(value)}
        return replace(value, **moved)
    if isinstance(value, Mapping):
        return {key: to_device(item, device) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_device(item, device) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(to_device(item, device) for item in value)
    return value


def _placement(device: str) -> tuple[str, Any]:
    """Lightning's accelerator and devices for ``cpu``, ``cuda``, ``cuda:1`` or ``mps``."""
    chosen = checked_device(device)
    return ("gpu", [chosen.index or 0]) if chosen.type == "cuda" else (chosen.type, 1)


@contextmanager
def _torch_settings(config: TrainingConfig) -> Iterator[None]:
    """Threads, determinism and global generators of the run; all put back afterwards."""
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        try:
            if config.threads:
                torch.set_num_threads(config.threads)
            torch.use_deterministic_algorithms(config.deterministic)
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic)
            torch.set_num_threads(threads)


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Lightning's notes about hardware and data loaders say nothing that our line does not."""
    loggers = [logging.getLogger(n) for n in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


class _StopOnSignals:
    """End after the present step on SIGTERM and the first Ctrl-C (main thread only).

    :meth:`install` is called again once Lightning has put in its own handlers, which would raise
    out of the middle of the loop.
    """

    def __init__(self, session: FitSession) -> None:
        self.session = session
        self.before: dict[int, Any] = {}

    def __enter__(self) -> _StopOnSignals:
        numbers = (signal.SIGTERM, signal.SIGINT)
        self.before = {number: signal.getsignal(number) for number in numbers}
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self._set(self.before)

    def install(self) -> None:
        """Put our handler in."""
        self._set(dict.fromkeys(self.before, self._ask))

    def _set(self, handlers: dict[int, Any]) -> None:
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _ask(self, number: int, _: FrameType | None) -> None:
        if self.session.stop_reason == "interrupted" and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.session.stop_reason = "interrupted"
