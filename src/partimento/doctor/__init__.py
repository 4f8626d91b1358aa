"""Layer 3: findings, and the plain checks that they are made of.

For projects of one's own::

    from partimento.doctor import DoctorCallback, Monitor, examine_module
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PUBLIC = {
    "Case": "partimento.doctor.case",
    "DoctorCallback": "partimento.training.doctor_callback",
    "Examination": "partimento.doctor.examine",
    "Finding": "partimento.doctor.finding",
    "Monitor": "partimento.doctor.monitor",
    "Probe": "partimento.doctor.case",
    "examine_module": "partimento.doctor.foreign",
}
"""Name -> module.  The callback needs Lightning, so it lives with the trainer, a layer up."""

__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used; raises MissingExtraError without Lightning."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
