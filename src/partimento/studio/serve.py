"""Start the studio: one at a time per folder, on this machine's own address only."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from partimento.core.errors import ConfigError, MissingExtraError
from partimento.studio.settings import DEFAULT_PORT, LOOPBACK, MOST_WORKERS, Settings, default_home

_HEADER_SEC = 15.0
"""A client may take so long to say what it wants."""
_READ_SEC = 120.0
"""A client may leave an answer lying so long without reading on."""
_MOST_CONNECTIONS = 256
_WARM_AFTER_SEC = 0.5

Listener = Callable[[str], None]


def serve_studio(
    home: str | Path | None = None,
    *,
    runs: str | Path = "runs",
    port: int = DEFAULT_PORT,
    workers: int = 1,
    browser: bool = True,
    listener: Listener | None = None,
) -> None:
    """Run the studio until it is interrupted.

    ``home`` keeps history and files (default: ``$PARTIMENTO_HOME/studio`` or
    ``~/.partimento/studio``), ``runs`` holds the training runs that the doctor's page shows,
    ``port`` 0 takes a free one, ``browser`` opens the page, ``listener`` is called with the
    address instead of its being printed.

    Raises ConfigError for a port or folder that another program uses, MissingExtraError without
    the extra ``studio``.
    """
    if not 1 <= workers <= MOST_WORKERS:
        raise ConfigError(f"{workers} is not between 1 and {MOST_WORKERS}", where="--workers")
    if not 0 <= port <= 65_535:
        raise ConfigError(f"{port} is no port", where="--port", fix="Use 1024 to 65535")
    folder = default_home() if home is None else Path(home)
    settings = Settings(folder.resolve(), Path(runs).resolve(), port, workers)
    with _alone(settings.home), _listening(port) as door:
        _run(settings, door, browser, listener or _print_address)


def _print_address(address: str) -> None:
    print(f"The studio is open at {address} (stop it with Ctrl-C).", flush=True)


def _run(settings: Settings, door: socket.socket, browser: bool, listener: Listener) -> None:
    try:
        import uvicorn

        from partimento.studio.app import create_app
    except ImportError as error:
        raise MissingExtraError(
            f"the studio needs the extra 'studio' ({error.name} is missing)",
            fix='Install it: pip install "partimento[studio]"',
        ) from error
    port = door.getsockname()[1]
    try:
        app = create_app(settings, port)
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(
            f"the history cannot be opened ({error})",
            where=str(settings.database),
            fix="Make room on the disk, or name another folder with --home",
        ) from error
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none",
        http=impatient_protocol(_HEADER_SEC, _READ_SEC),
        limit_concurrency=_MOST_CONNECTIONS, timeout_keep_alive=5, timeout_graceful_shutdown=2,
    )  # fmt: skip
    address = f"http://{LOOPBACK}:{port}/"
    listener(address)
    studio = app.state.studio
    timers = [threading.Timer(_WARM_AFTER_SEC, _quietly, (studio.desk.warm,))]
    timers.append(threading.Timer(2 * _WARM_AFTER_SEC, _quietly, (studio.board.warm,)))
    if browser and _has_screen():
        timers.append(threading.Timer(_WARM_AFTER_SEC / 2, webbrowser.open, (address,)))
    for timer in timers:
        timer.daemon = True
        timer.start()
    # Ctrl-C is how it is meant to end; the server has shut down in good order by then.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[door])


def _has_screen() -> bool:
    """Whether a browser could show a window; a text browser would take the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _quietly(start: Callable[[], None]) -> None:
    """Start a process ahead of need; when the studio is closing already, that is no matter."""
    from partimento.studio.workshop import WorkerDiedError

    with suppress(WorkerDiedError, OSError):
        start()


def impatient_protocol(seconds: float, reading: float) -> type[asyncio.Protocol]:
    """HTTP/1.1 of uvicorn that hangs up on a client that does not finish saying what it wants.

    uvicorn itself waits for ever, for the first request of a connection as for each later one:
    connections that say a letter a minute would use up the places.  So would those that ask for
    much and read nothing of it; ``reading`` seconds are given to them.
    """
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Impatient(H11Protocol):
        """One connection."""

        _given_up: asyncio.TimerHandle | None = None
        _unread: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._given_up = self.loop.call_later(seconds, self._give_up)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            # For a later request the time counts from its first letter.
            if self._given_up is None and self._waits():
                self._given_up = self.loop.call_later(seconds, self._give_up)

        def on_response_complete(self) -> None:
            _stop(self._given_up)
            self._given_up = None
            super().on_response_complete()

        def connection_lost(self, exc: Exception | None) -> None:
            _stop(self._given_up)
            _stop(self._unread)
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            # Not close: that would wait until all is read.
            self._unread = self.loop.call_later(reading, self.transport.abort)
            super().pause_writing()

        def resume_writing(self) -> None:
            _stop(self._unread)
            super().resume_writing()

        def _waits(self) -> bool:
            # A cycle begins at the moment at which a request's headers are complete.
            return self.cycle is None or self.cycle.response_complete

        def _give_up(self) -> None:
            if self._waits() and not self.transport.is_closing():
                self.transport.close()

    return Impatient


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        # From here on a browser that is quicker than the server waits instead of being refused.
        listener.listen(_MOST_CONNECTIONS)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} cannot be used ({error.strerror})",
            where="--port",
            fix="Another program, perhaps a studio, listens there; --port 0 takes a free one",
        ) from error
    try:
        yield listener
    finally:
        listener.close()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Hold the folder: two studios on one history would do each job twice."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        stream = (home / "lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"this folder cannot be used ({error.strerror})", where=str(home)
        ) from error
    with stream:
        try:
            _lock(stream)
        except OSError as error:
            raise ConfigError(
                "another studio uses this folder",
                where=str(home),
                fix="Use that one, stop it, or name another folder with --home",
            ) from error
        yield


def _lock(stream: Any) -> None:
    """Raise OSError when another process holds the file."""
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
