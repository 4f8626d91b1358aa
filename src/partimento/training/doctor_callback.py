"""The doctor as a callback of Lightning, for modules that are not ours::

from partimento.doctor import DoctorCallback

trainer = lightning.Trainer(callbacks=[DoctorCallback(every=50, out="doctor")])
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from partimento.core.errors import MissingExtraError
from partimento.core.files import write_atomic
from partimento.core.plain import plain
from partimento.doctor.case import Case
from partimento.doctor.examine import Examination, examine
from partimento.doctor.monitor import Monitor
from partimento.doctor.report import known_findings, report_dict, report_text
from partimento.doctor.report_page import write_report_page

try:
    import lightning
except ImportError as _error:
    raise MissingExtraError(
        "the doctor's callback needs Lightning", fix="pip install 'partimento[train]'"
    ) from _error

LOGS_PER_WATCH = 10
"""Losses that are noted for each step that is watched from inside."""


class DoctorCallback(lightning.Callback):
    """Watches the training of any LightningModule and says at its end what was wrong with it.

    every: steps between watched ones; 0 watches nothing but the curves.  out: folder for
    ``findings.json`` and ``doctor.html``.  config: settings by name, for remedies that name them;
    default: the module's hyperparameters, the optimiser's rate and the number of steps.  figure:
    name of the validated figure (lower is better); default: the first logged one that begins with
    "val".  quiet: print nothing.

    The findings are in :attr:`examination` afterwards, also when the training ended with an error.
    Where several optimisers share a batch, gradients are those at the first one's step.
    """

    def __init__(
        self,
        every: int = 50,
        out: str | Path | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        figure: str | None = None,
        quiet: bool = False,
        name: str = "",
    ) -> None:
        self.every, self.out, self.name = every, None if out is None else Path(out), name
        self.config, self.figure, self.quiet = config, figure, quiet
        self.log_every = max(1, every // LOGS_PER_WATCH)
        self.rows: list[dict[str, Any]] = []
        self.case: Case | None = None
        self.examination: Examination | None = None
        self._monitor: Monitor | None = None
        self._step, self._begun, self._stepping = 0, False, False
        self._loss: Tensor | None = None
        self._settings: dict[str, Any] = {}

    # -- Lightning's hooks -------------------------------------------------------------------

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin."""
        self._monitor = Monitor(pl_module, every=self.every)
        self.rows, self.examination = [], None
        self._step, self._begun, self._stepping, self._loss = 0, False, False, None
        self._settings = _settings(trainer, pl_module)

    def on_train_batch_start(
        self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """A step begins, unless this batch is added to one that has begun."""
        if self._monitor is not None and not self._begun:
            self._monitor.before_step(self._step)
            self._begun = True

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Tensor) -> None:
        """Losses of accumulated batches come divided by their number."""
        here = loss.detach()
        self._loss = here if self._loss is None else self._loss + here

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """All gradients are there and not yet clipped."""
        if self._monitor is None or self._stepping or self._loss is None:
            return
        self._stepping = True
        if self._step % self.log_every == 0 or not math.isfinite(float(self._loss)):
            self._log_step(trainer, pl_module, float(self._loss))
        self._monitor.after_backward(self._loss, trainer.optimizers)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The step is over, unless more batches are added to it."""
        if self._monitor is None or not self._stepping:
            return
        self._monitor.after_step()
        self._step += 1
        self._begun, self._stepping, self._loss = False, False, None

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Note the validated figures."""
        if trainer.sanity_checking:
            return
        figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
        chosen = self.figure or next((n for n in figures if n.startswith("val")), None)
        if chosen in figures:
            about = {"kind": "validation", "step": self._step, "epoch": trainer.current_epoch}
            self.rows.append({**about, **figures, "valid_loss": figures[chosen]})

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Examine."""
        self._finish(trainer)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Examine what there is."""
        if self._monitor is not None and self.examination is None:
            self._finish(trainer)

    # -- the rest ----------------------------------------------------------------------------

    def _log_step(self, trainer: Any, module: Any, loss: float) -> None:
        grads = [p.grad.detach() for p in module.parameters() if p.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads)) if grads else 0.0
        rates = [group["lr"] for one in trainer.optimizers for group in one.param_groups]
        about = {"kind": "train", "step": self._step + 1, "epoch": trainer.current_epoch}
        figures = {"loss": loss, "lr": max(rates, default=0.0), "gradient_norm": norm}
        self.rows.append({**about, **figures})

    def _finish(self, trainer: Any) -> None:
        assert self._monitor is not None
        watched = self._monitor.watched() if self._monitor.rows() else None
        self._monitor.close()
        self.case = Case(
            name=self.name,
            config=dict(self._settings if self.config is None else self.config),
            rows=list(self.rows),
            watched=watched,
        )
        self.examination = examine(self.case)
        if trainer.is_global_zero:
            self._tell(self.case, self.examination)

    def _tell(self, case: Case, found: Examination) -> None:
        known = known_findings()
        if not self.quiet:
            print(report_text(found, known))
        if self.out is not None:
            self.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(plain(report_dict(found)), indent=2, allow_nan=False)
            write_atomic(self.out / "findings.json", text + "\n")
            write_report_page(self.out / "doctor.html", found, case=case, known=known)


def _settings(trainer: Any, module: Any) -> dict[str, Any]:
    """What a foreign training tells about itself, under the names of our recipes."""
    groups = [group for one in trainer.optimizers for group in one.param_groups]
    rates = [float(group.get("initial_lr", group["lr"])) for group in groups]
    settings: dict[str, Any] = {"training": {}}
    if rates:
        settings["training"]["optimizer"] = {"lr": max(rates)}
    steps = int(trainer.estimated_stepping_batches) if _finite_steps(trainer) else 0
    if steps > 0:
        settings["training"]["max_steps"] = steps
    settings["training"]["clip"] = float(trainer.gradient_clip_val or 0.0)
    hyper = getattr(module, "hparams", None)
    return {"module": dict(hyper), **settings} if hyper else settings


def _finite_steps(trainer: Any) -> bool:
    steps = trainer.estimated_stepping_batches
    return isinstance(steps, int) or math.isfinite(steps)
