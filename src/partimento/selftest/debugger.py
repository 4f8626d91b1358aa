"""Amazon SageMaker Debugger's built-in rules, with their published default thresholds.

Amazon SageMaker developer guide, "List of Debugger built-in rules"; the open part of the program
is the package smdebug_rulesconfig.  Own code from the published descriptions.  The thresholds are
written down from memory of that page and marked so in the table.

Left out, because no small task has what they look at: TreeDepth and FeatureImportanceOverweight
(boosted trees), CheckInputImages (images).  Kept although they cannot fire as published:
TensorVariance (both limits default to none) and StalledTraining (30 minutes without a step).
SimilarAcrossRuns needs other runs, so it is silent where a case brings none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import torch

from partimento.doctor.case import Probe
from partimento.selftest.rules import Rule, Seen

LAYER_SHARE = 0.5
"""threshold_layer: 50 % of the units of a layer."""
UNCHANGED = 1e-5
"""rtol of UnchangedTensor; its atol of 1e-8 is far below any weight here."""


def _vanishing(seen: Seen) -> int | None:
    gradients_SP = seen.mean_gradients_SP
    if not gradients_SP.size:
        return None
    # A block that never has a gradient is frozen, which AllZero tells.
    live = np.nan_to_num(gradients_SP).max(axis=0) > 0.0
    return seen.first_step((gradients_SP[:, live] < 1e-7).any(axis=1))


def _exploding(seen: Seen) -> int | None:
    if seen.watched is None:
        return None
    bad_S = ~np.isfinite(np.asarray(seen.watched.losses_S, dtype=np.float64))
    for values_SP in (seen.watched.gradient_norms_SP, seen.watched.weight_norms_SP):
        bad_S |= np.isinf(np.asarray(values_SP, dtype=np.float64)).any(axis=1)
    if len(seen.watched.not_finite_S):
        bad_S |= np.array([bool(name) for name in seen.watched.not_finite_S])
    found = [step for step in (seen.first_step(bad_S), seen.broken_loss) if step is not None]
    return min(found, default=None)


def _share_above(values_SP: np.ndarray | None, seen: Seen) -> int | None:
    if values_SP is None or not values_SP.size:
        return None
    return seen.first_step((np.nan_to_num(values_SP, nan=0.0) > LAYER_SHARE).any(axis=1))


def _dead_relu(seen: Seen) -> int | None:
    return _share_above(None if seen.watched is None else seen.watched.dead_SP, seen)


def _saturated(seen: Seen) -> int | None:
    return _share_above(None if seen.watched is None else seen.watched.saturated_SP, seen)


def _poor_weights(seen: Seen) -> int | None:
    if seen.case.initial is None:
        return None
    matrices = [p.detach() for p in seen.case.initial.model.parameters() if p.dim() > 1]
    variances = [float(p.var()) for p in matrices if p.numel() > 1]
    if len(variances) > 1 and max(variances) > 10.0 * max(min(variances), 1e-30):
        return 0
    losses = seen.training[1]
    if len(losses) > 10 and not losses[5:11].min() < losses[0]:
        return 10
    return None


def _update_ratio(seen: Seen) -> int | None:
    if seen.watched is None:
        return None
    ratios_SP = np.asarray(seen.watched.update_ratios_SP, dtype=np.float64)
    live_SP = ratios_SP > 0.0
    return seen.first_step(((ratios_SP > 10.0) | (live_SP & (ratios_SP < 1e-8))).any(axis=1))


def _all_zero(seen: Seen) -> int | None:
    gradients_SP = seen.mean_gradients_SP
    return seen.first_step((gradients_SP == 0.0).any(axis=1)) if gradients_SP.size else None


def _unchanged(seen: Seen) -> int | None:
    """Three recorded steps in a row between which a block's weights stay within the tolerance.

    The monitor knows the change of one step; between two records there are several.
    """
    if seen.watched is None or len(seen.steps_S) < 3:
        return None
    between = float(np.diff(seen.steps_S).mean())
    still_SP = between * np.asarray(seen.watched.update_ratios_SP, dtype=np.float64) < UNCHANGED
    three = (still_SP[2:] & still_SP[1:-1] & still_SP[:-2]).any(axis=1)
    return seen.first_step(np.concatenate([[False, False], three]))


def _loss_not_decreasing(seen: Seen) -> int | None:
    steps, losses = seen.training
    for end in range(10, len(losses), 10):
        if not losses[end] < losses[end - 10] * (1.0 - 0.1 / 100.0):
            return int(steps[end])
    return None


def _overfit(seen: Seen) -> int | None:
    """Validation above training by a tenth, once more than patience (1) allows."""
    at, losses = seen.validation
    steps, training = seen.training
    late = 0
    for step, loss in zip(at, losses, strict=True):
        before = training[steps <= step]
        if not len(before):
            continue
        mean = float(before[-5:].mean())
        late = late + 1 if mean > 0.0 and (loss - mean) / mean > 0.1 else 0
        if late > 1:
            return int(step)
    return None


def _waiting(losses: np.ndarray, patience: int) -> int | None:
    """The place at which a loss has not improved by delta (0.01) for longer than the patience."""
    best, since = np.inf, 0
    for place, loss in enumerate(losses):
        if loss < best - 0.01:
            best, since = loss, 0
        else:
            since += 1
        if since > patience:
            return place
    return None


def _overtraining(seen: Seen) -> int | None:
    (steps, training), (at, losses) = seen.training, seen.validation
    first, second = _waiting(training, 5), _waiting(losses, 10)
    if first is None or second is None:
        return None
    return int(max(steps[first], at[second]))


def _never(seen: Seen) -> int | None:
    return None


def _class_names(seen: Seen) -> Sequence[object]:
    """Classes of the training examples, where there are any."""
    data = seen.case.data
    if data is None:
        return ()
    names: Sequence[object] = data.classes
    if not len(names) and data.labels is not None and seen.case.kind == "classification":
        names = data.labels.tolist() if data.labels.ndim == 1 else ()
    if not len(data.split):
        return names
    return [name for name, part in zip(names, data.split, strict=False) if part == "train"]


def _class_imbalance(seen: Seen) -> int | None:
    counts = Counter(_class_names(seen)).values()
    return 0 if len(counts) > 1 and max(counts) > 10 * min(counts) else None


@torch.no_grad()
def _confusion_shares(probe: Probe) -> tuple[np.ndarray, np.ndarray]:
    """(K,) share of each occurring class that is right, and its largest share that is wrong."""
    training = probe.model.training
    probe.model.eval()
    try:
        pairs = [
            (probe.targets(batch).reshape(-1), probe.outputs(probe.model, batch).argmax(-1))
            for batch in probe.batches
        ]
    finally:
        probe.model.train(training)
    true = torch.cat([one for one, _ in pairs]).long()
    guessed = torch.cat([two.reshape(-1) for _, two in pairs]).long()
    size = int(max(true.max(), guessed.max())) + 1
    counts = torch.bincount(true * size + guessed, minlength=size * size).reshape(size, size)
    shares_KK = (counts / counts.sum(1, keepdim=True).clamp(min=1)).numpy()
    occurs = counts.sum(1).numpy() > 0
    right_K = shares_KK.diagonal()[occurs].copy()
    np.fill_diagonal(shares_KK, 0.0)
    return right_K, shares_KK[occurs].max(axis=1)


def _confusion(seen: Seen) -> int | None:
    probe = seen.case.probe
    if seen.case.kind != "classification" or probe is None:
        return None
    right_K, wrong_K = _confusion_shares(probe)
    return _last_step(seen) if (right_K < 0.9).any() or (wrong_K > 0.1).any() else None


def _sequence_ratio(seen: Seen) -> int | None:
    """More than half of the tokens are padding."""
    probe = seen.case.probe
    if probe is None or probe.mask is None or seen.case.kind != "tokens":
        return None
    real = torch.cat([probe.mask(batch).float().reshape(-1) for batch in probe.batches])
    return 0 if float(real.mean()) < 0.5 else None


def _similar(seen: Seen) -> int | None:
    mine = seen.watched
    for other in seen.case.others:
        theirs = other.watched
        if mine is None or theirs is None:
            continue
        same = mine.weight_norms_SP.shape == theirs.weight_norms_SP.shape
        if same and np.allclose(mine.weight_norms_SP, theirs.weight_norms_SP):
            return _last_step(seen)
    return None


def _last_step(seen: Seen) -> int:
    return int(seen.steps_S[-1]) if len(seen.steps_S) else 0


def _rule(
    name: str, fires: Callable[[Seen], int | None], note: str = "", **defaults: float
) -> Rule:
    return Rule(name=name, defaults=defaults, remembered=tuple(defaults), fires=fires, note=note)


DEBUGGER: tuple[Rule, ...] = (
    _rule("exploding_tensor", _exploding, only_nan=0.0),
    _rule("vanishing_gradient", _vanishing, threshold=1e-7),
    _rule("dead_relu", _dead_relu, threshold_inactivity=1.0, threshold_layer=50.0),
    _rule(
        "saturated_activation",
        _saturated,
        "the ends of the activation are those of the monitor",
        threshold_inactivity=1.0,
        threshold_layer=50.0,
        threshold_tanh_max=9.4999,
        threshold_sigmoid_max=16.99999,
    ),
    _rule(
        "poor_weight_initialization",
        _poor_weights,
        "variance of the weights per matrix, and a loss that does not fall in the first steps",
        threshold=10.0,
        distribution_range=0.001,
        patience=5.0,
        steps=10.0,
    ),
    _rule("weight_update_ratio", _update_ratio, large_threshold=10.0, small_threshold=1e-8),
    _rule("all_zero", _all_zero, "on gradients", threshold=100.0),
    _rule("tensor_variance", _never, "its limits default to none, so it never fires"),
    _rule("unchanged_tensor", _unchanged, "on weights", rtol=1e-5, atol=1e-8, num_steps=3.0),
    _rule("loss_not_decreasing", _loss_not_decreasing, num_steps=10.0, diff_percent=0.1),
    _rule("overfit", _overfit, patience=1.0, ratio_threshold=0.1),
    _rule("overtraining", _overtraining, patience_train=5.0, patience_validation=10.0, delta=0.01),
    _rule("stalled_training", _never, "no run here pauses for 30 minutes", threshold=1800.0),
    _rule("class_imbalance", _class_imbalance, "on labels", threshold_imbalance=10.0),
    _rule("confusion", _confusion, min_diag=0.9, max_off_diag=0.1),
    _rule("nlp_sequence_ratio", _sequence_ratio, token_thresholds_percent=50.0),
    _rule("similar_across_runs", _similar),
)
