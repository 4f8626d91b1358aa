"""The work behind the page that harmonises and checks, without a server."""

from __future__ import annotations

import csv
import json
import re
import wave
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_hymns import EXERCISE, MELODY
from partimento.core.errors import PartimentoError
from partimento.examples import example_path
from partimento.music.files import read_score, read_score_bytes
from partimento.studio.bench import Bench
from partimento.studio.handlers.following import followed
from partimento.studio.handlers.harmonizing import check_job, harmonize_job, plain_name
from partimento.studio.orders import CheckOrder, HarmonizeOrder

REF = "upload:" + "a" * 16
Told = list[tuple[int, int, str]]


@pytest.fixture
def bench_for(tmp_path: Path) -> Callable[..., tuple[Bench, Told]]:
    """A bench with files of given texts or paths, and what was told of the progress."""

    def made(name: str, files: dict[str, str | Path], shown: str = "") -> tuple[Bench, Told]:
        folder = tmp_path / name
        folder.mkdir()
        paths = {}
        for number, (ref, what) in enumerate(files.items()):
            path = what if isinstance(what, Path) else tmp_path / f"{name}{number}.abc"
            if isinstance(what, str):
                path.write_text(what, encoding="utf-8")
            paths[ref] = path
        names = {ref: shown or f"work {i}.abc" for i, ref in enumerate(files)}
        told: Told = []
        tell = lambda done, total, label: told.append((done, total, label))  # noqa: E731
        return Bench(folder, paths, names, tmp_path, tell), told

    return made


@pytest.fixture(scope="module")
def harmonised(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path, Told]:
    """One small melody in two versions on two staves."""
    folder = tmp_path_factory.mktemp("harmonised")
    source = tmp_path_factory.mktemp("source") / "0123456789abcdef.abc"
    source.write_text(MELODY, encoding="utf-8")
    told: Told = []
    bench = Bench(
        folder, {REF: source}, {REF: "My line!.abc"}, folder, lambda *news: told.append(news)
    )
    return harmonize_job(HarmonizeOrder(source=REF, n=2, layout="two"), bench), folder, told


def test_alternatives_come_with_all_their_files(
    harmonised: tuple[dict[str, Any], Path, Told],
) -> None:
    found, folder, _ = harmonised
    assert found["title"] == "Short line in G major"
    assert [one["stem"] for one in found["alternatives"]] == ["My-line-1", "My-line-2"]
    endings = ("mid", "musicxml", "png", "svg", "timing.json", "wav")
    wanted = {f"My-line-{i}.{ending}" for i in (1, 2) for ending in endings}
    assert {path.name for path in folder.iterdir()} == wanted
    assert json.dumps(found)


def test_the_melody_is_kept_and_its_fermatas_are_told(
    harmonised: tuple[dict[str, Any], Path, Told],
) -> None:
    found, folder, _ = harmonised
    assert found["fermatas"] == [{"bar": "2", "beat": 1.0}, {"bar": "4", "beat": 1.0}]
    assert found["given"] == {"Soprano": 1.0, "Alto": 0.0, "Tenor": 0.0, "Bass": 0.0}
    assert all(one["preserved"]["share"] == 1.0 for one in found["alternatives"])
    timing = json.loads((folder / "My-line-1.timing.json").read_text())
    soprano = [note["name"] for note in timing["notes"] if note["voice"] == "soprano"]
    assert soprano == ["D5", "G5", "G5", "A5", "A5", "B5", "A5", "G5", "A5", "F#5", "G5"]


def test_progress_covers_all_alternatives(harmonised: tuple[dict[str, Any], Path, Told]) -> None:
    told = harmonised[2]
    drafting = [(done, total) for done, total, label in told if label.startswith("Alternative")]
    assert drafting == [(1, 2), (2, 2)]


def test_every_head_of_the_drawing_is_known(
    harmonised: tuple[dict[str, Any], Path, Told],
) -> None:
    _, folder, _ = harmonised
    timing = json.loads((folder / "My-line-1.timing.json").read_text())
    svg = (folder / "My-line-1.svg").read_text()
    drawn = set(re.findall(r'<g id="([^"]+)" class="note"', svg))
    assert drawn == {note["id"] for note in timing["notes"]}
    assert all(note["name"] and note["voice"] for note in timing["notes"])
    assert {id for event in timing["events"] for id in event["on"]} <= drawn


