"""Attacks on the door of the studio, tried on the running one: requests, clients, other sites."""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.studio.conftest import RunningStudio, run_apart

from partimento.examples import PRIMER, example_path
from partimento.studio.orders import ComposeOrder, CritiqueOrder, PictureOrder
from partimento.studio.settings import Settings
from partimento.studio.state import Studio
from partimento.studio.workshop import Request, Workshop

PIECE = example_path(PRIMER)
SONG = example_path("amazing_grace")
COUNT = int(os.environ.get("PARTIMENTO_FUZZ", "150"))
SLOWEST_SEC = 10.0


# Requests


def test_words_that_look_like_a_file_are_words(studio: RunningStudio) -> None:
    for text in ("job: a song", "upload:../../etc/passwd", f"job:{'9' * 1900}/a"):
        assert ComposeOrder(text=text).refs() == []
        with studio.client() as client:
            answer = client.post("/api/ask/understand", json={"text": text})
        assert answer.status_code in (200, 400), answer.text
        assert "not in the studio" not in answer.text
    ref, other = "upload:0123456789abcdef", "job:12/piece-1.mid"
    assert CritiqueOrder(performances=[ref], score=other).refs() == [ref, other]
    assert PictureOrder(source=other, caption="job: done").refs() == [other]


@pytest.mark.parametrize(
    "path",
    [
        f"/api/jobs?before={10**30}", f"/api/jobs?before={2**63}", f"/api/changes?since={10**30}",
        f"/api/changes?since={'9' * 5000}", "/api/changes?wait=nan", "/api/changes?wait=inf",
        "/api/jobs?kind=%00", "/api/jobs?kind=%ED%A0%80", f"/api/jobs/{'9' * 5000}",
        f"/api/jobs/1/rows?since={10**30}", "/api/uploads/%ED%A0%80/content",
        "/api/runs/" + "a" * 50_000, "/api/jobs/compose", "/api/runs/x/rows",
    ],
)  # fmt: skip
def test_numbers_and_names_out_of_bounds_get_a_paragraph(studio: RunningStudio, path: str) -> None:
    with studio.client() as client:
        answer = client.get(path)
    assert answer.status_code in (200, 400, 404, 422), answer.text[:300]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 400_000, b'{"text":' + b"[" * 90_000 + b"]" * 90_000 + b"}",
        b'{"text":"a","seed":' + b"9" * 900_000 + b"}", b'{"text":"a","guidance":1e999}',
        b'{"text":"a","guidance":NaN}', b'{"text":"\xff"}', b'{"text":"\\ud800"}',
        b'{"text":"a","\\ud800":1}', b'{"text":"a","settings":{"\\ud800":1}}',
    ],
    ids=["deep", "deep value", "digits", "infinite", "nan", "bytes", "half", "key", "setting"],
)  # fmt: skip
def test_odd_json_gets_a_paragraph(studio: RunningStudio, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    with studio.client() as client:
        answer = client.post("/api/jobs/compose", content=body, headers=headers)
    assert answer.status_code in (400, 422) and len(answer.json()["text"]) > 10


_TEXTS = (
    "", "a", "job:1/a", "upload:", "=1+1", "\x00", "\u202e", "\U0001d49c" * 500, "a" * 3000,
    "../../etc/passwd", "%s%n", "-1", "1e999", "nan", "\r\nX: y", "9999-1", "__class__", "null",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (0, -1, 3.5, 1e308, 2**63, 10**40, True, None, [], {}, [[]], "1")


class _Asker:
    """Random requests that follow the API's own description, more or less."""

    def __init__(self, described: dict[str, Any], refs: list[str], seed: int) -> None:
        self.schemas = described["components"]["schemas"]
        self.routes = [
            (method, path, route)
            for path, methods in described["paths"].items()
            # Work takes its time and has its own tests; the studio's door and desk are meant here.
            if path not in ("/api/faults", "/api/jobs/replay")
            for method, route in methods.items()
        ]
        self.refs, self.random = refs, random.Random(seed)

    def request(self) -> tuple[str, str, dict[str, str], bytes | None]:
        """Method, path, query and body."""
        method, path, route = self.random.choice(self.routes)
        query = {}
        for one in route.get("parameters", []):
            value = str(self.value(one["schema"]))
            if one["name"] == "wait":
                value = self.random.choice(["0", "0.1", "-1", "nan"])
            if one["in"] == "path":
                # Quoted by hand: a name may hold anything.
                quoted = "".join(f"%{byte:02x}" for byte in value.encode()) or "x"
                path = path.replace("{" + one["name"] + "}", quoted)
            elif self.random.random() < 0.6:
                query[one["name"]] = value
        return method, path, query, self.body(route)

    def body(self, route: dict[str, Any]) -> bytes | None:
        content = route.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return json.dumps(self.value(content["application/json"]["schema"])).encode()
        return self.random.randbytes(100) if content else None

    def value(self, schema: dict[str, Any]) -> Any:
        pick = self.random.choice
        if self.random.random() < 0.06:
            return pick(_TEXTS + _VALUES)
        if "$ref" in schema:
            return self.value(self.schemas[schema["$ref"].rpartition("/")[2]])
        if "anyOf" in schema:
            return self.value(pick(schema["anyOf"]))
        if "enum" in schema:
            return pick(schema["enum"])
        match schema.get("type"):
            case "string":
                return pick(self.refs if "upload" in schema.get("pattern", "") else _TEXTS)
            case "integer" | "number":
                least, most = schema.get("minimum", 0), schema.get("maximum", 100)
                return pick([least, most, least - 1, most + 1, (least + most) // 2, 2**63])
            case "array":
                return [self.value(schema["items"]) for _ in range(pick([0, 1, 1, 2]))]
            case "object" if "properties" in schema:
                needed = schema.get("required", [])
                return {
                    name: self.value(part)
                    for name, part in schema["properties"].items()
                    if name in needed or self.random.random() < 0.3
                }
            case "object":
                return {pick(_TEXTS): pick(_TEXTS)}
        return pick(_VALUES)


def test_random_requests_never_break_it(studio: RunningStudio) -> None:
    """As the API describes itself; ``PARTIMENTO_FUZZ`` sets how many (docs/log.md: of 2,000)."""
    refs = [studio.upload(path)["ref"] for path in (PIECE, SONG)]
    refs += ["upload:" + "a" * 16, "job:1/result.json", "job:999999999/x", "job:1/.."]
    slowest, placed, statuses = 0.0, [], set()
    with studio.client() as client:
        asker = _Asker(client.get("/api/openapi.json").json(), refs, seed=2000)
        for _ in range(COUNT):
            method, path, query, body = asker.request()
            headers = {} if body is None else {"Content-Type": "application/json"}
            began = time.monotonic()
            answer = client.request(method, path, params=query, content=body, headers=headers)
            slowest = max(slowest, time.monotonic() - began)
            statuses.add(answer.status_code)
            told = (method, path[:200], query, body and body[:500], answer.text[:300])
            assert answer.status_code < 500, told
            if answer.status_code == 202:
                placed.append(answer.json()["number"])
                client.post(f"/api/jobs/{placed[-1]}/cancel")
            elif answer.status_code >= 400:
                assert set(answer.json()) == {"error", "text"}, told
                assert str(studio.home) not in answer.text, told
        assert client.get("/api/session").status_code == 200
    assert slowest < SLOWEST_SEC
    assert {200, 404, 422} <= statuses
    ends = [studio.ended(number) for number in placed]
    assert [job for job in ends if "not have happened" in job["error"]] == []


# Clients


_FOREIGN = """
async (studio) => {
  const tries = {
    read: () => fetch(studio + "/api/session").then((a) => a.text()),
    blind: () => fetch(studio + "/api/jobs/dream", {method: "POST", mode: "no-cors", body: "{}"}),
    forged: () => fetch(studio + "/api/jobs/dream", {method: "POST", body: "{}",
      headers: {"X-Partimento-Token": "a", "Content-Type": "application/json"}}),
    script: () => new Promise((done, fail) => document.head.append(Object.assign(
      document.createElement("script"),
      {src: studio + "/static/js/dom.js", onload: done, onerror: fail}))),
    picture: () => new Promise((done, fail) => document.head.append(Object.assign(
      new Image(), {src: studio + "/favicon.ico", onload: done, onerror: fail}))),
    frame: () => new Promise((done) => {
      const frame = Object.assign(document.createElement("iframe"), {src: studio + "/"});
      frame.onload = () => setTimeout(done, 200);
      document.body.append(frame);
    }),
  };
  const found = {};
  for (const [name, attempt] of Object.entries(tries)) {
    try { const got = await attempt(); found[name] = typeof got === "string" ? got : "through"; }
    catch { found[name] = "refused"; }
  }
  return found;
}
"""


def test_a_page_of_another_site_in_the_same_browser_gets_nothing(
    studio: RunningStudio, browser: Any, tmp_path: Path
) -> None:
    """Another port of this machine is the nearest that a foreign page can come."""
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    (tmp_path / "index.html").write_text("<!doctype html><title>evil</title><body>")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    evil = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=evil.serve_forever, daemon=True).start()
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{evil.server_port}/")
        before = httpx.get(f"{studio.address}/api/jobs").json()["jobs"]
        found = page.evaluate(_FOREIGN, studio.address)
        frame = page.frames[-1]
        assert frame is not page.main_frame and "chrome-error" in frame.url
        # The answer to a blind request is opaque: what counts is that nothing came of it.
        assert found.pop("blind") in ("through", "refused") and found.pop("frame") == "through"
        assert set(found.values()) == {"refused"}, found
        assert httpx.get(f"{studio.address}/api/jobs").json()["jobs"] == before
    finally:
        context.close()
        evil.shutdown()
        evil.server_close()


def test_only_this_machines_own_address_is_listened_on(studio: RunningStudio) -> None:
    port = int(studio.address.rpartition(":")[2])
    # The whole of 127/8 is this machine: who binds to every address answers here too.
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), timeout=3).close()


def _served(app: Any, seconds: float, reading: float, client: Any) -> Any:
    """What ``client(port)`` finds while ``app`` is served to impatiently."""
    uvicorn = pytest.importorskip("uvicorn")
    from partimento.studio.serve import impatient_protocol

    async def scene() -> Any:
        http = impatient_protocol(seconds, reading)
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, log_level="error", lifespan="off", http=http)
        )
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        try:
            return await client(server.servers[0].sockets[0].getsockname()[1], server)
        finally:
            server.should_exit = True
            await running

    return run_apart(scene())


