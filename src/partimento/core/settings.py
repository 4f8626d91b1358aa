"""Nested settings under flat names, and how two sets of them differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under names joined by dots.

    >>> flat({"training": {"lr": 0.1}, "kind": "small"})
    {'training.lr': 0.1, 'kind': 'small'}
    """
    return dict(_walk(config, prefix))


def _walk(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            yield from _walk(value, f"{name}.")
        else:
            yield name, value


MISSING = "(not set)"
"""What :func:`differences` shows for a setting that one side does not have."""


def differences(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Flat name -> its value on both sides, where they differ.

    >>> differences({"a": {"b": 1}}, {"a": {"b": 2}, "c": 3})
    {'a.b': (1, 2), 'c': ('(not set)', 3)}
    """
    first, second = flat(left), flat(right)
    names = dict.fromkeys([*first, *second])
    pairs = {name: (first.get(name, MISSING), second.get(name, MISSING)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
