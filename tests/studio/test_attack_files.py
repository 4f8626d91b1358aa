"""Hostile files, names and runs, work that breaks, disks that are full: what the studio keeps."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
from tests.studio.conftest import RunningStudio, Watched

from partimento.core.errors import PartimentoError
from partimento.examples import PRIMER, example_path
from partimento.studio import questions
from partimento.studio.orders import ComposeOrder
from partimento.studio.runs import list_runs, open_run, run_facts
from partimento.studio.settings import Settings
from partimento.studio.state import Studio
from partimento.studio.workshop import Request, WorkerDiedError, Workshop

ROOT = Path(__file__).resolve().parents[2]
PIECE = example_path(PRIMER)
SONG = example_path("amazing_grace")
SCRIPT = '"><script>document.title="broken in"</script><img src=x onerror=alert(1)>'


# Files and their names


def _titled(text: str) -> bytes:
    """The song under another title, its part under the same name."""
    from xml.sax.saxutils import escape

    song = re.sub(r"<work>.*?</work>", "", SONG.read_text(encoding="utf-8"), flags=re.S)
    name = escape(text)
    song = re.sub(r"<part-name>.*?</part-name>", lambda _: f"<part-name>{name}</part-name>", song)
    title = f"<movement-title>{name}</movement-title>"
    return re.sub(r"<score-partwise[^>]*>", lambda m: m[0] + title, song, count=1).encode()


def test_names_in_files_are_text_on_every_page(studio: RunningStudio, desk: Watched) -> None:
    with studio.client() as client:
        answer = client.post("/api/uploads", params={"name": SCRIPT}, content=_titled(SCRIPT))
        assert answer.status_code == 201, answer.text
    job = studio.finished("check", {"source": answer.json()["ref"]})
    assert job["state"] == "done" and "<script>" in job["title"]
    for path in (f"/harmonise?job={job['number']}", "/history"):
        page = desk.open(path)
        page.get_by_text("<script>").first.wait_for()
        assert page.title() != "broken in"
        assert page.locator("main img[src=x], main script").count() == 0
    desk.check()
    for file in studio.result(job["number"])["files"]:
        if file["name"].endswith(".svg"):
            folder = studio.home / "jobs" / f"{job['number']:06d}"
            assert "<script" not in (folder / file["name"]).read_text(encoding="utf-8")


_REACHING = """<!doctype html><title>waits</title><script>
fetch("/api/session").then((a) => a.text()).then((text) => { document.title = "got " + text; },
  () => { document.title = `refused as ${self.origin}`; });
