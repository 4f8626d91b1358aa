"""U2: a report beside the model and the run that it speaks of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from partimento.doctor.case import Case, Probe
from partimento.doctor.finding import Finding
from partimento.doctor.probing import undisturbed
from partimento.doctor.report_known import ACCURACY, STEPS
from partimento.doctor.report_reader import records_of
from partimento.doctor.units import mean_loss


@dataclass(frozen=True, slots=True)
class Hits:
    """Right answers and targets of a model, real ones and padding."""

    right: int
    real: int
    right_padding: int
    padding: int

    @property
    def accuracy(self) -> float:
        """Share of the real targets."""
        return self.right / max(self.real, 1)

    @property
    def with_padding(self) -> tuple[float, float]:
        """Shares of all targets: padding as the model answers it, and all padding as right."""
        count = max(self.real + self.padding, 1)
        return (self.right + self.right_padding) / count, (self.right + self.padding) / count


def measured_hits(probe: Probe) -> Hits:
    """Top-1 answers of a token model on the probe's batches; the model is left as it is."""
    right = real = right_padding = padding = 0
    with undisturbed(probe.model):
        for batch in probe.batches:
            outputs, targets = probe.outputs(probe.model, batch), probe.targets(batch)
            hits = outputs.argmax(-1) == targets
            mask = torch.ones_like(hits) if probe.mask is None else probe.mask(batch).bool()
            mask = mask.reshape(*mask.shape, *(1,) * (hits.ndim - mask.ndim)).expand_as(hits)
            right, real = right + int((hits & mask).sum()), real + int(mask.sum())
            right_padding += int((hits & ~mask).sum())
            padding += int((~mask).sum())
    return Hits(right, real, right_padding, padding)


def against_model(case: Case) -> Iterator[Finding]:
    """A reported accuracy beside the one that the model has, where the losses agree."""
    probe = case.probe
    if probe is None or case.kind != "tokens" or probe.example_losses is None:
        return
    for record in records_of(case.report or {}):
        said, loss = record.number("accuracy"), record.number("loss")
        if said is not None and loss is not None and record.scope != "train":
            yield from _accuracy_against(probe, said, loss)


def _accuracy_against(probe: Probe, said: float, loss: float) -> Iterator[Finding]:
    hits = measured_hits(probe)
    real = hits.accuracy
    slack = 0.02 + 4.0 * math.sqrt(max(real * (1.0 - real), 1e-4) / max(hits.real, 1))
    padded = min(hits.with_padding, key=lambda share: abs(share - said))
    by_padding = abs(said - padded) < 0.01 and abs(padded - real) > 0.02
    # Where the losses agree too, the examples are the same and nothing else can differ.
    measured = mean_loss(probe)
    same = measured > 0 and abs(loss / measured - 1.0) < 0.05
    if not by_padding and (abs(said - real) <= slack or not same):
        return
    why = ": padding is counted among the right answers" if by_padding else ""
    yield Finding(
        code=ACCURACY.code,
        severity="warning",
        claim=f"{said:.1%} right is reported, and the model has {real:.1%} on"
        f" {hits.real:,} real targets{why}",
        measured=said,
        unit="share of right answers",
        threshold=real,
        source="the model itself, 2 points and four standard errors allowed for",
        confidence=0.95,
        control=f"counted with padding it would have {padded:.1%}"
        if by_padding
        else "the reported loss is the measured one, so that the examples are the same",
        remedy=ACCURACY.remedy,
        evidence={
            "reported": said,
            "measured": real,
            "with_padding": list(hits.with_padding),
            "real_targets": hits.real,
            "padding": hits.padding,
        },
    )


def against_rows(case: Case) -> Iterator[Finding]:
    """Reported steps beside those that the run has done."""
    done = max((float(row.get("step", 0)) for row in case.rows), default=0.0)
    for record in records_of(case.report or {})[:1]:
        said = record.number("steps")
        if said and done > 0 and abs(said / done - 1.0) > 0.02:
            yield Finding(
                code=STEPS.code,
                severity="warning",
                claim=f"{said:,.0f} steps are reported, and the run has done {done:,.0f}",
                measured=said,
                unit="optimiser steps",
                threshold=done,
                source="the rows of the run",
                confidence=0.95,
                control="the last row of metrics.jsonl",
                remedy=STEPS.remedy,
                evidence={"reported": said, "done": done},
            )
