"""One loss in every unit: nats, bits and perplexity, per token, note, frame and event."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

MEASURES = ("nats", "bits", "perplexity")
LN2 = math.log(2.0)

_WORDS = {"step": "frame", "sixteenth": "frame", "symbol": "token", "element": "token"}


def split_unit(unit: str) -> tuple[str, str] | None:
    """(measure, item) of a written unit; None where it names neither.

    >>> split_unit("bits per note"), split_unit("nats_per_frame"), split_unit("perplexity")
    (('bits', 'note'), ('nats', 'frame'), ('perplexity', 'token'))
    """
    words = re.sub(r"[^a-z]+", " ", unit.lower())
    measure = next(
        (m for m, said in (("nats", "nat"), ("bits", "bit"), ("perplexity", "p(?:erplexity|pl)")) if
         re.search(rf"\b{said}s?\b", words)),
        "",
    )  # fmt: skip
    item = re.search(r"\b(?:per|a|over)\s+([a-z]+)", words)
    name = item.group(1) if item else ""
    if re.search(r"\bsum(?:med)?\b.*\b(?:voices|channels)\b", words):
        name = "frame"
    if not measure and not name:
        return ("nats", "token") if words.strip() in ("mean", "token mean") else None
    return measure or "nats", _WORDS.get(name, name) or "token"


def in_every_unit(
    loss: float, unit: str, tokens_in: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The loss in all units that can be computed.

    ``tokens_in``: item -> tokens that it consists of, such as {"note": 4.08} for event streams or
    {"note": 1, "frame": 4} for four voices; "token" is 1 and "event" too unless said.  Perplexity
    is exp(nats of the item); it overflows to infinity.

    Raises ValueError for a unit that is not understood, or an item without its number of tokens.

    >>> in_every_unit(2.8, "nats per frame", {"note": 1, "frame": 4})["nats per note"]
    0.7
    """
    parts = split_unit(unit)
    if parts is None:
        raise ValueError(f"{unit!r} names no unit of a loss")
    known = {"token": 1.0, "event": 1.0, **(tokens_in or {})}
    measure, item = parts
    if item not in known:
        raise ValueError(f"how many tokens a {item} consists of is not known")
    per_token = _nats(loss, measure) / known[item]
    found: dict[str, float] = {}
    for name, tokens in known.items():
        nats = per_token * tokens
        found |= {
            f"nats per {name}": nats,
            f"bits per {name}": nats / LN2,
            f"perplexity per {name}": math.exp(nats) if nats < 700 else math.inf,
        }
    return found


def nats_per_token(loss: float, unit: str, tokens_in: Mapping[str, float] | None = None) -> float:
    """The loss in nats per token.  Raises ValueError as :func:`in_every_unit` does."""
    return in_every_unit(loss, unit, tokens_in)["nats per token"]


def _nats(loss: float, measure: str) -> float:
    if measure == "perplexity":
        return math.log(loss) if loss > 0 else math.nan
    return loss * LN2 if measure == "bits" else loss
