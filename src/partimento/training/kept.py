"""Numbered weights of a run: those of the last few validations are kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_NUMBERED = re.compile(r"step-(\d{8})\.safetensors")


def keep_weights(folder: Path, step: int, count: int, save: Callable[[Path], None]) -> None:
    """Save to ``step-NNNNNNNN.safetensors``, then delete all but the last ``count`` of these.

    The new file is complete before an old one goes; other files are left alone.  A count of 0
    keeps, and saves, none.
    """
    if count < 1:
        return
    save(folder / f"step-{step:08d}.safetensors")
    for path in kept_weights(folder, step)[:-count]:
        path.unlink(missing_ok=True)


def kept_weights(folder: Path, until: int | None = None) -> list[Path]:
    """Numbered weights in the order of their steps, up to step ``until``."""
    found = [(int(m[1]), p) for p in folder.iterdir() if (m := _NUMBERED.fullmatch(p.name))]
    return [path for step, path in sorted(found) if until is None or step <= until]
