"""A real studio on a free port, and a real browser that watches what the pages do."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
LONGEST = 2600
"""Pixels of a picture of a page, downwards."""
START_SEC = 30.0
SCREENSHOTS = os.environ.get("PARTIMENTO_SCREENSHOTS")
"""Folder to put pictures of the pages in; without it none are kept."""


@dataclass
class RunningStudio:
    """A studio in a process of its own, as a user starts it."""

    home: Path
    runs: Path
    process: subprocess.Popen[str]
    address: str
    token: str = ""

    def client(self, **options: Any) -> httpx.Client:
        """A client that carries the token."""
        headers = {"X-Partimento-Token": self.token}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60, **options)

    def upload(self, path: Path, name: str | None = None) -> dict[str, Any]:
        """Hand in a file."""
        with self.client() as client:
            answer = client.post(
                "/api/uploads", params={"name": name or path.name}, content=path.read_bytes()
            )
        assert answer.status_code == 201, answer.text
        row: dict[str, Any] = answer.json()
        return row

    def finished(self, kind: str, order: dict[str, Any], seconds: float = 120) -> dict[str, Any]:
        """Place an order and wait for its end; the job."""
        with self.client() as client:
            answer = client.post(f"/api/jobs/{kind}", json=order)
            assert answer.status_code == 202, answer.text
            return self.ended(answer.json()["number"], seconds)

    def ended(self, number: int, seconds: float = 120) -> dict[str, Any]:
        """The job once it has ended."""
        end = time.monotonic() + seconds
        with self.client() as client:
            while time.monotonic() < end:
                job: dict[str, Any] = client.get(f"/api/jobs/{number}").json()
                if job["state"] not in ("queued", "running"):
                    return job
                time.sleep(0.1)
        raise AssertionError(f"job {number} did not end: {job}")

    def result(self, number: int) -> dict[str, Any]:
        """What a finished job found."""
        with self.client() as client:
            answer = client.get(f"/api/jobs/{number}/result")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def stop(self, how: str = "terminate") -> None:
        """End the process: terminate or kill."""
        getattr(self.process, how)()
        self.process.wait(timeout=20)


def run_apart(scene: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine run in a thread: the browser's driver keeps a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, scene).result()


def start_studio(home: Path, runs: Path, *options: str) -> RunningStudio:
    """Start a studio on a free port and wait for its address."""
    pytest.importorskip("fastapi", reason="the extra 'studio' is not installed")
    pytest.importorskip("uvicorn", reason="the extra 'studio' is not installed")
    command = [
        sys.executable, "-u", "-m", "partimento.cli.main", "studio", "--home", str(home),
        "--runs", str(runs), "--port", "0", "--no-browser", *options,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", line)
    if found is None:
        process.kill()
        raise AssertionError(f"no address: {line!r} {process.stderr and process.stderr.read()}")
    studio = RunningStudio(home, runs, process, found.group())
    end = time.monotonic() + START_SEC
    while True:
        try:
            studio.token = httpx.get(f"{studio.address}/api/session").json()["token"]
            return studio
        except httpx.TransportError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """One studio for all tests of a process that do not harm it."""
    place = tmp_path_factory.mktemp("studio")
    (place / "runs").mkdir()
    running = start_studio(place / "home", place / "runs")
    yield running
    running.stop()


@dataclass
class Watched:
    """A page of the browser, and everything that it should not do."""

    page: Any
    address: str
    problems: list[str] = field(default_factory=list)

    def open(self, path: str) -> Any:
        """Go to a page of the studio and wait until it is built."""
        self.page.goto(self.address + path)
        self.page.wait_for_selector("main[data-ready]")
        return self.page

    def check(self) -> None:
        """No console error, no exception, no request to another place."""
        assert self.problems == []

    def axe(self) -> None:
        """No violation of the rules that axe knows (WCAG 2 A and AA, best practice)."""
        base = pytest.importorskip("axe_playwright_python.base")
        self.page.evaluate(base.AXE_SCRIPT)
        found = self.page.evaluate("() => axe.run()")
        told = [
            f"{one['id']}: {one['help']} - {[n['html'][:200] for n in one['nodes'][:3]]}"
            for one in found["violations"]
        ]
        assert told == []

    def fits(self) -> None:
        """Nothing sticks out of the window to the right."""
        wide, window = self.page.evaluate(
            "() => [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert wide <= window

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page where pictures are wanted."""
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            path = Path(SCREENSHOTS) / f"{name}.png"
            self.page.screenshot(path=str(path), full_page=True)
            _reduce(path)


def _reduce(path: Path) -> None:
    """Make a picture of a page small: few colours, and not longer than one wants to scroll."""
    image = pytest.importorskip("PIL.Image")
    with image.open(path) as picture:
        cut = picture.convert("RGB").crop((0, 0, picture.width, min(picture.height, LONGEST)))
        cut.quantize(96).save(path, optimize=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium of the system."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine (Debian: the package chromium)")
    with api.sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )  # fmt: skip
        yield running
        running.close()


def _watched(browser: Any, studio: RunningStudio, size: dict[str, int]) -> Iterator[Watched]:
    context = browser.new_context(viewport=size, reduced_motion="reduce", accept_downloads=True)
    watched = Watched(context.new_page(), studio.address)
    page = watched.page
    page.on("pageerror", lambda error: watched.problems.append(f"exception: {error}"))
    page.on(
        "console",
        lambda line: (
            watched.problems.append(f"console: {line.text}")
            if line.type in ("error", "warning")
            else None
        ),
    )
    page.on(
        "request",
        lambda request: (
            watched.problems.append(f"request to {request.url}")
            if not request.url.startswith((studio.address, "blob:", "data:"))
            else None
        ),
    )
    yield watched
    context.close()


@pytest.fixture
def desk(browser: Any, studio: RunningStudio) -> Iterator[Watched]:
    """A page in a large window."""
    yield from _watched(browser, studio, DESKTOP)


@pytest.fixture
def phone(browser: Any, studio: RunningStudio) -> Iterator[Watched]:
    """A page on a telephone's width."""
    yield from _watched(browser, studio, PHONE)
