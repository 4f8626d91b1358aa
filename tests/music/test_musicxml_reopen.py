"""Other programs open what we write: music21, partitura and Verovio hear the same notes."""

from __future__ import annotations

import json
import tarfile

import pytest
import small_scores

from partimento.music.musicxml_read import read_musicxml
from partimento.music.musicxml_write import musicxml_text

NAMES = [n for n in small_scores.ALL if n != "repeats"]


def rounded(notes) -> list[tuple[float, float, int]]:
    return sorted(
        (round(float(n.onset_quarter), 3), round(float(n.duration_quarter), 3), n.midi)
        for n in notes
    )


@pytest.mark.parametrize("name", NAMES)
def test_music21_reads_the_same_sounds(name):
    music21 = pytest.importorskip("music21")
    score = small_scores.ALL[name]()
    stream = music21.converter.parseData(musicxml_text(score), format="musicxml")
    stream = stream.toSoundingPitch().stripTies()
    found = sorted(
        (round(float(n.offset), 3), round(float(n.quarterLength), 3), p.midi)
        for n in stream.flatten().notes
        if not n.duration.isGrace
        for p in n.pitches
    )
    assert found == rounded(score.sounding())


def test_music21_reads_pickup_lyrics_fermatas_and_key():
    music21 = pytest.importorskip("music21")
    text = musicxml_text(small_scores.pickup_hymn())
    stream = music21.converter.parseData(text, format="musicxml")
    soprano = stream.parts[0]
    notes = list(soprano.flatten().notes)
    assert [m.number for m in soprano.getElementsByClass("Measure")] == [0, 1, 2]
    assert [n.lyric for n in notes[1:4]] == ["friend", "me", "still"]
    assert [verse.text for verse in notes[0].lyrics] == ["Be", "Two"]
    fermatas = [any("Fermata" in e.classes for e in n.expressions) for n in notes]
    assert fermatas == [False, False, False, False, True, True]
    signature = soprano.flatten().getElementsByClass("KeySignature")[0]
    assert (signature.sharps, soprano.partName) == (-1, "Soprano")


@pytest.mark.parametrize("name", NAMES)
def test_partitura_reads_the_same_sounds(name, tmp_path):
    partitura = pytest.importorskip("partitura")
    score = small_scores.ALL[name]()
    path = tmp_path / "score.musicxml"
    path.write_text(musicxml_text(score), encoding="utf-8")
    found = []
    for part in partitura.load_musicxml(str(path)).parts:
        # partitura counts from the first full bar, and keeps transposing parts as written.
        origin = min(0.0, float(part.quarter_map(part.first_point.t)))
        shift = -2 if name == "clarinet" and part.id == "C" else 0
        found += [
            (
                round(float(n["onset_quarter"]) - origin, 3),
                round(float(n["duration_quarter"]), 3),
                int(n["pitch"]) + shift,
            )
            for n in part.note_array()
            if n["duration_quarter"] > 0
        ]
    assert sorted(found) == rounded(score.sounding())


@pytest.mark.parametrize("name", NAMES)
def test_verovio_engraves_the_same_heads_without_complaint(name, capfd):
    verovio = pytest.importorskip("verovio")
    text = musicxml_text(small_scores.ALL[name]())
    toolkit = verovio.toolkit()
    assert toolkit.loadData(text)
    timemap = toolkit.renderToTimemap({})
    events = json.loads(timemap) if isinstance(timemap, str) else timemap
    found = []
    for event in events:
        for element in event.get("on", []):
            values = toolkit.getMIDIValuesForElement(element)
            values = json.loads(values) if isinstance(values, str) else values
            found.append((round(event["qstamp"], 3), values["pitch"]))
    # Verovio lists every written head, tied ones too, at written pitch.
    heads = [n for n in read_musicxml(text.encode()).notes if not n.grace]
    if name == "graces":
        # It plays the grace notes on the beat, which delays the note after them.
        assert [pitch for _, pitch in sorted(found)] == [76, 74, 72, 72, 72]
    else:
        assert sorted(found) == sorted(
            (round(float(n.onset_quarter), 3), n.spelling.midi) for n in heads
        )
    assert toolkit.renderToSVG(1).startswith("<svg")
    output = capfd.readouterr()
    assert "[Error]" not in output.err + output.out
    assert "[Warning]" not in output.err + output.out


def test_real_piano_scores_come_back_head_by_head(data_dir):
    archive = data_dir / "percepiano" / "clips.tar.xz"
    if not archive.is_file():
        pytest.skip("the PercePiano scores are not in the data folder")
    done = 0
    with tarfile.open(archive) as files:
        for member in files:
            if not member.isfile() or not member.name.startswith("score_xml/"):
                continue
            stream = files.extractfile(member)
            assert stream is not None
            score = read_musicxml(stream.read())
            again = read_musicxml(musicxml_text(score).encode())
            assert again.notes == score.notes, member.name
            assert again.measures[:-1] == score.measures[:-1], member.name
            done += 1
            if done == 12:
                break
    assert done == 12
