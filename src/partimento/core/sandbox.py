"""Run a parser on foreign bytes in a process of its own, with limits on memory and time.

A native parser may crash, hang or eat the memory.  Here that ends one child process, and the
caller gets an :class:`InputFileError`.  The child gets the bytes, not the path, and cannot write
any file.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from partimento.core import errors
from partimento.core.errors import InputFileError, PartimentoError

_HEADER = struct.Struct("<Q")
_OK, _USER_ERROR, _FAILED, _MEMORY, _NO_TARGET = b"O", b"U", b"F", b"M", b"T"
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run_guarded(
    target: str,
    payload: bytes,
    args: dict[str, Any],
    *,
    seconds: float = 20,
    memory_mb: int = 2048,
    what: str,
) -> bytes:
    """Call ``target`` = ``module:function`` as ``function(payload, args) -> bytes`` in a child.

    ``args`` must be JSON data; ``what`` names the input in messages.

    Raises the child's own PartimentoError, or InputFileError when the child crashes, runs longer
    than ``seconds``, needs more than ``memory_mb`` of address space, or raises anything else.
    RuntimeError when the target does not exist.
    """
    request = json.dumps(
        {"target": target, "args": args, "seconds": seconds, "memory_mb": memory_mb}
    ).encode()
    process = subprocess.Popen(
        # -P: a module in the working folder must not be imported; -B: the child writes no file.
        [sys.executable, "-P", "-B", "-m", "partimento.core.sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **_ONE_THREAD},
        start_new_session=True,
    )
    try:
        reply, _ = process.communicate(
            _HEADER.pack(len(request)) + request + payload, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        raise _too_long(what, seconds) from None
    finally:
        _kill(process)
    return _answer(reply, process.returncode, what, seconds)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started; a no-op when it has ended."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
        process.communicate()


def _too_long(what: str, seconds: float) -> InputFileError:
    return InputFileError(
        f"reading it took longer than {seconds:g} s and was stopped",
        where=what,
        fix="Check whether the file is damaged, or cut the piece",
    )


def _answer(reply: bytes, code: int, what: str, seconds: float) -> bytes:
    kind, body = reply[:1], reply[1:]
    if code == 0 and kind == _OK:
        return body
    if code == 0 and kind == _USER_ERROR:
        raise _rebuild(json.loads(body))
    if code == 0 and kind == _NO_TARGET:
        raise RuntimeError(body.decode())
    if code == 0 and kind == _FAILED:
        raise InputFileError(f"it cannot be read ({body.decode()})", where=what)
    if code == 0 and kind == _MEMORY:
        raise InputFileError("reading it needs more memory than is allowed", where=what)
    if -code == getattr(signal, "SIGXCPU", None):
        raise _too_long(what, seconds)
    cause = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    raise InputFileError(
        f"the parser crashed on it ({cause})", where=what, fix="The file is probably damaged"
    )


def _rebuild(fields: dict[str, str]) -> PartimentoError:
    kind = getattr(errors, fields["class"], InputFileError)
    error: PartimentoError = kind(fields["what"], where=fields["where"], fix=fields["fix"])
    return error


def _limit(seconds: float, memory_mb: int) -> None:
    """Set hard limits on this process; systems without them still have the wall clock."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        resource.RLIMIT_AS: memory_mb * 1_000_000,
        resource.RLIMIT_CPU: max(1, round(seconds) + 1),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
    }
    for kind, value in limits.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _find(target: str) -> Callable[[bytes, dict[str, Any]], bytes]:
    module, _, name = target.partition(":")
    function: Callable[[bytes, dict[str, Any]], bytes] = getattr(import_module(module), name)
    return function


def _work(request: dict[str, Any], payload: bytes) -> bytes:
    try:
        function = _find(request["target"])
    except (ImportError, AttributeError, ValueError) as error:
        return _NO_TARGET + f"no function {request['target']!r}: {error}".encode()
    _limit(request["seconds"], request["memory_mb"])
    try:
        return _OK + function(payload, request["args"])
    except PartimentoError as error:
        fields = {"class": type(error).__name__, "what": error.what}
        return _USER_ERROR + json.dumps({**fields, "where": error.where, "fix": error.fix}).encode()
    except MemoryError:
        return _MEMORY
    except Exception as error:  # the boundary: whatever a parser raises is the file's fault
        return _FAILED + f"{type(error).__name__}: {error}"[:300].encode()


def _child() -> None:
    """Body of the child process: request and payload on stdin, answer on the real stdout."""
    answer = os.fdopen(os.dup(1), "wb")
    # Native code may print; its words must not mix with the answer.
    os.dup2(2, 1)
    (length,) = _HEADER.unpack(sys.stdin.buffer.read(_HEADER.size))
    request = json.loads(sys.stdin.buffer.read(length))
    answer.write(_work(request, sys.stdin.buffer.read()))
    answer.close()
    # Skip destructors: a parser may have broken the heap, and the answer is out.
    os._exit(0)


if __name__ == "__main__":
    _child()
