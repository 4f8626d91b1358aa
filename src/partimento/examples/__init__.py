"""A dozen melodies and scores in the public domain, encoded for this project (see README.md).

Beside them a piano performance of our own, as a primer.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from partimento.core.errors import ConfigError

_FOLDER = Path(__file__).resolve().parent
_SUFFIXES = (".musicxml", ".abc", ".krn")
PRIMER = "piano_primer"
"""The performance that the demo goes on from: 16 seconds with rubato, dynamics and pedal."""
DEMO = "old_hundredth"
"""The melody of the demo: pickup, fermatas and words."""


def example_names() -> tuple[str, ...]:
    """Names of the scores, sorted."""
    return tuple(sorted(p.stem for p in _FOLDER.iterdir() if p.suffix in _SUFFIXES))


def example_path(name: str) -> Path:
    """File of a score or of the :data:`PRIMER` by its name, with or without its ending.

    Raises ConfigError listing the names when there is no such example.
    """
    for path in _FOLDER.iterdir():
        known = path.suffix in _SUFFIXES or path.stem == PRIMER
        if known and name in (path.stem, path.name):
            return path
    names = example_names()
    close = difflib.get_close_matches(name, names, 1)
    fix = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(names)}"
    raise ConfigError(f"there is no example {name[:40]!r}", fix=fix)
