"""One piece through the pages: each result leads to the next page, with its file."""

from __future__ import annotations

from typing import Any

import pytest

LONG_MS = 120_000


@pytest.fixture(scope="module")
def hymn(studio: Any) -> int:
    """The number of a job that composed a short piece."""
    job = studio.finished("compose", {"text": "a calm hymn for piano", "bars": 2, "n": 1})
    assert job["state"] == "done", job
    number: int = job["number"]
    return number


def follow(page: Any, place: str) -> None:
    """Go on with what is shown to another page."""
    page.get_by_role("link", name=f"Use in {place}").first.click()
    page.wait_for_url(f"**/{place.lower()}?file=*")
    page.wait_for_selector("main[data-ready]")


def test_a_piece_goes_from_page_to_page(desk: Any, hymn: int) -> None:
    page = desk.open(f"/compose?job={hymn}")
    page.get_by_text("Use it on another page").click()
    follow(page, "Critique")
    page.get_by_text(f"01.mid of job {hymn}").first.wait_for()
    page.get_by_role("button", name="Judge").click()
    page.locator(".summary").first.wait_for(timeout=LONG_MS)
    judged = int(page.url.rsplit("=", 1)[1])
    follow(page, "Picture")
    page.get_by_text(f"performance-1.mid of job {judged} is chosen.").wait_for()
    page.get_by_role("button", name="Draw the cover").click()
    page.locator(".pictures img").wait_for(timeout=LONG_MS)
    follow(page, "Continue")
    page.get_by_text(f"performance-1.mid of job {judged}").first.wait_for()
    page.get_by_label("Seconds to play").fill("4")
    page.get_by_label("Alternatives").fill("1")
    page.get_by_role("button", name="Go on", exact=True).click()
    page.locator(".result[data-done]").wait_for(timeout=LONG_MS)
    made = int(page.url.rsplit("=", 1)[1])
    follow(page, "Harmonise")
    page.get_by_text(f"continuation-1.mid of job {made} is chosen.").wait_for()
    page.get_by_role("heading", name="The melody").wait_for()
    assert page.get_by_label("A file of yours").is_checked()
    # A piece has several notes at once: its upper line is sung, whatever its range.
    page.get_by_label("Alternatives").fill("1")
    page.get_by_role("button", name="Harmonise", exact=True).click()
    page.get_by_text("The upper line of the piece was taken").first.wait_for(timeout=LONG_MS)
    desk.axe()
    desk.check()


def test_a_chorale_goes_on_to_be_checked(desk: Any, studio: Any) -> None:
    with studio.client() as client:
        source = client.post("/api/examples/old_hundredth.musicxml").json()["ref"]
    job = studio.finished("harmonize", {"source": source, "n": 1})
    page = desk.open(f"/harmonise?job={job['number']}")
    page.get_by_role("link", name="Check voice leading").click()
    page.wait_for_url("**part=check*")
    page.get_by_role("button", name=f"of job {job['number']}").wait_for()
    page.get_by_role("button", name="Check the voice leading").click()
    page.locator("#check-result h2").wait_for(timeout=LONG_MS)
    desk.check()


def test_a_result_stands_in_the_address_and_comes_back_after_a_reload(phone: Any) -> None:
    page = phone.open("/critique")
    page.get_by_role("button", name="Use the example").click()
    page.locator("ol.chosen li").wait_for()
    page.get_by_role("button", name="Judge").click()
    page.locator(".summary").first.wait_for(timeout=LONG_MS)
    assert "?job=" in page.url
    page.reload()
    page.locator(".summary").first.wait_for(timeout=LONG_MS)
    assert page.locator("ol.chosen li").count() == 1
    phone.fits()
    phone.check()


def test_a_job_of_another_page_is_not_a_dead_end(desk: Any, hymn: int) -> None:
    page = desk.open(f"/picture?job={hymn}")
    page.get_by_role("link", name="another page").click()
    page.locator(".candidates .card").wait_for()
    desk.check()


def test_whoever_was_on_stop_goes_on_at_the_end_of_the_job(desk: Any) -> None:
    page = desk.open("/continue")
    page.get_by_label("From nothing").check()
    # Long enough not to end by itself before the key is pressed.
    page.get_by_label("Seconds to play").fill("60")
    page.get_by_role("button", name="Play", exact=True).click()
    stop = page.get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    page.get_by_text("This job was stopped.").wait_for(timeout=LONG_MS)
    assert page.evaluate("document.activeElement.textContent") == "This job was stopped."
    desk.check()
