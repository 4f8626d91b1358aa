"""The work of the composing page: pieces, regions, songs, what was understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partimento.core.errors import ConfigError
from partimento.music.barpiece import BarPiece, bar_piece, read_bar_piece
from partimento.music.ensembles import ENSEMBLES
from partimento.music.expression import Player, play
from partimento.studio.bench import Bench
from partimento.studio.handlers.composing import (
    compose_job,
    regenerate_job,
    song_job,
    understand,
)
from partimento.studio.handlers.piece_data import bar_seconds, roll_data
from partimento.studio.orders import ComposeOrder, RegenerateOrder, SongOrder
from partimento.studio.questions import UnderstandQuestion
from partimento.tasks.text2midi.wishes import SETTABLE

TEXT = "a sad waltz in D minor for violin and cello"


def bench_at(folder: Path, **paths: Path) -> Bench:
    folder.mkdir(parents=True, exist_ok=True)
    found = {f"job:1/{name}.mid": path for name, path in paths.items()}
    return Bench(
        folder, found, {ref: ref for ref in found}, folder, lambda done, total, label: None
    )


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    folder = tmp_path_factory.mktemp("composed")
    order = ComposeOrder(text=TEXT, settings={"tempo": "90"}, bars=4, n=1, seed=1)
    return compose_job(order, bench_at(folder)), folder


def loaded(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def test_a_candidate_has_its_files_and_its_match(composed: tuple[dict[str, Any], Path]) -> None:
    found, folder = composed
    (row,) = found["pieces"]
    assert (row["bars"], row["meter"], row["tempo_bpm"]) == (4, "3/4", 90)
    asked = {one["attribute"]: one for one in row["rows"]}
    assert asked["instruments"]["ok"] and asked["meter"] == {
        "attribute": "meter", "asked": "3/4", "came": "3/4", "ok": True, "forced": True,
    }  # fmt: skip
    for suffix in ("mid", "musicxml", "svg", "wav", "json", "timing.json"):
        assert (folder / f"01.{suffix}").stat().st_size > 100


def test_rows_of_the_roll_are_rows_of_the_file(composed: tuple[dict[str, Any], Path]) -> None:
    _, folder = composed
    data = loaded(folder / "01.json")
    piece = read_bar_piece(folder / "01.mid", own_bars=True)
    assert [note[2] for note in data["notes"]] == piece.pitch.tolist()
    assert data["bars"] == pytest.approx([0, 2, 4, 6, 8], abs=0.001)
    assert set(data["parts"]) == {"violin", "cello"}


def test_the_score_follows_the_roll(composed: tuple[dict[str, Any], Path]) -> None:
    _, folder = composed
    data, timing = loaded(folder / "01.json"), loaded(folder / "01.timing.json")
    seconds = [event["sec"] for event in timing["events"]]
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(data["bars"][-1], abs=0.01)
    assert {note["midi"] for note in timing["notes"]} <= {note[2] for note in data["notes"]}
    ids = {name for event in timing["events"] for name in event["on"]}
    assert ids <= {note["id"] for note in timing["notes"]}


def test_a_region_is_drawn_anew_and_the_rest_stays(
    composed: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    _, folder = composed
    before = loaded(folder / "01.json")
    bars = before["bars"]
    inside = [i for i, note in enumerate(before["notes"]) if bars[1] <= note[0] < bars[3]]
    order = RegenerateOrder(
        piece="job:1/01.mid", bars="2-3", locked=[str(inside[0])], n=1, candidates=1
    )
    found = regenerate_job(order, bench_at(tmp_path / "work", **{"01": folder / "01.mid"}))
    (row,) = found["pieces"]
    after = loaded(tmp_path / "work" / "01.json")
    given = loaded(tmp_path / "work" / "given.json")
    assert given["notes"] == before["notes"]
    stay = [note for i, note in enumerate(before["notes"]) if i not in inside or i == inside[0]]
    kept = [note for i, note in enumerate(after["notes"]) if i not in row["new_rows"]]
    places = [[round(v, 2) for v in note[:3]] for note in kept]
    assert all([round(v, 2) for v in note[:3]] in places for note in stay)
    new = [after["notes"][i][0] for i in row["new_rows"]]
    assert all(bars[1] - 0.01 <= onset < bars[3] for onset in new)
    assert (found["region"]["first_bar"], found["region"]["last_bar"]) == (2, 3)
    svg = (tmp_path / "work" / "01.svg").read_text(encoding="utf-8")
    assert "a sad waltz in D minor" in svg
    assert found["title"] == "Bars 2 to 3 anew"


def test_a_lock_that_names_no_note_is_the_users_mistake(
    composed: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    _, folder = composed
    order = RegenerateOrder(piece="job:1/01.mid", bars="2", locked=["99999"])
    with pytest.raises(ConfigError, match="no row 99999"):
        regenerate_job(order, bench_at(tmp_path, **{"01": folder / "01.mid"}))


def test_a_song_leaves_what_the_page_shows(tmp_path: Path) -> None:
    order = SongOrder(
        text="a calm hymn for piano, harmonised in four parts", bars=2, candidates=1, players=1
    )
    found = song_job(order, bench_at(tmp_path))
    assert found["chosen"] == "01-1" == found["takes"][0]["take"]
    names = {path.name for path in tmp_path.iterdir()}
    assert {"performance.wav", "performance.json", "score.timing.json", "cover.png"} <= names
    assert {"chorale.svg", "chorale.timing.json", "chorale.wav", "index.html"} <= names
    assert [one["stem"] for one in found["settings"]] == ["chorale"]
    data, timing = loaded(tmp_path / "performance.json"), loaded(tmp_path / "score.timing.json")
    assert len(data["bars"]) == found["facts"]["bars"] + 1
    # The score is followed at the seconds of the performance, not at those of the written notes.
    first = min(note[0] for note in data["notes"])
    sounding = [event["sec"] for event in timing["events"] if event["on"]]
    assert min(sounding) == pytest.approx(first, abs=0.1)
    assert len(found["critique"]["radar"]["dimensions"]) == 19


def scale() -> BarPiece:
    count = 8
    return bar_piece(
        np.arange(count) * 24, np.full(count, 24), 60 + np.arange(count), np.full(count, 80),
        np.zeros(count), meter="4/4", tempo_bpm=60.0,
    )  # fmt: skip


def test_the_clock_of_a_performance_is_that_of_its_notes() -> None:
    played = play(scale(), Player(), np.random.default_rng(0))
    assert played.seconds_at(np.arange(8)) == pytest.approx(played.onset_sec)
    lines = bar_seconds(played)
    assert len(lines) == 3 and lines[1] == pytest.approx(played.onset_sec[4], abs=1e-3)


def test_roll_data_of_a_piece_as_written() -> None:
    data = roll_data(scale())
    assert data["notes"][1] == [1.0, 1.0, 61, 80, 0]
    assert data["bars"] == [0.0, 4.0, 8.0] and data["seconds"] == 8.0


def answer(text: str, **settings: str) -> dict[str, Any]:
    return understand(UnderstandQuestion(text=text, settings=settings), bench_at(Path("nowhere")))


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_finding_leads_to_the_setting_that_corrects_it() -> None:
    told = answer("a sad slow waltz for violin, no piano, about 90 bpm")
    found = {(one["attribute"], one["how"]): one["setting"] for one in told["findings"]}
    assert found["valence", "said"] is None
    assert found["instruments", "said"] == "instruments"
    assert found["instruments", "negated"] == "exclude"
    settings = {one["setting"] for one in told["findings"]} - {None}
    assert settings <= {control["name"] for control in told["controls"]}


def test_controls_tell_the_text_and_what_holds_in_the_end() -> None:
    told = answer("a slow waltz in 3/4", tempo="95", meter="any")
    controls = {control["name"]: control for control in told["controls"]}
    assert tuple(controls) == SETTABLE
    assert (controls["tempo"]["text"], controls["tempo"]["value"]) == ("slow", "95")
    assert (controls["meter"]["text"], controls["meter"]["value"]) == ("3/4", "")
    assert "D minor" in controls["key"]["choices"]


def test_every_choice_that_is_offered_can_be_set() -> None:
    for control in answer("music")["controls"]:
        for value in control.get("choices", (str(control.get("most")),)):
            told = answer("music", **{control["name"]: value})
            assert told["wrong"] == {}, (control["name"], value)


def test_a_correction_that_cannot_be_is_told_beside_the_others() -> None:
    told = answer("a jig", tempo="900", key="D minor")
    assert list(told["wrong"]) == ["tempo"]
    assert "20 to 300" in told["wrong"]["tempo"] and "--set" not in told["wrong"]["tempo"]
    values = {control["name"]: control["value"] for control in told["controls"]}
    assert values["key"] == "D minor"


def test_what_only_the_song_does_is_no_wish_of_the_piece() -> None:
    told = answer("a gavotte in G major, arranged for brass quartet")
    assert told["wishes"] == [
        {"what": "arrange", "value": "brass quartet", "words": "arranged for brass quartet"}
    ]
    assert all(one["attribute"] != "instruments" for one in told["findings"])


def test_ensembles_of_the_form_are_those_of_the_music() -> None:
    schema = SongOrder.model_json_schema()["properties"]["arrange"]
    (names,) = [one["enum"] for one in schema["anyOf"] if "enum" in one]
    assert sorted(names) == sorted(ENSEMBLES)
