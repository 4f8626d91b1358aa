"""More like this: facts and words find pieces, and the index stores and loads safely."""

import json
from zipfile import ZipFile

import numpy as np
import pytest

from partimento.core.errors import InputFileError
from partimento.music.attributes import Attributes
from partimento.music.barpiece import bar_piece
from partimento.tasks.text2midi.interface import CorpusPiece
from partimento.tasks.text2midi.retrieval import Index, build_index
from partimento.tasks.text2midi.semantic_captions import corpus_captions
from partimento.tasks.text2midi.semantic_fit import FitOptions, fit_tfidf

MAJOR, MINOR = (0, 4, 7, 5, 9, 7, 2, 4), (0, 3, 7, 5, 8, 7, 2, 3)


def piece(name, *, title, composer="", style="", scale=MAJOR, meter="4/4", program=0, pitch=60):
    step = 12 if meter.endswith("8") else 24
    count = 48
    onset = step * np.arange(count)
    pitches = pitch + np.resize(scale, count)
    music = bar_piece(
        onset, np.full(count, step), pitches, np.full(count, 80), np.full(count, program),
        meter=meter, bars=None, tempo_bpm=100.0,
    )  # fmt: skip
    about = {"title": title, "style": style, "licence": "Public Domain"}
    return CorpusPiece(name, "made", name, composer, "train", (music,), about)


def pieces():
    return [
        piece("b-jig", title="The Rakes of Mallow", style="jig", meter="6/8"),
        piece("a-waltz", title="Evening", composer="SchubertF", style="waltz", meter="3/4"),
        piece("c-sad", title="Lament", composer="BachJS", scale=MINOR, style="baroque", program=3),
        piece("d-high", title="Skylark", style="air", pitch=84, program=24),
        piece("e-low", title="The Cave", style="march", pitch=40, program=9),
    ]


@pytest.fixture(scope="module")
def index():
    texts = [t for c in corpus_captions(pieces(), 4) for t in (*c.paraphrases, *c.restated)]
    return build_index(pieces(), fit_tfidf(texts, FitOptions(dim=16)))


def test_pieces_are_found_by_what_is_said_with_provenance(index):
    best = index.nearest("a jig in 6/8", 2)[0]
    assert (best.id, best.title, best.licence, best.source) == (
        *("b-jig", "The Rakes of Mallow", "Public Domain", "made"),
    )
    assert "style jig" in best.why
    assert "meter 6/8" in best.why
    assert index.nearest("a slow waltz", 1)[0].id == "a-waltz"
    assert list(best.to_dict()) == [
        *("id", "title", "composer", "licence", "source", "similarity", "why"),
    ]


def test_attributes_alone_find_pieces(index):
    assert index.nearest(Attributes(mode="minor", key="C minor"), 1)[0].similarity == 1.0
    assert index.nearest(Attributes(key="C minor"), 1)[0].id == "c-sad"
    assert index.nearest(Attributes(register="high"), 1)[0].id == "d-high"
    assert index.nearest(Attributes(register="low"), 1)[0].id == "e-low"


def test_excluded_instruments_go_last(index):
    found = index.nearest(Attributes(mode="major", excluded=("piano",)), 5)
    playing = {"b-jig", "a-waltz"}
    assert not playing & {one.id for one in found[:2]}


def test_titles_and_composers_in_a_text_count(index):
    assert index.nearest("something like the Rakes of Mallow", 1)[0].id == "b-jig"
    named = index.nearest("music as by Bach", 1)[0]
    assert named.id == "c-sad"
    assert named.why.startswith("named in the text")


def test_reasons_are_what_agrees_in_full(index):
    for one in index.nearest(Attributes(register="low", mode="minor"), 5):
        assert ("register low" in one.why) == (one.id == "e-low")
        assert ("mode minor" in one.why) == (one.id == "c-sad")


def test_counts_and_empty_questions(index):
    assert len(index.nearest("a jig", 3)) == 3
    assert len(index.nearest("a jig", 99)) == 5
    assert index.nearest("xyzzy qwerty") == []
    assert index.nearest(Attributes()) == []
    with pytest.raises(ValueError):
        index.nearest("a jig", -1)


def test_similarity_falls(index):
    found = [one.similarity for one in index.nearest("a lively jig for piano in C major", 5)]
    assert found == sorted(found, reverse=True)


def test_saved_and_read_again(index, tmp_path):
    file = tmp_path / "index.npz"
    index.save(file)
    once = file.read_bytes()
    index.save(file)
    assert file.read_bytes() == once
    again = Index.load(file)
    assert again.nearest("a jig in 6/8", 5) == index.nearest("a jig in 6/8", 5)
    np.testing.assert_array_equal(again.facts_NA, index.facts_NA)


def test_pieces_without_notes_enough_are_left_out(index):
    short = bar_piece(*np.array([[0], [24], [60], [80], [0]]), meter="4/4", bars=1)
    tiny = CorpusPiece("tiny", "made", "tiny", "", "train", (short,), {"title": "Tiny"})
    assert len(build_index([*pieces(), tiny], index.encoder)) == 5
    with pytest.raises(ValueError):
        build_index([tiny], index.encoder)


def _changed(index, path, **changes):
    index.save(path)
    with np.load(path) as file:
        arrays = dict(file) | changes
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def test_hostile_indexes_are_refused(index, tmp_path):
    path = tmp_path / "bad.npz"
    words = index.words_NE
    for changes in (
        {"words": words[:2]},
        {"words": words.astype(np.float32)},
        {"facts": np.zeros((5, 1), np.uint8)},
        {"idf": index.encoder.idf_V * 2},
        {"text": np.frombuffer(b"{}", np.uint8)},
        {"text": np.frombuffer(json.dumps({"terms": [1]}).encode(), np.uint8)},
    ):
        _changed(index, path, **changes)
        with pytest.raises(InputFileError):
            Index.load(path)
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputFileError):
        Index.load(path)
    with ZipFile(path, "w") as archive:
        archive.writestr("words.npy", b"\x80\x04K\x01.")
    with pytest.raises(InputFileError):
        Index.load(path)
    with pytest.raises(InputFileError):
        Index.load(tmp_path / "nothing.npz")
