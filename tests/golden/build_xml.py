"""A tiny notation for the golden MusicXML files, independent of the package's own writer.

A bar is a string of tokens such as ``C5/q F#4/e. r/h Bb4/q=Lob``:

* pitch (``C5``, ``F#4``, ``Bb3``) or ``r``, a slash, a value ``w h q e s t`` (whole to 32nd) with
  dots, or ``3`` after it for a triplet;
* then marks: ``~`` tie starts, ``_`` tie stops, ``^`` fermata, ``.`` after a comma is staccato
  (``,.``), ``=text`` a syllable (``=text-`` goes on);
* ``+`` before the pitch: in a chord with the note before; ``g:`` before it: a grace note.

``v2|`` in a bar starts the second voice of the bar (third: ``v3|``), ``s2`` before a token group
is not needed: voices 3 and 4 stand on staff 2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

DIVISIONS = 24
_VALUES = {
    "w": (96, "whole"),
    "h": (48, "half"),
    "q": (24, "quarter"),
    "e": (12, "eighth"),
    "s": (6, "16th"),
    "t": (3, "32nd"),
}
_TOKEN = re.compile(
    r"(?P<chord>\+)?(?P<grace>g:)?(?P<pitch>r|[A-G][#b]*\d)/(?P<value>[whqest])(?P<dots>\.*)"
    r"(?P<triplet>3)?(?P<ties>[~_]*)(?P<fermata>\^)?(?P<staccato>,\.)?(?:=(?P<text>\S+))?$"
)


@dataclass
class PartText:
    """One part: bars in the tiny notation."""

    name: str
    bars: list[str]
    staves: int = 1
    clefs: tuple[str, ...] = ("G2",)


@dataclass
class ScoreText:
    """A score; dictionaries map a bar's index to what changes there."""

    parts: list[PartText]
    meters: dict[int, str] = field(default_factory=lambda: {0: "4/4"})
    keys: dict[int, tuple[int, str]] = field(default_factory=lambda: {0: (0, "major")})
    pickup: bool = False
    repeats: dict[int, str] = field(default_factory=dict)  # "start", "end", "start end"
    endings: dict[int, str] = field(default_factory=dict)
    tempo: int | None = None
    title: str = ""


def score_xml(score: ScoreText) -> str:
    """The MusicXML text."""
    part_list = "".join(
        f'<score-part id="P{i}"><part-name>{p.name}</part-name></score-part>'
        for i, p in enumerate(score.parts, 1)
    )
    parts = "".join(
        f'<part id="P{i}">{_part_bars(score, p)}</part>\n' for i, p in enumerate(score.parts, 1)
    )
    title = f"<work><work-title>{score.title}</work-title></work>" if score.title else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE score-partwise PUBLIC '
        '"-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
        '"http://www.musicxml.org/dtds/partwise.dtd">\n'
        f'<score-partwise version="4.0">{title}<part-list>{part_list}</part-list>\n{parts}'
        "</score-partwise>\n"
    )


def _part_bars(score: ScoreText, part: PartText) -> str:
    out = []
    for i, bar in enumerate(part.bars):
        number = i if score.pickup else i + 1
        implicit = ' implicit="yes"' if score.pickup and i == 0 else ""
        body = _attributes(score, part, i)
        if score.tempo and i == 0:
            body += f'<direction><sound tempo="{score.tempo}"/></direction>'
        body = _left_barline(score, i) + body + _voices(bar, part.staves) + _right(score, i)
        out.append(f'<measure number="{number}"{implicit}>{body}</measure>\n')
    return "".join(out)


def _attributes(score: ScoreText, part: PartText, i: int) -> str:
    body = f"<divisions>{DIVISIONS}</divisions>" if i == 0 else ""
    if i in score.keys:
        fifths, mode = score.keys[i]
        body += f"<key><fifths>{fifths}</fifths><mode>{mode}</mode></key>"
    if i in score.meters:
        beats, unit = score.meters[i].split("/")
        body += f"<time><beats>{beats}</beats><beat-type>{unit}</beat-type></time>"
    if i == 0:
        body += f"<staves>{part.staves}</staves>" if part.staves > 1 else ""
        for k, clef in enumerate(part.clefs, 1):
            number = f' number="{k}"' if part.staves > 1 else ""
            octave = "<clef-octave-change>-1</clef-octave-change>" if clef.endswith("_8") else ""
            body += f"<clef{number}><sign>{clef[0]}</sign><line>{clef[1]}</line>{octave}</clef>"
    return f"<attributes>{body}</attributes>" if body else ""


