"""R7: the learning rate's peak, its travel, its warm-up and its end.

Bounds for Adam and its kin
---------------------------
Adam moves every weight by about the learning rate per step (Kingma and Ba 2015, section 2.1).

* The usual peak falls with the width: (width x 4000)^-0.5 in the first transformer (Vaswani et al.
  2017, section 5.3), 1e-3 at width 256; in proportion to 1 / width for hidden matrices when widths
  differ (Yang et al. 2022).  The reference here is  0.256 / width.
* *Too high*: more than ten times the reference, with 2e-3 and 2e-2 as the least and greatest bound.
  2 x width^-0.5 without the warm-up's share (0.102 at width 384) is 15 times the bound.
* *Too low*: a weight of a layer of this width starts at about width^-0.5 and can travel at most the
  sum of all rates; a run whose sum is less than a fifth of it stays where it began.
* Muon's rates move a whole matrix by a fixed amount and are larger: 0.02 is usual (Jordan et al.
  2024), 0.2 the bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from partimento.doctor.case import Case
from partimento.doctor.checks import Known
from partimento.doctor.finding import Finding
from partimento.doctor.recipe_view import Recipe

REFERENCE = 0.256
TIMES = 10.0
LEAST_BOUND, GREATEST_BOUND, MUON_BOUND = 2e-3, 2e-2, 0.2
SEVERE_TIMES = 3.0
USUAL_WIDTH = 256.0
TRAVEL_SHARE = 0.2
LOW_TIMES = 20.0
AT_END = 0.02
"""Share of the peak that counts as no learning rate."""
IDLE_SHARE, MOST_IDLE = 0.2, 0.5
LATE_SHARE = 0.5
WARM_UP_SHARE = 0.5
_SYMPTOMS = (
    "U1.worse-than-floor", "R2.collapse", "R2.rank", "R3.vanishing", "R3.exploding", "R3.spikes",
    "R3.dead-units", "R3.update-ratio", "R3.saturated", "R6.underfit", "R6.plateau",
    "R6.oscillation", "R6.not-finite", "R12.overconfident", "R12.loops", "R1.uniform", "R1.peaked",
    "T1.worse-than-constant", "T1.no-diversity", "T2.input-ignored", "T3.ridge-gap",
    "T7.too-few-steps", "R9.dead-conditioning", "C3.differs", "M3.blind-input", "M3.blind-channel",
    "R5.noisy-validation", "R12.calibration", "R11.idle-level",
)  # fmt: skip
_BOUND_SOURCE = (
    "ten times 0.256 / width, between 2e-3 and 2e-2: 0.256 / width is the peak of Vaswani et al."
    " 2017 (4000 warm-up steps) at width 256, scaled after Yang et al. 2022"
)

HIGH = Known(
    code="R7.peak-too-high",
    title="The peak learning rate is too high",
    meaning="Adam moves each weight by about the rate at every step; at this rate it throws them"
    " about, and the loss stays at the frequencies of the tokens or blows up.",
    threshold="10 x 0.256 / width, at least 2e-3 and at most 2e-2 (Muon: 0.2)",
    source=_BOUND_SOURCE,
    evidence="peak, width, bound, when the peak was reached",
    remedy="set training.optimizer.lr (evidence: change) and give training.schedule.bound",
    explains=_SYMPTOMS,
)
LOW = Known(
    code="R7.peak-too-low",
    title="The learning rate is too low to move the weights",
    meaning="The sum of all rates is the farthest that a weight can travel, and it is small beside"
    " what the weights begin with: the network stays random.",
    threshold="sum of the rates below 0.2 x width^-0.5, and the peak below 1/20 of 0.256 / width",
    source="Adam's step is at most about the rate (Kingma and Ba 2015, section 2.1)",
    evidence="peak, steps, sum of the rates, size of a first weight",
    remedy="set training.optimizer.lr (evidence: change)",
    explains=_SYMPTOMS,
)
END = Known(
    code="R7.schedule-end",
    title="The schedule ends too early or too late",
    meaning="Early: a part of the steps is done at a rate of nothing.  Late: the run ends while the"
    " rate is high, and never settles.",
    threshold="20 % of the steps below 2 % of the peak (half of them: severe); or a falling"
    " schedule that ends above 50 % of its peak",
    source="definition: a cosine spends 9 % of its steps below 2 % of its peak, and ends at 0",
    evidence="rates over the steps",
    remedy="set training.schedule.total_steps to null, or to the steps of the run",
    explains=("R6.plateau", "R6.underfit", "T7.too-few-steps", "C3.differs"),
)
WARM = Known(
    code="R7.warm-up",
    title="Warm-up is too long, or missing where it is needed",
    meaning="The rate is still rising for most of the run; or a deep network with normalisation"
    " behind its sums starts at the full rate and can break in the first steps.",
    threshold="half of the steps (all of them: severe); 6 layers or more, post-norm, no warm-up at"
    " 5e-4 or more",
    source="usual shares are 0.01 to 0.3; post-norm needs warm-up (Xiong et al. 2020)",
    evidence="warm-up and all steps",
    remedy="set training.schedule.warmup_steps (evidence: change)",
    explains=("U2.warm-up-share", "R6.underfit", "R6.plateau", "T7.too-few-steps", "C3.differs",
              "R7.schedule-end"),
)  # fmt: skip
KNOWN = (HIGH, LOW, END, WARM)


def reference_rate(width: float | None) -> float:
    """Usual peak rate of Adam for a network of this width (256 where unknown)."""
    return REFERENCE / max(width or USUAL_WIDTH, 1.0)


def highest_rate(width: float | None) -> float:
    """Bound of the peak rate of Adam for a network of this width; see the module.

    >>> round(highest_rate(384), 4), highest_rate(32)
    (0.0067, 0.02)
    """
    return min(max(TIMES * reference_rate(width), LEAST_BOUND), GREATEST_BOUND)


def rates_of(case: Case) -> Iterator[Finding]:
    """All findings about the learning rate of a case."""
    recipe = Recipe(case)
    yield from peak_too_high(recipe)
    yield from peak_too_low(recipe)
    yield from warm_up(recipe)
    yield from schedule_end(recipe)


def _peak(recipe: Recipe) -> tuple[float, str] | None:
    """Largest rate of the run or recipe, and where it was found."""
    _, rates = recipe.rates
    planned, seen = recipe.number("lr"), float(rates.max()) if len(rates) else 0.0
    if recipe.by_muon:
        return (planned, "recipe") if planned else None
    best = max(planned or 0.0, seen)
    if best <= 0.0:
        return None
    return best, "run" if seen >= best else "recipe"


def peak_too_high(recipe: Recipe) -> Iterator[Finding]:
    """A peak above the bound for the width."""
    width, muon = recipe.number("width"), recipe.number("muon_lr")
    if recipe.by_muon and muon and muon > MUON_BOUND:
        yield _high(recipe, muon, MUON_BOUND, recipe.called("muon_lr", "muon_lr"), 0.02)
    peak = _peak(recipe)
    if peak is None or not recipe.by_adam:
        return
    bound = min(highest_rate(width), recipe.number("bound") or 1.0)
    if peak[0] > bound:
        name = recipe.called("lr", "training.optimizer.lr")
        yield _high(recipe, peak[0], bound, name, _good(recipe))


def _good(recipe: Recipe) -> float:
    """A rate to put in: the reference's where a reference is known, else the usual one."""
    if recipe.case.reference is not None:
        known = Recipe(Case(config=recipe.case.reference)).number("lr")
        if known and known <= highest_rate(recipe.number("width")):
            return known
    return float(f"{reference_rate(recipe.number('width')):.2g}")


