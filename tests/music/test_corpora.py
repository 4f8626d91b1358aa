"""Corpora: the table, adding by content, checksums, building from music21, fetching."""

import http.server
import json
import random
import threading
from dataclasses import replace

import numpy as np
import pytest

from partimento.core.errors import DataError, MissingExtraError
from partimento.core.limits import read_limited
from partimento.music import corpora, corpora_build
from partimento.music import grid as grid_module
from partimento.music.corpora_forms import check_form, recognise
from partimento.music.corpora_splits import SPLIT_OF_ID, split_of
from partimento.music.corpora_stats import duplicates, split_stats, voice_intervals
from partimento.music.grid import load_canonical


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Every test has its own data folder."""
    monkeypatch.setenv("PARTIMENTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def piece(shift=0, frames=8):
    return [[67 + shift + t % 3, 62 + shift, 59 + shift, 43 + shift] for t in range(frames)]


CANONICAL = {"train": [piece(), piece(2)], "valid": [piece(5)], "test": []}
RICH = {
    "pieces": [
        {
            "id": "bwv1",
            "split": "train",
            "sharps": 1,
            "mode": "major",
            "time": [[0, "4/4"]],
            "pickup16": 4,
            "measures16": [0, 4],
            "voices": [
                [[0, 4, 67, 0, 0, "G4"], [4, 4, -1, 0, 0, None]],
                [[0, 8, 62, 0, 0, "D4"]],
                [[0, 8, 59, 0, 0, "B3"]],
                [[0, 8, 43, 1, 0, "G2"]],
            ],
        }
    ]
}
HYMNS = {"about": "x", "pieces": [{"id": "a", "time": ["4/4"], "key": "G", "grid": piece()}]}
FAKES = {"train": [piece()]}


def save(tmp_path, content, name="data.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_table_is_complete(home):
    rows = corpora.corpus_table()
    names = [r["name"] for r in rows]
    assert names == ["chorales", "openhymnal", "js_fakes", "asap", "mutopia", "percepiano"]
    for row in rows[:3]:
        assert len(row["sha256"]) == 64 and row["size_bytes"] > 0
    for row in rows:
        assert row["licence"] and row["source"] and row["how"]
        assert row["here"] == []
        assert str(home) in row["folder"]
    json.dumps(rows)


def test_folder_follows_the_environment(home, monkeypatch):
    assert corpora.corpus_dir() == home / "corpora"
    monkeypatch.delenv("PARTIMENTO_HOME")
    assert "partimento" in str(corpora.corpus_dir())


@pytest.mark.parametrize("name", ["../../etc", "chorales/../x", "", "Chorales"])
def test_unknown_names_never_become_paths(name, tmp_path):
    for call in (corpora.stats, corpora.fetch, corpora.corpus_path, corpora.build):
        with pytest.raises(DataError, match="no corpus"):
            call(name)
    with pytest.raises(DataError, match="no corpus"):
        corpora.add(name, save(tmp_path, CANONICAL))


def test_missing_corpus_says_how_to_get_it():
    with pytest.raises(DataError, match=r"not here yet.*partimento data fetch chorales"):
        corpora.corpus_path("chorales")


@pytest.mark.parametrize(
    ("content", "form", "corpus"),
    [
        (CANONICAL, "canonical", "chorales"),
        (RICH, "rich", "chorales"),
        (HYMNS, "openhymnal", "openhymnal"),
        (FAKES, "js_fakes", "js_fakes"),
    ],
)
def test_add_tells_the_form_by_content(tmp_path, home, content, form, corpus):
    report = corpora.add("chorales", save(tmp_path, content, "misleading name.txt"))
    assert (report["form"], report["corpus"], report["known_content"]) == (form, corpus, False)
    assert corpora.corpus_path(corpus, form).parent == home / "corpora" / corpus
    assert json.loads(corpora.corpus_path(corpus, form).read_text()) == content
    assert corpora.corpus_table()[["chorales", "openhymnal", "js_fakes"].index(corpus)]["here"]


def test_rich_alone_gives_the_canonical_form(tmp_path):
    corpora.add("chorales", save(tmp_path, RICH))
    (grid,) = load_canonical(corpora.corpus_path("chorales"), "train")
    assert grid[0].tolist() == [67, 62, 59, 43]
    assert grid[7].tolist() == [-1, 62, 59, 43]
    corpora.add("chorales", save(tmp_path, CANONICAL))
    assert len(load_canonical(corpora.corpus_path("chorales"), "train")) == 2
    # The real canonical form is not overwritten by a derived one.
    corpora.add("chorales", save(tmp_path, RICH))
    assert len(load_canonical(corpora.corpus_path("chorales"), "train")) == 2


def test_wrong_corpus_for_the_layout(tmp_path):
    with pytest.raises(DataError, match="layout of 'openhymnal', not of 'js_fakes'"):
        corpora.add("js_fakes", save(tmp_path, HYMNS))


def broken(change):
    content = json.loads(json.dumps(RICH))
    change(content["pieces"][0])
    return content


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("no json", "no valid JSON"),
        ([1], "none of the layouts"),
        ({"pieces": []}, "none of the layouts|empty"),
        ({"a": 1}, "none of the layouts"),
        ({"train": [[[1, 2, 3]]], "valid": []}, "not four numbers"),
        ({"pieces": [{"grid": [[1, 2, 3, 400]]}]}, "MIDI pitches"),
        ({"pieces": [HYMNS["pieces"][0], 3]}, "pieces\\[1\\]: a piece is no object"),
        (broken(lambda p: p["voices"].pop()), "four voices"),
        (broken(lambda p: p["voices"][0][0].__setitem__(2, 128)), "a note is no"),
        (broken(lambda p: p["voices"][0][0].__setitem__(0, 10**12)), "a note is no"),
        (broken(lambda p: p["voices"][0][0].__setitem__(1, 0)), "a note is no"),
        (broken(lambda p: p.pop("measures16")), "needs 'measures16'"),
    ],
)
def test_add_refuses(tmp_path, content, message):
    with pytest.raises(DataError, match=message):
        corpora.add("chorales", save(tmp_path, content))
    assert not any(row["here"] for row in corpora.corpus_table())


def test_missing_and_large_files(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="does not exist"):
        corpora.add("chorales", tmp_path / "none.json")
    monkeypatch.setattr(grid_module, "read_limited", lambda path, limit: read_limited(path, 10))
    with pytest.raises(DataError, match="larger than"):
        corpora.add("chorales", save(tmp_path, CANONICAL))


def test_stats(tmp_path):
    corpora.add("chorales", save(tmp_path, CANONICAL))
    report = corpora.stats("chorales")["files"]["canonical.json"]
    train = report["parts"]["train"]
    assert (train["pieces"], train["frames"], train["tokens"]) == (2, 16, 64)
    assert train["silence_share"] == 0
    assert train["ranges"]["B"] == [43, 45]
    assert train["dead_tokens"]["B"] == ["G#2"]
    assert report["duplicates"]["same_piece"] == [["train[0]", "train[1]", "valid[0]"]]
    assert report["duplicates"]["across_parts"] == {"same_piece": 1, "same_melody": 1}
    json.dumps(report)


def test_changed_file_is_noticed(tmp_path):
    corpora.add("chorales", save(tmp_path, CANONICAL))
    path = corpora.corpus_path("chorales")
    path.write_text(path.read_text().replace("43", "44"))
    with pytest.raises(DataError, match="not what was stored"):
        corpora.stats("chorales")


def test_split_stats_of_silence():
    silent = np.full((4, 4), -1)
    assert split_stats([silent])["silence_share"] == 1
    assert split_stats([]) == {"pieces": 0, "frames": 0}


def test_duplicates_ignore_key_but_not_notes():
    other = np.array(piece())
    other[0, 1] += 1
    found = duplicates({"train": [np.array(piece()), np.array(piece(3))], "valid": [other]})
    assert found["same_piece"] == [["train[0]", "train[1]"]]
    assert found["same_melody"] == [["train[0]", "train[1]", "valid[0]"]]
    assert voice_intervals(other) != voice_intervals(np.array(piece()))


@pytest.fixture
def server(tmp_path):
    """An HTTP server on this machine that serves a folder; gives (folder, url)."""
    folder = tmp_path / "www"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def serve(monkeypatch, url, content=None):
    """Point the corpus ``chorales`` to ``url`` and to the checksum of ``content``."""
    corpus = replace(corpora.CORPORA["chorales"], url=url)
    if content is not None:
        splits = check_form(content, "canonical", "x")
        checksum = corpora.content_sha256(splits, corpus.sha256_parts)
        corpus = replace(corpus, sha256=checksum)
    monkeypatch.setitem(corpora.CORPORA, "chorales", corpus)


def test_fetch(server, monkeypatch):
    folder, url = server
    save(folder, CANONICAL, "c.json")
    serve(monkeypatch, f"{url}/c.json", CANONICAL)
    report = corpora.fetch("chorales")
    assert report["known_content"] and report["pieces"] == {"train": 2, "valid": 1, "test": 0}
    assert corpora.stats("chorales")["files"]["canonical.json"]["source"] == f"{url}/c.json"


def test_fetch_refuses_other_notes(server, monkeypatch):
    folder, url = server
    save(folder, {**CANONICAL, "train": [piece(1)]}, "c.json")
    serve(monkeypatch, f"{url}/c.json", CANONICAL)
    with pytest.raises(DataError, match="other notes than expected"):
        corpora.fetch("chorales")
    assert not corpora.corpus_table()[0]["here"]


def test_failed_downloads_are_one_sentence(server, monkeypatch):
    _, url = server
    for address in (f"{url}/none.json", "http://127.0.0.1:1/none.json"):
        serve(monkeypatch, address)
        with pytest.raises(DataError, match="could not be downloaded from http") as caught:
            corpora.fetch("chorales")
        assert "\n" not in str(caught.value)


def test_download_is_limited(server, monkeypatch):
    folder, url = server
    save(folder, " " * 5000, "c.json")
    serve(monkeypatch, f"{url}/c.json")
    monkeypatch.setattr(corpora, "DATA_BYTES", 1000)
    with pytest.raises(DataError, match=r"more than 1\.0 kB"):
        corpora.fetch("chorales")


def test_fetch_without_a_source():
    with pytest.raises(DataError, match=r"no file to download.*add js_fakes FILE"):
        corpora.fetch("js_fakes")


def test_only_chorales_can_be_built():
    with pytest.raises(DataError, match="cannot be built"):
        corpora.build("openhymnal")


def test_build_without_music21(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "music21", None)
    with pytest.raises(MissingExtraError, match=r"partimento\[corpora\]"):
        corpora.build("chorales")


def test_splits_are_the_canonical_ones():
    assert (split_of("bwv101.7"), split_of("bwv10.7"), split_of("none")) == (
        "train", "valid", "test",
    )  # fmt: skip
    assert sorted(SPLIT_OF_ID.values()).count("valid") == 76


@pytest.fixture(scope="session")
def rich_pieces(data_dir):
    content = json.loads((data_dir / "jsb" / "chorales_rich_train_valid.json").read_text())
    return {p["id"]: p for p in content["pieces"]}


def test_build_gives_the_same_voices(rich_pieces, data_dir, tmp_path):
    pytest.importorskip("music21")
    corpora.add("chorales", data_dir / "jsb" / "jsb16_train_valid.json")
    plain = sorted(i for i, p in rich_pieces.items() if not p["extracted"])
    chosen = [*random.Random(5).sample(plain, 6), "bwv432", "bwv250"]
    out = tmp_path / "rich.json"
    report = corpora.build("chorales", out, ids=chosen)
    assert report["dropped"] == {}
    built = json.loads(out.read_text())["pieces"]
    assert [b["id"] for b in built] == chosen
    for record in built:
        known = rich_pieces[record["id"]]
        for field in ("voices", "sharps", "mode", "time", "pickup16", "measures16", "extracted"):
            assert record[field] == known[field], (record["id"], field)
        assert record["split"] == known["split"]
    # The canonical file is installed, so the pieces point to their copies in it.
    assert sum(b["jsb"] == rich_pieces[b["id"]]["jsb"] for b in built) >= 5
    assert all(place in rich_pieces[b["id"]]["jsb"] for b in built for place in b["jsb"])
    assert next(b for b in built if b["id"] == "bwv432")["dropped_notes"] == 2


def test_build_into_the_folder(rich_pieces):
    pytest.importorskip("music21")
    seen = []
    corpora.build("chorales", ids=["bwv253"], progress=lambda i, n, name: seen.append((i, n, name)))
    assert seen == [(1, 1, "bwv253")]
    (grid,) = load_canonical(corpora.corpus_path("chorales"), "valid")
    known = rich_pieces["bwv253"]["voices"]
    assert grid[0].tolist() == [voice[0][2] for voice in known]
    assert corpora.stats("chorales")["files"]["rich.json"]["dropped"] == []


def test_build_refuses_unknown_ids():
    pytest.importorskip("music21")
    with pytest.raises(DataError, match="no chorale called 'bwv9999'"):
        corpora.build("chorales", ids=["bwv9999"])


def test_pieces_without_a_choir_are_left_out(monkeypatch):
    part = type("Part", (), {"partName": "Horn"})()
    score = type("Score", (), {"parts": [part, part, part]})()
    converter = pytest.importorskip("music21").converter
    monkeypatch.setattr(converter, "parse", lambda *args, **kwargs: score)
    records, dropped = corpora_build.build_chorales(["bwv253"])
    assert not records
    assert dropped == [("bwv253", "3 parts and no choir of soprano, alto, tenor and bass")]


@pytest.mark.parametrize(
    ("file", "form"),
    [
        ("jsb16_train_valid.json", "canonical"),
        ("chorales_rich_train_valid.json", "rich"),
        ("openhymnal.json", "openhymnal"),
        ("js_fakes.json", "js_fakes"),
    ],
)
def test_the_data_files_are_recognised(data_dir, file, form):
    report = corpora.add("chorales", data_dir / "jsb" / file)
    assert report["form"] == form
    # The table's checksums are those of the files of training.
    assert report["known_content"] == (form != "rich")


def test_recognise_names_the_layouts():
    with pytest.raises(DataError, match="canonical JSON"):
        recognise({}, "x")
