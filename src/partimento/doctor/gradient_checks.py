"""Gradients by depth, updates, dead and saturated units, from what a monitor wrote.   (R3)

Shape suffixes: S recorded steps, P parameter blocks.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from partimento.doctor.case import Case, Watched
from partimento.doctor.checks import Check, Known
from partimento.doctor.curves import gradient_curve, past_median, training_curve
from partimento.doctor.finding import Finding, Severity
from partimento.doctor.remedies import lower_rate, setting_change

DEPTH_RATIO = 1e-3
GROWTH = 1e3
SPIKE = 10.0
SPIKE_SHARE = 0.03
DEAD_SHARE = 0.5
SATURATED_SHARE = 0.6
RATIO_PEAK = 0.3
RATIO_HIGH = 0.1
RATIO_LOW = 1e-5
PATH_LOW = 0.03
"""Steps times ratio: no weights moved further than this, relative to their size."""
WEIGHT_GROWTH = 10.0
ENOUGH_ROWS = 4
MOST_BLOCKS = 40
FIXED_ON = "fixed on small trainings of four architectures, seeds 100-104"


def _median(values: np.ndarray, axis: int) -> np.ndarray:
    """Median without NaN; NaN where there is nothing else."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmedian(values, axis=axis))


def _finite_rows(watched: Watched) -> np.ndarray:
    """(S,) recorded steps at which nothing had broken yet."""
    clean = np.isfinite(watched.losses_S)
    if len(watched.not_finite_S):
        clean &= np.array([not name for name in watched.not_finite_S])
    return clean


