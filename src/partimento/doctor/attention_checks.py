"""Checks of what a model listens to: attention, conditioning, levels (R1, R9, R11)."""

from __future__ import annotations

from partimento.doctor import attention_use, conditioning
from partimento.doctor.checks import Check

CHECKS: tuple[Check, ...] = (*attention_use.CHECKS, *conditioning.CHECKS)
