"""Engraved scores: MusicXML to SVG and PNG, and the time map for following the sound.

Verovio engraves, resvg makes the picture; the text fonts come with the package.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement

from partimento.core.files import write_atomic
from partimento.core.sandbox import run_guarded
from partimento.render.engraver import engrave_job
from partimento.render.sanitise import SVG_NAMESPACE, parse_svg, to_text

PAGE_WIDTH = 2100
"""Verovio units: the width of A4 paper in tenths of a millimetre."""
FONT_DIRECTORY = Path(__file__).parent / "fonts"
_MAX_PIXELS = 40_000_000
_SHIPPED_SCRIPTS = re.compile(r"^[\u0000-\u052f\u1e00-\u29ff\ue000-\uf8ff]*$")
_COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{3,24}")
_BOLD = frozenset({"ending", "fing", "reh", "tempo"})
_ITALIC = frozenset({"dir", "dynam", "mNum"})
_SHAPES = frozenset({"ellipse", "path", "polygon", "polyline", "rect"})
_TINTED = frozenset({"notehead", "stem", "accid", "dots", "flag", "beam"})


@dataclass(frozen=True)
class TimeEvent:
    """At ``quarter`` (from the start of the score) notes start and stop; ids of SVG elements.

    ``sec`` follows the tempo marks of the file, 120 quarters per minute where it has none.
    """

    quarter: float | int
    sec: float | int
    on: tuple[str, ...]
    off: tuple[str, ...]


@dataclass(frozen=True)
class EngravedNote:
    """One note head on the page: SVG id and place in the score.

    ``staff`` counts from 1 at the top of the page, ``layer`` from 1 within the staff.
    """

    id: str
    onset_quarter: Fraction
    staff: int
    layer: int


@dataclass(frozen=True)
class Engraving:
    """One engraved score; ``pages`` are sanitised SVG, nearly always one tall page."""

    title: str
    composer: str
    pages: tuple[str, ...]
    events: tuple[TimeEvent, ...]
    notes: tuple[EngravedNote, ...] = field(repr=False)

    @property
    def svg(self) -> str:
        """All systems in one picture, with title and composer above."""
        return _stack(self.pages, self.title, self.composer)


NoteColour = Callable[[EngravedNote], str | None]
"""Maps a note to a CSS colour, or to None for black."""


def engrave(
    xml_text: str,
    *,
    guarded: bool = True,
    colour: NoteColour | None = None,
    width: int = PAGE_WIDTH,
    what: str = "the score",
) -> Engraving:
    """Engrave MusicXML text.

    ``guarded`` runs the native engraver in a process of its own; set it to False only for MusicXML
    that this package has written itself.  Raises InputFileError (naming ``what``) when the file is
    hostile, damaged or without music; ValueError when ``colour`` gives no CSS colour.
    """
    payload, args = xml_text.encode(), {"width": width}
    if guarded:
        target = "partimento.render.engraver:engrave_job"
        answer = json.loads(run_guarded(target, payload, args, seconds=30, what=what))
    else:
        answer = json.loads(engrave_job(payload, args))
    pages = [_tidy(parse_svg(page)) for page in answer["pages"]]
    onsets = {name: Fraction(*pair) for name, pair in answer["onsets"].items()}
    notes = _places(pages, onsets)
    if colour is not None:
        tints = {n.id: c for n in notes if (c := colour(n)) is not None}
        for page in pages:
            _tint(page, tints)
    return Engraving(
        answer["title"],
        answer["composer"],
        tuple(to_text(page) for page in pages),
        tuple(
            TimeEvent(e["quarter"], e["sec"], tuple(e["on"]), tuple(e["off"]))
            for e in answer["events"]
        ),
        notes,
    )


def musicxml_to_svg(xml_text: str, *, guarded: bool = True) -> list[str]:
    """The engraved pages as sanitised SVG, without title.  Raises InputFileError."""
    return list(engrave(xml_text, guarded=guarded).pages)


def timemap(xml_text: str, *, guarded: bool = True) -> list[dict[str, object]]:
    """Time map of the engraved notes: dictionaries with ``quarter``, ``sec``, ``on``, ``off``.

    The ids are those of :func:`engrave` for the same text.  Raises InputFileError.
    """
    events = engrave(xml_text, guarded=guarded).events
    return [
        {"quarter": e.quarter, "sec": e.sec, "on": list(e.on), "off": list(e.off)} for e in events
    ]


def write_sheet(
    xml_text: str,
    svg_path: str | Path,
    png_path: str | Path | None = None,
    *,
    guarded: bool = True,
    colour: NoteColour | None = None,
    scale: float | int = 2.0,
) -> Engraving:
    """Write one SVG (and one PNG) with the whole piece; returns the engraving.

    Raises InputFileError as :func:`engrave` does.
    """
    engraving = engrave(xml_text, guarded=guarded, colour=colour)
    svg = engraving.svg
    write_atomic(svg_path, svg)
    if png_path is not None:
        write_atomic(png_path, svg_to_png(svg, scale))
    return engraving


def svg_to_png(svg: str, scale: float | int = 2.0, background: str = "#ffffff") -> bytes:
    """PNG of a trusted or sanitised SVG, ``scale`` pixels per SVG unit.

    Very large pictures get a smaller scale, so that no PNG has more than 40 million pixels.  The
    shipped fonts draw Latin, Greek and Cyrillic text, the same on every machine; other scripts need
    a font of the system.  Raises ValueError when the text is no SVG.
    """
    import resvg_py

    area = _area(svg) * scale**2
    zoom = scale * min(1.0, (_MAX_PIXELS / area) ** 0.5) if area else scale
    picture = resvg_py.svg_to_bytes(
        svg_string=svg,
        background=background,
        zoom=float(zoom),
        font_dirs=[str(FONT_DIRECTORY)],
        skip_system_fonts=bool(_SHIPPED_SCRIPTS.match(svg)),
        serif_family="Partimento Serif",
        sans_serif_family="Partimento Sans",
        font_family="Partimento Serif",
    )
    return bytes(picture)


def _area(svg: str) -> float:
    """Width times height of an SVG's view box, 0 when it has none."""
    match = re.search(r'viewBox="\s*\S+\s+\S+\s+([\d.]+)\s+([\d.]+)\s*"', svg)
    return float(match[1]) * float(match[2]) if match else 0.0


