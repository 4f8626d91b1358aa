"""The studio's side of one working process: start it, ask it, stop it, notice when it dies."""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partimento.core.errors import PartimentoError

Progress = Callable[[int, int, str], None]

JOB_SEC = 900.0
"""A job that takes longer is stopped."""
JOB_MB = 16_000
"""Address space of a process; torch reserves much more than it uses."""
GRACE_SEC = 3.0
"""How long a cancelled job may take to notice."""
_TURNS = 200
"""After so many requests a process is replaced, so that no library's leak can grow."""
_LOG_BYTES = 5_000_000


class WorkerDiedError(Exception):
    """The process ended in the middle of a request."""


class WorkerFailedError(Exception):
    """An error that is ours, not the user's."""


class CancelledError(Exception):
    """The request was cancelled."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to call, with what.  ``folder`` None: a question, answered without files."""

    call: str
    schema: str
    order: Mapping[str, Any]
    runs: Path
    folder: Path | None = None
    paths: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def line(self, number: int) -> str:
        """As the process reads it."""
        folder = None if self.folder is None else str(self.folder)
        values = {
            "id": number, "call": self.call, "schema": self.schema, "order": dict(self.order),
            "folder": folder, "runs": str(self.runs), "paths": dict(self.paths),
            "names": dict(self.names),
        }  # fmt: skip
        return json.dumps(values) + "\n"


class Workshop:
    """One process that lives between requests; one request at a time."""

    def __init__(self, log: Path, threads: int = 1, memory_mb: int = JOB_MB) -> None:
        self._log, self._threads, self._memory_mb = log, threads, memory_mb
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._turns = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, where one lives."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    def call(
        self,
        request: Request,
        *,
        tell: Progress | None = None,
        cancelled: threading.Event | None = None,
        seconds: float = JOB_SEC,
    ) -> Any:
        """Do one request and return its result.

        Raises PartimentoError for the user's mistake, WorkerFailedError for ours, WorkerDiedError
        when the process died or took longer than ``seconds``, CancelledError after ``cancelled``
        was set (the process gets a moment to stop by itself, then it is ended).
        """
        with self._lock:
            number = next(self._numbers)
            self._ready()
            self._write(request.line(number))
            try:
                return self._answer(number, tell, cancelled, time.monotonic() + seconds)
            finally:
                self._turns += 1
                if self._turns >= _TURNS:
                    self.stop()

    def warm(self) -> None:
        """Start the process before it is needed; a no-op while it works."""
        if self._lock.acquire(blocking=False):
            try:
                self._ready()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process and start no other."""
        self._closed = True
        self.stop()

    def stop(self) -> None:
        """End the process and everything that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        _end(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                _close(pipe)

    def _ready(self) -> None:
        if self._closed:
            raise WorkerDiedError("the studio is closing")
        if self._process is not None and self._process.poll() is None:
            return
        self.stop()
        self._turns, self._lines = 0, queue.Queue()
        threads = str(self._threads)
        limits = {f"{name}_NUM_THREADS": threads for name in ("OMP", "OPENBLAS", "MKL")}
        with _log_stream(self._log) as log:
            self._process = subprocess.Popen(
                # -P: a module in the working folder must not be imported.
                [sys.executable, "-P", "-m", "partimento.studio.worker", str(self._memory_mb)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                text=True, encoding="utf-8", start_new_session=True,
                env={**os.environ, **limits},
            )  # fmt: skip
        reader = threading.Thread(
            target=_read, args=(self._process.stdout, self._lines), daemon=True
        )
        reader.start()

    def _write(self, line: str) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise WorkerDiedError("the process is not there")
        try:
            process.stdin.write(line)
            process.stdin.flush()
        except (OSError, ValueError) as error:
            raise WorkerDiedError(str(error)) from error

    def _answer(
        self, number: int, tell: Progress | None, cancelled: threading.Event | None, end: float
    ) -> Any:
        told_to_stop = False
        while True:
            if cancelled is not None and cancelled.is_set() and not told_to_stop:
                told_to_stop, end = True, min(end, time.monotonic() + GRACE_SEC)
                self._write(json.dumps({"cancel": number}) + "\n")
            if time.monotonic() > end:
                self.stop()
                if told_to_stop:
                    raise CancelledError
                raise WorkerDiedError("it took too long and was stopped")
            try:
                line = self._lines.get(timeout=0.1)
            except queue.Empty:
                continue
            if line is None:
                self.stop()
                if told_to_stop:
                    raise CancelledError
                raise WorkerDiedError("its process died")
            answer = json.loads(line)
            if answer.get("id") == number and (result := _read_answer(answer, tell)) is not None:
                return result[0]


def _read_answer(answer: Mapping[str, Any], tell: Progress | None) -> tuple[Any] | None:
    """The result in a tuple; None for progress.  Raises what the answer says."""
    if "progress" in answer:
        if tell is not None:
            tell(*answer["progress"])
        return None
    if "error" in answer:
        raise PartimentoError(**answer["error"])
    if "failed" in answer:
        raise WorkerFailedError(str(answer["failed"]))
    if "cancelled" in answer:
        raise CancelledError
    return (answer["result"],)


def _read(stream: Any, lines: queue.Queue[str | None]) -> None:
    try:
        for line in stream:
            lines.put(line)
    except ValueError:  # the pipe was closed while it was read
        pass
    lines.put(None)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (AttributeError, ProcessLookupError):  # Windows; or gone this very moment
            process.kill()
    process.wait()


def _close(pipe: Any) -> None:
    # What was not written any more is of no use.
    with suppress(OSError, ValueError):
        pipe.close()


def _log_stream(path: Path) -> Any:
    """The log, begun anew when it has grown large."""
    large = path.exists() and path.stat().st_size > _LOG_BYTES
    return path.open("w" if large else "a", encoding="utf-8")
