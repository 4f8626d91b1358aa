"""The real server: uploads, orders, history, and what survives when it ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.studio.conftest import RunningStudio, start_studio

from partimento.examples import PRIMER, example_path

PIECE = example_path(PRIMER)
MELODY = example_path("innsbruck")


def test_an_upload_is_told_by_its_content_and_comes_back_whole(studio: RunningStudio) -> None:
    row = studio.upload(PIECE, "my playing.xml")
    assert (row["kind"], row["suffix"], row["name"]) == ("midi", ".mid", "my playing.xml")
    assert row["facts"]["notes"] == 60
    with studio.client() as client:
        answer = client.get(f"/api/uploads/{row['id']}/content")
        assert answer.content == PIECE.read_bytes()
        assert "attachment" in answer.headers["content-disposition"]
        assert client.delete(f"/api/uploads/{row['id']}").json()["deleted"] is True
        assert client.get(f"/api/uploads/{row['id']}/content").status_code == 404
    assert not list((studio.home / "uploads").glob(f"{row['id']}*"))


def test_an_example_is_taken_once(studio: RunningStudio) -> None:
    with studio.client() as client:
        names = client.get("/api/examples").json()["examples"]
        assert PIECE.name in names and MELODY.name in names
        one = client.post(f"/api/examples/{MELODY.name}").json()
        two = client.post(f"/api/examples/{MELODY.name}").json()
        assert one["id"] == two["id"] and one["facts"]["bars"] == 13
        assert client.post("/api/examples/..%2Fx").status_code in (400, 404)


def test_a_job_is_done_told_of_and_kept(studio: RunningStudio) -> None:
    ref = studio.upload(MELODY)["ref"]
    before = httpx.get(f"{studio.address}/api/session").json()["revision"]
    job = studio.finished("check", {"source": ref})
    assert job["state"] == "done", job["error"]
    assert "Innsbruck" in job["title"]
    found = studio.result(job["number"])
    assert isinstance(found["files"], list)
    with studio.client() as client:
        news = client.get("/api/changes", params={"since": before}).json()
        assert job["number"] in [row["number"] for row in news["jobs"]]
        assert news["revision"] > before
        listed = client.get("/api/jobs", params={"kind": "check"}).json()["jobs"]
        assert job["number"] in [row["number"] for row in listed]
        assert client.delete(f"/api/jobs/{job['number']}").json()["deleted"] is True
        assert client.get(f"/api/jobs/{job['number']}").status_code == 404


def test_changes_wait_for_the_next_change(studio: RunningStudio) -> None:
    with studio.client() as client:
        revision = client.get("/api/session").json()["revision"]
        began = time.monotonic()
        news = client.get("/api/changes", params={"since": revision, "wait": 1}).json()
        assert news["jobs"] == [] and time.monotonic() - began > 0.8
        # A page that knows a newer history than there is gets everything.
        assert client.get("/api/changes", params={"since": revision + 10_000}).status_code == 200


@pytest.mark.parametrize(
    ("kind", "order", "word"),
    [
        ("check", {"source": "upload:0123456789abcdef"}, "Choose it again"),
        ("check", {"source": "../../etc/passwd"}, "source"),
        ("check", {"source": "job:1/../../x"}, "source"),
        ("check", {"source": "upload:0123456789abcdef", "extra": 1}, "extra"),
        ("compose", {"text": ""}, "text"),
        ("compose", {"text": "a", "n": 1000}, "n"),
        ("compose", {"text": "a", "guidance": "NaN"}, "guidance"),
    ],
)
def test_a_wrong_order_gets_one_paragraph(
    studio: RunningStudio, kind: str, order: dict[str, Any], word: str
) -> None:
    with studio.client() as client:
        answer = client.post(f"/api/jobs/{kind}", json=order)
    assert answer.status_code in (400, 422)
    told = answer.json()
    assert word in told["text"] and set(told["error"]) == {"what", "where", "fix"}


def test_a_mistake_in_the_music_is_told_in_the_users_names(studio: RunningStudio) -> None:
    ref = studio.upload(PIECE, "waltz of mine.mid")["ref"]
    job = studio.finished("harmonize", {"source": ref, "voices": "SATB"})
    assert job["state"] == "failed"
    assert "waltz of mine.mid" in job["error"] or ".mid" not in job["error"]
    assert str(studio.home) not in job["error"]


def test_every_order_and_question_is_documented(studio: RunningStudio) -> None:
    paths = httpx.get(f"{studio.address}/api/openapi.json").json()["paths"]
    forms = httpx.get(f"{studio.address}/api/forms").json()
    assert {f"/api/jobs/{kind}" for kind in forms} <= set(paths)
    for path, methods in paths.items():
        for method, entry in methods.items():
            assert entry["description"], (path, method)
            assert entry["tags"], (path, method)


def _many(studio: RunningStudio, count: int, kind: str = "harmonize") -> list[int]:
    source = {"source": studio.upload(MELODY)["ref"]}
    orders = [source if kind == "check" else {**source, "seed": seed} for seed in range(count)]
    with studio.client() as client:
        answers = [client.post(f"/api/jobs/{kind}", json=order) for order in orders]
    assert all(answer.status_code == 202 for answer in answers)
    return [answer.json()["number"] for answer in answers]


def test_twenty_jobs_survive_a_killed_studio(tmp_path: Path) -> None:
    first = start_studio(tmp_path / "home", tmp_path)
    # The quickest kind: it is the queue that is tried here.
    numbers = _many(first, 20, "check")
    first.ended(numbers[0])
    first.stop("kill")
    second = start_studio(tmp_path / "home", tmp_path)
    try:
        with second.client() as client:
            kept = {job["number"]: job["state"] for job in client.get("/api/jobs").json()["jobs"]}
        assert set(numbers) <= set(kept)
        assert {kept[number] for number in numbers} != {"done"}
        ends = [second.ended(number, 300) for number in numbers]
        assert {job["state"] for job in ends} == {"done"}
        assert max(job["attempts"] for job in ends) <= 2
        for number in numbers:
            assert any(f["name"].endswith(".svg") for f in second.result(number)["files"])
        assert not list((tmp_path / "home" / "jobs").glob("*.part"))
    finally:
        second.stop()


def test_working_processes_end_with_a_killed_studio(tmp_path: Path) -> None:
    running = start_studio(tmp_path / "home", tmp_path)
    running.upload(MELODY)
    children = _children(running.process.pid)
    assert children
    running.stop("kill")
    end = time.monotonic() + 10
    while any(_lives(pid) for pid in children) and time.monotonic() < end:
        time.sleep(0.1)
    assert not [pid for pid in children if _lives(pid)]


def test_cancelling_takes_a_job_out_of_the_queue_and_stops_a_running_one(tmp_path: Path) -> None:
    running = start_studio(tmp_path / "home", tmp_path)
    try:
        numbers = _many(running, 3)
        with running.client() as client:
            # Behind the first, which has to load a network, it still waits: an open job stays.
            assert client.delete(f"/api/jobs/{numbers[1]}").json()["deleted"] is False
            assert client.post(f"/api/jobs/{numbers[2]}/cancel").json()["cancelled"] is True
            assert running.ended(numbers[2])["state"] == "cancelled"
            assert client.delete(f"/api/jobs/{numbers[2]}").json()["deleted"] is True
            assert client.get(f"/api/jobs/{numbers[2]}").status_code == 404
            end = time.monotonic() + 60
            while client.get(f"/api/jobs/{numbers[0]}").json()["state"] == "queued":
                assert time.monotonic() < end
            client.post(f"/api/jobs/{numbers[0]}/cancel")
            assert running.ended(numbers[0])["state"] in ("cancelled", "done")
        assert running.ended(numbers[1])["state"] == "done"
    finally:
        running.stop()


def test_a_process_that_dies_fails_its_job_only(tmp_path: Path) -> None:
    running = start_studio(tmp_path / "home", tmp_path)
    try:
        numbers = _many(running, 2)
        with running.client() as client:
            end = time.monotonic() + 60
            while client.get(f"/api/jobs/{numbers[0]}").json()["state"] != "running":
                assert time.monotonic() < end
            for pid in _children(running.process.pid):
                os.kill(pid, signal.SIGKILL)
        assert running.ended(numbers[0])["state"] == "failed"
        assert "ended without a result" in running.ended(numbers[0])["error"]
        assert running.ended(numbers[1])["state"] == "done"
        assert running.upload(PIECE)["facts"]["notes"] == 60
    finally:
        running.stop()


def test_a_second_studio_on_the_same_folder_is_told_so(tmp_path: Path) -> None:
    running = start_studio(tmp_path / "home", tmp_path)
    try:
        with pytest.raises(AssertionError, match="another studio uses this folder"):
            start_studio(tmp_path / "home", tmp_path)
    finally:
        running.stop()


def _children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def _lives(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def test_a_studio_that_ends_in_good_order_loses_no_try(tmp_path: Path) -> None:
    """However often it is restarted in the middle of a job, the job is done in the end."""
    numbers: list[int] = []
    for _ in range(3):
        running = start_studio(tmp_path / "home", tmp_path)
        numbers = numbers or _many(running, 2)
        with running.client() as client:
            end = time.monotonic() + 60
            while client.get("/api/jobs", params={"state": "running"}).json()["jobs"] == []:
                assert time.monotonic() < end
                if client.get(f"/api/jobs/{numbers[-1]}").json()["state"] == "done":
                    break
        running.stop()
    last = start_studio(tmp_path / "home", tmp_path)
    try:
        ends = [last.ended(number) for number in numbers]
        assert [(job["state"], job["attempts"]) for job in ends] == [("done", 1)] * 2
    finally:
        last.stop()


def test_somebodys_own_files_in_the_home_stay(tmp_path: Path) -> None:
    own = tmp_path / "home" / "uploads" / "letters.txt"
    stray = own.with_name("0123456789abcdef.mid")
    half = own.with_name("incoming-ab_c1.part")
    own.parent.mkdir(parents=True)
    for path in (own, stray, half):
        path.write_text("mine")
    running = start_studio(tmp_path / "home", tmp_path)
    running.stop()
    assert own.read_text() == "mine"
    assert not stray.exists() and not half.exists()


def test_a_full_disk_is_told_and_the_queue_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from partimento.studio import board as boards
    from partimento.studio.settings import Settings
    from partimento.studio.state import Studio
    from partimento.studio.workshop import Workshop

    monkeypatch.setattr(boards, "_PAUSE_SEC", 0.05)
    monkeypatch.setattr(Workshop, "call", lambda self, request, **_: {"title": "Done"})
    studio = Studio.open(Settings(tmp_path / "home", tmp_path, workers=1))
    finish, failures = studio.store.finish, iter([True, True, False])

    def full(*args: Any, **options: Any) -> bool:
        if next(failures, False):
            raise sqlite3.OperationalError("database or disk is full")
        return finish(*args, **options)

    monkeypatch.setattr(studio.store, "finish", full)
    from partimento.studio.orders import ReplayOrder

    job = studio.board.add("replay", ReplayOrder(fault="piano: ten times the rate"), {})
    studio.board.start()
    end = time.monotonic() + 20
    while studio.store.job(job.number).state != "done":
        assert time.monotonic() < end
        time.sleep(0.02)
    assert studio.store.job(job.number).title == "Done"
    studio.close()


def test_ctrl_c_ends_it_in_good_order(tmp_path: Path) -> None:
    running = start_studio(tmp_path / "home", tmp_path)
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(timeout=20) == 0
    assert running.process.stderr is not None
    assert running.process.stderr.read() == ""