async def _answer(send: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def test_half_a_second_request_is_hung_up_on_too() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _answer(send, b"here")

    async def client(port: int, _: Any) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"here" in await reader.read(1000)
        writer.write(b"GET / HTTP/1.1\r\nHo")
        began = time.monotonic()
        await asyncio.wait_for(reader.read(), 5)
        return time.monotonic() - began

    assert 0.1 < _served(app, 0.4, 60, client) < 4


def test_a_client_that_reads_nothing_is_let_go() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _answer(send, bytes(30_000_000))

    async def client(port: int, server: Any) -> float:
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.setblocking(False)
            line.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            began = time.monotonic()
            await asyncio.sleep(0.1)
            assert len(server.server_state.connections) == 1
            while server.server_state.connections and time.monotonic() - began < 5:
                await asyncio.sleep(0.02)
            return time.monotonic() - began

    assert 0.2 < _served(app, 60, 0.4, client) < 4


def test_many_who_ask_for_the_faults_start_one_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from partimento.studio import api_doctor

    studio = Studio.open(Settings(tmp_path / "home", tmp_path))
    calls = []

    def call(self: Workshop, request: Request, **_: Any) -> list[Any]:
        calls.append(request)
        time.sleep(0.2)
        return []

    monkeypatch.setattr(Workshop, "call", call)
    monkeypatch.setattr(api_doctor, "studio_of", lambda _: studio)
    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda _: api_doctor.faults(object()), range(8)))  # type: ignore[arg-type]
    assert len(calls) == 1 and told == [{"faults": []}] * 8
    studio.close()


