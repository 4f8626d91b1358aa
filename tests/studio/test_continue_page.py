"""The page where a performance goes on: with the mouse, with the keyboard alone, on a telephone."""

from __future__ import annotations

import re
from typing import Any

from tests.studio.conftest import RunningStudio, Watched

from partimento.examples import PRIMER, example_path

PIECE = example_path(PRIMER)


def small(page: Any, seconds: str = "2") -> None:
    """Ask for little, so that it is soon there."""
    page.get_by_label("Seconds to play").fill(seconds)
    page.get_by_label("Alternatives").fill("2")


def roll_count(page: Any) -> int:
    """Notes in the roll of the performance."""
    return int(page.locator(".columns .roll-note[data-note]").count())


def test_it_goes_on_from_a_chosen_place_and_from_the_result(desk: Watched) -> None:
    page = desk.open("/continue")
    page.get_by_role("button", name="Use the example").click()
    page.wait_for_selector(".columns .roll")
    assert roll_count(page) == 60
    page.get_by_label("Go on from second").fill("6")
    assert page.get_by_label("Place to go on from").input_value() == "6"
    small(page)
    desk.axe()
    page.get_by_role("button", name="Go on", exact=True).click()
    page.wait_for_selector(".result[data-done]")
    result = page.locator(".result").first
    assert result.locator(".roll-note.part-1").count() > 0
    # Each note is in a roll of its own version; the buttons change between them.
    second = page.get_by_role("button", name="Continuation 2", exact=True)
    second.click()
    assert second.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Play: Continuation 2").click()
    page.wait_for_function(
        "() => Number(document.querySelector('.result .roll-head').getAttribute('x1')) > 0"
    )
    page.get_by_role("button", name="Pause: Continuation 2").click()
    assert "continuation-1.mid" in result.inner_text()
    link = result.get_by_role("link", name="Use in Critique").get_attribute("href")
    assert re.fullmatch(r"/critique\?file=job%3A\d+%2Fcontinuation-1.mid&file=job.*-2.mid", link)
    desk.picture("continue-desk")
    desk.axe()
    result.get_by_role("button", name="Go on from this one").click()
    page.get_by_text("continuation-2.mid of job").first.wait_for()
    assert page.evaluate("() => document.activeElement.textContent") == "Go on"
    assert 8 <= float(page.get_by_label("Place to go on from").get_attribute("max")) <= 20
    desk.check()


def test_a_passage_is_chosen_on_the_roll_and_written_anew(desk: Watched) -> None:
    page = desk.open("/continue")
    page.get_by_role("button", name="Use the example").click()
    page.wait_for_selector(".columns .roll")
    sheet = page.locator(".columns .roll-sheet")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.40 * box["width"], box["y"] + 60, steps=4)
    page.mouse.up()
    assert page.get_by_label("Write a passage anew").is_checked()
    start, end = (float(page.get_by_label(name).input_value()) for name in
                  ("From second", "To second"))  # fmt: skip
    assert 3 < start < 5 and 5.5 < end < 8
    page.get_by_role("button", name="Write it anew").click()
    page.wait_for_selector(".result[data-done]")
    title = page.locator(".result h2").first.inner_text()
    assert re.match(rf"Seconds {start:g} to {end:g} of piano_primer.mid anew", title)
    assert page.locator(".result .roll-note.part-1").count() > 0
    desk.check()


def test_with_the_keyboard_alone(desk: Watched) -> None:
    page = desk.open("/continue")
    keys = page.keyboard
    page.get_by_role("button", name="Use the example").focus()
    keys.press("Enter")
    page.wait_for_selector(".columns .roll")
    # On the roll: two notes to the right, the region begins there and is made longer.
    page.locator(".columns .roll-box").focus()
    for key in ("ArrowRight",) * 8:
        keys.press(key)
    keys.press("[")
    for _ in range(3):
        keys.press("Shift+ArrowRight")
    assert page.get_by_label("Write a passage anew").is_checked()
    start, end = (float(page.get_by_label(name).input_value()) for name in
                  ("From second", "To second"))  # fmt: skip
    assert end - start >= 1.5
    page.get_by_label("To second").focus()
    keys.press("Enter")
    page.wait_for_selector(".result[data-done]")
    # From the result a passage of it is written anew.
    page.locator(".result .roll-box").focus()
    keys.press("ArrowRight")
    keys.press("[")
    keys.press("Shift+ArrowRight")
    button = page.get_by_role("button", name=re.compile("^Write .* s anew$"))
    button.focus()
    keys.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.result[data-done]').length === 2")
    desk.check()


def test_on_a_telephone_a_piece_comes_from_nothing(phone: Watched) -> None:
    page = phone.open("/continue")
    page.get_by_role("button", name="Play").wait_for(state="detached")
    page.get_by_role("button", name="Go on", exact=True).click()
    assert "Choose a performance first" in page.get_by_role("alert").inner_text()
    page.get_by_label("From nothing").check()
    page.get_by_label("Seconds to play").fill("3")
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_selector(".result[data-done]")
    assert page.locator(".result h2").first.inner_text().startswith("A piano piece from nothing")
    phone.axe()
    phone.fits()
    phone.picture("continue-phone")
    phone.check()


def test_an_earlier_job_is_shown_again_and_a_file_of_the_address_is_taken(
    studio: RunningStudio, desk: Watched
) -> None:
    ref = studio.upload(PIECE, "played <b>today.mid")["ref"]
    job = studio.finished("vary", {"primer": ref, "end": 4.0, "strength": 0.3})
    assert job["state"] == "done", job["error"]
    page = desk.open(f"/continue?job={job['number']}&file={ref}")
    page.wait_for_selector(".result[data-done]")
    assert "Variation of played <b>today.mid" in page.locator(".result h2").inner_text()
    page.wait_for_selector(".columns .roll")
    assert roll_count(page) == 60
    page.get_by_text("Or a piece that was made here").click()
    page.get_by_role("button", name="Use this piece").click()
    page.get_by_text("variation-1.mid of job").first.wait_for()
    # The notes that the roll shows last as long as the file says.
    with studio.client() as client:
        notes = client.post("/api/ask/roll", json={"source": ref}).json()["notes"]
    assert max(note[1] for note in notes) > 15, "the second column is the end of a note"
    desk.check()
