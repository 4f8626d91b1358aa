"""Writing scores as MusicXML 4.0 (partwise), the same text for the same score.

Bars are filled voice by voice with ``<backup>``; gaps become rests; notes that cross a bar line or
that no note value writes become tied heads; tuplets, beams and accidentals are worked out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import count as numbers
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from partimento.core.files import write_atomic
from partimento.music.layout import Layout, lay_out, written_fifths
from partimento.music.musicxml_note import ORNAMENTS, TECHNICAL
from partimento.music.musicxml_part import MODES
from partimento.music.notation import Head
from partimento.music.score import KeySignature, Measure, Note, Part, Score, Tempo, TimeSignature
from partimento.music.written_pitch import Transposition

_HEADER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
    '<score-partwise version="4.0">\n'
)
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ID = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_CLEF = re.compile(r"([GFC])([1-5])(?:([_^])(8|15))?")
_MAX_MARKS = 32
"""Tempi that are all shown as metronome marks; a longer tempo curve is only heard."""
_ACCIDENTALS = {
    -3: "triple-flat",
    -2: "flat-flat",
    -1: "flat",
    0: "natural",
    1: "sharp",
    2: "double-sharp",
    3: "triple-sharp",
}


def write_musicxml(score: Score, path: str | Path) -> None:
    """Write ``score`` to ``path`` as uncompressed MusicXML (UTF-8), in one step."""
    write_atomic(path, musicxml_text(score))


def musicxml_text(score: Score) -> str:
    """The MusicXML document of a score, the same for the same score (it holds no date).

    Raises MusicError when the notes lie on no time grid that notation can state.
    """
    plan = lay_out(score)
    score = plan.score
    ids = _part_ids(score.parts)
    out = [_HEADER, _head(score, ids)]
    for i, part in enumerate(score.parts):
        out.append(_part_text(plan, part, ids[part.id], first=i == 0))
    out.append("</score-partwise>\n")
    return "".join(out)


# -- document -------------------------------------------------------------------------------------


def _text(text: str) -> str:
    return escape(_ILLEGAL.sub("", text))


def _part_ids(parts: Sequence[Part]) -> dict[str, str]:
    """An XML id for each part: its own where that is one."""
    names = [p.id for p in parts]
    fresh = (f"P{i}" for i in numbers(1) if f"P{i}" not in names)
    return {name: name if _ID.fullmatch(name) else next(fresh) for name in names}


def _head(score: Score, ids: dict[str, str]) -> str:
    out = []
    if score.title:
        out.append(f"<work><work-title>{_text(score.title)}</work-title></work>\n")
    out.append("<identification>")
    if score.composer:
        out.append(f'<creator type="composer">{_text(score.composer)}</creator>')
    out.append("<encoding><software>partimento</software></encoding></identification>\n")
    out.append("<part-list>\n")
    for part in score.parts:
        name = ids[part.id]
        out.append(
            f'<score-part id="{name}"><part-name>{_text(part.name)}</part-name>'
            f'<score-instrument id="{name}-I1"><instrument-name>{_text(part.name)}'
            f'</instrument-name></score-instrument><midi-instrument id="{name}-I1">'
            f"<midi-program>{part.program + 1}</midi-program></midi-instrument></score-part>\n"
        )
    out.append("</part-list>\n")
    return "".join(out)


def _part_text(plan: Layout, part: Part, name: str, first: bool) -> str:
    out = [f'<part id="{name}">\n']
    measures = plan.score.measures
    for index, measure in enumerate(measures):
        implicit = ' implicit="yes"' if measure.implicit else ""
        out.append(f"<measure number={quoteattr(_ILLEGAL.sub('', measure.number))}{implicit}>\n")
        out.append(_left_barline(measures, index, first))
        out.append(_bar_text(plan, part, index, first))
        out.append(_right_barline(measures, index, first))
        out.append("</measure>\n")
    out.append("</part>\n")
    return "".join(out)


def _left_barline(measures: Sequence[Measure], index: int, first: bool) -> str:
    measure = measures[index]
    before = measures[index - 1].endings if index else ()
    opens = first and measure.endings and measure.endings != before
    if not opens and not measure.repeat_start:
        return ""
    style = "<bar-style>heavy-light</bar-style>" if measure.repeat_start else ""
    ending = f'<ending number="{_ending(measure)}" type="start"/>' if opens else ""
    repeat = '<repeat direction="forward"/>' if measure.repeat_start else ""
    return f'<barline location="left">{style}{ending}{repeat}</barline>\n'


def _right_barline(measures: Sequence[Measure], index: int, first: bool) -> str:
    measure = measures[index]
    last = index + 1 == len(measures)
    closes = first and measure.endings and (last or measures[index + 1].endings != measure.endings)
    style = measure.bar_style or ("light-heavy" if last or measure.repeat_end else None)
    if style is None and not closes:
        return ""
    kind = "stop" if measure.repeat_end else "discontinue"
    inner = f"<bar-style>{_text(style)}</bar-style>" if style else ""
    inner += f'<ending number="{_ending(measure)}" type="{kind}"/>' if closes else ""
    inner += '<repeat direction="backward"/>' if measure.repeat_end else ""
    return f'<barline location="right">{inner}</barline>\n'


def _ending(measure: Measure) -> str:
    return ", ".join(re.sub(r"\D", "", number) or "1" for number in measure.endings)


# -- bars -----------------------------------------------------------------------------------------


def _bar_text(plan: Layout, part: Part, index: int, first: bool) -> str:
    laid = plan.parts[part.id]
    bar = plan.frames[index]
    markers = _markers(plan, part, index, first)
    out = [text for place, text in markers if place == 0]
    later = [(place, text) for place, text in markers if place > 0]
    above: set[int] = set()
    for i, (voice, heads) in enumerate(laid.bars[index]):
        if i:
            length = int(bar.duration * plan.divisions)
            out.append(f"<backup><duration>{length}</duration></backup>\n")
        for head in heads:
            if later:
                later = _place_markers(out, later, head, plan.divisions)
            out.append(_head_text(head, voice, plan.divisions, laid.staves, head.staff in above))
        above |= {head.staff for head in heads if head.notes}
        out += [text for _, text in later]
        later = []
    return "".join(out)


def _place_markers(
    out: list[str], markers: list[tuple[Fraction, str]], head: Head, divisions: int
) -> list[tuple[Fraction, str]]:
    """Write what stands before a head; the markers for later are returned.

    A tempo inside the head is written before it with an offset; a key or meter waits for its end.
    """
    waiting = []
    for place, text in markers:
        if place <= head.onset:
            out.append(text)
        elif place < head.end and "<sound" in text:
            offset = int((place - head.onset) * divisions)
            out.append(text.replace("<sound", f"<offset>{offset}</offset><sound"))
        else:
            waiting.append((place, text))
    return waiting


def _markers(plan: Layout, part: Part, index: int, first: bool) -> list[tuple[Fraction, str]]:
    """Attributes and (in the first part) tempi of one bar with their place in it, in order."""
    places: dict[Fraction, list[KeySignature | TimeSignature]] = {}
    if index == 0:
        places[Fraction(0)] = []
    tempi = []
    for place, event in plan.events[index]:
        if not isinstance(event, Tempo):
            places.setdefault(place, []).append(event)
        elif first:
            shown = len(plan.score.tempi) <= _MAX_MARKS or event == plan.score.tempi[0]
            beat = plan.frames[index].beat
            tempi.append((place, _tempo(event.quarter_per_minute, beat, shown)))
    attributes = [
        (place, _attributes(plan, part, items, opening=index == 0 and place == 0))
        for place, items in places.items()
    ]
    return sorted(attributes + tempi, key=lambda m: m[0])


def _attributes(
    plan: Layout, part: Part, items: Sequence[KeySignature | TimeSignature], opening: bool
) -> str:
    laid = plan.parts[part.id]
    out = [f"<divisions>{plan.divisions}</divisions>"] if opening else []
    for item in items:
        if isinstance(item, KeySignature):
            mode = f"<mode>{item.mode}</mode>" if item.mode in MODES else ""
            fifths = written_fifths(item, laid.transposition)
            out.append(f"<key><fifths>{fifths}</fifths>{mode}</key>")
        else:
            out.append(
                f"<time><beats>{item.beats}</beats><beat-type>{item.beat_type}</beat-type></time>"
            )
    if opening:
        if laid.staves > 1:
            out.append(f"<staves>{laid.staves}</staves>")
        clefs = [*part.clefs, *(["F4"] * laid.staves if part.clefs else ["G2"] * laid.staves)]
        out += [_clef(clefs[i], i + 1, laid.staves) for i in range(laid.staves)]
        out.append(_transpose(laid.transposition))
    return f"<attributes>{''.join(out)}</attributes>\n"


def _clef(name: str, staff: int, staves: int) -> str:
    number = f' number="{staff}"' if staves > 1 else ""
    if name == "percussion":
        return f"<clef{number}><sign>percussion</sign></clef>"
    match = _CLEF.fullmatch(name)
    sign, line, side, octave = match.groups() if match else ("G", "2", None, None)
    change = ""
    if octave is not None:
        value = (1 if octave == "8" else 2) * (1 if side == "^" else -1)
        change = f"<clef-octave-change>{value}</clef-octave-change>"
    return f"<clef{number}><sign>{sign}</sign><line>{line}</line>{change}</clef>"


def _transpose(transposition: Transposition) -> str:
    if not transposition.total_semitones:
        return ""
    octaves = transposition.octaves
    change = f"<octave-change>{octaves}</octave-change>" if octaves else ""
    return (
        f"<transpose><diatonic>{transposition.steps}</diatonic>"
        f"<chromatic>{transposition.semitones}</chromatic>{change}</transpose>"
    )


def _tempo(quarter_per_minute: float, beat: Fraction, shown: bool) -> str:
    """A metronome mark in the beat of the bar, with the exact tempo beside it.

    ``shown`` is false in scores with a tempo curve, whose many marks would cover the page.
    """
    sound = f'<sound tempo="{float(quarter_per_minute)!r}"/>'
    if not shown:
        return f"<direction><direction-type><words/></direction-type>{sound}</direction>\n"
    dotted = beat.numerator == 3 and beat in (Fraction(3, 2), Fraction(3, 4))
    unit = {Fraction(3, 2): "quarter", Fraction(3, 4): "eighth"}[beat] if dotted else "quarter"
    count = quarter_per_minute / float(beat) if dotted else quarter_per_minute
    dot = "<beat-unit-dot/>" if dotted else ""
    return (
        '<direction placement="above"><direction-type><metronome>'
        f"<beat-unit>{unit}</beat-unit>{dot}<per-minute>{round(count, 2):g}</per-minute>"
        f"</metronome></direction-type>{sound}</direction>\n"
    )


# -- notes ----------------------------------------------------------------------------------------


def _head_text(head: Head, voice: str, divisions: int, staves: int, lower: bool) -> str:
    """The ``<note>`` elements of a head, in the element order of the schema.

    ``lower``: another voice of this staff stands above.
    """
    length = f"<duration>{int(head.duration * divisions)}</duration>"
    lane = f"<voice>{_text(voice)}</voice>"
    kind, modification = _value_text(head)
    if not head.notes:
        rest = '<rest measure="yes"/>' if head.whole_bar else "<rest/>"
        staff = f"<staff>{head.staff}</staff>" if staves > 1 else ""
        marks = _notations(_tuplet_marks(head))
        return f"<note>{rest}{length}{lane}{kind}{modification}{staff}{marks}</note>\n"
    beams = "".join(f'<beam number="{i + 1}">{word}</beam>' for i, word in enumerate(head.beams))
    out = []
    for i, note in enumerate(head.notes):
        accidental = ""
        pitch = note.spelling
        assert pitch is not None
        if head.accidentals[i] and pitch.alter in _ACCIDENTALS:
            accidental = f"<accidental>{_ACCIDENTALS[pitch.alter]}</accidental>"
        stop = '<tie type="stop"/>' if note.tie_stop else ""
        start = '<tie type="start"/>' if note.tie_start else ""
        staff = f"<staff>{note.staff}</staff>" if staves > 1 else ""
        alter = f"<alter>{pitch.alter}</alter>" if pitch.alter else ""
        loud = "" if note.velocity is None else f' dynamics="{note.velocity / 0.9:.2f}"'
        out.append(
            f"<note{loud}>{'<grace/>' if note.grace else ''}{'<chord/>' if i else ''}"
            f"<pitch><step>{pitch.step}</step>{alter}<octave>{pitch.octave}</octave></pitch>"
            f"{'' if note.grace else length}{stop}{start}{lane}{kind}{accidental}{modification}"
            f"{staff}{'' if i else beams}{_note_marks(head, note, i == 0, lower)}"
            f"{_lyrics(note)}</note>\n"
        )
    return "".join(out)


def _value_text(head: Head) -> tuple[str, str]:
    """Type with dots, and the time modification."""
    if head.grace:
        return "<type>eighth</type>", ""
    value = head.value
    if value is None:
        return "", ""
    modification = ""
    if value.actual > 1:
        modification = (
            f"<time-modification><actual-notes>{value.actual}</actual-notes>"
            f"<normal-notes>{value.normal}</normal-notes></time-modification>"
        )
    return f"<type>{value.type}</type>{'<dot/>' * value.dots}", modification


def _tuplet_marks(head: Head) -> str:
    start = '<tuplet type="start"/>' if head.tuplet_start else ""
    return start + ('<tuplet type="stop"/>' if head.tuplet_stop else "")


def _notations(inner: str) -> str:
    return f"<notations>{inner}</notations>" if inner else ""


def _note_marks(head: Head, note: Note, first: bool, lower: bool) -> str:
    inner = '<tied type="stop"/>' if note.tie_stop else ""
    inner += '<tied type="start"/>' if note.tie_start else ""
    inner += _tuplet_marks(head) if first else ""
    for mark in note.articulations:
        group = "articulations"
        if mark in ORNAMENTS:
            group = "ornaments"
        elif mark in TECHNICAL:
            group = "technical"
        if _ID.fullmatch(mark):
            inner += f"<{group}><{mark}/></{group}>"
    # Two fermatas of one staff would stand on top of each other.
    way = "inverted" if lower else "upright"
    inner += f'<fermata type="{way}"/>' if note.fermata else ""
    return _notations(inner)


def _lyrics(note: Note) -> str:
    return "".join(
        f"<lyric number={quoteattr(_ILLEGAL.sub('', lyric.verse))}>"
        f"<syllabic>{lyric.syllabic}</syllabic><text>{_text(lyric.text)}</text>"
        f"{'<extend/>' if lyric.extend else ''}</lyric>"
        for lyric in note.lyrics
    )