def test_what_lights_up_is_what_sounds(harmonised: tuple[dict[str, Any], Path, Told]) -> None:
    """Onsets in the rendered sound lie within 50 ms of the events (spectral flux)."""
    _, folder, _ = harmonised
    timing = json.loads((folder / "My-line-1.timing.json").read_text())
    with wave.open(str(folder / "My-line-1.wav")) as file:
        rate, size, hop = file.getframerate(), 1024, 128
        stereo = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    mono = stereo.mean(axis=1) / 32768
    frames = np.lib.stride_tricks.sliding_window_view(mono, size)[::hop] * np.hanning(size)
    level = np.log1p(100 * np.abs(np.fft.rfft(frames, axis=1)))
    flux = np.maximum(0.0, np.diff(level, axis=0)).sum(axis=1)
    times = (np.arange(len(flux)) * hop + size / 2 + hop) / rate
    away = []
    # A tied head of another voice may light up where no sound begins; the melody has no ties.
    melody = {note["id"] for note in timing["notes"] if note["voice"] == "soprano"}
    for event in timing["events"]:
        if melody & set(event["on"]):
            due = event["sec"] + timing["lead"]
            near = np.abs(times - due) < 0.12
            away.append(abs(times[near][np.argmax(flux[near])] - due))
    assert len(away) == len(melody) == 11
    assert max(away) < 0.05


def test_the_later_heads_of_a_value_are_known_too() -> None:
    """Five eighths are drawn as two tied heads in one bar; both are the same note."""
    score = read_score_bytes(b"X:1\nM:6/8\nL:1/8\nK:C\nE5 z|\n", "long.abc")
    joined = score.sounding()[0]
    assert joined.duration_quarter == Fraction(5, 2)
    one = replace(joined, tie_start=False, tie_stop=False)
    made = followed(replace(score, notes=(one,)))
    assert [note["name"] for note in made.timing()["notes"]] == ["E4", "E4"]
    assert len(made.ids([one])) == 2


