from __future__ import annotations

import time
from random import Random

import hostile_files
import pytest
import small_scores

from partimento.core.errors import ConfigError, InputFileError, PartimentoError
from partimento.music import midi, musicxml_read, xml_tree
from partimento.music.files import read_score, read_score_bytes, sniff, write_score
from partimento.music.midi_write import midi_bytes
from partimento.music.musicxml_write import musicxml_text
from partimento.music.mxl import pack_mxl, unpack_mxl

ABC = "X:1\nT:Scale\nM:4/4\nL:1/4\nK:C\nCDEF|GABc|\n"
HUMDRUM = "**kern\n*M4/4\n=1\n4c\n4d\n4e\n4f\n==\n*-\n"


@pytest.mark.parametrize("suffix", [".musicxml", ".xml", ".mxl", ".mid", ".midi"])
def test_every_written_format_reads_back(tmp_path, suffix):
    score = small_scores.pickup_hymn()
    path = tmp_path / f"hymn{suffix}"
    write_score(score, path)
    read = read_score(path)
    assert small_scores.sounds(read.sounding()) == small_scores.sounds(score.sounding())
    assert read.warnings == ()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("name", "text", "pitches"),
    [("x.abc", ABC, [60, 62, 64, 65, 67, 69, 71, 72]), ("x.krn", HUMDRUM, [60, 62, 64, 65])],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_formats(name, text, pitches, encoding):
    score = read_score_bytes(text.encode(encoding), name)
    assert [n.midi for n in score.notes] == pitches
    assert score.warnings == ()


def test_content_beats_the_name():
    score = small_scores.pickup_hymn()
    for data, name in (
        (midi_bytes(score), "x.musicxml"),
        (musicxml_text(score).encode(), "x.mid"),
        (musicxml_text(score).encode(), "x.mxl"),
        (pack_mxl(musicxml_text(score)), "x.musicxml"),
        (ABC.encode(), "x.krn"),
        (HUMDRUM.encode(), "x.abc"),
    ):
        assert "it was read as that" in read_score_bytes(data, name).warnings[0]
    assert read_score_bytes(ABC.encode(), "tune.txt").warnings == ()


def test_format_can_be_given():
    data = musicxml_text(small_scores.pickup_hymn()).encode()
    with pytest.raises(InputFileError, match="MThd"):
        read_score_bytes(data, "x", fmt="midi")
    with pytest.raises(ConfigError, match="score format"):
        read_score_bytes(data, "x", fmt="docx")


def test_latin_1_lyrics_do_not_hide_the_format():
    assert sniff("X:1\nT:Für Elise\nK:C\nCDE|\n".encode("latin-1")) == "abc"
    assert sniff(HUMDRUM.encode()) == "humdrum"
    # A multi-byte letter may be cut where the format is looked for.
    assert sniff(b"X:1\n" + b"%" * 19_995 + "é".encode() + b"\nK:C\nCDE|\n") == "abc"


def test_missing_files_folders_and_endings(tmp_path):
    for path in (tmp_path, tmp_path / "none.mid"):
        with pytest.raises(InputFileError) as caught:
            read_score(path)
        assert str(path) in caught.value.text
    with pytest.raises(ConfigError, match="not written"):
        write_score(small_scores.pickup_hymn(), tmp_path / "x.docx")


def test_packing_is_deterministic():
    text = musicxml_text(small_scores.pickup_hymn())
    assert pack_mxl(text) == pack_mxl(text)
    assert unpack_mxl(pack_mxl(text)).decode() == text


@pytest.mark.parametrize("name", hostile_files.REFUSED)
def test_hostile_files_give_one_clear_sentence(name, tmp_path):
    file_name, make, what = hostile_files.REFUSED[name]
    path = tmp_path / file_name
    path.write_bytes(make())
    start = time.process_time()
    with pytest.raises(InputFileError, match=what) as caught:
        read_score(path)
    assert time.process_time() - start < 10
    message = caught.value.text
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < 400 + len(str(path))
    assert [p.name for p in tmp_path.iterdir()] == [file_name]


