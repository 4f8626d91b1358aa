"""The studio's API: orders, history, files, questions, models, runs.

Every answer that is an error has the form ``{"error": {what, where, fix}, "text": paragraph}``.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, cast

import anyio.to_thread
from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from pydantic import ValidationError

from partimento import __version__
from partimento.core.errors import PartimentoError
from partimento.studio.board import Board, job_file, job_row, locate
from partimento.studio.file_answers import file_answer
from partimento.studio.orders import ORDERS, Order
from partimento.studio.questions import ASKED
from partimento.studio.samples import sample_names, take_sample
from partimento.studio.state import Studio
from partimento.studio.store import State, Upload
from partimento.studio.worker import RESULT

router = APIRouter(prefix="/api")

LONGEST_WAIT_SEC = 25.0
_LOOK_EVERY_SEC = 0.15
_NUMBERS = 2**62
"""Beyond this SQLite has no integers."""


class NotFoundError(PartimentoError):
    """Nothing of this name or number."""


def studio_of(request: Request) -> Studio:
    """The parts of the running studio."""
    return cast(Studio, request.app.state.studio)


@router.get("/session", tags=["studio"])
def session(request: Request) -> dict[str, Any]:
    """Version, the token that changing requests must carry, and the newest revision."""
    studio = studio_of(request)
    return {
        "version": __version__,
        "token": studio.token,
        "revision": studio.store.revision,
        "waiting": studio.store.count("queued"),
        "running": studio.store.count("running"),
    }


@router.get("/forms", tags=["studio"])
def forms() -> dict[str, Any]:
    """JSON schema of every order, from which the pages make their forms."""
    return {kind: order.model_json_schema() for kind, order in ORDERS.items()}


# Jobs


@router.get("/jobs", tags=["jobs"])
def list_jobs(
    request: Request,
    kind: Annotated[str | None, Query(max_length=40)] = None,
    state: Annotated[State | None, Query()] = None,
    before: Annotated[
        int | None, Query(ge=1, lt=_NUMBERS, description="Number of the last one seen")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """The history, newest first."""
    store = studio_of(request).store
    revision = store.revision
    states: tuple[State, ...] = () if state is None else (state,)
    jobs = store.jobs(kind=kind, states=states, before=before, limit=limit)
    return {"revision": revision, "jobs": [job_row(job) for job in jobs]}


@router.get("/changes", tags=["jobs"])
async def changes(
    request: Request,
    since: Annotated[int, Query(ge=0, description="Newest revision that is known")] = 0,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT_SEC, description="Seconds")] = 0.0,
) -> dict[str, Any]:
    """Jobs that changed after a revision; waits for the next change when there is none."""
    store = studio_of(request).store
    # A history that was begun anew counts from one again.
    since = since if since <= store.revision else 0
    end = asyncio.get_running_loop().time() + wait
    while store.revision <= since and asyncio.get_running_loop().time() < end:
        if studio_of(request).closing.is_set() or await request.is_disconnected():
            break
        await asyncio.sleep(_LOOK_EVERY_SEC)
    revision = store.revision
    jobs = store.jobs(since=since, limit=200)
    return {"revision": revision, "jobs": [job_row(job) for job in jobs]}


@router.get("/jobs/{number}", tags=["jobs"])
def show_job(request: Request, number: int) -> dict[str, Any]:
    """One job."""
    return _job(request, number)


@router.get("/jobs/{number}/result", tags=["jobs"])
def job_result(request: Request, number: int) -> Response:
    """What a finished job found, and its files."""
    _job(request, number)
    folder = studio_of(request).settings.job_folder(number)
    if not (folder / RESULT).is_file():
        raise NotFoundError("this job has no result", where=f"job {number}")
    return FileResponse(folder / RESULT, media_type="application/json")


@router.get("/jobs/{number}/files/{name}", tags=["jobs"])
def job_file_content(request: Request, number: int, name: str, download: bool = False) -> Response:
    """A file that a job wrote."""
    _job(request, number)
    path = job_file(studio_of(request).settings, number, name)
    if path is None:
        raise NotFoundError("this job wrote no such file", where=f"job {number}, {name[:80]}")
    return file_answer(path, name, download=download)


@router.post("/jobs/{number}/cancel", tags=["jobs"])
def cancel_job(request: Request, number: int) -> dict[str, Any]:
    """Take a job out of the queue, or stop it."""
    _job(request, number)
    return {"cancelled": studio_of(request).board.cancel(number), "number": number}


@router.post("/jobs/{number}/again", tags=["jobs"], status_code=202)
def job_again(request: Request, number: int) -> dict[str, Any]:
    """The same order once more, at the end of the queue."""
    job = _job(request, number)
    try:
        order = ORDERS[job["kind"]].model_validate(job["request"])
    except (KeyError, ValidationError) as error:
        # A history may be older than the studio, or newer.
        raise PartimentoError(
            "this order is of another version of the studio",
            where=f"job {number}",
            fix="Place it anew on its page",
        ) from error
    return _placed(request, job["kind"], order)


@router.delete("/jobs/{number}", tags=["jobs"])
def delete_job(request: Request, number: int) -> dict[str, Any]:
    """Forget an ended job and its files."""
    _job(request, number)
    return {"deleted": studio_of(request).board.delete(number), "number": number}


def _job(request: Request, number: int) -> dict[str, Any]:
    if not 0 < number < _NUMBERS:
        raise NotFoundError("there is no job of this number", where=f"job {number}")
    try:
        return job_row(studio_of(request).store.job(number))
    except KeyError:
        raise NotFoundError("there is no job of this number", where=f"job {number}") from None


def _placed(request: Request, kind: str, order: Order) -> dict[str, Any]:
    studio = studio_of(request)
    names = {ref: locate(ref, studio.store, studio.settings)[1] for ref in order.refs()}
    board: Board = studio.board
    return job_row(board.add(kind, order, names))


def _add_order_route(kind: str, schema: type[Order]) -> None:
    """One route per kind, so that the API's documentation shows what each takes."""

    def place(request: Request, order: Any) -> dict[str, Any]:
        return _placed(request, kind, order)

    place.__annotations__["order"] = schema
    place.__doc__ = schema.__doc__
    router.post(f"/jobs/{kind}", tags=["orders"], status_code=202, name=f"order {kind}")(place)


