"""All checks on a run: outputs, gradients, curves, batch sizes.   (R2 to R6, R10)"""

from __future__ import annotations

from partimento.doctor import batch_size_checks, curve_checks, gradient_checks, output_checks
from partimento.doctor.checks import Check

CHECKS: tuple[Check, ...] = (
    *gradient_checks.CHECKS,
    *curve_checks.CHECKS,
    *output_checks.CHECKS,
    *batch_size_checks.CHECKS,
)
