"""Which inputs can change which outputs (M3): channels, inputs as a whole, the conditioning.

Shape suffixes: C channels of the input, K channels of the output.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.probing import (
    answer,
    difference,
    real_places,
    root_mean_square,
    same_batch,
    spread,
)
from partimento.doctor.settings import flat

DEAD = 1e-5
"""Relative effect below which an input reaches nothing: rounding of float32."""
DRAWS = 3

BLIND_INPUT = Known(
    code="M3.blind-input",
    title="An input changes nothing",
    meaning="Whatever an example's inputs (or a group of them) hold, the outputs are the same:"
    " they never reach the answer, or are not among the features at all.",
    threshold=f"outputs change by less than {DEAD:g} of their spread",
    source="definition; the tolerance is float32 rounding",
    evidence="effect of swapped inputs, of each group of inputs and of the conditioning",
    remedy="look at what the features hold and where the forward pass drops them; for critique:"
    " data.feature_set full",
    explains=(
        "T2.input-ignored", "T1.worse-than-constant", "T1.no-diversity", "R2.collapse", "R2.rank",
        "T3.ridge-gap", "R6.underfit", "R6.plateau", "D1.duplicate-inputs", "U1.worse-than-floor",
    ),
)  # fmt: skip
BLIND_CHANNEL = Known(
    code="M3.blind-channel",
    title="A channel never hears another",
    meaning="Inputs of one channel change no output of another: the channels are models of their"
    " own, and what binds them (harmony) cannot be learnt.",
    threshold=f"effect on another channel below {DEAD:g} of the spread of its outputs",
    source="definition; the tolerance is float32 rounding",
    evidence="matrix of effects: input channel by output channel",
    remedy="partimento train RECIPE --set model.cross_channel=true",
    explains=("R6.underfit", "R6.plateau", "R11.idle-level", "T3.ridge-gap"),
)
FLOW = Known(
    code="M3.flow",
    title="Which inputs change which outputs",
    meaning="How far outputs move when inputs are exchanged; for reading, not a fault.",
    threshold="none",
    source="measured",
    evidence="matrix of effects in standard deviations of the outputs",
    remedy="none needed",
)


def channel_matrix(probe: Probe, batch: Any, rng: np.random.Generator) -> np.ndarray:
    """(C, K) root mean square change of output channel k under other inputs in channel c.

    Relative to the spread of that channel's outputs.  K is 1 where outputs have no channels.
    Raises ValueError for a probe that cannot change a channel.
    """
    if probe.change_channel is None:
        raise ValueError("this probe cannot change a channel")
    outputs = answer(probe, batch)
    pick = probe.channel_of_output
    count = 1 if pick is None else probe.channels

    def channels(values: Tensor) -> list[Tensor]:
        return [values] if pick is None else [pick(values, k) for k in range(count)]

    own = channels(outputs)
    places = [real_places(probe, batch, part) for part in own]
    scales = [spread(part, where) for part, where in zip(own, places, strict=True)]
    matrix = np.zeros((probe.channels, count))
    for channel in range(probe.channels):
        for _ in range(DRAWS):
            other = channels(answer(probe, probe.change_channel(batch, channel, rng)))
            for k, (a, b) in enumerate(zip(own, other, strict=True)):
                apart = _capped(difference(a, b))[places[k]]
                moved = root_mean_square(apart) / scales[k]
                matrix[channel, k] = max(matrix[channel, k], moved)
    return matrix


def _capped(values: Tensor) -> Tensor:
    """Infinite differences (a masked output that was open) as a large number."""
    return torch.where(values.isfinite(), values, torch.full((), 1e3).double())


def effect(probe: Probe, batch: Any, other: Any) -> float:
    """Root mean square change of the outputs / their standard deviation."""
    outputs = answer(probe, batch)
    changed = answer(probe, other)
    if changed.shape != outputs.shape:
        return float("inf")
    where = real_places(probe, batch, outputs)
    return root_mean_square(_capped(difference(outputs, changed))[where]) / spread(outputs, where)


def _table(case: Case, probe: Probe) -> tuple[dict[str, Any], np.ndarray | None, list[float]]:
    """All effects by name, the matrix of channels, and the effects of swapping whole inputs."""
    batch, rng = probe.batches[0], case.rng(3, 1)
    table: dict[str, Any] = {}
    swaps: list[float] = []
    if probe.swap_inputs is not None:
        others = [probe.swap_inputs(batch, rng) for _ in range(DRAWS)]
        swaps = [effect(probe, batch, o) for o in others if not same_batch(batch, o)]
        table["swapped_inputs"] = swaps
    if probe.swap_condition is not None:
        others = [probe.swap_condition(batch, rng) for _ in range(DRAWS)]
        table["swapped_condition"] = [
            effect(probe, batch, o) for o in others if not same_batch(batch, o)
        ]
    matrix = None
    if probe.change_channel is not None and probe.channels:
        matrix = channel_matrix(probe, batch, rng)
        table["input_by_output_channel"] = matrix.tolist()
    return table, matrix, swaps


def flow(case: Case) -> Iterable[Finding]:
    """M3: exchange inputs and see what moves."""
    probe = case.probe
    if probe is None:
        return
    table, matrix, swaps = _table(case, probe)
    if not table:
        return
    dead_inputs = bool(swaps) and max(swaps) < DEAD
    if dead_inputs:
        yield _blind("the inputs of other examples change no output", max(swaps), table)
    elif matrix is not None:
        yield from _channels(case, matrix, table)
    told = table.get("swapped_condition", [])
    rows = [] if matrix is None else matrix.max(1).tolist()
    strongest = max([*swaps, *told, *rows], default=0.0)
    yield Finding(
        code=FLOW.code,
        severity="info",
        claim=f"exchanged inputs move the outputs by up to {strongest:.2g} of their spread",
        measured=strongest,
        unit="root mean square change / standard deviation of outputs",
        threshold=None,
        source=FLOW.source,
        confidence=1.0,
        control="the same model and batch in evaluation mode; nothing but the named inputs differs",
        remedy=FLOW.remedy,
        evidence=table,
    )


def _channels(case: Case, matrix: np.ndarray, table: dict[str, Any]) -> Iterable[Finding]:
    """Groups of inputs that reach nothing; channels that reach themselves only."""
    # What changes nothing anywhere is blind as an input, whatever the channels of the output.
    silent = [c for c in range(len(matrix)) if matrix[c].max() < DEAD]
    for channel in silent:
        yield _blind(
            f"other values in input channel {channel} (of {len(matrix)}) change no output",
            float(matrix[channel].max()),
            table,
        )
    if matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        return
    pairs = [
        (c, k)
        for c in range(len(matrix))
        for k in range(len(matrix))
        if c != k and c not in silent and matrix[c, k] < DEAD
    ]
    if not pairs:
        return
    named = ", ".join(f"{c} to {k}" for c, k in pairs[:4])
    more = f" and {len(pairs) - 4} more" if len(pairs) > 4 else ""
    own = float(np.diag(matrix).min())
    crossing = [key for key in flat(case.config) if key.rpartition(".")[2] == "cross_channel"]
    change = {"change": dict.fromkeys(crossing, True)} if crossing else {}
    yield Finding(
        code=BLIND_CHANNEL.code,
        severity="severe",
        claim=f"nothing in an input channel changes the outputs of another: {named}{more}",
        measured=max(float(matrix[pair]) for pair in pairs),
        unit="root mean square change / standard deviation of the channel's outputs",
        threshold=DEAD,
        source=BLIND_CHANNEL.source,
        confidence=0.98,
        control=f"the same changes move the channel's own outputs by {own:.2g} at least, so the"
        " inputs do differ",
        remedy=BLIND_CHANNEL.remedy,
        evidence={**table, "pairs": pairs, **change},
    )


def _blind(claim: str, measured: float, table: dict[str, Any]) -> Finding:
    return Finding(
        code=BLIND_INPUT.code,
        severity="severe",
        claim=f"{claim} (at most {measured:.1g} of their spread)",
        measured=measured,
        unit="root mean square change / standard deviation of outputs",
        threshold=DEAD,
        source=BLIND_INPUT.source,
        confidence=0.97,
        control=f"{DRAWS} exchanges were tried in evaluation mode; a collapsed model still moves"
        " by far more than rounding",
        remedy=BLIND_INPUT.remedy,
        evidence=table,
    )


CHECKS = (
    Check(
        name="information flow",
        known=(BLIND_INPUT, BLIND_CHANNEL, FLOW),
        needs=("probe.batches",),
        run=flow,
    ),
)