def _add_question_route(question: str, schema: type[Order]) -> None:
    async def answer(request: Request, order: Any) -> Response:
        desk = studio_of(request).desk
        return JSONResponse(await anyio.to_thread.run_sync(desk.ask, question, order))

    answer.__annotations__["order"] = schema
    answer.__doc__ = schema.__doc__
    router.post(f"/ask/{question}", tags=["questions"], name=f"ask {question}")(answer)


for _kind, _schema in ORDERS.items():
    _add_order_route(_kind, _schema)
for _question, _schema in ASKED.items():
    _add_question_route(_question, _schema)


# Uploads


@router.post(
    "/uploads",
    tags=["uploads"],
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}}
            },
        }
    },
)
async def upload(
    request: Request, name: Annotated[str, Query(max_length=1000)] = "file"
) -> dict[str, Any]:
    """Hand in a file: the body is the file, nothing around it."""
    return upload_row(await studio_of(request).uploads.take(name, request.stream()))


@router.get("/uploads", tags=["uploads"])
def list_uploads(
    request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> dict[str, Any]:
    """What was handed in, newest first."""
    return {"uploads": [upload_row(row) for row in studio_of(request).store.uploads(limit)]}


@router.get("/examples", tags=["uploads"])
def list_examples() -> dict[str, Any]:
    """Files that come with the package, to try things with."""
    return {"examples": sample_names()}


@router.post("/examples/{name}", tags=["uploads"], status_code=201)
async def take_example(request: Request, name: str) -> dict[str, Any]:
    """Put an example among the uploads."""
    studio = studio_of(request)
    return upload_row(await take_sample(name, studio.store, studio.uploads))


@router.get("/uploads/{id}/content", tags=["uploads"])
def upload_content(request: Request, id: str, download: bool = False) -> Response:
    """The file itself."""
    found = _upload(request, id)
    path = studio_of(request).uploads.path(found)
    if not path.is_file():
        raise NotFoundError("this file is not on the disk any more", where=found.name)
    return file_answer(path, found.name, download=download)


@router.delete("/uploads/{id}", tags=["uploads"])
def delete_upload(request: Request, id: str) -> dict[str, Any]:
    """Forget a file."""
    _upload(request, id)
    return {"deleted": studio_of(request).uploads.delete(id), "id": id}


def _upload(request: Request, id: str) -> Upload:
    try:
        return studio_of(request).store.upload(id)
    except KeyError:
        raise NotFoundError("there is no such upload", where=id[:40]) from None


def upload_row(found: Upload) -> dict[str, Any]:
    """An upload as the API tells it."""
    row: dict[str, Any] = {name: getattr(found, name) for name in Upload.__slots__}
    return {**row, "ref": f"upload:{found.id}"}
