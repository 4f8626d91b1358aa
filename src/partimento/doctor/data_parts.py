"""What all checks of a data set share: its parts, its examples as keys, and what kind they are.

Shape suffixes: N examples, T steps, C channels, F features, D label dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from partimento.doctor.case import Case, DataFacts
from partimento.doctor.settings import flat

TRAIN = ("train", "training")
VALID = ("valid", "validation", "val", "dev")
TEST = ("test",)
DECIMALS = 5
"""Features are compared after rounding, so that the order of a sum does not part equals."""


def facts_of(case: Case) -> DataFacts:
    """The data of a case.  Raises LookupError where it has none."""
    if case.data is None:
        raise LookupError("this case has no data")
    return case.data


def part(facts: DataFacts, names: Sequence[str]) -> np.ndarray:
    """(N,) bool: which examples are in one of the named parts."""
    return np.array([name in names for name in facts.split], dtype=bool)


def training(facts: DataFacts) -> np.ndarray:
    """(N,) bool: what is learnt from; everything where there are no parts."""
    if not len(facts.split):
        return np.ones(len(facts.inputs), dtype=bool)
    return part(facts, TRAIN)


def held_out(facts: DataFacts) -> np.ndarray:
    """(N,) bool: validation and test."""
    if not len(facts.split):
        return np.zeros(len(facts.inputs), dtype=bool)
    return part(facts, (*VALID, *TEST))


def are_tokens(facts: DataFacts) -> bool:
    """Whether the examples are rows of tokens and not of measured numbers."""
    return bool(len(facts.inputs)) and all(
        np.issubdtype(np.asarray(one).dtype, np.integer) for one in facts.inputs
    )


def without_padding(row: np.ndarray, pad_token: int | None) -> np.ndarray:
    """Token rows (T,) or (T, C) without the padding at their end."""
    if pad_token is None or not len(row):
        return row
    real = np.flatnonzero((row.reshape(len(row), -1) != pad_token).any(axis=1))
    return row[: real[-1] + 1] if len(real) else row[:0]


def key(example: np.ndarray, pad_token: int | None = None) -> bytes:
    """The same for equal examples: tokens without padding, numbers to five decimals."""
    values = np.asarray(example)
    if np.issubdtype(values.dtype, np.integer):
        values = without_padding(values, pad_token).astype(np.int64)
    else:
        # Adding zero makes -0.0 and 0.0 one.
        values = np.round(values.astype(np.float64), DECIMALS) + 0.0
    digest = blake2b(repr(values.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(values).tobytes())
    return digest.digest()


def keys(facts: DataFacts) -> np.ndarray:
    """(N,) int64 number of each example; equal examples have the same."""
    numbers: dict[bytes, int] = {}
    return np.array(
        [numbers.setdefault(key(one, facts.pad_token), len(numbers)) for one in facts.inputs],
        dtype=np.int64,
    )


def name_of(facts: DataFacts, place: int) -> str:
    """Name of an example for the evidence."""
    return str(facts.names[place]) if len(facts.names) else f"example {place}"


def class_numbers(facts: DataFacts) -> tuple[list[str], np.ndarray] | None:
    """Names of the classes and the class (N,) of each example; None where there are none.

    ``classes`` where given, else labels that are class numbers.
    """
    if len(facts.classes):
        names, numbers = np.unique(np.array(facts.classes, dtype=str), return_inverse=True)
    elif facts.labels is not None and has_class_labels(facts):
        names, numbers = np.unique(np.asarray(facts.labels), return_inverse=True)
    else:
        return None
    return [str(name) for name in names.tolist()], numbers.reshape(-1).astype(np.int64)


def has_class_labels(facts: DataFacts) -> bool:
    """Whether the labels are class numbers (N,)."""
    labels = np.asarray(facts.labels)
    return labels.ndim == 1 and not np.issubdtype(labels.dtype, np.floating)


def label_values(facts: DataFacts) -> np.ndarray:
    """Labels as numbers (N, D) float64."""
    values = np.asarray(facts.labels, dtype=np.float64)
    return values.reshape(len(values), -1)


def change(case: Case, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``{"change": ...}`` with those settings that the case has and has otherwise; else empty."""
    known = flat(case.config)
    found = {k: v for k, v in settings.items() if k in known and known[k] != v}
    return {"change": found} if found else {}


def ratio(some: float | int | np.integer, of: float | int | np.integer) -> float:
    """``some / of``; 0 where there is nothing to divide by."""
    return float(some) / float(of) if of else 0.0
