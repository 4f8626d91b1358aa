"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real data sets; tests that need it skip where it is absent."""
    place = Path(os.environ.get("PARTIMENTO_DATA", ROOT.parent / "shared" / "data"))
    if not place.is_dir():
        pytest.skip(
            f"no data folder at {place.name!r} (set PARTIMENTO_DATA to measure on real data)"
        )
    return place
