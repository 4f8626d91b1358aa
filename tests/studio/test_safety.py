"""The door of the studio: other sites, other hosts, large, slow, hostile and too many."""

from __future__ import annotations

import asyncio
import io
import socket
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.studio.conftest import RunningStudio, run_apart

from partimento.examples import PRIMER, example_path
from partimento.studio import guard
from partimento.studio.guard import Guard

PIECE = example_path(PRIMER)
SONG = example_path("amazing_grace")


def _raw(studio: RunningStudio, text: str, seconds: float = 5) -> bytes:
    """What the server answers to exactly these bytes."""
    port = int(studio.address.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as line:
        line.sendall(text.replace("\n", "\r\n").encode("latin-1"))
        line.settimeout(seconds)
        return line.recv(4000)


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: evil.example\n\n",
        "GET /api/session HTTP/1.1\nHost: evil.example:{port}\n\n",
        "GET / HTTP/1.1\nHost: 127.0.0.1.evil.example:{port}\n\n",
        "GET / HTTP/1.1\nHost: 127.0.0.1:1\n\n",
        "GET / HTTP/1.0\n\n",
        "GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nOrigin: http://evil.example\n\n",
        "GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nOrigin: null\n\n",
        "GET /api/session HTTP/1.1\nHost: 127.0.0.1:{port}\nSec-Fetch-Site: cross-site\n\n",
        "GET /api/session HTTP/1.1\nHost: 127.0.0.1:{port}\nSec-Fetch-Site: cross-site\n"
        "Sec-Fetch-Mode: navigate\n\n",
        "GET /api/jobs HTTP/1.1\nHost: 127.0.0.1:{port}\nSec-Fetch-Site: same-site\n\n",
    ],
)
def test_other_hosts_and_other_sites_are_refused(studio: RunningStudio, head: str) -> None:
    answer = _raw(studio, head.replace("{port}", studio.address.rpartition(":")[2]))
    assert answer.split(b" ")[1] == b"403"
    assert b"token" not in answer


def test_a_doubled_host_is_refused(studio: RunningStudio) -> None:
    port = studio.address.rpartition(":")[2]
    host = f"Host: 127.0.0.1:{port}\n"
    assert _raw(studio, f"GET / HTTP/1.1\n{host}{host}\n").split(b" ")[1] in (b"400", b"403")


def test_a_link_on_another_site_may_open_a_page(studio: RunningStudio) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert httpx.get(studio.address, headers=headers).status_code == 200


@pytest.mark.parametrize("token", [None, "", "x" * 43, "\xff"])
def test_nothing_changes_without_the_token(studio: RunningStudio, token: str | None) -> None:
    headers = {} if token is None else {"X-Partimento-Token": token.encode("latin-1")}
    for method, path in (
        ("POST", "/api/uploads"), ("POST", "/api/jobs/check"), ("POST", "/api/ask/roll"),
        ("DELETE", "/api/jobs/1"), ("POST", "/api/jobs/1/cancel"), ("DELETE", "/api/uploads/a"),
    ):  # fmt: skip
        answer = httpx.request(method, studio.address + path, headers=headers, content=b"{}")
        assert answer.status_code == 403, (method, path)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE", "OPTIONS", "CONNECT", "BREW"])
def test_other_methods_are_refused(studio: RunningStudio, method: str) -> None:
    with studio.client() as client:
        assert client.request(method, "/api/jobs").status_code in (400, 405)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../guard.py", "/static/%2e%2e/guard.py", "/static/..%2fguard.py",
        "/static/js/../../app.py", "/static//etc/passwd", "/static/%00", "/static/shell.html",
        "/api/jobs/1/files/..%2f..%2fhistory.sqlite", "/api/jobs/1/files/%2e%2e",
        "/api/uploads/..%2f..%2flock/content", "/api/uploads/%2e%2e/content",
        "/api/runs/..", "/api/runs/..%2f..", "/api/runs/%2fetc", "/api/models/..%2f..%2fx",
        "/api/models/%2fetc%2fpasswd", "/api/jobs/99999999999999999999", "/api/jobs/-1",
    ],
)  # fmt: skip
def test_no_path_leads_out(studio: RunningStudio, path: str) -> None:
    port = studio.address.rpartition(":")[2]
    answer = _raw(studio, f"GET {path} HTTP/1.1\nHost: 127.0.0.1:{port}\n\n")
    assert answer.split(b" ")[1] in (b"400", b"404", b"422"), answer[:200]
    assert b"root:" not in answer and b"import" not in answer