def test_cancelling_deleting_and_asking_again_at_once_leave_the_queue_whole(
    studio: RunningStudio,
) -> None:
    ref = studio.upload(SONG)["ref"]
    with studio.client() as client:
        first = client.post("/api/jobs/check", json={"source": ref}).json()["number"]

        def disturb(turn: int) -> int:
            way = ("POST", "cancel") if turn % 3 == 0 else ("POST", "again")
            if turn % 3 == 2:
                return client.delete(f"/api/jobs/{first}").status_code
            return client.request(way[0], f"/api/jobs/{first}/{way[1]}").status_code

        with ThreadPoolExecutor(6) as pool:
            found = set(pool.map(disturb, range(24)))
        assert found <= {200, 202, 404, 400}
        for job in client.get("/api/jobs", params={"limit": 50}).json()["jobs"]:
            assert studio.ended(job["number"])["state"] in ("done", "cancelled", "failed")
    assert studio.finished("check", {"source": ref})["state"] == "done"
    assert list((studio.home / "jobs").glob("*.part")) == []


def test_errors_that_nobody_foresaw_have_the_form_of_all_others(tmp_path: Path) -> None:
    from fastapi.testclient import TestClient

    from partimento.studio.app import create_app

    app = create_app(Settings(tmp_path / "home", tmp_path), 80)

    @app.get("/api/broken")
    def broken() -> None:
        raise ZeroDivisionError("a secret")

    client = TestClient(app, "http://127.0.0.1:80", raise_server_exceptions=False)
    answer = client.get("/api/broken", headers={"Host": "127.0.0.1:80"})
    assert answer.status_code == 500 and set(answer.json()) == {"error", "text"}
    assert "secret" not in answer.text
    app.state.studio.close()


def test_uploads_at_the_same_time_are_all_kept(studio: RunningStudio) -> None:
    gate = threading.Barrier(8)

    def send(number: int) -> str:
        gate.wait()
        with studio.client() as client:
            answer = client.post(
                "/api/uploads", params={"name": f"{number}.mid"}, content=PIECE.read_bytes()
            )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(send, range(8)))
    assert len(set(ids)) == 8
    for id in ids:
        assert httpx.get(f"{studio.address}/api/uploads/{id}/content").content == PIECE.read_bytes()