def test_bars_anew_change_these_bars_alone(
    harmonised: tuple[dict[str, Any], Path, Told],
    bench_for: Callable[..., tuple[Bench, Told]],
) -> None:
    _, folder, _ = harmonised
    ref = "job:7/My-line-1.musicxml"
    source = folder / "My-line-1.musicxml"
    bench, _ = bench_for("anew", {ref: source}, "My-line-1.musicxml")
    order = HarmonizeOrder(source=ref, region="2-3", voices="S", lock=["B:2"], seed=3, layout="two")
    found = harmonize_job(order, bench)
    made = found["alternatives"][0]
    assert (made["stem"], found["before"]["stem"]) == ("My-line-bars2-3-1", "before")
    assert (bench.folder / "before.wav").is_file()
    assert not any("Voices found" in text for text in found["warnings"])

    old, new = followed(read_score(source)), bench.folder / f"{made['stem']}.timing.json"
    notes = {note["id"]: note for note in json.loads(new.read_text())["notes"]}
    fresh = [notes[id] for id in made["changed"]]
    assert all(note["bar"] in ("2", "3") and note["voice"] != "soprano" for note in fresh)
    assert not any(note["voice"] == "bass" and note["bar"] == "2" for note in fresh)

    def outside(rows: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
        kept = [row for row in rows if row["bar"] not in ("2", "3")]
        return {(row["quarter"], row["voice"], row["name"]) for row in kept}

    assert outside(list(notes.values())) == outside(old.timing()["notes"])


def test_a_full_score_cannot_be_harmonised(bench_for: Callable[..., tuple[Bench, Told]]) -> None:
    bench, _ = bench_for("full", {REF: EXERCISE})
    with pytest.raises(PartimentoError, match="nothing to fill"):
        harmonize_job(HarmonizeOrder(source=REF), bench)


def test_findings_name_their_notes(bench_for: Callable[..., tuple[Bench, Told]]) -> None:
    bench, told = bench_for("check", {REF: EXERCISE})
    found = check_job(CheckOrder(source=REF), bench)
    assert (found["title"], told[-1][:2]) == ("Exercise: voice leading", (1, 1))
    score = found["scores"][0]
    octaves = [one for one in score["findings"] if one["rule"] == "parallel-octaves"]
    assert octaves
    notes = json.loads((bench.folder / "01-work-0.timing.json").read_text())["notes"]
    marked = {(n["voice"], n["name"]) for n in notes if n["id"] in octaves[0]["notes"]}
    assert marked == {("soprano", "C5"), ("soprano", "D5"), ("bass", "C3"), ("bass", "D3")}
    assert score["counts"]["error"] == sum(f["severity"] == "error" for f in score["findings"])
    assert set(found["rules"]) == {finding["rule"] for finding in score["findings"]}


def test_several_scores_make_one_table(bench_for: Callable[..., tuple[Bench, Told]]) -> None:
    other, third = "upload:" + "b" * 16, "upload:" + "c" * 16
    files = {REF: EXERCISE, other: "X:1\nK:C\n|]\n", third: example_path("old_hundredth_hymn")}
    bench, _ = bench_for("several", files)
    found = check_job(CheckOrder(source=REF, more=[other, third]), bench)
    assert found["title"] == "3 scores checked"
    assert [("error" in row) for row in found["scores"]] == [False, True, False]
    assert str(bench.folder.parent) not in json.dumps(found)
    with (bench.folder / "findings.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["rule"] for row in rows if row["file"] == "work 1.abc"] == ["not checked"]
    assert len([r for r in rows if r["file"] == "work 0.abc"]) == len(
        found["scores"][0]["findings"]
    )


def test_one_score_that_cannot_be_read_is_the_users_mistake(
    bench_for: Callable[..., tuple[Bench, Told]],
) -> None:
    bench, _ = bench_for("broken", {REF: "X:1\nK:C\n|]\n"})
    with pytest.raises(PartimentoError):
        check_job(CheckOrder(source=REF), bench)


def test_a_name_is_no_formula_in_the_table(bench_for: Callable[..., tuple[Bench, Told]]) -> None:
    bench, _ = bench_for("formula", {REF: EXERCISE}, "=cmd.abc")
    check_job(CheckOrder(source=REF), bench)
    assert "\n'=cmd.abc," in (bench.folder / "findings.csv").read_text(encoding="utf-8")


def test_half_a_bar_is_written_anew_by_its_printed_number(
    bench_for: Callable[..., tuple[Bench, Told]],
) -> None:
    """Where a repeat cuts a bar in two, its second half is printed as X1."""
    score = example_path("nun_danket")
    assert any(measure.number == "X1" for measure in read_score(score).measures)
    bench, _ = bench_for("half", {REF: score}, "nun_danket.musicxml")
    order = HarmonizeOrder(source=REF, region="bars:X1-5", voices="S")
    assert order.title() == "Harmonise bars X1-5 anew"
    found = harmonize_job(order, bench)
    assert found["alternatives"][0]["stem"] == "nun_danket-barsX1-5-1"
    assert found["title"].endswith(": bars X1-5 anew")


@pytest.mark.parametrize(
    ("text", "plain"), [("Größe", "Gr-e"), ("../x", "x"), ("", "score"), ("a" * 99, "a" * 60)]
)
def test_files_get_plain_names(text: str, plain: str) -> None:
    assert plain_name(text) == plain


def _piece(path: Path) -> Path:
    """Four bars of a high waltz: one voice above a chord on every second and third beat."""
    from partimento.music.barpiece import TICKS, bar_piece
    from partimento.music.barpiece_write import midi_bytes_of

    steps = (0, 4, 7, 5, 4, 2, 4, 2, 0, 2, 0, 0)
    tune = [(beat, 84 + step) for beat, step in enumerate(steps)]
    under = [(beat, pitch) for beat in range(12) if beat % 3 for pitch in (60, 64, 67)]
    onset, pitch = np.array([*tune, *under]).T
    length = np.full(len(onset), TICKS)
    piece = bar_piece(
        onset * TICKS, length, pitch, np.full(len(onset), 70), np.zeros(len(onset), dtype=int),
        meter="3/4", tempo_bpm=90.0,
    )  # fmt: skip
    path.write_bytes(midi_bytes_of(piece, "Waltz", "C major"))
    return path


def test_the_upper_line_of_a_piece_is_sung(
    tmp_path: Path, bench_for: Callable[..., tuple[Bench, Told]]
) -> None:
    bench, _ = bench_for("line", {REF: _piece(tmp_path / "piece.mid")}, "waltz.mid")
    found = harmonize_job(HarmonizeOrder(source=REF, upper_line=True), bench)
    assert any("upper line" in text for text in found["warnings"])
    assert list(found["given"].values()) == [1.0, 0.0, 0.0, 0.0]
    made = read_score(bench.folder / f"{found['alternatives'][0]['stem']}.musicxml")
    sung = [note.midi for note in made.sounding() if note.part == made.parts[0].id]
    # An octave or two lower, note for note.
    tune = [84 + step for step in (0, 4, 7, 5, 4, 2, 4, 2, 0, 2, 0, 0)]
    assert {a - b for a, b in zip(tune, sung, strict=True)} <= {12, 24}
    assert len({a - b for a, b in zip(tune, sung, strict=True)}) == 1


def test_an_upper_line_needs_midi(bench_for: Callable[..., tuple[Bench, Told]]) -> None:
    bench, _ = bench_for("abc", {REF: MELODY}, "my line.abc")
    with pytest.raises(PartimentoError, match="MIDI files only"):
        harmonize_job(HarmonizeOrder(source=REF, upper_line=True), bench)
