"""The application: routes, the door around them, and errors as paragraphs."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from partimento import __version__
from partimento.core.errors import PartimentoError
from partimento.studio import api, api_doctor, pages
from partimento.studio.api import NotFoundError
from partimento.studio.board import MOST_WAITING, QueueFullError
from partimento.studio.guard import BodyError, Guard
from partimento.studio.questions import BusyError
from partimento.studio.settings import LOOPBACK, Settings
from partimento.studio.state import Studio
from partimento.studio.uploads import TooLargeError
from partimento.studio.workshop import WorkerDiedError, WorkerFailedError

_DESCRIPTION = (
    "Everything that the pages of the studio do. Changing requests carry the token of "
    "`/api/session` in the header `X-Partimento-Token`."
)


def create_app(settings: Settings, port: int) -> FastAPI:
    """The studio as an ASGI application that answers on ``port`` of this machine only."""
    studio = Studio.open(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        studio.board.start()
        yield
        studio.close()

    app = FastAPI(
        title="partimento studio", version=__version__, description=_DESCRIPTION,
        lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json",
    )  # fmt: skip
    app.state.studio = studio
    for router in (api.router, api_doctor.router, pages.router):
        app.include_router(router)
    _add_errors(app)
    hosts = [f"{name}:{port}" for name in (LOOPBACK, "localhost")]
    app.add_middleware(Guard, hosts=hosts, token=studio.token)
    return app


def _add_errors(app: FastAPI) -> None:
    """Every error as ``{"error": {what, where, fix}, "text": paragraph}``."""

    @app.exception_handler(PartimentoError)
    def user_error(_: Request, error: PartimentoError) -> JSONResponse:
        status = {NotFoundError: 404, TooLargeError: 413}.get(type(error), 400)
        return _answer(status, error)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _answer(422, PartimentoError(*_first_problem(error)))

    @app.exception_handler(QueueFullError)
    def full(_: Request, __: QueueFullError) -> JSONResponse:
        text = f"{MOST_WAITING} jobs are waiting already"
        return _answer(429, PartimentoError(text, fix="Wait for some, or cancel some"))

    @app.exception_handler(BusyError)
    def busy(_: Request, __: BusyError) -> JSONResponse:
        return _answer(503, PartimentoError("too many questions at once", fix="Ask again"))

    @app.exception_handler(WorkerFailedError)
    def failed(_: Request, error: WorkerFailedError) -> JSONResponse:
        return _answer(500, PartimentoError(f"this should not have happened ({error})"))

    @app.exception_handler(WorkerDiedError)
    def died(_: Request, error: WorkerDiedError) -> JSONResponse:
        return _answer(503, PartimentoError(f"no answer came ({error})", fix="Ask again"))

    @app.exception_handler(Exception)
    def unforeseen(_: Request, error: Exception) -> JSONResponse:
        # The details stand in the terminal: they may hold what is not the asker's.
        what = f"this should not have happened ({type(error).__name__})"
        return _answer(500, PartimentoError(what, fix="Details are in the studio's terminal"))

    @app.exception_handler(OSError)
    @app.exception_handler(sqlite3.OperationalError)
    def no_room(_: Request, error: Exception) -> JSONResponse:
        what = f"the file or the history could not be written ({error})"
        return _answer(507, PartimentoError(what, fix="Make room on the disk, then try again"))

    @app.exception_handler(HTTPException)
    def other(_: Request, error: HTTPException) -> JSONResponse:
        return _answer(error.status_code, PartimentoError(str(error.detail)))

    @app.exception_handler(BodyError)
    def body(_: Request, error: BodyError) -> JSONResponse:
        return _answer(error.status, PartimentoError(error.text))


def _first_problem(error: RequestValidationError) -> tuple[str]:
    """The first thing that is wrong with a request, in one sentence."""
    first: dict[str, Any] = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("body", "query", "path"))
    return (f"{place or 'the request'}: {first['msg']}",)


def _answer(status: int, error: PartimentoError) -> JSONResponse:
    fields = {"what": error.what, "where": error.where, "fix": error.fix}
    return JSONResponse({"error": fields, "text": error.text}, status_code=status)
