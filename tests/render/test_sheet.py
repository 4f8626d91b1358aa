"""Engraving: what is on the page, what is not, and that hostile files only give an error."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import pytest
from musicxml_examples import piece

from partimento.core.errors import InputFileError
from partimento.music.files import read_score
from partimento.music.musicxml_write import musicxml_text
from partimento.render import sheet

GOLDEN = Path(__file__).parent.parent / "golden"
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def words(svg: str) -> str:
    """All text of an SVG, without white space."""
    return "".join("".join(ElementTree.fromstring(svg).itertext()).split())


def png_size(data: bytes) -> tuple[int, int]:
    assert data[:8] == PNG_HEAD
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")


def test_guarded_and_in_process_give_the_same_page() -> None:
    text = piece(2, title="Übung")
    assert sheet.engrave(text).svg == sheet.engrave(text, guarded=False).svg


def test_title_composer_lyrics_and_notes_are_on_the_page() -> None:
    engraving = sheet.engrave(
        piece(4, title="Nun <danket> & alle", composer="J. Crüger", lyrics="Süß"), guarded=False
    )
    shown = words(engraving.svg)
    assert "Nun<danket>&alle" in shown and "J.Crüger" in shown
    assert shown.count("Süß") == 16
    assert len(engraving.notes) == 64
    assert {n.staff for n in engraving.notes} == {1, 2, 3, 4}


def test_page_needs_no_style_script_or_outside() -> None:
    svg = sheet.engrave(piece(2, title="x"), guarded=False).svg
    for forbidden in ("<style", "<script", "style=", "http://", "https://", "onload", "xlink"):
        rest = svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert forbidden not in rest


def test_timemap_follows_the_score() -> None:
    events = sheet.timemap(piece(2), guarded=False)
    assert [e["quarter"] for e in events] == [float(q) for q in range(9)]
    assert [len(e["on"]) for e in events] == [4] * 8 + [0]
    svg = sheet.engrave(piece(2), guarded=False).svg
    assert all(f'id="{name}"' in svg for e in events for name in e["on"])


def test_onsets_of_tied_notes_and_triplets() -> None:
    note = (
        "<note><pitch><step>{}</step><octave>5</octave></pitch><duration>{}</duration>{}{}</note>"
    )
    triplet = (
        "<type>eighth</type><time-modification><actual-notes>3</actual-notes>"
        "<normal-notes>2</normal-notes></time-modification>"
    )
    bracket = '<notations><tuplet type="{}"/></notations>'
    start = '<tie type="start"/><type>quarter</type><notations><tied type="start"/></notations>'
    stop = '<tie type="stop"/><type>quarter</type><notations><tied type="stop"/></notations>'
    music = (
        note.format("C", 1, triplet, bracket.format("start"))
        + note.format("D", 1, triplet, "")
        + note.format("E", 1, triplet, bracket.format("stop"))
        + note.format("F", 3, start, "")
        + note.format("F", 3, stop, "")
        + note.format("G", 3, "<type>quarter</type>", "")
    )
    text = (
        '<score-partwise version="4.0"><part-list><score-part id="P"><part-name/></score-part>'
        '</part-list><part id="P"><measure number="1"><attributes><divisions>3</divisions><time>'
        f"<beats>4</beats><beat-type>4</beat-type></time></attributes>{music}</measure></part>"
        "</score-partwise>"
    )
    engraving = sheet.engrave(text, guarded=False)
    onsets = [n.onset_quarter for n in engraving.notes]
    assert onsets == [0, Fraction(1, 3), Fraction(2, 3), 1, 2, 3]
    assert [e.quarter for e in engraving.events[3:]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "name",
    [
        "closed_score",
        "lyrics",
        "meter_changes",
        "pickup_32nd",
        "repeats",
        "rests_inside",
        "ties_accidentals",
        "triplets",
        "voices_and_piano",
    ],
)
def test_engraved_times_are_those_of_the_score(name: str) -> None:
    """The page, the sound and the score must agree about when each note head starts."""
    score = read_score(GOLDEN / f"{name}.musicxml")
    engraving = sheet.engrave(musicxml_text(score), guarded=False)
    assert sorted(n.onset_quarter for n in engraving.notes) == sorted(
        n.onset_quarter for n in score.notes
    )


def test_repeats_are_played_once() -> None:
    repeat = '<barline location="right"><repeat direction="backward"/></barline></measure></part>'
    text = piece(2, parts=1).replace("</measure></part>", repeat)
    assert sheet.timemap(text, guarded=False)[-1]["quarter"] == 8.0


def test_colour_marks_chosen_notes_only() -> None:
    text = piece(1, lyrics="la")
    plain = sheet.engrave(text, guarded=False)
    tinted = sheet.engrave(
        text, guarded=False, colour=lambda n: "#1a5fb4" if n.staff == 2 else None
    )
    assert "#1a5fb4" not in plain.svg
    root = ElementTree.fromstring(tinted.svg)
    coloured = {
        note.get("id")
        for note in root.iter("{http://www.w3.org/2000/svg}g")
        if note.get("class") == "note" and any(part.get("fill") == "#1a5fb4" for part in note)
    }
    assert coloured == {n.id for n in plain.notes if n.staff == 2}
    with pytest.raises(ValueError, match="no CSS colour"):
        sheet.engrave(text, guarded=False, colour=lambda n: 'red" onload="x')


def test_write_sheet_writes_one_tall_picture(tmp_path) -> None:
    svg_path, png_path = tmp_path / "a.svg", tmp_path / "a.png"
    engraving = sheet.write_sheet(
        piece(40, title="Long"), svg_path, png_path, guarded=False, scale=1
    )
    assert svg_path.read_text(encoding="utf-8") == engraving.svg
    width, height = png_size(png_path.read_bytes())
    assert width == 840 and height > 1600
    assert len(sheet.musicxml_to_svg(piece(40), guarded=False)) == 1


def test_very_long_pieces_stack_several_pages() -> None:
    page = '<svg viewBox="0 0 100 50"><path d="M0 0h9"/></svg>'
    both = sheet.Engraving("", "", (page, page.replace("h9", "h7")), (), ()).svg
    root = ElementTree.fromstring(both)
    assert root.get("viewBox") == "0 0 100 100"
    assert [child.get("y") for child in root if child.tag.endswith("svg")] == ["0", "50"]


def test_text_is_drawn_with_the_shipped_font() -> None:
    """Without a font resvg leaves text out silently; so black pixels must appear."""
    frame = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 40">{}</svg>'
    text = '<text x="5" y="30" font-size="24" font-family="{}">Grüße ♯ Ж</text>'
    empty = sheet.svg_to_png(frame.format(""), 1)
    for family in ("Times, serif", "Partimento Sans, sans-serif", "no such font"):
        drawn = sheet.svg_to_png(frame.format(text.format(family)), 1)
        assert png_size(drawn) == (200, 40)
        assert len(drawn) > 3 * len(empty)


def test_png_has_a_pixel_limit() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20000 20000"></svg>'
    width, height = png_size(sheet.svg_to_png(svg, 2))
    assert width * height <= 40_100_000


HOSTILE = {
    "no XML": "this is no XML",
    "other XML": "<html><body>x</body></html>",
    "empty": "",
    "entity bomb": '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    "<score-partwise>&b;</score-partwise>",
    "external entity": '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    "<score-partwise><work><work-title>&a;</work-title></work></score-partwise>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_one_error(name: str) -> None:
    with pytest.raises(InputFileError):
        sheet.engrave(HOSTILE[name])


def test_a_crash_of_the_native_engraver_is_contained() -> None:
    """A beat type of 0 divides by zero inside the engraver; the process here must survive."""
    text = piece(1).replace("<beat-type>4</beat-type>", "<beat-type>0</beat-type>")
    try:
        engraving = sheet.engrave(text, what="evil.musicxml")
    except InputFileError as error:
        assert "evil.musicxml" in str(error)
    else:
        assert engraving.pages


def test_hostile_titles_and_ids_are_only_text() -> None:
    text = piece(1, title='"><script>alert(1)</script>', lyrics='<img src=x onerror="a()">')
    text = text.replace("<note>", '<note id="&quot;&gt;&lt;script&gt;">', 1)
    svg = sheet.engrave(text, guarded=False).svg
    assert "<script" not in svg and "<img" not in svg
    ElementTree.fromstring(svg)
