"""The composing page in a real browser: words, candidates, bars drawn anew, the whole song."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

WORDS = "A slow waltz in D minor for violin and cello, 4 bars"
LONG_MS = 90_000


@pytest.fixture(scope="module")
def composed(studio: Any) -> dict[str, Any]:
    """A job with one candidate of four bars."""
    job: dict[str, Any] = studio.finished("compose", {"text": WORDS, "n": 1, "seed": 1})
    assert job["state"] == "done", job["error"]
    return job


@pytest.fixture
def opened(desk: Any, composed: dict[str, Any]) -> Iterator[Any]:
    """The page with that candidate on the workbench."""
    page = desk.open(f"/compose?job={composed['number']}")
    page.get_by_role("button", name="Work on this one").click()
    page.wait_for_selector(".workbench .score svg")
    page.wait_for_selector(".workbench [data-note]")
    yield page
    desk.check()


def notes_of(studio: Any, stem: str) -> list[list[float]]:
    number, name = stem.removeprefix("job:").split("/")
    with studio.client() as client:
        found = client.get(f"/api/jobs/{number}/files/{name}.json").json()
    notes: list[list[float]] = found["notes"]
    return notes


def newest(studio: Any, kind: str) -> dict[str, Any]:
    with studio.client() as client:
        job: dict[str, Any] = client.get("/api/jobs", params={"kind": kind}).json()["jobs"][0]
    return job


def until(page: Any, condition: str, seconds: float = 20.0) -> None:
    """Wait for a condition; the page's own policy forbids the waiting function of the browser."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def tab_to(page: Any, selector: str, most: int = 80) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("(s) => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_words_become_candidates_that_one_can_hear(desk: Any, studio: Any) -> None:
    page = desk.open("/compose")
    page.get_by_role("button", name="A fast jig").click()
    page.wait_for_selector(".understood .chip")
    assert "key: G major" in page.locator(".understood").inner_text()
    page.locator(".understood .chip", has_text="key:").get_by_role("button").click()
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    page.get_by_label("key", exact=True).select_option("D major")
    page.get_by_label("bars", exact=True).fill("2")
    page.get_by_label("bars", exact=True).blur()
    until(page, "document.querySelectorAll('.chip.yours').length === 2")
    desk.axe()
    page.get_by_role("button", name="Compose", exact=True).click()
    page.wait_for_selector(".candidates .roll-mini >> nth=1", timeout=LONG_MS)
    assert page.locator(".candidates .card").count() == 2
    assert "2 bars of 6/8" in page.locator(".candidates").inner_text()
    play = page.get_by_role("button", name="Play: Candidate 1")
    play.click()
    until(page, "document.querySelector('.candidates .seek').value > 0.2")
    # One sound at a time: the second takes over.
    page.get_by_role("button", name="Play: Candidate 2").click()
    page.get_by_role("button", name="Play: Candidate 1").wait_for()
    desk.axe()
    desk.fits()
    desk.picture("compose-desk")
    first = page.evaluate("location.search")
    page.get_by_role("button", name="Other candidates").click()
    until(page, f"location.search !== '{first}'")
    assert newest(studio, "compose")["request"]["seed"] == 1
    page.wait_for_selector(".candidates .roll-mini >> nth=1", timeout=LONG_MS)
    desk.check()


def test_some_bars_are_drawn_anew_with_the_mouse(opened: Any, desk: Any, studio: Any) -> None:
    page = opened
    before = newest(studio, "compose")["number"]
    box = page.locator(".workbench .roll-sheet").bounding_box()
    # A quarter of the width is a bar: from within the second to within the third.
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 12)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 12, steps=5)
    page.mouse.up()
    assert page.get_by_label("From bar").input_value() == "2"
    assert page.get_by_label("To bar").input_value() == "3"
    page.locator("[data-note='0']").click(force=True)
    assert page.locator(".roll-note.locked").count() == 1
    assert "1 note is locked" in page.locator(".region-form").inner_text()
    page.get_by_label("Alternatives").fill("1")
    page.get_by_role("button", name="Draw bars 2 to 3 anew").click()
    page.get_by_role("button", name="Alternative 1", exact=True).wait_for(timeout=LONG_MS)
    page.wait_for_selector(".roll-note.fresh")
    desk.axe()
    desk.picture("compose-work-desk")
    job = newest(studio, "regenerate")
    assert job["number"] > before and job["request"]["locked"] == ["0"]
    page.get_by_role("button", name="Keep this alternative").click()
    page.get_by_role("button", name="Undo the last step").wait_for()
    assert page.locator(".trail li").all_inner_texts()[-1].startswith("Bars 2-3 anew")
    old, new = (
        notes_of(studio, f"job:{job['number']}/given"),
        notes_of(studio, f"job:{job['number']}/01"),
    )
    assert page.locator(".workbench [data-note]").count() == len(new)
    page.get_by_role("button", name="Undo the last step").click()
    page.locator(".workbench [data-note]").nth(0).wait_for()
    until(page, f"document.querySelectorAll('.workbench [data-note]').length === {len(old)}")
    assert page.locator(".trail li").count() == 1


