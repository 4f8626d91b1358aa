"""Styles by the names that people write: rhythms of dances, periods, kinds of pieces."""

from __future__ import annotations

FAMILY: dict[str, str] = {
    **dict.fromkeys(
        (
            *("jig", "reel", "hornpipe", "slip jig", "strathspey", "waltz", "march", "air"),
            *("highland fling", "clog", "polka", "slow air", "minuet", "ragtime"),
        ),
        "dance",
    ),
    **dict.fromkeys(("folk", "lullaby", "song"), "folk"),
    **dict.fromkeys(("hymn", "chorale"), "church"),
    **dict.fromkeys(("baroque", "classical", "romantic", "renaissance", "study", "modern"), "art"),
}
"""Style -> family."""
STYLES: tuple[str, ...] = tuple(FAMILY)
"""In the order that checkpoints store; new ones go to the end."""

_OTHER_NAMES: dict[str, str] = {
    "double jig": "jig",
    "single jig": "jig",
    "slide": "jig",
    "slipjig": "slip jig",
    "fling": "highland fling",
    "technique": "study",
    "popular / dance": "ragtime",
    "motet": "renaissance",
    "gospel": "hymn",
    "avant-garde": "modern",
    "strophic with chorus": "song",
    "walkaround": "folk",
    "gavotte": "minuet",
}


def corpus_style(name: str) -> str | None:
    """Our name for a rhythm or style of a corpus; None for one that we do not know.

    >>> corpus_style("Double Jig")
    'jig'
    """
    plain = " ".join(name.lower().split())
    plain = _OTHER_NAMES.get(plain, plain)
    return plain if plain in FAMILY else None
