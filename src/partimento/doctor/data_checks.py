"""All checks of a data set as a model sees it.   (D1 to D7)"""

from __future__ import annotations

from partimento.doctor import (
    data_classes,
    data_duplicates,
    data_labels,
    data_leaks,
    data_range,
    data_splits,
    data_tokens,
)
from partimento.doctor.checks import Check

CHECKS: tuple[Check, ...] = (
    *data_duplicates.CHECKS,
    *data_leaks.CHECKS,
    *data_classes.CHECKS,
    *data_tokens.CHECKS,
    *data_range.CHECKS,
    *data_labels.CHECKS,
    *data_splits.CHECKS,
)