def _high(recipe: Recipe, peak: float, bound: float, name: str, good: float) -> Finding:
    steps, rates = recipe.rates
    when = float(steps[int(rates.argmax())]) if len(rates) else None
    seen = f", reached at step {when:.0f}" if when and rates.max() >= 0.99 * peak else ""
    width = recipe.number("width")
    return Finding(
        code=HIGH.code,
        severity="severe" if peak > SEVERE_TIMES * bound else "warning",
        claim=f"the peak learning rate {peak:.3g} is {peak / bound:.3g} times the bound of"
        f" {bound:.2g} for {f'width {width:.0f}' if width else 'a network'}{seen}",
        measured=peak,
        unit="learning rate per step",
        threshold=bound,
        source=HIGH.source,
        confidence=0.95 if peak > SEVERE_TIMES * bound else 0.8,
        control="read from the optimiser during the run" if seen else "read from the recipe",
        remedy=f"set {name} to {good:g}",
        evidence={"peak": peak, "bound": bound, "width": width, "reached_at_step": when,
                  "usual": reference_rate(width), "change": {name: good}},
    )  # fmt: skip


def travel(recipe: Recipe) -> float | None:
    """Sum of the rates over all steps: the farthest that Adam can move a weight.

    None where neither the rates nor the number of steps is known.
    """
    _, rates = recipe.rates
    steps, peak = recipe.steps, recipe.number("lr")
    if len(rates) > 1 and steps:
        return float(rates.mean()) * steps
    return peak * steps if peak and steps else None


