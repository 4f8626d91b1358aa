"""The doctor's page: runs that grow while one looks, a sick model, attention."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from partimento.core.runs import RunFolder
from partimento.examples import example_path


def make_run(studio: Any, name: str, steps: int, rate: float = 0.01) -> RunFolder:
    """A run that learns by heart after its twelfth step."""
    config = {"task": "chorale", "training": {"optimizer": {"lr": rate}, "batch_size": 16}}
    run = RunFolder.create(studio.runs / name, config, "partimento train")
    grow(run, 1, steps)
    return run


def grow(run: RunFolder, first: int, last: int) -> None:
    """More steps of such a run."""
    for step in range(first, last + 1):
        row = {"step": step, "epoch": step}
        run.log({"kind": "train", **row, "loss": 3.0 * 0.9**step, "lr": 0.01 / step})
        run.log({"kind": "epoch", **row, "valid_loss": 2.0 + abs(step - 12) * 0.08})


def points(page: Any, curve: str) -> int:
    """How many points a curve of the run's chart has."""
    path = page.locator(f"[data-run] .chart-drawing [data-curve='{curve}']").first
    return int(path.get_attribute("data-points") or 0) if path.count() else 0


@pytest.fixture
def clean_runs(studio: Any) -> Iterator[None]:
    """No run of another test in the folder, before and after."""
    import shutil

    def sweep() -> None:
        for path in studio.runs.iterdir():
            shutil.rmtree(path)

    sweep()
    yield
    sweep()


def test_without_runs_the_page_says_what_to_do(desk: Any, clean_runs: None) -> None:
    page = desk.open("/doctor")
    page.get_by_text("partimento train recipes/chorale/small.yaml").wait_for()
    page.get_by_role("button", name="Learn from a sick model").last.click()
    page.get_by_role("heading", name="What goes wrong?").wait_for()
    desk.axe()
    desk.check()


def test_a_curve_grows_while_the_training_runs(desk: Any, studio: Any, clean_runs: None) -> None:
    run = make_run(studio, "growing", 4)
    page = desk.open("/doctor")
    page.get_by_text("training now").first.wait_for()
    page.wait_for_selector("[data-curve='training']")
    assert points(page, "training") == points(page, "validation") == 4
    grow(run, 5, 9)
    page.wait_for_selector("[data-run] [data-curve='training'][data-points='9']", timeout=9000)
    # A training that is taken up again forgets rows; the curve must not keep them.
    run.rewind_metrics("step", 3)
    page.wait_for_selector("[data-run] [data-curve='training'][data-points='3']", timeout=9000)
    grow(run, 4, 12)
    run.log({"kind": "stop", "step": 12, "epoch": 12, "reason": "max_steps"})
    page.wait_for_selector("[data-run] [data-curve='training'][data-points='12']", timeout=9000)
    page.get_by_text("ended (max steps)").first.wait_for()
    assert "falls from 2.7" in page.locator("[data-run] .chart-drawing").first.get_attribute(
        "aria-label"
    )
    desk.check()


def test_the_columns_of_the_trainer_are_found(desk: Any, studio: Any, clean_runs: None) -> None:
    run = RunFolder.create(studio.runs / "real", {"task": "chorale"}, "partimento train")
    for step in (50, 100, 150):
        run.log({"kind": "train", "step": step, "epoch": 0, "loss": 20.0 - step / 10})
        figures = {
            "valid_nats_per_frame": 18.0 - step / 10,
            "valid_nats_per_note": 4.0 - step / 100,
        }
        run.log({"kind": "validation", "step": step, "epoch": 0, **figures})
    run.log({"kind": "stop", "step": 200, "reason": "max_steps", "valid_nats_per_frame": 1.0})
    page = desk.open("/doctor")
    page.wait_for_selector("[data-run] [data-curve='training']")
    assert points(page, "training") == 3
    assert points(page, "validation, nats per frame") == 4
    page.get_by_text("More curves").click()
    page.locator(".small-charts [data-curve='valid_nats_per_note']").wait_for()
    desk.check()


def test_a_run_is_examined_and_compared(desk: Any, studio: Any, clean_runs: None) -> None:
    make_run(studio, "heart", 40)
    make_run(studio, "other", 20, rate=0.5)
    page = desk.open("/doctor")
    page.locator(".runs button[data-name='heart']").click()
    page.get_by_role("button", name="Examine this run").click()
    card = page.locator("article[data-code='R6.overfit']")
    card.wait_for(timeout=60_000)
    assert card.locator(".paper.measured svg").count() == 1
    assert card.locator(".remedy").inner_text().startswith("Do this:")
    card.locator("summary").click()
    page.get_by_label("Compare with").select_option("other")
    table = page.get_by_role("region", name="Settings that differ")
    table.wait_for()
    assert "training.optimizer.lr" in table.inner_text() and "0.5" in table.inner_text()
    assert "batch_size" not in table.inner_text()
    assert page.locator("[data-curve='other: training']").count() > 0
    desk.axe()
    desk.fits()
    desk.picture("doctor-desk")
    # What was found is on the disk and there after the page is left.
    number = page.locator("[data-done]").get_attribute("data-done")
    page = desk.open(f"/doctor?job={number}")
    page.locator("article[data-code='R6.overfit']").wait_for()
    desk.check()


