"""Tremolos written out: a measured tremolo is drawn once and played as a figure.

MusicXML marks the notes of a tremolo with strokes through the stem; players, and score MIDI, give
the repeated notes.  :func:`unfold_tremolos` rewrites the document so that it says what is played
(MusicXML 4.0 reference, element ``tremolo``), before a score library reads it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

from partimento.core.errors import InputFileError
from partimento.music.xml_tree import parse_xml

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_STROKES = 3
"""Three strokes through a quarter make 32nds; more, or 0, means as fast as possible."""
MAX_UNFOLDED_NOTES = 20_000
"""Notes that the tremolos of one document may become."""
_FLAGS = {"eighth": 1, "16th": 2, "32nd": 3, "64th": 4}
_SCALE = 16
"""Durations are multiplied by it, so that every figure falls on whole divisions."""
_ONCE = ("tie", "notations", "lyric", "beam", "accidental", "time-modification")
"""What belongs to the drawn note only, not to its repetitions."""


def unfold_tremolos(document: bytes) -> bytes:
    """The partwise MusicXML ``document`` with its measured tremolos written out.

    A document without tremolos comes back as it is.  Tremolos of more than :data:`MAX_STROKES`
    strokes stay as they are drawn.

    Raises InputFileError for anything that :func:`partimento.music.xml_tree.parse_xml` refuses and
    for more than :data:`MAX_UNFOLDED_NOTES` repetitions.
    """
    parse_xml(document)
    if b"tremolo" not in document:
        return document
    from defusedxml.ElementTree import fromstring, tostring

    root = fromstring(document)
    _scale_durations(root)
    budget = MAX_UNFOLDED_NOTES
    for part in root.iter("part"):
        divisions = _SCALE
        for measure in part.iter("measure"):
            divisions = _divisions(measure, divisions)
            budget -= _unfold_measure(measure, divisions)
            if budget < 0:
                raise InputFileError("the tremolos of this score unfold to too many notes")
    result: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return result


def _scale_durations(root: Element) -> None:
    for tag in ("divisions", "duration", "offset"):
        for node in root.iter(tag):
            text = (node.text or "").strip()
            if text.lstrip("-").isdecimal() and len(text) < 9:
                node.text = str(int(text) * _SCALE)


def _divisions(measure: Element, before: int) -> int:
    node = measure.find("attributes/divisions")
    text = (node.text or "") if node is not None else ""
    return int(text) if text.isdecimal() and int(text) > 0 else before


def _unfold_measure(measure: Element, divisions: int) -> int:
    """Write out the tremolos of one bar in place; the number of notes that were added."""
    before = len(measure)
    waiting: dict[str, list[Element]] = {}
    for chord in _chords(measure):
        kind, strokes = _tremolo(chord[0])
        voice = chord[0].findtext("voice", "1")
        if kind == "start":
            waiting[voice] = chord
        elif kind == "stop" and voice in waiting:
            _write_pair(measure, waiting.pop(voice), chord, strokes, divisions)
        elif kind == "single":
            _write_single(measure, chord, strokes, divisions)
    return len(measure) - before


def _chords(measure: Element) -> list[list[Element]]:
    """The notes of a bar, those of one chord together; rests and grace notes are left out."""
    chords: list[list[Element]] = []
    for note in measure.findall("note"):
        if note.find("rest") is not None or note.find("grace") is not None:
            continue
        if note.find("chord") is not None and chords:
            chords[-1].append(note)
        else:
            chords.append([note])
    return chords


def _tremolo(note: Element) -> tuple[str, int]:
    """Kind (``start``, ``stop``, ``single`` or nothing) and strokes of a note's tremolo."""
    node = note.find("notations/ornaments/tremolo")
    if node is None:
        return "", 0
    text = (node.text or "").strip()
    strokes = int(text) if text.isdecimal() and len(text) < 3 else 0
    if not 1 <= strokes <= MAX_STROKES:
        return "", 0
    return node.get("type", "single"), strokes


def _duration(note: Element) -> int:
    text = note.findtext("duration", "0").strip()
    return int(text) if text.isdecimal() and len(text) < 10 else 0


def _unit(note: Element, strokes: int, divisions: int) -> int:
    """Divisions of one note of the figure: a stroke halves the eighth's beam count further."""
    flags = _FLAGS.get(note.findtext("type", "").strip(), 0)
    return max(divisions >> (strokes + flags), 1)


def _write_pair(
    measure: Element, first: list[Element], second: list[Element], strokes: int, divisions: int
) -> None:
    """Two chords that alternate: first, second, first, second ..."""
    total = _duration(first[0]) + _duration(second[0])
    unit = _unit(first[0], strokes, divisions)
    count = total // (2 * unit)
    if count < 1 or total % (2 * unit):
        return
    figure = (first, second) * count
    _replace(measure, first + second, figure, unit)


def _write_single(measure: Element, chord: list[Element], strokes: int, divisions: int) -> None:
    """One chord struck again and again."""
    total = _duration(chord[0])
    unit = _unit(chord[0], strokes, divisions)
    if total < 2 * unit or total % unit:
        return
    _replace(measure, chord, (chord,) * (total // unit), unit)


def _replace(
    measure: Element, drawn: list[Element], figure: tuple[list[Element], ...], unit: int
) -> None:
    """Put the figure where the drawn notes stood; the first of each keeps its notations."""
    place = list(measure).index(drawn[0])
    seen: set[int] = set()
    played: list[Element] = []
    for chord in figure:
        for note in chord:
            again = id(note) in seen
            seen.add(id(note))
            played.append(_copy(note, unit, keep=(lambda tag: tag not in _ONCE) if again else None))
    for note in drawn:
        measure.remove(note)
    for offset, note in enumerate(played):
        measure.insert(place + offset, note)


def _copy(note: Element, unit: int, keep: Callable[[str], bool] | None) -> Element:
    result = copy.deepcopy(note)
    for child in list(result):
        gone = child.tag in ("time-modification", "dot", "type")
        if gone or (keep is not None and not keep(child.tag)):
            result.remove(child)
    for ornaments in result.iter("ornaments"):
        for tremolo in ornaments.findall("tremolo"):
            ornaments.remove(tremolo)
    node = result.find("duration")
    if node is not None:
        node.text = str(unit)
    return result
