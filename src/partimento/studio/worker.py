"""A working process: it takes one request a line, does the work and answers with lines.

Started as ``python -m partimento.studio.worker``.  Models stay in memory between jobs: the second
piece comes faster than the first.  When the studio ends, the pipe ends, and so does this process.

A request: ``{"id", "call": "module:function", "schema": "module:class", "order", "folder",
"paths", "names", "runs"}``.
Answers: ``{"id", "progress": [done, total, label]}``, then one of ``{"id", "result"}``,
``{"id", "error": {what, where, fix}}`` (the user's mistake), ``{"id", "failed": text}`` (ours) or
``{"id", "cancelled": true}``.  The first argument bounds its address space, in megabytes.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from partimento.core.errors import PartimentoError
from partimento.core.plain import plain
from partimento.studio.bench import Bench

RESULT = "result.json"
_TELL_EVERY_SEC = 0.2
_TOO_MUCH = {
    "what": "this needs more memory than is allowed",
    "where": "",
    "fix": "Use a shorter piece, or ask for less at once",
}


class CancelledError(Exception):
    """The person at the page does not want it any more."""


class _Desk:
    """Lines in and out, and what was cancelled."""

    def __init__(self, answers: TextIOWrapper) -> None:
        self.requests: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self.cancelled: set[int] = set()
        self._answers = answers
        self._writing = threading.Lock()

    def listen(self) -> None:
        """Read requests until the studio is gone; cancelling must not wait for the work."""
        for line in sys.stdin:
            request = json.loads(line)
            if "cancel" in request:
                self.cancelled.add(int(request["cancel"]))
            else:
                self.requests.put(request)
        # Whatever is being done now, nobody is left to hear of it.
        os._exit(0)

    def say(self, **answer: Any) -> None:
        """One line to the studio."""
        with self._writing:
            text = json.dumps(answer, allow_nan=False, ensure_ascii=False)
            self._answers.write(text + "\n")
            self._answers.flush()


def find(target: str) -> Any:
    """The object named ``module:name``."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)


def serve(desk: _Desk) -> None:
    """Do what is asked, one thing after the other, until the studio ends."""
    while (request := desk.requests.get()) is not None:
        number = int(request["id"])
        if number in desk.cancelled:
            desk.say(id=number, cancelled=True)
            continue
        try:
            result = _done(request, _teller(desk, number))
        except CancelledError:
            desk.say(id=number, cancelled=True)
        except PartimentoError as error:
            desk.say(id=number, error=_for_people(error, request))
        except MemoryError:
            desk.say(id=number, error=_TOO_MUCH)
        except Exception as error:  # the boundary: the studio goes on, the job is told as failed
            traceback.print_exc()
            desk.say(id=number, failed=f"{type(error).__name__}: {error}"[:1000])
        else:
            desk.say(id=number, result=result)


def _done(request: Mapping[str, Any], tell: Any) -> Any:
    """Run one request; the result of a job goes to its folder, that of a question is returned."""
    function = find(request["call"])
    order = find(request["schema"]).model_validate(request["order"])
    folder = None if request["folder"] is None else Path(request["folder"])
    bench = Bench(
        folder or Path(os.devnull),
        {ref: Path(path) for ref, path in request["paths"].items()},
        dict(request["names"]),
        Path(request["runs"]),
        tell,
    )
    result = plain(function(order, bench))
    if folder is None:
        return result
    result.setdefault("files", file_rows(folder))
    # The last file of the folder: where it is, everything is.
    (folder / RESULT).write_text(json.dumps(result, allow_nan=False), encoding="utf-8")
    return {"title": result.get("title", "")}


def file_rows(folder: Path) -> list[dict[str, Any]]:
    """Name and size of every file of a folder, by name."""
    return [
        {"name": path.name, "bytes": path.stat().st_size}
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != RESULT
    ]


def _teller(desk: _Desk, number: int) -> Any:
    last = 0.0

    def tell(done: int, total: int, label: str) -> None:
        nonlocal last
        if number in desk.cancelled:
            raise CancelledError
        now = time.monotonic()
        if now - last >= _TELL_EVERY_SEC or done >= total:
            last = now
            desk.say(id=number, progress=[int(done), int(total), str(label)])

    return tell


def _for_people(error: PartimentoError, request: Mapping[str, Any]) -> dict[str, str]:
    """The error in the user's names: no path of this machine, no name that the studio made."""
    told = {"what": error.what, "where": error.where, "fix": error.fix}
    for ref, path in request["paths"].items():
        shown = request["names"].get(ref, ref)
        place = Path(path)
        # A job's file is called what it is called there; its stem may stand in any number or word.
        made_here = () if place.name == shown else (place.name, place.stem)
        for name in (path, *made_here):
            told = {key: text.replace(name, shown) for key, text in told.items()}
    return told


def _limit(memory_mb: int) -> None:
    """A bound on the address space; systems without it still have the limits on time."""
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = memory_mb * 1_000_000
    soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _serve_or_die(desk: _Desk) -> None:
    """A process whose work has ended must end too: it would look alive and never answer."""
    try:
        serve(desk)
    except BaseException:  # SystemExit of a library among them
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> None:
    """Body of the process; the real standard output is kept for answers alone."""
    _limit(int(sys.argv[1]))
    # Halves of UTF-16 pairs, which JSON and YAML may hold, would break all that reads the history.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace")
    # Libraries print; their words belong into the log.
    os.dup2(2, 1)
    desk = _Desk(answers)
    work = threading.Thread(target=_serve_or_die, args=(desk,), daemon=True)
    work.start()
    desk.listen()


if __name__ == "__main__":
    main()