def _tidy(page: Element) -> Element:
    """Replace Verovio's style sheet by attributes, and drop what does not show (in place).

    Style sheets are forbidden under the page's security policy, attributes are not.
    """
    for parent in list(page.iter()):
        classes = set(parent.get("class", "").split())
        if classes & _BOLD:
            parent.set("font-weight", "bold")
        if classes & _ITALIC:
            parent.set("font-style", "italic")
        if parent.get("font-family") in _MUSIC_FONTS:
            _plain_music_text(parent)
        if parent.tag.rpartition("}")[2] in _SHAPES and "stroke" not in parent.attrib:
            parent.set("stroke", "currentColor")
        for child in list(parent):
            if _is_hidden(child):
                parent.remove(child)
    return page


_MUSIC_FONTS = ("Leipzig", "Bravura")
_PLAIN_SIGNS = {0xECA3: "\U0001d15e", 0xECA5: "\u2669", 0xECA7: "\u266a", 0xECB7: "."}
"""SMuFL metronome signs (half, quarter, eighth, dot) and their Unicode twins."""


def _plain_music_text(element: Element) -> None:
    """Note signs inside text come from a music font that readers do not have: use plain ones."""
    signs = (_PLAIN_SIGNS.get(ord(sign), "") for sign in (element.text or "").strip())
    element.text = "".join(signs)
    element.attrib.pop("font-family")
    element.set("font-size", "480px")


def _is_hidden(element: Element) -> bool:
    """Markers that Verovio leaves in the picture for editors, and its signature."""
    classes = element.get("class", "").split()
    name = element.tag.rpartition("}")[2]
    milestone = any(c == "placeholder" or "ilestone" in c for c in classes)
    return (milestone and "system" not in classes) or name == "desc"


def _places(pages: list[Element], onsets: Mapping[str, Fraction]) -> tuple[EngravedNote, ...]:
    """Staff and layer of each note head, from the nesting of the groups."""
    found = []
    for page in pages:
        for staff in page.iter(f"{{{SVG_NAMESPACE}}}g"):
            if staff.get("class") != "staff":
                continue
            for layer in (g for g in staff if g.get("class") == "layer"):
                place = _number(staff.get("data-n")), _number(layer.get("data-n"))
                names = (element.get("id", "") for element in layer.iter())
                found += [EngravedNote(n, onsets[n], *place) for n in names if n in onsets]
    return tuple(found)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def _tint(page: Element, tints: Mapping[str, str]) -> None:
    """Colour the heads, stems and signs of notes; their lyrics stay black (in place)."""
    for note in page.iter():
        css = tints.get(note.get("id", ""))
        if css is None:
            continue
        if not _COLOUR.fullmatch(css):
            raise ValueError(f"{css!r} is no CSS colour such as #1a5fb4 or navy")
        for part in note:
            if _TINTED & set(part.get("class", "").split()):
                part.set("fill", css)
                part.set("color", css)


def _view_box(page: Element) -> tuple[float, float]:
    _, _, width, height = (float(x) for x in page.attrib["viewBox"].split())
    return width, height


def _stack(pages: tuple[str, ...], title: str, composer: str) -> str:
    """The pages below each other in one SVG under a heading."""
    parsed = [parse_svg(page) for page in pages]
    width = max(_view_box(page)[0] for page in parsed)
    offset = 70.0 if title else 30.0 if composer else 0.0
    root = Element(f"{{{SVG_NAMESPACE}}}svg", {"role": "img", "font-family": "Times, serif"})
    label = SubElement(root, f"{{{SVG_NAMESPACE}}}title")
    label.text = f"Score: {title}" if title else "Score"
    if title:
        size = min(27.0, 1.9 * 0.9 * width / max(len(title), 1))
        _heading_text(root, title, width / 2, 40.0, size, "middle")
    if composer:
        size = min(15.0, 1.9 * 0.9 * width / len(composer))
        _heading_text(root, composer, width - 20.0, offset - 4.0, size, "end")
    for page in parsed:
        page_width, height = _view_box(page)
        page.set("y", f"{offset:g}")
        page.set("width", f"{page_width:g}")
        page.set("height", f"{height:g}")
        root.append(page)
        offset += height
    root.set("viewBox", f"0 0 {width:g} {offset:g}")
    root.set("width", f"{width:g}")
    root.set("height", f"{offset:g}")
    return to_text(root)


def _heading_text(root: Element, words: str, x: float, y: float, size: float, anchor: str) -> None:
    place = {"x": f"{x:g}", "y": f"{y:g}", "font-size": f"{size:.4g}", "text-anchor": anchor}
    SubElement(root, f"{{{SVG_NAMESPACE}}}text", place).text = words
