"""A linear map as a small task, with one slip and one wrong setting, and checks that know both."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss

from partimento.doctor.case import Case, DataFacts, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.monitor import Monitor
from partimento.selftest.interface import Fault

HEALTHY = {
    "training.optimizer.lr": 0.2,
    "training.max_steps": 60,
    "slip.shuffled": False,
    "slip.breaks": False,
}


class FakeTask:
    name = "line"
    healthy = HEALTHY
    runs = 0

    def run(self, settings, seed, *, watched=True):
        type(self).runs += 1
        if unknown := set(settings) - set(HEALTHY):
            raise ValueError(f"no setting {unknown}")
        chosen = {**HEALTHY, **settings}
        if chosen["slip.breaks"]:
            raise RuntimeError("planted break")
        rng = np.random.default_rng(seed)
        weights = rng.normal(size=(4, 2))
        inputs, fresh = (rng.normal(size=(32, 4)) for _ in range(2))
        targets = inputs @ weights + 0.1 * rng.normal(size=(32, 2))
        if chosen["slip.shuffled"]:
            targets = targets[rng.permutation(32)]
        pairs = [
            (torch.tensor(x, dtype=torch.float32), torch.tensor(y, dtype=torch.float32))
            for x, y in ((inputs, targets), (fresh, fresh @ weights))
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = nn.Linear(4, 2)
        before = nn.Linear(4, 2)
        before.load_state_dict(model.state_dict())
        rows, monitor = _train(model, *pairs[0], chosen)
        return Case(
            name="line",
            kind="regression",
            config={
                "training": {
                    "optimizer": {"lr": chosen["training.optimizer.lr"]},
                    "max_steps": chosen["training.max_steps"],
                }
            },
            rows=rows,
            watched=monitor.watched() if watched else None,
            probe=_probe(model, pairs[1]),
            initial=_probe(before, pairs[1]),
            data=DataFacts(inputs=list(inputs), labels=targets),
            seed=seed,
        )

    def figure(self, case):
        x, y = case.probe.batches[0]
        with torch.no_grad():
            return 1.0 - float(mse_loss(case.probe.model(x), y) / y.var())


def _train(model, x, y, chosen):
    monitor = Monitor(model, every=5)
    optimizer = torch.optim.SGD(model.parameters(), lr=chosen["training.optimizer.lr"])
    rows = []
    for step in range(chosen["training.max_steps"]):
        monitor.before_step(step)
        optimizer.zero_grad()
        loss = mse_loss(model(x), y)
        loss.backward()
        monitor.after_backward(loss, optimizer, targets=y)
        optimizer.step()
        monitor.after_step()
        rows.append({"kind": "train", "step": step + 1, "loss": float(loss.detach())})
    return rows, monitor


def _probe(model, pair):
    return Probe(
        model=model,
        batches=[pair],
        outputs=lambda m, batch: m(batch[0]),
        targets=lambda batch: batch[1],
        loss=lambda m, batch: mse_loss(m(batch[0]), batch[1]),
    )


def finding(code, **changes):
    values = {
        "code": code,
        "severity": "severe",
        "claim": "something is wrong",
        "measured": 1.0,
        "unit": "x",
        "threshold": 0.5,
        "source": "made",
        "confidence": 0.9,
        "control": "none",
        "remedy": "change it",
    }
    return Finding(**{**values, **changes})


def _rate(case):
    rate = case.config["training"]["optimizer"]["lr"]
    if rate > 1.0:
        yield finding("R7.peak-too-high", evidence={"change": {"training.lr": 0.1}})


def _shuffled(case):
    inputs = np.stack(case.data.inputs)
    fitted = inputs @ np.linalg.lstsq(inputs, case.data.labels, rcond=None)[0]
    share = 1.0 - ((fitted - case.data.labels) ** 2).mean() / case.data.labels.var()
    if share < 0.5:
        yield finding("T3.ridge-gap", severity="warning")
    yield finding("T8.parameters", severity="info")


def check(name, run, *codes):
    words = dict.fromkeys(("title", "meaning", "threshold", "source", "evidence", "remedy"), "-")
    known = tuple(Known(code=code, **words) for code in codes)
    return Check(name=name, known=known, needs=(), run=run)


CHECKS = (
    check("rate", _rate, "R7.peak-too-high"),
    check("shuffled", _shuffled, "T3.ridge-gap", "T8.parameters"),
)
FAULTS = (
    Fault(
        name="line-rate",
        task="line",
        settings={"training.optimizer.lr": 3.0},
        codes=("R7.peak-too-high",),
        what="The learning rate is too high.",
        debugger=("exploding_tensor", "loss_not_decreasing"),
    ),
    Fault(
        name="line-shuffled",
        task="line",
        settings={"slip.shuffled": True},
        codes=("D1.duplicate-inputs",),
        what="Labels belong to other inputs.",
    ),
    Fault(
        name="line-short",
        task="line",
        settings={"training.max_steps": 3},
        codes=("T7.too-few-steps",),
        what="Too few steps; no check here knows it.",
    ),
)
