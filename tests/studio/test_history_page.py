"""The page of the history: filters, live changes, cancel, again, delete, files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from partimento.examples import example_path
from partimento.studio.orders import ORDERS
from partimento.studio.pages import PAGES


@pytest.fixture
def picture(studio: Any) -> Iterator[dict[str, Any]]:
    """A finished job that is quickly done."""
    ref = studio.upload(example_path("piano_primer"), "primer.mid")["ref"]
    job = studio.finished("picture", {"source": ref, "size": 128})
    assert job["state"] == "done", job
    yield job


def row(page: Any, number: int) -> Any:
    """The row of a job."""
    return page.locator(f"[data-job='{number}']")


def test_jobs_are_filtered_opened_and_deleted(desk: Any, picture: dict[str, Any]) -> None:
    number = picture["number"]
    page = desk.open("/history")
    row(page, number).wait_for()
    assert "Cover for primer.mid" in row(page, number).inner_text()
    page.get_by_label("Kind").select_option("picture")
    page.get_by_label("State").select_option("done")
    row(page, number).wait_for()
    states = page.locator("[data-job]").evaluate_all("all => all.map((one) => one.dataset.state)")
    assert set(states) == {"done"}
    page.get_by_label("State").select_option("cancelled")
    row(page, number).wait_for(state="detached")
    page.get_by_label("State").select_option("")
    row(page, number).get_by_role("link").click()
    page.locator(".pictures img").wait_for()
    assert page.url.endswith(f"/picture?job={number}")
    page = desk.open("/history")
    desk.axe()
    desk.fits()
    desk.picture("history-desk")
    page.get_by_role("button", name=f"Delete job {number}").click()
    # The first answer to the question is to keep.
    assert page.evaluate("document.activeElement.textContent") == "Keep"
    desk.axe()
    page.keyboard.press("Enter")
    assert row(page, number).count() == 1
    page.get_by_role("button", name=f"Delete job {number}").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    row(page, number).wait_for(state="detached")
    desk.check()


def test_a_job_is_done_again_and_shown_live(
    desk: Any, studio: Any, picture: dict[str, Any]
) -> None:
    page = desk.open("/history")
    button = page.get_by_role("button", name=f"Again job {picture['number']}")
    button.focus()
    page.keyboard.press("Enter")
    new = page.locator("[data-job]").first
    page.wait_for_function(
        "(old) => Number(document.querySelector('[data-job]').dataset.job) > old",
        arg=picture["number"],
    )
    number = int(new.get_attribute("data-job"))
    page.locator(f"[data-job='{number}'][data-state='done']").wait_for(timeout=60_000)
    # The focus stays where the person is.
    assert button.evaluate("one => one === document.activeElement")
    with studio.client() as client:
        request = client.get(f"/api/jobs/{number}").json()["request"]
    assert request == picture["request"]
    desk.check()


def test_a_waiting_job_is_cancelled_on_a_phone(
    phone: Any, studio: Any, picture: dict[str, Any]
) -> None:
    source = picture["request"]["source"]
    with studio.client() as client:
        placed = [
            client.post("/api/jobs/picture", json={"source": source, "n": 6, "size": 1024}).json()
            for _ in range(2)
        ]
    number = placed[1]["number"]
    page = phone.open("/history")
    button = page.get_by_role("button", name=f"Stop job {number}")
    button.focus()
    page.keyboard.press("Enter")
    page.locator(f"[data-job='{number}'][data-state='cancelled']").wait_for(timeout=30_000)
    with studio.client() as client:
        client.post(f"/api/jobs/{placed[0]['number']}/cancel")
    studio.ended(placed[0]["number"])
    phone.axe()
    phone.fits()
    phone.picture("history-phone")
    phone.check()


def test_older_jobs_are_fetched_page_by_page(
    desk: Any, studio: Any, picture: dict[str, Any]
) -> None:
    with studio.client() as client:
        # Orders that are cancelled at once make a long history quickly.
        for _ in range(23):
            answer = client.post(f"/api/jobs/{picture['number']}/again")
            assert answer.status_code == 202
            client.post(f"/api/jobs/{answer.json()['number']}/cancel")
    page = desk.open("/history")
    page.locator("[data-job]").first.wait_for()
    first = page.locator("[data-job]").count()
    assert first == 20
    page.get_by_role("button", name="Show older ones").click()
    page.wait_for_function("() => document.querySelectorAll('[data-job]').length > 20")
    numbers = page.locator("[data-job]").evaluate_all(
        "all => all.map((o) => Number(o.dataset.job))"
    )
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == len(numbers)
    desk.check()


def test_a_file_is_deleted_after_a_question(desk: Any, studio: Any) -> None:
    upload = studio.upload(example_path("ode_to_joy"), "to be deleted.musicxml")
    page = desk.open("/history")
    item = page.locator(f"[data-upload='{upload['id']}']")
    assert item.get_by_role("link").inner_text() == "to be deleted.musicxml"
    item.get_by_role("button").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    item.wait_for(state="detached")
    with studio.client() as client:
        ids = [one["id"] for one in client.get("/api/uploads").json()["uploads"]]
    assert upload["id"] not in ids
    desk.check()


def test_every_kind_of_job_has_a_page_to_open_it(desk: Any) -> None:
    page = desk.open("/history")
    kinds = sorted(ORDERS)
    found = page.evaluate(
        "async (kinds) => { const page = await import('/static/js/kinds.js');"
        " return kinds.map((kind) => page.pageOf({ kind, number: 7 })); }",
        kinds,
    )
    paths = {f"/{path}?job=7" for path in PAGES if path}
    assert set(found) <= paths
    options = (
        page.get_by_label("Kind").locator("option").evaluate_all("all => all.map(o => o.value)")
    )
    assert sorted(options) == ["", *kinds]
    desk.check()
