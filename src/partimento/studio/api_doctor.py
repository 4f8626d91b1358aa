"""The part of the API that shows models, training runs and planted faults."""

from __future__ import annotations

import threading
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from partimento.core.models import list_models, show_model
from partimento.core.plain import plain
from partimento.core.runs import read_jsonl
from partimento.studio.api import NotFoundError, studio_of
from partimento.studio.runs import list_runs, open_run, run_facts
from partimento.studio.settings import Settings
from partimento.studio.workshop import Request as WorkRequest
from partimento.studio.workshop import Workshop

router = APIRouter(prefix="/api")

_FAULTS = "partimento.studio.handlers.doctoring:fault_rows"
_FAULTS_SEC = 30.0
_ROWS = "metrics.jsonl"
_ASKING = threading.Lock()

Since = Annotated[int, Query(ge=0, description="So many rows are known already")]


@router.get("/models", tags=["models"])
def models() -> dict[str, Any]:
    """The weights that come with the package."""
    return {"models": list_models()}


@router.get("/models/{name}", tags=["models"])
def model(name: str) -> dict[str, Any]:
    """Card, configuration and figures of one."""
    # A name is looked up in the list: a path would open files of this machine.
    if name not in {row["name"] for row in list_models()}:
        raise NotFoundError("there is no model of this name", where=name[:80])
    return show_model(name)


@router.get("/runs", tags=["doctor"])
def runs(request: Request) -> dict[str, Any]:
    """Training runs, the one that changed last first."""
    root = studio_of(request).settings.runs
    return {"folder": str(root), "runs": list_runs(root)}


@router.get("/runs/{name:path}", tags=["doctor"])
def run(request: Request, name: str, since: Since = 0) -> dict[str, Any]:
    """Curves and findings of a run; ``since`` leaves out the rows that are known."""
    return run_facts(open_run(studio_of(request).settings.runs, name), since)


@router.get("/faults", tags=["doctor"])
def faults(request: Request) -> dict[str, Any]:
    """What can be planted into a small training; an order ``replay`` takes the name."""
    # However many ask at once, one process is started.
    with _ASKING:
        return {"faults": _faults(studio_of(request).settings)}


@router.get("/jobs/{number}/rows", tags=["doctor"])
def rows(request: Request, number: int, since: Since = 0) -> dict[str, Any]:
    """What the trainings of a job of the kind ``replay`` have written so far."""
    store, settings = studio_of(request).store, studio_of(request).settings
    # Beyond this SQLite has no integers.
    if not 0 < number < 2**62 or not _known(store, number):
        raise NotFoundError("there is no job of this number", where=f"job {number}")
    done = settings.job_folder(number)
    # While a job is at work its folder has another name.
    for folder in (done, done.with_name(done.name + ".part")):
        found = read_jsonl(folder / _ROWS)
        if found:
            return {"count": len(found), "rows": plain(found[since:])}
    return {"count": 0, "rows": []}


def _known(store: Any, number: int) -> bool:
    try:
        store.job(number)
    except KeyError:
        return False
    return True


@cache
def _faults(settings: Settings) -> list[dict[str, Any]]:
    """The list, asked once of a process that ends again: it loads what this one must not."""
    shop = Workshop(settings.log)
    try:
        call = WorkRequest(_FAULTS, "partimento.studio.orders:Order", {}, settings.runs)
        found: list[dict[str, Any]] = shop.call(call, seconds=_FAULTS_SEC)
        return found
    finally:
        shop.close()
