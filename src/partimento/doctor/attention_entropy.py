"""Entropy of attention as the model applies it, head by head, with the misleading figure beside it.

The entropy of a query's weights is divided by the logarithm of the number of keys that this query
may see: 1 is an even spread, 0 all weight on one key.  A query with one visible key has no choice
and does not count.  The naive figure takes the logits of the whole sequence without the model's
groups, averages the heads first and divides by the logarithm of the length: near 1 for almost any
network, whatever it attends to.

Shape suffixes: B examples, H heads, T queries, S keys, N rows of a grouped attention.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from partimento.doctor.case import Probe
from partimento.doctor.probing import undisturbed
from partimento.nn import tap
from partimento.nn.segments import segment_entropy, segment_sizes, segment_softmax

GROUPS, LOGITS = ".groups", ".logits"
MOST_EXAMPLES = 8
MOST_ROWS = 4096
"""Queries of a record that are looked at, evenly spread."""


@dataclass(frozen=True, kw_only=True)
class HeadEntropy:
    """One head of one record of a tap."""

    tap: str
    record: int
    """Which call recorded it: the layer, for self-attention."""
    head: int
    entropy: float
    """Normalised by the visible keys, mean over the queries with a choice; NaN without any."""
    naive: float
    """The misleading figure, one for all heads of a record."""
    gap_nats: float
    """Mean of log(visible keys) - entropy: how much is known about where a query looks."""
    without_temperature: float
    """Normalised entropy of the same logits at temperature 1; NaN where logits are not recorded."""
    keys: float
    """Mean number of visible keys of the queries that count."""


def listen_once(probe: Probe, batch: Any) -> dict[str, list[Tensor]]:
    """What the model records on a batch, in evaluation mode.

    Raises LookupError where a tap that the probe names was not recorded.
    """
    with undisturbed(probe.model), tap.listen() as taps:
        probe.outputs(probe.model, batch)
    for name in probe.attention_taps:
        tap.require(taps, name)
    return taps


def head_entropies(probe: Probe, batches: Sequence[Any] | None = None) -> list[HeadEntropy]:
    """Every head of every tap of the probe, means over the batches.

    Default: the first two batches; where attention is in groups, a few examples one by one, for
    the naive figure is one of a single sequence.

    Raises LookupError for a tap that the model does not record.
    """
    chosen = _chosen(probe) if batches is None else list(batches)
    found: dict[tuple[str, int, int], list[HeadEntropy]] = {}
    for batch in chosen:
        for one in _of_taps(listen_once(probe, batch), probe.attention_taps):
            found.setdefault((one.tap, one.record, one.head), []).append(one)
    return [_mean(rows) for rows in found.values()]


def _chosen(probe: Probe) -> list[Any]:
    first = list(probe.batches[:2])
    taps = listen_once(probe, first[0])
    part = probe.part
    if part is None or not any(name + GROUPS in taps for name in probe.attention_taps):
        return first
    with undisturbed(probe.model):
        count = len(probe.outputs(probe.model, first[0]))
    return [part(first[0], [i]) for i in range(min(count, MOST_EXAMPLES))]


def _mean(rows: Sequence[HeadEntropy]) -> HeadEntropy:
    def of(name: str) -> float:
        values = [getattr(row, name) for row in rows if not math.isnan(getattr(row, name))]
        return sum(values) / len(values) if values else math.nan

    first = rows[0]
    return HeadEntropy(
        tap=first.tap,
        record=first.record,
        head=first.head,
        entropy=of("entropy"),
        naive=of("naive"),
        gap_nats=of("gap_nats"),
        without_temperature=of("without_temperature"),
        keys=of("keys"),
    )


def _of_taps(taps: Mapping[str, list[Tensor]], names: Sequence[str]) -> list[HeadEntropy]:
    found = []
    for name in names:
        for number, weights in enumerate(taps[name]):
            if name + GROUPS in taps:
                logits = taps.get(name + LOGITS)
                found += grouped_entropies(
                    name,
                    number,
                    weights,
                    taps[name + GROUPS][number],
                    None if logits is None else logits[number],
                )
            else:
                found += dense_entropies(name, number, weights)
    return found


def grouped_entropies(
    name: str, record: int, weights_NH: Tensor, group_N: Tensor, logits_NH: Tensor | None
) -> list[HeadEntropy]:
    """Heads of an attention that sums rows up group by group."""
    weights, group = weights_NH.double(), group_N
    count = int(group.max()) + 1
    right = segment_entropy(weights, group, count)
    sizes = segment_sizes(group, count).double()
    choice = sizes > 1
    plain = torch.full_like(right, torch.nan)
    naive = math.nan
    if logits_NH is not None:
        logits = logits_NH.double()
        plain = segment_entropy(segment_softmax(logits, group, count), group, count)
        naive = _entropy_of_rows(logits.softmax(0).mean(1)[None]) / math.log(max(len(logits), 2))
    logs = sizes[choice].log()[:, None]
    return [
        HeadEntropy(
            tap=name,
            record=record,
            head=head,
            entropy=_average(right[choice, head]),
            naive=naive,
            gap_nats=_average(((1.0 - right[choice]) * logs)[:, head]),
            without_temperature=_average(plain[choice, head]),
            keys=_average(sizes[choice]),
        )
        for head in range(weights.shape[1])
    ]


def dense_entropies(name: str, record: int, weights: Tensor) -> list[HeadEntropy]:
    """Heads of weights (..., H, T, S), any leading axes.

    A key counts as visible where any head gives it a weight above 0: masks give exact zeros, and
    one sharp head that rounds a visible key to 0 does not hide it.
    """
    heads, queries, keys = weights.shape[-3:]
    w = weights.double().reshape(-1, heads, queries, keys)
    w_HRS = w.transpose(0, 1).reshape(heads, -1, keys)
    rows = w_HRS.shape[1]
    if rows > MOST_ROWS:
        w_HRS = w_HRS[:, torch.linspace(0, rows - 1, MOST_ROWS).long()]
    seen_R = (w_HRS > 0).any(0).sum(-1)
    choice = seen_R > 1
    w_HRS, logs_R = w_HRS[:, choice], seen_R[choice].double().log()
    nats_HR = -torch.special.xlogy(w_HRS, w_HRS).sum(-1)
    naive = _entropy_of_rows(w_HRS.mean(0)) / math.log(max(keys, 2)) if len(logs_R) else math.nan
    return [
        HeadEntropy(
            tap=name,
            record=record,
            head=head,
            entropy=_average(nats_HR[head] / logs_R),
            naive=naive,
            gap_nats=_average(logs_R - nats_HR[head]),
            without_temperature=math.nan,
            keys=_average(seen_R[choice].double()),
        )
        for head in range(heads)
    ]


def _entropy_of_rows(rows_RS: Tensor) -> float:
    """Mean entropy in nats of distributions."""
    return float(-torch.special.xlogy(rows_RS, rows_RS).sum(-1).mean())


def _average(values: Tensor) -> float:
    return float(values.mean()) if values.numel() else math.nan
