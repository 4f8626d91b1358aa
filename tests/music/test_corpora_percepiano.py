"""PercePiano taken into the user's folder."""

import io
import json
import tarfile

import pytest

from made_performances import another_take, random_piece, write_notes
from partimento.core.errors import DataError
from partimento.music import corpora
from partimento.music.corpora_percepiano import percepiano_dir
from partimento.music.percepiano import read_clips


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("PARTIMENTO_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def given(tmp_path):
    """Three clips, one of them in an archive with files that no archive should have."""
    folder = tmp_path / "given"
    for k in range(2):
        take = another_take(random_piece(0, notes=60), k)
        write_notes(take, folder / "performances" / f"P_8bars_{k}_1.mid")
    write_notes(random_piece(0, notes=60), folder / "score_midi" / "P_8bars_Score_1.mid")
    packed = (folder / "performances" / "P_8bars_0_1.mid").read_bytes()
    members = {
        "clips/performances/P_8bars_5_1.mid": packed,
        "clips/performances/P_8bars_0_1.mid": b"not looked at: it lies unpacked",
        "performances/broken.mid": b"MThd",
        "../performances/outside.mid": packed,
        "/performances/root.mid": packed,
        "performances/.hidden.mid": packed,
        "elsewhere/other.mid": packed,
        "performances/readme.txt": b"words",
    }
    with tarfile.open(folder / "clips.tar.xz", "w:xz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("performances/link.mid")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    keys = ("P_8bars_0_1", "P_8bars_1_1", "P_8bars_9_1")
    (folder / "labels_mean.json").write_text(json.dumps({key: [0.5] * 20 for key in keys}))
    return folder


def test_a_folder_with_an_archive_is_taken_in(home, given):
    report = corpora.add("percepiano", given)
    assert report["files"] == {"performances": 3, "score_midi": 1, "score_xml": 0}
    assert report["damaged"] == ["performances/broken.mid"]
    assert report["labelled"] == 2
    assert report["without_label"] == ["P_8bars_5_1"]
    assert report["without_performance"] == ["P_8bars_9_1"]
    assert report["tables"] == ["labels_mean.json"]
    assert {c.key for c in read_clips(percepiano_dir())} == {f"P_8bars_{k}_1" for k in (0, 1, 5)}
    assert all(path.is_relative_to(home) for path in percepiano_dir().rglob("*"))
    assert not list(percepiano_dir().rglob("*outside*"))
    stored = {path.name for path in percepiano_dir().rglob("*.mid")}
    assert stored == {*(f"P_8bars_{k}_1.mid" for k in (0, 1, 5)), "P_8bars_Score_1.mid"}


def test_the_installed_corpus_is_listed_and_counted(home, given):
    (before,) = (row for row in corpora.corpus_table() if row["name"] == "percepiano")
    assert before["here"] == [] and "MIT" in before["licence"]
    corpora.add("percepiano", given)
    (row,) = (row for row in corpora.corpus_table() if row["name"] == "percepiano")
    assert row["here"] == ["performances", "score_midi", "labels_mean.json"]
    stats = corpora.stats("percepiano")
    assert (stats["clips"], stats["labelled"], stats["passages"]) == (3, 2, 1)
    assert stats["passage_groups"] == 1 and stats["works"] == {"P": 2}
    assert stats["spread"]["tempo"] == 0.0


def test_what_is_missing_is_told(home, given, tmp_path):
    with pytest.raises(DataError, match="data add percepiano"):
        corpora.stats("percepiano")
    with pytest.raises(DataError, match=r"no labels_mean\.json"):
        corpora.add("percepiano", tmp_path)
    with pytest.raises(DataError, match="cannot be built"):
        corpora.build("percepiano")
    with pytest.raises(DataError, match="no file to download"):
        corpora.fetch("percepiano")
    (tmp_path / "labels_mean.json").write_text(json.dumps({"a": [0.5] * 19}))
    with pytest.raises(DataError, match="no performances"):
        corpora.add("percepiano", tmp_path)
    with pytest.raises(DataError, match="percepiano"):
        percepiano_dir()
