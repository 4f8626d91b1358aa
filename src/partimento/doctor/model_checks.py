"""Checks of a live model: causality, padding, flow of information, start, attention, norms (M)."""

from __future__ import annotations

from partimento.doctor import beginnings, causality, information_flow, normalisation
from partimento.doctor.checks import Check

CHECKS: tuple[Check, ...] = (
    *causality.CHECKS,
    *information_flow.CHECKS,
    *beginnings.CHECKS,
    *normalisation.CHECKS,
)