def test_counts_are_limited(monkeypatch):
    """The same limits as in production, made small: the real ones take seconds to reach."""
    monkeypatch.setattr(xml_tree, "MAX_NODES", 100)
    with pytest.raises(InputFileError, match="more than 100 elements"):
        read_score_bytes(b"<a>" + b"<b/>" * 100, "x.xml")
    monkeypatch.undo()
    monkeypatch.setattr(musicxml_read, "MAX_MEASURES", 20)
    with pytest.raises(InputFileError, match="more than 20 bars"):
        read_score_bytes(hostile_files.xml("<measure/>" * 21), "x.xml")
    monkeypatch.setattr(musicxml_read, "MAX_NOTES", 30)
    bars = f"<measure>{hostile_files.NOTE * 31}</measure>"
    with pytest.raises(InputFileError, match="more than 30 notes"):
        read_score_bytes(hostile_files.xml(bars), "x.xml")
    monkeypatch.setattr(midi, "MAX_NOTES", 5)
    with pytest.raises(InputFileError, match="more than 5 notes"):
        read_score_bytes(midi_bytes(small_scores.pickup_hymn()), "x.mid")


@pytest.mark.parametrize("name", hostile_files.HARMLESS)
def test_strange_but_harmless_files_are_read(name):
    file_name, make = hostile_files.HARMLESS[name]
    assert len(read_score_bytes(make(), file_name).notes) == 1


# -- fuzz -----------------------------------------------------------------------------------------


def mutated(data: bytes, rng: Random) -> bytes:
    """A few random edits: bytes changed, cut out, doubled or put in."""
    result = bytearray(data)
    for _ in range(rng.randint(1, 3)):
        place = rng.randrange(len(result))
        size = rng.randint(1, 12)
        kind = rng.choice((0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4))
        if kind == 0:
            result[place] = rng.randrange(256)
        elif kind == 1:
            result[place] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del result[place : place + size]
        elif kind == 3:
            result[place:place] = result[place : place + size]
        else:
            result[place:place] = bytes(rng.randrange(256) for _ in range(size))
        if not result:
            return b"M"
    return bytes(result)


NUMBERS = ["0", "-1", "999999999999", "1e9", "0.0001", "1/3", "NaN", "", "٣", "127", "16384"]


def mutated_xml(text: str, rng: Random) -> bytes:
    """Numbers, tags and whole elements of a document exchanged; bytes broken now and then."""
    if rng.random() < 0.25:
        return mutated(text.encode(), rng)
    words = text.replace("<", "\0<").replace(">", ">\0").split("\0")
    for _ in range(rng.randint(1, 3)):
        i, j = rng.randrange(len(words)), rng.randrange(len(words))
        kind = rng.choice((0, 0, 0, 0, 1, 2, 3))
        if kind == 0:
            numbers = [k for k, w in enumerate(words) if w.lstrip("-").isdigit()]
            words[rng.choice(numbers)] = rng.choice(NUMBERS)
        elif kind == 1:
            words[i], words[j] = words[j], words[i]
        elif kind == 2:
            words[i:i] = words[j : j + 9]
        else:
            del words[i]
    return "".join(words).encode()


def survives(data: bytes, name: str) -> bool:
    """Whether a file was read (and what was read can be written); an error must be ours."""
    start = time.process_time()
    try:
        score = read_score_bytes(data, name)
        musicxml_text(score)
        midi_bytes(score)
    except PartimentoError:
        return False
    finally:
        assert time.process_time() - start < 10
    return True


def test_mutated_midi_never_crashes():
    rng = Random(20)
    sources = [midi_bytes(make()) for make in small_scores.ALL.values()]
    results = [survives(mutated(rng.choice(sources), rng), "x.mid") for _ in range(300)]
    assert 40 < sum(results) < 260


def test_mutated_musicxml_never_crashes():
    rng = Random(21)
    sources = [musicxml_text(make()) for make in small_scores.ALL.values()]
    results = [survives(mutated_xml(rng.choice(sources), rng), "x.xml") for _ in range(300)]
    assert 40 < sum(results) < 260


def test_mutated_archives_never_crash():
    rng = Random(22)
    source = pack_mxl(musicxml_text(small_scores.pickup_hymn()))
    results = [survives(mutated(source, rng), "x.mxl") for _ in range(100)]
    assert sum(results) < 100