def test_score_and_roll_choose_lock_and_follow_together(opened: Any) -> None:
    page = opened
    page.get_by_label("chooses the bars").check()
    heads = page.locator(".workbench .score g.measure >> nth=3").locator("g.note .notehead").first
    heads.dispatch_event("click")
    heads.dispatch_event("click")
    assert page.get_by_label("From bar").input_value() == "4"
    page.get_by_label("locks a note").check()
    page.locator(".workbench .score g.note .notehead").first.dispatch_event("click")
    assert page.locator(".roll-note.locked").count() == 1
    assert page.locator(".workbench .ring-kept").count() >= 1
    page.get_by_role("button", name="Free all").click()
    assert page.locator(".roll-note.locked").count() == 0
    page.get_by_role("button", name="Play: Candidate 1").last.click()
    page.wait_for_selector(".workbench .roll-note.now", state="attached")
    page.wait_for_selector(".workbench .score g.note.now", state="attached")
    page.get_by_role("button", name="Pause: Candidate 1").click()
    assert page.locator(".roll-head").get_attribute("visibility") == "visible"


def test_everything_can_be_done_with_the_keyboard(desk: Any, studio: Any) -> None:
    page = desk.open("/compose")
    tab_to(page, "textarea")
    page.keyboard.type("a hymn for organ, 4 bars")
    page.wait_for_selector(".understood .chip")
    tab_to(page, "details.composing > summary")
    page.keyboard.press("Enter")
    tab_to(page, "input[name=n]")
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Enter")
    page.wait_for_selector(".candidates .roll-mini", timeout=LONG_MS)
    tab_to(page, ".candidates .card > button")
    page.keyboard.press("Enter")
    page.wait_for_selector(".workbench .score svg")
    tab_to(page, ".workbench .roll-box")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert page.locator(".roll-note.locked").count() == 1
    assert page.locator("#said").inner_text().endswith("locked")
    page.keyboard.press("[")
    page.keyboard.press("]")
    assert page.get_by_label("From bar").input_value() == "4"
    page.keyboard.press("Home")
    page.keyboard.press("Escape")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert page.get_by_label("To bar").input_value() == "2"
    tab_to(page, "input[type=number]")
    tab_to(page, ".region-form button[type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_selector(".versions button", timeout=LONG_MS)
    until(page, "document.activeElement.getAttribute('aria-pressed') === 'true'")
    tab_to(page, ".verdict button.main")
    page.keyboard.press("Enter")
    page.wait_for_selector(".trail li >> nth=1")
    until(page, "document.activeElement.closest('.steps') !== null")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.trail li').length === 1")
    desk.check()


def test_the_steps_come_back_after_a_reload(
    desk: Any, studio: Any, composed: dict[str, Any]
) -> None:
    piece = f"job:{composed['number']}/01.mid"
    order = {"piece": piece, "bars": "2", "n": 1, "candidates": 1}
    first = studio.finished("regenerate", order)
    second = studio.finished(
        "regenerate", {**order, "piece": f"job:{first['number']}/01.mid", "bars": "3-4"}
    )
    page = desk.open(f"/compose?job={second['number']}")
    page.get_by_role("button", name="Alternative 1", exact=True).wait_for()
    trail = page.locator(".trail li").all_inner_texts()
    assert [one.split(" anew")[0] for one in trail] == ["Candidate 1", "Bar 2"]
    assert page.locator("textarea").input_value() == WORDS
    desk.check()


def test_the_page_on_a_telephone(phone: Any, composed: dict[str, Any]) -> None:
    page = phone.open(f"/compose?job={composed['number']}")
    page.get_by_role("button", name="Work on this one").click()
    page.wait_for_selector(".workbench .score svg")
    page.get_by_text("Correct what was understood").click()
    page.get_by_role("button", name="Zoom in").click()
    phone.axe()
    phone.fits()
    phone.picture("compose-phone")
    phone.check()


def test_nothing_is_composed_of_nothing(desk: Any) -> None:
    page = desk.open("/compose")
    page.get_by_role("button", name="Compose", exact=True).click()
    assert "few words" in page.get_by_role("alert").inner_text()
    page.locator("textarea").fill("a hymn in 19 bars")
    page.get_by_text("Correct what was understood").click()
    page.get_by_label("tempo", exact=True).fill("fastest")
    page.get_by_label("tempo", exact=True).blur()
    page.locator(".wrong").wait_for()
    assert "20 to 300" in page.locator(".wrong").inner_text()
    page.get_by_role("button", name="Compose", exact=True).click()
    page.locator(".outcome .error").wait_for(timeout=LONG_MS)
    assert "fastest" in page.locator(".outcome .error").inner_text()
    desk.axe()
    desk.check()


def test_the_whole_song(desk: Any) -> None:
    page = desk.open("/compose")
    page.locator("textarea").fill("a calm hymn for piano, 2 bars, harmonised in four parts")
    page.get_by_text("Settings for the whole song").click()
    page.get_by_label("Pieces to compose").fill("1")
    page.get_by_label("Players of each piece").fill("1")
    page.get_by_role("button", name="The whole song").click()
    page.wait_for_selector(".song .radar svg", timeout=LONG_MS)
    page.wait_for_selector(".song .score svg >> nth=1")
    page.wait_for_selector(".song .roll-note")
    assert page.get_by_text("01-1 (kept)").is_visible()
    page.get_by_role("button", name="Play: The performance").click()
    page.wait_for_selector(".song .score g.note.now", state="attached")
    page.get_by_role("button", name="Pause: The performance").click()
    desk.axe()
    desk.fits()
    desk.picture("compose-song-desk")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the page that holds all of it").click()
    opened.value.wait_for_selector("h1")
    assert "hymn" in opened.value.locator("h1").inner_text()
    desk.check()
