"""Judging performances: one, two, a folder, with and without a score, and files that are none."""

import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import fake_critic
from fake_critic import SILENT, FakeCritic, QuickReader
from made_performances import another_take, random_piece, tick_notes, transposed, write_notes
from partimento.core.errors import DataError, InputFileError, MusicError
from partimento.examples import PRIMER, example_path
from partimento.music.dimensions import NAMES
from partimento.music.performance import read_performance
from partimento.tasks.critique import judge, worker
from partimento.tasks.critique.extraction import extract, from_json, to_json
from partimento.tasks.critique.interface import ClipFiles
from partimento.tasks.critique.judge import critique, same_passage

READER = worker.Reader


@pytest.fixture(autouse=True)
def _critic(monkeypatch):
    """A known critic; clips are read here, unless a test asks for ``processes``."""
    monkeypatch.setattr(judge, "load_critic", fake_critic.load_fake)
    monkeypatch.setenv("PYTHONPATH", str(Path(fake_critic.__file__).parent))
    monkeypatch.setattr(worker, "Reader", QuickReader)


@pytest.fixture
def processes(monkeypatch, _critic):
    """Clips are read by processes of their own."""
    monkeypatch.setattr(worker, "CLIP_READER", "fake_critic:FakeCritic")
    monkeypatch.setattr(worker, "Reader", READER)


@pytest.fixture
def takes(tmp_path):
    """Three performances of one piece, one of another."""
    piece = random_piece(1, notes=80)
    folder = tmp_path / "takes"
    for seed in range(3):
        write_notes(another_take(piece, seed), folder / f"take_{seed}.mid")
    write_notes(random_piece(9, notes=60), folder / "other.mid")
    return folder


def louder(notes, by):
    return replace(notes, bin=np.clip(notes.bin + by, 1, 31))


def test_one_performance(takes):
    result = critique(takes / "take_0.mid")
    report = result.report()
    expected = FakeCritic().features(ClipFiles(takes / "take_0.mid"))
    mean = FakeCritic().predict(expected.values[None])[0]
    assert set(report["scores"]) | set(report["abstained"]) == set(NAMES)
    assert set(report["abstained"]) == {SILENT} == set(report["abstained"]) - set(report["scores"])
    for name, row in report["scores"].items():
        assert row["mean"] == pytest.approx(mean[NAMES.index(name)], abs=1e-4)
        assert row["low"] < row["mean"] < row["high"]
        assert 0 <= row["percentile"] <= 100
    assert set(report["drivers"]) == set(report["scores"])
    assert report["notes"] == len(read_performance(takes / "take_0.mid"))
    assert report["graded"] is True
    assert "comparison" not in report and "ranks" not in report
    json.dumps(report, allow_nan=False)


def test_ranks_of_one_passage(takes):
    result = critique(takes)
    reports = {one.name: one.report("fake") for one in result.judged}
    assert set(reports) == {"take_0", "take_1", "take_2", "other"}
    assert "ranks" not in reports["other"]
    for name in ("tempo", "timbre_loudness"):
        scores = {n: reports[n]["scores"][name]["mean"] for n in reports if n != "other"}
        ranks = {n: reports[n]["ranks"][name] for n in scores}
        assert sorted(r["rank"] for r in ranks.values()) == [1, 2, 3]
        assert {r["of"] for r in ranks.values()} == {3}
        best = max(scores, key=scores.get)
        assert ranks[best]["rank"] == 1


