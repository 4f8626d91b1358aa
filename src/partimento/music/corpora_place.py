"""Where the corpora lie."""

from __future__ import annotations

import os
from pathlib import Path


def corpus_dir() -> Path:
    """Folder of the corpora: ``$PARTIMENTO_HOME/corpora``, else the platform's user folder."""
    home = os.environ.get("PARTIMENTO_HOME")
    if home:
        return Path(home).expanduser() / "corpora"
    import pooch

    return Path(pooch.os_cache("partimento")) / "corpora"
