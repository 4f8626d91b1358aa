"""The history: jobs and uploads in one SQLite file that survives the server.

Every change of a job gets a number that only grows, so that a page can ask what is new.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed", "cancelled"]
OPEN: tuple[State, ...] = ("queued", "running")
MOST_ATTEMPTS = 2
"""A job during which the studio died so often is not begun again."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL, title TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
  done INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, label TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '', attempts INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL, started REAL, ended REAL, revision INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS jobs_by_revision ON jobs (revision);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, number);
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, suffix TEXT NOT NULL,
  bytes INTEGER NOT NULL, facts TEXT NOT NULL, created REAL NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of the history; times in seconds since 1970."""

    number: int
    kind: str
    title: str
    request: dict[str, Any]
    state: State
    done: int
    total: int
    label: str
    error: str
    attempts: int
    created: float
    started: float | None
    ended: float | None
    revision: int


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was handed in; ``name`` is what the user called it, never a path here."""

    id: str
    name: str
    kind: str
    suffix: str
    bytes: int
    facts: dict[str, Any]
    created: float

    @property
    def file_name(self) -> str:
        """Its name in the folder of uploads."""
        return self.id + self.suffix


class Store:
    """All reading and writing of the history; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode = WAL")
        # Every finished transaction is on the disk: a power cut loses no job.
        self._database.execute("PRAGMA synchronous = FULL")
        self._database.executescript(_SCHEMA)
        row = self._database.execute("SELECT max(revision) AS last FROM jobs").fetchone()
        self._revision = int(row["last"] or 0)

    def close(self) -> None:
        """Write what is pending and let go of the file."""
        with self._lock:
            self._database.close()

    @property
    def revision(self) -> int:
        """Number of the newest change."""
        return self._revision

    @contextmanager
    def _change(self) -> Iterator[int]:
        """A transaction with the next revision."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._revision + 1
                self._database.execute("COMMIT")
            except BaseException:
                # On a full disk SQLite may have taken everything back by itself.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            self._revision += 1

    # Jobs

    def add_job(self, kind: str, title: str, request: Mapping[str, Any]) -> Job:
        """Put a job at the end of the queue."""
        with self._change() as revision:
            cursor = self._database.execute(
                "INSERT INTO jobs (kind, title, request, state, created, revision) "
                "VALUES (?, ?, ?, 'queued', ?, ?)",
                (kind, title[:300], json.dumps(request), time.time(), revision),
            )
            number = int(cursor.lastrowid or 0)
        return self.job(number)

    def job(self, number: int) -> Job:
        """One job.  Raises KeyError when there is none of this number."""
        with self._lock:
            row = self._database.execute(
                "SELECT * FROM jobs WHERE number = ?", (number,)
            ).fetchone()
        if row is None:
            raise KeyError(number)
        return _job(row)

    def jobs(
        self,
        *,
        kind: str | None = None,
        states: tuple[State, ...] = (),
        since: int = 0,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Job]:
        """Newest first; ``before`` is the number of the last job of the page above."""
        conditions, values = ["revision > ?"], [since]
        parts: list[Any] = values
        if kind is not None:
            conditions.append("kind = ?")
            parts.append(kind)
        if states:
            conditions.append(f"state IN ({', '.join('?' * len(states))})")
            parts += states
        if before is not None:
            conditions.append("number < ?")
            parts.append(before)
        query = f"SELECT * FROM jobs WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"
        with self._lock:
            rows = self._database.execute(query, [*parts, limit]).fetchall()
        return [_job(row) for row in rows]

    def count(self, *states: State) -> int:
        """How many jobs are in one of the states."""
        marks = ", ".join("?" * len(states))
        with self._lock:
            row = self._database.execute(
                f"SELECT count(*) AS n FROM jobs WHERE state IN ({marks})", states
            ).fetchone()
        return int(row["n"])

    def take(self) -> Job | None:
        """The oldest job that waits, now running; None when none waits."""
        with self._lock:
            row = self._database.execute(
                "SELECT number FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            with self._change() as revision:
                self._database.execute(
                    "UPDATE jobs SET state = 'running', attempts = attempts + 1, started = ?, "
                    "done = 0, total = 0, label = '', revision = ? WHERE number = ?",
                    (time.time(), revision, row["number"]),
                )
            return self.job(int(row["number"]))

    def progress(self, number: int, done: int, total: int, label: str) -> None:
        """How far a running job is."""
        with self._change() as revision:
            self._database.execute(
                "UPDATE jobs SET done = ?, total = ?, label = ?, revision = ? "
                "WHERE number = ? AND state = 'running'",
                (done, total, label[:120], revision, number),
            )

    def finish(self, number: int, state: State, *, error: str = "", title: str = "") -> bool:
        """End an open job; False when it has ended already."""
        with self._change() as revision:
            cursor = self._database.execute(
                "UPDATE jobs SET state = ?, error = ?, ended = ?, revision = ?, "
                "title = CASE WHEN ? = '' THEN title ELSE ? END "
                "WHERE number = ? AND state IN ('queued', 'running')",
                (state, error[:4000], time.time(), revision, title, title[:300], number),
            )
            return cursor.rowcount == 1

    def put_back(self, number: int) -> None:
        """A running job waits again, as if it had never begun: the studio ends in good order."""
        with self._change() as revision:
            self._database.execute(
                "UPDATE jobs SET state = 'queued', attempts = attempts - 1, revision = ? "
                "WHERE number = ? AND state = 'running'",
                (revision, number),
            )

    def delete(self, number: int) -> bool:
        """Take an ended job out of the history; False when it is open or unknown."""
        with self._change():
            cursor = self._database.execute(
                "DELETE FROM jobs WHERE number = ? AND state NOT IN ('queued', 'running')",
                (number,),
            )
            return cursor.rowcount == 1

    def requeue_running(self) -> list[int]:
        """After a restart: what was running waits again, unless it was tried too often."""
        running = self.jobs(states=("running",), limit=1000)
        for job in running:
            if job.attempts >= MOST_ATTEMPTS:
                self.finish(
                    job.number, "failed", error="The studio ended twice during this job. "
                    "It is not begun again by itself; start it once more if you want."
                )  # fmt: skip
                continue
            with self._change() as revision:
                self._database.execute(
                    "UPDATE jobs SET state = 'queued', revision = ? WHERE number = ?",
                    (revision, job.number),
                )
        return [job.number for job in running if job.attempts < MOST_ATTEMPTS]

    # Uploads

    def add_upload(self, upload: Upload) -> None:
        """Remember a file."""
        with self._lock:
            self._database.execute(
                "INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload.id, upload.name, upload.kind, upload.suffix, upload.bytes,
                 json.dumps(upload.facts), upload.created),
            )  # fmt: skip

    def upload(self, id: str) -> Upload:
        """One upload.  Raises KeyError when there is none."""
        with self._lock:
            row = self._database.execute("SELECT * FROM uploads WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise KeyError(id)
        return _upload(row)

    def uploads(self, limit: int = 100) -> list[Upload]:
        """Newest first."""
        with self._lock:
            rows = self._database.execute(
                "SELECT * FROM uploads ORDER BY created DESC LIMIT ?", (limit,)
            ).fetchall()
        return [_upload(row) for row in rows]

    def uploaded_bytes(self) -> int:
        """Size of all uploads together."""
        with self._lock:
            row = self._database.execute("SELECT total(bytes) AS n FROM uploads").fetchone()
        return int(row["n"])

    def delete_upload(self, id: str) -> bool:
        """Forget a file; False when there is none."""
        with self._lock:
            return self._database.execute("DELETE FROM uploads WHERE id = ?", (id,)).rowcount == 1


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    return Job(**{**values, "request": json.loads(values["request"])})


def _upload(row: sqlite3.Row) -> Upload:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    return Upload(**{**values, "facts": json.loads(values["facts"])})
