"""M7: every parameter is in exactly one optimiser group, and none stands still unnoticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from partimento.doctor.case import Case
from partimento.doctor.checks import Known
from partimento.doctor.finding import Finding
from partimento.doctor.settings import flat

_STILL = (
    "R2.collapse", "R3.update-ratio", "R3.vanishing", "R6.underfit", "R6.plateau", "C3.differs",
    "T1.worse-than-constant", "T1.no-diversity", "T3.ridge-gap", "U1.worse-than-floor",
    "R3.dead-units", "M4.initial-spread", "R12.calibration", "R3.exploding", "R3.spikes",
    "R12.overconfident", "T7.too-few-steps", "R3.saturated",
)  # fmt: skip

FORGOTTEN = Known(
    code="M7.unoptimised",
    title="Parameters that no optimiser has",
    meaning="These parameters want gradients and belong to no group: they stay as they were drawn.",
    threshold="none",
    source="definition: a parameter changes only through a group that holds it",
    evidence="names and sizes; whether they are bit-equal to their first values",
    remedy="give the optimiser model.parameters(), or every module's parameters",
    explains=_STILL,
)
TWICE = Known(
    code="M7.twice",
    title="Parameters in several optimiser groups",
    meaning="Two groups or optimisers step the same parameters: each step is made twice, with two"
    " sets of moments that fight.",
    threshold="one group for each parameter",
    source="definition",
    evidence="names and the groups that hold them",
    remedy="build the groups from disjoint lists of parameters",
    explains=("R3.update-ratio", "R6.oscillation", "R3.spikes", "R3.exploding", "C3.differs"),
)
FROZEN = Known(
    code="M7.frozen",
    title="Parameters that are frozen",
    meaning="Part of the network does not learn: its parameters want no gradient, or their group's"
    " rate is 0 for the whole run.",
    threshold="none, unless the recipe asks for frozen parts",
    source="definition",
    evidence="names, sizes and share of all parameters",
    remedy="set requires_grad to true for them, or name the frozen part in the recipe",
    explains=_STILL,
)
KNOWN = (FORGOTTEN, TWICE, FROZEN)
MOST_NAMES = 20
SMALL_SHARE = 0.05
"""Share of all weights up to which fixed tables are put down to the design."""


def groups_of(case: Case) -> Iterator[Finding]:
    """Findings about the optimisers of a live case."""
    probe = case.probe
    if probe is None or not probe.optimizers:
        return
    initial = None if case.initial is None else case.initial.model
    yield from parameter_groups(
        probe.model, list(probe.optimizers), initial=initial, frozen_meant=_meant(case)
    )


def _meant(case: Case) -> bool:
    """Whether the recipe speaks of freezing."""
    words = ("freeze", "frozen", "requires_grad", "trainable", "lora", "adapter_only")
    return any(
        any(word in key.lower() for word in words) and bool(value)
        for key, value in flat(case.config).items()
    )


def parameter_groups(
    model: nn.Module,
    optimizers: Sequence[Optimizer],
    *,
    initial: nn.Module | None = None,
    frozen_meant: bool = False,
) -> Iterator[Finding]:
    """Findings about which optimiser group holds which parameter.

    ``initial``: the same model before training; a parameter that is bit-equal to it proves that it
    stood still.  ``frozen_meant``: the recipe asks for frozen parts.
    """
    held: dict[int, list[str]] = {}
    moving: set[int] = set()
    for number, optimizer in enumerate(optimizers):
        for place, group in enumerate(optimizer.param_groups):
            rate = float(group.get("initial_lr", group["lr"]))
            for parameter in group["params"]:
                held.setdefault(id(parameter), []).append(f"optimiser {number}, group {place}")
                if rate > 0 or float(group["lr"]) > 0:
                    moving.add(id(parameter))
    named = dict(model.named_parameters())
    total = sum(p.numel() for p in named.values())
    still = _unchanged(model, initial)
    forgotten = [n for n, p in named.items() if p.requires_grad and id(p) not in held]
    frozen = [
        n
        for n, p in named.items()
        if n not in forgotten and (not p.requires_grad or id(p) not in moving)
    ]
    twice = [n for n, p in named.items() if len(held.get(id(p), ())) > 1]
    if forgotten:
        yield _finding(FORGOTTEN, forgotten, named, total, still, "in no optimiser group")
    if twice:
        where = {name: held[id(named[name])] for name in twice[:MOST_NAMES]}
        yield _finding(TWICE, twice, named, total, None, "in several optimiser groups", where)
    if frozen:
        learnt = [n for n in frozen if not _by_design(n, named, total, initial)]
        meant = frozen_meant or not learnt
        yield _finding(FROZEN, learnt or frozen, named, total, still, "frozen", meant=meant)


def _by_design(
    name: str, named: dict[str, nn.Parameter], total: int, initial: nn.Module | None
) -> bool:
    """Whether the network is built with this table fixed, as sinusoidal positions are."""
    if initial is not None:
        before = dict(initial.named_parameters()).get(name)
        return before is not None and not before.requires_grad
    return named[name].numel() < SMALL_SHARE * total and named[name].ndim > 1


def _unchanged(model: nn.Module, initial: nn.Module | None) -> set[str] | None:
    """Names of parameters that are bit-equal to their first values; None where those are unknown.

    Where all of them are, the model has not been trained at all, and that proves nothing.
    """
    if initial is None:
        return None
    before = dict(initial.named_parameters())
    same = {
        name
        for name, p in model.named_parameters()
        if name in before and before[name].shape == p.shape and torch.equal(before[name], p)
    }
    return None if len(same) == len(before) else same


def _finding(
    known: Known,
    names: list[str],
    named: dict[str, nn.Parameter],
    total: int,
    still: set[str] | None,
    words: str,
    where: dict[str, list[str]] | None = None,
    *,
    meant: bool = False,
) -> Finding:
    count = sum(named[name].numel() for name in names)
    share = count / max(total, 1)
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    proved = still is not None and known is not TWICE and all(name in still for name in names)
    control = (
        "they are bit-equal to what they were before training"
        if proved
        else "every group of every optimiser was looked through, tied parameters counted once"
    )
    return Finding(
        code=known.code,
        severity="info" if meant else ("severe" if known is not TWICE else "warning"),
        claim=f"{len(names)} of {len(named)} parameters ({share:.1%} of all weights) are {words}:"
        f" {shown}",
        measured=float(len(names)),
        unit="parameters",
        threshold=0.0,
        source=known.source,
        confidence=0.99 if proved or still is None else 0.9,
        control=control + ("; the design or the recipe asks for it" if meant else ""),
        remedy=known.remedy,
        evidence={
            "names": names[:MOST_NAMES],
            "sizes": [list(named[name].shape) for name in names[:MOST_NAMES]],
            "share_of_weights": share,
            **({"groups": where} if where else {}),
        },
    )
