"""A working process that dies, hangs, eats or babbles harms its own request only."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from partimento.core.errors import PartimentoError
from partimento.studio.workshop import (
    CancelledError,
    Request,
    WorkerDiedError,
    WorkerFailedError,
    Workshop,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    # The working process does not look into the working folder; the bad work lies in the tests.
    patch = pytest.MonkeyPatch()
    patch.setenv("PYTHONPATH", str(ROOT))
    made = Workshop(tmp_path_factory.mktemp("shop") / "log", memory_mb=4000)
    yield made
    made.close()
    patch.undo()


def _request(way: str, **options: object) -> Request:
    place = "tests.studio.bad_work"
    values = {"order": {"way": way}, "runs": Path("."), **options}
    return Request(f"{place}:go_wrong", f"{place}:Way", **values)  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["die", "exit"])
def test_a_death_is_told_and_the_next_request_is_served(shop: Workshop, way: str) -> None:
    if way == "exit":
        with pytest.raises(WorkerDiedError):
            shop.call(_request(way), seconds=20)
    else:
        with pytest.raises(WorkerDiedError, match="died"):
            shop.call(_request(way), seconds=20)
    assert shop.call(_request("print"), seconds=20) == {"said": "the answer"}


def test_a_request_that_takes_too_long_is_ended(shop: Workshop) -> None:
    began = time.monotonic()
    with pytest.raises(WorkerDiedError, match="too long"):
        shop.call(_request("hang"), seconds=3)
    assert time.monotonic() - began < 15
    assert shop.pid is None


def test_what_is_printed_never_mixes_with_answers(shop: Workshop) -> None:
    assert shop.call(_request("print"), seconds=20) == {"said": "the answer"}


def test_memory_is_bounded(shop: Workshop) -> None:
    with pytest.raises(PartimentoError, match="more memory than is allowed"):
        shop.call(_request("eat"), seconds=20)
    assert shop.call(_request("print"), seconds=20)["said"]


def test_our_errors_and_the_users_are_told_apart(shop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(WorkerFailedError, match="ZeroDivisionError: no bars"):
        shop.call(_request("raise"), seconds=20)
    paths = {"upload:1": str(tmp_path / "0123456789abcdef.mid")}
    with pytest.raises(PartimentoError) as caught:
        shop.call(_request("blame", paths=paths, names={"upload:1": "waltz.mid"}), seconds=20)
    assert caught.value.where == "waltz.mid"


def test_a_job_leaves_its_result_beside_its_files(shop: Workshop, tmp_path: Path) -> None:
    assert shop.call(_request("write", folder=tmp_path), seconds=20) == {"title": "Written"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.txt", "result.json"]
    assert '{"name": "one.txt", "bytes": 1}' in (tmp_path / "result.json").read_text()


def test_cancelling_stops_work_that_tells_how_far_it_is(shop: Workshop) -> None:
    told: list[int] = []
    cancelled = threading.Event()

    def tell(done: int, total: int, label: str) -> None:
        told.append(done)
        cancelled.set()

    before = shop.pid
    with pytest.raises(CancelledError):
        shop.call(_request("count"), tell=tell, cancelled=cancelled, seconds=20)
    assert 1 <= len(told) < 50
    # It stopped by itself: the process and what it has loaded are still there.
    assert shop.pid == before


def test_cancelling_ends_work_that_does_not_listen(shop: Workshop) -> None:
    cancelled = threading.Event()
    threading.Timer(0.5, cancelled.set).start()
    with pytest.raises(CancelledError):
        shop.call(_request("hang"), cancelled=cancelled, seconds=60)
    assert shop.pid is None
