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