def peak_too_low(recipe: Recipe) -> Iterator[Finding]:
    """A run whose weights cannot leave the place where they began."""
    peak, distance = _peak(recipe), travel(recipe)
    if peak is None or distance is None or not recipe.by_adam or recipe.by_muon:
        return
    width = recipe.number("width")
    start = (width or USUAL_WIDTH) ** -0.5
    if distance >= TRAVEL_SHARE * start or peak[0] >= reference_rate(width) / LOW_TIMES:
        return
    name, good = recipe.called("lr", "training.optimizer.lr"), _good(recipe)
    yield Finding(
        code=LOW.code,
        severity="severe",
        claim=f"at a peak rate of {peak[0]:.3g} the whole run can move a weight by {distance:.2g},"
        f" and the weights begin at about {start:.2g}: they stay what they were",
        measured=distance,
        unit="sum of the learning rates",
        threshold=TRAVEL_SHARE * start,
        source=LOW.source,
        confidence=0.9,
        control="the same number of steps at the usual rate would move them"
        f" {reference_rate(width) / peak[0]:.3g} times as far: the rate is short, not the run",
        remedy=f"set {name} to {good:g}",
        evidence={"peak": peak[0], "steps": recipe.steps, "travel": distance,
                  "first_weight": start, "change": {name: good}},
    )  # fmt: skip


def warm_up(recipe: Recipe) -> Iterator[Finding]:
    """A warm-up of most of the run, or none for a deep post-norm network."""
    kind = recipe.word("kind")
    steps, length = recipe.planned_steps or recipe.steps, recipe.number("warmup_steps")
    share = recipe.number("warmup_share")
    if length is None and share is not None and steps and "one" not in kind:
        length = share * steps
    name = recipe.called("warmup_steps", "training.schedule.warmup_steps")
    if length and steps and length / steps > WARM_UP_SHARE:
        yield Finding(
            code=WARM.code,
            severity="severe" if length >= steps else "warning",
            claim=f"warm-up takes {length:,.0f} of {steps:,.0f} steps"
            + ("; the rate never reaches its peak" if length >= steps else ""),
            measured=length / steps,
            unit="share of the steps",
            threshold=WARM_UP_SHARE,
            source=WARM.source,
            confidence=0.92,
            control="counted against the steps of the whole run",
            remedy=f"set {name} to {max(1, round(steps / 20))}",
            evidence={"warmup_steps": length, "steps": steps,
                      "change": {name: max(1, round(steps / 20))}},
        )  # fmt: skip
    layers, rate = recipe.number("layers") or 0.0, recipe.number("lr") or 0.0
    warmed = length or share or "onecycle" in kind.replace("_", "") or "inverse" in kind
    if recipe.word("norm") == "post" and layers >= 6 and rate >= 5e-4 and not warmed:
        good = max(1, round((steps or 20_000) / 20))
        yield Finding(
            code=WARM.code,
            severity="warning",
            claim=f"{layers:.0f} layers with normalisation behind the sums start at the full rate"
            f" of {rate:g} without warm-up",
            measured=0.0,
            unit="warm-up steps",
            threshold=1.0,
            source="gradients near the output are large at first in post-norm (Xiong et al. 2020)",
            confidence=0.7,
            control="pre-norm networks, shallow ones and lower rates are not told of",
            remedy=f"set {name} to {good}",
            evidence={"layers": layers, "rate": rate, "change": {name: good}},
        )


