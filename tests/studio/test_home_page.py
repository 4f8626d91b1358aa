"""The first page and the frame that every page has."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("where", ["desk", "phone"])
def test_the_first_page_shows_every_part(where: str, request: pytest.FixtureRequest) -> None:
    watched: Any = request.getfixturevalue(where)
    page = watched.open("/")
    links = page.locator("main a").all_inner_texts()
    assert {"Compose", "Harmonise", "Continue", "Critique", "Picture", "Doctor"} <= set(links)
    watched.axe()
    watched.fits()
    watched.picture(f"home-{where}")
    watched.check()


def test_the_first_key_leads_to_the_main_part(desk: Any) -> None:
    page = desk.open("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    desk.check()


@pytest.mark.parametrize(
    ("button", "path", "result"),
    [
        ("Compose a sad waltz", "/compose", ".candidates .card"),
        ("Harmonise Old Hundredth", "/harmonise", "#result h2"),
        ("Judge a performance", "/critique", ".summary"),
    ],
)
def test_one_click_leads_to_a_first_result(desk: Any, button: str, path: str, result: str) -> None:
    page = desk.open("/")
    page.get_by_role("button", name=button).click()
    page.wait_for_url(f"**{path}?job=*")
    page.locator(result).first.wait_for(timeout=120_000)
    number = page.url.rsplit("=", 1)[1].split("&")[0]
    # Back on the first page, the job stands on top of what was made last.
    page = desk.open("/")
    first = page.locator(".last-jobs a").first
    first.wait_for()
    assert first.get_attribute("href") == f"{path}?job={number}"
    desk.check()


def test_an_example_that_cannot_start_says_why(phone: Any) -> None:
    page = phone.open("/")
    page.route("**/api/jobs/compose", lambda route: route.fulfill(
        status=429, content_type="application/json", body='{"text": "The queue is full."}'
    ))  # fmt: skip
    button = page.get_by_role("button", name="Compose a sad waltz")
    button.focus()
    page.keyboard.press("Enter")
    page.get_by_role("alert").wait_for()
    assert page.get_by_role("alert").inner_text() == "The queue is full."
    assert button.is_enabled()
    assert page.evaluate("document.activeElement.textContent") == "Compose a sad waltz"
    phone.axe()
    # The answer 429 is written to the console by the browser itself.
    assert all("429" in one for one in phone.problems)
