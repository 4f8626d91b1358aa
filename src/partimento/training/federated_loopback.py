"""A real federation on this machine: one SuperLink and a SuperNode per node, over loopback.

Starts the programs of Flower, hands them the app, waits for its end and shuts everything down.
Ports are chosen free; all listen on 127.0.0.1 only.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from partimento.core.errors import DataError
from partimento.core.files import write_atomic
from partimento.training.federated import NO_TELEMETRY, flower

HOST = "127.0.0.1"
START_SEC = 90.0
APP = """\
[project]
name = "partimento-federation"
version = "1.0.0"
description = "Federated adapters"
license = "Apache-2.0"
dependencies = []

[tool.flwr.app]
publisher = "partimento"

[tool.flwr.app.components]
serverapp = "federation_app:server"
clientapp = "federation_app:client"

[tool.flwr.app.config]
folder = ""
"""


@dataclass
class Loopback:
    """The processes of one federation; use it in a ``with`` block."""

    folder: Path
    """Run folder: Flower's home, the app and all logs lie in ``flower/`` below it."""
    app: str
    """Module with the names ``server`` and ``client``."""
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict, repr=False)
    _before: Any = field(default=None, repr=False)

    @property
    def home(self) -> Path:
        """Flower's home for this run: nothing is written to the user's own."""
        return self.folder / "flower"

    def __enter__(self) -> Loopback:
        flower()
        if threading.current_thread() is threading.main_thread():
            # Ended from outside, this process must still end those that it has started.
            self._before = signal.signal(signal.SIGTERM, _leave)
        source = self.home / "app"
        source.mkdir(parents=True, exist_ok=True)
        write_atomic(source / "pyproject.toml", APP)
        line = f"from {self.app} import client, server\n\n__all__ = ['client', 'server']\n"
        write_atomic(source / "federation_app.py", f'"""A federation as a Flower app."""\n\n{line}')
        return self

    def __exit__(self, *_: object) -> None:
        for name in reversed(list(self._processes)):
            self._end(name, signal.SIGTERM)
        for process in stragglers(self.home):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)

    def start(self, names: Sequence[str]) -> None:
        """Start the SuperLink and a SuperNode for each name, and hand over the app.

        Raises DataError, naming the log, where one of them does not start.
        """
        port = free_port()
        self._launch(
            "superlink",
            "flower-superlink",
            *("--insecure", "--host", HOST, "--port", str(port)),
            "--disable-runtime-dependency-installation",
        )
        self._wait_for(port)
        for name in names:
            config = f'name="{name}" folder="{self.folder}"'
            self._launch(
                f"supernode-{name}",
                "flower-supernode",
                *("--insecure", "--superlink", f"{HOST}:{port}", "--host", HOST),
                *("--port", str(free_port()), "--node-config", config),
            )
        connection = f'[superlink]\ndefault = "here"\n\n[superlink.here]\naddress = "{HOST}:{port}"'
        write_atomic(self.home / "config.toml", f"{connection}\ninsecure = true\n")
        source = str(self.home / "app")
        self._launch(
            "run", "flwr", "run", source, "here", "--run-config", f'folder="{self.folder}"'
        )
        if self._processes["run"].wait(START_SEC) != 0:
            raise self._failure("run", "the app was not accepted")

    def wait(
        self, done: Path, seconds: float, watch: Callable[[], None] = lambda: None
    ) -> dict[str, Any]:
        """What the app writes to ``done`` (JSON) at its end; ``watch`` is called meanwhile.

        Raises DataError where the SuperLink ends first, or after ``seconds``.
        """
        end = time.monotonic() + seconds
        while not done.is_file():
            if self._processes["superlink"].poll() is not None:
                raise self._failure("superlink", "the SuperLink has ended")
            if time.monotonic() > end:
                raise self._failure("superlink", f"not done after {seconds:g} s")
            watch()
            time.sleep(0.1)
        value: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return value

    def kill(self, name: str) -> None:
        """End the SuperNode ``name`` at once, with all that it has started."""
        self._end(f"supernode-{name}", signal.SIGKILL)

    def _launch(self, name: str, program: str, *arguments: str) -> None:
        here = Path(sys.executable).parent
        path = f"{here}{os.pathsep}{os.environ.get('PATH', '')}"
        environment = {**os.environ, **NO_TELEMETRY, "FLWR_HOME": str(self.home), "PATH": path}
        # Threads of numpy in every one of a dozen small processes would fight over the cores.
        environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with (self.home / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [str(here / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def _wait_for(self, port: int) -> None:
        """Until the SuperLink listens."""
        end = time.monotonic() + START_SEC
        while time.monotonic() < end and self._processes["superlink"].poll() is None:
            with suppress(OSError), socket.create_connection((HOST, port), 1.0):
                return
            time.sleep(0.1)
        raise self._failure("superlink", "the SuperLink does not start")

    def _end(self, name: str, how: signal.Signals) -> None:
        process = self._processes[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _failure(self, name: str, what: str) -> DataError:
        log = self.home / f"{name}.log"
        return DataError(what, where=str(log), fix="The last lines of this log tell why")


def _leave(number: int, _: object) -> None:
    """Turn a signal into the exception that runs the ``finally`` blocks."""
    raise SystemExit(128 + number)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def stragglers(home: Path) -> list[int]:
    """Processes that still run with this home of Flower: Flower starts some in other groups.

    Only where the system has ``/proc``; elsewhere none.
    """
    mark = f"FLWR_HOME={home}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return [process for process in found if process != os.getpid()]
