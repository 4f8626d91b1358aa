"""The page where performances are judged: with the mouse, the keyboard alone, on a telephone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.studio.conftest import RunningStudio, Watched

from partimento.examples import PRIMER, example_path
from partimento.music.performance import Performance, read_performance
from partimento.music.performance_write import performance_midi

PIECE = example_path(PRIMER)


def played(folder: Path, name: str, pace: float, louder: int) -> Path:
    """The example at another pace and loudness."""
    notes = read_performance(PIECE)
    other = Performance(
        notes.onset_sec * pace,
        notes.offset_sec * pace,
        notes.pitch,
        np.clip(notes.velocity + louder, 1, 127),
        np.zeros((0, 2)),
    )
    path = folder / name
    path.write_bytes(performance_midi(other))
    return path


def judged(page: Any) -> None:
    """Wait for the result."""
    page.wait_for_selector("[data-done] .radar", timeout=60_000)


def head(page: Any) -> float:
    """Where the playhead of the shown roll stands, as a share of its width."""
    place = page.evaluate(
        "() => { const one = document.querySelector('.stage .roll-sheet');"
        " return Number(one.querySelector('.roll-head').getAttribute('x1'))"
        " / Number(one.getAttribute('width')); }"
    )
    return float(place)


def test_one_performance_is_judged_in_two_actions(desk: Watched) -> None:
    page = desk.open("/critique")
    page.get_by_role("button", name="Judge").click()
    assert "Add a performance first" in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Use the example").click()
    page.locator("ol.chosen li").wait_for()
    page.get_by_role("button", name="Judge").click()
    judged(page)
    assert "sounds" in page.locator(".summary").inner_text()
    assert page.locator(".radar svg .outline circle").count() >= 10
    # A passage is played from, shown in the roll and heard.
    button = page.get_by_role("button", name="Play seconds").first
    button.click()
    page.wait_for_function(
        "() => document.querySelector('.stage .roll-region').getAttribute('visibility')"
        " === 'visible'"
    )
    page.get_by_role("button", name="Pause: piano_primer").click()
    assert page.locator(".roll-note.part-1").count() > 0
    # The mouse on the lower half of the chart chooses a dimension there.
    box = page.locator(".radar-stage svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 0.75 * box["height"])
    middle = page.locator(".radar-stage").get_attribute("aria-valuenow")
    assert middle in ("10", "11")
    assert page.locator(".radar-name").inner_text().startswith(f"{middle}. ")
    page.locator("summary", has_text="The scores as a table").click()
    assert page.locator("details[open] tbody tr").count() == 19
    desk.picture("critique-desk")
    desk.axe()
    desk.check()


def test_with_the_keyboard_alone(desk: Watched) -> None:
    page = desk.open("/critique")
    keys = page.keyboard
    page.get_by_role("button", name="Use the example").focus()
    keys.press("Enter")
    page.locator("ol.chosen li").wait_for()
    page.get_by_role("button", name="Remove piano_primer.mid").focus()
    keys.press("Enter")
    assert page.locator("ol.chosen li").count() == 0
    assert page.evaluate("() => document.activeElement.textContent") == "Judge"
    page.get_by_label("Or one that was handed in before").first.select_option("piano_primer.mid")
    page.get_by_role("button", name="Judge").focus()
    keys.press("Enter")
    judged(page)
    stage = page.locator(".radar-stage")
    stage.focus()
    keys.press("Home")
    assert stage.get_attribute("aria-valuetext").startswith("timing, from stable to unstable: 0.")
    keys.press("ArrowLeft")
    assert stage.get_attribute("aria-valuenow") == "19"
    assert page.get_by_role("heading", name="What drives interpretation").count() == 1
    page.get_by_role("button", name="Play seconds").first.focus()
    keys.press("Enter")
    page.get_by_role("button", name="Pause: piano_primer").wait_for()
    desk.check()


def test_two_performances_are_heard_at_the_same_place(
    studio: RunningStudio, desk: Watched, tmp_path: Path
) -> None:
    page = desk.open("/critique")
    page.get_by_label("MIDI files of performances").set_input_files(
        [played(tmp_path, "calm.mid", 1.2, -25), played(tmp_path, "bold.mid", 1.0, 30)]
    )
    page.get_by_role("button", name="Compare 2").click()
    judged(page)
    assert "calm" in page.locator(".summary").first.inner_text()
    table = page.get_by_role("region", name="Differences of the two performances")
    assert table.locator("tbody tr").count() == 19
    slider = page.get_by_label("Place in calm")
    slider.fill("12")
    at = head(page)
    assert at == pytest.approx(12 / (15.8 * 1.2), abs=0.03)
    page.get_by_role("button", name="bold", exact=True).click()
    page.wait_for_function(
        "() => document.querySelector('.player').getAttribute('aria-label') === 'bold'"
    )
    page.wait_for_function("() => Number(document.querySelector('.seek').max) > 5")
    # Another time, the same place of the music.
    assert float(page.get_by_label("Place in bold").input_value()) == pytest.approx(10, abs=0.2)
    assert head(page) == pytest.approx(at, abs=0.03)
    desk.picture("critique-two-desk")
    desk.axe()
    desk.fits()
    desk.check()


def test_on_a_telephone_three_are_ranked(
    studio: RunningStudio, phone: Watched, tmp_path: Path
) -> None:
    rows = [
        studio.upload(
            played(tmp_path, f"take {i} with_a_long_name_that_has_no_place_to_break.mid", pace, 0)
        )
        for i, pace in enumerate((0.9, 1.0, 1.1), start=1)
    ]
    address = "&".join(f"file={row['ref']}" for row in rows)
    page = phone.open(f"/critique?{address}")
    page.get_by_role("button", name="Compare 3").click()
    judged(page)
    ranks = page.get_by_role("region", name="Ranks of 3 performances")
    cells = ranks.locator("tbody tr").first.locator("td").all_inner_texts()
    assert sorted(cell[:2] for cell in cells[2:]) == ["1.", "2.", "3."]
    # In a narrow window the spokes carry numbers, and a list says which is which.
    assert page.locator(".radar svg.narrow").count() == 1
    page.get_by_role("button", name="mood energy", exact=True).click()
    assert page.locator(".radar-name").inner_text() == "17. mood energy"
    phone.axe()
    phone.fits()
    phone.picture("critique-phone")
    phone.check()


def test_an_earlier_critique_is_shown_again_and_mistakes_are_told(
    studio: RunningStudio, desk: Watched, tmp_path: Path
) -> None:
    ref = studio.upload(PIECE, "again.mid")["ref"]
    job = studio.finished("critique", {"performances": [ref]})
    assert job["state"] == "done", job["error"]
    page = desk.open(f"/critique?job={job['number']}")
    judged(page)
    assert "performance-1.wav" in page.get_by_label("Files").last.inner_text()
    # What was judged is chosen again: another one beside it would be compared.
    page.get_by_role("button", name="Remove again.mid").click()
    notes = read_performance(PIECE)
    few = Performance(
        notes.onset_sec[:2],
        notes.offset_sec[:2],
        notes.pitch[:2],
        notes.velocity[:2],
        np.zeros((0, 2)),
    )
    path = tmp_path / "two notes.mid"
    path.write_bytes(performance_midi(few))
    page.get_by_label("MIDI files of performances").set_input_files(path)
    page.locator("ol.chosen li").wait_for()
    page.get_by_role("button", name="Judge").click()
    alert = page.get_by_role("alert")
    alert.wait_for(timeout=60_000)
    assert "two notes.mid" in alert.inner_text() and "too little" in alert.inner_text()
    desk.check()