</script>"""


def test_a_page_that_a_job_wrote_cannot_reach_the_studio(
    studio: RunningStudio, browser: Any
) -> None:
    job = studio.finished("check", {"source": studio.upload(SONG)["ref"]})
    (studio.home / "jobs" / f"{job['number']:06d}" / "a.html").write_text(_REACHING)
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"{studio.address}/api/jobs/{job['number']}/files/a.html")
        page.wait_for_function("document.title !== 'waits'")
        assert page.title() == "refused as null"
    finally:
        context.close()


def test_no_cell_of_the_table_is_a_formula(studio: RunningStudio) -> None:
    formula = "=cmd|' /C calc'!A0"
    with studio.client() as client:
        answer = client.post("/api/uploads", params={"name": formula}, content=_titled(formula))
        job = studio.finished("check", {"source": answer.json()["ref"]})
        table = client.get(f"/api/jobs/{job['number']}/files/findings.csv").text
    assert not re.search(r'(^|,)"?[=+@-]', table, re.MULTILINE), table


def test_a_name_of_a_file_makes_no_header_and_no_path(studio: RunningStudio) -> None:
    name = 'a"; x=\r\nX-Evil: yes\r\n\r\n../../\u202e\U0001d49c' + "\U0001d49c" * 90 + ".mid"
    row = studio.upload(PIECE, name)
    assert len(row["name"]) <= 80 and row["name"].isprintable() and "/" not in row["name"]
    with studio.client() as client:
        answer = client.get(f"/api/uploads/{row['id']}/content", params={"download": True})
    assert answer.content == PIECE.read_bytes() and "x-evil" not in answer.headers
    assert answer.headers["content-disposition"].startswith("attachment")
    ours = re.compile(r"[0-9a-f]{16}\.[a-z]+|incoming-.*\.part")
    assert all(ours.fullmatch(path.name) for path in (studio.home / "uploads").iterdir())
    # Four bytes a letter: the longest name is still one that a disk takes.
    critique = studio.finished("critique", {"performances": [row["ref"]]})
    assert critique["state"] == "done", critique["error"]


def test_a_file_that_was_taken_away_is_told_so(studio: RunningStudio) -> None:
    row = studio.upload(PIECE)
    (studio.home / "uploads" / f"{row['id']}.mid").unlink()
    with studio.client() as client:
        assert client.get(f"/api/uploads/{row['id']}/content").status_code == 404
        assert client.post("/api/ask/roll", json={"source": row["ref"]}).status_code == 400
        assert client.delete(f"/api/uploads/{row['id']}").json()["deleted"]


def test_a_parser_that_dies_is_a_mistake_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    place = "tests.studio.bad_work"
    monkeypatch.setitem(questions.QUESTIONS, "look", f"{place}:die_of_it")
    studio = Studio.open(Settings(tmp_path / "home", tmp_path))
    try:
        with pytest.raises(PartimentoError, match="probably damaged"):
            studio.desk.look(str(PIECE), "a.mid", "midi")
        monkeypatch.undo()
        assert studio.desk.look(str(PIECE), "a.mid", "midi")["notes"] == 60
    finally:
        studio.close()


# The working process


def _shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return Workshop(tmp_path / "log", memory_mb=4000)


def _bad(way: str, folder: Path | None = None) -> Request:
    place = "tests.studio.bad_work"
    return Request(f"{place}:go_wrong", f"{place}:Way", {"way": way}, Path("."), folder)


def test_half_a_letter_reaches_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lone surrogate, which JSON and YAML can hold, cannot be written to the history."""
    shop, heard = _shop(tmp_path, monkeypatch), []
    try:
        told = shop.call(
            _bad("halves", tmp_path), tell=lambda *row: heard.append(row[2]), seconds=20
        )
    finally:
        shop.close()
    for text in (told["title"], *heard):
        assert text.startswith("half a letter") and text.encode()


@pytest.mark.parametrize("way", ["exit", "numbers"])
def test_work_that_cannot_answer_is_noticed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    shop, began = _shop(tmp_path, monkeypatch), time.monotonic()
    try:
        with pytest.raises(WorkerDiedError, match="died"):
            shop.call(_bad(way), seconds=60)
    finally:
        shop.close()
    assert time.monotonic() - began < 20


def test_a_job_that_breaks_the_queue_itself_is_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workshop, "call", lambda self, request, **_: {"title": "\ud800"})
    studio = Studio.open(Settings(tmp_path / "home", tmp_path))
    try:
        studio.board.start()
        for _ in range(2):
            number = studio.board.add("compose", ComposeOrder(text="a"), {}).number
            end = time.monotonic() + 20
            while (job := studio.store.job(number)).state in ("queued", "running"):
                assert time.monotonic() < end
                time.sleep(0.02)
            assert job.state == "failed" and "not have happened" in job.error
    finally:
        studio.close()


def test_an_order_of_another_version_is_told_so(studio: RunningStudio) -> None:
    import sqlite3

    database = sqlite3.connect(studio.home / "history.sqlite", timeout=20)
    job = studio.finished("check", {"source": studio.upload(SONG)["ref"]})
    with database:
        database.execute("UPDATE jobs SET kind = 'paint' WHERE number = ?", (job["number"],))
    database.close()
    with studio.client() as client:
        answer = client.post(f"/api/jobs/{job['number']}/again")
        assert answer.status_code == 400 and "another version" in answer.json()["text"]
        client.delete(f"/api/jobs/{job['number']}")


