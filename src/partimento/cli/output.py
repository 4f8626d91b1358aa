"""How commands print: JSON on request, plain lines otherwise; progress and warnings on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from partimento.core.plain import plain
from partimento.core.progress import Progress, progress_bar

__all__ = ["Progress", "describe", "emit", "note", "progress_bar", "table"]


def emit(value: Any, as_json: bool, text: str | None = None) -> None:
    """Print ``value`` as JSON, or ``text`` (default: :func:`describe` of the value)."""
    if as_json:
        print(json.dumps(plain(value), indent=2, allow_nan=False, ensure_ascii=False))
    else:
        print(describe(plain(value)) if text is None else text)


def note(text: str) -> None:
    """A line for people on standard error."""
    print(text, file=sys.stderr)


def describe(value: Any, indent: int = 0) -> str:
    """Plain lines for nested data.

    >>> print(describe({"nats_per_frame": 1.25, "per_voice": {"S": 0.5}, "files": ["a", "b"]}))
    nats_per_frame  1.25
    per_voice
      S  0.5
    files           a, b
    """
    pad = " " * indent
    if isinstance(value, Mapping):
        return "\n".join(_describe_items(value, indent)) or f"{pad}(nothing)"
    if isinstance(value, Sequence) and not isinstance(value, str):
        if all(not isinstance(item, Mapping | list) for item in value):
            return pad + (", ".join(map(_scalar, value)) or "(none)")
        return "\n".join(describe(item, indent) + "\n" for item in value).rstrip("\n")
    return pad + _scalar(value)


def _describe_items(values: Mapping[str, Any], indent: int) -> Iterator[str]:
    pad = " " * indent
    width = max((len(key) for key, value in values.items() if not _is_block(value)), default=0)
    for key, value in values.items():
        if _is_block(value):
            yield f"{pad}{key}"
            yield describe(value, indent + 2)
        else:
            yield f"{pad}{key.ljust(width)}  {describe(value)}".rstrip()


def _is_block(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e6 else f"{value:.0f}"
    return "-" if value is None else str(value)


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned columns under their names."""
    cells = [list(columns), *([_scalar(plain(row.get(c))) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = ("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)
