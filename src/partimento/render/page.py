"""One HTML page that shows and plays a result: self-contained, offline, safe for foreign text.

The page carries its pictures, sounds, style and script inside itself.  A content security policy
allows exactly the one shipped script and style sheet (by hash) and no request; all text is
escaped and every SVG is rebuilt by :mod:`partimento.render.sanitise`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Literal
from urllib.parse import quote

import numpy as np

from partimento.core.files import write_atomic
from partimento.music.score import Score
from partimento.render.drawing import clean_text
from partimento.render.sanitise import parse_svg, prefix_ids, to_text
from partimento.render.sheet import Engraving, TimeEvent
from partimento.render.sound import lead_in_sec, performance_sec, render_score, wav_bytes

PAGE_SAMPLE_RATE = 22050
"""Hz of the sound inside a page: 25 s take 1.5 MB of text."""
_TAPS = 31
_RELATIVE = re.compile(r"(?!/)(?:[^\x00-\x1f:\\?#]+/)*[^\x00-\x1f:\\?#/]+")

Cell = str | int | float | bool | None


@dataclass(frozen=True)
class Figure:
    """One SVG with a caption.

    ``follows`` is the heading of a :class:`ScoreSection`; a piano roll then shows a moving cursor.
    ``fits``: a picture without small print that shrinks to the window instead of being scrolled.
    """

    svg: str = field(repr=False)
    caption: str = ""
    follows: str = ""
    fits: bool = False


@dataclass(frozen=True)
class TextSection:
    """Paragraphs of plain text."""

    heading: str
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class TableSection:
    """A table, such as a voice-leading report or a model card; numbers stand to the right."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    text: str = ""


@dataclass(frozen=True)
class FigureSection:
    """One or more charts."""

    heading: str
    figures: Sequence[Figure]
    text: str = ""


@dataclass(frozen=True)
class AudioSection:
    """A player; ``wav`` is the content of a WAV file."""

    heading: str
    wav: bytes = field(repr=False)
    text: str = ""


@dataclass(frozen=True)
class ScoreSection:
    """An engraved score with its sound; the notes light up while they sound.

    ``events`` carry the seconds of ``wav`` and the note ids of ``svg``; :func:`score_section`
    makes all three agree.
    """

    heading: str
    svg: str = field(repr=False)
    events: Sequence[TimeEvent] = field(repr=False)
    wav: bytes = field(repr=False)
    text: str = ""


@dataclass(frozen=True)
class LinkSection:
    """Files to open or save, as (label, path relative to the page)."""

    heading: str
    links: Sequence[tuple[str, str]]
    text: str = ""


@dataclass(frozen=True)
class Fact:
    """A term with its text; ``links`` are headings of sections of the same page."""

    term: str
    text: str
    links: Sequence[str] = ()


@dataclass(frozen=True)
class FactsSection:
    """A list of terms and what is to be said of each."""

    heading: str
    facts: Sequence[Fact]
    text: str = ""


Mark = Literal["", "severe", "warning", "info"]


@dataclass(frozen=True)
class MixedSection:
    """Several parts under one heading; a part with a heading of its own shows it, smaller.

    ``mark`` stands as a coloured word before the parts.
    """

    heading: str
    parts: Sequence[TextSection | TableSection | FigureSection | FactsSection]
    mark: Mark = ""
    text: str = ""


Section = (
    TextSection
    | TableSection
    | FigureSection
    | AudioSection
    | ScoreSection
    | LinkSection
    | FactsSection
    | MixedSection
)


def score_section(
    heading: str,
    score: Score,
    engraving: Engraving,
    *,
    text: str = "",
    timbre: str = "piano",
    fermata_stretch: float | int = 1.0,
    sample_rate: int = PAGE_SAMPLE_RATE,
) -> ScoreSection:
    """Render the score and time its engraving, so that page and sound agree.

    Raises MusicError when the score has no notes or lasts too long.
    """
    sound = render_score(score, sample_rate, timbre=timbre, fermata_stretch=fermata_stretch)
    quarters = [event.quarter for event in engraving.events]
    seconds = performance_sec(score, quarters, fermata_stretch) + lead_in_sec()
    events = [
        TimeEvent(e.quarter, float(sec), e.on, e.off)
        for e, sec in zip(engraving.events, seconds, strict=True)
    ]
    wav = wav_bytes(sound.mean(axis=1), sample_rate)
    return ScoreSection(heading, engraving.svg, events, wav, text)


