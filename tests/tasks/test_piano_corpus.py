"""Collections of performances: folders and tables, pieces, splits, bad files; splits by work."""

import csv
import json

import pytest

from made_performances import another_take, empty_notes, random_piece, write_notes
from partimento.core.errors import ConfigError, DataError
from partimento.tasks.piano.corpus import (
    choose_split,
    open_collection,
    read_collection,
)
from partimento.tasks.piano.works import data_leaks, data_split


def table(path, rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def asap_like(tmp_path):
    """Two works with three takes each, laid out as ASAP is, with its scores and its table."""
    rows = []
    for work, split in (("Bach/one", "train"), ("Haydn/two", "validation")):
        piece = random_piece(len(rows))
        write_notes(piece, tmp_path / work / "midi_score.mid")
        for take in "CAB":
            name = f"{work}/{take}.mid"
            write_notes(another_take(piece, ord(take)), tmp_path / name)
            rows.append({"folder": work, "midi_performance": name, "split": split})
    table(tmp_path / "list.csv", rows)
    return tmp_path


def names(performances):
    return [one.entry.name for one in performances]


def test_a_folder_like_asap(asap_like):
    found = open_collection(asap_like)
    assert found.scores == 2
    assert len(found.entries) == 6
    read, bad = read_collection(found.entries, 2)
    assert names(read) == ["Bach/one/A.mid", "Bach/one/B.mid", "Haydn/two/A.mid", "Haydn/two/B.mid"]
    assert {one.entry.piece for one in read} == {"Bach/one", "Haydn/two"}
    assert bad == []
    assert len(read_collection(found.entries, None)[0]) == 6


def test_a_table_with_splits(asap_like):
    found = open_collection(asap_like / "list.csv")
    assert found.splits == ("train", "validation")
    for asked, count in (("train", 3), ("validation", 3), ("all", 6), (None, 3)):
        chosen, name = choose_split(found, asked, "here")
        assert len(chosen.entries) == count
        assert name == (asked or "validation")
    with pytest.raises(DataError, match="train, validation"):
        choose_split(found, "test", "here")
    with pytest.raises(DataError, match="no splits"):
        choose_split(open_collection(asap_like), "validation", "here")


def test_a_table_away_from_its_files_needs_a_root(asap_like, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "list.csv"
    (asap_like / "list.csv").rename(elsewhere)
    assert len(open_collection(elsewhere, asap_like).entries) == 6
    with pytest.raises(DataError, match="--root"):
        open_collection(elsewhere)


def test_the_table_of_a_folder_counts_where_its_files_are_there(asap_like):
    (asap_like / "list.csv").rename(asap_like / "performances.csv")
    assert open_collection(asap_like).splits == ("train", "validation")
    table(asap_like / "performances.csv", [{"midi_performance": "gone.mid", "split": "train"}])
    found = open_collection(asap_like)
    assert found.splits == ()
    assert len(found.entries) == 6


@pytest.mark.parametrize("home", ["", "2004"])
def test_without_scores_pieces_are_found_by_their_notes(tmp_path, home):
    for work in range(2):
        for take in range(3):
            write_notes(
                another_take(random_piece(work), take), tmp_path / home / f"{work}-{take}.mid"
            )
    read, _ = read_collection(open_collection(tmp_path).entries, 2)
    assert [name[-7:] for name in names(read)] == ["0-0.mid", "0-1.mid", "1-0.mid", "1-1.mid"]
    assert len({one.entry.piece for one in read}) == 2


def test_bad_files_are_listed_and_replaced(asap_like):
    (asap_like / "Bach/one/A.mid").write_bytes(b"MThd nonsense")
    write_notes(empty_notes(), asap_like / "Bach/one/B.mid")
    read, bad = read_collection(open_collection(asap_like).entries, 1)
    assert names(read) == ["Bach/one/C.mid", "Haydn/two/A.mid"]
    assert [one.name for one in bad] == ["Bach/one/A.mid", "Bach/one/B.mid"]
    assert "no piano notes" in bad[1].reason


def test_other_columns_name_files_and_pieces(tmp_path):
    write_notes(random_piece(0), tmp_path / "x.midi")
    rows = [{"midi_filename": "x.midi", "canonical_composer": "A", "canonical_title": "B"}]
    (entry,) = open_collection(table(tmp_path / "m.csv", rows * 2)).entries
    assert (entry.name, entry.piece, entry.split) == ("x.midi", "A/B", None)


def test_hidden_files_are_no_performances(tmp_path):
    write_notes(random_piece(0), tmp_path / "__MACOSX" / "a.mid")
    write_notes(random_piece(0), tmp_path / ".cache" / "a.mid")
    with pytest.raises(DataError, match="no performances"):
        open_collection(tmp_path)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00", b'x\n"unclosed'])
def test_a_wrong_table_is_refused(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(DataError):
        open_collection(tmp_path / "t.csv")


def test_leaks_across_splits(asap_like):
    assert data_leaks(asap_like / "list.csv")["leaks"] == 0
    rows = list(csv.DictReader((asap_like / "list.csv").open(encoding="utf-8")))
    rows[0]["split"] = "validation"
    table(asap_like / "list.csv", rows)
    found = data_leaks(asap_like / "list.csv")
    assert (found["works"], found["leaks"]) == (2, 2)
    assert found["splits"] == {"train": 2, "validation": 4}
    assert {pair["files"]["validation"] for pair in found["pairs"]} == {"Bach/one/C.mid"}
    assert json.dumps(found)
    with pytest.raises(ConfigError, match="--threshold"):
        data_leaks(asap_like, threshold=1.5)


def test_a_split_written_is_a_table_without_leaks(asap_like):
    report = data_split(asap_like, asap_like / "split.csv", share=0.6)
    assert report["works"] == 2
    assert report["splits"] == {"train": 3, "validation": 3}
    found = open_collection(asap_like / "split.csv")
    assert len(read_collection(found.entries, 1)[0]) == 2
    assert data_leaks(asap_like / "split.csv")["leaks"] == 0
