"""What the parser reports: which words of a text said, implied or denied what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from partimento.tasks.text2midi.words import Row

How = Literal["said", "implied", "negated"]
Value = str | int | float | tuple[float, float]


@dataclass(frozen=True, slots=True)
class Finding:
    """Words of the text (``text[start:end]``) and what they mean.

    ``attribute`` is a field of :class:`partimento.music.attributes.Attributes`; ``value`` is what
    was said or implied of it, or what was denied (``how`` is negated).
    """

    words: str
    start: int
    end: int
    attribute: str
    value: Value
    how: How


def finding(row: Row, first: int, end: int, attribute: str, value: Value, how: How) -> Finding:
    """A finding over the words from ``first`` to before ``end``."""
    start, stop = row.span(first, end)
    return Finding(row.text[start:stop], start, stop, attribute, value, how)