def schedule_end(recipe: Recipe) -> Iterator[Finding]:
    """A rate that is nothing for a large part of the run, or high at its end."""
    steps, rates = _curve(recipe)
    if len(rates) < 8 or rates.max() <= 0:
        return
    top, last = int(rates.argmax()), float(rates[-1])
    after = np.diff(np.append(steps, steps[-1]))[top:]
    low = rates[top:] <= AT_END * rates.max()
    idle = float(after[low].sum()) / max(float(steps[-1] - steps[0]), 1.0)
    name = recipe.called("total_steps", "training.schedule.total_steps")
    evidence = {"steps": _thin(steps), "rates": _thin(rates), "change": {name: None}}
    if idle > IDLE_SHARE:
        yield _end(
            f"for {idle:.0%} of the steps the learning rate is below {AT_END:.0%} of its peak: the"
            f" schedule ended at step {steps[top:][low][0]:,.0f} of {steps[-1]:,.0f}",
            *(idle, "share of the steps without learning rate", IDLE_SHARE),
            severe=idle > MOST_IDLE,
            name=name,
            evidence=evidence,
        )
        return
    falls = recipe.word("kind").replace("_", "") in ("cosine", "onecycle", "linear", "polynomial")
    planned = recipe.number("total_steps")
    share = last / float(rates.max())
    rising = top >= len(rates) - 2  # a warm-up that never ends is told by itself
    if (
        not falls
        or rising
        or share <= LATE_SHARE
        or recipe.stopped_by in ("time_limit", "interrupted")
    ):
        return
    if planned is None and not recipe.stopped_by:
        return  # the run may still be going on
    yield _end(
        f"the run ends while the rate is at {share:.0%} of its peak: the schedule is laid out for"
        f" {f'{planned:,.0f}' if planned else 'more'} steps and {steps[-1]:,.0f} are done",
        *(share, "last rate / peak", LATE_SHARE),
        severe=False,
        name=name,
        evidence=evidence,
    )


def _curve(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Rates over the steps: those seen, else those that a cosine of the recipe would have."""
    steps, rates = recipe.rates
    total, length = recipe.number("total_steps"), recipe.planned_steps
    if len(rates) >= 8 or recipe.word("kind") != "cosine" or not total or not length:
        return steps, rates
    at = np.linspace(1.0, length, 200)
    warm = recipe.number("warmup_steps") or 0.0
    done = np.clip((at - warm) / max(total - warm, 1.0), 0.0, 1.0)
    rise = np.minimum(at / warm, 1.0) if warm else 1.0
    return at, rise * (1.0 + np.cos(np.pi * done)) / 2.0


def _thin(values: np.ndarray) -> list[float]:
    """At most 100 of the values, evenly."""
    places = np.unique(np.linspace(0, len(values) - 1, min(len(values), 100)).astype(int))
    return [float(v) for v in values[places]]


def _end(
    claim: str,
    measured: float,
    unit: str,
    threshold: float,
    *,
    severe: bool,
    name: str,
    evidence: Mapping[str, object],
) -> Finding:
    return Finding(
        code=END.code,
        severity="severe" if severe else "warning",
        claim=claim,
        measured=measured,
        unit=unit,
        threshold=threshold,
        source=END.source,
        confidence=0.9,
        control="rates as the optimiser had them; runs that were interrupted are not judged",
        remedy=f"set {name} to null: the steps are then counted out",
        evidence=evidence,
    )
