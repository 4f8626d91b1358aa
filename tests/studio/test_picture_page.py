"""The page of the covers: an example, alternatives by seed, a sound, a piece made here."""

from __future__ import annotations

import io
import wave
from pathlib import Path
from typing import Any

import numpy as np


def shown(page: Any) -> list[int]:
    """Widths of the pictures once all of them are loaded; 0 for one that is broken."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.pictures img')].every((one) => one.complete)"
    )
    widths: list[int] = page.locator(".pictures img").evaluate_all(
        "all => all.map((one) => one.naturalWidth)"
    )
    return widths


def test_an_example_becomes_a_cover_and_others(desk: Any) -> None:
    page = desk.open("/picture")
    page.get_by_text("More settings").click()
    page.get_by_label("Size").fill("256")
    page.get_by_label("Words on the cover").fill("Evening")
    page.get_by_role("button", name="Take the example").click()
    page.locator(".pictures img").wait_for(timeout=90_000)
    assert shown(page) == [256]
    assert page.get_by_text("read from the notes").count() == 1
    with page.expect_download() as saving:
        page.get_by_role("link", name="save as SVG").click()
    text = Path(saving.value.path()).read_text(encoding="utf-8")
    assert text.startswith("<svg") and "Evening" in text
    assert saving.value.suggested_filename == "cover-0.svg"
    page.get_by_role("button", name="Draw three others").click()
    page.get_by_text("Seed 3:").wait_for(timeout=60_000)
    assert shown(page) == [256, 256, 256]
    sources = page.locator(".pictures img").evaluate_all("all => all.map((one) => one.src)")
    assert len(set(sources)) == 3
    desk.axe()
    desk.fits()
    desk.picture("picture-desk")
    # The history leads here again.
    number = page.locator("[data-done]").get_attribute("data-done")
    page = desk.open(f"/picture?job={number}")
    page.get_by_text("Seed 3:").wait_for()
    assert shown(page) == [256, 256, 256]
    desk.check()


def test_a_cover_with_the_keyboard_on_a_phone(phone: Any) -> None:
    page = phone.open("/picture")
    page.get_by_role("button", name="Draw the cover").focus()
    page.keyboard.press("Enter")
    # Without a file the page says what to do.
    assert "Choose a piece or a sound first" in page.get_by_role("alert").inner_text()
    page.get_by_text("More settings").click()
    page.get_by_label("Size").fill("256")
    page.get_by_role("button", name="Take the example").focus()
    page.keyboard.press("Enter")
    page.locator(".pictures img").wait_for(timeout=90_000)
    alt = page.locator(".pictures img").get_attribute("alt")
    assert alt and "mode" in alt and "beats a minute" in alt
    phone.axe()
    phone.fits()
    phone.picture("picture-phone")
    phone.check()


def test_a_sound_that_is_handed_in_is_heard(desk: Any) -> None:
    noise = 0.2 * np.random.default_rng(0).standard_normal(22_050 * 2)
    stream = io.BytesIO()
    with wave.open(stream, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(22_050)
        out.writeframes((np.clip(noise, -1, 1) * 32_000).astype("<i2").tobytes())
    page = desk.open("/picture")
    page.get_by_label("A piece or a sound").set_input_files(
        {"name": "rain.wav", "mimeType": "audio/wav", "buffer": stream.getvalue()}
    )
    page.get_by_text("rain.wav: 2 seconds").wait_for(timeout=60_000)
    page.get_by_text("More settings").click()
    page.get_by_label("Size").fill("128")
    page.get_by_role("button", name="Draw the cover").click()
    page.locator(".pictures img").wait_for(timeout=90_000)
    assert page.get_by_role("heading", name="What was heard").count() == 1
    assert "%" in page.locator("dl.facts").last.inner_text()
    desk.check()


def test_a_file_of_an_earlier_job_can_be_chosen(desk: Any, studio: Any) -> None:
    order = {"text": "a calm piano piece", "bars": 2, "n": 1}
    job = studio.finished("compose", order)
    assert job["state"] == "done", job
    page = desk.open("/picture")
    page.get_by_text("Or a piece that was made here").click()
    page.locator(f"option[value='job:{job['number']}/01.mid']").wait_for(state="attached")
    page.get_by_label("File", exact=True).select_option("01.mid")
    page.get_by_role("button", name="Use this piece").click()
    page.get_by_text(f"01.mid of job {job['number']} is chosen.").wait_for()
    page.get_by_text("More settings").click()
    page.get_by_label("Size").fill("128")
    page.get_by_role("button", name="Draw the cover").click()
    page.locator(".pictures img").wait_for(timeout=90_000)
    assert shown(page) == [128]
    desk.check()
