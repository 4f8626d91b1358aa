"""The piano corpora: taken in from folders and archives, split by work."""

import csv
import json
import tarfile

import pytest

from made_performances import another_take, random_piece, write_notes
from partimento.core.errors import DataError
from partimento.music import corpora
from partimento.music.corpora_piano import (
    mutopia_rows,
    piano_corpus_table,
    split_by_hash,
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTIMENTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def piece(name, **changed):
    """A record of Mutopia's list."""
    record = {
        "midi": f"midi/{name}.mid",
        "piece": name,
        "composer": "Nobody",
        "instrument": "Piano",
        "license": "Public Domain",
        "attrs": {"inst": ["piano"]},
    }
    return {**record, **changed}


@pytest.fixture
def mutopia(tmp_path):
    """Thirty pieces, of which number 1 is an edition of number 0."""
    folder = tmp_path / "given"
    records = [piece(f"p{k}") for k in range(30)]
    write_notes(random_piece(0), folder / "midi" / "p0.mid")
    write_notes(another_take(random_piece(0), 9), folder / "midi" / "p1.mid")
    for k in range(2, 30):
        write_notes(random_piece(k, notes=80), folder / "midi" / f"p{k}.mid")
    (folder / "pieces.json").write_text(json.dumps(records))
    return folder


def rows(name):
    with piano_corpus_table(name).open() as stream:
        return list(csv.DictReader(stream))


def test_a_folder_is_taken_in_and_editions_stay_together(home, mutopia):
    (mutopia / "midi" / "p5.mid").write_bytes(b"MThd")
    (mutopia / "midi" / "p6.mid").unlink()
    report = corpora.add("mutopia", mutopia)
    assert (report["damaged"], report["missing"]) == (["midi/p5.mid"], 1)
    assert sum(report["performances"].values()) == 28
    table = {row["midi_performance"]: row for row in rows("mutopia")}
    assert len(table) == 28
    one, two = table["midi/p0.mid"], table["midi/p1.mid"]
    assert one["piece"] == two["piece"] == "p0" and one["split"] == two["split"]
    for name in table:
        stored = (home / "corpora" / "mutopia" / name).read_bytes()
        assert stored == (mutopia / name).read_bytes()
    stats = corpora.stats("mutopia")
    assert sum(part["performances"] for part in stats["parts"].values()) == 28
    assert stats["licences"] == {"Public Domain": 28}
    row = next(r for r in corpora.corpus_table() if r["name"] == "mutopia")
    assert row["here"] == ["performances.csv"]


def test_an_archive_does_as_well_as_a_folder(home, mutopia, tmp_path):
    packed = tmp_path / "packed"
    packed.mkdir()
    with tarfile.open(packed / "mutopia.tar.xz", "w:xz") as archive:
        for file in sorted(mutopia.rglob("*")):
            archive.add(file, file.relative_to(mutopia), recursive=False)
    corpora.add("mutopia", packed)
    from_folder = rows("mutopia")
    corpora.add("mutopia", packed / "mutopia.tar.xz")
    assert rows("mutopia") == from_folder
    corpora.add("mutopia", mutopia)
    assert rows("mutopia") == from_folder


def test_names_that_climb_out_of_the_folder_are_not_taken(home, mutopia, tmp_path):
    write_notes(random_piece(3), tmp_path / "outside.mid")
    bad = [piece("x", midi="../outside.mid"), piece("y", midi=str(tmp_path / "outside.mid"))]
    (mutopia / "pieces.json").write_text(json.dumps([piece("p0"), *bad]))
    assert corpora.add("mutopia", mutopia)["missing"] == 2
    assert [row["midi_performance"] for row in rows("mutopia")] == ["midi/p0.mid"]


def test_only_free_pieces_for_piano_alone():
    kept = [
        piece("a"),
        piece("b", license="Creative Commons Attribution-ShareAlike 3.0"),
        piece("c", instrument="Harpsichord, Piano"),
    ]
    left = [
        piece("d", license="Creative Commons Attribution-NonCommercial 4.0"),
        piece("e", license="All rights reserved"),
        piece("f", instrument="Voice and Piano"),
        piece("g", instrument="Guitar"),
        piece("h", attrs={"inst": ["piano", "strings"]}),
        {"title": "nothing else"},
    ]
    found = mutopia_rows(json.dumps([*kept, *left]).encode(), "here")
    assert [row["piece"] for row in found] == ["a", "b", "c"]


def test_asap_keeps_its_own_splits(home, tmp_path):
    folder = tmp_path / "given"
    write_notes(random_piece(1), folder / "X/one/a.mid")
    write_notes(random_piece(2), folder / "X/two/b.mid")
    (folder / "performances.csv").write_text(
        "composer,folder,midi_performance,split\n"
        "X,X/one,X/one/a.mid,train\nX,X/two,X/two/b.mid,validation\n"
    )
    assert corpora.add("asap", folder)["performances"] == {"train": 1, "validation": 1}
    assert [(r["piece"], r["split"]) for r in rows("asap")] == [
        ("X/one", "train"),
        ("X/two", "validation"),
    ]


def test_mistakes_are_said_clearly(home, tmp_path):
    with pytest.raises(DataError, match=r"not here yet.*data add asap FOLDER"):
        piano_corpus_table("asap")
    with pytest.raises(DataError, match="not here yet"):
        corpora.stats("mutopia")
    with pytest.raises(DataError, match=r"no pieces\.json here"):
        corpora.add("mutopia", tmp_path)
    (tmp_path / "pieces.json").write_text("{}")
    with pytest.raises(DataError, match="no list of pieces"):
        corpora.add("mutopia", tmp_path)
    (tmp_path / "pieces.json").write_text(json.dumps([piece("a")]))
    with pytest.raises(DataError, match="none of the 1 files"):
        corpora.add("mutopia", tmp_path)
    (tmp_path / "performances.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="needs the columns"):
        corpora.add("asap", tmp_path)
    with pytest.raises(DataError, match="no file to download"):
        corpora.fetch("asap")
    with pytest.raises(DataError, match="cannot be built"):
        corpora.build("asap")


def test_splits_by_hash_are_stable_and_near_their_share():
    names = [f"piece {k}" for k in range(2000)]
    parts = [split_by_hash(name) for name in names]
    assert parts == [split_by_hash(name) for name in names]
    # 2000 names: five standard deviations are 0.034.
    assert abs(parts.count("validation") / 2000 - 0.1) < 0.034
