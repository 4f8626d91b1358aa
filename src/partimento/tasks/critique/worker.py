"""Processes that read clips: several at once, each with limits, and none that ends the others.

Aligning a performance with a score means native and foreign code on files from strangers.  A worker
reads one clip after the other in a process that cannot write files and has a limit of memory; its
owner ends it when a clip takes too long.  A clip on which it dies gives an error, and a new worker
goes on with the next.  Importing the libraries takes longer than a clip, hence no process per clip.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from partimento.core import errors
from partimento.core.errors import InputFileError, PartimentoError
from partimento.core.progress import Progress
from partimento.tasks.critique.extraction import (
    ClipReader,
    Extracted,
    extract,
    from_json,
    to_json,
)
from partimento.tasks.critique.interface import ClipFiles

CLIP_READER = "partimento.tasks.critique.reading:StatisticsReader"
"""``module:class`` of what reads clips in the processes.  It needs no critic: that would cost every
process the import of torch."""
SECONDS_PER_CLIP = 60.0
SECONDS_TO_START = 60.0
"""More for the first clip of a worker, which pays for its imports on a busy machine."""
MEMORY_MB = 4096
CLIPS_PER_WORKER = 4
"""A second worker pays off from more clips than this on."""
MOST_WORKERS = 8
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Found = Extracted | PartimentoError


class Reader:
    """One worker process and its owner's side; started before it is first needed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._fresh = True
        self._start()

    def read(self, clip: ClipFiles, must_match: bool) -> Found:
        """What is in a clip, or the error for its user."""
        request = {
            "performance": str(clip.performance),
            "score": None if clip.score is None else str(clip.score),
            "score_midi": None if clip.score_midi is None else str(clip.score_midi),
            "must_match": must_match,
        }
        try:
            reply = self._ask(request)
        except PartimentoError as error:
            return error
        if "error" in reply:
            return _rebuilt(reply["error"])
        return from_json(reply)

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is None:
            return
        _kill(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            # -P: a module in the working folder must not be imported; -B: no byte code is written.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "partimento.tasks.critique.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,
            )
            self._fresh = True
            self._send({"reader": CLIP_READER})
        return self._process

    def _send(self, data: dict[str, Any]) -> None:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is not None:
            pipe.write(json.dumps(data).encode() + b"\n")
            pipe.flush()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        where = str(request["performance"])
        process = self._start()
        late = threading.Event()

        def stop() -> None:
            late.set()
            _kill(process)

        fresh, self._fresh = self._fresh, False
        seconds = SECONDS_PER_CLIP + (SECONDS_TO_START if fresh else 0.0)
        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            self._send(request)
            line = process.stdout.readline() if process.stdout is not None else b""
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if line:
            reply: dict[str, Any] = json.loads(line)
            return reply
        self.close()
        if late.is_set():
            problem = f"reading it took longer than {seconds:g} s and was stopped"
            raise InputFileError(problem, where=where, fix="Cut out the passage to be judged")
        raise InputFileError("the process that read it ended; it is probably damaged", where=where)


@contextmanager
def readers(count: int) -> Iterator[list[Reader]]:
    """Workers that are already starting; they end with the block."""
    started = [Reader() for _ in range(count)]
    try:
        yield started
    finally:
        for reader in started:
            reader.close()


def worker_count(clips: int) -> int:
    """How many workers pay off: one per core at most."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(-(-clips // CLIPS_PER_WORKER), cores or 1, MOST_WORKERS))


def read_clips(
    clips: Sequence[ClipFiles],
    must_match: bool,
    workers: Sequence[Reader],
    progress: Progress | None = None,
) -> list[Found]:
    """All clips in their order, each read by whichever worker is free."""
    free: SimpleQueue[Reader] = SimpleQueue()
    for worker in workers:
        free.put(worker)
    done, lock = [0], threading.Lock()

    def read(clip: ClipFiles) -> Found:
        worker = free.get()
        try:
            return worker.read(clip, must_match)
        finally:
            free.put(worker)
            with lock:
                done[0] += 1
                if progress is not None:
                    progress(done[0], len(clips), clip.performance.name)

    with ThreadPoolExecutor(len(workers)) as pool:
        return list(pool.map(read, clips))


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _fields(error: PartimentoError) -> dict[str, str]:
    kind = type(error).__name__
    return {"class": kind, "what": error.what, "where": error.where, "fix": error.fix}


def _rebuilt(fields: dict[str, str]) -> PartimentoError:
    kind = getattr(errors, fields["class"], InputFileError)
    error: PartimentoError = kind(fields["what"], where=fields["where"], fix=fields["fix"])
    return error


def _limit() -> None:
    """No file may be written and memory has an end, where the system knows such limits."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, value in (
        (resource.RLIMIT_AS, MEMORY_MB * 1_000_000),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _reply(reader: ClipReader, request: dict[str, Any]) -> dict[str, Any]:
    score, score_midi = (
        None if request[name] is None else Path(request[name]) for name in ("score", "score_midi")
    )
    clip = ClipFiles(Path(request["performance"]), score, score_midi)
    try:
        return to_json(extract(reader, clip, must_match=bool(request["must_match"])))
    except PartimentoError as error:
        where = error.where or str(clip.performance)
        return {"error": {**_fields(error), "where": where}}
    except MemoryError:
        what = "reading it needs more memory than is allowed"
    except Exception as error:  # the boundary: whatever a parser raises is the file's fault
        what = f"it cannot be read ({type(error).__name__}: {error})"[:300]
    return {"error": _fields(InputFileError(what, where=str(clip.performance)))}


def _child() -> None:
    """Body of the process: a line of JSON in, a line of JSON out."""
    answer = os.fdopen(os.dup(1), "wb")
    # Native code may print; its words must not mix with the answers.
    os.dup2(2, 1)
    module, _, name = json.loads(sys.stdin.buffer.readline())["reader"].partition(":")
    reader: ClipReader = getattr(import_module(module), name)()
    _limit()
    for line in sys.stdin.buffer:
        answer.write(json.dumps(_reply(reader, json.loads(line))).encode() + b"\n")
        answer.flush()


if __name__ == "__main__":
    _child()
