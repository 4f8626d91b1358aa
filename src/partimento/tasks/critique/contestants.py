"""What can be measured under a protocol, by name.

A contestant is a function of its name, a :class:`Bench` and its table of statistics.  It gives a
maker of predictors (see :mod:`partimento.tasks.critique.protocols`) and a text that names its
settings, by which a kept result is known to be of the same contestant.

Those here stop nowhere early and so learn from the validation part too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from partimento.core.errors import ConfigError
from partimento.tasks.critique.figures import Bench
from partimento.tasks.critique.protocols import Predictor
from partimento.tasks.critique.references import KINDS, Reference
from partimento.tasks.critique.statistics_table import StatisticsTable


@dataclass(frozen=True, slots=True)
class Made:
    """``make`` gets a seed; ``learns_valid``: the predictors learn from the validation part too."""

    make: Callable[[int], Predictor]
    version: str
    learns_valid: bool = False


_HERE = "partimento.tasks.critique.contestants"
CONTESTANTS: dict[str, str] = {
    **dict.fromkeys(KINDS, f"{_HERE}:reference"),
    "plain-kernel-ridge": f"{_HERE}:plain_ridge",
    "strong": f"{_HERE}:strong",
}
"""Name -> ``module:function`` of a contestant."""
RECIPE = ".yaml"
PLAIN = ("_mean", "_sd")
RATES = ("tempo.log_notes_per_sec", "curve.log_tempo", "pedal.sustain_down_share")
"""Statistics of the plain reference: means, deviations and rates, no percentiles or courses."""


def known_contestants(names: Sequence[str] | None) -> list[str]:
    """The names, each once; all for None.  Recipes of networks (``.yaml``) stand for themselves.

    Raises ConfigError listing the names there are for an unknown one.
    """
    for name in names or ():
        if name not in CONTESTANTS and not name.endswith(RECIPE):
            raise ConfigError(
                f"there is no contestant {name[:40]!r}", fix=f"There are: {', '.join(CONTESTANTS)}"
            )
    return list(dict.fromkeys(names or CONTESTANTS))


def contestant(name: str, bench: Bench, table: StatisticsTable) -> Made:
    """What makes the predictors of a contestant of :data:`CONTESTANTS`, or of a recipe."""
    if name.endswith(RECIPE):
        from partimento.tasks.critique.network_contestant import network

        return network(name, bench)
    module, _, attribute = CONTESTANTS[name].partition(":")
    made: Made = getattr(import_module(module), attribute)(name, bench, table)
    return made


def reference(name: str, bench: Bench, table: StatisticsTable) -> Made:
    """A regression on the statistics; see :mod:`partimento.tasks.critique.references`."""

    def make(seed: int) -> Predictor:
        return Reference(name, table.values, bench.labels, bench.groups, seed)

    return Made(make, _digest(table), learns_valid=True)


def strong(name: str, bench: Bench, table: StatisticsTable) -> Made:
    """The shipped design, trained anew on every fold."""
    from partimento.tasks.critique.strong_fit import FULL_EFFORT
    from partimento.tasks.critique.strong_predictor import StrongPredictor

    def make(seed: int) -> Predictor:
        return StrongPredictor(table.values, bench.labels, bench.groups, seed)

    return Made(make, f"{_digest(table)} {FULL_EFFORT}", learns_valid=True)


def plain_ridge(name: str, bench: Bench, table: StatisticsTable) -> Made:
    """Kernel ridge on means and deviations only: what one tries first."""
    plain = [p for p, one in enumerate(table.names) if one.endswith(PLAIN) or one in RATES]
    values = table.values[:, plain]

    def make(seed: int) -> Predictor:
        return Reference("kernel-ridge", values, bench.labels, bench.groups, seed)

    return Made(make, f"{_digest(table)} plain", learns_valid=True)


def _digest(table: StatisticsTable) -> str:
    return hashlib.sha256(table.values.astype("<f8").tobytes()).hexdigest()[:16]
