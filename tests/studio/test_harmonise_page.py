"""The page that harmonises and checks, in a real browser against the real studio."""

from __future__ import annotations

import json
import re
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from made_hymns import EXERCISE, MELODY
from partimento.music.files import read_score_bytes

HARMONISED = "#result section.harmony-result"
CHECKED = "#check-result section.harmony-result"


@pytest.fixture(scope="module")
def job(studio: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small chorale that has been made already."""
    path = tmp_path_factory.mktemp("melody") / "line.abc"
    path.write_text(MELODY, encoding="utf-8")
    ref = studio.upload(path)["ref"]
    done: dict[str, Any] = studio.finished("harmonize", {"source": ref, "n": 1, "layout": "two"})
    assert done["state"] == "done", done
    return done


def tab_to(page: Any, selector: str, most: int = 80) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(most):
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached with Tab")


def shown(page: Any, where: str) -> str:
    """Which job the page shows."""
    return str(page.locator(where).get_attribute("data-shown"))


def wait_for_job(page: Any, other: str = "") -> str:
    """Wait until the page shows another job than ``other``; its number and choice."""
    page.wait_for_selector(
        f"#result[data-shown]:not([data-shown='{other}']) .paper", timeout=90_000
    )
    return shown(page, "#result")


def test_a_file_becomes_a_chorale_with_the_mouse(desk: Any, tmp_path: Path) -> None:
    path = tmp_path / "line.abc"
    path.write_text(MELODY, encoding="utf-8")
    page = desk.open("/harmonise")
    page.get_by_label("A file of yours").check()
    page.set_input_files("input[type=file]:not([multiple])", str(path))
    page.get_by_role("heading", name="The melody").wait_for()
    page.get_by_label("Alternatives").fill("1")
    page.get_by_role("button", name="Harmonise", exact=True).click()
    wait_for_job(page)
    assert page.locator(f"{HARMONISED} h2").inner_text() == "Short line in G major"
    assert page.evaluate("document.activeElement.localName") == "h2"
    told = page.locator(HARMONISED).inner_text()
    assert "Fermatas of the input: bar 2, beat 1; bar 4, beat 1." in told
    assert "unchanged" in told
    with page.expect_download() as saved:
        page.get_by_role("link", name="line-1.musicxml").click()
    assert "score-partwise" in Path(saved.value.path()).read_text(encoding="utf-8")
    desk.axe()
    desk.fits()
    desk.picture("harmonise-desk")
    desk.check()


def test_the_score_follows_the_sound(desk: Any, studio: Any, job: dict[str, Any]) -> None:
    page = desk.open(f"/harmonise?job={job['number']}")
    page.locator("#result .paper").wait_for()
    stem = studio.result(job["number"])["alternatives"][0]["stem"]
    with studio.client() as client:
        timing = client.get(f"/api/jobs/{job['number']}/files/{stem}.timing.json").json()
    page.get_by_role("button", name="Play: Alternative 1").click()
    page.wait_for_selector("#result g.note.now")
    page.get_by_role("button", name="Pause: Alternative 1").click()
    page.wait_for_timeout(100)
    now = float(page.locator("#result input.seek").input_value())
    sounding: set[str] = set()
    for event in timing["events"]:
        if event["sec"] <= now + 1e-3:
            sounding = (sounding - set(event["off"])) | set(event["on"])
    lit = page.locator("#result g.note.now").evaluate_all("all => all.map((one) => one.id)")
    assert {name.split("-", 1)[1] for name in lit} == sounding
    # A click on a note goes there.
    note = next(one for one in timing["notes"] if (one["bar"], one["beat"]) == ("3", 1.0))
    page.locator(f"#result g.note[id$='-{note['id']}'] g.notehead").click(force=True)
    page.wait_for_timeout(100)
    due = next(e["sec"] for e in timing["events"] if note["id"] in e["on"])
    assert float(page.locator("#result input.seek").input_value()) == pytest.approx(due, abs=0.01)
    desk.check()


def test_bars_are_written_anew_with_the_mouse(desk: Any, job: dict[str, Any]) -> None:
    page = desk.open(f"/harmonise?job={job['number']}")
    page.locator("#result .paper").wait_for()
    first = shown(page, "#result")
    page.get_by_role("button", name="Chooses bars").click()
    measures = page.locator("#result g.measure")
    for bar in (3, 2):
        measures.nth(bar).locator("g.notehead").first.click(force=True)
    assert [page.get_by_label(f"{end} bar").input_value() for end in ("First", "Last")] == [
        "2",
        "3",
    ]
    assert page.locator("#result .paper rect.bar-chosen").count() == 2
    page.get_by_role("button", name="Keeps notes").click()
    measures.nth(2).locator("g.staff").nth(1).locator("g.notehead").first.click(force=True)
    chips = page.get_by_role("list", name="Kept notes and stretches")
    assert re.fullmatch(r"[TB]:2\.1 ✕", chips.inner_text())
    assert page.locator("#result .paper .ring-kept").count() >= 1
    page.locator(".anew").get_by_label("Alternatives").fill("1")
    page.get_by_role("button", name="Write these bars anew").click()
    second = wait_for_job(page, first)
    assert page.locator("#result h2").inner_text() == "Short line: bars 2-3 anew"
    page.get_by_role("button", name="Before", exact=True).click()
    page.wait_for_selector("#result .paper[aria-label^='Score, Before']")
    page.get_by_role("button", name="Alternative 1", exact=True).click()
    page.wait_for_selector("#result .paper[aria-label^='Score, Alternative 1']")
    desk.axe()
    desk.picture("harmonise-anew-desk")
    page.get_by_role("button", name="Accept alternative 1").click()
    accepted = wait_for_job(page, second)
    assert "take=" in page.url
    assert "Accepted" in page.locator("#result").inner_text()
    page.get_by_role("button", name="Go back to the version before").click()
    wait_for_job(page, accepted)
    assert page.locator("#result h2").inner_text() == "Short line in G major"
    page.go_back()
    page.wait_for_selector(f"#result[data-shown='{accepted}']")
    desk.check()


def test_a_melody_is_drawn_and_harmonised_with_the_keyboard(desk: Any) -> None:
    page = desk.open("/harmonise")
    tab_to(page, "input[type=radio]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    tab_to(page, ".melody-box")
    for key in ["d", "g", "a", "b", "6", "a", "h"]:
        page.keyboard.press(key)
    assert "Fermata. Bar 2, beat 3" in page.locator(".melody [role=status]").inner_text()
    tab_to(page, ".melody summary")
    page.keyboard.press("Enter")
    text = page.locator(".melody-text").inner_text()
    assert text.splitlines()[-1] == "d4 g4 a4 B4 | !fermata!A8 z8 |]"
    tab_to(page, "input[name=n]")
    page.keyboard.press("Control+A")
    page.keyboard.type("1")
    tab_to(page, "button[type=submit]")
    page.keyboard.press("Enter")
    first = wait_for_job(page)
    tab_to(page, "#result .paper")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator("#said").inner_text().startswith("bar 1, beat 2, alto")
    page.keyboard.press("Enter")
    assert float(page.locator("#result input.seek").input_value()) > 0.3
    tab_to(page, ".anew input[type=text]")
    page.keyboard.type("a:1.1")
    page.keyboard.press("Enter")
    assert "A:1.1" in page.locator(".anew .chips").inner_text()
    tab_to(page, ".anew input[type=number]")
    page.keyboard.type("1")
    tab_to(page, ".anew button.main")
    page.keyboard.press("Enter")
    wait_for_job(page, first)
    assert "anew" in page.locator("#result h2").inner_text()
    desk.picture("harmonise-drawn-desk")
    desk.check()


def test_the_grid_takes_notes_from_the_mouse(desk: Any) -> None:
    page = desk.open("/harmonise")
    page.get_by_label("Draw one").check()
    grid = page.locator(".melody-box")
    grid.click(position={"x": 10, "y": 100})
    grid.click(position={"x": 60, "y": 130})
    assert page.locator(".melody-note").count() == 2
    box = page.locator(".melody-note rect").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 5 + 48, box["y"] + 5)
    page.mouse.up()
    wider = page.locator(".melody-note rect").nth(1).bounding_box()
    assert wider is not None
    assert wider["width"] == pytest.approx(box["width"] + 48, abs=1)
    page.get_by_role("button", name="Fermata").click()
    assert page.locator(".melody-fermata").count() == 1
    page.get_by_role("button", name="Listen").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Listen").wait_for(timeout=8000)
    page.get_by_role("button", name="Delete note").click()
    assert page.locator(".melody-note").count() == 1
    page.get_by_role("button", name="Undo").click()
    assert page.locator(".melody-note").count() == 2
    desk.axe()
    desk.picture("harmonise-draw-desk")
    desk.check()


@pytest.mark.parametrize(
    ("fifths", "minor", "metre", "pickup"),
    [(0, False, (4, 4), 0), (-3, True, (3, 4), 4), (4, False, (6, 8), 2), (6, False, (3, 2), 8)],
)
def test_abc_of_the_grid_is_what_was_drawn(
    desk: Any, fifths: int, minor: bool, metre: tuple[int, int], pickup: int
) -> None:
    """Every pitch, length, rest and fermata comes back from the text that the grid writes."""
    page = desk.open("/harmonise")
    starts = [0, 4, 7, 8, 20, 30, 31, 33]
    lengths = [4, 3, 1, 10, 7, 1, 2, 16]
    pitches = [60, 61, 66, 70, 71, 63, 62, 74]
    notes = [
        {"start": start, "length": length, "midi": midi, "fermata": midi in (70, 74)}
        for start, length, midi in zip(starts, lengths, pitches, strict=True)
    ]
    melody = {
        "title": "Drawn %", "fifths": fifths, "minor": minor, "beats": metre[0],
        "beatType": metre[1], "pickup": pickup, "bars": 8, "tempo": 90, "notes": notes,
    }  # fmt: skip
    call = "async (m) => (await import('/static/js/melody_abc.js')).abcText(m)"
    score = read_score_bytes(page.evaluate(call, melody).encode(), "melody.abc")
    sounding = [(n.onset_quarter, n.duration_quarter, n.midi, n.fermata) for n in score.sounding()]
    assert sounding == [
        (Fraction(n["start"], 4), Fraction(n["length"], 4), n["midi"], n["fermata"]) for n in notes
    ]
    assert (score.key_signatures[0].fifths, score.time_signatures[0].beats) == (fifths, metre[0])
    assert score.measures[1].onset_quarter == (
        Fraction(pickup, 4) if pickup else score.time_signatures[0].bar_quarter
    )
    assert score.warnings == ()
    desk.check()


def test_what_is_missing_is_said(desk: Any) -> None:
    page = desk.open("/harmonise")
    page.get_by_label("Draw one").check()
    page.get_by_role("button", name="Harmonise", exact=True).click()
    assert "The grid is empty" in page.locator("form .error").inner_text()
    page.get_by_label("A file of yours").check()
    page.get_by_role("button", name="Harmonise", exact=True).click()
    assert "Choose a file" in page.locator("form .error").inner_text()
    desk.check()


def test_a_job_of_the_history_fits_a_phone(phone: Any, job: dict[str, Any]) -> None:
    page = phone.open(f"/harmonise?job={job['number']}")
    page.locator("#result .paper").wait_for()
    phone.axe()
    phone.fits()
    phone.picture("harmonise-phone")
    page.get_by_label("Draw one").check()
    page.locator(".melody-box").click()
    assert page.locator(".melody-note").count() == 1
    phone.fits()
    phone.check()


def test_scores_of_a_class_are_checked_in_one_table(desk: Any, tmp_path: Path) -> None:
    for name in ("ann", "ben"):
        (tmp_path / f"{name}.abc").write_text(EXERCISE.replace("Exercise", name), encoding="utf-8")
    page = desk.open("/harmonise?part=check")
    files = [str(tmp_path / f"{name}.abc") for name in ("ann", "ben")]
    page.set_input_files("input[multiple]", files)
    page.get_by_role("button", name="Remove ben.abc").wait_for()
    page.get_by_role("button", name="Check the voice leading").click()
    page.locator(f"{CHECKED} .paper").wait_for(timeout=60_000)
    page.get_by_role("button", name="Show ben.abc").click()
    page.wait_for_selector(".paper[aria-label^='Score ben']")
    place = page.locator("button.finding", has_text="parallel octaves")
    place.click()
    assert place.get_attribute("aria-current") == "true"
    assert page.locator(".paper .ring-picked").count() == 4
    # The place is kept until the sound's length is known.
    slider = page.locator(f"{CHECKED} input.seek")
    end = time.monotonic() + 20
    while abs(float(slider.input_value()) - 0.6) > 0.01:
        assert time.monotonic() < end, slider.input_value()
        time.sleep(0.05)
    with page.expect_download() as saved:
        page.get_by_role("link", name="All findings as a table (CSV)").click()
    assert "parallel-octaves" in Path(saved.value.path()).read_text(encoding="utf-8")
    desk.axe()
    desk.fits()
    desk.picture("check-desk")
    desk.check()


def test_a_score_is_checked_with_the_keyboard_on_a_phone(phone: Any, studio: Any) -> None:
    page = phone.open("/harmonise")
    tab_to(page, "[role=tab]")
    page.keyboard.press("ArrowRight")
    tab_to(page, "[role=tabpanel]:not([hidden]) button.main")
    page.keyboard.press("Enter")
    page.locator(f"{CHECKED} .paper").wait_for(timeout=60_000)
    assert "nothing to mark" in page.locator(CHECKED).inner_text()
    number = json.loads(page.evaluate("JSON.stringify(location.search.split('=')[1])"))
    with studio.client() as client:
        assert client.get(f"/api/jobs/{number}").json()["kind"] == "check"
    phone.axe()
    phone.fits()
    phone.picture("check-phone")
    phone.check()