def test_two_are_compared(tmp_path):
    piece = random_piece(1, notes=80)
    write_notes(piece, tmp_path / "soft.mid")
    write_notes(louder(piece, 8), tmp_path / "loud.mid")
    loud, soft = critique([tmp_path / "loud.mid", tmp_path / "soft.mid"]).reports()
    assert loud["comparison"]["same_passage"] is True
    row = loud["comparison"]["differences"]["timbre_loudness"]
    means = [r["scores"]["timbre_loudness"]["mean"] for r in (loud, soft)]
    assert row["mean"] == pytest.approx(means[0] - means[1], abs=2e-4)
    assert row["clear"] and row["explained_by"][0]["name"] == "loudness"
    assert row["high"] - row["low"] == pytest.approx(2 * 0.05 * 2**0.5, abs=1e-3)
    assert "towards loud" in loud["comparison"]["summary"]
    other = soft["comparison"]["differences"]["timbre_loudness"]
    assert other["mean"] == pytest.approx(-row["mean"])
    # No grade, but an order.
    assert SILENT in loud["comparison"]["differences"] and SILENT in loud["ranks"]


def test_same_passage_hears_through_names_and_tempo():
    def table(notes):
        return np.stack([notes.onset / 100, notes.offset / 100, notes.pitch, notes.bin], axis=1)

    one, other = random_piece(1, notes=120), random_piece(2, notes=120)
    numbers = same_passage([table(n) for n in (one, other, another_take(one, 3), one.select(
        np.arange(len(one)) % 12 > 0))])  # fmt: skip
    assert numbers == [0, 1, 0, 0]


@pytest.mark.parametrize("pace", [0.6, 0.8, 1.25, 1.5, 1.9])
def test_another_tempo_is_the_same_passage(pace):
    played = read_performance(example_path(PRIMER))
    columns = (played.onset_sec, played.offset_sec, played.pitch, played.velocity)
    table = np.stack([np.asarray(c, float) for c in columns], axis=1)
    slower = table * [pace, pace, 1, 1]
    assert same_passage([table, slower]) == [0, 0]
    assert same_passage([table, slower + np.array([0, 0, 5, 0])]) == [0, 1]


def test_an_unknown_work_is_not_graded(takes, monkeypatch):
    monkeypatch.setattr(FakeCritic, "familiarity", 0.1)
    report = critique(takes / "take_0.mid").report()
    assert report["graded"] is False
    assert any("ranked, not graded" in text for text in report["notes_to_the_reader"])


def score_of(notes, path):
    """The notes as a score of quarters, in MusicXML."""
    steps = "CCDDEFFGGAAB"
    body = "".join(
        f"<note><pitch><step>{steps[p % 12]}</step><alter>{int(p % 12 in (1, 3, 6, 8, 10))}</alter>"
        f"<octave>{p // 12 - 1}</octave></pitch>"
        "<duration>1</duration><type>quarter</type></note>"
        for p in notes.pitch.tolist()
    )
    path.write_text(
        '<?xml version="1.0"?><score-partwise version="4.0"><part-list><score-part id="P1">'
        "<part-name>P</part-name></score-part></part-list>"
        '<part id="P1"><measure number="1"><attributes><divisions>1</divisions><time><beats>'
        f"{len(notes)}</beats><beat-type>4</beat-type></time></attributes>{body}</measure></part>"
        "</score-partwise>"
    )
    return path


def test_a_score_that_lies_beside_is_used(tmp_path):
    piece = random_piece(1, notes=60, tonic=5)
    file = write_notes(piece, tmp_path / "a.mid")
    score = score_of(piece, tmp_path / "a.musicxml")
    report = critique(file).report()
    assert report["score"] == str(score) and report["score_match"] == 1.0
    assert report["abstained"] == {}


def test_a_score_of_another_piece(tmp_path):
    file = write_notes(random_piece(1, notes=60, tonic=5), tmp_path / "a.mid")
    # F sharp major shares few keys with C major.
    other = transposed(random_piece(5, notes=60, tonic=5), 6)
    wrong = score_of(other, tmp_path / "a.musicxml")
    report = critique(file).report()
    assert report["score"] is None and report["score_match"] is None
    assert any("does not match" in text for text in report["warnings"])
    assert SILENT in report["abstained"]
    with pytest.raises(MusicError, match="another piece or passage"):
        critique(file, score=wrong)


