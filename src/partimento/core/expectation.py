"""Expectations that can be judged: ``beat_gain >= 0.10 and loss < 0.5``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["confirmed", "refuted", "open"]

_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
_COMPARISON = re.compile(
    r"\s*(?P<name>[^\W\d][\w ./-]*?)\s*(?P<sign>>=|<=|==|!=|>|<)\s*"
    r"(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(?P<percent>%?)\s*"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure that is expected on one side of a number."""

    name: str
    sign: str
    number: float

    def holds(self, value: float) -> bool:
        """Whether the observed value is as expected; never for one that is no number."""
        return not math.isnan(value) and _OPERATORS[self.sign](value, self.number)


def parse_expectation(text: str) -> list[Comparison]:
    """The comparisons that a text consists of; empty for free words.

    Names are taken as :func:`figure_name` makes them; ``10%`` is 0.1.

    >>> parse_expectation("beat gain >= .10 and loss < 50%")
    [Comparison(name='beat_gain', sign='>=', number=0.1), Comparison(name='loss', sign='<', \
number=0.5)]
    >>> parse_expectation("it sounds better")
    []
    """
    found = []
    for part in re.split(r"\s+and\s+|,|;", text.strip()):
        match = _COMPARISON.fullmatch(part)
        if match is None:
            return []
        scale = 0.01 if match["percent"] else 1.0
        number = float(match["number"]) * scale
        found.append(Comparison(figure_name(match["name"]), match["sign"], number))
    return found


def figure_name(text: str) -> str:
    """A name of a figure as it is compared: small letters, underscores.

    >>> figure_name(" Beat gain")
    'beat_gain'
    """
    return re.sub(r"[\s-]+", "_", text.strip().lower())


def judge(texts: list[str], figures: Mapping[str, float]) -> Verdict:
    """What the figures say about all expectations together.

    One that fails refutes; ``open`` where none fails and one is in free words or has no figure.
    """
    known = {figure_name(name): value for name, value in figures.items()}
    verdicts = [_judge_one(text, known) for text in texts]
    if "refuted" in verdicts:
        return "refuted"
    return "confirmed" if verdicts and set(verdicts) == {"confirmed"} else "open"


def _judge_one(text: str, known: Mapping[str, float]) -> Verdict:
    comparisons = parse_expectation(text)
    if any(one.name in known and not one.holds(known[one.name]) for one in comparisons):
        return "refuted"
    complete = comparisons and all(one.name in known for one in comparisons)
    return "confirmed" if complete else "open"