def test_a_run_is_examined_with_the_keyboard_on_a_phone(
    phone: Any, studio: Any, clean_runs: None
) -> None:
    make_run(studio, "heart", 40)
    page = phone.open("/doctor")
    page.wait_for_selector("[data-run] [data-curve='training']")
    page.locator(".skip").focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Examine this run":
            break
    page.keyboard.press("Enter")
    page.locator("article[data-code='R6.overfit']").wait_for(timeout=60_000)
    # The slider of the chart reads values.
    slider = page.locator("[data-run] input[type=range]").first
    slider.focus()
    before = page.locator("[data-run] .chart-told").first.inner_text()
    page.keyboard.press("Home")
    assert page.locator("[data-run] .chart-told").first.inner_text() != before
    assert "training 2.7 (step 1)" in (slider.get_attribute("aria-valuetext") or "")
    phone.axe()
    phone.fits()
    phone.picture("doctor-phone")
    phone.check()


def test_a_sick_model_is_trained_live_found_and_treated(desk: Any, clean_runs: None) -> None:
    page = desk.open("/doctor?part=learn")
    page.get_by_role("button", name="Make it sick").click()
    curve = "[data-curve='sick, training']"
    page.wait_for_selector(curve, timeout=90_000)
    seen = {int(page.locator(curve).first.get_attribute("data-points") or 1)}
    while page.locator("[data-curve='treated, training']").count() == 0:
        seen.add(int(page.locator(curve).first.get_attribute("data-points") or 1))
        page.wait_for_timeout(200)
    # It grew while one looked: more than one length was seen.
    assert len(seen) > 1
    page.get_by_text("The doctor's first finding names the mistake.").first.wait_for(timeout=90_000)
    assert page.get_by_text("Recovered:").count() == 1
    assert page.locator(".figures li").count() == 3
    desk.axe()
    desk.fits()
    desk.picture("doctor-learn-desk")
    desk.check()


def test_a_sick_model_can_be_chosen_with_the_keyboard(phone: Any, clean_runs: None) -> None:
    page = phone.open("/doctor?part=learn")
    page.get_by_label("Network").focus()
    page.keyboard.type("Piano")
    page.keyboard.press("Tab")
    assert page.get_by_label("Mistake").evaluate("one => one === document.activeElement")
    page.keyboard.type("sees")
    assert page.get_by_label("Mistake").input_value() == "piano: sees the future"
    page.get_by_text("Attention has no causal mask.").wait_for()
    phone.axe()
    phone.fits()
    phone.picture("doctor-learn-phone")
    phone.check()


@pytest.mark.parametrize("where", ["desk", "phone"])
def test_attention_is_read_head_by_head(
    where: str, request: pytest.FixtureRequest, clean_runs: None
) -> None:
    watched: Any = request.getfixturevalue(where)
    page = watched.open("/doctor?part=attention")
    page.get_by_label("Model", exact=True).select_option("chorale-small")
    example = page.get_by_role("button", name="Take the example")
    example.focus()
    page.keyboard.press("Enter")
    heads = page.locator(".heads button")
    heads.first.wait_for(timeout=90_000)
    assert heads.count() == 9
    heads.first.focus()
    page.keyboard.press("Enter")
    assert heads.first.get_attribute("aria-pressed") == "true"
    page.get_by_role("heading", name="Layer 1, head 1").wait_for()
    page.locator(".heat-box").focus()
    page.keyboard.press("Home")
    page.keyboard.press("PageUp")
    told = page.locator(".heat-told")
    assert "100.0 %" in told.inner_text() or "%" in told.inner_text()
    first = told.inner_text()
    page.keyboard.press("ArrowDown")
    assert told.inner_text() != first
    # The map is painted: the shades are not all alike.
    shades = page.evaluate(
        "() => { const c = document.querySelector('.heat-large');"
        " const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " return new Set(Array.from({length: d.length / 4}, (_, i) => d[4 * i])).size; }"
    )
    assert shades > 5
    watched.axe()
    watched.fits()
    watched.picture(f"doctor-attention-{where}")
    watched.check()


def test_a_melody_has_no_attention_and_the_page_says_why(desk: Any, studio: Any) -> None:
    studio.upload(example_path("ode_to_joy"), "My melody.musicxml")
    page = desk.open("/doctor?part=attention")
    page.get_by_label("Or one that was handed in before").select_option(label="My melody.musicxml")
    page.get_by_role("button", name="Show its attention").click()
    alert = page.get_by_role("alert")
    alert.wait_for(timeout=60_000)
    assert "all four voices" in alert.inner_text() and "My melody" in alert.inner_text()
    desk.check()


def test_the_chart_has_round_ticks_and_tells_its_curves_in_words(desk: Any) -> None:
    page = desk.open("/doctor")
    found = page.evaluate(
        "async () => { const chart = await import('/static/js/chart.js');"
        " return [chart.ticks(0, 1, 5), chart.ticks(-3, 47, 5), chart.ticks(2, 2, 5),"
        " chart.describe([{ name: 'loss', points: [[0, 3], [5, 1], [9, 2]] }])]; }"
    )
    assert found[0] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert found[1] == [0, 10, 20, 30, 40]
    assert found[2] == [2]
    assert found[3] == "loss: 3 points, falls from 3 to 2, lowest 1 at 5."
    desk.check()


def test_numbers_that_are_none_are_left_out_of_a_curve(desk: Any) -> None:
    page = desk.open("/doctor")
    drawn = page.evaluate(
        "async () => { const { lineChart } = await import('/static/js/chart.js');"
        " const chart = lineChart({ title: 'Broken' });"
        " const empty = chart.element.querySelector('svg').getAttribute('aria-label');"
        " chart.update([{ name: 'loss', points: [[1, 2], [2, 'NaN'], [3, 1], [4, null]] }]);"
        " const path = chart.element.querySelector('[data-curve=loss]');"
        " return [empty, path.dataset.points, path.getAttribute('d')]; }"
    )
    assert drawn[0] == "Broken: Nothing to draw yet."
    assert drawn[1] == "2" and "NaN" not in drawn[2]
    desk.check()
