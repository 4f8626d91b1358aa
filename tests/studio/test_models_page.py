"""The page of the shipped weights: cards, and all that is known of each."""

from __future__ import annotations

from typing import Any

import pytest

from partimento.core.models import list_models, show_model


@pytest.mark.parametrize("where", ["desk", "phone"])
def test_every_model_has_a_card_that_tells_all(where: str, request: pytest.FixtureRequest) -> None:
    watched: Any = request.getfixturevalue(where)
    page = watched.open("/models")
    names = page.locator("[data-model]").evaluate_all("all => all.map((o) => o.dataset.model)")
    assert sorted(names) == sorted(row["name"] for row in list_models())
    watched.axe()
    page.get_by_role("button", name="All about chorale-strong").click()
    detail = page.locator("#model")
    detail.get_by_role("heading", name="chorale-strong").wait_for()
    card = show_model("chorale-strong")
    text = detail.inner_text()
    assert card["licence"] in text and card["recipe"] in text
    assert f"{card['parameters']:,}" in text
    for source in card["trained_on"]:
        assert source in text
    for name in card["metrics"]:
        assert name.replace("_", " ") in text
    watched.axe()
    watched.fits()
    watched.picture(f"models-{where}")
    watched.check()


def test_details_open_and_close_with_the_keyboard(desk: Any) -> None:
    page = desk.open("/models")
    button = page.get_by_role("button", name="All about piano-permissive")
    button.focus()
    page.keyboard.press("Enter")
    page.locator("#model").get_by_role("heading", name="piano-permissive").wait_for()
    assert page.evaluate("document.activeElement.id") == "model"
    assert button.get_attribute("aria-expanded") == "true"
    # The address can be kept.
    assert page.url.endswith("?model=piano-permissive")
    close = page.get_by_role("button", name="Close")
    close.focus()
    page.keyboard.press("Enter")
    assert not page.locator("#model").is_visible()
    assert button.evaluate("one => one === document.activeElement")
    desk.check()


def test_an_address_with_a_model_opens_it(desk: Any) -> None:
    page = desk.open("/models?model=audio2visual")
    page.locator("#model").get_by_role("heading", name="audio2visual").wait_for()
    page = desk.open("/models?model=../../etc/passwd")
    assert not page.locator("#model").is_visible()
    desk.check()


def test_only_names_of_the_list_lead_to_a_model(studio: Any) -> None:
    with studio.client() as client:
        for name in ("chorale-tiny", "..%2F..%2Fetc%2Fpasswd", "%2Fetc%2Fpasswd"):
            assert client.get(f"/api/models/{name}").status_code == 404
