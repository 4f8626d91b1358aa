"""Outputs that do not follow the inputs, and gradients of classes that fight.   (R2, R4)

Shape suffixes: N answers, D numbers of an answer, K classes, W trained weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from partimento.doctor.case import Case, Probe
from partimento.doctor.checks import Check, Known
from partimento.doctor.finding import Finding
from partimento.doctor.gathered import Answers, answers
from partimento.doctor.gradient_conflict import (
    HARMED_SHARE,
    GradientConflict,
    conflict_from,
    gram_statistics,
)
from partimento.doctor.outputs import SPREAD_FLOOR, Collapse, against_constant, collapse
from partimento.doctor.probing import undisturbed

STILL_SHARE = 0.25
RANK_FLOOR = 1.2
RANK_WORTH = 3.0
INFORMATION_FLOOR = 0.01
WORTH_KNOWING = 0.3
CHANCE = 0.01
MOST_CLASSES = 12
MOST_BATCHES = 8
MOST_GROUPS = 48
MOST_NUMBERS = 200_000_000
"""Gradients that are kept at once, in numbers of float32."""
SHUFFLES = 200


def _outputs(case: Case) -> Iterator[Finding]:
    assert case.probe is not None
    seen = answers(case.probe)
    # A diverged model's answers are no numbers; R6.not-finite tells of them.
    if not np.isfinite(seen.outputs_ND).all() or len(seen.outputs_ND) < 8:
        return
    if seen.targets.shape == seen.outputs_ND.shape:
        yield from _values(seen)
    else:
        yield from _distributions(seen)


def _values(seen: Answers) -> Iterator[Finding]:
    """Regressions and embeddings."""
    targets_ND = seen.targets.astype(np.float64)
    if np.ptp(targets_ND, axis=0).max() <= 0.0:
        return
    found = collapse(seen.outputs_ND, targets_ND)
    r2 = against_constant(seen.outputs_ND, targets_ND).measured
    share = found.collapsed / found.dimensions
    beside = f"against the best constant R2 is {r2:.3f}"
    if found.bad or share > STILL_SHARE:
        yield _collapsed(found, share, beside)
    elif found.output_rank < RANK_FLOOR and found.target_rank >= RANK_WORTH:
        yield Finding(
            code="R2.rank",
            severity="warning",
            claim=f"the outputs vary in {found.output_rank:.2f} directions, the targets in"
            f" {found.target_rank:.1f}",
            measured=found.output_rank,
            unit="effective rank of the outputs",
            threshold=RANK_FLOOR,
            source="effective rank of Roy and Vetterli 2007; one direction and a fifth",
            confidence=0.8,
            control=f"the same examples on both sides; the spread itself is live"
            f" ({found.measured:.2f} of the targets'); {beside}",
            remedy="see whether the loss or the targets reward one common factor only; weigh the"
            " dimensions, or train them on their own",
            evidence=found.details,
        )


def _collapsed(found: Collapse, share: float, beside: str) -> Finding:
    whole = found.bad
    return Finding(
        code="R2.collapse",
        severity="severe" if whole else "warning",
        claim=found.says,
        measured=found.measured if whole else share,
        unit=found.unit if whole else "share of dimensions that are still",
        threshold=SPREAD_FLOOR if whole else STILL_SHARE,
        source=found.source if whole else "a quarter of the dimensions",
        confidence=0.9,
        control=f"held-out examples whose targets do vary (effective rank {found.target_rank:.1f});"
        f" {beside}: where the targets cannot be told from the inputs this is the right answer,"
        " and the findings on the data say so",
        remedy="look at the findings beside this one first: collapse is what a blind input, dead"
        " units, a rate that is too high or targets without signal look like",
        evidence=found.details,
    )


def _distributions(seen: Answers) -> Iterator[Finding]:
    """Tokens and classes: how much the answers tell about which input they belong to."""
    shares_ND = np.exp(seen.outputs_ND - seen.outputs_ND.max(1, keepdims=True))
    shares_ND /= shares_ND.sum(1, keepdims=True)
    mean_D = shares_ND.mean(0)
    logs_ND = np.log(np.maximum(shares_ND, 1e-30)) - np.log(np.maximum(mean_D, 1e-30))
    information = float((shares_ND * logs_ND).sum(1).mean())
    counts = np.unique(seen.targets, return_counts=True)[1] / len(seen.targets)
    entropy = float(-(counts * np.log(counts)).sum())
    if entropy < WORTH_KNOWING or information / entropy >= INFORMATION_FLOOR:
        return
    yield Finding(
        code="R2.collapse",
        severity="severe",
        claim=f"the model answers nearly the same for every input: its answers hold"
        f" {information:.2g} nats about the input, the targets {entropy:.2g} nats",
        measured=information / entropy,
        unit="mutual information of inputs and answers / entropy of the targets",
        threshold=INFORMATION_FLOOR,
        source="a hundredth of what there is to tell",
        confidence=0.9,
        control="held-out answers in evaluation mode beside their own mean: an unsure but living"
        " model still moves with its inputs",
        remedy="look at the findings beside this one first: collapse is what a blind input, dead"
        " units or a rate that is too high look like",
        evidence={"information": information, "entropy_of_targets": entropy},
    )


# -- classes ---------------------------------------------------------------------------------------


def _conflict(case: Case) -> Iterator[Finding]:
    """Where a common step harms classes, beyond what shuffled labels give."""
    assert case.probe is not None
    found = _measured(case.probe, case.rng(4, 1))
    if found is None:
        return
    conflict, chance = found
    # Where gradients cancel, classes pull apart whatever they are: a symptom, and of anything.
    if conflict.forced or not conflict.bad:
        return
    lower = float((chance[:, 0] <= conflict.mean_cosine).mean())
    worse = float((chance[:, 1] >= conflict.harmed).mean())
    if max(lower, worse) > CHANCE:
        return
    yield conflict.finding(
        code="R4.conflict",
        severity="warning",
        confidence=0.8,
        control=f"of {len(chance)} shuffles of the labels {lower:.1%} have as low a mean cosine and"
        f" {worse:.1%} harm as many classes; the mean cosine is away from what cancelling gradients"
        " give",
        remedy="see whether classes have contradicting targets for like inputs; mix classes in each"
        " batch, or give the network the class as an input",
    )


def _measured(probe: Probe, rng: np.random.Generator) -> tuple[GradientConflict, np.ndarray] | None:
    """The conflict, and (shuffles, 3) statistics under shuffled labels; None for one class."""
    groups = _groups(probe)
    names = np.unique([name for _, _, name in groups])
    if len(names) < 2:
        return None
    gram_GG = _gram(probe, groups)
    if not np.isfinite(gram_GG).all():
        return None
    labels_G = np.array([name for _, _, name in groups])

    def statistics(labels: np.ndarray) -> tuple[np.ndarray, float, float, float]:
        member_KG = (labels[None] == names[:, None]).astype(np.float64)
        return gram_statistics(member_KG @ gram_GG @ member_KG.T)

    cosine_KK, *own = statistics(labels_G)
    chance = np.array([statistics(rng.permutation(labels_G))[1:] for _ in range(SHUFFLES)])
    return conflict_from(cosine_KK, np.array(own), chance), chance


def _groups(probe: Probe) -> list[tuple[Any, list[int], int]]:
    """(batch, its examples, their class): several groups for each of the largest classes."""
    assert probe.classes is not None
    batches = list(probe.batches[:MOST_BATCHES])
    labels = [np.asarray(probe.classes(batch)) for batch in batches]
    names, counts = np.unique(np.concatenate(labels), return_counts=True)
    names = names[np.argsort(-counts, kind="stable")][:MOST_CLASSES]
    weights = sum(p.numel() for p in probe.model.parameters() if p.requires_grad)
    most = int(np.clip(MOST_NUMBERS // max(weights, 1), 2 * len(names), MOST_GROUPS))
    each = max(1, round(most / (len(names) * len(batches))))
    groups = []
    for batch, mine in zip(batches, labels, strict=True):
        for name in names:
            chosen = np.flatnonzero(mine == name)
            parts = np.array_split(chosen, min(each, len(chosen))) if len(chosen) else []
            groups += [(batch, part.tolist(), int(name)) for part in parts]
    return groups


def _gram(probe: Probe, groups: list[tuple[Any, list[int], int]]) -> np.ndarray:
    """(G, G) products of the groups' gradients, each weighted by its examples.

    Labels are shuffled between groups, so a shuffle costs no pass through the network.
    """
    assert probe.part is not None
    model = probe.model
    weights = [p for p in model.parameters() if p.requires_grad]
    rows = []
    with undisturbed(model), torch.enable_grad():
        for batch, chosen, _ in groups:
            loss = probe.loss(model, probe.part(batch, chosen))
            parts = torch.autograd.grad(loss, weights, allow_unused=True)
            flat = [
                torch.zeros_like(w) if g is None else g for w, g in zip(weights, parts, strict=True)
            ]
            vector = torch.cat([one.float().reshape(-1) for one in flat])
            rows.append(len(chosen) * vector.cpu().numpy())
    gradients_GW = np.stack(rows)
    return (gradients_GW @ gradients_GW.T).astype(np.float64)


CHECKS: tuple[Check, ...] = (
    Check(
        name="spread of the outputs",
        known=(
            Known(
                code="R2.collapse",
                title="The outputs do not follow the inputs",
                meaning="Whatever the input, the model answers nearly the same.  A symptom with"
                " many causes.",
                threshold="a tenth of the targets' standard deviation (or a quarter of the"
                " dimensions still); for tokens and classes 1 % of the targets' entropy",
                source="a fit that explains 1 % of the variance has a ratio of a tenth",
                evidence="ratio by dimension, ranks, information",
                remedy="the cause beside it",
                explains=("T1.worse-than-constant", "T1.no-diversity", "R2.rank"),
            ),
            Known(
                code="R2.rank",
                title="The outputs vary in one direction only",
                meaning="Every output dimension says the same thing though the targets do not.",
                threshold="effective rank below 1.2 where the targets have 3 or more",
                source="Roy and Vetterli 2007",
                evidence="ranks, ratio by dimension",
                remedy="weigh the dimensions",
            ),
        ),
        needs=("probe",),
        run=_outputs,
    ),
    Check(
        name="gradients of classes",
        known=(
            Known(
                code="R4.conflict",
                title="Classes pull the weights in opposite directions",
                meaning="A step that helps all together makes some classes worse, more than random"
                " groups of examples would.",
                threshold=f"{HARMED_SHARE:.0%} of the classes beyond shuffled labels, and beyond"
                " 99 of 100 shuffles",
                source="permutation test; -1 / (K - 1) is forced where gradients cancel",
                evidence="cosine matrix, its null, the same under shuffled labels",
                remedy="contradicting targets; classes mixed in batches",
            ),
        ),
        needs=("probe.classes", "probe.part"),
        run=_conflict,
    ),
)
