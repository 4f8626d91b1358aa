"""The API as a page: every request of the schema, with what it takes; its example is true."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from partimento.studio.orders import ORDERS


@pytest.mark.parametrize("where", ["desk", "phone"])
def test_every_request_of_the_schema_is_told(
    where: str, studio: Any, request: pytest.FixtureRequest
) -> None:
    watched: Any = request.getfixturevalue(where)
    page = watched.open("/reference")
    schema = httpx.get(f"{studio.address}/api/openapi.json").json()
    wanted = {
        f"{method.upper()} {path}"
        for path, methods in schema["paths"].items()
        for method in methods
    }
    told = page.locator("[data-route]").evaluate_all("all => all.map((o) => o.dataset.route)")
    assert set(told) == wanted and len(told) == len(wanted)
    page.evaluate(
        "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    for kind, order in ORDERS.items():
        text = page.locator(f"[data-route='POST /api/jobs/{kind}']").inner_text()
        assert all(name in text for name in order.model_fields), kind
    watched.axe()
    watched.fits()
    watched.check()


def test_a_request_is_found_with_the_keyboard(desk: Any) -> None:
    page = desk.open("/reference")
    page.get_by_label("Find a request").focus()
    page.keyboard.type("jobs/harm")
    page.get_by_text("1 of ").wait_for()
    route = page.locator("[data-route='POST /api/jobs/harmonize']")
    # A single one is open already.
    assert route.evaluate("one => one.open")
    table = route.get_by_role("region", name="Fields of HarmonizeOrder")
    assert '"strict", "free", "off"' in table.inner_text()
    assert "from 1 to 8" in table.inner_text()
    desk.axe()
    desk.picture("reference-desk")
    desk.check()


def test_the_page_fits_a_phone(phone: Any) -> None:
    phone.open("/reference")
    phone.fits()
    phone.picture("reference-phone")
    phone.check()


def test_the_example_of_the_page_is_taken(desk: Any, studio: Any) -> None:
    page = desk.open("/reference")
    lines = page.locator("pre").first.inner_text()
    body = json.loads(lines.partition("-d '")[2].partition("'")[0])
    with studio.client() as client:
        answer = client.post("/api/jobs/compose", json=body)
        assert answer.status_code == 202
        client.post(f"/api/jobs/{answer.json()['number']}/cancel")
        studio.ended(answer.json()["number"])
    without = httpx.post(f"{studio.address}/api/jobs/compose", json=body)
    assert without.status_code == 403 and without.json()["text"]


def test_the_smallest_body_of_every_order_has_the_right_shape(desk: Any, studio: Any) -> None:
    page = desk.open("/reference")
    page.evaluate(
        "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"
    )
    for kind, order in ORDERS.items():
        block = page.locator(f"[data-route='POST /api/jobs/{kind}'] pre")
        if block.count():
            order.model_validate_json(block.inner_text())
        else:
            assert not any(field.is_required() for field in order.model_fields.values())