# Runs that somebody else made


@pytest.mark.parametrize(
    ("config", "metrics"),
    [
        ("a: &a [x, x]\nb: [*a, *a]\n", ""),
        ("a: " + "[" * 400 + "]" * 400, ""),
        ("a: 1\n", "[" * 200_000 + "\n"),
        ("a: 1\n", '{"a":' + "[" * 900 + "]" * 900 + "}\n{}\n"),
        ("a: 1\n", '{"step":' + "9" * 5000 + "}\n"),
    ],
    ids=["aliases", "deep config", "deep row", "deep value", "digits"],
)
def test_a_hostile_run_is_refused_and_the_list_stands(
    tmp_path: Path, config: str, metrics: str
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "config.yaml").write_text(config)
    (folder / "metrics.jsonl").write_text(metrics)
    assert [row["name"] for row in list_runs(tmp_path)] == ["run"]
    with pytest.raises(PartimentoError):
        run_facts(open_run(tmp_path, "run"))


def test_a_run_whose_name_is_no_text_is_left_out(studio: RunningStudio) -> None:
    folder = os.fsencode(studio.runs) + b"/\xff\xfe"
    try:
        os.mkdir(folder)
    except OSError:
        pytest.skip("this file system takes text alone")
    Path(os.fsdecode(folder), "config.yaml").write_text('a: "\\ud800"\n')
    with studio.client() as client:
        assert client.get("/api/runs").status_code == 200
    Path(os.fsdecode(folder), "config.yaml").unlink()
    os.rmdir(folder)


def test_a_history_that_is_none_is_told_so(tmp_path: Path) -> None:
    from partimento.core.errors import ConfigError
    from partimento.studio.serve import serve_studio

    (tmp_path / "history.sqlite").write_bytes(b"no database " * 1000)
    with pytest.raises(ConfigError, match="history cannot be opened"):
        serve_studio(tmp_path, runs=tmp_path, port=0, browser=False, listener=lambda _: None)
    assert (tmp_path / "history.sqlite").read_bytes().startswith(b"no database")


def test_no_job_stays_running_when_the_disk_is_full_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlite3

    from partimento.studio import board as boards

    monkeypatch.setattr(boards, "_PAUSE_SEC", 0.02)
    monkeypatch.setattr(Workshop, "call", lambda self, request, **_: {"title": "Done"})
    studio = Studio.open(Settings(tmp_path / "home", tmp_path))
    full = iter([True] * 6)

    def failing(real: Any) -> Any:
        def write(*args: Any, **options: Any) -> Any:
            if next(full, False):
                raise sqlite3.OperationalError("database or disk is full")
            return real(*args, **options)

        return write

    for name in ("finish", "put_back"):
        monkeypatch.setattr(studio.store, name, failing(getattr(studio.store, name)))
    try:
        number = studio.board.add("compose", ComposeOrder(text="a"), {}).number
        studio.board.start()
        end = time.monotonic() + 20
        while studio.store.job(number).state != "done":
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        studio.close()


def test_a_change_that_cannot_be_written_leaves_no_half_of_it(tmp_path: Path) -> None:
    import sqlite3

    from partimento.studio.store import Store

    store = Store(tmp_path / "history.sqlite")
    small = store._database.execute("PRAGMA page_count").fetchone()[0] + 2
    store._database.execute(f"PRAGMA max_page_count = {small}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for _ in range(50):
            store.add_job("compose", "a", {"text": "a" * 2000})
    store._database.execute("PRAGMA max_page_count = 10000")
    before = store.revision
    assert store.add_job("compose", "b", {}).revision == before + 1
    store.close()