def test_a_link_in_a_jobs_folder_is_not_followed(studio: RunningStudio, tmp_path: Path) -> None:
    job = studio.finished("check", {"source": studio.upload(SONG)["ref"]})
    folder = studio.home / "jobs" / f"{job['number']:06d}"
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (folder / "link.txt").symlink_to(secret)
    with studio.client() as client:
        assert client.get(f"/api/jobs/{job['number']}/files/link.txt").status_code == 404


def test_a_page_that_a_job_wrote_runs_in_an_origin_of_its_own(
    studio: RunningStudio,
) -> None:
    job = studio.finished("check", {"source": studio.upload(SONG)["ref"]})
    folder = studio.home / "jobs" / f"{job['number']:06d}"
    for name in ("a.html", "a.svg", "a.unknown"):
        (folder / name).write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        with studio.client() as client:
            answer = client.get(f"/api/jobs/{job['number']}/files/{name}")
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("sandbox") and "allow-same-origin" not in policy
        assert "default-src 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_every_page_forbids_foreign_and_inline_code(studio: RunningStudio) -> None:
    for path in ("/", "/compose", "/static/js/api.js", "/api/session", "/nothing"):
        policy = httpx.get(studio.address + path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy and "http" not in policy


def test_a_declared_giant_is_refused_before_it_comes(studio: RunningStudio) -> None:
    port = studio.address.rpartition(":")[2]
    began = time.monotonic()
    answer = _raw(
        studio,
        f"POST /api/uploads HTTP/1.1\nHost: 127.0.0.1:{port}\n"
        f"X-Partimento-Token: {studio.token}\nContent-Length: 5000000000\n\n",
    )
    assert answer.split(b" ")[1] == b"413" and time.monotonic() - began < 2


def _stream(head: bytes, size: int) -> Iterator[bytes]:
    yield head
    for _ in range(size // 65_536):
        yield bytes(65_536)


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (PIECE.read_bytes(), 2_500_000),
        (SONG.read_bytes(), 10_500_000),
        (b"RIFF0000WAVE", 51_000_000),
    ],
)
def test_an_undeclared_giant_is_cut_off_and_nothing_is_left(
    studio: RunningStudio, head: bytes, size: int
) -> None:
    before = set((studio.home / "uploads").iterdir())
    with studio.client() as client:
        try:
            answer = client.post("/api/uploads", content=_stream(head, size))
            assert answer.status_code == 413
        except httpx.WriteError:
            # The server hung up while we were still sending, which is as good.
            pass
    assert set((studio.home / "uploads").iterdir()) <= before


def test_a_large_order_is_refused(studio: RunningStudio) -> None:
    with studio.client() as client:
        answer = client.post("/api/jobs/compose", json={"text": "a" * 2_000_000})
    assert answer.status_code == 413


