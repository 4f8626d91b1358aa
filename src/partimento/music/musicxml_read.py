"""Reading MusicXML (partwise or timewise) into a :class:`~partimento.music.score.Score`.

Element meanings follow the MusicXML 4.0 reference (W3C Music Notation Community Group, 2021).
What a score cannot hold (dynamics, slurs, clef changes ...) is named in ``Score.warnings``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from partimento.core.errors import InputFileError
from partimento.music.musicxml_part import (
    MAX_DENOMINATOR,
    Bar,
    BarNote,
    PartReader,
    sounding_spelling,
)
from partimento.music.score import (
    KeySignature,
    Measure,
    Note,
    Part,
    Score,
    Tempo,
    TimeSignature,
    sort_notes,
)
from partimento.music.xml_tree import Node, parse_xml

MAX_NOTES = 200_000
MAX_MEASURES = 20_000
MAX_PARTS = 200
MAX_PIECE_QUARTERS = 100_000
_MAX_TITLE = 500
_ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class _ReadPart:
    """A part with its bars, and the transposition it was written in (None: several)."""

    part: Part
    bars: list[Bar]
    one_transposition: bool


def read_musicxml(data: bytes) -> Score:
    """The score of an uncompressed MusicXML document (UTF-8, UTF-16 or a declared encoding).

    Entities and external references are refused, a DOCTYPE is allowed.  Written note heads keep
    their ties, voices and staves; ``midi`` is the sounding pitch of transposing parts.

    Raises InputFileError for anything that is no sane MusicXML, naming the bar.
    """
    root = parse_xml(data)
    if root.tag == "score-timewise":
        root = _partwise(root)
    elif root.tag != "score-partwise":
        raise InputFileError(
            f"this XML file is no MusicXML score (its root is <{root.tag[:40]}>)",
            fix="Export the score as MusicXML",
        )
    dropped: Counter[str] = Counter()
    warnings: list[str] = []
    parts = _read_parts(root, dropped, warnings)
    score = _merge(parts, warnings)
    if dropped:
        listed = ", ".join(f"{name} ({count})" for name, count in sorted(dropped.items()))
        warnings.append(f"Not kept from the file: {listed}.")
    return Score(
        parts=score.parts,
        notes=score.notes,
        measures=score.measures,
        time_signatures=score.time_signatures,
        key_signatures=score.key_signatures,
        tempi=score.tempi,
        title=_title(root),
        composer=_composer(root),
        warnings=tuple(warnings),
    )


# -- document -----------------------------------------------------------------------------------


def _partwise(root: Node) -> Node:
    """A timewise score turned round: bars of parts become parts of bars."""
    result = Node("score-partwise", root.attributes)
    children = [n for n in root.children if n.tag != "measure"]
    parts: dict[str, list[Node]] = {}
    for measure in root.all("measure"):
        for part in measure.all("part"):
            bar = Node("measure", measure.attributes)
            bar.children = part.children
            parts.setdefault(part.get("id"), []).append(bar)
    for name, bars in parts.items():
        part = Node("part", {"id": name})
        part.children = bars
        children.append(part)
    result.children = children
    return result


def _title(root: Node) -> str:
    work = root.find("work", "work-title")
    movement = root.child_text("movement-title")
    return ((work.text if work else "") or movement)[:_MAX_TITLE]


def _composer(root: Node) -> str:
    identification = root.child("identification")
    for creator in identification.all("creator") if identification else ():
        if creator.get("type", "composer") == "composer":
            return creator.text[:_MAX_TITLE]
    return ""


def _read_parts(root: Node, dropped: Counter[str], warnings: list[str]) -> list[_ReadPart]:
    part_list = root.child("part-list")
    heads = {n.get("id"): n for n in (part_list.all("score-part") if part_list else ())}
    nodes: dict[str, Node] = {}
    for node in root.all("part"):
        name = node.get("id") or f"P{len(nodes) + 1}"
        if name in nodes:
            raise InputFileError(f"two parts have the id {name[:40]!r}")
        nodes[name] = node
    if not nodes:
        raise InputFileError("this MusicXML file has no parts, so it holds no music")
    if len(nodes) > MAX_PARTS:
        raise InputFileError(f"this score has more than {MAX_PARTS} parts")
    missing = [h for h in heads if h not in nodes]
    if missing:
        warnings.append(f"{len(missing)} part(s) of the part list have no music; left out.")
    result = []
    total = 0
    for name, node in nodes.items():
        read = _read_part(name, node, heads.get(name), dropped, warnings)
        total += sum(len(bar.notes) for bar in read.bars)
        if total > MAX_NOTES:
            raise InputFileError(f"this score has more than {MAX_NOTES} notes")
        result.append(read)
    return result


def _read_part(
    name: str, node: Node, head: Node | None, dropped: Counter[str], warnings: list[str]
) -> _ReadPart:
    reader = PartReader(dropped)
    for measure in node.all("measure"):
        if len(reader.bars) >= MAX_MEASURES:
            raise InputFileError(f"this score has more than {MAX_MEASURES} bars")
        reader.read_bar(measure)
    label = head.child_text("part-name")[:_MAX_TITLE] if head else ""
    clefs = tuple(reader.clefs.get(i + 1, "G2") for i in range(reader.staves))
    part = Part(name[:100], label, reader.staves, clefs, _program(head))
    if len(reader.shifts) > 1:
        warnings.append(
            f"Part {label or name} changes its transposition; it is written at sounding pitch."
        )
    return _ReadPart(part, reader.bars, len(reader.shifts) <= 1)


def _program(head: Node | None) -> int:
    """General MIDI program 0-127 of a part (MusicXML counts from 1)."""
    node = head.find("midi-instrument", "midi-program") if head else None
    text = node.text if node else ""
    return int(text) - 1 if text.isdecimal() and len(text) < 4 and 1 <= int(text) <= 128 else 0


# -- from bars of parts to one score --------------------------------------------------------------


def _merge(parts: list[_ReadPart], warnings: list[str]) -> Score:
    count = max(len(p.bars) for p in parts)
    if any(len(p.bars) != count for p in parts):
        warnings.append("The parts have different numbers of bars; the shorter ones end early.")
    columns = [[p.bars[i] for p in parts if i < len(p.bars)] for i in range(count)]
    lengths = [_bar_length(column) for column in columns]
    starts = _starts(lengths)
    measures = [
        _measure(column, starts[i], lengths[i], first=i == 0 and count > 1)
        for i, column in enumerate(columns)
    ]
    notes = [note for p in parts for note in _part_notes(p, starts)]
    keys, meters, tempi = _signatures(columns, starts, warnings)
    return Score(
        parts=tuple(p.part for p in parts),
        notes=sort_notes(notes),
        measures=tuple(measures),
        time_signatures=meters,
        key_signatures=keys,
        tempi=tempi,
    )


def _starts(lengths: Iterable[Fraction]) -> list[Fraction]:
    """Times of the bar lines, the last included; checked on the way, as sums of fractions grow."""
    starts = [_ZERO]
    for length in lengths:
        starts.append(starts[-1] + length)
        if starts[-1] > MAX_PIECE_QUARTERS:
            raise InputFileError(f"this score is longer than {MAX_PIECE_QUARTERS} quarters")
        if starts[-1].denominator > MAX_DENOMINATOR:
            raise InputFileError("the bars do not add up on any reasonable time grid")
    return starts


def _bar_length(bars: list[Bar]) -> Fraction:
    """Length of a bar in quarters: what the fullest part holds, or the meter for an empty bar."""
    nominal = bars[0].nominal
    rest = max(min(bar.whole_rest, nominal) for bar in bars)
    length = max(rest, *(bar.content for bar in bars))
    return length if length > 0 else nominal


def _measure(bars: list[Bar], start: Fraction, length: Fraction, first: bool) -> Measure:
    implicit = any(bar.implicit for bar in bars) or (first and length < bars[0].nominal)
    repeat_end = any(bar.repeat_end for bar in bars)
    style = next((bar.bar_style for bar in bars if bar.bar_style), None)
    return Measure(
        onset_quarter=start,
        duration_quarter=length,
        number=bars[0].number,
        implicit=implicit,
        repeat_start=any(bar.repeat_start for bar in bars),
        repeat_end=repeat_end,
        endings=next((bar.endings for bar in bars if bar.endings), ()),
        # The thick line of a repeat sign is part of the sign.
        bar_style=None if repeat_end and style == "light-heavy" else style,
    )


def _part_notes(read: _ReadPart, starts: list[Fraction]) -> list[Note]:
    _place_rest_fermatas(read, starts)
    part = read.part.id
    return [
        _note(item, start + item.onset, part, read.one_transposition)
        for bar, start in zip(read.bars, starts, strict=False)
        for item in bar.notes
    ]


def _note(item: BarNote, onset: Fraction, part: str, as_written: bool) -> Note:
    source = item.source
    spelling = source.spelling
    if spelling is not None and not as_written:
        spelling = sounding_spelling(spelling, item.midi, item.fifths_shift)
    return Note(
        onset_quarter=onset,
        duration_quarter=item.duration,
        midi=item.midi,
        part=part,
        spelling=spelling,
        staff=source.staff,
        voice=source.voice,
        tie_start=source.tie_start,
        tie_stop=source.tie_stop,
        fermata=item.fermata,
        grace=source.grace,
        lyrics=tuple(source.lyrics),
        articulations=tuple(source.marks),
        velocity=source.velocity,
    )


def _place_rest_fermatas(read: _ReadPart, starts: list[Fraction]) -> None:
    """Move each fermata over a rest to the note of that voice before it, else after it."""
    wanted = [
        (start + place, voice)
        for bar, start in zip(read.bars, starts, strict=False)
        for place, voice in bar.rest_fermatas
    ]
    if not wanted:
        return
    voices: dict[str, list[tuple[Fraction, BarNote]]] = {}
    for bar, start in zip(read.bars, starts, strict=False):
        for item in bar.notes:
            if item.duration > 0:
                voices.setdefault(item.source.voice, []).append((start + item.onset, item))
    for place, voice in wanted:
        before = [t for t, _ in voices.get(voice, ()) if t < place]
        after = [t for t, _ in voices.get(voice, ()) if t >= place]
        target = max(before) if before else min(after, default=None)
        for time, item in voices.get(voice, ()):
            item.fermata = item.fermata or time == target


_Signature = TypeVar("_Signature", KeySignature, TimeSignature, Tempo)


def _signatures(
    columns: list[list[Bar]], starts: list[Fraction], warnings: list[str]
) -> tuple[tuple[KeySignature, ...], tuple[TimeSignature, ...], tuple[Tempo, ...]]:
    """Keys, meters and tempi of all parts as one list each; the first part that says it wins."""
    keys: list[KeySignature] = []
    meters: list[TimeSignature] = []
    tempi: list[Tempo] = []
    for column, start in zip(columns, starts, strict=False):
        for bar in column:
            keys += [KeySignature(start + p, fifths, mode) for p, fifths, mode in bar.keys]
            meters += [TimeSignature(start + p, n, unit) for p, n, unit in bar.meters]
            tempi += [Tempo(start + p, value) for p, value in bar.tempi]
    if _disagree((k.onset_quarter, k.fifths) for k in keys):
        warnings.append("The parts have different key signatures; that of the first one is kept.")
    if _disagree((m.onset_quarter, m.bar_quarter) for m in meters):
        warnings.append("The parts have different meters; that of the first one is kept.")
    return (
        _changes(keys, lambda k: (k.fifths, k.mode)),
        _changes(meters, lambda m: (m.beats, m.beat_type)),
        _changes(tempi, lambda t: t.quarter_per_minute),
    )


def _disagree(values: Iterable[tuple[Fraction, object]]) -> bool:
    """Whether one time comes with two values."""
    seen: dict[Fraction, object] = {}
    return any(seen.setdefault(time, value) != value for time, value in values)


def _changes(items: list[_Signature], value: object) -> tuple[_Signature, ...]:
    """The first item of each time, in order, without those that repeat what is in force."""
    assert callable(value)
    first: dict[Fraction, _Signature] = {}
    for item in items:
        first.setdefault(item.onset_quarter, item)
    result: list[_Signature] = []
    for time in sorted(first):
        if not result or value(first[time]) != value(result[-1]):
            result.append(first[time])
    return tuple(result)
