"""The door: who may ask, how much may come in, how long it may take, what a page may do.

A page of another site must not be able to use the studio of the person who looks at it: the Host
header defeats a name that was rebound to this machine, Origin and token defeat forged requests
(OWASP, Cross-Site Request Forgery Prevention).
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partimento.studio.sniffing import LARGEST

TOKEN_HEADER = "x-partimento-token"
BODY_BYTES = 1_000_000
"""Largest body of a request that is no upload."""
CHUNK_SEC = 20.0
"""A body may pause so long."""
BODY_SEC = 180.0
"""A body may take so long altogether."""
_SAFE = frozenset({"GET", "HEAD"})
_METHODS = _SAFE | {"POST", "DELETE"}

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""What a page of the studio may load and do: its own files and nothing else."""
_HEADERS: dict[str, str] = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class BodyError(Exception):
    """A body that is too large or too slow."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(frozen=True, slots=True)
class _Refusal:
    status: int
    what: str


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str], token: str) -> None:
        self._app, self._token = app, token
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # No web sockets are offered; closing is the refusal of the protocol.
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(send, refusal.status, refusal.what)
            return
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": _with_headers(message["headers"])}
            await send(message)

        try:
            await self._app(scope, _limited(scope, receive), guarded_send)
        except BodyError as error:
            if not started:
                await _refuse(send, error.status, error.text)

    def _refusal(self, scope: Scope) -> _Refusal | None:
        """Why a request is not let in; None when it is."""
        headers = scope["headers"]
        if scope["method"] not in _METHODS:
            return _Refusal(405, f"the method {scope['method'][:20]} is not used here")
        hosts = [value.decode("latin-1").lower() for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _Refusal(
                403, "the studio answers under its own address only, not under another name"
            )
        origins = [value.decode("latin-1").lower() for name, value in headers if name == b"origin"]
        if any(origin not in self._origins for origin in origins):
            return _Refusal(403, "a page of another site asked; the studio answers its own pages")
        values = dict(headers)
        if not _same_site(scope, values):
            return _Refusal(403, "a page of another site asked; the studio answers its own pages")
        if scope["method"] not in _SAFE:
            given = values.get(TOKEN_HEADER.encode(), b"")
            if not hmac.compare_digest(given, self._token.encode()):
                return _Refusal(403, "the page is older than the studio; load it again")
        return _too_long(scope, values)


def _same_site(scope: Scope, headers: dict[bytes, bytes]) -> bool:
    """Whether the browser, where it tells, says that the request is not another site's.

    A link on another site may open a page of the studio; nothing else.
    """
    site = headers.get(b"sec-fetch-site", b"none")
    opens_page = headers.get(b"sec-fetch-mode") == b"navigate"
    is_page = not scope["path"].startswith("/api/") and scope["method"] == "GET"
    return site in (b"same-origin", b"none") or (opens_page and is_page)


def _too_long(scope: Scope, headers: dict[bytes, bytes]) -> _Refusal | None:
    length = headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit() or int(length) > body_limit(scope):
        return _Refusal(413, f"more than {body_limit(scope)} bytes are not taken here")
    return None


def body_limit(scope: Scope) -> int:
    """Bytes that the body of this request may have."""
    return LARGEST if scope["path"] == "/api/uploads" else BODY_BYTES


def _limited(scope: Scope, receive: Receive) -> Receive:
    """``receive`` that counts bytes and seconds of the body."""
    seen = 0
    loop = asyncio.get_running_loop()
    end = loop.time() + BODY_SEC
    finished = False

    async def limited() -> Message:
        nonlocal seen, finished
        if finished:
            # After the body only the end of the connection can come; that may take for ever.
            return await receive()
        try:
            async with asyncio.timeout(min(CHUNK_SEC, max(end - loop.time(), 0.0))):
                message = await receive()
        except TimeoutError:
            raise BodyError(408, "the request came too slowly and was given up") from None
        if message["type"] == "http.request":
            seen += len(message.get("body", b""))
            finished = not message.get("more_body", False)
            if seen > body_limit(scope):
                raise BodyError(413, f"more than {body_limit(scope)} bytes are not taken here")
        return message

    return limited


def _with_headers(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers with those of the door added where a route has not set its own."""
    kept = list(headers)
    present = {name.lower() for name, _ in kept}
    return kept + [
        (name.encode(), value.encode())
        for name, value in _HEADERS.items()
        if name.encode() not in present
    ]


async def _refuse(send: Send, status: int, what: str) -> None:
    body = json.dumps(
        {"error": {"what": what, "where": "", "fix": ""}, "text": f"{what}."}
    ).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        # What is left of a refused body is not read; the connection ends.
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": _with_headers(headers)})
    await send({"type": "http.response.body", "body": body})