def _mxl(entries: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return target.getvalue()


_CONTAINER = b'<container><rootfiles><rootfile full-path="a.musicxml"/></rootfiles></container>'
_LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 9))
_BOMB = _mxl({"META-INF/container.xml": _CONTAINER, "a.musicxml": bytes(30_000_000)})
HOSTILE = {
    "a bomb": _BOMB,
    "a bomb that says it is small": _BOMB.replace(
        (30_000_000).to_bytes(4, "little"), (40_000).to_bytes(4, "little")
    ),
    "packed too well": _mxl({"META-INF/container.xml": _CONTAINER, "a.musicxml": bytes(9_000_000)}),
    "many entries": _mxl({f"{n}.xml": b"x" for n in range(500)}),
    "a path": _mxl({"META-INF/container.xml": _CONTAINER, "../../a.musicxml": b"x"}),
    "laughs": b'<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY l0 "ha">'
    + _LAUGHS + b"]><score-partwise>&l8;</score-partwise>",
    "a file": b'<?xml version="1.0"?><!DOCTYPE score-partwise [<!ENTITY x SYSTEM '
    b'"file:///etc/passwd">]><score-partwise>&x;</score-partwise>',
    "deep": b"<score-partwise>" + b"<a>" * 100_000,
    "beat-type 0": SONG.read_bytes().replace(b"<beat-type>4<", b"<beat-type>0<"),
    "no divisions": SONG.read_bytes().replace(b"<divisions>", b"<divisions>0"),
    "a long MIDI track": b"MThd\0\0\0\6\0\0\0\1\0\1MTrk\xff\xff\xff\xff",
    "RIFF of nothing": b"RIFF\xff\xff\xff\xffWAVE",
    "only a head": b"MThd",
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_get_a_paragraph(studio: RunningStudio, what: str) -> None:
    began = time.monotonic()
    with studio.client() as client:
        answer = client.post("/api/uploads", params={"name": what}, content=HOSTILE[what])
        told = answer.json()
        if answer.status_code == 201:
            # Only a file whose damage can be mended may pass, and then the page can use it.
            assert what in ("no divisions", "beat-type 0")
            client.post("/api/ask/sheet", json={"source": told["ref"]})
        else:
            assert answer.status_code in (400, 413), told
            assert len(told["text"]) > 20 and "root:" not in told["text"]
            assert str(studio.home) not in told["text"]
        assert client.get("/api/session").status_code == 200
    assert time.monotonic() - began < 10


def test_idle_connections_do_not_keep_others_out(studio: RunningStudio) -> None:
    port = int(studio.address.rpartition(":")[2])
    lines = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        for line in lines:
            line.sendall(b"GET / HTTP/1.1\r\nHo")
        assert httpx.get(studio.address, timeout=5).status_code == 200
    finally:
        for line in lines:
            line.close()


def test_a_client_that_never_finishes_its_request_is_hung_up_on() -> None:
    uvicorn = pytest.importorskip("uvicorn")
    from partimento.studio.serve import impatient_protocol

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"here"})

    async def scene() -> tuple[float, bytes]:
        config = uvicorn.Config(
            app, port=0, log_level="error", lifespan="off", http=impatient_protocol(0.4, 60)
        )
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        began = time.monotonic()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nHo")
        await reader.read()
        took = time.monotonic() - began
        # One that is quick is served as ever, also on a connection older than the limit.
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = b""
        for _ in range(2):
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answers += await reader.read(1000)
            await asyncio.sleep(0.6)
        writer.close()
        server.should_exit = True
        await running
        return took, answers

    took, answers = run_apart(scene())
    assert 0.2 < took < 5
    assert answers.count(b"200 OK") == 2


def _guarded(receive: Any, **scope: Any) -> list[dict[str, Any]]:
    """What the door sends when the body is read by the application behind it."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    door = Guard(app, hosts=["127.0.0.1:1"], token="t")
    values = {
        "type": "http", "method": "POST", "path": "/api/jobs/check",
        "headers": [(b"host", b"127.0.0.1:1"), (b"x-partimento-token", b"t")], **scope,
    }  # fmt: skip
    run_apart(door(values, receive, send))
    return sent


def test_a_body_that_pauses_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "CHUNK_SEC", 0.1)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(5)
        return {"type": "http.request", "body": b"", "more_body": False}

    assert _guarded(receive)[0]["status"] == 408


def test_a_body_that_trickles_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_SEC", 0.3)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"a", "more_body": True}

    assert _guarded(receive)[0]["status"] == 408


def test_a_body_that_lies_about_its_length_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_BYTES", 1000)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"a" * 400, "more_body": True}

    assert _guarded(receive)[0]["status"] == 413


def test_two_browsers_work_at_the_same_time(browser: Any, studio: RunningStudio) -> None:
    """Each has its own page; both see the one queue."""
    contexts = [browser.new_context() for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    try:
        for page in pages:
            page.goto(studio.address + "/history")
            page.wait_for_selector("main[data-ready]")
        ref = studio.upload(SONG, "seen by both.musicxml")["ref"]
        job = studio.finished("check", {"source": ref})
        for page in pages:
            page.get_by_text("Amazing Grace").first.wait_for(timeout=15_000)
            assert page.evaluate(f"fetch('/api/jobs/{job['number']}').then(a => a.status)") == 200
    finally:
        for context in contexts:
            context.close()