def _by_block(watched: Watched, columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """A table over depth: the blocks, at most so many of them, evenly chosen."""
    count = len(watched.blocks)
    chosen = np.unique(np.linspace(0, count - 1, min(count, MOST_BLOCKS)).round().astype(int))
    return [
        {"block": watched.blocks[i], **{name: float(v[i]) for name, v in columns.items()}}
        for i in chosen
    ]


# -- depth -------------------------------------------------------------------------------------


def _depth(case: Case) -> Iterator[Finding]:
    """Gradients at the input side beside those at the output side."""
    watched = case.watched
    assert watched is not None
    rows = _finite_rows(watched)
    rows[:1] = False  # heads that start at zero let nothing through in the first step
    if rows.sum() < ENOUGH_ROWS:
        return
    norm_P = _median(watched.gradient_norms_SP[rows], 0)
    live = np.flatnonzero(np.isfinite(norm_P))
    if len(live) < 4:
        return
    quarter = max(1, len(live) // 4)
    first, last = (float(np.median(norm_P[part])) for part in (live[:quarter], live[-quarter:]))
    if last <= 0.0 and first <= 0.0:
        return
    ratio = first / last if last > 0.0 else float("inf")
    evidence = {
        "by_depth": _by_block(watched, {"gradient_norm": norm_P}),
        "recorded_steps": int(rows.sum()),
    }
    if ratio < DEPTH_RATIO:
        yield _depth_finding("R3.vanishing", ratio, DEPTH_RATIO, first, last, evidence)
    elif ratio > 1.0 / DEPTH_RATIO:
        yield _depth_finding("R3.exploding", ratio, 1.0 / DEPTH_RATIO, first, last, evidence)


def _depth_finding(
    code: str, ratio: float, threshold: float, first: float, last: float, evidence: dict[str, Any]
) -> Finding:
    way = "fade" if code == "R3.vanishing" else "grow"
    return Finding(
        code=code,
        severity="severe",
        claim=f"gradients {way} towards the input: {first:.2g} in the first quarter of the blocks"
        f" against {last:.2g} in the last quarter",
        measured=ratio,
        unit="gradient norm of the first blocks / of the last blocks",
        threshold=threshold,
        source="a factor of a thousand between layers (beta_1 of AutoTrainer, Zhang et al. 2021)",
        confidence=0.9,
        control="medians over a quarter of the blocks and over the recorded steps but the first,"
        " so that neither one odd block nor a head that starts at zero decides; residual paths"
        " keep the ratio near one",
        remedy="add residual connections and normalisation, replace bounded activations by"
        " GELU or ReLU, and scale the weights by 1 / sqrt(inputs) at the start",
        evidence=evidence,
    )


def _growth(case: Case) -> Iterator[Finding]:
    """Gradients that grow during training while the loss does not fall."""
    curve, loss = gradient_curve(case).finite, training_curve(case).finite
    if len(curve) < 3 * ENOUGH_ROWS or len(loss) < ENOUGH_ROWS:
        return
    third = len(curve) // 3
    early, late = np.median(curve.values[:third]), np.median(curve.values[-third:])
    fell = np.median(loss.values[-3:]) < np.median(loss.values[:3])
    if early <= 0.0 or late / early <= GROWTH or fell:
        return
    yield Finding(
        code="R3.exploding",
        severity="severe",
        claim=f"the gradient norm grew from {early:.2g} to {late:.2g} and the loss did not fall",
        measured=float(late / early),
        unit="gradient norm of the last third of the steps / of the first third",
        threshold=GROWTH,
        source="three orders of magnitude, chosen as wide as the bound by depth; not tuned on runs",
        confidence=0.9,
        control="medians of thirds, so single spikes do not count; the loss rose with them",
        remedy=lower_rate(case),
        evidence={"curve": curve.rows(), **lower_rate_change(case)},
    )


def lower_rate_change(case: Case, factor: float = 0.1) -> dict[str, Any]:
    """Evidence that proposes a lower rate, where the recipe has one."""
    return setting_change(case, "lr", lambda lr: lr * factor)


def _spikes(case: Case) -> Iterator[Finding]:
    """Gradient norms far above what they were just before, with the loss jumping along."""
    curve, loss = gradient_curve(case).finite, training_curve(case).finite
    if len(curve) < 20 or len(loss) < 20:
        return
    usual, level = past_median(curve.values, 15), past_median(loss.values, 15)
    fall = max(float(np.median(loss.values[:3]) - loss.values.min()), 1e-12)
    jumps = np.interp(curve.steps, loss.steps, np.nan_to_num(loss.values - level) / fall)
    hits = np.flatnonzero((curve.values > SPIKE * usual) & (jumps > 0.1))
    share = len(hits) / len(curve)
    if len(hits) < 3 or share < SPIKE_SHARE:
        return
    yield Finding(
        code="R3.spikes",
        severity="warning",
        claim=f"{len(hits)} of {len(curve)} recorded gradient norms are more than {SPIKE:.0f} times"
        " the usual, and the loss jumps with them",
        measured=share,
        unit="share of recorded steps",
        threshold=SPIKE_SHARE,
        source=f"{FIXED_ON}; at least three spikes",
        confidence=0.8,
        control="the usual is the median of the 15 norms before, and a spike counts only where the"
        " loss rises by a tenth of what the run has gained: small gradients near an optimum are"
        " left out",
        remedy="clip gradients (training.clip: 1.0) or lower the rate; look at the batches of the"
        " steps in the evidence",
        evidence={
            "spikes": [
                {"step": float(curve.steps[i]), "norm": float(curve.values[i])} for i in hits[:20]
            ],
            **setting_change(case, "clip", lambda clip: 1.0 if clip == 0 or clip > 1 else clip / 2),
        },
    )


# -- updates -----------------------------------------------------------------------------------


def _updates(case: Case) -> Iterator[Finding]:
    """Change of the weights per step, relative to their size."""
    watched = case.watched
    assert watched is not None
    ratios_SP = np.where(watched.update_ratios_SP > 0.0, watched.update_ratios_SP, np.nan)
    typical_S = _median(ratios_SP, 1)  # over blocks
    known = np.isfinite(typical_S) & _finite_rows(watched)
    if known.sum() < ENOUGH_ROWS:
        return
    peak, usual = float(typical_S[known].max()), float(np.median(typical_S[known]))
    growth = _weight_growth(watched)
    table = _by_block(watched, {"update_ratio": _median(ratios_SP, 0)})
    if peak > RATIO_PEAK or usual > RATIO_HIGH or growth > WEIGHT_GROWTH:
        yield _too_large(case, peak, usual, growth, table)
        return
    # Where a schedule rests the rate is meant to be small: only steps near its peak count.
    rates_S = np.where(np.isfinite(watched.rates_S), watched.rates_S, 0.0)
    fast = known & (rates_S >= 0.5 * rates_S[known].max())
    # Without a gradient even a usual rate moves nothing: that is another finding's affair.
    flowing_SP = np.where(watched.gradient_norms_SP > 0.0, ratios_SP, np.nan)[fast]
    flowing_P = _median(flowing_SP, 0)
    if np.isnan(flowing_P).mean() > 0.5 or np.nanmax(flowing_P) > 100.0 * np.nanmedian(flowing_P):
        return
    top = float(np.nanmedian(flowing_P))
    path = usual * float(watched.steps_S[known][-1])
    if top < RATIO_LOW or (path < PATH_LOW and _hardly_fell(case)):
        yield _too_small(case, top, path, table)


def _hardly_fell(case: Case) -> bool:
    """Whether the loss lost less than a tenth: weights taken from elsewhere need not move far."""
    loss = training_curve(case).finite
    if len(loss) < 6:
        return True
    first = float(np.median(loss.values[:3]))
    return first - float(np.median(loss.values[-3:])) < 0.1 * abs(first)


def _weight_growth(watched: Watched) -> float:
    """Norm of the weights at the end / at the beginning, median over blocks."""
    rows = np.flatnonzero(np.isfinite(watched.weight_norms_SP).all(1))
    if len(rows) < 2:
        return 1.0
    first_P, last_P = watched.weight_norms_SP[rows[0]], watched.weight_norms_SP[rows[-1]]
    begun = first_P > 0.0
    return float(np.median(last_P[begun] / first_P[begun])) if begun.any() else 1.0


def _too_large(
    case: Case, peak: float, usual: float, growth: float, table: list[dict[str, Any]]
) -> Finding:
    loss = training_curve(case)
    broke = len(loss) > 0 and not np.isfinite(loss.values).all()
    worse = broke or (len(loss) >= 6 and loss.values[-3:].mean() > loss.values[:1].mean())
    measured, threshold, words = max(
        (peak / RATIO_PEAK, peak, RATIO_PEAK, f"one step changes weights by {peak:.0%} of their"
         " size at its largest"),
        (usual / RATIO_HIGH, usual, RATIO_HIGH, f"a usual step changes weights by {usual:.0%} of"
         " their size"),
        (growth / WEIGHT_GROWTH, growth, WEIGHT_GROWTH, f"weights grew {growth:.0f} times as large"
         " as they started"),
    )[1:]  # fmt: skip
    severity: Severity = (
        "severe" if worse or peak > 0.5 or usual > 0.2 or growth > WEIGHT_GROWTH else "warning"
    )
    factor = min(0.5, 0.03 / max(peak, usual, 1e-9))
    return Finding(
        code="R3.update-ratio",
        severity=severity,
        claim=words,
        measured=measured,
        unit="norm of a step's change / norm of the weights, median over blocks"
        if threshold < WEIGHT_GROWTH
        else "norm of the weights at the end / at the start, median over blocks",
        threshold=threshold,
        source="about 1e-3 is usual and 1e-1 too fast (the rule of thumb of Karpathy's lectures;"
        " weight_update_ratio of SageMaker Debugger is the same figure)",
        confidence=0.95 if severity == "severe" else 0.8,
        control="median over blocks, so that biases and heads that start at zero do not decide",
        remedy=lower_rate(case),
        evidence={
            "by_depth": table,
            "largest": peak,
            "usual": usual,
            "weight_growth": growth,
            **lower_rate_change(case, factor),
        },
    )


def _too_small(case: Case, top: float, path: float, table: list[dict[str, Any]]) -> Finding:
    change = setting_change(case, "lr", lambda lr: lr * min(1e4, 1e-3 / max(top, 1e-12)))
    return Finding(
        code="R3.update-ratio",
        severity="severe",
        claim=f"at its highest rate a step changes weights by {top:.1g} of their size: the network"
        f" hardly moves, by {path:.1g} of its size over all steps at most",
        measured=top,
        unit="norm of a step's change / norm of the weights, median over blocks",
        threshold=RATIO_LOW,
        source="a hundredth of the usual 1e-3 (the rule of thumb of Karpathy's lectures); or all"
        f" steps together below {PATH_LOW}, with a loss that fell by less than a tenth",
        confidence=0.9,
        control="only steps at half the highest rate or more, and only blocks that are trained:"
        " rests of a schedule and frozen blocks do not count",
        remedy="raise the learning rate (training.optimizer.lr)",
        evidence={"by_depth": table, **change},
    )


# -- activations ---------------------------------------------------------------------------------


def _activations(case: Case) -> Iterator[Finding]:
    watched = case.watched
    assert watched is not None
    rows = np.flatnonzero(_finite_rows(watched))
    late = rows[len(rows) // 2 :]
    if len(late) < 2:
        return
    yield from _dead(watched, late)
    yield from _saturated(watched, late)


def _columns(values_SP: np.ndarray) -> np.ndarray:
    """(P,) whether a block has the figure at all."""
    return np.isfinite(values_SP).any(0)


def _dead(watched: Watched, late: np.ndarray) -> Iterator[Finding]:
    """A dead unit is silent in every batch: the quietest batches say too much."""
    table_SP = watched.dead_SP[late]
    have = np.flatnonzero(_columns(table_SP))
    if not len(have):
        return
    low_P = np.nanquantile(table_SP[:, have], 0.25, axis=0)
    worst = int(low_P.argmax())
    share, block = float(low_P[worst]), watched.blocks[have[worst]]
    if share < DEAD_SHARE:
        return
    yield Finding(
        code="R3.dead-units",
        severity="severe" if share > 0.9 else "warning",
        claim=f"{share:.0%} of the rectifier's units behind {block} answer zero to whole batches",
        measured=share,
        unit="share of units that are zero for a whole batch, lower quartile of recorded steps",
        threshold=DEAD_SHARE,
        source="half of a layer (dead_relu of SageMaker Debugger; AutoTrainer uses the same)",
        confidence=0.9 if len(late) >= ENOUGH_ROWS else 0.75,
        control="counted in the second half of the run, over all values of a unit in a batch, and"
        " by the quartile of steps with fewest silent units: sparse but living units answer there",
        remedy="lower the learning rate or use GELU or LeakyReLU; see that biases do not start"
        " far below zero",
        evidence={
            "blocks": [
                {"block": watched.blocks[have[i]], "dead": float(low_P[i])}
                for i in np.argsort(-low_P)[:MOST_BLOCKS]
            ]
        },
    )


def _saturated(watched: Watched, late: np.ndarray) -> Iterator[Finding]:
    table_SP = watched.saturated_SP[late]
    have = np.flatnonzero(_columns(table_SP))
    if not len(have):
        return
    share_P = _median(table_SP[:, have], 0)
    worst = int(share_P.argmax())
    share, block = float(share_P[worst]), watched.blocks[have[worst]]
    if share < SATURATED_SHARE:
        return
    yield Finding(
        code="R3.saturated",
        severity="severe" if share > 0.9 else "warning",
        claim=f"{share:.0%} of the values behind {block} lie at the ends of a bounded activation,"
        " where no gradient flows",
        measured=share,
        unit="share of values within 1 % of an end of the activation's range",
        threshold=SATURATED_SHARE,
        source="above the half of saturated_activation of SageMaker Debugger",
        confidence=0.85,
        control="second half of the run; the network's own answer is left out, because a sure"
        " answer is no fault",
        remedy="scale the inputs and initial weights down, put a normalisation before the"
        " activation, or use GELU",
        evidence={
            "blocks": [
                {"block": watched.blocks[have[i]], "saturated": float(share_P[i])}
                for i in np.argsort(-share_P)[:MOST_BLOCKS]
            ]
        },
    )


# -- table ---------------------------------------------------------------------------------------

_FAILURES = (
    "R6.oscillation", "R6.underfit", "R6.plateau", "R6.overfit", "R2.collapse", "R2.rank",
    "R5.noisy-validation", "T1.worse-than-constant", "T1.no-diversity", "U1.worse-than-floor",
    "R1.uniform", "R1.peaked",
)  # fmt: skip
"""What comes of a training that cannot proceed."""

CHECKS: tuple[Check, ...] = (
    Check(
        name="gradients by depth",
        known=(
            Known(
                code="R3.vanishing",
                title="Gradients vanish towards the input",
                meaning="The first layers get a thousandth of the last layers' gradient or less,"
                " so they stay as they were initialised.",
                threshold="first quarter of the blocks / last quarter below 1e-3",
                source="beta_1 of AutoTrainer (Zhang et al. 2021)",
                evidence="gradient norm by depth",
                remedy="residual connections, normalisation, GELU or ReLU",
                explains=_FAILURES,
            ),
            Known(
                code="R3.exploding",
                title="Gradients explode",
                meaning="Gradients grow from layer to layer towards the input, or from step to"
                " step while the loss does not fall.",
                threshold="first quarter / last quarter above 1e3; last third of the steps / first"
                " third above 1e3",
                source="the reverse of the bound for vanishing",
                evidence="gradient norm by depth, or over the steps",
                remedy="lower the rate, clip, normalise",
                explains=("R6.not-finite", "R3.spikes", *_FAILURES),
            ),
        ),
        needs=("watched",),
        run=_depth,
    ),
    Check(name="gradients over time", known=(), needs=("rows",), run=_growth),
    Check(
        name="gradient spikes",
        known=(
            Known(
                code="R3.spikes",
                title="Gradient spikes",
                meaning="Single steps have gradients many times the usual and throw the weights"
                " back.",
                threshold="ten times the running median in 3 % of the recorded steps, with the"
                " loss rising by a tenth of what was gained",
                source=FIXED_ON,
                evidence="steps and norms",
                remedy="training.clip: 1.0, a lower rate, a look at those batches",
                explains=("R6.oscillation", "R5.noisy-validation"),
            ),
        ),
        needs=("rows",),
        run=_spikes,
    ),
    Check(
        name="update-to-weight ratio",
        known=(
            Known(
                code="R3.update-ratio",
                title="Steps too large or too small for the weights",
                meaning="A step changes the weights by far more, or far less, than a thousandth of"
                " their size.",
                threshold="largest above 0.3, usual above 0.1, or weights that grow tenfold; below"
                " 1e-5 at the highest rate, or 0.03 over all steps with a loss that hardly fell",
                source="rule of thumb of 1e-3 (Karpathy's lectures)",
                evidence="ratio by depth, growth of the weights",
                remedy="training.optimizer.lr",
                explains=(
                    "R3.dead-units",
                    "R3.saturated",
                    "R3.spikes",
                    "R3.exploding",
                    "R3.vanishing",
                    "R6.not-finite",
                    "R12.overconfident",
                    *_FAILURES,
                ),
            ),
        ),
        needs=("watched",),
        run=_updates,
    ),
    Check(
        name="dead and saturated units",
        known=(
            Known(
                code="R3.dead-units",
                title="Dead rectifiers",
                meaning="Half or more of a layer's ReLU units answer zero to every input and get"
                " no gradient any more.",
                threshold="half of a layer's units",
                source="dead_relu of SageMaker Debugger",
                evidence="share of dead units by block",
                remedy="lower the rate; GELU or LeakyReLU",
                explains=("R3.vanishing", *_FAILURES),
            ),
            Known(
                code="R3.saturated",
                title="Saturated activations",
                meaning="Most values of a tanh or sigmoid lie at its ends, where it is flat.",
                threshold="60 % of the values within 1 % of an end",
                source="saturated_activation of SageMaker Debugger asks for half",
                evidence="share of saturated values by block",
                remedy="smaller initial weights, normalisation before the activation, GELU",
                explains=("R3.vanishing", *_FAILURES),
            ),
        ),
        needs=("watched",),
        run=_activations,
    ),
)
