"""Remedies tried: the changed settings of a sick run, and when the run counts as recovered."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from partimento.doctor.finding import Finding
from partimento.selftest.outcome import Outcome, Request
from partimento.selftest.remedies import changes_of

RULE = (
    "recovered: held-out figure of the treated run not below the mean of the healthy runs by more"
    " than the larger of 2 standard deviations over healthy seeds and 5 % of the healthy gain over"
    " the untrained model, and the finding is not made again"
)
GAIN_SHARE = 0.05
DEVIATIONS = 2.0


@dataclass(frozen=True, slots=True)
class Noise:
    """Healthy figures of a small task, and how far below their mean is still healthy."""

    mean: float
    margin: float

    @classmethod
    def of(cls, healthy: Sequence[Outcome]) -> Noise:
        """From the healthy twins of all seeds; one seed alone has no standard deviation."""
        figures = np.array([run.figure for run in healthy if math.isfinite(run.figure)])
        if not len(figures):
            return cls(math.nan, math.nan)
        spread = float(figures.std(ddof=1)) if len(figures) > 1 else 0.0
        untrained = [run.untrained for run in healthy if math.isfinite(run.untrained)]
        mean = float(figures.mean())
        gain = abs(mean - float(np.mean(untrained))) if untrained else 0.0
        return cls(mean, max(DEVIATIONS * spread, GAIN_SHARE * gain))

    def holds(self, figure: float) -> bool:
        """Whether a figure is as good as healthy, up to the noise; never for NaN."""
        return figure >= self.mean - self.margin


@dataclass(frozen=True, slots=True)
class Treatment:
    """Changed settings for one sick run."""

    request: Request
    change: Mapping[str, Any]
    origin: Literal["finding", "table"]
    """Whether the finding itself gave the change, or the table of remedies."""
    kind: Literal["recipe", "mend"]
    """A setting of the recipe, or a slip in code or data that is taken out again."""


def treatment_of(
    sick: Request, finding: Finding, config: Mapping[str, Any], defaults: Mapping[str, Any]
) -> Treatment | None:
    """What to try against the first finding of a run; None where it offers no setting.

    ``config`` and ``defaults`` are flat; of the defaults only those that the remedy names are read.
    A slip in code or data stands in no recipe: where the remedy is to mend it, what is planted is
    taken out.  Changes of settings that the small task does not have are left out.
    """
    change, origin = changes_of(finding, {**config, **dict(sick.settings)}, defaults)
    known = {name: value for name, value in change.items() if name in defaults}
    if not known:
        return None
    settings = {**dict(sick.settings), **known}
    kind: Literal["recipe", "mend"] = "recipe" if set(known) <= set(config) else "mend"
    return Treatment(Request.of(sick.task, settings, sick.seed), known, origin, kind)


def recovered(noise: Noise, treated: Outcome, finding: Finding) -> bool:
    """The rule of :data:`RULE`."""
    return noise.holds(treated.figure) and finding.code not in {f.code for f in treated.alarms}