def test_a_broken_score_beside_is_passed_over(tmp_path):
    file = write_notes(random_piece(1, notes=60), tmp_path / "a.mid")
    (tmp_path / "a.musicxml").write_text("<score-partwise><part")
    report = critique(file).report()
    assert any("was not used" in text for text in report["warnings"])
    with pytest.raises(InputFileError):
        critique(file, score=tmp_path / "a.musicxml")


def test_files_and_pages(takes, tmp_path):
    result = critique(takes, out=tmp_path / "out")
    assert {path.name for path in result.files} == {
        "index.html",
        "report.json",
        *(f"{one.name}.html" for one in result.judged),
    }
    assert all(path.is_file() for path in result.files)
    data = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(data["performances"]) == 4 and data["failed"] == []
    index = (tmp_path / "out" / "index.html").read_text()
    for part in ("Passage 1: 3 performances", "Ranks in passage 1", "take_2.html", "other"):
        assert part in index
    page = (tmp_path / "out" / "take_0.html").read_text()
    for part in ("In short", "Every score", "What drives", "Where it happens", "data:audio/wav"):
        assert part in page
    assert "outside: slow" in page and "0.0-2.0\u00a0s" in page


def test_a_page_of_two(takes, tmp_path):
    critique([takes / "take_0.mid", takes / "other.mid"], out=tmp_path / "out")
    index = (tmp_path / "out" / "index.html").read_text()
    assert "Side by side" in index and "Differences" in index
    assert "do not share their notes" in index
    assert index.count("data:audio/wav") == 2


def test_a_name_that_would_be_the_index(tmp_path):
    piece = random_piece(1, notes=40)
    for folder, name in (("a", "index"), ("b", "index"), ("c", "INDEX")):
        write_notes(piece, tmp_path / folder / f"{name}.mid")
    files = sorted(tmp_path.glob("*/*.mid"))
    names = [path.name for path in critique(files, out=tmp_path / "out").files]
    assert len({name.lower() for name in names}) == len(names) == 5


def test_one_that_fails_does_not_stop_the_others(takes, tmp_path, processes):
    (takes / "broken.mid").write_bytes(b"Dear Sir or Madam")
    result = critique(takes, out=tmp_path / "out")
    assert len(result.judged) == 4
    ((path, error),) = result.failed
    assert path.name == "broken.mid" and "MIDI" in error.what
    assert "Files that were not judged" in (tmp_path / "out" / "index.html").read_text()


def drums(path):
    """A file with nothing but percussion."""
    body = b"\x00\x99\x26\x40\x60\x89\x26\x00" * 40 + b"\x00\xff\x2f\x00"
    path.write_bytes(
        b"MThd\x00\x00\x00\x06\x00\x00\x00\x01\x01\xe0MTrk" + len(body).to_bytes(4, "big") + body
    )
    return path


