"""What the jobs of the continuing page leave behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from partimento.core.errors import ConfigError, MusicError
from partimento.core.plain import plain
from partimento.examples import PRIMER, example_path
from partimento.music.audio import read_sound
from partimento.music.performance import read_performance
from partimento.nn.sampling import PRESETS
from partimento.studio.bench import Bench
from partimento.studio.handlers.continuing import continue_job, dream_job, infill_job, vary_job
from partimento.studio.orders import ContinueOrder, DreamOrder, InfillOrder, Style, VaryOrder
from partimento.studio.pages import static_folder

REF = "upload:" + "a" * 16
PIECE = example_path(PRIMER)


def bench_in(folder: Path, told: list[tuple[int, int, str]] | None = None) -> Bench:
    """A bench that knows the example."""

    def tell(done: int, total: int, label: str) -> None:
        if told is not None:
            told.append((done, total, label))

    return Bench(folder, {REF: PIECE}, {REF: "my own playing.mid"}, folder, tell)


def made(row: dict[str, Any]) -> list[list[float]]:
    """The model's notes of a piece's row."""
    return [note for note in row["notes"] if note[4] == 1]


def test_a_performance_goes_on_where_it_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    order = ContinueOrder(primer=REF, seconds=2, primer_seconds=6, n=2, seed=3)
    found = continue_job(order, bench_in(tmp_path, told))
    json.dumps(plain(found), allow_nan=False)
    assert found["title"] == "Continuation of my own playing.mid"
    assert [piece["file"] for piece in found["pieces"]] == [
        "continuation-1.mid",
        "continuation-2.mid",
    ]
    for piece in found["pieces"]:
        assert piece["made_sec"][0] == pytest.approx(6, abs=0.01)
        assert made(piece), "nothing was played"
        assert all(6 - 0.02 <= note[0] <= 8.02 for note in made(piece))
        given = [note for note in piece["notes"] if note[4] == 0]
        assert all(note[0] < 6.01 for note in given)
        whole = read_performance(tmp_path / piece["file"])
        assert len(whole) == len(piece["notes"])
        sound = read_sound(tmp_path / piece["sound"])
        assert sound.seconds > max(note[0] for note in piece["notes"]) + piece["lead_sec"]
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["primer"] == "my own playing.mid"
    assert str(PIECE) not in (tmp_path / "report.json").read_text(encoding="utf-8")
    assert {"seconds of music", "sound"} <= {label for _, _, label in told}


def test_the_same_order_gives_the_same_files(tmp_path: Path) -> None:
    order = ContinueOrder(primer=REF, seconds=1, primer_seconds=5, n=1, seed=5)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        continue_job(order, bench_in(tmp_path / name))
    one, two = (tmp_path / name / "continuation-1.mid" for name in ("a", "b"))
    assert one.read_bytes() == two.read_bytes()


def test_a_gap_is_filled_and_the_rest_stays(tmp_path: Path) -> None:
    found = infill_job(InfillOrder(primer=REF, start=4, end=6), bench_in(tmp_path))
    piece = found["pieces"][0]
    assert found["title"] == "Seconds 4 to 6 of my own playing.mid anew"
    assert all(3.98 <= note[0] < 6.02 for note in made(piece))
    before = read_performance(PIECE)
    outside = {
        (round(float(sec), 2), int(pitch))
        for sec, pitch in zip(before.onset_sec, before.pitch, strict=True)
        if not 3.9 <= sec < 6.1
    }
    kept = {(round(note[0], 2), int(note[2])) for note in piece["notes"] if note[4] == 0}
    assert len(outside - kept) <= len(outside) * 0.05
    assert "right_nats_per_note" in piece["report"]


def test_stretches_are_varied_and_dreams_begin_from_nothing(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    order = VaryOrder(primer=REF, start=0, end=5, strength=0.4)
    varied = vary_job(order, bench_in(tmp_path / "v"))["pieces"][0]
    assert varied["report"]["regions_sec"] and made(varied)
    assert all(note[4] == 0 for note in varied["notes"] if note[0] > 5.1)
    (tmp_path / "d").mkdir()
    dreamt = dream_job(DreamOrder(seconds=3, seed=2), bench_in(tmp_path / "d"))
    assert dreamt["source"] is None and dreamt["title"] == "A piano piece from nothing"
    assert all(note[4] == 1 for note in dreamt["pieces"][0]["notes"])


def test_mistakes_are_the_users(tmp_path: Path) -> None:
    with pytest.raises(MusicError, match="nothing follows") as caught:
        infill_job(InfillOrder(primer=REF, start=4, end=100), bench_in(tmp_path))
    assert "Go on from there" in caught.value.text and "--" not in caught.value.text
    with pytest.raises(ConfigError, match="no length") as wrong:
        infill_job(InfillOrder(primer=REF, start=6, end=5), bench_in(tmp_path))
    assert wrong.value.where == "the passage"


def test_the_page_explains_the_styles_that_there_are() -> None:
    """Numbers stand in the page because the server must not load the model's code."""
    assert set(get_args(Style)) == set(PRESETS)
    page = (static_folder() / "pages" / "continue.js").read_text(encoding="utf-8")
    for name, sampling in PRESETS.items():
        row = (
            f"{name}: {{ temperature: {sampling.temperature:g}, top_k: {sampling.top_k}, "
            f"top_p: {sampling.top_p:g},"
        )
        assert row in page, row