def _left_barline(score: ScoreText, i: int) -> str:
    marks = ""
    if i in score.endings:
        marks += f'<ending number="{score.endings[i]}" type="start"/>'
    if "start" in score.repeats.get(i, ""):
        marks += '<repeat direction="forward"/>'
    return f'<barline location="left">{marks}</barline>' if marks else ""


def _right(score: ScoreText, i: int) -> str:
    marks = ""
    if i in score.endings:
        marks += f'<ending number="{score.endings[i]}" type="stop"/>'
    if "end" in score.repeats.get(i, ""):
        marks += '<repeat direction="backward"/>'
    return f'<barline location="right">{marks}</barline>' if marks else ""


def _voices(bar: str, staves: int) -> str:
    out = []
    length = 0
    for k, text in enumerate(re.split(r"v\d\|", bar)):
        if k and length:
            out.append(f"<backup><duration>{length}</duration></backup>")
        voice = k + 1
        staff = "" if staves == 1 else f"<staff>{1 + (voice > 2)}</staff>"
        if staves == 2 and len(re.split(r"v\d\|", bar)) == 2:
            staff = f"<staff>{voice}</staff>"
        length = 0
        for token in text.split():
            xml, duration = _note(token, voice, staff)
            out.append(xml)
            length += duration
    return "".join(out)


def _note(token: str, voice: int, staff: str) -> tuple[str, int]:
    match = _TOKEN.match(token)
    if match is None:
        raise ValueError(f"wrong token {token!r}")
    get = match.groupdict()
    units, kind = _VALUES[get["value"]]
    length = Fraction(units)
    for k in range(len(get["dots"])):
        length += Fraction(units, 2 ** (k + 1))
    if get["triplet"]:
        length = length * 2 / 3
    assert length.denominator == 1, token
    body = "<grace/>" if get["grace"] else ""
    body += "<chord/>" if get["chord"] else ""
    body += _pitch(get["pitch"])
    if not get["grace"]:
        body += f"<duration>{length}</duration>"
    ties = get["ties"]
    body += '<tie type="stop"/>' if "_" in ties else ""
    body += '<tie type="start"/>' if "~" in ties else ""
    body += f"<voice>{voice}</voice><type>{kind}</type>" + "<dot/>" * len(get["dots"])
    if get["triplet"]:
        body += (
            "<time-modification><actual-notes>3</actual-notes>"
            "<normal-notes>2</normal-notes></time-modification>"
        )
    body += staff + _notations(get) + _lyric(get["text"])
    advance = 0 if get["grace"] or get["chord"] else int(length)
    return f"<note>{body}</note>", advance


def _pitch(name: str) -> str:
    if name == "r":
        return "<rest/>"
    alter = name.count("#") - name[1:].count("b")
    sign = f"<alter>{alter}</alter>" if alter else ""
    return f"<pitch><step>{name[0]}</step>{sign}<octave>{name[-1]}</octave></pitch>"


def _notations(get: dict[str, str | None]) -> str:
    body = '<tied type="stop"/>' if "_" in (get["ties"] or "") else ""
    body += '<tied type="start"/>' if "~" in (get["ties"] or "") else ""
    body += "<articulations><staccato/></articulations>" if get["staccato"] else ""
    body += "<fermata/>" if get["fermata"] else ""
    return f"<notations>{body}</notations>" if body else ""


def _lyric(text: str | None) -> str:
    if not text:
        return ""
    syllabic = "begin" if text.endswith("-") else "single"
    return f"<lyric><syllabic>{syllabic}</syllabic><text>{text.rstrip('-')}</text></lyric>"