def test_bad_files_get_one_clear_sentence(tmp_path, processes):
    write_notes(tick_notes([]), tmp_path / "empty.mid")
    write_notes(tick_notes([(0, 50, 60, 16)] * 1), tmp_path / "one.mid")
    drums(tmp_path / "drums.mid")
    (tmp_path / "noise.mid").write_bytes(bytes(range(256)) * 4)
    rows = [(t, t + 40, 40 + t // 50 % 50, 16) for t in range(0, 7200 * 100, 400)]
    write_notes(tick_notes(rows), tmp_path / "night.mid")
    words = {
        "empty": "holds no note",
        "one": "only 1 notes",
        "drums": "percussion",
        "noise": "MIDI",
        "night": "lasts 120 minutes",
        "missing": "does not exist",
    }
    begin = time.perf_counter()
    result = critique([tmp_path / f"{name}.mid" for name in words])
    assert time.perf_counter() - begin < 30
    assert result.judged == () and len(result.failed) == len(words)
    for (path, error), expected in zip(result.failed, words.values(), strict=True):
        assert isinstance(error, InputFileError | MusicError)
        assert expected in error.text and path.name in error.text and "\n" not in error.text
    with pytest.raises(MusicError, match="no note"):
        critique(tmp_path / "empty.mid")


def test_weights_of_another_task(takes):
    with pytest.raises(DataError, match="no critic"):
        critique(takes / "take_0.mid", weights="chorale-strong")


def test_a_worker_outlives_what_ends_its_process(tmp_path, monkeypatch, processes):
    monkeypatch.setattr(worker, "CLIP_READER", "fake_critic:Hostile")
    monkeypatch.setattr(worker, "SECONDS_PER_CLIP", 8.0)
    piece = random_piece(1, notes=40)
    for name in ("crash", "raise", "write", "fine"):
        write_notes(piece, tmp_path / f"{name}.mid")
    clips = [ClipFiles(tmp_path / f"{n}.mid") for n in ("crash", "raise", "write", "fine")]
    with worker.readers(1) as started:
        crash, raised, write, fine = worker.read_clips(clips, False, started)
    assert isinstance(crash, InputFileError) and "process that read it ended" in crash.what
    assert isinstance(raised, InputFileError) and "ZeroDivisionError" in raised.what
    assert isinstance(write, InputFileError)
    assert not (tmp_path / "write.new").exists() or (tmp_path / "write.new").stat().st_size == 0
    assert len(fine.notes) == 40


def test_a_worker_that_hangs_is_stopped(tmp_path, monkeypatch, processes):
    monkeypatch.setattr(worker, "CLIP_READER", "fake_critic:Hostile")
    monkeypatch.setattr(worker, "SECONDS_PER_CLIP", 3.0)
    monkeypatch.setattr(worker, "SECONDS_TO_START", 0.0)
    piece = random_piece(1, notes=40)
    clips = [ClipFiles(write_notes(piece, tmp_path / f"{n}.mid")) for n in ("hang", "fine")]
    told = []
    with worker.readers(1) as started:
        hang, fine = worker.read_clips(clips, False, started, lambda *row: told.append(row))
    assert isinstance(hang, InputFileError) and "longer than 3 s" in hang.what
    assert len(fine.notes) == 40
    assert told == [(1, 2, "hang.mid"), (2, 2, "fine.mid")]


def test_several_workers_keep_the_order(tmp_path, processes):
    clips = [
        ClipFiles(write_notes(random_piece(i, notes=20 + i), tmp_path / f"{i}.mid"))
        for i in range(9)
    ]
    with worker.readers(2) as started:
        found = worker.read_clips(clips, False, started)
    assert [len(one.notes) for one in found] == [20 + i for i in range(9)]
    assert worker.worker_count(1) == 1 and worker.worker_count(1000) <= worker.MOST_WORKERS


def test_what_is_sent_comes_back(takes):
    found = extract(FakeCritic(), ClipFiles(takes / "other.mid"), must_match=False)
    again = from_json(json.loads(json.dumps(to_json(found))))
    assert np.array_equal(again.notes, found.notes)
    assert np.array_equal(again.variants, found.variants, equal_nan=True)
    assert np.array_equal(again.features.values, found.features.values, equal_nan=True)
    assert again.features.names == found.features.names and again.left_out == found.left_out
    assert again.seconds == found.seconds


def test_judging_needs_no_score_of_the_interval(takes):
    """The comparison's interval grows with both intervals."""
    first, second = critique([takes / "take_0.mid", takes / "take_1.mid"]).judged
    wide = replace(second, verdict=replace(second.verdict, high=second.verdict.high + 0.2))
    narrow = judge.compare_two(FakeCritic(), first, second)["differences"]["tempo"]
    wider = judge.compare_two(FakeCritic(), first, wide)["differences"]["tempo"]
    assert wider["low"] < narrow["low"] and wider["high"] == narrow["high"]
