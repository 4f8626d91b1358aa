"""A Python that has imported torch already and forks for every command: seconds saved each time.

Run as a program it is the server; :func:`warm` starts it and makes two small programs,
``partimento`` and ``python``, that hand over arguments, folder, environment and the three streams.
What runs then is the command itself in a process of its own; only the imports come for nothing.
That commands start from cold is tested elsewhere (the README's blocks, ``tests/cli``).
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENT = """#!{python} -SE
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as line:
    line.connect({address!r})
    words = json.dumps([{kind!r}, sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    line.sendmsg([len(words).to_bytes(4, "big")],
                 [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    line.sendall(words)
    code = line.recv(1)
sys.exit(code[0] if code else 70)
"""
PATIENCE = 120.0
"""Seconds for the imports of the server."""


@contextmanager
def warm(folder: Path) -> Iterator[Path]:
    """A folder with the programs ``partimento`` and ``python``, to put first in PATH."""
    address, programs = folder / "line", folder / "bin"
    programs.mkdir(parents=True)
    for kind in ("partimento", "python"):
        text = CLIENT.format(python=sys.executable, address=str(address), kind=kind)
        (programs / kind).write_text(text, encoding="utf-8")
        (programs / kind).chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, str(address)])
    try:
        give_up = time.monotonic() + PATIENCE
        while not address.exists():
            assert server.poll() is None, "the server of warm commands ended"
            assert time.monotonic() < give_up, "the server of warm commands does not answer"
            time.sleep(0.05)
        yield programs
    finally:
        server.kill()
        server.wait()


def serve(address: str) -> None:
    """Import what commands need, then fork for each of them until killed."""
    import lightning  # noqa: F401
    import torch  # noqa: F401

    import partimento.cli.main  # noqa: F401

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address + ".new")
        listener.listen()
        os.rename(address + ".new", address)
        while True:
            line, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                # The grandchild works, the child waits for it: the server never has to.
                _answer(line)
            line.close()
            _reap()


def _answer(line: socket.socket) -> None:
    head, streams, _, _ = socket.recv_fds(line, 4, 3)
    words = b""
    while len(words) < int.from_bytes(head, "big"):
        words += line.recv(65536)
    child = os.fork()
    if child == 0:
        line.close()
        os._exit(_work(*json.loads(words), streams))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    line.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _work(
    kind: str, arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]
) -> int:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, encoding="utf-8", closefd=False)
        for number, mode in enumerate("rww")
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    try:
        return _partimento(arguments) if kind == "partimento" else _python(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _partimento(arguments: list[str]) -> int:
    from partimento.cli.main import main

    sys.argv = ["partimento", *arguments]
    return main(arguments)


def _python(arguments: list[str]) -> int:
    """What Python does with ``-c TEXT`` or a file, nothing else."""
    sys.path.insert(0, "")
    if arguments[0] == "-c":
        sys.argv = arguments
        exec(compile(arguments[1], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")
    return 0


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


if __name__ == "__main__":
    serve(sys.argv[1])