def page_wav(sound: np.ndarray) -> bytes:
    """Stereo sound (samples, 2) at 44.1 kHz as a mono WAV at half the rate, for a page.

    Low-passed by a windowed sinc, so that nothing is mirrored.
    """
    place = np.arange(_TAPS) - _TAPS // 2
    kernel = np.sinc(place * 0.45) * np.hamming(_TAPS)
    mono = sound.mean(axis=1).astype(np.float64)
    low = np.convolve(mono, kernel / kernel.sum(), mode="same")[::2]
    return wav_bytes(np.clip(low, -1.0, 1.0), PAGE_SAMPLE_RATE)


def write_page(
    path: str | Path, title: str, sections: Sequence[Section], *, lead: str = ""
) -> Path:
    """Write the page and return its path.  ``lead`` is a line below the title.

    Raises InputFileError for a picture that is no SVG, ValueError for a link that leaves the
    page's folder or a figure that follows no score.
    """
    target = Path(path)
    write_atomic(target, page_html(title, sections, lead=lead))
    return target


def page_html(title: str, sections: Sequence[Section], *, lead: str = "") -> str:
    """The page as text; see :func:`write_page`."""
    names = {
        s.heading: f"section-{i}" for i, s in enumerate(sections) if isinstance(s, ScoreSection)
    }
    all_names = {s.heading: f"section-{i}" for i, s in enumerate(sections)}
    places = _Places(names, all_names)
    body = [_section(f"section-{i}", s, places) for i, s in enumerate(sections)]
    data = [
        _piece(f"section-{i}", s.events)
        for i, s in enumerate(sections)
        if isinstance(s, ScoreSection)
    ]
    folder = files("partimento.render")
    style = folder.joinpath("page.css").read_text(encoding="utf-8")
    if names:
        style += _score_font()
    script = folder.joinpath("page.js").read_text(encoding="utf-8")
    return Template(folder.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        policy=_policy(style, script),
        title=clean_text(title),
        style=style,
        script=script,
        lead=f'<p class="lead" dir="auto">{clean_text(lead)}</p>' if lead else "",
        contents=_contents(sections),
        body="\n".join(body),
        data=_json(data),
    )


@dataclass(frozen=True)
class _Places:
    """Heading -> id in the page: of the scores, and of all sections."""

    scores: dict[str, str]
    sections: dict[str, str]


