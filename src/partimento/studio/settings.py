"""Where the studio keeps its files and how it listens."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
"""The only address it ever binds to: what it offers is for the person at this machine."""
DEFAULT_PORT = 8765
MOST_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """``home`` holds history and files, ``runs`` the training runs that the doctor's page shows.

    ``port`` 0 takes a free one.  ``workers`` processes do the jobs, one at a time each.
    """

    home: Path
    runs: Path
    port: int = DEFAULT_PORT
    workers: int = 1

    @property
    def database(self) -> Path:
        """The history."""
        return self.home / "history.sqlite"

    @property
    def uploads(self) -> Path:
        """What was handed in, under names that the studio made."""
        return self.home / "uploads"

    @property
    def jobs(self) -> Path:
        """One folder per job, named by its number."""
        return self.home / "jobs"

    @property
    def log(self) -> Path:
        """What the working processes said on standard error."""
        return self.home / "workers.log"

    def job_folder(self, number: int) -> Path:
        """Where job ``number`` writes."""
        return self.jobs / f"{number:06d}"


def default_home() -> Path:
    """``$PARTIMENTO_HOME/studio``, or ``.partimento/studio`` in the user's home folder."""
    home = os.environ.get("PARTIMENTO_HOME")
    base = Path(home).expanduser() if home else Path.home() / ".partimento"
    return base / "studio"
