"""The queue: jobs wait in the history, each working process takes the oldest.

Nothing lives only in memory: a job is in the history before its number is told, and what was
running when the studio ended waits again when it starts.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from partimento.core.errors import PartimentoError
from partimento.studio.handlers import JOBS
from partimento.studio.orders import ORDERS, Order
from partimento.studio.settings import Settings
from partimento.studio.store import Job, State, Store, Upload
from partimento.studio.workshop import (
    CancelledError,
    Request,
    WorkerDiedError,
    WorkerFailedError,
    Workshop,
)

MOST_WAITING = 200
"""Jobs in the queue; one more is refused."""
_PAUSE_SEC = 5.0
"""Between two tries to go on after the disk was full."""


class QueueFullError(Exception):
    """The queue holds as many jobs as it may."""


class Board:
    """Takes orders, hands them to working processes, keeps the history right."""

    def __init__(self, store: Store, settings: Settings, threads: int = 1) -> None:
        self.store, self.settings = store, settings
        self._shops = [Workshop(settings.log, threads) for _ in range(settings.workers)]
        self._cancelled: dict[int, threading.Event] = {}
        self._wake = threading.Condition()
        self._closing = False
        self._pool = ThreadPoolExecutor(max(1, len(self._shops)), thread_name_prefix="shop")

    def start(self) -> None:
        """Begin to work; what was running when the studio ended waits again."""
        self.store.requeue_running()
        for shop in self._shops:
            self._pool.submit(self._work, shop)

    def close(self) -> None:
        """Stop at once; running jobs stay in the history and begin again at the next start."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        for shop in self._shops:
            shop.close()
        self._pool.shutdown(wait=True)

    def add(self, kind: str, order: Order, inputs: Mapping[str, str]) -> Job:
        """Put an order into the queue; ``inputs`` maps its files to what the user calls them.

        Raises QueueFullError.
        """
        with self._wake:
            if self.store.count("queued") >= MOST_WAITING:
                raise QueueFullError
            title = _title(order, inputs)
            job = self.store.add_job(kind, title, order.model_dump(mode="json"))
            self._wake.notify_all()
        return job

    def cancel(self, number: int) -> bool:
        """Take a job out of the queue, or stop it; False when it has ended."""
        with self._wake:
            event = self._cancelled.get(number)
            if event is not None:
                event.set()
                return True
            return self.store.finish(number, "cancelled")

    def delete(self, number: int) -> bool:
        """Forget an ended job and its files; False when it is open or unknown."""
        if not self.store.delete(number):
            return False
        shutil.rmtree(self.settings.job_folder(number), ignore_errors=True)
        return True

    def warm(self) -> None:
        """Start the processes before the first job comes."""
        for shop in self._shops:
            with suppress(WorkerDiedError):
                shop.warm()

    def _work(self, shop: Workshop) -> None:
        while not self._closing:
            job = None
            try:
                job = self._next()
                if job is not None:
                    self._do(shop, job)
            except (OSError, sqlite3.Error):
                # A full disk: the job begins again when there is room.
                traceback.print_exc()
                self._put_back(job)
            except Exception as fault:  # the boundary: the queue goes on without this job
                traceback.print_exc()
                if job is not None:
                    with suppress(sqlite3.Error):
                        told = f"This should not have happened ({type(fault).__name__})."
                        self.store.finish(job.number, "failed", error=told)

    def _put_back(self, job: Job | None) -> None:
        """Wait, and try until the history can be written: a job must not stay "running"."""
        while not self._closing:
            with self._wake:
                self._wake.wait(timeout=_PAUSE_SEC)
            try:
                if job is not None:
                    self.store.put_back(job.number)
                return
            except sqlite3.Error:
                continue

    def _next(self) -> Job | None:
        """The oldest job that waits; None when the studio closes."""
        with self._wake:
            while not self._closing:
                job = self.store.take()
                if job is not None:
                    self._cancelled[job.number] = threading.Event()
                    return job
                self._wake.wait(timeout=5)
            return None

    def _do(self, shop: Workshop, job: Job) -> None:
        folder = self.settings.job_folder(job.number)
        part = folder.with_name(folder.name + ".part")
        state: State = "failed"
        error = title = ""
        try:
            request = self._request(job, _empty(part))
            told = shop.call(
                request,
                tell=self._teller(job.number),
                cancelled=self._cancelled[job.number],
            )
            title = str(told.get("title", ""))
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
            state = "done"
        except CancelledError:
            state = "cancelled"
        except PartimentoError as mistake:
            error = mistake.text
        except WorkerDiedError as death:
            if self._closing:
                self.store.put_back(job.number)
                return
            error = f"The work on this job ended without a result: {death}. The studio goes on."
        except WorkerFailedError as fault:
            error = f"This should not have happened ({fault}). Details are in {self.settings.log}."
        except sqlite3.Error:
            raise
        except Exception as fault:  # the boundary: one bad job must not end the queue
            error = f"This should not have happened ({type(fault).__name__}: {fault})."
        finally:
            shutil.rmtree(part, ignore_errors=True)
            with self._wake:
                self._cancelled.pop(job.number, None)
        self.store.finish(job.number, state, error=error, title=title)

    def _request(self, job: Job, folder: Path) -> Request:
        order = ORDERS[job.kind].model_validate(job.request)
        found = {ref: locate(ref, self.store, self.settings) for ref in order.refs()}
        schema = f"{ORDERS[job.kind].__module__}:{ORDERS[job.kind].__name__}"
        return Request(
            JOBS[job.kind], schema, job.request, self.settings.runs, folder,
            {ref: str(path) for ref, (path, _) in found.items()},
            {ref: name for ref, (_, name) in found.items()},
        )  # fmt: skip

    def _teller(self, number: int) -> Callable[[int, int, str], None]:
        def tell(done: int, total: int, label: str) -> None:
            self.store.progress(number, done, total, label)

        return tell


def locate(ref: str, store: Store, settings: Settings) -> tuple[Path, str]:
    """Where a file that an order names lies, and what the user calls it.

    Only names that the history knows lead anywhere.  Raises PartimentoError for others.
    """
    kind, _, rest = ref.partition(":")
    if kind == "upload":
        with suppress(KeyError):
            upload: Upload = store.upload(rest)
            path = settings.uploads / upload.file_name
            if path.is_file():
                return path, upload.name
    if kind == "job":
        number, _, name = rest.partition("/")
        written = job_file(settings, int(number), name)
        if written is not None:
            return written, name
    raise PartimentoError(
        "this file is not in the studio any more", where=ref, fix="Choose it again"
    )


def job_file(settings: Settings, number: int, name: str) -> Path | None:
    """A file that a job wrote, by its name alone; None when there is none of this name."""
    folder = settings.job_folder(number)
    if not folder.is_dir():
        return None
    # The name is looked up in the folder's own list, never joined to a path unseen.
    for path in folder.iterdir():
        if path.name == name and path.is_file() and not path.is_symlink():
            return path
    return None


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _title(order: Order, inputs: Mapping[str, str]) -> str:
    names = list(dict.fromkeys(inputs.values()))
    return f"{order.title()}: {', '.join(names)}" if names else order.title()


def job_row(job: Job) -> dict[str, Any]:
    """A job as the API tells it."""
    return {name: getattr(job, name) for name in Job.__slots__}
