"""Reading folders and archives in the layout of the corpora."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from tests.made_pieces import made_piece

from partimento.core.errors import DataError
from partimento.music.barpiece_write import midi_bytes_of
from partimento.tasks.text2midi.corpus import excerpts, read_corpus, split_part


def _tunes(folder: Path, count: int = 12) -> None:
    (folder / "book").mkdir(parents=True)
    rows = []
    for n in range(count):
        name = f"book/tune_{n}.mid"
        (folder / name).write_bytes(midi_bytes_of(made_piece(20, seed=n, meter="6/8")))
        rows.append({
            "id": f"tune_{n}", "midi": name, "title": f"Tune {n}", "rhythm": "Double Jig",
            "meter": "6/8", "key": "G", "tempo": "" if n % 2 else "3/8=120", "dup_group": n // 2,
            "coll": "book",
        })  # fmt: skip
    rows.append({"id": "gone", "midi": "book/gone.mid", "dup_group": 99})
    rows.append({"id": "thief", "midi": "../../etc/passwd", "dup_group": 98})
    (folder / "tunes.json").write_text(json.dumps(rows))


def test_a_folder_and_its_archive_are_the_same(tmp_path: Path) -> None:
    _tunes(tmp_path / "tunes")
    with tarfile.open(tmp_path / "tunes.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "tunes", arcname=".")
    with tarfile.open(tmp_path / "deep.tar.xz", "w:xz") as archive:
        archive.add(tmp_path / "tunes", arcname="tunes")
    folder = read_corpus(tmp_path / "tunes")
    assert [p.id for p in folder] == sorted(f"tune_{n}" for n in range(12))
    for name in ("tunes.tar.xz", "deep.tar.xz"):
        packed = read_corpus(tmp_path / name)
        assert [(p.id, len(p.sections[0])) for p in packed] == [
            (p.id, len(p.sections[0])) for p in folder
        ]
    assert folder[0].about["style"] == "jig"
    assert {p.sections[0].tempo_stated for p in folder} == {True, False}


def test_groups_stay_on_one_side(tmp_path: Path) -> None:
    _tunes(tmp_path / "tunes", 40)
    pieces = read_corpus(tmp_path / "tunes")
    sides = {}
    for piece in pieces:
        assert sides.setdefault(piece.group, piece.part) == piece.part
    train = read_corpus(tmp_path / "tunes", "train")
    assert {p.id for p in train} == {p.id for p in pieces if p.part == "train"}
    assert 60 <= sum(split_part(f"g{n}") == "valid" for n in range(1000)) <= 140


def test_excerpts_cover_a_piece(tmp_path: Path) -> None:
    _tunes(tmp_path / "tunes", 1)
    piece = read_corpus(tmp_path / "tunes")[0]
    found = excerpts(piece, 8)
    assert [e.music.bars for e in found] == [8, 8, 8]
    assert found[0].opens and not found[0].closes and found[-1].closes
    assert sum(len(e.music) for e in found[:2]) <= len(piece.sections[0])


@pytest.mark.parametrize("content", ["{", '{"a": 1}', '[{"title": "no midi"}]'])
def test_a_bad_index_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "tunes.json").write_text(content)
    with pytest.raises(DataError, match="index"):
        read_corpus(tmp_path)


def test_no_index(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither tunes.json nor pieces.json"):
        read_corpus(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_corpus(tmp_path / "nowhere")