def _policy(style: str, script: str) -> str:
    """Nothing is allowed but the shipped script and style and data inside the page."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "img-src data:; media-src data:; font-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _score_font() -> str:
    """The font that scores are spaced for, inside the page.

    In the wider serif font of a system without Times the words under the notes would collide.
    """
    font = files("partimento.render").joinpath("fonts", "PartimentoSerif-Regular.ttf").read_bytes()
    data = base64.b64encode(font).decode()
    return (
        '@font-face { font-family: "Partimento Serif"; '
        f'src: url("data:font/ttf;base64,{data}") format("truetype"); }}\n'
        '.score .paper svg { font-family: "Partimento Serif", Times, serif; }\n'
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _piece(root: str, events: Sequence[TimeEvent]) -> dict[str, object]:
    return {
        "root": root,
        "events": [
            {
                "sec": round(e.sec, 4),
                "quarter": round(e.quarter, 4),
                "on": [_prefix(root) + name for name in e.on],
                "off": [_prefix(root) + name for name in e.off],
            }
            for e in events
        ],
    }


def _prefix(root: str) -> str:
    return f"{root}-"


def _contents(sections: Sequence[Section]) -> str:
    if len(sections) < 3:
        return ""
    items = "".join(
        f'<li><a href="#section-{i}">{clean_text(s.heading)}</a></li>'
        for i, s in enumerate(sections)
    )
    return f'<nav aria-label="On this page"><ul>{items}</ul></nav>'


def _section(name: str, section: Section, places: _Places) -> str:
    heading = f'<h2 id="{name}-heading" dir="auto">{clean_text(section.heading)}</h2>'
    inside = _inside(name, section, places)
    text = getattr(section, "text", "")
    intro = f'<p dir="auto">{clean_text(text)}</p>' if text else ""
    kind = ' class="score"' if isinstance(section, ScoreSection) else ""
    return (
        f'<section id="{name}"{kind} aria-labelledby="{name}-heading">{heading}{intro}{inside}'
        "</section>"
    )


def _inside(name: str, section: Section, places: _Places) -> str:
    match section:
        case FigureSection():
            return _figures(name, section, places)
        case ScoreSection():
            return _score(name, section)
        case AudioSection():
            return f'<div class="player">{_audio(section.wav, f"Play {section.heading}")}</div>'
        case TableSection():
            return _table(section)
        case LinkSection():
            return _links(section)
        case FactsSection():
            return _facts(section, places)
        case MixedSection():
            return _mixed(name, section, places)
        case TextSection():
            return "".join(f'<p dir="auto">{clean_text(p)}</p>' for p in section.paragraphs)


def _figures(name: str, section: FigureSection, places: _Places) -> str:
    shown = []
    for i, figure in enumerate(section.figures):
        if figure.follows and figure.follows not in places.scores:
            raise ValueError(f"no score section has the heading {figure.follows!r}")
        link = f' data-follows="{places.scores[figure.follows]}"' if figure.follows else ""
        caption = f"<figcaption>{clean_text(figure.caption)}</figcaption>" if figure.caption else ""
        label = clean_text(figure.caption or section.heading)
        paper = "paper fits" if figure.fits else "paper"
        shown.append(
            f'<figure{link}><div class="{paper}" tabindex="0" role="group" aria-label="{label}">'
            f"{_picture(figure.svg, f'{name}-{i}-')}</div>{caption}</figure>"
        )
    return f'<div class="figures">{"".join(shown)}</div>'


def _picture(svg: str, prefix: str) -> str:
    return to_text(prefix_ids(parse_svg(svg), prefix))


def _audio(wav: bytes, label: str) -> str:
    sound = base64.b64encode(wav).decode()
    return (
        f'<audio controls preload="metadata" aria-label="{clean_text(label)}" '
        f'src="data:audio/wav;base64,{sound}"></audio>'
    )


def _score(name: str, section: ScoreSection) -> str:
    label = clean_text(f"{section.heading}: the engraved score")
    return (
        f'<div class="player">{_audio(section.wav, f"Play {section.heading}")}'
        '<label><input type="checkbox" checked> follow the playback</label></div>'
        f'<div class="paper" tabindex="0" role="group" aria-label="{label}. Space plays or '
        'stops, left and right arrows move by one note">'
        f"{_picture(section.svg, _prefix(name))}</div>"
    )


def _links(section: LinkSection) -> str:
    items = []
    for label, target in section.links:
        if not _RELATIVE.fullmatch(target) or ".." in target.split("/"):
            raise ValueError(f"{target!r} is no plain path relative to the page")
        items.append(f'<li><a href="{clean_text(quote(target))}">{clean_text(label)}</a></li>')
    return f"<ul>{''.join(items)}</ul>"


def _facts(section: FactsSection, places: _Places) -> str:
    items = []
    for fact in section.facts:
        unknown = [link for link in fact.links if link not in places.sections]
        if unknown:
            raise ValueError(f"no section has the heading {unknown[0]!r}")
        links = ", ".join(
            f'<a href="#{places.sections[link]}">{clean_text(link)}</a>' for link in fact.links
        )
        text = clean_text(fact.text) + (f" \u2192 {links}" if links else "")
        items.append(f'<dt dir="auto">{clean_text(fact.term)}</dt><dd dir="auto">{text}</dd>')
    return f'<dl class="facts">{"".join(items)}</dl>'


def _mixed(name: str, section: MixedSection, places: _Places) -> str:
    shown = [f'<p class="mark {section.mark}">{section.mark}</p>'] if section.mark else []
    for i, part in enumerate(section.parts):
        if part.heading:
            shown.append(f'<h3 dir="auto">{clean_text(part.heading)}</h3>')
        text = getattr(part, "text", "")
        if text:
            shown.append(f'<p dir="auto">{clean_text(text)}</p>')
        shown.append(_inside(f"{name}-{i}", part, places))
    return "".join(shown)


def _table(section: TableSection) -> str:
    count = len(section.columns)
    if any(len(row) != count for row in section.rows):
        raise ValueError(f"every row of {section.heading!r} needs {count} cells")
    right = [_all_numbers([row[i] for row in section.rows]) for i in range(count)]
    head = "".join(
        f'<th scope="col"{_side(right[i])}>{clean_text(column)}</th>'
        for i, column in enumerate(section.columns)
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td{_side(right[i])}>{_cell(value)}</td>" for i, value in enumerate(row))
        + "</tr>"
        for row in section.rows
    )
    caption = f"<caption>{clean_text(section.caption)}</caption>" if section.caption else ""
    return (
        f'<div class="table"><table>{caption}<thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _all_numbers(column: Sequence[Cell]) -> bool:
    """Whether a column holds numbers and, at most, empty cells beside them."""
    told = [value for value in column if value is not None]
    return bool(told) and all(_is_number(value) for value in told)


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side(right: bool) -> str:
    return ' class="number"' if right else ""


def _cell(value: Cell) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else clean_text(str(value))
