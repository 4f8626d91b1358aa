"""Mutated files through the real server: no crash, no hang, no leak, nothing written elsewhere.

``PARTIMENTO_FUZZ`` sets how many; the figure in docs/log.md is of 2,000.
"""

from __future__ import annotations

import io
import os
import time
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.studio.conftest import RunningStudio, start_studio

from partimento.examples import PRIMER, example_path

COUNT = int(os.environ.get("PARTIMENTO_FUZZ", "120"))
SLOWEST_SEC = 10.0


def _wav() -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(16_000)
        sound.writeframes((np.sin(np.arange(8000) / 8) * 9000).astype("<i2").tobytes())
    return target.getvalue()


def _mxl() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "META-INF/container.xml",
            '<container><rootfiles><rootfile full-path="a.musicxml"/></rootfiles></container>',
        )
        archive.writestr("a.musicxml", example_path("amazing_grace").read_bytes())
    return target.getvalue()


def _flac() -> bytes:
    import soundfile

    target = io.BytesIO()
    soundfile.write(target, np.sin(np.arange(8000) / 8) * 0.3, 16_000, format="FLAC")
    return target.getvalue()


def _seeds() -> list[bytes]:
    names = (PRIMER, "amazing_grace", "greensleeves", "innsbruck", "old_hundredth_hymn")
    return [*(example_path(name).read_bytes() for name in names), _wav(), _mxl(), _flac()]


def _mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes: bytes flipped, cut, doubled, swapped, set to extremes."""
    body = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not body:
            break
        at = int(rng.integers(len(body)))
        # Many changes hit the head, where the sizes and counts stand.
        if rng.random() < 0.25:
            at = int(rng.integers(min(len(body), 64)))
        size = int(rng.integers(1, 1 + min(64, len(body) - at)))
        match int(rng.integers(11)) // 2:
            case 0:
                body[at] ^= 1 << int(rng.integers(8))
            case 1:
                body[at : at + size] = rng.bytes(size)
            case 2:
                del body[at : at + size]
            case 3:
                body[at:at] = body[at : at + size] * int(rng.integers(1, 30))
            case 4:
                body[at : at + size] = bytes([int(rng.choice([0, 255, 127, 128]))]) * size
            case _:
                del body[at:]
    return bytes(body)


def _held(studio: RunningStudio) -> tuple[int, float]:
    """Open files and resident megabytes of the server."""
    place = Path(f"/proc/{studio.process.pid}")
    pages = int((place / "statm").read_text().split()[1])
    return len(list((place / "fd").iterdir())), pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
def test_mutated_uploads_harm_nothing(tmp_path: Path) -> None:
    studio = start_studio(tmp_path / "home", tmp_path / "runs")
    rng = np.random.default_rng(2_000)
    seeds = _seeds()
    accepted: list[str] = []
    slowest, statuses = 0.0, set()
    try:
        with studio.client() as client:
            for seed in seeds:
                assert client.post("/api/uploads", content=seed).status_code == 201
            before = _held(studio)
            for number in range(COUNT):
                data = _mutated(seeds[number % len(seeds)], rng)
                began = time.monotonic()
                answer = client.post("/api/uploads", params={"name": f"{number}"}, content=data)
                slowest = max(slowest, time.monotonic() - began)
                statuses.add(answer.status_code)
                assert answer.status_code in (201, 400, 413), (number, answer.text)
                told = answer.json()
                if answer.status_code != 201:
                    assert str(studio.home) not in told["text"], told
                    continue
                accepted.append(told["id"])
                question = "roll" if told["suffix"] == ".mid" else "sheet"
                if told["kind"] != "sound" and number % 4 == 0:
                    asked = client.post(f"/api/ask/{question}", json={"source": told["ref"]})
                    assert asked.status_code in (200, 400), (number, asked.text)
            after = _held(studio)
            assert client.get("/api/session").status_code == 200
            listed = client.get("/api/uploads", params={"limit": 500}).json()["uploads"]
    finally:
        studio.stop()
    print(f"{COUNT} files: {len(accepted)} accepted, slowest {slowest:.2f} s, {before} -> {after}")
    assert {201, 400} <= statuses
    assert slowest < SLOWEST_SEC
    assert after[0] <= before[0] + 3
    assert after[1] <= before[1] + 60
    kept = {path.stem for path in (tmp_path / "home" / "uploads").iterdir()}
    assert kept == {row["id"] for row in listed} or len(listed) == 500
    assert len(kept) == len(accepted) + len(seeds)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]
    log = (tmp_path / "home" / "workers.log").read_text()
    assert "Traceback" not in log, log[-3000:]
