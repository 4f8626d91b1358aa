"""Where a model starts (M4), and whether its fast attention is what it stands for (M5)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.probing import answer, real_places, undisturbed

EXCESS_NATS = 1.0
SPREAD_RATIO = 10.0
RELATIVE_TOLERANCE = 1e-4

INITIAL = Known(
    code="M4.initial-spread",
    title="The model starts too loud",
    meaning="Before the first step the outputs spread far wider than the targets: the first part"
    " of the training shrinks them, with gradients that belong to chance.",
    threshold=f"tokens and classes: {EXCESS_NATS:g} nat above uniform; numbers:"
    f" {SPREAD_RATIO:g} times the standard deviation of the targets",
    source="logits of standard deviation s cost s^2/2 nats above uniform; PyTorch's own linear"
    " layer behind a layer norm has 0.17 nats and, against z-scores, a ratio of 0.6",
    evidence="spread of outputs and targets, norm and scale of the last layer",
    remedy="draw the output layer small (standard deviation 0.02, or zeros), or scale the targets",
    explains=("R3.exploding", "R3.spikes", "R7.peak-too-high", "R6.plateau", "R3.saturated"),
)
RELATIVE = Known(
    code="M5.relative",
    title="Relative attention is not what it stands for",
    meaning="The fast form of relative attention gives other numbers than the plain one with an"
    " embedding for every pair: distances are assigned wrongly.",
    threshold=f"a relative difference of {RELATIVE_TOLERANCE:g}",
    source="Huang et al. 2019: both are one sum; ten times the agreement of 1e-5 in float32",
    evidence="largest difference, by layer where the model has several",
    remedy="use partimento.nn.skew.relative_logits, which is tested against the plain form",
    explains=("R6.underfit", "R6.plateau", "R1.uniform", "R1.peaked"),
)


def excess_nats(outputs: Tensor) -> float:
    """Mean cross-entropy of uniform targets above that of uniform predictions, in nats.

    outputs (..., V): logits or log probabilities; infinite ones (masked) are left out.  0 for
    logits that are all equal, s^2/2 for normal ones of standard deviation s.
    """
    rows = outputs.reshape(-1, outputs.shape[-1]).double()
    open_ = rows.isfinite()
    count = open_.sum(1).clamp_min(1)
    mean = torch.where(open_, rows, torch.zeros(()).double()).sum(1) / count
    top = torch.where(open_, rows, torch.full((), -torch.inf).double()).logsumexp(1)
    nats = top - mean - count.double().log()
    return float(nats[open_.any(1)].mean())


def spread_ratio(outputs: Tensor, targets: Tensor) -> float:
    """Standard deviation of the outputs / of the targets over examples, root mean square.

    Infinite where the targets do not differ.
    """
    spreads = [
        float(part.reshape(len(part), -1).double().var(0, correction=0).mean().sqrt())
        for part in (outputs, targets)
    ]
    return spreads[0] / spreads[1] if spreads[1] > 0 else math.inf


def _first(probe: Probe) -> tuple[Tensor, Tensor]:
    """Outputs and targets of the real places of the first batch."""
    batch = probe.batches[0]
    outputs = answer(probe, batch)
    where = real_places(probe, batch, outputs)
    targets = probe.targets(batch).detach().cpu()
    lead = where if where.ndim <= targets.ndim else where[..., 0]
    return outputs[where], targets[lead]


def initial_spread(case: Case) -> Iterable[Finding]:
    """M4: outputs before training against the targets."""
    if case.initial is None:
        return
    outputs, targets = _first(case.initial)
    tokens = case.kind in ("tokens", "classification")
    if tokens:
        measured, limit = excess_nats(outputs), EXCESS_NATS
        unit = "nats above uniform"
        says = f"untrained, the model is {measured:.2g} nats worse than guessing evenly"
    else:
        measured, limit = spread_ratio(outputs, targets), SPREAD_RATIO
        unit = "standard deviation of outputs / of targets"
        says = f"untrained, the outputs spread {measured:.3g} times as far as the targets"
    if not math.isfinite(measured) or measured <= limit:
        return
    head = last_layer(case.initial.model)
    yield Finding(
        code=INITIAL.code,
        severity="severe" if measured > 5.0 * limit else "warning",
        claim=f"{says}: the last layer starts too large",
        measured=measured,
        unit=unit,
        threshold=limit,
        source=INITIAL.source,
        confidence=0.95,
        control="measured on the weights before the first step, on held-out examples, in evaluation"
        " mode; a layer drawn small gives 0.2 at most",
        remedy=INITIAL.remedy,
        evidence={"outputs_std": float(_finite(outputs).std()), "last_layer": head},
    )


def _finite(values: Tensor) -> Tensor:
    return values[values.isfinite()]


def last_layer(model: torch.nn.Module) -> dict[str, Any]:
    """The last matrix of the model: its name, shape and standard deviation."""
    named = [(n, p) for n, p in model.named_parameters() if p.ndim >= 2]
    if not named:
        return {}
    name, weight = named[-1]
    std = float(weight.detach().double().std(correction=0))
    return {"name": name, "shape": list(weight.shape), "standard_deviation": std}


def relative_attention(case: Case) -> Iterable[Finding]:
    """M5: fast and plain relative attention side by side."""
    probe = case.probe
    if probe is None or probe.naive_relative is None:
        return
    with undisturbed(probe.model):
        fast, slow = (t.double().cpu() for t in probe.naive_relative(probe.model, probe.batches[0]))
    seen = fast.isfinite() & slow.isfinite()
    if not bool(seen.any()):
        return
    scale = max(float(slow[seen].square().mean().sqrt()), 1e-12)
    measured = float((fast - slow)[seen].abs().max()) / scale
    if measured <= RELATIVE_TOLERANCE:
        return
    yield Finding(
        code=RELATIVE.code,
        severity="severe",
        claim=f"relative attention differs from its plain form by up to {measured:.2g} of its size",
        measured=measured,
        unit="largest difference / root mean square of the plain form",
        threshold=RELATIVE_TOLERANCE,
        source=RELATIVE.source,
        confidence=0.99,
        control="both forms get the same queries and embeddings; places that a mask hides are left"
        " out",
        remedy=RELATIVE.remedy,
        evidence={"compared": int(seen.sum()), "size": scale},
    )


CHECKS = (
    Check(
        name="initial spread",
        known=(INITIAL,),
        needs=("initial", "initial.batches"),
        run=initial_spread,
    ),
    Check(
        name="relative attention",
        known=(RELATIVE,),
        needs=("probe.batches", "probe.naive_relative"),
        run=relative_attention,
    ),
)
