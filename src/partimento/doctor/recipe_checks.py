"""R7, R8, M7, M8: what a recipe, its optimisers and its options do, or fail to do."""

from __future__ import annotations

from partimento.doctor import curriculum_checks, optimizer_checks, option_checks, rate_checks
from partimento.doctor.checks import Check

CHECKS: tuple[Check, ...] = (
    Check(
        name="learning rate against its bounds",
        known=rate_checks.KNOWN,
        needs=("config",),
        run=rate_checks.rates_of,
    ),
    Check(
        name="curriculum and validation length",
        known=curriculum_checks.KNOWN,
        needs=("config",),
        run=curriculum_checks.curriculum_of,
    ),
    Check(
        name="every parameter in one optimiser group",
        known=optimizer_checks.KNOWN,
        needs=("probe.optimizers",),
        run=optimizer_checks.groups_of,
    ),
    Check(
        name="options without effect",
        known=option_checks.KNOWN,
        needs=("config",),
        run=option_checks.without_effect,
    ),
)
